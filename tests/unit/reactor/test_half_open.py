"""Half-open streams: output that goes on after the peer's end, and input that goes on after ours."""

from __future__ import annotations

from concurrent.futures import Future

import pytest

from nio.framing import Lines
from nio.reactor import CloseReason, StreamHandler
from nio.reactor.streams._state import PROCESSING, READING, SUSPENDED
from tests.unit.reactor.support import Greeter, Keeper, Peer, World, in_a_thread, run


class HalfOpen(Keeper):
    half_open = True

    def __init__(self) -> None:
        super().__init__()
        self.ends = 0

    def on_peer_end(self) -> None:
        self.ends += 1


def ended(world: World) -> Peer:
    """A client that has said something, then ended its output."""
    peer = world.connect()
    peer.send(b"all I say")
    peer.half_close()
    world.until(lambda: world.handler.ends)
    return peer


def test_output_goes_on_after_the_peers_end() -> None:
    with World(HalfOpen) as world:
        peer = ended(world)
        handler = world.handler
        assert (handler.got, handler.ends, handler.state) == ([b"all I say"], 1, SUSPENDED)
        assert handler.half_closed
        assert handler.key.interest_ops == 0
        for word in (b"one", b"two"):
            assert handler.write(word)
            assert peer.read(3) == word
        handler.resume()  # there is nothing to read
        world.turns()
        assert (handler.ends, handler.state) == (1, SUSPENDED)
        handler.write(b"last")
        handler.finish()
        assert peer.read_to_end() == b"last"
        assert handler.reasons == [CloseReason.LOCAL]


def test_by_default_it_ends_with_the_peer() -> None:
    class Default(Keeper):
        half_open = True

    for cls in (Keeper, Default):
        with World(cls) as world:
            peer = world.connect()
            peer.half_close()
            assert peer.read_to_end() == b""
            assert world.handler.reasons == [CloseReason.PEER_FIN]


def test_all_input_was_dealt_with_before() -> None:
    class Late(HalfOpen):
        def handle_data(self, data: bytes) -> None:
            super().handle_data(data)
            self.write(b"x" * 100_000)

    with World(Late) as world:
        world.kernel.room = 0
        peer = world.connect()
        peer.send(b"data")
        peer.half_close()
        world.until(lambda: world.handler.got)
        world.turns()
        assert world.handler.ends == 0  # its input waits for its output
        world.kernel.room = None
        world.until(lambda: world.handler.ends)
        assert len(peer.read(100_000)) == 100_000


def test_records_are_answered_before_and_after() -> None:
    class Records(Greeter):
        half_open = True

        def on_peer_end(self) -> None:
            self.send(b"and now?")
            self.finish()

    with World(Records) as world:
        peer = world.connect()
        peer.send(b"ann\nbob\n")
        peer.half_close()
        assert peer.read_to_end() == b"Hello ann\nHello bob\nand now?\n"


def test_what_on_peer_end_raises_ends_the_connection(caplog: pytest.LogCaptureFixture) -> None:
    class Failing(Keeper):
        half_open = True

        def on_peer_end(self) -> None:
            raise LookupError("on purpose")

    with World(Failing) as world:
        peer = world.connect()
        peer.half_close()
        assert peer.read_to_end() == b""
        assert world.handler.reasons == [CloseReason.HANDLER_ERROR]


def test_a_ctrl_c_in_on_peer_end_leaves() -> None:
    class Leaving(Keeper):
        half_open = True

        def on_peer_end(self) -> None:
            raise KeyboardInterrupt

    with World(Leaving) as world:
        world.connect().half_close()
        with pytest.raises(KeyboardInterrupt):
            world.until(lambda: world.handler.reasons)


def test_a_half_open_connection_is_idle_when_nothing_goes_out() -> None:
    with World(HalfOpen) as world:
        ended(world)
        world.advance(50)
        world.handler.write(b"x")
        world.turns()
        world.advance(50)
        assert world.handler.reasons == []
        world.advance(61)
        world.advance(61)
        assert world.handler.reasons == [CloseReason.IDLE_TIMEOUT]


def test_a_reset_is_noticed_all_the_same() -> None:
    with World(HalfOpen) as world:
        peer = ended(world)
        peer.reset()
        world.handler.write(b"x" * 10)
        world.until(lambda: world.handler.reasons == [CloseReason.PEER_RST])


@pytest.mark.parametrize("before", [True, False])
def test_a_drain_ends_it(before: bool) -> None:
    with World(HalfOpen) as world:
        if before:
            ended(world)
        peer = world.connect()
        peer.half_close()
        world.reactor.stop(drain=5)
        run(world.reactor)
        assert {reason for handler in world.handlers for reason in handler.reasons} <= {
            CloseReason.DRAIN,
            CloseReason.PEER_FIN,
        }


def test_the_peers_end_during_a_drain_is_the_end() -> None:
    with World(HalfOpen) as world:
        peer = world.connect()
        peer.half_close()
        world.handler._own_rare().drain_began = world.kernel.now
        world.until(lambda: world.handler.reasons == [CloseReason.PEER_FIN])
        assert world.handler.ends == 0


# end_output


def test_input_goes_on_after_our_end() -> None:
    with World(HalfOpen) as world:
        peer = world.connect()
        handler = world.handler
        handler.write(b"all I say")
        handler.end_output()
        handler.end_output()
        assert handler.write(b"too late") is False
        assert peer.read_to_end() == b"all I say"
        for word in (b"one", b"two"):
            peer.send(word)
            world.until(lambda: b"".join(handler.got).endswith(word))  # noqa: B023  # called at once
        assert handler.state is READING
        peer.half_close()
        world.until(lambda: handler.reasons == [CloseReason.PEER_FIN])
        assert handler.ends == 1


def test_what_the_kernel_does_not_take_comes_before_the_end() -> None:
    with World(Keeper) as world:
        world.kernel.room = 3
        peer = world.connect()
        world.handler.write(b"123456")
        world.handler.end_output()
        world.turns()
        world.kernel.room = None
        assert peer.read_to_end() == b"123456"
        peer.send(b"more")
        world.until(lambda: world.handler.got == [b"more"])


def test_end_output_from_another_thread_and_after_the_end() -> None:
    with World(Keeper) as world:
        peer = world.connect()
        in_a_thread(world.handler.end_output)
        assert peer.read_to_end() == b""
        world.handler.close()
        world.handler.end_output()


def test_end_output_after_the_peers_end_is_the_end() -> None:
    with World(HalfOpen) as world:
        peer = ended(world)
        world.handler.write(b"bye")
        world.handler.end_output()
        assert peer.read_to_end() == b"bye"
        assert world.handler.reasons == [CloseReason.PEER_FIN]


def test_replies_after_our_end_are_dropped() -> None:
    class Once(StreamHandler):
        framing = Lines(max_length=256)

        def process(self, record: bytes) -> bytes | None:
            if record == b"end":
                self.end_output()
            return record

    with World(Once) as world:
        peer = world.connect()
        peer.send(b"one\nend\n")
        assert peer.read_to_end() == b"one\nend\n"
        peer.send(b"two\n")
        world.until(lambda: world.reactor.statistics().requests == 3)
        peer.send(b"three\n")
        world.until(lambda: world.reactor.statistics().requests == 4)
        assert world.handler.state is READING
        peer.close()
        world.until(lambda: world.closed())
        assert world.closed() == {CloseReason.PEER_FIN: 1}


@pytest.mark.parametrize("room", [None, 3])
def test_of_one_read_the_replies_behind_our_end_are_dropped(room: int | None, workers: int) -> None:
    class Once(StreamHandler):
        def process(self, record: bytes) -> bytes | None:
            if record == b"end":
                self.end_output()
            return record

    with World(Once, workers=workers) as world:
        world.kernel.room = room
        peer = world.connect()
        peer.send(b"one\nend\ntwo\nthree\n")
        world.until(lambda: world.reactor.statistics().requests == 4 and world.handler.state is READING)
        world.kernel.room = None
        assert peer.read_to_end() == b"one\nend\n"
        peer.half_close()
        world.until(lambda: world.closed() == {CloseReason.PEER_FIN: 1})


def test_a_late_reply_that_is_owed_comes_before_our_end(workers: int) -> None:
    owed: list[Future[bytes | None]] = []

    class Later(StreamHandler):
        def process(self, record: bytes) -> Future[bytes | None]:
            owed.append(Future())
            return owed[-1]

    with World(Later, workers=workers) as world:
        peer = world.connect()
        peer.send(b"one\ntwo\n")
        world.until(lambda: owed and world.handler.state is PROCESSING)
        world.handler.end_output()
        world.turns()
        assert world.handler.write(b"too late") is False
        owed[0].set_result(b"one")
        assert peer.read_to_end() == b"one\n"
        world.until(lambda: len(owed) == 2)
        owed[1].set_result(b"two")
        peer.half_close()
        world.until(lambda: world.closed() == {CloseReason.PEER_FIN: 1})


def test_a_coroutine_as_on_peer_end_is_refused() -> None:
    class Wrong(Keeper):
        async def on_peer_end(self) -> None:  # type: ignore[override]
            pass

    with pytest.raises(TypeError, match=r"Wrong\.on_peer_end is a coroutine function"):
        Wrong.check_class()
