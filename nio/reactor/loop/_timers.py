"""Timers on one heap, in integer nanoseconds of a monotonic clock.

A cancelled timer stays on the heap until it is due or half the heap is dead, which is when the dead are swept: both
adding and cancelling stay cheap, and a heap of timers that are mostly cancelled stays small. Equal deadlines fire in
the order they were made. Only what was due when the turn began fires in it, so that a timer that sets another of no
delay cannot starve the selection.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from heapq import heappush
from typing import Protocol

_SWEEP_ABOVE = 64


class Timer:
    """One call in the future, made by ``reactor.call_later``; ``cancel()`` may be called at any time, also twice."""

    __slots__ = ("_args", "_fn", "_queue", "when")

    def __init__(self, queue: TimerQueue, when: int, fn: Callable[..., object], args: tuple[object, ...]) -> None:
        self._queue: TimerQueue | None = queue  # None once taken out of it
        self._fn: Callable[..., object] | None = fn
        self._args = args
        self.when: int = when

    @property
    def is_active(self) -> bool:
        """True until it has fired or was cancelled."""
        return self._fn is not None

    def cancel(self) -> None:
        """Never fire; for the reactor's thread."""
        if self._fn is not None:
            self._fn, self._args = None, ()
            if self._queue is not None:
                self._queue._one_died()

    def take(self) -> tuple[Callable[..., object], tuple[object, ...]] | None:
        """The call to make now, which is the last of it; None if it was cancelled since it left the queue."""
        fn, args = self._fn, self._args
        self._fn, self._args = None, ()
        return None if fn is None else (fn, args)


class Schedule(Protocol):
    """How a timer is set: ``schedule(when, fn, *args)``."""

    def __call__(self, when: int, fn: Callable[..., object], /, *args: object) -> Timer: ...


class TimerQueue:
    """The timers of one reactor; for its thread only."""

    __slots__ = ("_dead", "_heap", "_sequence")

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Timer]] = []
        self._sequence = 0
        self._dead = 0

    def __len__(self) -> int:
        return len(self._heap) - self._dead

    def schedule(self, when: int, fn: Callable[..., object], /, *args: object) -> Timer:
        """Call ``fn(*args)`` in the first turn that begins at ``when`` nanoseconds or later."""
        timer = Timer(self, when, fn, args)
        self._sequence += 1
        heappush(self._heap, (when, self._sequence, timer))
        return timer

    def next_due(self) -> int | None:
        """When the earliest timer is due, None when there is none."""
        heap = self._heap
        while heap and heap[0][2]._fn is None:
            heapq.heappop(heap)
            self._dead -= 1
        return heap[0][0] if heap else None

    def take_due(self, now: int) -> list[Timer]:
        """Take what is due out, earliest first; the caller fires each."""
        due = []
        while (when := self.next_due()) is not None and when <= now:
            timer = heapq.heappop(self._heap)[2]
            timer._queue = None
            due.append(timer)
        return due

    def _one_died(self) -> None:
        self._dead += 1
        if self._dead > _SWEEP_ABOVE and 2 * self._dead > len(self._heap):
            self._heap = [entry for entry in self._heap if entry[2].is_active]
            heapq.heapify(self._heap)
            self._dead = 0
