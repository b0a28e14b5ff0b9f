"""Timers on one heap, in integer nanoseconds of a monotonic clock.

A cancelled timer stays on the heap until it is due or half the heap is dead, which is when the dead are swept: both
adding and cancelling stay cheap, and a heap of timers that are mostly cancelled stays small. Equal deadlines fire in
the order they were made. Only what was due when the turn began fires in it, so that a timer that sets another of no
delay cannot starve the selection.

**A periodic timer keeps to its grid**: it is due next at the last due time plus the period, however late the call came,
so it does not drift. What was missed meanwhile (the process stood still, the machine slept) is left out: one call, and
the next at the first point of the grid that is still to come. It goes back on the heap before its call is made, so
whatever the call raises does not end it.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from heapq import heappush
from typing import Protocol

_SWEEP_ABOVE = 64


class Timer:
    """A call in the future, made by ``call_later``, ``call_at`` or ``call_every``.

    ``when`` is the time it is due (next), in nanoseconds of the provider's clock.
    """

    __slots__ = ("_args", "_fn", "_is_queued", "_queue", "when")

    def __init__(self, queue: TimerQueue, when: int, fn: Callable[..., object], args: tuple[object, ...]) -> None:
        self._queue = queue
        self._is_queued = True
        self._fn: Callable[..., object] | None = fn
        self._args = args
        self.when: int = when

    @property
    def is_active(self) -> bool:
        """True until it was cancelled or, unless it is periodic, has fired."""
        return self._fn is not None

    def cancel(self) -> None:
        """Never fire again; at any time, also twice, also in its own call.

        IllegalStateError from a thread that does not run the reactor while another does.
        """
        self._queue.check("timer.cancel")
        if self._fn is not None:
            queue = self._queue
            queue._dead += self._is_queued
            self._fn, self._args = None, ()
            queue._sweep()

    def take(self) -> tuple[Callable[..., object], tuple[object, ...]] | None:
        """The call to make now, which is the last of it; None if it was cancelled since it left the queue."""
        fn, args = self._fn, self._args
        self._fn, self._args = None, ()
        return None if fn is None else (fn, args)


class PeriodicTimer(Timer):
    """A call that is made again and again until it is cancelled."""

    __slots__ = ("_period",)

    def __init__(
        self, queue: TimerQueue, when: int, period: int, fn: Callable[..., object], args: tuple[object, ...]
    ) -> None:
        super().__init__(queue, when, fn, args)
        self._period = period

    def take(self) -> tuple[Callable[..., object], tuple[object, ...]] | None:
        fn = self._fn
        if fn is None:
            return None
        if not self._is_queued:
            self.when += ((self._queue.now - self.when) // self._period + 1) * self._period
            self._queue.push(self)
        return fn, self._args


class Schedule(Protocol):
    """How a timer is set: ``schedule(when, fn, *args)``."""

    def __call__(self, when: int, fn: Callable[..., object], /, *args: object) -> Timer: ...


class TimerQueue:
    """The timers of one reactor; for its thread only, of which ``check(what)`` makes sure."""

    __slots__ = ("_dead", "_heap", "_sequence", "check", "now")

    def __init__(self, check: Callable[[str], object]) -> None:
        self._heap: list[tuple[int, int, Timer]] = []
        self._sequence = 0
        self._dead = 0
        self.now: int = 0  # when what is due was taken last
        self.check: Callable[[str], object] = check

    def __len__(self) -> int:
        return len(self._heap) - self._dead

    def schedule(self, when: int, fn: Callable[..., object], /, *args: object) -> Timer:
        """Call ``fn(*args)`` in the first turn that begins at ``when`` nanoseconds or later."""
        timer = Timer(self, when, fn, args)
        self._sequence += 1
        heappush(self._heap, (when, self._sequence, timer))
        return timer

    def repeat(self, when: int, period: int, fn: Callable[..., object], *args: object) -> Timer:
        """Call ``fn(*args)`` at ``when`` and every ``period`` nanoseconds after it, a positive number."""
        timer = PeriodicTimer(self, when, period, fn, args)
        self.push(timer)
        return timer

    def push(self, timer: Timer) -> None:
        """Have the timer fire at its ``when``."""
        self._sequence += 1
        timer._is_queued = True
        heappush(self._heap, (timer.when, self._sequence, timer))

    def next_due(self) -> int | None:
        """When the earliest timer is due, None when there is none."""
        heap = self._heap
        while heap and heap[0][2]._fn is None:
            self._dead -= heap[0][2]._is_queued
            heapq.heappop(heap)
        return heap[0][0] if heap else None

    def take_due(self, now: int, due: deque[Timer]) -> None:
        """Put what is due behind ``due``, earliest first; the caller fires each. An exception in between loses none."""
        self.now = now
        while (when := self.next_due()) is not None and when <= now:
            timer = self._heap[0][2]
            if not due or due[-1] is not timer:
                due.append(timer)
            timer._is_queued = False
            heapq.heappop(self._heap)

    def _sweep(self) -> None:
        if self._dead > _SWEEP_ABOVE and 2 * self._dead > len(self._heap):
            alive = [entry for entry in self._heap if entry[2].is_active]
            heapq.heapify(alive)
            self._heap, self._dead = alive, 0  # together, whatever interrupts
