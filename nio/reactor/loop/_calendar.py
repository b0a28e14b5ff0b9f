"""Calendar: the deadlines of idle connections, which lie far ahead and nearly all never come.

A timer for each connection would be its second largest object. So whoever has time waits on a *day* of the calendar, in
a dict by its key: a day is 2**30 nanoseconds, and whose deadline falls into it stands there in no order. Before a day
begins each of its entries is asked anew when it is due: most have been heard meanwhile, and move to a later day. Those
that are due on the day itself get a timer. So a deadline is as exact as ever, and of all the connections only those
have a timer that have been silent for nearly all their time.

To end before is to leave the dict. **A day that all have left** is dropped when it comes to be the first, and together
with all others like it when half of all days may be such: where the idle time is long, connections that come and go
leave one behind with every second.

**A Ctrl-C** may leave an entry on its day although it has moved: it is asked once more then, which does no harm. It may
leave a number of a day that is gone, too, which is passed over.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import Any, Protocol

from nio.reactor.loop._owner import Owner
from nio.reactor.loop._registry import LEAVING
from nio.reactor.loop._timers import Expecting, Timer, TimerQueue

_DAY = 30  # bits of its nanoseconds
_SWEEP_ABOVE = 64


class Idle(Expecting, Protocol):
    """Who has a deadline that moves."""

    def wait_anew(self, now: int) -> None:
        """Say to ``wait`` when the deadline is by now; nothing if there is none any more."""


Day = dict[Any, Idle]


class Calendar(TimerQueue):
    """The timers of one reactor, with its days."""

    __slots__ = ("days", "many", "numbers")

    def __init__(self, owner: Owner) -> None:
        super().__init__(owner)
        self.days: dict[int, Day] = {}
        self.numbers: list[int] = []  # of these, a heap
        self.many: int = _SWEEP_ABOVE  # above it, those that all have left are looked for

    def __len__(self) -> int:
        return self.live + sum(map(len, self.days.values()))

    def wait(self, when: int, now: int, key: object, idle: Idle) -> Timer | Day:
        """As ``expect(when, idle)``, for one that is asked again before: the timer, or a day for ``key`` to leave."""
        number = when >> _DAY
        if number <= now >> _DAY:
            return self.expect(when, idle)
        try:
            day = self.days[number]
        except KeyError:
            day = self._begin(number)
        day[key] = idle
        return day

    def next_due(self) -> int | None:
        if self.first is not None:
            return self.first
        due, begins = super().next_due(), self._begins()
        if begins is not None and (due is None or begins < due):
            due = self.first = begins
        return due

    def take_due(self, now: int, due: Any) -> None:
        while (begins := self._begins()) is not None and begins <= now:
            self._open(self.days[begins >> _DAY], now)
        super().take_due(now, due)

    def _begins(self) -> int | None:
        """When the first day begins that somebody waits on."""
        days, numbers = self.days, self.numbers
        while numbers and not days.get(numbers[0]):
            days.pop(numbers[0], None)
            heappop(numbers)
        return numbers[0] << _DAY if numbers else None

    def _begin(self, number: int) -> Day:
        """A day that nobody waits on yet."""
        if len(self.days) > self.many:
            self.days = {other: day for other, day in self.days.items() if day}
            self.numbers = sorted(self.days)
            self.many = 2 * len(self.days) + _SWEEP_ABOVE
        day: Day = {}
        self.days[number] = day
        heappush(self.numbers, number)
        if self.numbers[0] == number:
            self.first = None
        return day

    def _open(self, day: Day, now: int) -> None:
        """The day begins, or has begun long since."""
        for key, idle in tuple(day.items()):  # to look for the first again and again would pass all that have gone
            if key not in day:
                continue  # it has left meanwhile
            try:
                idle.wait_anew(now)
            except LEAVING:
                raise
            except BaseException:
                self.expect(now, idle)  # whose error it is then
            day.pop(key, None)
