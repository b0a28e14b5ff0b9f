"""Figures: what records add up to over time: turns, why each selection returned, busy time and lag, jobs.

A selection returns for a *key*, a *wake-up*, a *timer*, its *time-out*, because it was not to wait (*poll*), or for
nothing, which nobody has asked for: an event for a key that wants none.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from nio.trace import DONE, HANDOFF, SKIPPED, TIMER, TURN, WORK, Record

_MOST_WORKERS = 256  # that are told of, the last that have worked
BUCKETS = 24  # of lag: below 1, 2, 4 ... microseconds
_OURS = {TURN, TIMER, WORK, HANDOFF, DONE, SKIPPED}
_REASONS = ("key", "wake", "timer", "time-out", "poll", "nothing")


class _Worker:
    """A thread that works on jobs."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.jobs = 0
        self.last_us = 0


class Figures:
    """The sums so far of the records that were fed."""

    def __init__(self) -> None:
        self.turns = 0
        self.why: dict[str, int] = dict.fromkeys(_REASONS, 0)
        self.busy = 0.0  # of the loops' threads, since the last look
        self.lag_us = [0] * BUCKETS
        self.lag_sum_us = 0
        self.given = self.done = 0
        self.workers: dict[int, _Worker] = {}
        self._ended: dict[int, int] = {}  # when the last selection of each thread ended
        self._waited = self._worked = 0
        self._overdue: dict[int, bool] = {}  # threads whose last selection found nothing in all its time

    def feed(self, name: Record, records: Iterable[Record]) -> None:
        """Add records of one thread, which its THREAD record names."""
        thread = int(name[2])
        for record in records:
            kind: Any = record[0]
            if kind not in _OURS:
                continue
            if kind == TURN:
                self._turn(thread, *record[1:])
            elif kind == TIMER:
                self._timer(thread)
            elif kind == WORK:
                self._work(thread, str(name[3]), int(record[1]), int(record[2]))
            elif kind == HANDOFF:
                self.given += 1
            elif kind == DONE:
                self.done += 1
            else:  # SKIPPED: what was between is not known
                self._ended.pop(thread, None)

    def look(self) -> float:
        """The busy share of the loops since the last look: of one loop's time, 0 to 1."""
        whole = self._waited + self._worked
        if whole:
            self.busy = self._worked / whole
        elif self._ended:
            self.busy = 0.0  # asleep all the time, or in one turn that takes longer
        self._waited = self._worked = 0
        return self.busy

    def _turn(self, thread: int, began: Any, ended: Any, asked: Any, ready: Any, woken: Any) -> None:
        self.turns += 1
        before = self._ended.get(thread)
        if before is not None:
            lag = began - before
            self._worked += lag
            self.lag_sum_us += lag // 1000
            self.lag_us[min((lag // 1000).bit_length(), BUCKETS - 1)] += 1
        self._waited += ended - began
        self._ended[thread] = ended
        why = "key" if ready > woken else "wake" if woken else self._of_none(asked, ended - began)
        self._overdue[thread] = why in ("time-out", "poll")
        self.why[why] += 1

    @staticmethod
    def _of_none(asked: int, waited: int) -> str:
        """Nothing was ready."""
        if asked == 0:
            return "poll"
        return "time-out" if 0 < asked * 1000 <= waited + 1_000_000 else "nothing"

    def _timer(self, thread: int) -> None:
        """Timers were called in this turn, so it was for them that the last selection ended."""
        if self._overdue.pop(thread, False) and self.why["time-out"]:
            self.why["time-out"] -= 1
            self.why["timer"] += 1

    def _work(self, thread: int, name: str, began: int, ended: int) -> None:
        worker = self.workers.pop(thread, None) or _Worker(name)
        self.workers[thread] = worker  # the last one that has worked stands last
        if len(self.workers) > _MOST_WORKERS:
            del self.workers[next(iter(self.workers))]
        worker.jobs += 1
        worker.last_us = (ended - began) // 1000

    def workers_as_json(self) -> list[dict[str, Any]]:
        """A row for each worker that has worked, in the order in which they were first recorded."""
        workers = (worker for _, worker in sorted(self.workers.items()))
        return [{"name": worker.name, "jobs": worker.jobs, "last_us": worker.last_us} for worker in workers]
