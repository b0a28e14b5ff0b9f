"""EventHandler: what the loop calls on the attachment of a key, and all that it knows of handlers."""

from __future__ import annotations

from typing import Any, Protocol

from nio.channels import SelectionKey
from nio.reactor.loop._close_reason import CloseReason
from nio.reactor.loop._connection_info import ConnectionInfo


class EventHandler(Protocol):
    """What the loop calls on the attachment of a key; always on the reactor's thread."""

    @property
    def key(self) -> SelectionKey: ...

    @property
    def reports_bytes(self) -> bool:
        """The handler counts every byte it moves in ``reactor.tally``: only then can a spin of its key be told."""

    @property
    def owes(self) -> bool:
        """Something is lost if the channel is closed now."""

    def describe(self) -> ConnectionInfo:
        """What ``reactor.connections()`` tells of this one."""

    def handle_open(self, reactor: Any, key: SelectionKey) -> None:
        """The key exists now; ``reactor`` is a Reactor, which this module does not know."""

    def handle_read(self) -> None:
        """The ready set is ``OP_READ`` alone."""

    def handle_ready(self, ready: int) -> None:
        """Any other ready set."""

    def handle_error(self, error: BaseException) -> None:
        """One of the methods above raised, or another one that was called as a tick or by a timer."""

    def handle_fault(self) -> None:
        """The peer has reset the connection while the interest set was empty."""

    def handle_drain(self) -> None:
        """The reactor is stopping: finish what is owed, then close."""

    def handle_replaced(self) -> None:
        """Another handler was registered for the channel: let go of it, without closing."""

    def close(self, reason: CloseReason = ...) -> None: ...
