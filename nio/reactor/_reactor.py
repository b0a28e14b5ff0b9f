"""Reactor: selects, dispatches each ready key to its handler, and runs what was queued for its thread.

**A turn** is one pass, in this order: the timers that are due, the selection with the handlers of the ready keys, the
requests they decoded handed to the workers together, then the ticks (workers' completions and ``execute`` calls) that
were queued before this step. What a tick or a timer queues runs in the next turn. ``run`` is ``turn`` in a loop.

**Threads.** The thread that calls ``turn`` owns everything: connections, handlers, timers. Other threads, and signal
handlers, may call ``execute``, ``wakeup`` and ``stop``, which append to a queue and wake the selector, without a lock.

**A handler that raises loses its connection**, never the reactor; so does a tick or a timer lose only itself.

**A spin** is a turn that the kernel ended for a ready key and that moved nothing, 512 times in a row: level-triggered
readiness that nobody takes away burns a processor without a word. It is logged with the key that was ready.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from types import MappingProxyType
from typing import Self

from nio._numbers import check_count, check_seconds
from nio.channels import SelectableChannel, SelectionKey, Selector
from nio.errors import ClosedSelectorError, RejectedExecutionError
from nio.executors import Saturation, WorkerPool
from nio.reactor._acceptor import Acceptor
from nio.reactor._close_reason import CloseReason
from nio.reactor._hand_off import HandOff
from nio.reactor._handler import Handler
from nio.reactor._progress import Progress, ReactorStatistics
from nio.reactor._report import Report, logger
from nio.reactor._timers import Timer, TimerQueue
from nio.spi import SelectorProvider

_TICKS_PER_TURN = 256
_SPIN = 512
_RESERVE = 32  # descriptors kept for everything that is not a connection
_MAX_CONNECTIONS = 10_000
_ROOM = 0.95
_PATIENCE = 5.0  # seconds for workers to end at close()


class Reactor:
    """Doug Lea's Reactor: one selector, one thread, handlers on keys, and optionally workers for ``process``.

    ``workers`` is a number of threads (0: ``process`` runs on the reactor's thread), a
    :class:`~nio.executors.WorkerPool` or any ``concurrent.futures.Executor``. A pool made from a number is closed with
    the reactor, any other is its owner's. ``max_connections`` is how many handlers of accepted connections there may
    be, 10 000 or what the descriptor limit leaves, whichever is less; above it accepting pauses.

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
        self.max_connections: int = self._within_descriptors(max_connections)
        self.report: Report = Report(self.provider.clock)
        self._timers = TimerQueue()
        self._ticks: deque[tuple[Callable[..., object], tuple[object, ...]]] = deque()
        self._handlers: dict[SelectionKey, Handler] = {}
        self._waiting: list[Acceptor] = []
        self._pool = self._own_pool(workers)
        executor = self._pool if self._pool is not None else workers
        self.hand_off: HandOff | None = HandOff(self, executor) if isinstance(executor, Executor) else None
        self._stopped = self._draining = self._closed = False
        self._idle_turns = 0
        self.bytes_in = self.bytes_out = self.requests = self.dropped = 0
        self._accepted = self._turns = self._abandoned = self._spins = self._connections = 0
        self._closed_by: dict[CloseReason, int] = {}

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

    # handlers

    def register(self, channel: SelectableChannel, ops: int, handler: Handler) -> SelectionKey:
        """Watch ``channel`` for ``ops`` and call ``handler``, which is the key's attachment; sets non-blocking mode."""
        if not isinstance(handler, Handler):
            raise TypeError(f"a key is handled by a Handler, not {handler!r}")
        key = channel.configure_blocking(False).register(self._selector, ops, handler)
        if not (isinstance(handler, Acceptor) or key in self._handlers):
            self._connections += 1
            self._accepted += 1
        self._handlers[key] = handler
        try:
            handler.handle_open(self, key)
        except BaseException:
            self.forget(key, CloseReason.HANDLER_ERROR)
            key.cancel()
            raise
        if self._draining:
            self.execute(self._drain, handler)
        return key

    def forget(self, key: SelectionKey, reason: CloseReason) -> None:
        """Dispatch the key no more. For ``Handler.close``, which every end of a connection goes through."""
        handler = self._handlers.pop(key, None)
        if handler is None:
            return
        key.attach(None)
        if not isinstance(handler, Acceptor):
            self._connections -= 1
            self._closed_by[reason] = self._closed_by.get(reason, 0) + 1
            if self._waiting and self._connections <= self.max_connections * _ROOM:
                waiting, self._waiting = self._waiting, []
                for acceptor in waiting:
                    acceptor.resume()
        if self._draining and not self._handlers:
            self._stopped = True

    @property
    def is_full(self) -> bool:
        """True when there are as many connections as may be."""
        return self._connections >= self.max_connections

    def resume_when_room(self, acceptor: Acceptor) -> None:
        """Call ``acceptor.resume()`` when a twentieth of the connections has gone."""
        self._waiting.append(acceptor)

    # the loop

    def turn(self, timeout: float | None = None) -> Progress:
        """One pass: waits at most ``timeout`` seconds for something to do (None for ever, 0 not at all).

        A timer that was due is something: it does not wait then. Raises ClosedSelectorError once closed.
        """
        if self._closed:
            raise ClosedSelectorError("the reactor is closed")
        self._turns += 1
        accepted, were_open, bytes_in, bytes_out = self._accepted, self._connections, self.bytes_in, self.bytes_out
        timers = 0
        due = self._timers.next_due()
        if due is not None:
            left = (due - self.provider.clock()) / 1e9
            if left <= 0:
                timers = self._run_timers()
            elif timeout is None or left < timeout:
                timeout = left
        try:
            handed = self._selector.select(0 if timers or self._ticks or self._stopped else timeout, self._dispatch)
        except ClosedSelectorError:
            if not self._closed:
                raise
            handed = 0  # a handler closed the reactor
        if self.hand_off is not None:
            self.hand_off.flush()
        ticks = self._run_ticks() if self._ticks else 0
        if ticks and self.hand_off is not None:
            self.hand_off.flush()  # a completion may have brought its connection's next record
        new = self._accepted - accepted
        closed = were_open + new - self._connections
        progress = Progress(new, self.bytes_in - bytes_in, self.bytes_out - bytes_out, closed, ticks, timers)
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
        for handler in tuple(self._handlers.values()):
            self.guarded(handler.close, CloseReason.LOCAL)
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            if stuck := self._pool.join(_PATIENCE):
                logger.warning("workers still busy after %s s, left behind: %s", _PATIENCE, ", ".join(stuck))
        while self._ticks:
            fn, args = self._ticks.popleft()
            self.guarded(fn, *args)
        self._selector.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    # work for the loop

    def execute(self, fn: Callable[..., object], /, *args: object) -> None:
        """Call ``fn(*args)`` on the reactor's thread, soon; from any thread or signal handler.

        Calls run in the order they came in, at most 256 in a turn. RejectedExecutionError once the reactor is closed.
        """
        if self._closed:
            raise RejectedExecutionError("the reactor is closed")
        self.post(fn, *args)

    def post(self, fn: Callable[..., object], /, *args: object) -> None:
        """As ``execute``, for completions: what comes after the reactor's close is nobody's any more."""
        self._ticks.append((fn, args))
        self._selector.wakeup()

    def call_later(self, delay: float, fn: Callable[..., object], /, *args: object) -> Timer:
        """Call ``fn(*args)`` in ``delay`` seconds or a little later, never earlier; the timer can be cancelled."""
        return self.call_at(self.provider.clock() + int(check_seconds("delay", delay) * 1e9), fn, *args)

    def call_at(self, when: int, fn: Callable[..., object], /, *args: object) -> Timer:
        """Call ``fn(*args)`` when ``provider.clock()`` has reached ``when`` nanoseconds."""
        return self._timers.schedule(when, fn, *args)

    def statistics(self) -> ReactorStatistics:
        """The counters since the reactor was opened."""
        return ReactorStatistics(
            connections=self._accepted,
            open=self._connections,
            requests=self.requests,
            dropped=self.dropped,
            bytes_in=self.bytes_in,
            bytes_out=self.bytes_out,
            turns=self._turns,
            abandoned=self._abandoned,
            spins=self._spins,
            closed=MappingProxyType(dict(self._closed_by)),
        )

    def __repr__(self) -> str:
        state = "closed" if self._closed else "draining" if self._draining else "open"
        return f"Reactor({state}, provider={self.provider.name}, connections={self._connections}, turns={self._turns})"

    # one turn's parts

    def _dispatch(self, key: SelectionKey) -> None:
        # The attachment may be another handler than the one registered: Lea's handlers change state that way. The
        # properties would cost as much as all the rest here.
        handler: Handler = key._attachment  # type: ignore[assignment]  # register() takes nothing else
        try:
            ready = key._ready
            if ready == 1:
                handler.handle_read()
            else:
                handler.handle_ready(ready)
        except Exception as error:
            self._failed(key, type(handler).__name__, error)

    def _failed(self, key: SelectionKey, name: str, error: Exception) -> None:
        self.report("handler", logging.ERROR, "%s raised", name, error=error)
        handler = self._handlers.get(key)
        if handler is None:
            return
        try:
            handler.handle_error(error)
        except Exception as another:
            self.report("handler", logging.ERROR, "%s.handle_error raised", type(handler).__name__, error=another)
            self.guarded(Handler.close, handler, CloseReason.HANDLER_ERROR)

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

    def guarded(self, fn: Callable[..., object], /, *args: object) -> None:
        """Call ``fn(*args)`` now; what it raises is logged and goes no further."""
        try:
            fn(*args)
        except Exception as error:
            self.report("callback", logging.ERROR, "%s raised", getattr(fn, "__qualname__", fn), error=error)

    def _no_progress(self) -> None:
        self._idle_turns += 1
        if self._idle_turns == _SPIN:
            ready: list[SelectionKey] = []
            self._selector.select_now(ready.append)
            to_blame = [key for key in ready if key in self._handlers and self._handlers[key].counts_progress]
            if to_blame:
                self._spins += 1
                self.report("spin", logging.WARNING, "%d turns without progress; ready: %.500r", _SPIN, to_blame)

    # the end

    def _begin_drain(self, seconds: float) -> None:
        if self._draining:
            return
        self.call_later(seconds, self._end_drain)
        for handler in tuple(self._handlers.values()):
            if isinstance(handler, Acceptor):
                self._drain(handler)
        self._draining = True
        for handler in tuple(self._handlers.values()):
            self._drain(handler)
        if not self._handlers:
            self._stopped = True

    def _drain(self, handler: Handler) -> None:
        if handler.key in self._handlers:
            self.guarded(handler.handle_drain)

    def _end_drain(self) -> None:
        self._abandoned = sum(handler.owes for handler in self._handlers.values())
        for handler in tuple(self._handlers.values()):
            self.guarded(handler.close, CloseReason.DRAIN)
        self._stopped = True

    # set-up

    def _within_descriptors(self, wanted: int | None) -> int:
        room = max(1, self.provider.descriptor_limit() - _RESERVE)
        if wanted is None:
            return min(_MAX_CONNECTIONS, room)
        check_count("max_connections", wanted, 1)
        if wanted > room:
            logger.warning("max_connections is %d, not %d: the descriptor limit leaves no more", room, wanted)
        return min(wanted, room)

    def _own_pool(self, workers: int | Executor) -> WorkerPool | None:
        if isinstance(workers, Executor):
            return None
        check_count("workers", workers, 0)
        if workers == 0:
            return None
        return WorkerPool(workers, saturation=Saturation.BLOCK, prestart=True, provider=self.provider)
