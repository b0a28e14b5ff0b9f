"""Departures: keys that end without their handler, which then is told all the same.

A channel may be closed, and a key cancelled, by anybody in any thread. A kernel may refuse to watch a descriptor. A
peer may reset a connection while nobody listens, because a worker has its record. In each case the handler is closed,
so that ``on_close`` is called and its place is given back.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Protocol

from nio.channels import SelectionKey, Selector
from nio.reactor.loop._close_reason import CloseReason
from nio.reactor.loop._report import Report


class Leaver(Protocol):
    """What is called on a handler."""

    def handle_fault(self) -> None: ...

    def close(self, reason: CloseReason = ...) -> None: ...


class Handlers(Protocol):
    """The handlers of a reactor."""

    def of(self, key: SelectionKey) -> Leaver | None: ...

    def has(self, key: SelectionKey) -> bool: ...

    def guarded(self, fn: Callable[..., object], /, *args: object) -> None: ...


class Post(Protocol):
    """How a call travels to the reactor's thread."""

    def __call__(self, fn: Callable[..., object], /, *args: object) -> None: ...


class Departures:
    """Hears from one selector of keys that end, and tells their handlers."""

    __slots__ = ("_handlers", "_post", "_report")

    def __init__(self, selector: Selector, handlers: Handlers, post: Post, report: Report) -> None:
        self._handlers = handlers
        self._post = post
        self._report = report
        selector.on_lost_key = self._lost
        selector.on_cancel = self._cancelled
        selector.watch_faults(self._faulted)

    def _cancelled(self, key: SelectionKey) -> None:
        """In any thread; a handler that closes itself has left before."""
        if self._handlers.has(key):
            self._post(self._gone, key, CloseReason.LOCAL)

    def _lost(self, key: SelectionKey, error: OSError) -> None:
        self._report("lost", logging.WARNING, "%r: the system does not watch it: %s", key.attachment, error)
        self._gone(key, CloseReason.OVERLOAD)

    def _gone(self, key: SelectionKey, reason: CloseReason) -> None:
        handler = self._handlers.of(key)
        if handler is not None:
            self._handlers.guarded(handler.close, reason)

    def _faulted(self, key: SelectionKey) -> None:
        handler = self._handlers.of(key)
        if handler is not None:
            self._handlers.guarded(handler.handle_fault)
