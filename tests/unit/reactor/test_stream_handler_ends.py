"""StreamHandler, its end: finish, close, linger; on_close exactly once and with the reason."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from nio.channels import SelectionKey
from nio.errors import ClosedChannelError
from nio.reactor import CloseReason, State
from tests.unit.reactor.support import Blob, Greeter, Manual, Silent, World


@pytest.mark.parametrize("end", ["close", "finish", "peer"])
def test_on_close_comes_when_the_channel_is_closed_and_the_key_gone(workers: int, end: str) -> None:
    found: list[tuple[object, ...]] = []

    class Looks(Greeter):
        def on_close(self, reason: CloseReason) -> None:
            super().on_close(reason)
            found.append((self.state, self.channel.is_open, self.key.is_valid, world.reactor.statistics().open))

    with World(Looks, workers=workers) as world:
        peer = world.connect()
        peer.send(b"ann\n")
        assert peer.read(10) == b"Hello ann\n"
        if end == "peer":
            peer.close()
        else:
            getattr(world.handler, end)()
            peer.half_close()
        world.until(lambda: world.closed())
        assert found == [(State.CLOSED, False, False, 0)]


def test_finish_answers_what_is_owed_then_ends(workers: int) -> None:
    with World(workers=workers) as world:
        peer = world.connect()
        world.kernel.room = 3
        peer.send(b"ann\nbob\n")
        world.until(lambda: world.handler.unsent == 17)
        world.handler.finish()
        assert world.handler.state is State.CLOSING
        world.kernel.room = None
        assert peer.read_to_end() == b"Hello ann\nHello bob\n"
        peer.close()
        world.until(lambda: world.closed())
        assert world.handler.reasons == [CloseReason.LOCAL]


def test_finish_inside_process_still_sends_its_reply_and_nothing_after_it() -> None:
    class Quits(Greeter):
        def process(self, record: bytes) -> bytes | None:
            reply = super().process(record)
            if record == b"Bye":
                self.finish(CloseReason.PROTOCOL_ERROR)
            return reply

    with World(Quits) as world:
        peer = world.connect()
        peer.send(b"ann\nBye\nbob\n")
        assert peer.read_to_end() == b"Hello ann\nHello Bye\n"
        assert world.handler.seen == [b"ann", b"Bye"]
        peer.close()
        world.until(lambda: world.closed())
        assert world.handler.reasons == [CloseReason.PROTOCOL_ERROR]


@pytest.mark.parametrize("stream", [b"Bye\n", b"Bye\nbob\n", b"ann\nBye\nbob\n"])
def test_finish_inside_a_process_without_reply(stream: bytes) -> None:
    class Quits(Silent):
        def process(self, record: bytes) -> bytes | None:
            if record == b"Bye":
                self.finish()
            return super().process(record)

    with World(Quits) as world:
        peer = world.connect()
        peer.send(stream)
        assert peer.read_to_end() == b""
        assert b"bob" not in world.handler.seen


def test_finish_when_opened_says_goodbye_and_reads_nothing() -> None:
    class Full(Greeter):
        def on_open(self) -> None:
            self.send(b"full")
            self.finish(CloseReason.OVERLOAD)
            self.finish(CloseReason.LOCAL)

    with World(Full) as world:
        peer = world.dial()
        peer.send(b"ann\n")
        assert peer.read_to_end() == b"full\n"
        peer.close()
        world.until(lambda: world.closed())
        assert world.handler.seen == []
        assert world.handler.reasons == [CloseReason.OVERLOAD]


@pytest.mark.parametrize("way", ["tick", "timer"])
def test_finish_of_an_idle_connection_from(way: str) -> None:
    with World() as world:
        peer = world.connect()
        if way == "tick":
            world.reactor.execute(world.handler.finish)
        else:
            world.reactor.call_later(1, world.handler.finish)
            world.advance(1)
        assert peer.read_to_end() == b""
        world.until_state(State.LINGERING)


def test_finish_over_the_mark_sends_all_that_is_owed() -> None:
    class Small(Greeter):
        low_mark, high_mark = 10, 40

    with World(Small) as world:
        peer = world.connect()
        world.kernel.room = 0
        peer.send(b"ann\n" * 9)
        world.until_state(State.SENDING)
        world.handler.finish()
        world.kernel.room = None
        assert peer.read_to_end() == b"Hello ann\n" * 4
        assert len(world.handler.seen) == 4


def test_finish_after_the_end_is_nothing() -> None:
    with World() as world:
        world.connect()
        world.handler.close(CloseReason.OVERLOAD)
        world.handler.finish()
        world.turns()
        assert world.handler.state is State.CLOSED
        assert world.handler.reasons == [CloseReason.OVERLOAD]


def test_a_handler_finished_by_another_one_of_the_same_selection_processes_nothing() -> None:
    class Ends(Greeter):
        def process(self, record: bytes) -> bytes | None:
            for other in world.handlers:
                if other is not self:
                    other.finish()
            return super().process(record)

    with World(Ends) as world:
        peers = [world.connect(), world.connect()]
        for peer in peers:
            peer.send(b"ann\n")
        world.until(lambda: [peer.pull() for peer in peers] and any(peer.ended for peer in peers))
        assert sorted(peer.got for peer in peers) == [b"", b"Hello ann\n"]
        assert sum(len(handler.seen) for handler in world.handlers) == 1


# close


def test_close_inside_process_sends_nothing_more() -> None:
    class Slams(Greeter):
        def process(self, record: bytes) -> bytes | None:
            if record == b"bob":
                self.channel.set_option("SO_LINGER", 0)  # what is sent after close() would go out
                self.close(CloseReason.OVERLOAD)
            return super().process(record)

    with World(Slams) as world:
        peer = world.connect()
        peer.send(b"ann\nbob\ncarl\n")
        world.until(lambda: world.closed())
        calls = world.kernel.send_calls
        assert world.handler.seen == [b"ann", b"bob"]
        assert world.handler.unsent == 0
        assert calls == 0
        with pytest.raises(ConnectionResetError):
            peer.read_to_end()


def test_close_inside_process_of_a_single_record_sends_nothing() -> None:
    class Slams(Greeter):
        def process(self, record: bytes) -> bytes | None:
            self.close()
            return super().process(record)

    with World(Slams) as world:
        peer = world.connect()
        peer.send(b"ann\n")
        assert peer.read_to_end() == b""
        assert world.handler.unsent == 0
        assert world.kernel.send_calls == 0


def test_close_inside_process_which_then_raises() -> None:
    class Slams(Greeter):
        def process(self, record: bytes) -> bytes | None:
            self.close(CloseReason.OVERLOAD)
            raise KeyError(record)

    with World(Slams) as world:
        peer = world.connect()
        peer.send(b"ann\n")
        assert peer.read_to_end() == b""
        assert world.handler.reasons == [CloseReason.OVERLOAD]


def test_close_when_opened() -> None:
    class Shy(Greeter):
        def on_open(self) -> None:
            self.close(CloseReason.OVERLOAD)

    with World(Shy) as world:
        peer = world.dial()
        peer.send(b"ann\n")
        world.until(lambda: world.closed())
        assert world.handler.seen == []
        assert world.handler.reasons == [CloseReason.OVERLOAD]
        assert world.reactor.statistics().open == 0


def test_closing_again_is_nothing_also_from_on_close() -> None:
    class Again(Greeter):
        def on_close(self, reason: CloseReason) -> None:
            super().on_close(reason)
            assert self.state is State.CLOSED
            self.close(CloseReason.PROTOCOL_ERROR)

    with World(Again) as world:
        world.connect()
        world.handler.close(CloseReason.OVERLOAD)
        world.handler.close()
        assert world.handler.reasons == [CloseReason.OVERLOAD]
        assert world.closed() == {CloseReason.OVERLOAD: 1}


def test_close_drops_what_is_owed() -> None:
    with World() as world:
        peer = world.connect()
        world.kernel.room = 6
        peer.send(b"ann\n")
        world.until(lambda: world.handler.unsent == 4)
        world.handler.close()
        world.kernel.room = None
        assert peer.read_to_end() == b"Hello "
        assert world.handler.unsent == 0


def test_F19_an_on_close_that_raises_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    class Bad(Greeter):
        def on_close(self, reason: CloseReason) -> None:
            super().on_close(reason)
            raise KeyError("on_close")

    with World(Bad) as world:
        peer = world.connect()
        other = world.connect()
        peer.half_close()
        world.until(lambda: world.closed())
        other.send(b"ann\n")
        assert other.read(10) == b"Hello ann\n"
    assert "Bad.on_close raised" in caplog.text


def test_A07_an_on_open_that_raises_ends_the_connection_then_and_there(caplog: pytest.LogCaptureFixture) -> None:
    class Bad(Greeter):
        def on_open(self) -> None:
            super().on_open()
            raise KeyError("on_open")

    with World(Bad) as world:
        peer = world.dial()
        assert peer.read_to_end() == b""
        assert world.handler.reasons == [CloseReason.HANDLER_ERROR]
        assert world.closed() == {CloseReason.HANDLER_ERROR: 1}
        assert world.reactor.statistics().open == 0
        world.advance(100)
        assert world.handler.reasons == [CloseReason.HANDLER_ERROR]
    assert "a connection got no handler" in caplog.text


# lingering


def test_C11_the_last_reply_arrives_although_input_lies_unread() -> None:
    with World() as world:
        peer = world.connect()
        world.kernel.room = 0
        peer.send(b"ann\n")
        world.until(lambda: world.handler.unsent == 10)
        world.handler.finish()
        world.turns()
        peer.send(b"bob\n" * 100)  # lies in the kernel when the output ends
        world.kernel.room = None
        world.until_state(State.LINGERING)
        world.turns(5)
        assert peer.read_to_end() == b"Hello ann\n"
        peer.close()
        world.until(lambda: world.closed())
        assert world.handler.reasons == [CloseReason.LOCAL]
        assert world.handler.seen == [b"ann"]


def test_C11_at_most_64_KiB_are_thrown_away() -> None:
    with World() as world:
        peer = world.connect()
        world.handler.finish(CloseReason.OVERLOAD)
        world.until_state(State.LINGERING)
        peer.send(b"x" * 65536)
        world.until(lambda: world.reactor.statistics().bytes_in == 65536)
        assert world.handler.state is State.LINGERING
        peer.send(b"x")
        world.until(lambda: world.closed())
        assert world.handler.reasons == [CloseReason.OVERLOAD]
        assert world.handler.seen == []


def test_C11_for_two_seconds_at_most() -> None:
    with World() as world:
        world.connect()
        world.advance(30)
        world.handler.finish(CloseReason.OVERLOAD)
        world.until_state(State.LINGERING)
        world.advance(1.999)
        assert world.handler.state is State.LINGERING
        world.advance(0.001)
        assert world.handler.reasons == [CloseReason.OVERLOAD]


def test_a_reset_while_lingering_changes_no_reason() -> None:
    with World() as world:
        peer = world.connect()
        world.handler.finish(CloseReason.OVERLOAD)
        world.until_state(State.LINGERING)
        peer.reset()
        world.until(lambda: world.closed())
        assert world.handler.reasons == [CloseReason.OVERLOAD]


def test_spurious_readiness_while_lingering_is_nothing() -> None:
    with World() as world:
        peer = world.connect()
        world.handler.finish()
        world.until_state(State.LINGERING)
        world.kernel.recvs.append(BlockingIOError())
        peer.send(b"x")
        world.until(lambda: world.reactor.statistics().bytes_in == 1)
        assert world.handler.state is State.LINGERING


def test_a_peer_that_has_ended_its_stream_is_not_lingered_for() -> None:
    with World() as world:
        peer = world.connect()
        world.kernel.room = 4
        peer.send(b"ann\n")
        peer.half_close()
        world.until_state(State.CLOSING)
        assert world.handler.key.interest_ops == SelectionKey.OP_WRITE
        world.kernel.room = None
        assert peer.read_to_end() == b"Hello ann\n"
        assert world.handler.state is State.CLOSED
        assert world.handler.reasons == [CloseReason.PEER_FIN]


def test_a_reset_while_replies_are_owed_keeps_the_reason_of_the_end() -> None:
    with World() as world:
        peer = world.connect()
        world.kernel.room = 4
        peer.send(b"ann\n")
        world.until(lambda: world.handler.unsent == 6)
        world.handler.finish(CloseReason.OVERLOAD)
        world.turns()
        world.kernel.sends.append(ConnectionResetError(104, "reset"))
        world.kernel.room = None
        world.until(lambda: world.closed())
        assert world.handler.reasons == [CloseReason.OVERLOAD]
        peer.close()


def test_the_end_of_the_stream_between_finish_and_its_tick() -> None:
    class Quits(Silent):
        def process(self, record: bytes) -> bytes | None:
            self.finish(CloseReason.OVERLOAD)
            return None

    with World(Quits) as world:
        peer = world.connect()
        peer.send(b"ann\n")
        peer.half_close()
        assert peer.read_to_end() == b""
        world.until(lambda: world.closed())
        assert world.handler.reasons == [CloseReason.OVERLOAD]


# exactly once, in every state


def reading(world: World) -> None:
    world.connect()


def processing(world: World) -> None:
    world.connect().send(b"ann\n")
    world.until_state(State.PROCESSING)


def sending(world: World) -> None:
    peer = world.connect()
    world.kernel.room = 0
    peer.send(b"2000000\n")
    world.until_state(State.SENDING)


def closing(world: World) -> None:
    world.kernel.room = 0
    world.connect()
    world.handler.send(b"x")
    world.handler.finish()
    world.turns()


def lingering(world: World) -> None:
    world.connect()
    world.handler.finish()
    world.until_state(State.LINGERING)


@pytest.mark.parametrize(
    ("arrive", "state"),
    [
        (reading, State.READING),
        (processing, State.PROCESSING),
        (sending, State.SENDING),
        (closing, State.CLOSING),
        (lingering, State.LINGERING),
    ],
)
def test_every_state_can_be_closed_and_then_nothing_happens(arrive: Callable[[World], None], state: State) -> None:
    manual = Manual()
    with World(Blob if arrive is sending else Greeter, workers=0 if arrive is sending else manual) as world:
        arrive(world)
        handler = world.handler
        assert handler.state is state
        handler.close(CloseReason.OVERLOAD)
        world.kernel.room = None
        while manual.waiting:
            manual.run_one()
        world.peers[-1].close()
        world.advance(100)
        assert handler.state is State.CLOSED
        assert handler.reasons == [CloseReason.OVERLOAD]
        assert (handler.unsent, world.reactor.statistics().open) == (0, 0)
        assert world.closed() == {CloseReason.OVERLOAD: 1}
        with pytest.raises(ClosedChannelError):
            handler.channel.configure_blocking(True)


def test_a_key_that_its_handler_cancels_ends_the_connection(workers: int) -> None:
    class Cancels(Greeter):
        def on_open(self) -> None:
            self.key.cancel()
            self.send(b"more than there is room for")

    with World(Cancels, workers=workers) as world:
        world.kernel.room = 3
        peer = world.connect()
        assert peer.read_to_end() == b""
        world.until(lambda: world.closed())
        assert world.handler.reasons == [CloseReason.LOCAL]
