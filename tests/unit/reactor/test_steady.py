"""_steady: what is not usual, in a row of lines and alone, is answered as by the plain path."""

from __future__ import annotations

import socket
from concurrent.futures import Future

import pytest

from nio.channels import SelectionKey
from nio.reactor import CloseReason, State
from tests.unit.reactor.support import NEVER, Greeter, Keeper, Manual, Silent, World


class Own(Greeter):
    """Reads in its own way, which is the plain one: never steady."""

    def handle_read(self) -> None:
        super().handle_read()


class Wilful(Greeter):
    """Does what the record says."""

    def process(self, record: bytes) -> bytes | Future[bytes | None] | None:  # type: ignore[override]  # a late one, too
        self.seen.append(record)
        match record:
            case b"send":
                self.send(b"mine")
            case b"send twice":
                self.suspend()
                self.send(b"mine")
                self.resume()
            case b"copy":
                return bytearray(b"copied")  # type: ignore[return-value]  # any buffer is a reply
            case b"none":
                return None
            case b"long":
                return b"x" * 2000
            case b"finish":
                self.finish()
            case b"close":
                self.close()
            case b"late":
                self.close()
                self.future: Future[bytes | None] = Future()
                return self.future
            case b"broken":
                return b"a\nb"
            case b"bug":
                raise KeyError(record)
        return b"re " + record


class Plain(Wilful):
    def handle_read(self) -> None:
        super().handle_read()


LINES = [b"send", b"send twice", b"copy", b"none", b"long", b"finish", b"broken", b"bug", b"a", b"b\r"]


def answer(kind: type[Greeter], data: bytes) -> bytes:
    """All that comes back, until the peer's end is answered."""
    with World(kind) as world:
        peer = world.connect()
        peer.send(data)
        peer.sock.shutdown(socket.SHUT_WR)
        return peer.read_to_end()


@pytest.mark.parametrize("odd", LINES)
def test_a_row_is_answered_as_line_by_line(odd: bytes) -> None:
    data = b"a\nb\n" + odd + b"\nc\nd\n"
    assert answer(Wilful, data) == answer(Plain, data)


@pytest.mark.parametrize("odd", LINES)
def test_a_line_alone_is_answered_as_on_the_plain_path(odd: bytes) -> None:
    assert answer(Wilful, odd + b"\n") == answer(Plain, odd + b"\n")


def test_a_row_without_a_reply_sends_nothing() -> None:
    with World(Wilful) as world:
        peer = world.connect()
        peer.send(b"none\nnone\n")
        world.until(lambda: len(world.handler.seen) == 2)
        assert world.kernel.send_calls == 0
        peer.send(b"a\n")
        assert peer.read(5) == b"re a\n"


def test_a_read_that_finds_nothing_is_no_sign_of_the_peer() -> None:
    with World(Wilful) as world:
        peer = world.connect()
        heard_at = world.handler.heard_at
        world.kernel.now += 10_000_000_000
        world.kernel.recvs.append(NEVER)
        peer.send(b"a\n")
        world.until(lambda: world.kernel.recv_calls == 1)
        assert world.handler.heard_at == heard_at
        assert peer.read(5) == b"re a\n"
        assert world.handler.heard_at == world.kernel.now


def test_whoever_reads_in_its_own_way_is_never_steady() -> None:
    with World(Own) as world:
        peer = world.connect()
        for _ in range(2):
            peer.send(b"ann\n")
            assert peer.read(10) == b"Hello ann\n"
            assert world.handler._steady is None


def test_a_late_reply_of_a_row_whose_connection_is_closed_is_cancelled() -> None:
    with World(Wilful) as world:
        world.connect().send(b"a\nlate\nb\n")
        world.until(lambda: world.handler.reasons)
        assert world.handler.reasons == [CloseReason.LOCAL]
        assert world.handler.seen == [b"a", b"late"]
        assert world.handler.future.cancelled()


@pytest.mark.parametrize("line", [b"ann\n", b"ann\nbob\n"])
def test_output_that_is_not_taken_at_once_is_kept(line: bytes) -> None:
    with World() as world:
        peer = world.connect()
        world.kernel.sends.extend([NEVER, 3, NEVER])
        peer.send(line)
        expected = b"".join(b"Hello " + name + b"\n" for name in line.split())
        assert peer.read(len(expected)) == expected


@pytest.mark.parametrize("line", [b"ann\n", b"ann\nbob\n"])
def test_a_peer_that_is_gone_is_told_by_the_first_send(line: bytes) -> None:
    with World() as world:
        peer = world.connect()
        world.kernel.sends.append(ConnectionResetError("gone"))
        peer.send(line)
        world.until(lambda: world.handler.reasons)
        assert (world.handler.reasons, world.handler.state) == ([CloseReason.PEER_RST], State.CLOSED)
        assert world.handler._rare.detail == "gone"
        assert world.kernel.send_calls == 1


def test_ctrl_c_in_a_row_closes_its_connection_only() -> None:
    class Interrupted(Greeter):
        def process(self, record: bytes) -> bytes | None:
            if record == b"int":
                raise KeyboardInterrupt
            return super().process(record)

    with World(Interrupted) as world:
        peer, other = world.connect(), world.connect()
        first = world.handlers[0]
        peer.send(b"a\nint\nb\n")
        with pytest.raises(KeyboardInterrupt):
            world.until(lambda: first.reasons)
        assert first.reasons == [CloseReason.HANDLER_ERROR]
        other.send(b"bob\n")
        assert other.read(10) == b"Hello bob\n"


def test_a_row_without_replies_sends_nothing() -> None:
    with World(Silent) as world:
        world.connect().send(b"a\nb\n")
        world.until(lambda: world.handler.seen == [b"a", b"b"])
        assert (world.kernel.send_calls, world.reactor.statistics().requests) == (0, 2)


def test_ctrl_c_where_the_replies_of_a_row_are_framed() -> None:
    class Struck(Wilful):
        def process(self, record: bytes) -> bytes | Future[bytes | None] | None:  # type: ignore[override]  # as above
            if record == b"strike":
                self._encode = struck
                return bytearray(record)  # type: ignore[return-value]  # which ends the row
            return super().process(record)

    def struck(record: bytes) -> bytes:
        raise KeyboardInterrupt

    with World(Struck) as world:
        world.connect().send(b"a\nstrike\nb\n")
        with pytest.raises(KeyboardInterrupt):
            world.until(lambda: world.handler.reasons)
        assert world.handler.reasons == [CloseReason.HANDLER_ERROR]


@pytest.mark.parametrize("step", [NEVER, 3, ConnectionResetError("gone")])
def test_the_reply_of_a_worker_that_is_not_taken_at_once(step: int | OSError) -> None:
    with World(workers=1) as world:
        peer = world.connect()
        world.kernel.sends.append(step)
        peer.send(b"ann\n")
        if isinstance(step, ConnectionResetError):
            world.until(lambda: world.handler.reasons)
            assert world.handler.reasons == [CloseReason.PEER_RST]
        else:
            assert peer.read(10) == b"Hello ann\n"


def test_input_that_comes_while_a_worker_has_the_record_is_read_after_its_reply() -> None:
    manual = Manual()
    with World(workers=manual) as world:
        peer = world.connect()
        peer.send(b"ann\n")
        world.until_state(State.PROCESSING)
        peer.send(b"bob\n")
        world.turns()
        assert world.handler.key.interest_ops == 0
        manual.run_one()
        world.turns()
        assert peer.read(10) == b"Hello ann\n"
        world.until_state(State.PROCESSING)
        manual.run_one()
        assert peer.read(10) == b"Hello bob\n"


@pytest.mark.parametrize("kind", [Wilful, Plain])
@pytest.mark.parametrize("deed", ["detach", "replace", "replace late"])
def test_what_was_answered_before_the_channel_goes_to_another_is_sent(kind: type[Wilful], deed: str) -> None:
    class Giving(kind):  # type: ignore[misc, valid-type]
        def process(self, record: bytes) -> bytes | Future[bytes | None] | None:
            if record == b"detach":
                taken.append(self.detach())
            elif record.startswith(b"replace"):
                self.reactor.register(self.channel, SelectionKey.OP_READ, Keeper())
                if record == b"replace late":
                    self.future: Future[bytes | None] = Future()
                    return self.future
            reply: bytes | Future[bytes | None] | None = super().process(record)
            return reply

    taken: list[socket.socket] = []
    with World(Giving) as world:
        peer = world.connect()
        peer.send(f"a\nb\n{deed}\nc\nd\n".encode())
        assert peer.read(10) == b"re a\nre b\n"
        world.turns()
        assert world.handler.seen[:2] == [b"a", b"b"]
        assert b"c" not in world.handler.seen
        assert (world.handler.unsent, world.handler._replies) == (0, ())
        assert (len(taken) == 1) == (deed == "detach")
        assert world.handler.future.cancelled() if deed == "replace late" else True
        peer.pull()
        assert peer.got == b""
        for sock in taken:
            sock.close()
