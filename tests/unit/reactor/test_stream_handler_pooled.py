"""StreamHandler with workers, moment by moment: the executor of these tests runs a job when it is told to."""

from __future__ import annotations

import logging
import threading
import time

import pytest

from nio.channels import SelectionKey
from nio.executors import WorkerPool
from nio.reactor import CloseReason, State
from tests.unit.reactor.support import PATIENCE, Greeter, Manual, Silent, World, run

READ, WRITE = int(SelectionKey.OP_READ), int(SelectionKey.OP_WRITE)


class Small(Greeter):
    low_mark, high_mark = 20, 40


def asked(world: World, manual: Manual) -> None:
    """Turn until a job waits."""
    world.until(lambda: manual.waiting)


def test_while_a_worker_has_the_record_nothing_is_watched() -> None:
    manual = Manual()
    with World(workers=manual) as world:
        peer = world.connect()
        key = world.handler.key
        peer.send(b"ann\nbob\n")
        asked(world, manual)
        assert (world.handler.state, key.interest_ops) == (State.PROCESSING, 0)
        peer.send(b"carl\n")
        world.turns()
        assert world.reactor.statistics().bytes_in == 8
        manual.run_one()
        assert peer.read(10) == b"Hello ann\n"
        assert (world.handler.state, key.interest_ops) == (State.PROCESSING, 0)
        manual.run_one()
        assert peer.read(10) == b"Hello bob\n"
        asked(world, manual)
        manual.run_one()
        assert peer.read(11) == b"Hello carl\n"
        assert (world.handler.state, key.interest_ops) == (State.READING, READ)


def test_F07_one_record_of_a_connection_is_under_way_at_a_time() -> None:
    manual = Manual()
    with World(workers=manual) as world:
        first, second = world.connect(), world.connect()
        first.send(b"a1\na2\na3\n")
        second.send(b"b1\nb2\n")
        world.until(lambda: len(manual.waiting) == 2)
        for _ in range(5):
            world.turns()
            assert len(manual.waiting) <= 2
            manual.run_one()
        assert first.read(27) == b"Hello a1\nHello a2\nHello a3\n"
        assert second.read(18) == b"Hello b1\nHello b2\n"
        assert manual.submitted == 5


def test_F07_replies_keep_their_order_however_long_each_takes() -> None:
    release = threading.Event()

    class Slow(Greeter):
        def process(self, record: bytes) -> bytes | None:
            if record == b"first":
                release.wait(PATIENCE)
            return super().process(record)

    with World(Slow, workers=4) as world:
        peer, other = world.connect(), world.connect()
        peer.send(b"first\n" + b"later\n" * 20)
        other.send(b"ann\n")
        assert other.read(10) == b"Hello ann\n"
        assert world.handlers[0].seen == []
        release.set()
        assert peer.read(252) == b"Hello first\n" + b"Hello later\n" * 20


def test_output_left_over_is_sent_while_the_next_record_is_processed() -> None:
    manual = Manual()
    with World(workers=manual) as world:
        peer = world.connect()
        world.kernel.room = 4
        peer.send(b"ann\nbob\n")
        asked(world, manual)
        manual.run_one()
        asked(world, manual)
        assert (world.handler.state, world.handler.unsent) == (State.PROCESSING, 6)
        assert world.handler.key.interest_ops == WRITE
        world.kernel.room = None
        assert peer.read(10) == b"Hello ann\n"
        assert world.handler.key.interest_ops == 0
        manual.run_one()
        assert peer.read(10) == b"Hello bob\n"


def test_C06_over_the_mark_no_record_is_handed_off() -> None:
    manual = Manual()
    with World(Small, workers=manual) as world:
        peer = world.connect()
        world.kernel.room = 0
        peer.send(b"ann\n" * 10)
        for _ in range(4):
            asked(world, manual)
            manual.run_one()
        world.until_state(State.SENDING)
        world.turns()
        assert (manual.submitted, world.handler.unsent) == (4, 40)
        world.kernel.room = 19
        world.until(lambda: world.handler.unsent == 21)
        world.turns()
        assert manual.submitted == 4
        world.kernel.room = 1
        world.until(lambda: manual.submitted == 5)
        world.kernel.room = None
        for _ in range(6):
            asked(world, manual)
            manual.run_one()
        assert peer.read(100) == b"Hello ann\n" * 10


def test_a_record_without_reply_brings_the_next() -> None:
    manual = Manual()
    with World(Silent, workers=manual) as world:
        peer = world.connect()
        peer.send(b"ann\nbob\n")
        for _ in range(2):
            asked(world, manual)
            manual.run_one()
        world.until_state(State.READING)
        assert world.handler.seen == [b"ann", b"bob"]
        peer.half_close()
        assert peer.read_to_end() == b""


@pytest.mark.parametrize("outcome", ["reply", "failure"])
def test_F09_what_comes_after_the_close_is_dropped_and_counted(outcome: str) -> None:
    class Bad(Greeter):
        def process(self, record: bytes) -> bytes | None:
            if outcome == "failure":
                raise KeyError(record)
            return super().process(record)

    manual = Manual()
    with World(Bad, workers=manual) as world:
        peer = world.connect()
        peer.send(b"ann\n")
        asked(world, manual)
        handler = world.handler
        manual.begin()
        handler.close(CloseReason.OVERLOAD)
        manual.run_one()
        world.turns()
        assert world.reactor.statistics().dropped == 1
        assert handler.reasons == [CloseReason.OVERLOAD]
        assert peer.read_to_end() == b""


def test_finish_waits_for_the_reply_that_is_owed() -> None:
    manual = Manual()
    with World(workers=manual) as world:
        peer = world.connect()
        peer.send(b"ann\nbob\n")
        asked(world, manual)
        world.handler.finish(CloseReason.OVERLOAD)
        world.turns()
        manual.run_one()
        assert peer.read_to_end() == b"Hello ann\n"
        peer.close()
        world.until(lambda: world.closed())
        assert manual.submitted == 1
        assert world.handler.reasons == [CloseReason.OVERLOAD]


def test_finish_in_a_worker_s_absence_is_final_whatever_the_worker_says() -> None:
    class Bad(Greeter):
        def process(self, record: bytes) -> bytes | None:
            raise KeyError(record)

    manual = Manual()
    with World(Bad, workers=manual) as world:
        peer = world.connect()
        peer.send(b"ann\nbob\n")
        asked(world, manual)
        world.handler.finish(CloseReason.OVERLOAD)
        world.turns()
        manual.run_one()
        assert peer.read_to_end() == b""
        peer.close()
        world.until(lambda: world.closed())
        assert manual.submitted == 1
        assert world.reactor.statistics().dropped == 0


def test_finish_twice_while_a_worker_has_the_record_keeps_the_first_reason() -> None:
    manual = Manual()
    with World(workers=manual) as world:
        peer = world.connect()
        peer.send(b"ann\n")
        asked(world, manual)
        world.handler.finish(CloseReason.OVERLOAD)
        world.handler.finish(CloseReason.LOCAL)
        manual.run_one()
        assert peer.read_to_end() == b"Hello ann\n"
        peer.close()
        world.until(lambda: world.closed() == {CloseReason.OVERLOAD: 1})


@pytest.mark.parametrize("reason", list(CloseReason))
def test_finish_with_any_reason_while_a_worker_has_the_record(reason: CloseReason) -> None:
    manual = Manual()
    with World(workers=manual) as world:
        peer = world.connect()
        peer.send(b"ann\n")
        asked(world, manual)
        world.handler.finish(reason)
        manual.run_one()
        assert peer.read_to_end() == b"Hello ann\n"
        peer.close()
        world.until(lambda: world.closed() == {reason: 1})


def test_finish_and_then_a_drain_keep_the_reason_of_finish() -> None:
    manual = Manual()
    with World(workers=manual) as world:
        peer = world.connect()
        peer.send(b"ann\nbob\n")
        asked(world, manual)
        world.handler.finish(CloseReason.OVERLOAD)
        world.reactor.stop(drain=5)
        world.turns()
        manual.run_one()
        assert peer.read_to_end() == b"Hello ann\n"
        peer.close()
        run(world.reactor)
        assert world.closed() == {CloseReason.OVERLOAD: 1}


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, GeneratorExit, MemoryError, RecursionError])
def test_F03_whatever_process_raises_ends_one_connection_and_no_worker(
    error: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    class Bad(Greeter):
        def process(self, record: bytes) -> bytes | None:
            if record == b"bad":
                raise error("on purpose")
            return super().process(record)

    with WorkerPool(1) as pool, World(Bad, workers=pool) as world:
        peer, other = world.connect(), world.connect()
        bad = world.handlers[0]
        peer.send(b"ann\nbad\nbob\n")
        assert peer.read_to_end() == b"Hello ann\n"
        peer.close()
        world.until(lambda: world.closed())
        assert bad.reasons == [CloseReason.HANDLER_ERROR]
        other.send(b"carl\n")
        assert other.read(11) == b"Hello carl\n"
        assert pool.statistics().threads == 1
    ours = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert len(ours) == 1


def test_a_request_that_takes_its_time_costs_at_most_three_selections() -> None:
    class Slow(Greeter):
        def process(self, record: bytes) -> bytes | None:
            time.sleep(0.05)  # the work
            return super().process(record)

    with World(Slow, workers=1) as world:
        peer = world.connect()
        world.turns()
        before = len(world.kernel.waits)
        peer.send(b"ann\n")
        while not peer.pull():
            world.reactor.turn(PATIENCE)
        assert peer.got == b"Hello ann\n"
        assert len(world.kernel.waits) - before <= 3
