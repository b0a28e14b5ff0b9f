"""What a reactor knows of a connect under way: nothing of the class that does it.

``Reactor.connect`` reaches a Connector, which stands one wing above, without importing it: the handlers' wing puts its
opener into the class. The door of ``nio.reactor`` loads it before any name.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, ClassVar, Protocol, TypeAlias

from nio.errors import ClosedSelectorError
from nio.reactor.loop._backoff import Backoff
from nio.reactor.loop._close_reason import CloseReason
from nio.reactor.loop._event_handler import EventHandler
from nio.reactor.loop._overview import Overview
from nio.reactor.loop._state import ReactorState
from nio.spi import Address

Target: TypeAlias = Address | bytes | os.PathLike[str]


class Connecting(Protocol):
    """A connect under way; what ``reactor.connect`` returns."""

    @property
    def is_pending(self) -> bool:
        """True until the connection stands, has failed for good or was cancelled."""

    @property
    def attempts(self) -> int:
        """How often it was tried so far, all addresses of the host together."""

    @property
    def handler(self) -> EventHandler | None:
        """The handler, once there is one."""

    @property
    def reason(self) -> CloseReason | None:
        """Why there is no connection; None while it is pending and once the connection stands."""

    @property
    def error(self) -> BaseException | None:
        """What the last attempt failed with."""

    def cancel(self) -> None:
        """Give up: the handler's ``on_close`` is called with LOCAL. From any thread; again, or too late, is nothing."""


class Opener(Protocol):
    """What makes one."""

    def __call__(
        self,
        reactor: Any,
        address: Target,
        handler: EventHandler | Callable[[], EventHandler],
        *,
        timeout: float | None,
        local: Target | None,
        retry: Backoff | None,
    ) -> Connecting: ...


class Connects(Overview):
    """The part of a Reactor that connects."""

    _opener: ClassVar[Opener]  # set before nio.reactor gives out its first name

    def connect(
        self,
        address: Target,
        handler: EventHandler | Callable[[], EventHandler],
        *,
        timeout: float | None = 30.0,
        local: Target | None = None,
        retry: Backoff | None = None,
    ) -> Connecting:
        """Connect to ``(host, port)`` or a path; ``handler`` is a handler, or makes one when the connection stands.

        Its ``on_open`` is called then. If there will be no connection, its ``on_close`` is called, with CONNECT_FAILED
        or, after ``timeout`` seconds, CONNECT_TIMEOUT; its ``close_error`` says what failed. ``local`` is bound first.
        A host name is resolved in a thread, and all its addresses are tried. With ``retry`` it is tried again, after
        the waits of that :class:`Backoff`; then ``handler`` is a class or another factory. Nothing is called from
        inside.

        Raises UnsupportedAddressTypeError for what is no address, TypeError for what is no handler, IllegalStateError
        from a thread that does not run the reactor while another does, ClosedSelectorError.
        """
        self.owner.check("connect")
        if self._state is ReactorState.CLOSED:
            raise ClosedSelectorError("the reactor is closed")
        return type(self)._opener(self, address, handler, timeout=timeout, local=local, retry=retry)
