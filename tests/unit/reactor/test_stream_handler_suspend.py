"""StreamHandler: suspend() and resume() between the records of one read, with and without workers."""

from __future__ import annotations

from random import Random

import pytest

from nio.channels import SelectionKey
from nio.reactor import CloseReason, State
from tests.unit.reactor.support import Greeter, Manual, World, run

READ, WRITE = int(SelectionKey.OP_READ), int(SelectionKey.OP_WRITE)
FIVE = [b"ann", b"bob", b"carl", b"dora", b"eve"]
ASKED = b"".join(name + b"\n" for name in FIVE)


def hellos(*names: bytes) -> bytes:
    return b"".join(b"Hello " + name + b"\n" for name in names)


class Halting(Greeter):
    """Suspends itself with each record that is named in ``halts``."""

    halts: tuple[bytes, ...] = (b"bob",)

    def process(self, record: bytes) -> bytes | None:
        if record in self.halts:
            self.suspend()
        return super().process(record)


def test_process_may_suspend_amid_the_records_of_one_read() -> None:
    with World(Halting) as world:
        peer = world.connect()
        handler = world.handler
        peer.send(ASKED)
        assert peer.read(20) == hellos(*FIVE[:2])  # its own reply is not held back
        world.turns(5)
        assert (handler.seen, handler.state, handler.key.interest_ops) == (FIVE[:2], State.SUSPENDED, 0)
        handler.resume()
        assert peer.read(len(hellos(*FIVE[2:]))) == hellos(*FIVE[2:])
        assert (handler.seen, handler.state, handler.key.interest_ops) == (FIVE, State.READING, READ)


@pytest.mark.parametrize("room", [None, 0, 3])
def test_the_reply_to_one_record_alone_is_sent_though_it_suspends(room: int | None) -> None:
    with World(Halting) as world:
        peer = world.connect()
        world.kernel.room = room
        peer.send(b"bob\n")
        world.until_state(State.SUSPENDED)
        world.turns()
        world.kernel.room = None
        assert peer.read(10) == b"Hello bob\n"
        world.turns()
        assert (world.handler.state, world.handler.key.interest_ops) == (State.SUSPENDED, 0)
        peer.send(b"carl\n")
        world.turns()
        world.handler.resume()
        assert peer.read(11) == b"Hello carl\n"


def test_every_record_may_suspend() -> None:
    class Stepwise(Halting):
        halts = tuple(FIVE)

    with World(Stepwise) as world:
        peer = world.connect()
        peer.send(ASKED + b"half a rec")
        for count in range(1, 6):
            world.until(lambda count=count: len(world.handler.seen) == count)  # type: ignore[misc]
            world.turns(5)
            assert (world.handler.seen, world.handler.state) == (FIVE[:count], State.SUSPENDED)
            world.handler.resume()
        peer.send(b"ord\n")
        assert peer.read(len(hellos(*FIVE, b"half a record"))) == hellos(*FIVE, b"half a record")


@pytest.mark.parametrize("halt", [62, 63, 64, 65, 199])
def test_more_records_than_are_decoded_at_a_time(halt: int) -> None:
    class Far(Halting):
        halts = (b"%d" % halt,)

    names = [b"%d" % number for number in range(200)]
    with World(Far) as world:
        peer = world.connect()
        peer.send(b"".join(name + b"\n" for name in names))
        world.until_state(State.SUSPENDED)
        world.turns(5)
        assert world.handler.seen == names[: halt + 1]
        world.handler.resume()
        assert peer.read(len(hellos(*names))) == hellos(*names)
        assert world.handler.seen == names


def test_the_peer_s_end_waits_for_resume_and_the_records_before_it_too() -> None:
    with World(Halting) as world:
        peer = world.connect()
        handler = world.handler
        peer.send(ASKED)
        peer.half_close()
        world.until_state(State.SUSPENDED)
        world.turns(5)
        assert (handler.reasons, handler.seen) == ([], FIVE[:2])
        handler.resume()
        assert peer.read_to_end() == hellos(*FIVE)
        assert handler.reasons == [CloseReason.PEER_FIN]


def test_an_unfinished_record_is_not_the_peer_s_slowness_while_suspended() -> None:
    with World() as world:
        peer = world.connect()
        peer.send(b"an")
        world.received(2)
        world.handler.suspend()
        world.advance(100)
        assert world.handler.state is State.SUSPENDED


# with workers


def test_suspended_while_a_worker_has_a_record_the_next_waits_for_resume() -> None:
    manual = Manual()
    with World(workers=manual) as world:
        peer = world.connect()
        handler = world.handler
        peer.send(ASKED)
        world.until(lambda: manual.waiting)
        handler.suspend()
        assert handler.state is State.PROCESSING
        manual.run_one()
        assert peer.read(10) == b"Hello ann\n"
        world.turns(5)
        assert (handler.state, handler.key.interest_ops, manual.submitted) == (State.SUSPENDED, 0, 1)
        handler.resume()
        for _ in FIVE[1:]:
            world.until(lambda: manual.waiting)
            assert handler.state is State.PROCESSING
            manual.run_one()
        assert peer.read(len(hellos(*FIVE[1:]))) == hellos(*FIVE[1:])
        assert handler.seen == FIVE


def test_suspended_and_resumed_while_a_worker_has_a_record_nothing_has_changed() -> None:
    manual = Manual()
    with World(workers=manual) as world:
        peer = world.connect()
        peer.send(b"ann\nbob\n")
        world.until(lambda: manual.waiting)
        world.handler.suspend()
        world.handler.resume()
        manual.run_one()
        world.until(lambda: manual.waiting)
        manual.run_one()
        assert peer.read(20) == hellos(b"ann", b"bob")


@pytest.mark.parametrize("seed", range(5))
def test_the_order_holds_whenever_it_is_suspended_and_resumed(workers: int, seed: int) -> None:
    random = Random(seed)
    names = [b"%d" % number for number in range(100)]
    expected = hellos(*names)
    with World(workers=workers) as world:
        peer = world.connect()
        peer.send(b"".join(name + b"\n" for name in names))

        def is_done() -> bool:
            random.choice([world.handler.suspend, world.handler.resume, int])()
            peer.pull()
            return len(peer.got) == len(expected)

        world.until(is_done)
        assert peer.got == expected


@pytest.mark.parametrize("reply", [b"Hello ann\n", b""], ids=["reply", "none"])
def test_finish_while_a_worker_has_a_record_does_not_wait_for_resume(reply: bytes) -> None:
    class Maybe(Greeter):
        def process(self, record: bytes) -> bytes | None:
            answer = super().process(record)
            return answer if reply else None

    manual = Manual()
    with World(Maybe, workers=manual) as world:
        peer = world.connect()
        peer.send(b"ann\nbob\n")
        world.until(lambda: manual.waiting)
        world.handler.suspend()
        world.handler.finish()
        world.handler.suspend()
        manual.run_one()
        assert peer.read_to_end() == reply
        peer.close()
        world.until(lambda: world.handler.reasons)
        assert (world.handler.reasons, manual.submitted) == ([CloseReason.LOCAL], 1)


def test_a_drain_while_a_worker_has_a_record_does_not_wait_for_resume() -> None:
    manual = Manual()
    with World(workers=manual) as world:
        peer = world.connect()
        peer.send(b"ann\nbob\n")
        world.until(lambda: manual.waiting)
        world.handler.suspend()
        world.reactor.stop(drain=5)
        world.turns()
        manual.run_one()
        assert peer.read_to_end() == b"Hello ann\n"
        peer.close()
        run(world.reactor)
        assert world.handler.reasons == [CloseReason.DRAIN]
        assert world.reactor.statistics().abandoned == 0


# the marks, with workers


def test_C06_the_low_mark_is_told_though_a_completion_sends_the_rest() -> None:
    class Small(Greeter):
        low_mark, high_mark = 20, 40

        def __init__(self) -> None:
            super().__init__()
            self.writable: list[bool] = []

        def on_writable(self, writable: bool) -> None:
            self.writable.append(writable)

    manual = Manual()
    with World(Small, workers=manual) as world:
        peer = world.connect()
        handler = world.handler
        peer.send(b"ann\n")
        world.until(lambda: manual.waiting)
        world.kernel.room = 0
        handler.send(b"x" * 49)
        world.turns()
        assert (handler.state, handler.writable) == (State.PROCESSING, [False])
        world.kernel.room = 25
        world.until(lambda: handler.unsent == 25)
        manual.run_one()
        world.kernel.sends.append(0)  # to the key, which is ready first; the completion then finds room
        world.kernel.room = None
        assert peer.read(60) == b"x" * 49 + b"\nHello ann\n"
        world.turns()
        assert handler.writable == [False, True]


def test_C05_resumed_over_the_mark_no_record_is_processed_before_the_low_mark() -> None:
    class Small(Halting):
        low_mark, high_mark = 20, 40

    with World(Small) as world:
        peer = world.connect()
        handler = world.handler
        peer.send(ASKED)
        assert peer.read(20) == hellos(*FIVE[:2])
        world.kernel.room = 0
        handler.send(b"x" * 49)
        world.turns()
        handler.resume()
        world.turns(5)
        assert (handler.state, handler.seen) == (State.SENDING, FIVE[:2])
        world.kernel.room = None
        assert peer.read(50 + len(hellos(*FIVE[2:]))) == b"x" * 49 + b"\n" + hellos(*FIVE[2:])
