"""Reactor: selects, dispatches each ready key to its handler, and runs what was queued for its thread.

**A turn** is one pass, in this order: the functions of signals that have come, the timers that are due, the selection
with the handlers of the ready keys, the requests they decoded handed to the workers together, then the ticks (workers'
completions, ``execute`` and ``next_tick``) that were queued before this step. A timer that a timer sets and a tick that
a tick queues run in the next turn; a tick that a timer queues runs in this one. ``run`` is ``turn`` in a loop.

**A stop** is a tick that goes before all others, so that only the loop's own thread changes the reactor's state.

**Threads.** The thread that calls ``turn`` owns everything: connections, handlers, timers. Other threads, and signal
handlers, may call ``execute``, ``wakeup`` and ``stop``, which append to a queue and wake the selector, without a lock.
What else they call is refused with the thread's name. Between two calls of ``turn`` or ``run`` any thread may do all.

**Whoever raises pays, nobody else**: see ``_registry.py``. **Spins** are told and ended: see ``_spins.py``.

**The loop knows no handler class**: what it calls on a key's attachment stands in ``_event_handler.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from functools import partial
from typing import Self

from nio._numbers import check_count, check_seconds
from nio.channels import SelectableChannel, SelectionKey, Selector
from nio.errors import ClosedSelectorError
from nio.reactor.loop._admission import Admission
from nio.reactor.loop._background import Background
from nio.reactor.loop._checks import check_registration
from nio.reactor.loop._close_reason import CloseReason
from nio.reactor.loop._connecting import Connects
from nio.reactor.loop._defer import DeferredCalls
from nio.reactor.loop._departures import Departures
from nio.reactor.loop._drain import Drain
from nio.reactor.loop._event_handler import EventHandler
from nio.reactor.loop._hand_off import HandOff, Workers
from nio.reactor.loop._owner import Owner
from nio.reactor.loop._progress import Progress, Tally
from nio.reactor.loop._registry import LEAVING, Guarded, Registry, each
from nio.reactor.loop._report import Report
from nio.reactor.loop._resolver import Resolver
from nio.reactor.loop._serving import Events, Serving, Take, Watch
from nio.reactor.loop._spins import SpinWatch
from nio.reactor.loop._state import ReactorState
from nio.reactor.loop._timers import Timer
from nio.reactor.loop._undertakings import Undertakings
from nio.spi import SelectorProvider

_READ = int(SelectionKey.OP_READ)
_DRAINING, _STOPPING, _CLOSED = ReactorState.DRAINING, ReactorState.STOPPING, ReactorState.CLOSED


class Reactor(Connects):
    """Doug Lea's Reactor: one selector, one thread, handlers on keys, and optionally workers for ``process``.

    ``workers`` is a number of threads (0: ``process`` runs on the reactor's thread), a
    :class:`~nio.executors.WorkerPool`, any ``concurrent.futures.Executor``, or a function that makes one, and the next
    one when that is broken. What the reactor made is closed with it, any other executor is its owner's.

    ``max_connections`` is how many accepted connections there may be, 10 000 or what the descriptor limit leaves,
    whichever is less; above it accepting pauses.

    Use it as a context manager: ``close()`` ends every connection and gives back all descriptors.

    Concurrency: ``execute``, ``wakeup``, ``stop``, ``drain`` and ``statistics`` from any thread; everything else on the
    thread that runs the reactor, or before it runs.
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
        self.provider = self._selector.provider
        self.admission: Admission = Admission(max_connections, self.provider)
        self.report: Report = Report(self.provider.clock)
        self.tally: Tally = Tally()
        self._state = ReactorState.OPEN
        self._thread_id = self.provider.thread_id
        self.owner = Owner(self._thread_id)
        self._registry = Registry(self.admission, self.tally, self.report)
        self._clock = self.provider.clock
        self._take: Take = self._hand_over
        self.serves = False  # a handler has brought a loop of its own
        self.guarded: Guarded = self._registry.guarded
        self._start_agenda()
        self._drain = Drain(self._registry, self.tally, self._clock, partial(self.post, self._drained))
        self._cut: Timer | None = None  # when a drain's time is over
        self._spins = SpinWatch(self._selector, self._registry.of, self.tally, self.report, self.call_later)
        self._departures = Departures(self._selector, self._registry, self.post, self.report)
        self.undertakings: Undertakings = Undertakings(self.guarded, Resolver(self.provider, self.post))
        self._failure: Exception | None = None  # why it cannot work any more
        self.hand_off: HandOff | None = None
        if callable(workers) or isinstance(workers, Executor) or check_count("workers", workers, 0):
            self.hand_off = HandOff(workers, self)
        self._deferred = DeferredCalls(self, self._registry)

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
        if self._state is _CLOSED:
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
        if self._arrived:
            tally.timers += self._signals.deliver()
            moved, timeout = True, 0.0
        due = 0 if self._due else self._timers.next_due()
        if due is not None:
            left = (due - self._clock()) / 1e9
            if left <= 0:
                timers = self._run_timers()
                tally.timers += timers
                moved = moved or timers > 0
                timeout = 0.0
            elif timeout is None or left < timeout:
                timeout, end = left, due
        try:
            hurry = self._ticks or self._state is _STOPPING
            handed = self._selector.serve(0.0 if hurry else timeout, self._take, end)
        except ClosedSelectorError:
            if self._state is not _CLOSED:
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
        """Turn until ``stop()``; in the main thread, signals are handled at once. Then it can be called again.

        IllegalStateError when another thread runs the reactor, and in one of its own handlers. After a
        KeyboardInterrupt or SystemExit, which leave it, it can be called again and serves on. WorkersLostError when the
        executor is broken and no factory makes another: the server cannot work and should leave with an exit code.
        """
        if self._state is _CLOSED:
            return
        self.owner.enter("run")
        try:
            self._hooks.start()
            self._take_stops()
            if self._state < _STOPPING and self._failure is None:
                with self._selector.waking_on_signals():
                    while self._state < _STOPPING:
                        self._turn(None)
            self._hooks.reach("end")
            self._reopen()
        finally:
            self.owner.thread = None
        if self._failure is not None:
            raise self._failure

    @contextmanager
    def in_thread(self, *, drain: float | None = None) -> Iterator[Self]:
        """Inside the block, ``run()`` runs in a thread of its own; then it is stopped, as by ``stop(drain)``.

        The end of the block raises what ``run()`` raised, and IllegalStateError if the thread does not end. Stopping
        does not close: ``with Reactor.open() as reactor, reactor.in_thread():``.
        """
        if self._state is _CLOSED:
            raise ClosedSelectorError("the reactor is closed")
        if drain is not None:
            check_seconds("drain", drain)
        background = Background(self)
        try:
            yield self
        finally:
            try:
                background.end(drain)
            finally:
                if self.owner.thread is None:
                    self._reopen()

    def stop(self, drain: float | None = None) -> None:
        """End ``run``: at once, or with ``drain`` when what was received is answered, after so many seconds at most.

        While nobody runs it, the next ``run`` is ended. Between ``run`` and ``run`` everything is as it was.

        Draining accepts what the kernel has already accepted, listens no more, answers and flushes, and closes each
        connection when nothing is owed to it. Connections cut at the end of that time are counted as ``abandoned``.
        From any thread or signal handler, at any time, any number of times; stopping at once overrules draining.
        """
        if drain is None:
            self._ticks.appendleft((_stop, (self,)))  # before all others
            self._selector.wakeup()
            return
        self.post(self._begin_drain, check_seconds("drain", drain))

    def drain(self, deadline: float) -> None:
        """``stop(drain=deadline)``: end ``run`` when what was received is answered, in ``deadline`` seconds at most."""
        self.post(self._begin_drain, check_seconds("deadline", deadline))

    def wakeup(self) -> None:
        """End the sleep of the turn under way, or of the next."""
        self._selector.wakeup()

    def close(self) -> None:
        """Close every connection and the selector, and the pool if it is this reactor's; again is nothing."""
        if self._state is _CLOSED:
            return
        self.owner.check("close")
        self.owner.settle()
        self._state = _CLOSED
        steps: list[Callable[[], None]] = [
            partial(self._hooks.reach, "end"),
            self.undertakings.close,
            partial(self._registry.end_all, CloseReason.LOCAL),
        ]
        if self._selector.is_forked:  # the clients are the parent's: only the descriptors of this process are closed
            steps = [handler.key.channel.close for handler in self._registry.all()]
            self._deferred.unsettled.clear()
        if self.hand_off is not None:
            steps.append(self.hand_off.close)
        steps.append(self._signals.close)
        steps += [self._deferred.close, self._drop_ticks, self._deferred.reject, self._selector.close]
        each(steps, lambda step: self.guarded(step))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    # for handlers; also tally, admission, hand_off and report

    def admit(self, channel: SelectableChannel, ops: int, handler: EventHandler) -> SelectionKey:
        """As ``register``, for a channel that was accepted or connected: a connection, which takes a place."""
        key = self._attach(channel, ops, handler)
        self._registry.admit(key, handler)
        self._open(handler, key)
        if self._state is _DRAINING:
            self._drain.came(key, handler)
        return key

    def forget(self, key: SelectionKey, reason: CloseReason) -> None:
        """Dispatch the key no more. For ``Handler.close``, which every end of a connection goes through."""
        self._registry.forget(key, reason)

    def serve_by(self, make: Callable[..., Serving]) -> None:
        """Have the kernel's answer gone through by what ``make(dispatch, failed, tally, clock)`` makes."""
        self._take, self.serves = make(self._dispatch, self._registry.failed, self.tally, self._clock).serve, True

    def fail(self, error: Exception) -> None:
        """Stop, and have ``run()`` raise ``error``."""
        self._failure = error
        _stop(self)

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

    # the end

    def _begin_drain(self, seconds: float) -> None:
        if self._state is ReactorState.OPEN:
            self._state = _DRAINING
            self._cut = self.call_later(seconds, self._drain.end)
            self._hooks.begin()
            self.undertakings.end_all(CloseReason.DRAIN)
            self._drain.begin()

    def _drained(self) -> None:
        """As a tick, so that the last handler has ended altogether."""
        if self._state is _DRAINING and (self._drain.is_over or self._registry.is_empty):
            self._state = _STOPPING
            self._hooks.reach("drained")

    def _take_stops(self) -> None:
        while self._ticks and self._ticks[0][0] is _stop:
            self._ticks.popleft()
            _stop(self)

    def _reopen(self) -> None:
        """``run()`` is over: a stop that has come meanwhile was this one, and a drain that was overruled is over."""
        self._take_stops()
        if self._cut is not None:
            self._cut.cancel()
            self._cut = None
        self._drain.forsake()
        self.undertakings.reopen()
        if self._state is _STOPPING:
            self._state = ReactorState.OPEN

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
        if self._state is _DRAINING:
            self.execute(self._drain.one, handler, key)


def _stop(reactor: Reactor) -> None:
    """As a tick: the reactor's own thread alone moves its state on, so that no two threads can do so at once."""
    if reactor._state < _STOPPING:
        reactor._state = _STOPPING
