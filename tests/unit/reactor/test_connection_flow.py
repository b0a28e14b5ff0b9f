"""Connection: back-pressure by the marks, and suspend() and resume()."""

from __future__ import annotations

import logging
from random import Random

import pytest

from nio.channels import SelectionKey
from nio.reactor import CloseReason, State
from tests.unit.reactor.support import NEVER, Echo, Keeper, World, run

READ, WRITE = int(SelectionKey.OP_READ), int(SelectionKey.OP_WRITE)


class Small(Echo):
    """Marks that a few bytes reach."""

    low_mark, high_mark = 20, 40


# the marks


def test_below_the_high_mark_more_is_read() -> None:
    with World(Small) as world:
        peer = world.connect()
        handler = world.handler
        world.kernel.room = 0
        peer.send(b"x" * 39)
        world.received(39)
        assert (handler.state, handler.key.interest_ops, handler.writable) == (State.READING, READ | WRITE, [])


def test_C05_at_the_high_mark_nothing_is_read_until_the_low_mark() -> None:
    with World(Small) as world:
        peer = world.connect()
        handler = world.handler
        world.kernel.room = 0
        peer.send(b"x" * 40)
        world.until_state(State.SENDING)
        assert (handler.key.interest_ops, handler.unsent, handler.writable) == (WRITE, 40, [False])
        peer.send(b"more")
        world.turns(5)
        assert b"".join(handler.got) == b"x" * 40
        world.kernel.room = 19
        world.until(lambda: handler.unsent == 21)
        world.turns()
        assert (handler.state, handler.writable) == (State.SENDING, [False])
        world.kernel.room = 1
        world.until(lambda: handler.got[-1] == b"more")
        assert (handler.state, handler.writable) == (State.READING, [False, True])
        world.kernel.room = None
        assert peer.read(44) == b"x" * 40 + b"more"
        assert handler.writable == [False, True]


@pytest.mark.parametrize("seed", range(10))
def test_each_crossing_is_told_once(seed: int) -> None:
    random = Random(seed)
    with World(Small) as world:
        peer = world.connect()
        handler = world.handler
        sent = 0
        for _ in range(200):
            told = len(handler.writable)
            deed = random.choice(["ask", "write", "room", "turn"])
            if deed == "ask":
                peer.send(b"x" * 15)
                sent += 15
            elif deed == "write":
                handler.write(b"x" * 15)
                sent += 15
                assert len(handler.writable) == told
            elif deed == "room":
                world.kernel.room = random.choice([None, 0, 1, 20, 50])
            else:
                world.reactor.turn(0)
                assert len(handler.writable) <= told + 2
                assert handler.unsent < 40 or handler.writable[-1:] == [False]
                assert handler.unsent > 20 or handler.writable[-1:] != [False]
        world.kernel.room = None
        assert peer.read(sent) == b"x" * sent
        assert handler.writable == [False, True] * (len(handler.writable) // 2)
        assert handler.writable


def test_C06_a_producer_that_stops_and_goes_on_when_told_fills_no_memory() -> None:
    highest = 0

    class Producer(Keeper):
        left = 100

        def on_open(self) -> None:
            self.more()

        def more(self) -> None:
            nonlocal highest
            if self.left and self.writable[-1:] != [False]:
                self.left -= 1
                assert self.write(bytes(10_000))
                highest = max(highest, self.unsent)
                self.reactor.execute(self.more)  # behind the sending of this piece

        def on_writable(self, writable: bool) -> None:
            super().on_writable(writable)
            self.more()

    with World(Producer) as world:
        world.kernel.room = 0
        peer = world.connect()

        def all_has_come() -> bool:
            world.kernel.room = 30_000  # for the next turn
            peer.pull()
            return len(peer.got) == 1_000_000

        world.until(lambda: world.handler.writable)
        world.until(all_has_come)
        assert peer.got == bytes(1_000_000)
        assert Producer.high_mark <= highest < Producer.high_mark + 10_000
        assert world.handler.writable == [False, True] * (len(world.handler.writable) // 2)


@pytest.mark.parametrize("end", ["finish", "close"])
@pytest.mark.parametrize("when", [False, True], ids=["high", "low"])
def test_on_writable_may_end_the_connection(end: str, when: bool) -> None:
    class Gone(Small):
        def on_writable(self, writable: bool) -> None:
            super().on_writable(writable)
            if writable is when:
                getattr(self, end)()

    with World(Gone) as world:
        peer = world.connect()
        world.kernel.room = 0
        peer.send(b"x" * 60)
        world.received(60)
        world.kernel.room = None
        data = peer.read_to_end()
        assert data == (b"" if (end, when) == ("close", False) else b"x" * 60)
        peer.close()
        world.until(lambda: world.handler.reasons)
        assert world.handler.reasons == [CloseReason.LOCAL]
        assert world.handler.writable == ([False, True] if when else [False])


def test_an_on_writable_that_raises_ends_the_connection(caplog: pytest.LogCaptureFixture) -> None:
    class Raises(Small):
        def on_writable(self, writable: bool) -> None:
            super().on_writable(writable)
            raise KeyError(writable)

    with World(Raises) as world:
        peer = world.connect()
        world.kernel.room = 0
        peer.send(b"x" * 60)
        world.until(lambda: world.handler.writable)
        world.kernel.room = None
        peer.read_to_end()
        peer.close()
        world.until(lambda: world.closed())
        assert world.closed() == {CloseReason.HANDLER_ERROR: 1}
        assert world.handler.writable == [False]
        assert [record.levelno for record in caplog.records] == [logging.ERROR]


# suspend and resume


def test_while_suspended_nothing_is_read_and_what_came_meanwhile_comes_after() -> None:
    with World(Keeper) as world:
        peer = world.connect()
        handler = world.handler
        handler.suspend()
        assert (handler.state, handler.key.interest_ops) == (State.SUSPENDED, 0)
        peer.send(b"hello")
        world.turns(5)
        assert (handler.got, world.reactor.statistics().bytes_in) == ([], 0)
        handler.resume()
        assert handler.got == []  # from the next tick on
        world.until(lambda: handler.got)
        assert (handler.got, handler.state, handler.key.interest_ops) == ([b"hello"], State.READING, READ)


def test_suspend_and_resume_twice_are_as_once() -> None:
    with World(Keeper) as world:
        peer = world.connect()
        handler = world.handler
        for _ in range(2):
            handler.suspend()
        peer.send(b"a")
        for _ in range(2):
            handler.resume()
        world.until(lambda: handler.got)
        handler.resume()
        peer.send(b"b")
        world.received(2)
        assert handler.got == [b"a", b"b"]


def test_whoever_changes_its_mind_before_the_tick_stays_suspended() -> None:
    with World(Keeper) as world:
        peer = world.connect()
        handler = world.handler
        peer.send(b"hello")
        handler.suspend()
        handler.resume()
        handler.suspend()
        world.turns(5)
        assert (handler.state, handler.got) == (State.SUSPENDED, [])


def test_handle_data_may_suspend_with_more_on_the_way() -> None:
    class OneByOne(Echo):
        def handle_data(self, data: bytes) -> None:
            super().handle_data(data)
            self.suspend()

    with World(OneByOne) as world:
        peer = world.connect()
        handler = world.handler
        world.kernel.recvs.extend([3, 3])
        peer.send(b"onetwothree")
        assert peer.read(3) == b"one"  # what it wrote itself is not held back
        world.turns(5)
        assert (handler.got, handler.state, handler.key.interest_ops) == ([b"one"], State.SUSPENDED, 0)
        handler.resume()
        assert peer.read(3) == b"two"
        world.turns(5)
        assert (handler.got, handler.state) == ([b"one", b"two"], State.SUSPENDED)
        handler.resume()
        assert peer.read(5) == b"three"


def test_a_handler_that_suspends_another_of_the_same_selection_is_obeyed() -> None:
    class Rude(Keeper):
        def handle_data(self, data: bytes) -> None:
            super().handle_data(data)
            for other in world.handlers:
                if other is not self:
                    other.suspend()

    with World(Rude) as world:
        peers = [world.connect(), world.connect()]
        for peer in peers:
            peer.send(b"x")
        world.turns(5)
        assert sorted(handler.got for handler in world.handlers) == [[], [b"x"]]


def test_what_is_written_while_suspended_is_sent_and_the_marks_are_told() -> None:
    with World(Small) as world:
        peer = world.connect()
        handler = world.handler
        handler.suspend()
        handler.write(b"news")
        assert peer.read(4) == b"news"
        world.kernel.room = 0
        handler.write(b"x" * 50)
        world.turns()
        assert (handler.state, handler.key.interest_ops, handler.writable) == (State.SUSPENDED, WRITE, [False])
        world.kernel.room = None
        assert peer.read(50) == b"x" * 50
        assert (handler.state, handler.key.interest_ops, handler.writable) == (State.SUSPENDED, 0, [False, True])


def test_C05_resumed_over_the_mark_nothing_is_read_before_the_low_mark() -> None:
    with World(Small) as world:
        peer = world.connect()
        handler = world.handler
        handler.suspend()
        world.kernel.room = 0
        handler.write(b"x" * 50)
        peer.send(b"hello")
        world.turns()
        handler.resume()
        world.turns(5)
        assert (handler.state, handler.got) == (State.SENDING, [])
        world.kernel.room = None
        assert peer.read(55) == b"x" * 50 + b"hello"


def test_suspended_while_sending_it_rests_at_the_low_mark() -> None:
    with World(Small) as world:
        peer = world.connect()
        handler = world.handler
        world.kernel.room = 0
        peer.send(b"x" * 40)
        world.until_state(State.SENDING)
        handler.suspend()
        assert handler.state is State.SENDING
        peer.send(b"more")
        world.kernel.room = None
        assert peer.read(40) == b"x" * 40
        world.turns(5)
        assert (handler.state, handler.key.interest_ops, handler.writable) == (State.SUSPENDED, 0, [False, True])
        assert handler.got == [b"x" * 40]
        handler.resume()
        assert peer.read(4) == b"more"


def test_suspended_and_resumed_while_sending_nothing_has_changed() -> None:
    with World(Small) as world:
        peer = world.connect()
        world.kernel.room = 0
        peer.send(b"x" * 40)
        world.until_state(State.SENDING)
        world.handler.suspend()
        world.handler.resume()
        world.turns()
        assert world.handler.state is State.SENDING
        world.kernel.room = None
        peer.send(b"more")
        assert peer.read(44) == b"x" * 40 + b"more"


def test_on_open_may_suspend() -> None:
    class Later(Echo):
        def on_open(self) -> None:
            self.suspend()

    with World(Later) as world:
        peer = world.connect()
        peer.send(b"hello")
        world.turns(5)
        assert world.handler.got == []
        world.handler.resume()
        assert peer.read(5) == b"hello"


@pytest.mark.parametrize("end", ["half_close", "reset"])
def test_the_peer_s_end_is_noticed_after_resume(end: str) -> None:
    with World(Keeper) as world:
        peer = world.connect()
        handler = world.handler
        peer.send(b"last")
        world.received(4)
        handler.suspend()
        getattr(peer, end)()
        world.turns(5)
        if end == "half_close":  # a reset is told at once, where the back end can tell it
            assert (handler.reasons, handler.state) == ([], State.SUSPENDED)
        handler.resume()
        world.until(lambda: handler.reasons)
        assert handler.reasons == [CloseReason.PEER_FIN if end == "half_close" else CloseReason.PEER_RST]


def test_finish_does_not_wait_for_resume() -> None:
    with World(Keeper) as world:
        peer = world.connect()
        handler = world.handler
        handler.suspend()
        peer.send(b"never read")
        handler.write(b"last")
        handler.finish()
        assert peer.read_to_end() == b"last"
        assert (handler.state, handler.got) == (State.LINGERING, [])
        handler.resume()
        peer.close()
        world.until(lambda: handler.reasons)
        assert (handler.reasons, handler.got) == ([CloseReason.LOCAL], [])


def test_after_the_end_suspend_and_resume_are_nothing() -> None:
    with World(Keeper) as world:
        world.connect()
        world.handler.close()
        world.handler.suspend()
        world.handler.resume()
        world.turns()
        assert (world.handler.state, world.handler.reasons) == (State.CLOSED, [CloseReason.LOCAL])


def test_the_silence_of_a_suspended_connection_is_nobody_s_fault() -> None:
    with World(Keeper) as world:
        world.connect()
        handler = world.handler
        handler.suspend()
        for _ in range(5):
            world.advance(50)
        assert handler.reasons == []
        handler.resume()
        world.turns()
        world.advance(59)
        assert handler.reasons == []
        world.advance(2)
        assert handler.reasons == [CloseReason.IDLE_TIMEOUT]


# the drain


@pytest.mark.parametrize("room", [None, 0, 3])
def test_a_drain_does_not_wait_for_resume(room: int | None) -> None:
    with World(Keeper) as world:
        peer = world.connect()
        handler = world.handler
        handler.suspend()
        peer.send(b"never read")
        world.kernel.room = room
        handler.write(b"last")
        world.reactor.stop(drain=5)
        world.turns()
        world.kernel.room = None
        assert peer.read_to_end() == b"last"
        peer.close()
        run(world.reactor)
        assert (handler.reasons, handler.got) == ([CloseReason.DRAIN], [])
        assert world.reactor.statistics().abandoned == 0


def test_suspended_while_sending_it_is_drained() -> None:
    with World(Small) as world:
        peer = world.connect()
        world.kernel.room = 0
        peer.send(b"x" * 40)
        world.until_state(State.SENDING)
        world.handler.suspend()
        world.reactor.stop(drain=5)
        world.turns()
        world.kernel.room = None
        assert peer.read_to_end() == b"x" * 40
        peer.close()
        run(world.reactor)
        assert world.handler.reasons == [CloseReason.DRAIN]


def test_a_handler_that_suspends_during_the_drain_is_done() -> None:
    class OneByOne(Echo):
        def handle_data(self, data: bytes) -> None:
            super().handle_data(data)
            self.suspend()

    with World(OneByOne) as world:
        peer = world.connect()
        world.kernel.recvs.extend([NEVER, 3])  # the drain reads it, not the selection before
        peer.send(b"onetwo")
        world.turns(1)
        world.reactor.stop(drain=5)
        assert peer.read_to_end() == b"one"
        peer.close()
        run(world.reactor)
        assert world.handler.reasons == [CloseReason.DRAIN]


def test_a_timer_that_suspends_during_the_drain_does_not_delay_it() -> None:
    with World(Small) as world:
        peer = world.connect()
        world.kernel.room = 0
        peer.send(b"x" * 40)
        world.until_state(State.SENDING)
        world.reactor.stop(drain=5)
        world.turns()
        world.kernel.room = 20
        world.handler.suspend()
        world.until(lambda: world.handler.unsent == 20)
        world.turns()
        assert world.handler.state is State.CLOSING
        world.kernel.room = None
        assert peer.read_to_end() == b"x" * 40
        peer.close()
        run(world.reactor)
        assert world.handler.reasons == [CloseReason.DRAIN]
