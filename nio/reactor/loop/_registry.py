"""Registry: the handler of each key, and whose error it is when something raises.

**Whoever raises pays, nobody else.** A method of a handler that raises costs that handler's key, also when it was
called as a tick or by a timer; any other tick or timer costs only itself. This holds for every exception, also for one
that is no ``Exception``. Only KeyboardInterrupt and SystemExit are not contained: they leave ``run()``. The handler
that one of them passes through is in the middle of something, so it is closed, unless its class says that it
``endures`` it, as an Acceptor does; everything else is as it was.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any, Generic, Protocol, TypeVar

from nio.channels import SelectionKey
from nio.reactor.loop._admission import Admission
from nio.reactor.loop._close_reason import CloseReason
from nio.reactor.loop._progress import Tally
from nio.reactor.loop._report import Report

T = TypeVar("T")

LEAVING = (KeyboardInterrupt, SystemExit)
"""What leaves ``run()``."""


def each(things: Iterable[T], act: Callable[[T], object]) -> None:
    """Act on each of them; what is LEAVING leaves when all have had their turn."""
    leaving: BaseException | None = None
    for thing in things:
        try:
            act(thing)
        except LEAVING as error:
            leaving = error
    if leaving is not None:
        raise leaving


def owner_of(fn: object) -> object:
    """Whose method it is, also below a ``functools.partial``."""
    return getattr(getattr(fn, "func", fn), "__self__", None)


class Guarded(Protocol):
    """How a callback is made: what it raises is logged and goes no further."""

    def __call__(self, fn: Callable[..., object], /, *args: object) -> None: ...


class Closable(Protocol):
    """What the registry calls on a handler."""

    @property
    def key(self) -> SelectionKey: ...

    def handle_error(self, error: BaseException) -> None: ...

    def close(self, reason: CloseReason = ...) -> None: ...


H = TypeVar("H", bound=Closable)


class Registry(Generic[H]):
    """The handlers of one reactor by their keys; for its thread."""

    __slots__ = ("_admission", "_connections", "_others", "_report", "_tally", "on_error", "on_gone")

    def __init__(self, admission: Admission, tally: Tally, report: Report) -> None:
        self._admission = admission
        self._tally = tally
        self._report = report
        self.on_error: Callable[[BaseException, str], object] | None = None  # is told of errors without an owner
        self.on_gone: Callable[[SelectionKey, Any, CloseReason], object] | None = None  # and of each that has ended
        self._connections: dict[SelectionKey, H] = {}  # those that were admitted,
        self._others: dict[SelectionKey, H] = {}  # and the handlers of all other keys

    def all(self) -> tuple[H, ...]:
        """Every handler as of now, acceptors and their like first."""
        return (*self._others.values(), *self._connections.values())

    @property
    def is_empty(self) -> bool:
        """True when there is no handler."""
        return not (self._connections or self._others)

    def connections(self) -> tuple[H, ...]:
        """The handlers of those that were admitted, as of now."""
        return tuple(self._connections.values())

    def of(self, key: SelectionKey) -> H | None:
        """The handler of that key."""
        return self._connections.get(key) or self._others.get(key)

    def has(self, key: SelectionKey) -> bool:
        """That key has a handler."""
        return key in self._connections or key in self._others

    def put(self, key: SelectionKey, handler: H) -> H | None:
        """Let ``handler`` have the key; the one that had it, if another. A connection keeps its place."""
        handlers = self._connections if key in self._connections else self._others
        previous = handlers.get(key)
        handlers[key] = handler
        return None if previous is handler else previous

    def admit(self, key: SelectionKey, handler: H) -> None:
        """A connection, which takes a place and is counted. Nothing is called in between, so all is done or nothing."""
        tally = self._tally
        self._connections[key] = handler
        self._admission.taken += 1
        tally.connections += 1
        tally.open += 1

    def forget(self, key: SelectionKey, reason: CloseReason) -> bool:
        """The key has no handler any more; False when it had none. Nothing is called in between, as in ``admit``."""
        handler = self._connections.get(key)
        if handler is not None:
            tally, admission = self._tally, self._admission
            if admission.peers.networks:
                admission.peers.leave(key.channel)
            closed = tally.closed
            before = closed.get(reason, 0)
            closed[reason] = before + 1
            tally.open -= 1
            admission.taken -= 1
            del self._connections[key]
            if admission.waiting:
                admission.tell()
        elif key in self._others:
            handler = self._others[key]
            del self._others[key]
        else:
            return False
        key._attachment = None  # as detach() does
        if self.on_gone is not None:
            self.on_gone(key, handler, reason)
        return True

    # whose error it is

    def guarded(self, fn: Callable[..., object], /, *args: object) -> None:
        """Call ``fn(*args)`` now; what it raises is logged and goes no further."""
        try:
            fn(*args)
        except LEAVING:
            raise
        except BaseException as error:
            self._report("callback", logging.ERROR, "%s raised", getattr(fn, "__qualname__", fn), error=error)
            self._tell("callback", error)

    def charged(self, fn: Callable[..., object], /, *args: object) -> None:
        """Call a handler's method now; what it raises is that handler's error."""
        try:
            fn(*args)
        except BaseException as error:
            self.blame("callback", fn, error)
            if isinstance(error, LEAVING):
                raise

    def blame(self, kind: str, fn: Callable[..., object], error: BaseException) -> None:
        """A tick or a timer raised: a handler's method is that handler's error. Returns also for what is LEAVING."""
        owner = owner_of(fn)
        owner = getattr(owner, "submitter", owner)  # of a Job
        key = getattr(owner, "key", None)
        if owner is not None and isinstance(key, SelectionKey) and self.of(key) is owner:
            self.failed(key, owner, error)
        elif not isinstance(error, LEAVING):
            self.unowned(kind, fn, error)

    def unowned(self, kind: str, fn: Callable[..., object], error: BaseException) -> None:
        """Report an error that no handler has to answer for."""
        self._report(kind, logging.ERROR, "a %s raised: %.200r", kind, fn, error=error)
        self._tell(kind, error)

    def _tell(self, kind: str, error: BaseException) -> None:
        if self.on_error is None:
            return
        try:
            self.on_error(error, kind)
        except LEAVING:
            raise
        except BaseException as another:
            self._report("on_error", logging.ERROR, "%r raised", self.on_error, error=another)

    def failed(self, key: SelectionKey, attachment: object, error: BaseException) -> None:
        """The attachment of a key raised: its handler is told, and closed if that raises, too. Returns also for what is
        LEAVING; the handler is closed then."""
        handler = self.of(key)
        if isinstance(error, LEAVING):
            if not getattr(type(handler), "endures", False):
                self._end(key, handler)
            return
        if _is_handler(attachment):
            self._report("handler", logging.ERROR, "%s raised", type(attachment).__name__, error=error)
        else:
            self._report("handler", logging.ERROR, "%r has no Handler attached, but %.200r", key, attachment)
        if handler is None:
            return
        try:
            handler.handle_error(error)
        except BaseException as another:
            self._end(key, handler)
            if isinstance(another, LEAVING):
                raise
            self._report("handler", logging.ERROR, "%s.handle_error raised", type(handler).__name__, error=another)

    def end_all(self, reason: CloseReason) -> None:
        """Close every handler."""
        each(self.all(), lambda handler: self._end(handler.key, handler, reason))

    def _end(self, key: SelectionKey, handler: H | None, reason: CloseReason = CloseReason.HANDLER_ERROR) -> None:
        if handler is None:
            return
        try:
            handler.close(reason)
        except LEAVING:
            self.guarded(handler.close, reason)  # nothing, unless it was struck before it began
            raise
        except BaseException as error:
            self._report("callback", logging.ERROR, "%s raised", f"{type(handler).__name__}.close", error=error)
        finally:
            if self.forget(key, reason):  # its close raised, too
                self.guarded(key.channel.close)


def _is_handler(attachment: object) -> bool:
    """An attachment that stands before another object may raise anything when it is asked."""
    try:
        return hasattr(attachment, "handle_ready")
    except LEAVING:
        raise
    except BaseException:
        return False
