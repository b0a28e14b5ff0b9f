"""Agenda: what is to be called on the loop's thread, and when: ticks, timers, hooks.

**Ticks** are calls queued by ``execute`` (from any thread) and ``next_tick``, and the completions of workers. A turn
runs those that were queued when it came to them, 256 at most, in order. What a tick queues runs in the next turn.

**Timers** stand in ``_timers.py``. Those that are due when a turn begins run in it, earliest first.

Both queues keep what an exception that leaves ``run()`` has cut off: the next turn goes on with it. Python looks for
signals when a call returns or a function begins, so what is taken out of a queue is put back if its call has not begun.
A call that has begun is lost, unless its object knows how to make up for it: it has ``after_interrupt(fn, args)`` then.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from types import FunctionType, MethodType
from typing import Any, TypeVar

from nio._numbers import check_int, check_seconds
from nio.channels import SelectableChannel, Selector
from nio.errors import ClosedSelectorError, ForkedSelectorError, RejectedExecutionError
from nio.reactor.loop._calendar import Calendar
from nio.reactor.loop._checks import COROUTINE, check_callable, check_period
from nio.reactor.loop._defer import DeferredCalls
from nio.reactor.loop._event_handler import EventHandler
from nio.reactor.loop._hooks import Hooks, Moment
from nio.reactor.loop._owner import Owner
from nio.reactor.loop._progress import Tally
from nio.reactor.loop._registry import LEAVING, Registry, owner_of
from nio.reactor.loop._signals import Signals, SignalWatch
from nio.reactor.loop._state import ReactorState
from nio.reactor.loop._timers import Expecting, LoadedTimer, Schedule, Timer
from nio.reactor.loop._urgent import UrgentWatch, UrgentWatches
from nio.spi import SelectorProvider

T = TypeVar("T")

_TICKS_PER_TURN = 256
_CLOSED = ReactorState.CLOSED
_OF_PYTHON = {FunctionType, MethodType}


class Agenda:
    """The part of a reactor that keeps calls for its thread."""

    provider: SelectorProvider
    owner: Owner
    tally: Tally
    _deferred: DeferredCalls
    _selector: Selector
    _registry: Registry[EventHandler]
    _state: ReactorState
    _is_asked_to_stop: bool = False

    def _start_agenda(self) -> None:
        self._waking: Any = self._selector._waking  # whose flag is asked with every completion, without a call
        self._timers = Calendar(self.owner)
        self.schedule: Schedule = self._timers.schedule  # call_at() for handlers, without its checks
        self.expect: Callable[[int, Expecting], Timer] = self._timers.expect
        self._due: deque[Timer] = deque()  # out of the queue, to be called in this turn or, after a Ctrl-C, in the next
        self._signals = Signals(self.provider, self._selector.wakeup, self._raised)
        self._arrived = self._signals.arrived
        self._urgent = UrgentWatches(self.provider, self.on_signal, self.post, self._raised)
        self._hooks = Hooks(self._registry.guarded)
        self._ticks: deque[tuple[Callable[..., object], tuple[object, ...]]] = deque()

    # for users

    def execute(self, fn: Callable[..., object], /, *args: object) -> None:
        """Call ``fn(*args)`` on the reactor's thread, soon; from any thread or signal handler.

        Calls run in the order they came in, at most 256 in a turn. RejectedExecutionError once the reactor is closed.
        """
        check_callable("execute", fn)
        if self._state is _CLOSED:
            raise RejectedExecutionError("the reactor is closed")
        self.post(fn, *args)

    def next_tick(self, fn: Callable[..., object], /, *args: object) -> None:
        """As ``execute``, from the reactor's own thread, without the system call of a wake-up.

        What is called before the ticks of a turn runs in that turn, what a tick calls runs in the next.
        """
        check_callable("next_tick", fn)
        self.owner.check("next_tick")
        if self._state is _CLOSED:
            raise RejectedExecutionError("the reactor is closed")
        self._ticks.append((fn, args))

    def call_later(self, delay: float, fn: Callable[..., object], /, *args: object) -> Timer:
        """Call ``fn(*args)`` in ``delay`` seconds or a little later, never earlier; the timer can be cancelled."""
        check_callable("call_later", fn)
        self.owner.check("call_later")
        return self.schedule(self.provider.clock() + int(check_seconds("delay", delay) * 1e9), fn, *args)

    def call_at(self, when: int, fn: Callable[..., object], /, *args: object) -> Timer:
        """Call ``fn(*args)`` when ``provider.clock()`` has reached ``when`` nanoseconds, an int."""
        owner, queue = self.owner, self._timers
        if type(fn) not in _OF_PYTHON or fn.__code__.co_flags & COROUTINE:
            check_callable("call_at", fn)
        if (thread := owner.thread) is not None and thread != owner.thread_id():
            owner.check("call_at")
        if type(when) is not int:
            when = check_int("when", when)
        timer = LoadedTimer(args) if args else Timer()  # as in schedule(), without its calls
        timer._when = when
        timer._fn = fn
        timer._queue = queue
        queue.live += 1
        queue.first = None
        queue.new.append(timer)
        return timer

    def call_every(self, period: float, fn: Callable[..., object], /, *args: object) -> Timer:
        """Call ``fn(*args)`` every ``period`` seconds, for the first time in one period, until the timer is cancelled.

        Each call is due one period after the last one was, so they do not drift. After a standstill there is one call,
        not one for each that was missed. What a call raises is reported, and the next call is made all the same.
        """
        check_callable("call_every", fn)
        self.owner.check("call_every")
        nanoseconds = check_period(period)
        return self._timers.repeat(self.provider.clock() + nanoseconds, nanoseconds, fn, *args)

    def defer(
        self,
        fn: Callable[..., T],
        /,
        *args: object,
        then: Callable[[Future[T]], object] | None = None,
        executor: Executor | None = None,
    ) -> Future[T]:
        """Call ``fn(*args)`` where it may block; ``then(future)`` is called on the loop's thread with the outcome.

        ``future.result()`` returns there what ``fn`` returned or raises what it raised; without ``then`` an error is
        reported. The future is returned, too: cancelled, nobody hears of the call any more, and one that has not begun
        is not made. Do not wait for it on the loop's thread.

        ``executor`` is any ``concurrent.futures.Executor``; by default it is the reactor's ``workers``, or a pool of
        four threads that is made at the first call and closed with the reactor. RejectedExecutionError is raised once
        the reactor is closed, and is the outcome of a call that nobody has made.
        """
        check_callable("defer", fn)
        self.owner.check("defer")
        if self._state is _CLOSED:
            raise RejectedExecutionError("the reactor is closed")
        return self._deferred.begin(fn, args, then, executor)

    def on_signal(self, signum: int, fn: Callable[..., object], /, *args: object) -> SignalWatch:
        """Call ``fn(*args)`` on the loop's thread, at the start of a turn, whenever the signal has come; in any order.

        To be called in the main thread (IllegalStateError elsewhere); the loop may run in another one. A signal may
        have several functions. One that comes often before it is taken up counts once. A Python handler that somebody
        else has set is called as well, as soon as the signal comes; it is put back by the last ``cancel()`` of what is
        returned, or by ``close()``. For Ctrl-C (SIGINT) ``fn`` takes the place of KeyboardInterrupt, which is raised
        all the same if another Ctrl-C comes before the loop has taken up the first.
        """
        check_callable("on_signal", fn)
        if self._state is _CLOSED:
            raise RejectedExecutionError("the reactor is closed")
        if self._selector.is_forked:
            raise ForkedSelectorError("the reactor belongs to the process that this one was forked from")
        return self._signals.watch(signum, fn, args)

    def watch_urgent(self, channel: SelectableChannel, fn: Callable[..., object], /, *args: object) -> UrgentWatch:
        """Call ``fn(*args)`` on the loop's thread when urgent (out-of-band) data has come to a SocketChannel.

        ``fn`` takes it: ``channel.socket.recv(1, socket.MSG_OOB)``, or from the stream with ``SO_OOBINLINE``. What it
        does not take is told again with the next. It is told by the signal SIGURG, so the first watch is set in the
        main thread, or after an ``on_signal(SIGURG, ...)`` there.
        """
        check_callable("watch_urgent", fn)
        self.owner.check("watch_urgent")
        return self._urgent.watch(channel, fn, args)

    def on_start(self, fn: Callable[..., object], /, *args: object) -> None:
        """Call ``fn(*args)`` on the loop's thread whenever ``run()`` starts, before its first turn."""
        check_callable("on_start", fn)
        self.owner.check("on_start")
        self._hooks.on_start(fn, args)

    def on_stop(self, fn: Callable[..., object], /, *args: object, at: Moment = "begin") -> None:
        """Call ``fn(*args)`` on the loop's thread at that moment of every stop.

        ``"begin"``: before anything is drained; ``"drained"``: when nothing is left to drain, or the time for it is
        over; ``"end"``: just before ``run()`` returns. ``close()`` makes up for those that ``run()`` could not call.
        """
        check_callable("on_stop", fn)
        self.owner.check("on_stop")
        self._hooks.on_stop(at, fn, args)

    def on_error(self, fn: Callable[[BaseException, str], object] | None) -> None:
        """Call ``fn(error, kind)`` for every error that no handler has to answer for; None: nobody.

        ``kind`` says what raised: ``tick``, ``timer``, ``signal``, ``deferred call``, ``then`` or ``callback`` (a hook,
        say). The line in the log ``nio.reactor`` is written all the same. What ``fn`` raises is logged.
        """
        if fn is not None:
            check_callable("on_error", fn)
        self.owner.check("on_error")
        self._registry.on_error = fn

    # for another loop that calls turn(0)

    def fileno(self) -> int:
        """A descriptor that is readable when ``turn(0)`` is wanted, for another loop; see ``Selector.fileno``."""
        return self._selector.fileno()

    def timeout(self) -> float | None:
        """Seconds until ``turn(0)`` is wanted even if ``fileno()`` is not readable: 0.0 at once, None never.

        Another loop asks after each turn, and after whatever it calls of the reactor between two turns.
        """
        if self._state is _CLOSED:
            raise ClosedSelectorError("the reactor is closed")
        if (
            self._ticks
            or self._due
            or self._arrived
            or self._state is ReactorState.STOPPING
            or self._selector.has_changes
        ):
            return 0.0
        self._timers.first = None  # exactly
        due = self._timers.next_due()
        return None if due is None else max(0, due - self.provider.clock()) / 1e9

    # for handlers

    def post(self, fn: Callable[..., object], /, *args: object) -> None:
        """As ``execute``, for completions: after ``close()`` the call is dropped without an error."""
        self._ticks.append((fn, args))
        if not self._waking.is_set:
            self._selector.wakeup()

    # one turn's parts

    def _deliver_signals(self) -> bool:
        tally = self.tally
        tally.wake(self.provider.clock())
        tally.timers += self._signals.deliver()
        tally.ended = 0  # that may have taken its time
        return True

    def _run_timers(self) -> int:
        due, count, tally, now = self._due, 0, self.tally, self.provider.clock()
        if not tally.woke:
            tally.wake(now)
        self._timers.take_due(now, due)
        timer: Timer | None = None
        try:
            while due and self._state is not _CLOSED:
                count += 1
                timer = due[0]
                due.popleft()
                call, timer = timer.take(), None
                if call is not None:
                    fn, args = call
                    try:
                        fn(*args)
                    except BaseException as error:
                        self._raised("timer", fn, error, args)
        finally:
            tally.timers += count
            if timer is not None and not (due and due[0] is timer):
                due.appendleft(timer)  # struck before its call
        return count

    def _run_ticks(self) -> int:
        if self._is_asked_to_stop:
            self._take_stop()
        ticks, count, tally = self._ticks, 0, self.tally
        if not tally.woke:
            tally.wake(self.provider.clock())
        queued = min(len(ticks), _TICKS_PER_TURN)
        tick: tuple[Callable[..., object], tuple[object, ...]] | None = None
        try:
            while count < queued and ticks:  # close() in a tick takes all the others
                count += 1
                tick = ticks[0]
                ticks.popleft()
                (fn, args), tick = tick, None
                try:
                    fn(*args)
                except BaseException as error:
                    self._raised("tick", fn, error, args)
        finally:
            tally.ticks += count
            if tick is not None and not (ticks and ticks[0] is tick):
                ticks.appendleft(tick)  # struck before its call
        return count

    def _take_stop(self) -> None:
        """``stop()`` was called: see ``_stopping.py``."""

    def _raised(
        self, kind: str, fn: Callable[..., object], error: BaseException, args: tuple[object, ...] = ()
    ) -> None:
        self._registry.blame(kind, fn, error)
        if isinstance(error, LEAVING):
            make_up: Callable[..., object] | None = getattr(owner_of(fn), "after_interrupt", None)
            if make_up is not None:
                make_up(fn, args)
            raise error

    def _drop_ticks(self) -> None:
        while self._ticks:
            fn, args = self._ticks.popleft()
            self._registry.guarded(fn, *args)
