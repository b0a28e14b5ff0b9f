"""Timers on one heap, in integer nanoseconds of a monotonic clock.

**A timer is a list**, and is itself what stands on the heap: ``[when, number, fn, queue, *args]``. So one is a single
object for Python's garbage collector, which is most of what a million timers cost, and lists are compared in C. The
numbers never repeat in a process: they keep equal moments in the order in which they were made, and no two timers are
equal. A negative number says that the timer is not queued: it has fired, or fires in this turn.

**What was set since the loop last looked stands in a list**, ``new``. The loop puts it on the heap when it asks what is
due. What was cancelled before that has cost the heap nothing, and many together are put there in one pass.

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
and a timer may stand in ``new`` and on the heap, or on the heap and among those that fire: what has left the queue and
is found on the heap is dropped there.
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
_WHEN, _NUMBER, _FN, _QUEUE, _ARGS = range(5)

next_number = count(1).__next__


class Timer(list[Any]):
    """A call in the future, made by ``call_later``, ``call_at`` or ``call_every``.

    It is a list for speed alone: what is in it is nobody's business, and it is equal to itself only.
    """

    __slots__ = ()

    __hash__ = object.__hash__  # type: ignore[assignment]  # a list has none

    def __repr__(self) -> str:
        return object.__repr__(self)

    @property
    def when(self) -> int:
        """When it is due (next), in nanoseconds of the provider's clock."""
        when: int = self[_WHEN]
        return when

    @property
    def is_active(self) -> bool:
        """True until it was cancelled or, unless it is periodic, has fired."""
        return self[_FN] is not None

    def cancel(self) -> None:
        """Never fire again; at any time, also twice, also in its own call.

        IllegalStateError from a thread that does not run the reactor while another does.
        """
        queue: TimerQueue = self[3]
        owner = queue.owner
        if owner.thread is not None and owner.thread != owner.thread_id():
            owner.check("timer.cancel")
        fn = self[2]  # which is let go of when all is counted
        if fn is not None:
            self[2] = None
            if self[1] > 0:
                queue.dead += 1
                queue.live -= 1
                queue.first = None
            if len(self) > 4:
                del self[4:]
            if (dead := queue.dead) > _SWEEP_ABOVE and dead > queue.live:
                queue.sweep()

    def take(self) -> tuple[Callable[..., object], tuple[object, ...]] | None:
        """The call to make now, which is the last of it; None if it was cancelled since it left the queue."""
        fn, args = self[_FN], tuple(self[_ARGS:])
        self[_FN] = None
        del self[_ARGS:]
        return None if fn is None else (fn, args)


class PeriodicTimer(Timer):
    """A call that is made again and again until it is cancelled."""

    __slots__ = ("_period",)

    _period: int

    def take(self) -> tuple[Callable[..., object], tuple[object, ...]] | None:
        fn, queue = self[_FN], self[_QUEUE]
        if fn is None:
            return None
        if self[_NUMBER] < 0:
            due, number = self[_WHEN], next_number()
            self[_WHEN] = due + ((queue.now - due) // self._period + 1) * self._period
            queue.put(self, number)
        return fn, tuple(self[_ARGS:])


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
        expecting = self[2]
        if expecting is not None:
            self[2] = None
            if self[1] > 0:
                queue: TimerQueue = self[3]
                queue.dead = dead = queue.dead + 1
                queue.live -= 1
                if dead > _SWEEP_ABOVE and dead > queue.live:
                    queue.sweep()

    def take(self) -> tuple[Callable[..., object], tuple[object, ...]] | None:
        expecting: Expecting | None = self[_FN]
        self[_FN] = None
        return None if expecting is None else (expecting.deadline_has_come, ())


class Schedule(Protocol):
    """How a timer is set: ``schedule(when, fn, *args)``."""

    def __call__(self, when: int, fn: Callable[..., object], /, *args: object) -> Timer: ...


class TimerQueue:
    """The timers of one reactor; for the thread of its owner only."""

    __slots__ = ("dead", "first", "heap", "live", "new", "now", "owner")

    def __init__(self, owner: Owner) -> None:
        self.owner: Owner = owner
        self.heap: list[Timer] = []
        self.new: list[Timer] = []
        self.live: int = 0
        self.dead: int = 0  # cancelled while they were queued, and still here
        self.first: int | None = None  # nothing is due before, which each turn asks; None: look for it
        self.now: int = 0  # when what is due was taken last

    def __len__(self) -> int:
        return self.live

    def schedule(self, when: int, fn: Callable[..., object], /, *args: object) -> Timer:
        """Call ``fn(*args)`` in the first turn that begins at ``when`` nanoseconds or later."""
        timer = Timer([when, next_number(), fn, self, *args])
        self.live += 1
        self.first = None
        self.new.append(timer)
        return timer

    def expect(self, when: int, expecting: Expecting) -> Timer:
        """Call ``expecting.deadline_has_come()`` in the first turn that begins at ``when`` nanoseconds or later."""
        timer = Deadline((when, next_number(), expecting, self))
        self.live += 1
        if self.first is not None and when < self.first:
            self.first = when
        self.new.append(timer)
        return timer

    def repeat(self, when: int, period: int, fn: Callable[..., object], *args: object) -> Timer:
        """Call ``fn(*args)`` at ``when`` and every ``period`` nanoseconds after it, a positive number."""
        timer = PeriodicTimer([when, -1, fn, self, *args])
        timer._period = period
        self.put(timer, next_number())
        return timer

    def put(self, timer: Timer, number: int) -> None:
        """Have the timer fire at its ``when``."""
        timer[_NUMBER] = number
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
            timer = heap[0]
            if timer[2] is not None and timer[1] > 0:
                self.first = timer[0]
                return self.first
            self.dead -= timer[1] > 0
            heappop(heap)
        return None

    def take_due(self, now: int, due: deque[Timer]) -> None:
        """Put what is due behind ``due``, earliest first; the caller fires each. An exception in between loses none."""
        self.now, self.first = now, None
        while (when := self.next_due()) is not None and when <= now:
            timer = self.heap[0]
            timer[_NUMBER] = -timer[_NUMBER]
            self.live -= 1
            self.first = None
            due.append(timer)
            heappop(self.heap)

    def _settle(self) -> None:
        """Put what is new on the heap."""
        heap, new, self.first = self.heap, self.new, None
        if len(new) > _PUSHED_SINGLY + len(heap) // 8:
            alive = [timer for timer in new if timer[2] is not None]
            gone = len(new) - len(alive)
            alive += heap
            heapify(alive)
            self.heap, self.new, self.dead = alive, [], self.dead - gone
        while new := self.new:
            if new[-1][2] is not None:
                heappush(heap, new[-1])
            else:
                self.dead -= 1
            new.pop()

    def sweep(self) -> None:
        """Keep those alone that are not cancelled."""
        alive = [timer for timer in self.heap if timer[2] is not None]
        heapify(alive)
        new = [timer for timer in self.new if timer[2] is not None]
        self.heap, self.new, self.dead = alive, new, 0  # together, whatever interrupts
