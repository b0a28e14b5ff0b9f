"""Drain: every handler finishes what it owes, and what does not end in time is cut.

**The end of the time is the end.** All handlers are closed then. One that comes after that (a handler's ``on_close``
has registered it, say) does not hold the reactor up: it is closed when its turn comes, or with the reactor.

**The report** has a record for each connection that has ended meanwhile, in the order of their ends; the last 10 000.
It holds names and numbers, no handlers.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from nio.channels import SelectionKey
from nio.reactor.loop._close_reason import CloseReason
from nio.reactor.loop._connection_info import ConnectionInfo
from nio.reactor.loop._drain_record import DrainRecord
from nio.reactor.loop._progress import Tally
from nio.reactor.loop._registry import LEAVING, each

_MOST = 10_000  # records of a report


class Drained(Protocol):
    """What a drain asks of a handler."""

    @property
    def key(self) -> SelectionKey: ...

    @property
    def owes(self) -> bool: ...

    def describe(self) -> ConnectionInfo: ...

    def handle_drain(self) -> None: ...

    def close(self, reason: CloseReason = ...) -> None: ...


class Handlers(Protocol):
    """The handlers of a reactor."""

    on_gone: Callable[[SelectionKey, Any, CloseReason], object] | None

    @property
    def is_empty(self) -> bool: ...

    def all(self) -> Sequence[Drained]: ...

    def connections(self) -> Sequence[Drained]: ...

    def of(self, key: SelectionKey) -> Drained | None: ...

    def charged(self, fn: Callable[..., object], /, *args: object) -> None: ...

    def end_all(self, reason: CloseReason) -> None: ...


class Drain:
    """The way to the end of one reactor; ``done()`` is called when no handler is left, or the time is over."""

    __slots__ = ("_begun", "_clock", "_done", "_handlers", "_owing", "_records", "_tally", "is_over")

    def __init__(self, handlers: Handlers, tally: Tally, clock: Callable[[], int], done: Callable[[], None]) -> None:
        self._handlers = handlers
        self._tally = tally
        self._clock = clock
        self._done = done
        self._begun: dict[SelectionKey, tuple[ConnectionInfo, int]] = {}  # how each connection stood, and when
        self._owing: frozenset[SelectionKey] = frozenset()  # those that owed something when the time was over
        self._records: deque[DrainRecord] = deque(maxlen=_MOST)
        self.is_over = False  # the time is

    def begin(self) -> None:
        """Drain every handler; whoever comes from now on, accepted by one of these, say, is drained by ``one``."""
        self.is_over, self._owing = False, frozenset()
        self._begun.clear()
        self._records.clear()
        self._handlers.on_gone = self._gone
        for handler in self._handlers.connections():
            self._note(handler)
        handlers = self._handlers.all()
        each(handlers, lambda handler: self.one(handler, handler.key))
        self.look()

    def one(self, handler: Drained, key: SelectionKey) -> None:
        """Drain a handler, unless it has ended or was replaced, or a stop has overruled the drain."""
        if self._handlers.of(key) is handler and self._handlers.on_gone is not None:
            if self.is_over:
                self._handlers.charged(handler.close, CloseReason.DRAIN)
            else:
                self._handlers.charged(handler.handle_drain)

    def came(self, key: SelectionKey, handler: Drained) -> None:
        """A connection has come while the others are drained; it may have ended already."""
        if self._handlers.of(key) is handler:
            self._note(handler)

    def look(self) -> None:
        """Is there nobody left?"""
        if self._handlers.is_empty:
            self._done()

    def end(self) -> None:
        """The time is over: close whoever is left."""
        handlers = self._handlers.all()
        if handlers:  # there are none when this is called again, after a Ctrl-C
            self._owing = frozenset(handler.key for handler in handlers if _owes(handler))
            self._tally.abandoned = len(self._owing)
        self.is_over = True
        try:
            self._handlers.end_all(CloseReason.DRAIN)
        finally:
            self._done()

    def forsake(self) -> None:
        """The drain is over, or a stop has overruled it: what ends from now on is no part of it."""
        self._handlers.on_gone = None
        self._begun.clear()

    def report(self) -> tuple[DrainRecord, ...]:
        """What has ended since the drain began."""
        return tuple(self._records)

    def _gone(self, key: SelectionKey, handler: Drained, reason: CloseReason) -> None:
        """A handler has ended."""
        try:
            self._record(key, handler, reason)
        finally:
            self.look()

    def _record(self, key: SelectionKey, handler: Drained, reason: CloseReason) -> None:
        begun = self._begun.pop(key, None)
        if begun is not None:
            info, since = begun
            seconds, unsent = (self._clock() - since) / 1e9, _described(handler).queued
            abandoned = key in self._owing
            self._records.append(DrainRecord(info.peer, info.handler, reason, info.state, unsent, seconds, abandoned))

    def _note(self, handler: Drained) -> None:
        self._begun[handler.key] = _described(handler), self._clock()


def _described(handler: Drained) -> ConnectionInfo:
    try:
        return handler.describe()
    except LEAVING:
        raise
    except BaseException:
        return ConnectionInfo(type(handler).__name__, None, "unknown", 0, 0, 0.0, 0.0)


def _owes(handler: Drained) -> bool:
    try:
        return bool(handler.owes)
    except LEAVING:
        raise
    except BaseException:
        return True  # of a handler that cannot tell it is to be assumed
