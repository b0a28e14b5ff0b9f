"""Timers on one heap, in integer nanoseconds of a monotonic clock.

**A timer is one small object** of three slots, four if its call has arguments: what a million timers cost is mostly
that Python's garbage collector walks them. It knows nothing of the heap. There stands ``(when, number, timer)``, which
is compared in C and never as far as the timer. The numbers never repeat in a process: they keep equal moments in the
order in which they were made.

**What was set since the loop last looked stands in a queue**, ``new``. The loop puts it on the heap when it asks what
is due. What was cancelled before that has cost the heap nothing, and many together are put there in one pass.

**A timer belongs to its queue until it fires**, then to ``away``: whoever is cancelled there is counted nowhere else.

**Deadlines of connections** nearly always are cancelled, long before they are due, and there is one for each. So they
wait in ``new`` until one of them may be due: until then ``first`` is all that a turn asks for. It is not later than any
timer, and may be earlier than all of them when the deadline that it was has been cancelled: one turn is woken for
nothing then.

A cancelled timer stays where it is until it is due or half of all are dead, which is when the dead are swept: both
adding and cancelling stay cheap, and timers that are mostly cancelled stay few. Equal deadlines fire in the order they
were made. Only what was due when the turn began fires in it, so that a timer that sets another of no delay cannot
starve the selection.

**A periodic timer keeps to its grid**: it is due next at the last due time plus the period, however late the call came,
so it does not drift. What was missed meanwhile (the process stood still, the machine slept) is left out: one call, and
the next at the first point of the grid that is still to come. It goes back to the queue before its call is made, so
whatever the call raises does not end it.

**A Ctrl-C** comes when a call returns or a function begins. So each count is changed in one step with what it counts,
and a timer may stand in ``new`` and on the heap, or on the heap and among those that fire: what is found on the heap
and has left the queue, or is due at another time by now, is dropped there.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from heapq import heapify, heappop, heappush
from itertools import count
from typing import Any, Protocol

from nio.reactor.loop._owner import Owner

_SWEEP_ABOVE = 64
_PUSHED_SINGLY = 16  # and an eighth of the heap: more are put on it at once, which costs a pass over all of it

next_number = count(1).__next__


class Timer:
    """A call in the future, made by ``call_later``, ``call_at`` or ``call_every``."""

    __slots__ = ("_fn", "_queue", "_when")  # set by whoever makes one, which is cheaper than a constructor

    _when: int
    _fn: Any  # None: there is no call to make any more
    _queue: Away

    @property
    def when(self) -> int:
        """When it is due (next), in nanoseconds of the provider's clock."""
        return self._when

    @property
    def is_active(self) -> bool:
        """True until it was cancelled or, unless it is periodic, has fired."""
        return self._fn is not None

    def cancel(self) -> None:
        """Never fire again; at any time, also twice, also in its own call.

        IllegalStateError from a thread that does not run the reactor while another does.
        """
        queue = self._queue
        owner = queue.owner
        if owner.thread is not None and owner.thread != owner.thread_id():
            owner.check("timer.cancel")
        fn = self._fn  # which is let go of when all is counted
        if fn is not None:
            self._fn = None
            queue.dead = dead = queue.dead + 1
            queue.live -= 1
            queue.first = None
            if dead > _SWEEP_ABOVE and dead > queue.live:
                queue.sweep()

    def take(self) -> tuple[Callable[..., object], tuple[object, ...]] | None:
        """The call to make now, which is the last of it; None if it was cancelled since it left the queue."""
        fn, self._fn = self._fn, None
        return None if fn is None else (fn, ())


class LoadedTimer(Timer):
    """A call with arguments."""

    __slots__ = ("_args",)

    def __init__(self, args: tuple[object, ...]) -> None:
        self._args = args

    def cancel(self) -> None:
        Timer.cancel(self)
        self._args = ()

    def take(self) -> tuple[Callable[..., object], tuple[object, ...]] | None:
        fn, args = self._fn, self._args
        self._fn, self._args = None, ()
        return None if fn is None else (fn, args)


class PeriodicTimer(LoadedTimer):
    """A call that is made again and again until it is cancelled."""

    __slots__ = ("_home", "_period")

    _home: TimerQueue
    _period: int

    def take(self) -> tuple[Callable[..., object], tuple[object, ...]] | None:
        fn, queue = self._fn, self._home
        if fn is None:
            return None
        if self._queue is not queue:
            due = self._when
            self._when = due + ((queue.now - due) // self._period + 1) * self._period
            queue.put(self)
        return fn, self._args


class Expecting(Protocol):
    """What has a deadline."""

    def deadline_has_come(self) -> None: ...


class Deadline(Timer):
    """A call of ``deadline_has_come()``: what has that stands in the place of the function, whose method is made late.

    Nearly every connection has one that is never called.
    """

    __slots__ = ()

    def cancel(self) -> None:
        """As any timer's, for its connection, which asks on the right thread: ``first`` stays as it is."""
        expecting = self._fn
        if expecting is not None:
            self._fn = None
            queue = self._queue
            queue.dead = dead = queue.dead + 1
            queue.live -= 1
            if dead > _SWEEP_ABOVE and dead > queue.live:
                queue.sweep()

    def take(self) -> tuple[Callable[..., object], tuple[object, ...]] | None:
        expecting: Expecting | None = self._fn
        self._fn = None
        return None if expecting is None else (expecting.deadline_has_come, ())


class Schedule(Protocol):
    """How a timer is set: ``schedule(when, fn, *args)``."""

    def __call__(self, when: int, fn: Callable[..., object], /, *args: object) -> Timer: ...


class Away:
    """Where timers are that have left their queue, and how those in a queue are counted."""

    __slots__ = ("dead", "first", "live", "owner")

    def __init__(self, owner: Owner) -> None:
        self.owner: Owner = owner
        self.live: int = 0
        self.dead: int = 0  # cancelled while they were here, and still here
        self.first: int | None = None  # nothing is due before, which each turn asks; None: look for it

    def sweep(self) -> None:
        """Keep those alone that are not cancelled."""
        self.dead = 0


class TimerQueue(Away):
    """The timers of one reactor; for the thread of its owner only."""

    __slots__ = ("away", "heap", "new", "now")

    def __init__(self, owner: Owner) -> None:
        super().__init__(owner)
        self.away = Away(owner)
        self.heap: list[tuple[int, int, Timer]] = []
        self.new: deque[Timer] = deque()
        self.now: int = 0  # when what is due was taken last

    def __len__(self) -> int:
        return self.live

    def schedule(self, when: int, fn: Callable[..., object], /, *args: object) -> Timer:
        """Call ``fn(*args)`` in the first turn that begins at ``when`` nanoseconds or later."""
        timer = LoadedTimer(args) if args else Timer()
        timer._when, timer._fn = when, fn
        self.put(timer)
        return timer

    def expect(self, when: int, expecting: Expecting) -> Timer:
        """Call ``expecting.deadline_has_come()`` in the first turn that begins at ``when`` nanoseconds or later."""
        timer = Deadline()
        timer._when, timer._fn, timer._queue = when, expecting, self
        self.live += 1
        if self.first is not None and when < self.first:
            self.first = when
        self.new.append(timer)
        return timer

    def repeat(self, when: int, period: int, fn: Callable[..., object], *args: object) -> Timer:
        """Call ``fn(*args)`` at ``when`` and every ``period`` nanoseconds after it, a positive number."""
        timer = PeriodicTimer(args)
        timer._when, timer._fn, timer._period, timer._home = when, fn, period, self
        self.put(timer)
        return timer

    def put(self, timer: Timer) -> None:
        """Have the timer fire at its ``when``."""
        timer._queue = self
        self.live += 1
        self.first = None
        self.new.append(timer)

    def next_due(self) -> int | None:
        """When the earliest timer is due, or a little earlier; None when there is none."""
        if self.first is not None:
            return self.first
        if self.new:
            self._settle()
        heap = self.heap
        while heap:
            when, _, timer = heap[0]
            if timer._queue is self and timer._when == when:
                if timer._fn is not None:
                    self.first = when
                    return when
                self.dead -= 1
            heappop(heap)
        return None

    def take_due(self, now: int, due: deque[Timer]) -> None:
        """Put what is due behind ``due``, earliest first; the caller fires each. An exception in between loses none."""
        self.now, self.first, away = now, None, self.away
        while (when := self.next_due()) is not None and when <= now:
            timer = self.heap[0][2]
            timer._queue = away
            self.live -= 1
            self.first = None
            due.append(timer)
            heappop(self.heap)

    def _settle(self) -> None:
        """Put what is new on the heap."""
        heap, new, self.first = self.heap, self.new, None
        if len(new) > _PUSHED_SINGLY + len(heap) // 8:
            alive = [(timer._when, next_number(), timer) for timer in new if timer._fn is not None]
            gone = len(new) - len(alive)
            alive += heap
            heapify(alive)
            self.heap, self.new, self.dead = alive, deque(), self.dead - gone
        while new := self.new:
            timer = new[0]
            if timer._fn is not None:
                heappush(heap, (timer._when, next_number(), timer))
            else:
                self.dead -= 1
            new.popleft()

    def sweep(self) -> None:
        """Keep those alone that are not cancelled."""
        alive = [entry for entry in self.heap if entry[2]._fn is not None]
        heapify(alive)
        new = deque(timer for timer in self.new if timer._fn is not None)
        self.heap, self.new, self.dead = alive, new, 0  # together, whatever interrupts
