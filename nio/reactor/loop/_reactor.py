"""Reactor: selects, dispatches each ready key to its handler, and runs what was queued for its thread.

**A turn** is one pass, in this order: the timers that are due, the selection with the handlers of the ready keys, the
requests they decoded handed to the workers together, then the ticks (workers' completions and ``execute`` calls) that
were queued before this step. A timer that a timer sets and a tick that a tick queues run in the next turn; a tick that
a timer queues runs in this one. ``run`` is ``turn`` in a loop.

**Threads.** The thread that calls ``turn`` owns everything: connections, handlers, timers. Other threads, and signal
handlers, may call ``execute``, ``wakeup`` and ``stop``, which append to a queue and wake the selector, without a lock.
What else they call is refused with the thread's name. Between two calls of ``turn`` or ``run`` any thread may do all.

**Whoever raises pays, nobody else**: see ``_registry.py``. **Spins** are told and ended: see ``_spins.py``.

**The loop knows no handler class**: what it calls on a key's attachment stands in ``_event_handler.py``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial
from typing import Self

from nio._numbers import check_count, check_seconds
from nio.channels import SelectableChannel, SelectionKey, Selector
from nio.errors import ClosedSelectorError, RejectedExecutionError
from nio.reactor.loop._admission import Admission
from nio.reactor.loop._checks import check_callable, check_registration
from nio.reactor.loop._close_reason import CloseReason
from nio.reactor.loop._departures import Departures
from nio.reactor.loop._drain import Drain
from nio.reactor.loop._event_handler import EventHandler
from nio.reactor.loop._hand_off import HandOff, Workers
from nio.reactor.loop._owner import Owner
from nio.reactor.loop._progress import Progress, ReactorStatistics, Tally
from nio.reactor.loop._registry import LEAVING, Guarded, Registry, each
from nio.reactor.loop._report import Report
from nio.reactor.loop._serving import Events, Serving, Take, Watch
from nio.reactor.loop._spins import SpinWatch
from nio.reactor.loop._timers import Timer, TimerQueue
from nio.spi import SelectorProvider

_READ = int(SelectionKey.OP_READ)
_TICKS_PER_TURN = 256


class Reactor:
    """Doug Lea's Reactor: one selector, one thread, handlers on keys, and optionally workers for ``process``.

    ``workers`` is a number of threads (0: ``process`` runs on the reactor's thread), a
    :class:`~nio.executors.WorkerPool`, any ``concurrent.futures.Executor``, or a function that makes one, and the next
    one when that is broken. What the reactor made is closed with it, any other executor is its owner's.

    ``max_connections`` is how many accepted connections there may be, 10 000 or what the descriptor limit leaves,
    whichever is less; above it accepting pauses.

    Use it as a context manager: ``close()`` ends every connection and gives back all descriptors.

    Concurrency: ``execute``, ``wakeup``, ``stop`` and ``statistics`` from any thread; everything else on the thread
    that runs the reactor, or before it runs.
    """

    def __init__(
        self,
        *,
        workers: int | Workers = 0,
        max_connections: int | None = None,
        provider: SelectorProvider | None = None,
    ) -> None:
        self._selector = Selector.open(provider)
        try:
            self._set_up(workers, max_connections)
        except BaseException:
            self._selector.close()
            raise

    def _set_up(self, workers: int | Workers, max_connections: int | None) -> None:
        self.provider: SelectorProvider = self._selector.provider
        self.admission: Admission = Admission(max_connections, self.provider)
        self.report: Report = Report(self.provider.clock)
        self.tally: Tally = Tally()
        self._timers = TimerQueue()
        self._due: deque[Timer] = deque()  # out of the queue, to be called in this turn or, after a Ctrl-C, in the next
        self._ticks: deque[tuple[Callable[..., object], tuple[object, ...]]] = deque()
        self._clock = self.provider.clock
        self._take: Take = self._hand_over
        self.serves = False  # a handler has brought a loop of its own
        self._registry: Registry[EventHandler] = Registry(self.admission, self.tally, self.report)
        self.guarded: Guarded = self._registry.guarded
        self._drain = Drain(self._registry, self.tally, self.stop)
        self._spins = SpinWatch(self._selector, self._registry.of, self.tally, self.report, self.call_later)
        self._departures = Departures(self._selector, self._registry, self.post, self.report)
        self._thread_id = self.provider.thread_id
        self.owner: Owner = Owner(self._thread_id)
        self._stopped = self._closed = False
        self._failure: Exception | None = None  # why it cannot work any more
        self.hand_off: HandOff | None = None
        if callable(workers) or isinstance(workers, Executor) or check_count("workers", workers, 0):
            self.hand_off = HandOff(workers, self)

    @classmethod
    def open(
        cls,
        *,
        workers: int | Workers = 0,
        max_connections: int | None = None,
        provider: SelectorProvider | None = None,
    ) -> Self:
        """A reactor that has not run yet; the arguments are those of the class."""
        return cls(workers=workers, max_connections=max_connections, provider=provider)

    # for users: handlers

    def register(self, channel: SelectableChannel, ops: int, handler: EventHandler) -> SelectionKey:
        """Watch ``channel`` for ``ops`` and call ``handler``, which is the key's attachment; sets non-blocking mode.

        ``handler`` is a :class:`~nio.reactor.Handler`, or anything else with its methods. One that had the channel
        before is told by ``handle_replaced`` that it has it no more. IllegalStateError from a thread that does not run
        the reactor while another does.
        """
        key = self._attach(channel, ops, handler)
        previous = self._registry.put(key, handler)
        if previous is not None:
            self.guarded(previous.handle_replaced)
        try:
            self._open(handler, key)
        except BaseException:
            if previous is not None:
                channel.close()  # nobody has it any more
            raise
        return key

    # for users: the loop

    def turn(self, timeout: float | None = None) -> Progress:
        """One pass: waits at most ``timeout`` seconds for something to do (None for ever, 0 not at all).

        A timer that was due is something: it does not wait then. Raises ClosedSelectorError once closed.
        """
        if self._closed:
            raise ClosedSelectorError("the reactor is closed")
        owner, thread_id = self.owner, self._thread_id
        if owner.thread is not None:
            owner.enter("turn")
        owner.thread = owner.home = thread_id()  # as enter() does, without the call
        tally = self.tally
        connections, were_open, bytes_in, bytes_out = tally.connections, tally.open, tally.bytes_in, tally.bytes_out
        ticks, timers = tally.ticks, tally.timers
        try:
            self._turn(timeout)
        finally:
            owner.thread = None
        new = tally.connections - connections
        closed = were_open + new - tally.open
        bytes_in, bytes_out = tally.bytes_in - bytes_in, tally.bytes_out - bytes_out
        return Progress(new, bytes_in, bytes_out, closed, tally.ticks - ticks, tally.timers - timers)

    def _turn(self, timeout: float | None) -> None:
        tally, hand_off = self.tally, self.hand_off
        tally.turns += 1
        bytes_in, bytes_out, end = tally.bytes_in, tally.bytes_out, None
        connections, were_open, moved = tally.connections, tally.open, False
        due = 0 if self._due else self._timers.next_due()
        if due is not None:
            left = (due - self._clock()) / 1e9
            if left <= 0:
                timers = self._run_timers()
                tally.timers += timers
                moved = timers > 0
                timeout = 0.0
            elif timeout is None or left < timeout:
                timeout, end = left, due
        try:
            handed = self._selector.serve(0.0 if self._ticks or self._stopped else timeout, self._take, end)
        except ClosedSelectorError:
            if not self._closed:
                raise
            handed = 0  # a handler closed the reactor
        if hand_off is not None and hand_off.jobs:
            hand_off.flush()
        if self._ticks:
            moved = self._run_ticks() > 0
            if hand_off is not None and hand_off.jobs:
                hand_off.flush()  # a completion may have brought its connection's next record
        moved = moved or bytes_in != tally.bytes_in or bytes_out != tally.bytes_out
        if moved or connections != tally.connections or were_open != tally.open:
            self._spins.idle = 0
        elif handed or self._selector.stale_events:
            self._spins.idle_turn()
        else:
            self._spins.idle = 0

    def run(self) -> None:
        """Turn until ``stop()``; in the main thread, signals are handled at once.

        IllegalStateError when another thread runs the reactor, and in one of its own handlers. After a
        KeyboardInterrupt or SystemExit, which leave it, it can be called again and serves on. WorkersLostError when the
        executor is broken and no factory makes another: the server cannot work and should leave with an exit code.
        """
        if self._stopped:
            return
        owner = self.owner
        owner.enter("run")
        try:
            with self._selector.waking_on_signals():
                while not self._stopped:
                    self._turn(None)
        finally:
            owner.thread = None
        if self._failure is not None:
            raise self._failure

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
        self.owner.check("close")
        self.owner.settle()
        self._closed = self._stopped = True
        steps: list[Callable[[], None]] = [partial(self._registry.end_all, CloseReason.LOCAL)]
        if self._selector.is_forked:  # the clients are the parent's: only the descriptors of this process are closed
            steps = [handler.key.channel.close for handler in self._registry.all()]
        if self.hand_off is not None:
            steps.append(self.hand_off.close)
        each((*steps, self._drop_ticks, self._selector.close), lambda step: self.guarded(step))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    # for users: work for the loop

    def execute(self, fn: Callable[..., object], /, *args: object) -> None:
        """Call ``fn(*args)`` on the reactor's thread, soon; from any thread or signal handler.

        Calls run in the order they came in, at most 256 in a turn. RejectedExecutionError once the reactor is closed.
        """
        check_callable("execute", fn)
        if self._closed:
            raise RejectedExecutionError("the reactor is closed")
        self.post(fn, *args)

    def call_later(self, delay: float, fn: Callable[..., object], /, *args: object) -> Timer:
        """Call ``fn(*args)`` in ``delay`` seconds or a little later, never earlier; the timer can be cancelled."""
        check_callable("call_later", fn)
        self.owner.check("call_later")
        return self.call_at(self.provider.clock() + int(check_seconds("delay", delay) * 1e9), fn, *args)

    def call_at(self, when: int, fn: Callable[..., object], /, *args: object) -> Timer:
        """Call ``fn(*args)`` when ``provider.clock()`` has reached ``when`` nanoseconds."""
        check_callable("call_at", fn)
        self.owner.check("call_at")
        return self._timers.schedule(when, fn, *args)

    def statistics(self) -> ReactorStatistics:
        """The counters since the reactor was opened."""
        return self.tally.statistics(len(self._timers) + len(self._due))

    @property
    def max_connections(self) -> int:
        """How many connections there may be; above it accepting pauses."""
        return self.admission.limit

    def __repr__(self) -> str:
        state = "closed" if self._closed else "draining" if self._drain.is_under_way else "open"
        counts = f"connections={self.tally.open}, turns={self.tally.turns}"
        return f"Reactor({state}, provider={self.provider.name}, {counts})"

    # for handlers; also tally, admission, hand_off and report

    def admit(self, channel: SelectableChannel, ops: int, handler: EventHandler) -> SelectionKey:
        """As ``register``, for a channel that was accepted or connected: a connection, which takes a place."""
        key = self._attach(channel, ops, handler)
        self._registry.admit(key, handler)
        self._open(handler, key)
        return key

    def forget(self, key: SelectionKey, reason: CloseReason) -> None:
        """Dispatch the key no more. For ``Handler.close``, which every end of a connection goes through."""
        if self._registry.forget(key, reason):
            self._drain.look()

    def post(self, fn: Callable[..., object], /, *args: object) -> None:
        """As ``execute``, for completions: after ``close()`` the call is dropped without an error."""
        self._ticks.append((fn, args))
        self._selector.wakeup()

    def serve_by(self, make: Callable[..., Serving]) -> None:
        """Have the kernel's answer gone through by what ``make(dispatch, failed, tally, clock)`` makes."""
        self._take, self.serves = make(self._dispatch, self._registry.failed, self.tally, self._clock).serve, True

    def fail(self, error: Exception) -> None:
        """Stop, and have ``run()`` raise ``error``."""
        self._failure, self._stopped = error, True

    # one turn's parts

    def _hand_over(self, events: Events, watch: Watch) -> int:
        return watch.hand_over(events, self._dispatch)

    def _dispatch(self, key: SelectionKey, handler: EventHandler, ready: int) -> None:
        """Call the attachment, which may have replaced the handler registered: Lea's handlers change state that way."""
        try:
            if ready == _READ:
                handler.handle_read()
            else:
                handler.handle_ready(ready)
        except BaseException as error:
            self._registry.failed(key, handler, error)
            if isinstance(error, LEAVING):
                raise

    def _run_timers(self) -> int:
        self._due.extend(self._timers.take_due(self.provider.clock()))
        count = 0
        while self._due and not self._closed:
            count += 1
            call = self._due.popleft().take()
            if call is not None:
                fn, args = call
                try:
                    fn(*args)
                except BaseException as error:
                    self._raised("timer", fn, error)
        return count

    def _run_ticks(self) -> int:
        ticks = self._ticks
        queued = min(len(ticks), _TICKS_PER_TURN)
        count = 0
        try:
            while count < queued and ticks:  # close() in a tick takes all the others
                count += 1
                fn, args = ticks.popleft()
                try:
                    fn(*args)
                except BaseException as error:
                    self._raised("tick", fn, error)
        finally:
            self.tally.ticks += count
        return count

    def _raised(self, kind: str, fn: Callable[..., object], error: BaseException) -> None:
        self._registry.blame(kind, fn, error)
        if isinstance(error, LEAVING):
            raise error

    # the end

    def _begin_drain(self, seconds: float) -> None:
        if not self._drain.is_under_way:
            self.call_later(seconds, self._drain.end)
            self._drain.begin()

    # the handlers

    def _attach(self, channel: SelectableChannel, ops: int, handler: EventHandler) -> SelectionKey:
        self.owner.check("register")
        check_registration(channel, ops, handler)
        return channel.configure_blocking(False).register(self._selector, ops, handler)

    def _open(self, handler: EventHandler, key: SelectionKey) -> None:
        try:
            handler.handle_open(self, key)
        except BaseException:
            self.forget(key, CloseReason.HANDLER_ERROR)
            key.cancel()
            raise
        if self._drain.is_under_way:
            self.execute(self._drain.one, handler, key)

    def _drop_ticks(self) -> None:
        while self._ticks:
            fn, args = self._ticks.popleft()
            self.guarded(fn, *args)
