"""Time is fair: whoever takes what we send makes progress, whoever takes nothing is cut, a worker's time is bounded."""

from __future__ import annotations

import socket

import pytest

from nio.executors import WorkerPool
from nio.reactor import CloseReason, State
from tests.unit.reactor.support import PATIENCE, Blob, Gate, Greeter, Kernel, Manual, World


class Acknowledging(Kernel):
    """A kernel whose ``unacknowledged`` is scripted: what is on its way, or None where nobody can tell."""

    def __init__(self) -> None:
        super().__init__()
        self.on_its_way: int | None = 0

    def unacknowledged(self, sock: socket.socket) -> int | None:
        return self.on_its_way


class Hasty(Blob):
    idle_timeout = None
    write_timeout: float | None = 5.0


def blocked(world: World, on_its_way: int | None) -> Acknowledging:
    """6 MB are asked for, and the send buffer takes 4 of them."""
    kernel = world.kernel
    assert isinstance(kernel, Acknowledging)
    peer = world.connect()
    kernel.room = 0
    kernel.on_its_way = on_its_way
    peer.send(b"6000000\n")
    world.until_state(State.SENDING)
    return kernel


# what a peer takes


def test_C12_a_slow_reader_behind_a_large_send_buffer_is_honest() -> None:
    """It takes 100 KB a second, and the kernel tells of no room for 40 seconds."""
    with World(Hasty, kernel=Acknowledging()) as world:
        kernel = blocked(world, 4_000_000)
        for second in range(1, 40):
            kernel.on_its_way = 4_000_000 - second * 100_000
            world.advance(1)
        assert world.handler.state is State.SENDING


@pytest.mark.parametrize("on_its_way", [4_000_000, None])
def test_C12_one_that_acknowledges_nothing_is_cut(on_its_way: int | None) -> None:
    with World(Hasty, kernel=Acknowledging()) as world:
        blocked(world, on_its_way)
        world.advance(4.999)
        assert world.handler.reasons == []
        world.advance(0.001)
        assert world.handler.reasons == [CloseReason.WRITE_TIMEOUT]


def test_C12_a_trickle_of_acknowledgements_is_too_slow() -> None:
    """1023 bytes in ten seconds, one less than is asked for; each of them is progress for the write time."""
    with World(Hasty, kernel=Acknowledging()) as world:
        kernel = blocked(world, 4_000_000)
        for _ in range(9):
            kernel.on_its_way = (kernel.on_its_way or 0) - 113
            world.advance(1)
        kernel.on_its_way = 4_000_000 - 1023
        world.advance(0.999)
        assert world.handler.reasons == []
        world.advance(0.001)
        assert world.handler.reasons == [CloseReason.TOO_SLOW]


def test_C12_an_honest_reader_that_stops_is_cut() -> None:
    with World(Hasty, kernel=Acknowledging()) as world:
        kernel = blocked(world, 4_000_000)
        world.advance(4)
        kernel.on_its_way = 3_000_000
        world.advance(1)  # the look at 5 s has seen it
        world.advance(4.999)
        assert world.handler.reasons == []
        world.advance(0.001)
        assert world.handler.reasons == [CloseReason.WRITE_TIMEOUT]


def test_C12_a_buffer_that_fills_again_is_no_progress_of_the_peer_s_lost() -> None:
    """The kernel takes more while the peer acknowledges as much: as much is on its way as before."""

    class Steady(Hasty):
        write_timeout: float | None = None

    with World(Steady, kernel=Acknowledging()) as world:
        kernel = blocked(world, 4_000_000)
        for _ in range(4):
            kernel.room = 2000
            world.until(lambda: kernel.room == 0)
            world.advance(10)
        assert world.handler.state is State.SENDING


# a feed


class Feed(Greeter):
    """Tells its peer something every so often, which only reads."""

    period = 30.0

    def on_open(self) -> None:
        super().on_open()
        self.tell()

    def tell(self) -> None:
        self.send(b"news")
        self.reactor.call_later(self.period, self.tell)


def test_N03_a_feed_s_listener_is_not_idle() -> None:
    with World(Feed, kernel=Acknowledging()) as world:
        world.connect()
        for _ in range(20):
            world.advance(15)
        assert world.handler.reasons == []


def test_N03_news_on_its_way_at_the_look_is_not_held_against_a_listener() -> None:
    """Each look is taken a millisecond after news was sent: it cannot have been acknowledged yet."""

    class JustBefore(Feed):
        period = 29.9995

    with World(JustBefore, kernel=Acknowledging()) as world:
        kernel = world.kernel
        assert isinstance(kernel, Acknowledging)
        world.connect()
        kernel.on_its_way = 5  # one line, the last
        for _ in range(20):
            world.advance(29.9995)
            world.advance(29.9995)
            world.advance(0.001)
        assert world.handler.reasons == []


def test_N03_a_feed_of_which_there_is_always_something_on_its_way() -> None:
    class Ticker(Feed):
        period = 0.7

    with World(Ticker, kernel=Acknowledging()) as world:
        kernel = world.kernel
        assert isinstance(kernel, Acknowledging)
        world.connect()
        kernel.on_its_way = 10
        for _ in range(600):
            world.advance(0.7)
        assert world.handler.reasons == []


def test_N03_a_listener_that_acknowledges_nothing_is_cut_at_the_idle_time() -> None:
    class Other(Feed):
        period = 25.0

    with World(Other, kernel=Acknowledging()) as world:
        kernel = world.kernel
        assert isinstance(kernel, Acknowledging)
        world.connect()
        kernel.on_its_way = 5
        world.advance(25)
        kernel.on_its_way = 10
        world.advance(25)
        kernel.on_its_way = 15
        world.advance(9.999)
        assert world.handler.reasons == []
        world.advance(0.001)
        assert world.handler.reasons == [CloseReason.IDLE_TIMEOUT]


def test_N03_a_listener_that_stops_acknowledging_is_cut() -> None:
    with World(Feed, kernel=Acknowledging()) as world:
        kernel = world.kernel
        assert isinstance(kernel, Acknowledging)
        world.connect()
        world.advance(60)  # and has taken what came at 30 s
        for _ in range(10):
            assert kernel.on_its_way is not None
            kernel.on_its_way += 5
            world.advance(30)
        assert world.handler.reasons == [CloseReason.IDLE_TIMEOUT]


def test_N03_where_nobody_can_tell_what_send_took_counts() -> None:
    with World(Feed, kernel=Acknowledging()) as world:
        kernel = world.kernel
        assert isinstance(kernel, Acknowledging)
        world.connect()
        kernel.on_its_way = None
        for _ in range(10):
            world.advance(30)
        assert world.handler.reasons == []


def test_N03_the_idle_time_begins_with_what_was_sent_last() -> None:
    class Once(Greeter):
        def on_open(self) -> None:
            super().on_open()
            self.reactor.call_later(40, self.send, b"news")

    with World(Once, kernel=Acknowledging()) as world:
        world.connect()
        world.advance(40)
        world.advance(59.999)
        assert world.handler.reasons == []
        world.advance(0.001)
        assert world.handler.reasons == [CloseReason.IDLE_TIMEOUT]


# a worker's time


class Timed(Greeter):
    process_timeout: float | None = 2.0
    idle_timeout = None


def test_none_by_default_and_nothing_on_a_single_reactor() -> None:
    assert Greeter.process_timeout is None
    with World(Timed) as world:
        peer = world.connect()
        peer.send(b"ann\n")
        assert peer.read(10) == b"Hello ann\n"
        assert world.reactor.statistics().timers == 0


@pytest.mark.parametrize("has_begun", [True, False])
def test_a_worker_that_takes_too_long_with_an_executor_of_others(has_begun: bool) -> None:
    manual = Manual()
    with World(Timed, workers=manual) as world:
        peer = world.connect()
        peer.send(b"ann\nbob\n")
        world.until(lambda: manual.waiting)
        if has_begun:
            manual.begin()
        world.advance(1.999)
        assert world.handler.state is State.PROCESSING
        world.advance(0.001)
        assert world.handler.reasons == [CloseReason.PROCESS_TIMEOUT]
        assert world.reactor.statistics().lost == int(has_begun)
        manual.run_one()
        world.turns()
        assert world.handler.seen == ([b"ann"] if has_begun else [])
        assert world.reactor.statistics().dropped == int(has_begun)
        assert peer.read_to_end() == b""


def test_a_worker_that_takes_too_long_in_a_pool() -> None:
    gate = Gate()

    class Slow(Timed):
        def process(self, record: bytes) -> bytes | None:
            if record == b"slow":
                gate()
            return super().process(record)

    with WorkerPool(1) as pool, World(Slow, workers=pool) as world, gate:
        busy, queued = world.connect(), world.connect()
        busy.send(b"slow\n")
        assert gate_begun(world, gate)
        queued.send(b"ann\n")
        world.until(lambda: world.reactor.statistics().requests == 2)
        world.advance(2)
        assert world.closed() == {CloseReason.PROCESS_TIMEOUT: 2}
        assert world.reactor.statistics().lost == 1
        gate.release.set()
        world.until(lambda: world.reactor.statistics().dropped == 1)
        assert pool.submit(int).result(PATIENCE) == 0  # behind the job that was queued
        assert [handler.seen for handler in world.handlers] == [[b"slow"], []]


def gate_begun(world: World, gate: Gate) -> bool:
    world.until(lambda: world.handlers[0].state is State.PROCESSING)
    return gate.begun.acquire(timeout=PATIENCE)


def test_each_record_has_a_time_of_its_own() -> None:
    manual = Manual()
    with World(Timed, workers=manual) as world:
        peer = world.connect()
        peer.send(b"a\n" * 5)
        for _ in range(5):
            world.until(lambda: manual.waiting)
            world.advance(1.9)
            manual.run_one()
            world.turns(1)
        assert peer.read(40) == b"Hello a\n" * 5
        world.advance(3600)
        assert world.handler.reasons == []


@pytest.mark.parametrize("end", ["reset", "close"])
def test_a_record_whose_connection_has_ended_is_not_processed(end: str) -> None:
    manual = Manual()
    with World(workers=manual) as world:
        peer = world.connect()
        peer.send(b"ann\n")
        world.until(lambda: manual.waiting)
        if end == "reset":
            peer.reset()

            def lost() -> bool:
                world.handler.write(b"x")  # nothing is read meanwhile: only sending finds it out
                return bool(world.handler.reasons)

            world.until(lost)
        else:
            world.handler.close()
        manual.run_one()
        world.turns()
        assert world.handler.seen == []
        assert world.reactor.statistics().lost == 0
