"""Connection: how it ends: by its handler, its peer, an error or a deadline; what is owed is sent before."""

from __future__ import annotations

import logging

import pytest

from nio.errors import ProtocolError
from nio.reactor import CloseReason, Connection, State
from tests.unit.reactor.support import Echo, Keeper, World


class Speaks(Keeper):
    """Answers, then does what the peer asks for."""

    def handle_data(self, data: bytes) -> None:
        super().handle_data(data)
        self.write(b"answer ")
        getattr(self, data.decode())()
        self.accepted = self.write(b"too late")

    def blame(self) -> None:
        raise ProtocolError("that was no way to ask")

    def fail(self) -> None:
        raise KeyError("ours")


# handle_data


@pytest.mark.parametrize("room", [None, 0, 3])
@pytest.mark.parametrize(
    ("deed", "reason"), [("blame", CloseReason.PROTOCOL_ERROR), ("fail", CloseReason.HANDLER_ERROR)]
)
def test_a_handle_data_that_raises_ends_the_connection_after_what_is_owed(
    deed: str, reason: CloseReason, room: int | None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "nio.reactor")
    with World(Speaks) as world:
        peer = world.connect()
        handler = world.handler
        world.kernel.room = room
        peer.send(deed.encode())
        world.until(lambda: handler.got)
        peer.sock.send(b"more")
        world.turns()
        assert (handler.reason, handler.reasons, handler.got) == (reason, [], [deed.encode()])
        world.kernel.room = None
        assert peer.read_to_end() == b"answer "
        peer.close()
        world.until(lambda: handler.reasons)
        assert handler.reasons == [reason]
    ours = [record.getMessage() for record in caplog.records]
    assert len(ours) == (deed == "fail")
    assert all("Speaks" in line for line in ours)


def test_a_connection_without_handle_data_says_so(caplog: pytest.LogCaptureFixture) -> None:
    class Forgotten(Connection):
        pass

    with World(Forgotten) as world:
        peer = world.connect()
        peer.send(b"hello")
        assert peer.read_to_end() == b""
        peer.close()
        world.until(lambda: world.closed())
        assert world.closed() == {CloseReason.HANDLER_ERROR: 1}
    assert "Forgotten has no handle_data()" in caplog.text


def test_finish_inside_handle_data_sends_what_was_written_before() -> None:
    with World(Speaks) as world:
        peer = world.connect()
        handler = world.handler
        peer.send(b"finish")
        assert peer.read_to_end() == b"answer "
        assert (handler.accepted, handler.state, handler.reasons) == (False, State.LINGERING, [])
        peer.send(b"discarded")
        world.received(15)
        peer.close()
        world.until(lambda: handler.reasons)
        assert (handler.reasons, handler.got) == ([CloseReason.LOCAL], [b"finish"])


def test_close_inside_handle_data_ends_at_once() -> None:
    with World(Speaks) as world:
        peer = world.connect()
        handler = world.handler
        peer.send(b"close")
        world.until(lambda: handler.got)
        assert (handler.accepted, handler.state, handler.unsent) == (False, State.CLOSED, 0)
        assert handler.reasons == [CloseReason.LOCAL]
        assert peer.read_to_end() == b""


# its user


@pytest.mark.parametrize("room", [None, 0, 2])
def test_finish_sends_what_is_owed_and_then_the_end(room: int | None) -> None:
    with World(Keeper) as world:
        peer = world.connect()
        handler = world.handler
        world.kernel.room = room
        handler.write(b"last")
        handler.finish(CloseReason.OVERLOAD)
        handler.finish()  # the second time is nothing
        world.turns()
        world.kernel.room = None
        assert peer.read_to_end() == b"last"
        assert handler.reasons == []
        peer.close()
        world.until(lambda: handler.reasons)
        assert (handler.reasons, handler.reason) == ([CloseReason.OVERLOAD], CloseReason.OVERLOAD)


def test_closing_again_is_nothing() -> None:
    with World(Keeper) as world:
        world.connect()
        world.handler.close(CloseReason.OVERLOAD)
        world.handler.close()
        world.handler.finish()
        world.turns()
        assert world.handler.reasons == [CloseReason.OVERLOAD]
        assert world.closed() == {CloseReason.OVERLOAD: 1}


@pytest.mark.parametrize("end", ["finish", "close"])
def test_on_open_may_end_the_connection(end: str) -> None:
    class Refuses(Keeper):
        def on_open(self) -> None:
            self.write(b"no")
            getattr(self, end)()

    with World(Refuses) as world:
        peer = world.connect()
        assert peer.read_to_end() == (b"no" if end == "finish" else b"")
        peer.close()
        world.until(lambda: world.closed())
        assert (world.handler.reasons, world.handler.got) == ([CloseReason.LOCAL], [])


def test_an_on_open_that_raises_ends_the_connection(caplog: pytest.LogCaptureFixture) -> None:
    class Raises(Keeper):
        def on_open(self) -> None:
            self.write(b"never sent")
            raise KeyError("no")

    with World(Raises) as world:
        peer = world.connect()
        assert peer.read_to_end() == b""
        assert world.handler.reasons == [CloseReason.HANDLER_ERROR]
        assert world.closed() == {CloseReason.HANDLER_ERROR: 1}
    assert "KeyError" in caplog.text


def test_an_on_close_that_raises_is_logged_and_the_connection_is_gone(caplog: pytest.LogCaptureFixture) -> None:
    class Raises(Keeper):
        def on_close(self, reason: CloseReason) -> None:
            super().on_close(reason)
            raise KeyError("no")

    with World(Raises) as world:
        peer = world.connect()
        peer.close()
        world.until(lambda: world.closed())
        assert world.handler.reasons == [CloseReason.PEER_FIN]
        assert not world.handler.channel.is_open
    assert "KeyError" in caplog.text


# its peer


def test_the_peer_s_end_comes_after_all_its_data() -> None:
    with World(Echo) as world:
        peer = world.connect()
        world.kernel.recvs.extend([2, 2])
        peer.send(b"hello")
        peer.half_close()
        assert peer.read_to_end() == b"hello"
        assert (world.handler.got, world.handler.reasons) == ([b"he", b"ll", b"o"], [CloseReason.PEER_FIN])


@pytest.mark.parametrize("room", [0, 3])
def test_what_is_owed_is_sent_after_the_peer_s_end(room: int) -> None:
    with World(Echo) as world:
        peer = world.connect()
        world.kernel.room = room
        peer.send(b"hello")
        peer.half_close()
        world.until_state(State.CLOSING)
        assert world.handler.write(b"x") is False
        world.kernel.room = None
        assert peer.read_to_end() == b"hello"
        assert world.handler.reasons == [CloseReason.PEER_FIN]  # no lingering: the peer sends no more


def test_B01_a_peer_that_resets() -> None:
    with World(Keeper) as world:
        peer = world.connect()
        peer.send(b"hello")
        world.received(5)
        peer.reset()
        world.until(lambda: world.handler.reasons)
        assert world.handler.reasons == [CloseReason.PEER_RST]


def test_a_send_that_fails_ends_the_connection() -> None:
    with World(Echo) as world:
        peer = world.connect()
        world.kernel.sends.append(BrokenPipeError(32, "broken"))
        peer.send(b"hello")
        world.until(lambda: world.handler.reasons)
        assert (world.handler.reasons, world.handler.unsent) == ([CloseReason.PEER_RST], 0)


def test_a_reset_while_it_ends_does_not_change_the_reason() -> None:
    with World(Speaks) as world:
        peer = world.connect()
        peer.send(b"blame")
        world.until_state(State.LINGERING)
        peer.reset()
        world.until(lambda: world.handler.reasons)
        assert world.handler.reasons == [CloseReason.PROTOCOL_ERROR]


# its deadlines


class Patient(Echo):
    idle_timeout: float | None = 30.0
    write_timeout: float | None = 5.0


def test_who_says_nothing_for_the_idle_time_is_left() -> None:
    with World(Patient) as world:
        peer = world.connect()
        world.advance(29)
        peer.send(b"hello")
        assert peer.read(5) == b"hello"
        world.advance(29)
        assert world.handler.reasons == []
        world.advance(2)
        assert world.handler.reasons == [CloseReason.IDLE_TIMEOUT]
        assert peer.read_to_end() == b""


def test_who_takes_nothing_for_the_write_time_is_left() -> None:
    with World(Patient) as world:
        world.connect()
        world.advance(20)
        world.kernel.room = 0
        world.handler.write(b"x" * 10)
        world.turns()
        world.advance(4)
        assert (world.handler.unsent, world.handler.reasons) == (10, [])
        world.kernel.room = 3
        world.until(lambda: world.handler.unsent == 7)
        world.advance(4)
        assert (world.handler.unsent, world.handler.reasons) == (7, [])
        world.advance(2)
        assert world.handler.reasons == [CloseReason.WRITE_TIMEOUT]


def test_what_is_written_by_one_that_suspends_has_the_whole_write_time() -> None:
    class Once(Patient):
        idle_timeout = None

        def handle_data(self, data: bytes) -> None:
            super().handle_data(data)
            self.suspend()

    with World(Once) as world:
        peer = world.connect()
        world.advance(100)
        world.kernel.room = 0
        peer.send(b"hello")
        world.until_state(State.SUSPENDED)
        world.advance(4)
        assert (world.handler.unsent, world.handler.reasons) == (5, [])
        world.advance(2)
        assert world.handler.reasons == [CloseReason.WRITE_TIMEOUT]


def test_None_is_any_time() -> None:
    class Endless(Echo):
        def __init__(self) -> None:
            super().__init__()
            self.idle_timeout = self.write_timeout = None

    with World(Endless) as world:
        world.connect()
        world.advance(1e6)
        world.kernel.room = 0
        world.handler.write(b"x")
        world.turns()
        world.advance(1e6)
        assert world.handler.reasons == []


def test_a_peer_that_never_closes_is_waited_for_two_seconds() -> None:
    with World(Keeper) as world:
        peer = world.connect()
        world.handler.finish()
        assert peer.read_to_end() == b""
        world.advance(1.9)
        assert world.handler.reasons == []
        world.advance(0.2)
        assert world.handler.reasons == [CloseReason.LOCAL]


def test_a_peer_that_never_stops_sending_is_listened_to_for_64_KiB() -> None:
    with World(Keeper) as world:
        peer = world.connect()
        world.handler.finish()
        assert peer.read_to_end() == b""
        peer.send(bytes(65536))
        world.received(65536)
        assert world.handler.reasons == []
        peer.send(b"x")
        world.until(lambda: world.handler.reasons)
        assert world.handler.got == []
