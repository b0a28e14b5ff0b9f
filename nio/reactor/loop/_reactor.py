"""Reactor: selects, dispatches each ready key to its handler, and runs what was queued for its thread.

**A turn** is one pass, in this order: the timers that are due, the selection with the handlers of the ready keys, the
requests they decoded handed to the workers together, then the ticks (workers' completions and ``execute`` calls) that
were queued before this step. A timer that a timer sets and a tick that a tick queues run in the next turn; a tick that
a timer queues runs in this one. ``run`` is ``turn`` in a loop.

**Threads.** The thread that calls ``turn`` owns everything: connections, handlers, timers. Other threads, and signal
handlers, may call ``execute``, ``wakeup`` and ``stop``, which append to a queue and wake the selector, without a lock.

**A handler that raises loses its connection**, never the reactor; so does a tick or a timer lose only itself.

**A spin** is a turn that the kernel ended for a ready key and that moved nothing, 512 times in a row: level-triggered
readiness that nobody takes away burns a processor without a word. The reactor logs it with the key that was ready.

**The loop knows no handler class.** What it calls on a key's attachment is named in ``EventHandler``, and nothing else.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Protocol, Self

from nio._numbers import check_count, check_seconds
from nio.channels import SelectableChannel, SelectionKey, Selector
from nio.errors import ClosedSelectorError, RejectedExecutionError
from nio.reactor.loop._admission import Admission
from nio.reactor.loop._close_reason import CloseReason
from nio.reactor.loop._hand_off import HandOff
from nio.reactor.loop._progress import Progress, ReactorStatistics, Tally
from nio.reactor.loop._report import Report
from nio.reactor.loop._timers import Timer, TimerQueue
from nio.spi import SelectorProvider

_READ = int(SelectionKey.OP_READ)
_TICKS_PER_TURN = 256
_SPIN = 512


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

    def handle_open(self, reactor: Reactor, key: SelectionKey) -> None: ...

    def handle_read(self) -> None:
        """The ready set is ``OP_READ`` alone."""

    def handle_ready(self, ready: int) -> None:
        """Any other ready set."""

    def handle_error(self, error: Exception) -> None:
        """One of the methods above raised."""

    def handle_drain(self) -> None:
        """The reactor is stopping: finish what is owed, then close."""

    def close(self, reason: CloseReason = ...) -> None: ...


class Reactor:
    """Doug Lea's Reactor: one selector, one thread, handlers on keys, and optionally workers for ``process``.

    ``workers`` is a number of threads (0: ``process`` runs on the reactor's thread), a
    :class:`~nio.executors.WorkerPool` or any ``concurrent.futures.Executor``. A pool made from a number is closed with
    the reactor, any other is its owner's. ``max_connections`` is how many accepted connections there may be, 10 000 or
    what the descriptor limit leaves, whichever is less; above it accepting pauses.

    Use it as a context manager: ``close()`` ends every connection and gives back all descriptors.

    Concurrency: ``execute``, ``wakeup``, ``stop`` and ``statistics`` from any thread; everything else on the thread
    that runs the reactor, or before it runs.
    """

    def __init__(
        self,
        *,
        workers: int | Executor = 0,
        max_connections: int | None = None,
        provider: SelectorProvider | None = None,
    ) -> None:
        self._selector = Selector.open(provider)
        self.provider: SelectorProvider = self._selector.provider
        self.admission: Admission = Admission(max_connections, self.provider.descriptor_limit())
        self.report: Report = Report(self.provider.clock)
        self.tally: Tally = Tally()
        self._timers = TimerQueue()
        self._ticks: deque[tuple[Callable[..., object], tuple[object, ...]]] = deque()
        self._connections: dict[SelectionKey, EventHandler] = {}  # those that were admitted,
        self._others: dict[SelectionKey, EventHandler] = {}  # and the handlers of all other keys
        self.hand_off: HandOff | None = None
        if isinstance(workers, Executor) or check_count("workers", workers, 0):
            self.hand_off = HandOff(workers, self.provider, self.post, self.call_later)
        self._stopped = self._draining = self._closed = False
        self._idle_turns = 0

    @classmethod
    def open(
        cls,
        *,
        workers: int | Executor = 0,
        max_connections: int | None = None,
        provider: SelectorProvider | None = None,
    ) -> Self:
        """A reactor that has not run yet; the arguments are those of the class."""
        return cls(workers=workers, max_connections=max_connections, provider=provider)

    # for users: handlers

    def register(self, channel: SelectableChannel, ops: int, handler: EventHandler) -> SelectionKey:
        """Watch ``channel`` for ``ops`` and call ``handler``, which is the key's attachment; sets non-blocking mode.

        ``handler`` is a :class:`~nio.reactor.Handler`, or anything else with its methods.
        """
        key = self._attach(channel, ops, handler)
        if key in self._connections:
            self._connections[key] = handler  # another handler for the same connection, which keeps its place
        else:
            self._others[key] = handler
        self._open(handler, key)
        return key

    # for users: the loop

    def turn(self, timeout: float | None = None) -> Progress:
        """One pass: waits at most ``timeout`` seconds for something to do (None for ever, 0 not at all).

        A timer that was due is something: it does not wait then. Raises ClosedSelectorError once closed.
        """
        if self._closed:
            raise ClosedSelectorError("the reactor is closed")
        tally = self.tally
        tally.turns += 1
        connections, were_open, bytes_in, bytes_out = tally.connections, tally.open, tally.bytes_in, tally.bytes_out
        timers = 0
        due = self._timers.next_due()
        if due is not None:
            left = (due - self.provider.clock()) / 1e9
            if left <= 0:
                timers = self._run_timers()
            elif timeout is None or left < timeout:
                timeout = left
        try:
            handed = self._selector.dispatch(0 if timers or self._ticks or self._stopped else timeout, self._dispatch)
        except ClosedSelectorError:
            if not self._closed:
                raise
            handed = 0  # a handler closed the reactor
        if self.hand_off is not None:
            self.hand_off.flush()
        ticks = self._run_ticks() if self._ticks else 0
        if ticks and self.hand_off is not None:
            self.hand_off.flush()  # a completion may have brought its connection's next record
        new = tally.connections - connections
        closed = were_open + new - tally.open
        progress = Progress(new, tally.bytes_in - bytes_in, tally.bytes_out - bytes_out, closed, ticks, timers)
        if handed and not any(progress):
            self._no_progress()
        else:
            self._idle_turns = 0
        return progress

    def run(self) -> None:
        """Turn until ``stop()``; in the main thread, signals are handled at once."""
        if not self._stopped:
            with self._selector.waking_on_signals():
                while not self._stopped:
                    self.turn()

    def stop(self, drain: float | None = None) -> None:
        """End ``run``: at once, or with ``drain`` when what was received is answered, after so many seconds at most.

        Draining accepts what the kernel has already accepted, listens no more, answers and flushes, and closes each
        connection when nothing is owed to it. Connections cut at the end of that time are counted as ``abandoned``.
        From any thread or signal handler, at any time, any number of times; stopping at once overrules draining.
        """
        if drain is None:
            self._stopped = True
            self._selector.wakeup()
            return
        self.post(self._begin_drain, check_seconds("drain", drain))

    def wakeup(self) -> None:
        """End the sleep of the turn under way, or of the next."""
        self._selector.wakeup()

    def close(self) -> None:
        """Close every connection and the selector, and the pool if it is this reactor's; again is nothing."""
        if self._closed:
            return
        self._closed = self._stopped = True
        for handler in self._handlers():
            self.guarded(handler.close, CloseReason.LOCAL)
        if self.hand_off is not None:
            self.hand_off.close()
        while self._ticks:
            fn, args = self._ticks.popleft()
            self.guarded(fn, *args)
        self._selector.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    # for users: work for the loop

    def execute(self, fn: Callable[..., object], /, *args: object) -> None:
        """Call ``fn(*args)`` on the reactor's thread, soon; from any thread or signal handler.

        Calls run in the order they came in, at most 256 in a turn. RejectedExecutionError once the reactor is closed.
        """
        if self._closed:
            raise RejectedExecutionError("the reactor is closed")
        self.post(fn, *args)

    def call_later(self, delay: float, fn: Callable[..., object], /, *args: object) -> Timer:
        """Call ``fn(*args)`` in ``delay`` seconds or a little later, never earlier; the timer can be cancelled."""
        return self.call_at(self.provider.clock() + int(check_seconds("delay", delay) * 1e9), fn, *args)

    def call_at(self, when: int, fn: Callable[..., object], /, *args: object) -> Timer:
        """Call ``fn(*args)`` when ``provider.clock()`` has reached ``when`` nanoseconds."""
        return self._timers.schedule(when, fn, *args)

    def statistics(self) -> ReactorStatistics:
        """The counters since the reactor was opened."""
        return self.tally.statistics(len(self._timers))

    @property
    def max_connections(self) -> int:
        """How many connections there may be; above it accepting pauses."""
        return self.admission.limit

    def __repr__(self) -> str:
        state = "closed" if self._closed else "draining" if self._draining else "open"
        counts = f"connections={self.tally.open}, turns={self.tally.turns}"
        return f"Reactor({state}, provider={self.provider.name}, {counts})"

    # for handlers; also tally, admission, hand_off and report

    def admit(self, channel: SelectableChannel, ops: int, handler: EventHandler) -> SelectionKey:
        """As ``register``, for a channel that was accepted or connected: a connection, which takes a place."""
        key = self._attach(channel, ops, handler)
        self._connections[key] = handler
        self.admission.enter()
        self.tally.came()
        self._open(handler, key)
        return key

    def forget(self, key: SelectionKey, reason: CloseReason) -> None:
        """Dispatch the key no more. For ``Handler.close``, which every end of a connection goes through."""
        if self._connections.pop(key, None) is not None:
            self.tally.went(reason)
            self.admission.leave()
        elif self._others.pop(key, None) is None:
            return
        key.attach(None)
        if self._draining and not (self._connections or self._others):
            self._stopped = True

    def post(self, fn: Callable[..., object], /, *args: object) -> None:
        """As ``execute``, for completions: after ``close()`` the call is dropped without an error."""
        self._ticks.append((fn, args))
        self._selector.wakeup()

    def guarded(self, fn: Callable[..., object], /, *args: object) -> None:
        """Call ``fn(*args)`` now; what it raises is logged and goes no further."""
        try:
            fn(*args)
        except Exception as error:
            self.report("callback", logging.ERROR, "%s raised", getattr(fn, "__qualname__", fn), error=error)

    # one turn's parts

    def _dispatch(self, key: SelectionKey, handler: EventHandler, ready: int) -> None:
        """Call the attachment, which may have replaced the handler registered: Lea's handlers change state that way."""
        try:
            if ready == _READ:
                handler.handle_read()
            else:
                handler.handle_ready(ready)
        except Exception as error:
            self._failed(key, handler, error)

    def _failed(self, key: SelectionKey, attachment: object, error: Exception) -> None:
        if _is_handler(attachment):
            self.report("handler", logging.ERROR, "%s raised", type(attachment).__name__, error=error)
        else:
            self.report("handler", logging.ERROR, "%r has no Handler attached, but %.200r", key, attachment)
        handler = self._handler_of(key)
        if handler is None:
            return
        try:
            handler.handle_error(error)
        except Exception as another:
            self.report("handler", logging.ERROR, "%s.handle_error raised", type(handler).__name__, error=another)
            self.guarded(handler.close, CloseReason.HANDLER_ERROR)
            if self._handler_of(key) is not None:  # its close raised, too
                self.forget(key, CloseReason.HANDLER_ERROR)
                key.channel.close()

    def _run_timers(self) -> int:
        due = self._timers.take_due(self.provider.clock())
        for timer in due:
            self.guarded(timer.fire)
        return len(due)

    def _run_ticks(self) -> int:
        queued = min(len(self._ticks), _TICKS_PER_TURN)
        count = 0
        while count < queued and self._ticks:  # close() in a tick takes all the others
            count += 1
            fn, args = self._ticks.popleft()
            try:
                fn(*args)
            except Exception as error:
                self.report("tick", logging.ERROR, "a tick raised", error=error)
        return count

    def _no_progress(self) -> None:
        self._idle_turns += 1
        if self._idle_turns == _SPIN:
            ready: list[SelectionKey] = []
            self._selector.select_now(ready.append)
            to_blame = [key for key in ready if (handler := self._handler_of(key)) and handler.reports_bytes]
            if to_blame:
                self.tally.spins += 1
                self.report("spin", logging.WARNING, "%d turns without progress; ready: %.500r", _SPIN, to_blame)

    # the end

    def _begin_drain(self, seconds: float) -> None:
        if self._draining:
            return
        self.call_later(seconds, self._end_drain)
        handlers = self._handlers()  # whoever comes from now on, accepted by one of these, say, is drained by a tick
        self._draining = True
        for handler in handlers:
            self._drain(handler)
        self._stopped = self._stopped or not self._handlers()

    def _drain(self, handler: EventHandler) -> None:
        if self._handler_of(handler.key) is not None:
            self.guarded(handler.handle_drain)

    def _end_drain(self) -> None:
        self.tally.abandoned = sum(handler.owes for handler in self._handlers())
        for handler in self._handlers():
            self.guarded(handler.close, CloseReason.DRAIN)
        self._stopped = True

    # the handlers

    def _attach(self, channel: SelectableChannel, ops: int, handler: EventHandler) -> SelectionKey:
        if not _is_handler(handler):
            raise TypeError(f"a key is handled by a Handler, not {handler!r}")
        return channel.configure_blocking(False).register(self._selector, ops, handler)

    def _open(self, handler: EventHandler, key: SelectionKey) -> None:
        try:
            handler.handle_open(self, key)
        except BaseException:
            self.forget(key, CloseReason.HANDLER_ERROR)
            key.cancel()
            raise
        if self._draining:
            self.execute(self._drain, handler)

    def _handlers(self) -> tuple[EventHandler, ...]:
        return (*self._others.values(), *self._connections.values())

    def _handler_of(self, key: SelectionKey) -> EventHandler | None:
        return self._connections.get(key) or self._others.get(key)


def _is_handler(candidate: object) -> bool:
    return hasattr(candidate, "handle_ready") and not isinstance(candidate, type)
