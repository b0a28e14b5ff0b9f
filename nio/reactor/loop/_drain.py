"""Drain: every handler finishes what it owes, and what does not end in time is cut."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from nio.channels import SelectionKey
from nio.reactor.loop._close_reason import CloseReason
from nio.reactor.loop._progress import Tally
from nio.reactor.loop._registry import LEAVING, each


class Drained(Protocol):
    """What a drain asks of a handler."""

    @property
    def key(self) -> SelectionKey: ...

    @property
    def owes(self) -> bool: ...

    def handle_drain(self) -> None: ...


class Handlers(Protocol):
    """The handlers of a reactor."""

    def all(self) -> Sequence[Drained]: ...

    def of(self, key: SelectionKey) -> Drained | None: ...

    def charged(self, fn: Callable[..., object], /, *args: object) -> None: ...

    def end_all(self, reason: CloseReason) -> None: ...


class Drain:
    """The way to the end of one reactor; ``done()`` is called when no handler is left."""

    __slots__ = ("_done", "_handlers", "_tally")

    def __init__(self, handlers: Handlers, tally: Tally, done: Callable[[], None]) -> None:
        self._handlers = handlers
        self._tally = tally
        self._done = done

    def begin(self) -> None:
        """Drain every handler; whoever comes from now on, accepted by one of these, say, is drained by ``one``."""
        handlers = self._handlers.all()
        each(handlers, lambda handler: self.one(handler, handler.key))
        self.look()

    def one(self, handler: Drained, key: SelectionKey) -> None:
        """Drain a handler, unless it has ended or was replaced."""
        if self._handlers.of(key) is handler:
            self._handlers.charged(handler.handle_drain)

    def look(self) -> None:
        """A handler has gone: was it the last?"""
        if not self._handlers.all():
            self._done()

    def end(self) -> None:
        """The time is over: close whoever is left."""
        handlers = self._handlers.all()
        if handlers:  # there are none when this is called again, after a Ctrl-C
            self._tally.abandoned = sum(map(_owes, handlers))
        try:
            self._handlers.end_all(CloseReason.DRAIN)
        finally:
            self._done()


def _owes(handler: Drained) -> bool:
    try:
        return bool(handler.owes)
    except LEAVING:
        raise
    except BaseException:
        return True  # of a handler that cannot tell it is to be assumed
