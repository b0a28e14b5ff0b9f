"""Faults of timers and of work queued for the reactor, on real and on made-up time."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator

import pytest

from nio.reactor import Reactor, Timer
from tests.faults.helpers import Server
from tests.unit.reactor.support import START, Kernel, World, run


@pytest.fixture
def kernel() -> Kernel:
    return Kernel()


@pytest.fixture
def reactor(kernel: Kernel) -> Iterator[Reactor]:
    with Reactor.open(provider=kernel) as reactor:
        yield reactor


def test_G01_the_wall_clock_is_nobody_s_business(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden() -> float:
        raise AssertionError("somebody asked what time it is")

    calls: list[int] = []
    with Reactor.open() as reactor, monkeypatch.context() as patch:
        patch.setattr(time, "time", forbidden)
        reactor.call_later(0, calls.append, 1)
        reactor.execute(reactor.wakeup)
        reactor.turn(1)
    assert calls == [1]


def test_G02_a_timer_costs_at_most_two_turns() -> None:
    with Reactor.open() as reactor:
        for delay in (0.0001, 0.0005, 0.0019, 0.005):
            reactor.call_later(delay, reactor.wakeup)
            turns = 1
            while not reactor.turn().timers:
                turns += 1
            assert turns <= 2


def test_G03_ten_thousand_timers_none_early_and_all_in_order(reactor: Reactor, kernel: Kernel) -> None:
    chance = random.Random(3)
    fired: list[int] = []

    def fire(due: int) -> None:
        assert kernel.now >= due
        fired.append(due)

    for _ in range(10_000):
        due = START + chance.randrange(10**9)
        reactor.call_at(due, fire, due)
    while len(fired) < 10_000:
        kernel.now += chance.randrange(10**7)
        count = len(fired)
        reactor.turn(0)
        assert fired[count:] == sorted(fired[count:])
    assert fired == sorted(fired)


def test_G03_real_timers_are_not_early_either() -> None:
    late: list[int] = []
    with Reactor.open() as reactor:
        clock = reactor.provider.clock

        def fire(due: int) -> None:
            late.append(clock() - due)
            if len(late) == 40:
                reactor.stop()

        for number in range(40):
            due = clock() + number * 700_000
            reactor.call_at(due, fire, due)
        run(reactor)
    assert min(late) >= 0


@pytest.mark.parametrize("start", [2**53 + 1, 30 * 365 * 86_400 * 10**9])
def test_G04_a_clock_that_has_run_for_years_still_tells_nanoseconds_apart(
    reactor: Reactor, kernel: Kernel, start: int
) -> None:
    calls: list[int] = []
    kernel.now = start
    for step in (3, 1, 2):
        reactor.call_at(start + step, calls.append, step)
    for step in (1, 2, 3):
        kernel.now = start + step
        reactor.turn(0)
        assert calls == list(range(1, step + 1))


@pytest.mark.parametrize("delay", [1e300, 86_401.0, float("inf")])
def test_G05_the_longest_sleep_is_no_error(reactor: Reactor, kernel: Kernel, delay: float) -> None:
    reactor.call_later(delay, int)
    reactor.execute(int)
    assert reactor.turn().ticks == 1
    reactor.wakeup()
    reactor.turn()
    assert kernel.waits[-1] is not None
    assert 0 < kernel.waits[-1] <= 86_400


@pytest.mark.parametrize("delay", [float("nan"), "1", None])
def test_G05_what_is_no_time_is_refused_where_it_is_said(reactor: Reactor, delay: float) -> None:
    with pytest.raises((ValueError, TypeError)):
        reactor.call_later(delay, int)
    assert reactor.turn(0).timers == 0


@pytest.mark.parametrize("when", [float("nan"), float("inf"), 1.5e9, "soon", None, True])
def test_G05_what_is_no_instant_does_not_get_among_the_timers(reactor: Reactor, when: int) -> None:
    fired: list[str] = []
    with pytest.raises(TypeError, match="when must be an int"):
        reactor.call_at(when, fired.append, "odd")
    reactor.call_later(0, fired.append, "good")
    reactor.turn(0)
    assert fired == ["good"]


def test_G06_requests_leave_no_timers_behind() -> None:
    with World() as world:
        peers = [world.connect() for _ in range(10)]
        for _ in range(100):
            for peer in peers:
                peer.send(b"an")
            for peer in peers:
                peer.send(b"n\n")
                assert peer.read(10) == b"Hello ann\n"
            world.kernel.now += 10**8
            live = world.reactor.statistics().timers
            assert live <= 2 * len(peers)
            assert len(world.reactor._timers.heap) <= 2 * live + 64


def test_G07_one_timer_that_raises_among_many(reactor: Reactor) -> None:
    calls: list[int] = []
    for number in range(100):
        reactor.call_later(0, calls.append if number % 10 else calls.__getitem__, number)
    assert reactor.turn(0).timers == 100
    assert calls == [number for number in range(100) if number % 10]


def test_G08_after_an_hour_s_standstill_each_timer_fires_once(reactor: Reactor, kernel: Kernel) -> None:
    calls: list[int] = []

    def tick() -> None:
        calls.append(kernel.now)
        reactor.call_later(1, tick)

    reactor.call_later(1, tick)
    kernel.now += 3600 * 10**9
    for _ in range(5):
        reactor.turn(0)
    assert len(calls) == 1


def test_G09_a_timer_without_delay_that_repeats_itself_does_not_starve_the_clients() -> None:
    with Server() as server, server.client() as client:
        ended = threading.Event()

        def again() -> None:
            if not ended.is_set():
                server.reactor.call_later(0, again)

        server.reactor.execute(again)
        for _ in range(20):
            client.ask(b"ann")
        ended.set()


def test_G10_equal_deadlines_fire_in_the_order_they_were_made(reactor: Reactor) -> None:
    calls: list[int] = []
    for number in range(1000):
        reactor.call_at(START, calls.append, number)
    reactor.turn(0)
    assert calls == list(range(1000))


def test_G11_a_timer_cancelled_by_another_of_the_same_instant_does_not_fire(reactor: Reactor) -> None:
    calls: list[int] = []
    timers: list[Timer] = []

    def fire(number: int) -> None:
        calls.append(number)
        for timer in timers:
            timer.cancel()

    timers += [reactor.call_later(0, fire, number) for number in range(5)]
    reactor.turn(0)
    reactor.turn(0)
    assert calls == [0]


def test_N07_a_flood_of_ticks_does_not_starve_the_clients() -> None:
    ran: list[int] = []
    with World() as world:
        peer = world.connect()
        for number in range(20_000):
            world.reactor.execute(ran.append, number)
        while len(ran) < 20_000:
            before = len(ran)
            peer.send(b"ann\n")
            assert peer.read(10) == b"Hello ann\n"
            assert len(ran) - before <= 4 * 256  # a few turns of ticks, as they were when the flood began
    assert ran == list(range(20_000))


def test_N08_a_tick_that_queues_itself_does_not_starve_the_clients() -> None:
    with Server() as server, server.client() as client:
        ended = threading.Event()

        def again() -> None:
            if not ended.is_set():
                server.reactor.execute(again)

        server.reactor.execute(again)
        for _ in range(20):
            client.ask(b"ann")
        ended.set()
