"""Timers that repeat: their grid, standstills, what they raise, and their end."""

from __future__ import annotations

import random
from collections import deque
from typing import Any

import pytest

from nio.errors import IllegalArgumentError, IllegalStateError
from nio.reactor import Reactor, Timer
from nio.reactor.loop._owner import Owner
from nio.reactor.loop._timers import TimerQueue
from tests.unit.reactor.support import START, Kernel, in_a_thread

SECOND = 1_000_000_000


def kernel_of(reactor: Reactor) -> Kernel:
    assert isinstance(reactor.provider, Kernel)
    return reactor.provider


def test_it_fires_once_a_period_for_the_first_time_after_one(reactor: Reactor) -> None:
    kernel, calls = kernel_of(reactor), list[tuple[int, str]]()
    timer = reactor.call_every(2, lambda word: calls.append((kernel.now, word)), "x")
    assert timer.when == START + 2 * SECOND
    for second in range(1, 8):
        kernel.now = START + second * SECOND
        reactor.turn(0)
    assert calls == [(START + second * SECOND, "x") for second in (2, 4, 6)]
    assert timer.is_active
    assert reactor.statistics().timers == 1


def test_it_does_not_drift_over_a_day_of_late_turns(reactor: Reactor) -> None:
    kernel, chance = kernel_of(reactor), random.Random(1)
    due: list[int] = []
    timer = reactor.call_every(60, lambda: due.append(kernel.now))
    while timer.when <= START + 86_400 * SECOND:
        kernel.now = timer.when + chance.randrange(SECOND)  # each turn is late, by less than the period
        reactor.turn(0)
    assert len(due) == 1440
    assert all(0 <= now - (START + number * 60 * SECOND) < SECOND for number, now in enumerate(due, 1))


@pytest.mark.parametrize(("late", "following"), [(0, 1), (1, 1), (SECOND - 1, 1), (SECOND, 2), (3600 * SECOND, 3601)])
def test_G08_after_a_standstill_it_fires_once_and_goes_on_with_its_grid(
    reactor: Reactor, late: int, following: int
) -> None:
    kernel, calls = kernel_of(reactor), list[int]()
    timer = reactor.call_every(1, lambda: calls.append(kernel.now))
    first = timer.when
    kernel.now = first + late
    for _ in range(5):
        reactor.turn(0)
    assert calls == [first + late]
    assert timer.when == first + following * SECOND


def test_a_call_that_takes_longer_than_the_period_is_no_burst(reactor: Reactor) -> None:
    kernel, calls = kernel_of(reactor), list[int]()

    def slow() -> None:
        calls.append(kernel.now)
        kernel.now += 3 * SECOND + 7

    timer = reactor.call_every(1, slow)
    kernel.now = START + SECOND
    reactor.turn(0)
    assert calls == [START + SECOND]
    reactor.turn(0)  # one was missed at least
    assert calls[1:] == [START + 4 * SECOND + 7]
    assert timer.when == START + 5 * SECOND


def test_G07_what_a_call_raises_is_reported_and_the_next_is_made(
    reactor: Reactor, caplog: pytest.LogCaptureFixture
) -> None:
    kernel, errors = kernel_of(reactor), list[tuple[str, str]]()
    reactor.on_error(lambda error, kind: errors.append((type(error).__name__, kind)))
    reactor.call_every(1, lambda: 1 // 0)
    for _ in range(3):
        kernel.now += SECOND
        assert reactor.turn(0).timers == 1
    assert errors == [("ZeroDivisionError", "timer")] * 3
    assert caplog.text.count("a timer raised") == 3


def test_ctrl_c_in_a_call_does_not_end_it(reactor: Reactor) -> None:
    kernel, calls = kernel_of(reactor), list[int]()

    def call() -> None:
        calls.append(1)
        if len(calls) == 1:
            raise KeyboardInterrupt

    reactor.call_every(1, call)
    kernel.now += SECOND
    with pytest.raises(KeyboardInterrupt):
        reactor.turn(0)
    reactor.turn(0)
    assert len(calls) == 1
    kernel.now += SECOND
    reactor.turn(0)
    assert len(calls) == 2


def test_two_that_are_due_while_ctrl_c_leaves_fire_once_each(reactor: Reactor) -> None:
    kernel, calls = kernel_of(reactor), list[int]()

    def leave() -> None:
        raise KeyboardInterrupt

    reactor.call_at(START + SECOND, leave)
    timer = reactor.call_every(1, calls.append, 1)
    kernel.now += SECOND
    with pytest.raises(KeyboardInterrupt):
        reactor.turn(0)
    assert reactor.statistics().timers == 1
    reactor.turn(0)
    assert calls == [1]
    assert timer.when == START + 2 * SECOND


def test_one_that_is_taken_twice_because_of_a_ctrl_c_is_on_the_heap_once() -> None:
    queue = TimerQueue(Owner(int))
    timer = queue.repeat(10, 5, print)
    due: deque[Timer] = deque()
    queue.take_due(10, due)
    assert list(due) == [timer]
    assert timer.take() == timer.take() == (print, ())
    assert len(queue) == 1
    assert queue.next_due() == 15


def test_G11_cancelled_in_its_own_call_twice_and_between_two(reactor: Reactor) -> None:
    kernel, calls = kernel_of(reactor), list[int]()
    timers: list[Timer] = []

    def call() -> None:
        calls.append(1)
        timers[0].cancel()
        timers[0].cancel()

    timers.append(reactor.call_every(1, call))
    other = reactor.call_every(1, calls.append, 2)
    for _ in range(3):
        kernel.now += SECOND
        reactor.turn(0)
        other.cancel()
    assert calls == [1, 2]
    assert not timers[0].is_active
    assert reactor.statistics().timers == 0


def test_G11_cancelled_by_an_earlier_one_of_the_same_instant(reactor: Reactor) -> None:
    timers: list[Timer] = []
    calls: list[int] = []
    reactor.call_at(START + SECOND, lambda: timers[0].cancel())
    timers.append(reactor.call_every(1, calls.append, 1))
    for _ in range(2):
        kernel_of(reactor).now += SECOND
        reactor.turn(0)
    assert calls == []
    assert reactor.statistics().timers == 0


def test_G11_cancel_from_another_thread_is_refused_while_the_reactor_runs(reactor: Reactor) -> None:
    errors: list[str] = []

    def cancel() -> None:
        try:
            timer.cancel()
        except IllegalStateError as error:
            errors.append(str(error))

    for timer in (reactor.call_later(1, int), reactor.call_every(1, int)):
        reactor.next_tick(in_a_thread, cancel)
        reactor.turn(0)
        assert timer.is_active
        in_a_thread(timer.cancel)  # nobody runs it now
        assert not timer.is_active
    assert len(errors) == 2
    for error in errors:
        assert error.startswith("timer.cancel() belongs to the thread that runs the reactor")
        assert "execute(fn, *args)" in error


@pytest.mark.parametrize("period", [0, 0.0, 1e-10, -1, float("nan"), "1", None, True])
def test_G05_a_period_that_is_none_is_refused(reactor: Reactor, period: Any) -> None:
    with pytest.raises((IllegalArgumentError, TypeError), match="period must be"):
        reactor.call_every(period, int)
    assert reactor.statistics().timers == 0


def test_a_call_instead_of_a_function_is_refused(reactor: Reactor) -> None:
    with pytest.raises(TypeError, match=r"call_every\(\) takes a function"):
        reactor.call_every(1, print("now"))  # type: ignore[arg-type]  # the mistake is the point
