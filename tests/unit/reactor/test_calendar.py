"""The deadlines of the idle, by days: when a turn must look, who gets a timer, and what is forgotten."""

from __future__ import annotations

import threading
from collections import deque
from typing import Any

import pytest

from nio.reactor.loop._calendar import Calendar
from nio.reactor.loop._owner import Owner

DAY = 1 << 30


class Sleeper:
    """Due so late after the last time it was heard; it notes when it was called."""

    def __init__(self, calendar: Calendar, due: int) -> None:
        self.calendar = calendar
        self.due = due
        self.calls = 0
        self.error: BaseException | None = None
        self.place: Any = calendar.wait(due, 0, self, self)

    def wait_anew(self, now: int) -> None:
        if self.error is not None:
            raise self.error
        self.place = self.calendar.wait(self.due, now, self, self)

    def deadline_has_come(self) -> None:
        self.calls += 1


@pytest.fixture
def calendar() -> Calendar:
    return Calendar(Owner(threading.get_ident))


def fire(calendar: Calendar, now: int) -> None:
    due: deque[Any] = deque()
    calendar.take_due(now, due)
    for timer in due:
        call, args = timer.take()
        call(*args)


def test_a_deadline_today_is_a_timer(calendar: Calendar) -> None:
    sleeper = Sleeper(calendar, DAY - 1)
    assert not calendar.days
    assert calendar.next_due() == DAY - 1
    fire(calendar, DAY - 1)
    assert sleeper.calls == 1


def test_a_later_one_waits_on_its_day_and_is_as_exact(calendar: Calendar) -> None:
    sleeper, other = Sleeper(calendar, 5 * DAY + 7), Sleeper(calendar, 9 * DAY)
    assert len(calendar) == 2
    assert calendar.next_due() == calendar.next_due() == 5 * DAY  # the look at who is due on that day
    fire(calendar, 5 * DAY)
    assert (sleeper.calls, calendar.next_due()) == (0, 5 * DAY + 7)
    fire(calendar, 5 * DAY + 6)
    assert sleeper.calls == 0
    fire(calendar, 5 * DAY + 7)
    assert (sleeper.calls, other.calls, len(calendar)) == (1, 0, 1)
    assert calendar.next_due() == 9 * DAY


def test_days_that_were_slept_through(calendar: Calendar) -> None:
    sleepers = [Sleeper(calendar, number * DAY + 1) for number in (4, 2, 3, 50)]
    fire(calendar, 10 * DAY)
    assert [sleeper.calls for sleeper in sleepers] == [1, 1, 1, 0]


def test_who_was_heard_meanwhile_moves_to_a_later_day(calendar: Calendar) -> None:
    sleeper = Sleeper(calendar, 5 * DAY)
    sleeper.due = 8 * DAY + 3
    fire(calendar, 5 * DAY)
    assert list(calendar.days) == [8]
    assert not calendar.heap
    assert calendar.next_due() == 8 * DAY
    fire(calendar, 8 * DAY + 3)
    assert sleeper.calls == 1


def test_who_leaves_is_forgotten_and_his_day_too(calendar: Calendar) -> None:
    first, second = Sleeper(calendar, 5 * DAY), Sleeper(calendar, 6 * DAY)
    first.place.pop(first)
    assert calendar.next_due() == 6 * DAY
    second.place.pop(second)
    calendar.first = None
    assert calendar.next_due() is None
    assert (len(calendar), calendar.days, calendar.numbers) == (0, {}, [])


def test_a_timer_before_the_first_day(calendar: Calendar) -> None:
    Sleeper(calendar, 5 * DAY)
    calendar.schedule(3 * DAY, print)
    assert calendar.next_due() == 3 * DAY


def test_who_raises_when_asked_is_called_now(calendar: Calendar) -> None:
    sleeper, other = Sleeper(calendar, 5 * DAY), Sleeper(calendar, 5 * DAY)
    sleeper.error = ValueError("no idle time")
    fire(calendar, 5 * DAY)
    assert (sleeper.calls, other.calls) == (1, 1)


def test_who_is_asked_when_a_ctrl_c_comes_is_asked_again(calendar: Calendar) -> None:
    sleeper, other = Sleeper(calendar, 5 * DAY), Sleeper(calendar, 5 * DAY)
    sleeper.error = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        fire(calendar, 5 * DAY)
    sleeper.error = None
    fire(calendar, 5 * DAY)
    assert (sleeper.calls, other.calls) == (1, 1)


def test_who_leaves_while_his_day_begins_is_not_asked(calendar: Calendar) -> None:
    class Leaver(Sleeper):
        def wait_anew(self, now: int) -> None:
            self.place.pop(sleeper)
            super().wait_anew(now)

    leaver = Leaver(calendar, 5 * DAY)
    sleeper = Sleeper(calendar, 5 * DAY)
    fire(calendar, 5 * DAY)
    assert (leaver.calls, sleeper.calls, calendar.days) == (1, 0, {})


class Counted(dict[Any, Any]):
    """A day that counts the passes over it."""

    passes = 0

    def items(self) -> Any:
        Counted.passes += 1
        return super().items()


def test_a_day_is_passed_over_once_however_many_wait_on_it(calendar: Calendar) -> None:
    day = calendar.days[5] = Counted()
    for _ in range(100):
        Sleeper(calendar, 5 * DAY).due = 9 * DAY
    calendar.numbers = [5]
    Counted.passes = 0
    fire(calendar, 5 * DAY)
    assert (Counted.passes, len(day), len(calendar.days[9])) == (1, 0, 100)


class Passed(dict[int, Any]):
    """Days that count how often one of them is looked at."""

    looks = 0

    def get(self, number: int, default: Any = None) -> Any:
        Passed.looks += 1
        return super().get(number, default)

    def __iter__(self) -> Any:
        Passed.looks += len(self)
        return super().__iter__()


def test_who_leaves_days_behind_has_each_looked_at_once(calendar: Calendar) -> None:
    first = Sleeper(calendar, 5 * DAY)
    sleepers = [Sleeper(calendar, number * DAY) for number in range(6, 506)]
    calendar.days, Passed.looks = Passed(calendar.days), 0
    for sleeper in (first, *sleepers):
        sleeper.place.pop(sleeper)
    assert calendar.next_due() is None
    assert (Passed.looks, calendar.days) == (501, {})


def test_days_that_all_have_left_are_not_kept_behind_one_that_stays(calendar: Calendar) -> None:
    stays, later = Sleeper(calendar, 5 * DAY), Sleeper(calendar, 9999 * DAY)
    for number in range(6, 2006):
        sleeper = Sleeper(calendar, number * DAY)
        sleeper.place.pop(sleeper)
    assert len(calendar.days) < 2 * 2 + 64 + 2
    assert (len(calendar), calendar.next_due()) == (2, 5 * DAY)
    fire(calendar, 5 * DAY)
    assert (stays.calls, later.calls, calendar.next_due()) == (1, 0, 9999 * DAY)


def test_a_number_without_a_day_is_passed_over(calendar: Calendar) -> None:
    """A Ctrl-C has come between the days and their numbers."""
    Sleeper(calendar, 5 * DAY)
    calendar.numbers = [3, 5]
    assert calendar.next_due() == 5 * DAY
