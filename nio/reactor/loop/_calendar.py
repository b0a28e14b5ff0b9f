"""Calendar: the deadlines of idle connections, which lie far ahead and nearly all never come.

A timer for each connection would be its second largest object. So whoever has time waits on a *day* of the calendar, in
a dict by its key: a day is 2**30 nanoseconds, and whose deadline falls into it stands there in no order. Before a day
begins each of its entries is asked anew when it is due: most have been heard meanwhile, and move to a later day. Those
that are due on the day itself get a timer. So a deadline is as exact as ever, and of all the connections only those
have a timer that have been silent for nearly all their time.

To end before is to leave the dict.

**A Ctrl-C** may leave an entry on its day although it has moved: it is asked once more then, which does no harm.
"""

from __future__ import annotations

from typing import Any, Protocol

from nio.reactor.loop._owner import Owner
from nio.reactor.loop._registry import LEAVING
from nio.reactor.loop._timers import Expecting, Timer, TimerQueue

_DAY = 30  # bits of its nanoseconds


class Idle(Expecting, Protocol):
    """Who has a deadline that moves."""

    def wait_anew(self, now: int) -> None:
        """Say to ``wait`` when the deadline is by now; nothing if there is none any more."""


Day = dict[Any, Idle]


class Calendar(TimerQueue):
    """The timers of one reactor, with its days."""

    __slots__ = ("days", "next_day")

    def __init__(self, owner: Owner) -> None:
        super().__init__(owner)
        self.days: dict[int, Day] = {}
        self.next_day: int | None = None  # the first of them

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
            day = self.days[number] = {}
            if self.next_day is None or number < self.next_day:
                self.next_day, self.first = number, None
        day[key] = idle
        return day

    def next_due(self) -> int | None:
        if self.first is not None:
            return self.first
        due = super().next_due()
        while self.next_day is not None and not self.days[self.next_day]:  # all have left
            self._leave(self.next_day)
        if self.next_day is not None and (due is None or self.next_day << _DAY < due):
            due = self.first = self.next_day << _DAY
        return due

    def take_due(self, now: int, due: Any) -> None:
        while self.next_day is not None and self.next_day << _DAY <= now:
            self._open(self.next_day, now)
        super().take_due(now, due)

    def _open(self, number: int, now: int) -> None:
        """The day begins, or has begun long since."""
        day = self.days[number]
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
        self._leave(number)

    def _leave(self, number: int) -> None:
        self.next_day = min((other for other in self.days if other != number), default=None)
        self.days.pop(number, None)
