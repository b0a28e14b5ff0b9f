"""How long the loop was at work, and how often for how long, by a clock that each handler moves on."""

from __future__ import annotations

import os
import signal
import socket
from typing import Any

import pytest

from nio.channels import SelectionKey, SocketChannel
from nio.reactor import Reactor
from nio.reactor.groups._reports import Word, report, reports
from nio.reactor.groups._shared import total
from nio.reactor.loop._progress import LAGS
from tests.unit.reactor.support import Greeter, Kernel, Peer, World, run

MS = 1_000_000


class Slow(Greeter):
    """Computes for as many milliseconds as it is told."""

    def process(self, record: bytes) -> bytes:
        kernel = self.reactor.provider
        assert isinstance(kernel, Kernel)
        kernel.now += int(record) * MS
        return record


def shares(reactor: Reactor) -> tuple[float, dict[int, int]]:
    """Milliseconds at work; and turns by the number in ``lag``, without those that took no time at all."""
    told = reactor.statistics()
    return told.busy / MS, {n: count for n, count in enumerate(told.lag) if count and n}


def test_work_is_what_lies_between_the_kernels_answer_and_the_end_of_the_turn() -> None:
    with World(Slow) as world:
        peer = world.connect()
        before, _ = shares(world.reactor)
        world.advance(10)  # asleep
        for name in (b"5\n", b"5\n", b"40\n"):
            peer.send(name)
            peer.read(len(name))
        busy, lag = shares(world.reactor)
        assert busy - before == 50
        assert lag == {13: 2, 16: 1}  # 4.2 to 8.4 ms, 33.6 to 67.1 ms


def test_ticks_and_timers_are_work_too_and_a_turn_for_nothing_is_none() -> None:
    with World(Slow) as world:
        before = world.reactor.statistics()

        def compute(milliseconds: int) -> None:
            world.kernel.now += milliseconds * MS

        world.reactor.call_later(0, compute, 2)
        world.reactor.turn(0)
        world.reactor.next_tick(compute, 3)
        world.reactor.turn(0)
        world.reactor.turn(0)
        after = world.reactor.statistics()
        assert (after.busy - before.busy) / MS == 5
        assert sum(after.lag) - sum(before.lag) == 2


def test_what_lies_between_two_calls_of_turn_is_no_work() -> None:
    with World(Slow) as world:
        peer = world.connect()
        peer.send(b"5\n")
        peer.read(2)
        before = shares(world.reactor)
        world.kernel.now += 1000 * MS  # the program that turns it does something else
        world.reactor.turn(0)
        assert shares(world.reactor) == before


def test_a_turn_that_hangs_shows_while_it_does() -> None:
    seen = []

    class Looking(Slow):
        def process(self, record: bytes) -> bytes:
            before = self.reactor.statistics().busy
            super().process(record)
            seen.append((self.reactor.statistics().busy - before) / MS)
            return record

    with World(Looking) as world:
        world.connect().send(b"7\n")
        world.until(lambda: seen)
        assert seen == [7]


@pytest.mark.parametrize("how", ["run", "turn"])
def test_a_turn_that_a_ctrl_c_has_left_is_at_work_no_more(how: str) -> None:
    with World(Slow) as world:

        def strike() -> None:
            world.kernel.now += 4 * MS
            raise KeyboardInterrupt

        before = world.reactor.statistics().busy
        world.reactor.next_tick(strike)
        with pytest.raises(KeyboardInterrupt):
            world.reactor.run() if how == "run" else world.reactor.turn(0)
        world.kernel.now += 1000 * MS
        assert (world.reactor.statistics().busy - before) / MS == 4
        world.reactor.turn(0)
        assert (world.reactor.statistics().busy - before) / MS == 4


def test_longer_turns_than_lag_has_numbers_for_are_in_the_last() -> None:
    with World(Slow) as world:
        peer = world.connect()
        peer.send(b"60000\n")
        peer.read(6)
        told = world.reactor.statistics()
        assert len(told.lag) == LAGS
        assert told.lag[-1] == 1


def test_those_of_several_reactors_are_added_up_and_told_by_children() -> None:
    with World(Slow) as world:
        peer = world.connect()
        peer.send(b"5\n")
        peer.read(2)
        told = world.reactor.statistics()
    both = total([told, told])
    assert (both.busy, both.lag) == (2 * told.busy, tuple(2 * count for count in told.lag))
    assert total([]).lag == (0,) * LAGS
    (heard,) = reports(report(Word.COUNTS, 7, told))
    assert heard.counts == told


class Counting(Kernel):
    """Counts how often the clock is read."""

    def __init__(self) -> None:
        super().__init__()
        self.readings = 0
        self.clock = self._read

    def _read(self) -> int:
        self.readings += 1
        return self.now


def test_a_turn_of_run_reads_the_clock_when_it_wakes_and_when_it_ends() -> None:
    kernel, readings = Counting(), []

    class Asked(Greeter):
        def process(self, record: bytes) -> None:
            readings.append(kernel.readings)
            if len(readings) == 10:
                self.reactor.stop()
            peer.send(b"again\n")

    with World(Asked, kernel=kernel) as world:
        peer = world.connect()
        peer.send(b"first\n")
        world.reactor.run()
    assert readings[9] - readings[1] == 8 * 2


def test_what_is_due_is_due_by_the_clock_after_a_signal_s_function() -> None:
    with World() as world:
        reactor, turns = world.reactor, []

        def take_long() -> None:
            world.kernel.now += 10_000 * MS
            turns.append(reactor.statistics().turns)

        def fire() -> None:
            turns.append(reactor.statistics().turns)
            reactor.stop()

        reactor.on_signal(signal.SIGUSR1, take_long)
        reactor.call_later(5, fire)
        reactor.next_tick(os.kill, os.getpid(), signal.SIGUSR1)
        reactor.run()
    assert turns == [2, 2]


def test_who_was_heard_in_a_turn_that_a_ctrl_c_cut_off_was_heard_then() -> None:
    def strike() -> None:
        raise KeyboardInterrupt

    with World() as world:
        first, second = world.connect(), world.connect()
        heard = world.handlers[0]
        world.kernel.now += 7 * MS
        first.send(b"ann\n")
        world.reactor.next_tick(strike)
        with pytest.raises(KeyboardInterrupt):
            world.reactor.turn(0)
        then = heard.heard_at
        assert then == world.kernel.now
        world.kernel.now += 1000 * MS
        second.send(b"bob\n")
        assert second.read(10) == b"Hello bob\n"
        assert heard.heard_at == then


def test_who_was_heard_in_such_a_turn_was_heard_when_the_next_one_begins_at_the_latest() -> None:
    def strike() -> None:
        raise KeyboardInterrupt

    with World() as world:
        first, second = world.connect(), world.connect()
        first.send(b"ann\n")
        world.reactor.next_tick(strike)
        with pytest.raises(KeyboardInterrupt):
            world.reactor.turn(0)
        second.send(b"bob\n")
        assert second.read(10) == b"Hello bob\n"
        then = world.kernel.now
        world.kernel.now += 1000 * MS
        assert world.handlers[0].heard_at == then


def test_who_is_registered_behind_a_turn_that_a_ctrl_c_cut_off_is_heard_then() -> None:
    def strike() -> None:
        raise KeyboardInterrupt

    near, far = socket.socketpair()
    with far, World() as world:
        world.reactor.next_tick(strike)
        with pytest.raises(KeyboardInterrupt):
            world.reactor.turn(0)
        world.kernel.now += 7 * MS
        late, then = Greeter(), world.kernel.now
        world.reactor.register(SocketChannel.adopt(near, provider=world.kernel), SelectionKey.OP_READ, late)
        world.kernel.now += 1000 * MS
        assert late.heard_at == then


class Relay(Slow):
    """Computes, then has the next client speak."""

    following: Peer | None = None

    def process(self, record: bytes) -> bytes:
        reply = super().process(record)
        if self.following is None:
            self.reactor.stop()
        else:
            self.following.send(record + b"\n")
        return reply


class Naps(list[Any]):
    """In place of the kernel's list: each wait takes so many milliseconds."""

    def __init__(self, kernel: Kernel, milliseconds: int) -> None:
        super().__init__()
        self._kernel, self._milliseconds = kernel, milliseconds

    def append(self, timeout: object) -> None:
        self._kernel.now += self._milliseconds * MS


@pytest.mark.parametrize(("sleep", "times"), [(0, [6, 6, 12, 12]), (2, [5, 10, 15, 20])])
def test_whoever_is_heard_within_four_milliseconds_of_a_run_is_heard_at_one_time(sleep: int, times: list[int]) -> None:
    with World(Relay) as world:
        peers = [world.connect() for _ in times]
        for handler, peer in zip(world.handlers, peers[1:], strict=False):
            handler.following = peer
        world.kernel.waits, began = Naps(world.kernel, sleep), world.kernel.now
        peers[0].send(b"3\n")
        run(world.reactor)
        assert [(handler.heard_at - began) // MS for handler in world.handlers] == times
