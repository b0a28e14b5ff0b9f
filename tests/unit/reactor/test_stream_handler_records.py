"""StreamHandler, its input: records in order, whatever the cut; what breaks a stream ends it after the replies owed."""

from __future__ import annotations

import errno
import logging
import socket
from pathlib import Path

import pytest

from nio.channels import SelectionKey, ServerSocketChannel, StandardSocketOptions
from nio.errors import FramingError, ProtocolError
from nio.framing import Decoder, Lines
from nio.reactor import Acceptor, CloseReason, State, StreamHandler
from nio.spi import OptionSpec, ProtocolFamily
from tests.unit.reactor.support import NEVER, Greeter, Kernel, Silent, Wire, World


def test_a_connection_opens_once_before_its_first_record() -> None:
    class Opening(Greeter):
        def on_open(self) -> None:
            super().on_open()
            assert self.seen == []
            assert self.state is State.READING

    with World(Opening) as world:
        peer = world.dial()
        peer.send(b"ann\n")
        assert peer.read(10) == b"Hello ann\n"
        assert world.handler.opened == 1
        assert world.handler.unsent == 0
        assert world.handler.channel.get_option(StandardSocketOptions.TCP_NODELAY) is True
        assert not world.handler.channel.is_blocking


def test_one_request_costs_one_recv_and_one_send() -> None:
    with World() as world:
        peer = world.connect()
        for number in range(1, 6):
            peer.send(b"ann\n")
            peer.read(10)
            assert (world.kernel.recv_calls, world.kernel.send_calls) == (number, number)


def test_a_connection_that_fills_a_read_is_read_in_large_pieces() -> None:
    with World() as world:
        peer = world.connect()
        peer.send(b"ann\n" * 10_000)
        world.received(40_000)
        assert world.kernel.recv_calls <= 3


def test_B09_a_thousand_records_in_one_segment(workers: int) -> None:
    names = [b"name%d" % number for number in range(1000)]
    with World(workers=workers) as world:
        peer = world.connect()
        peer.send(b"".join(name + b"\n" for name in names))
        expected = b"".join(b"Hello " + name + b"\n" for name in names)
        assert peer.read(len(expected)) == expected
        assert world.handler.seen == names
        assert world.reactor.statistics().requests == 1000


def test_records_do_not_depend_on_the_cut(workers: int) -> None:
    with World(workers=workers) as world:
        peer = world.connect()
        for count, byte in enumerate(b"ann\r\n\nbob\n", 1):
            peer.send(bytes([byte]))
            world.received(count)
        assert peer.read(27) == b"Hello ann\nHello \nHello bob\n"


@pytest.mark.parametrize("cut", range(1, 12))
def test_every_cut_of_three_records(cut: int) -> None:
    stream = b"ann\r\n\nbob\nc\n"
    with World() as world:
        peer = world.connect()
        world.kernel.recvs.append(cut)
        peer.send(stream)
        assert peer.read(35) == b"Hello ann\nHello \nHello bob\nHello c\n"
        assert world.kernel.recv_calls == 2


def test_a_record_may_have_no_reply(workers: int) -> None:
    class Even(Greeter):
        def process(self, record: bytes) -> bytes | None:
            self.seen.append(record)
            return None if int(record) % 2 else record

    with World(Even, workers=workers) as world:
        peer = world.connect()
        peer.send(b"1\n2\n3\n4\n5\n")
        peer.half_close()
        assert peer.read_to_end() == b"2\n4\n"
        assert world.handler.seen == [b"1", b"2", b"3", b"4", b"5"]


class Cautious:
    """Lines, noting how many records each feed may return."""

    def __init__(self) -> None:
        self.limits: list[int] = []

    def decoder(self) -> Decoder:
        framing, inner = self, Lines().decoder()

        class Noting:
            @property
            def error(self) -> FramingError | None:
                return inner.error

            @property
            def clean(self) -> bool:
                return inner.clean

            @property
            def pending(self) -> int:
                return inner.pending

            def feed(self, data: bytes | bytearray | memoryview, limit: int = 10_000) -> list[bytes]:
                framing.limits.append(limit)
                return inner.feed(data, limit)

            def end(self) -> None:
                inner.end()

            def rest(self) -> bytes:
                return inner.rest()

        return Noting()

    def encode(self, record: bytes | bytearray | memoryview) -> bytes:
        return Lines().encode(record)


def test_on_a_unix_domain_socket_too(tmp_path: Path) -> None:
    path = str(tmp_path / "hello")
    with World() as world:
        listener = ServerSocketChannel.open(ProtocolFamily.UNIX, provider=world.kernel).bind(path)
        world.reactor.register(listener, SelectionKey.OP_ACCEPT, Acceptor(Greeter))
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(path)
            client.sendall(b"ann\n")
            client.shutdown(socket.SHUT_WR)
            world.until(lambda: world.closed() == {CloseReason.PEER_FIN: 1})
            assert client.recv(100) == b"Hello ann\n"


def test_A04_an_option_refused_by_a_connection_that_is_lost_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    class Picky(Kernel):
        def set_option(self, sock: socket.socket, spec: OptionSpec, value: bool | int) -> None:
            if isinstance(sock, Wire):
                raise OSError(errno.EINVAL, "as macOS says of a socket whose peer has reset it")
            super().set_option(sock, spec, value)

    with World(kernel=Picky()) as world:
        peer = world.dial()
        peer.reset()
        world.until(lambda: world.closed() == {CloseReason.PEER_RST: 1})
    assert caplog.records == []


@pytest.mark.parametrize("count", [63, 64, 65, 128, 450])  # so many empty lines come with one read
def test_K03_records_wait_as_bytes_and_are_decoded_64_at_a_time(workers: int, count: int) -> None:
    cautious = Cautious()

    class Quick(Silent):
        framing = cautious  # type: ignore[assignment]  # any Framing will do

    with World(Quick, workers=workers) as world:
        peer = world.connect()
        peer.send(b"\n" * count)
        world.until(lambda: len(world.handler.seen) == count)
        assert set(cautious.limits) == {64}
        assert len(cautious.limits) == count // 64 + 1


def test_settings_may_be_made_by_the_constructor() -> None:
    class Own(Silent):
        def __init__(self) -> None:
            super().__init__()
            self.framing = Lines(max_length=3)

    with World(Own) as world:
        peer = world.connect()
        peer.send(b"abc\nabcd\n")
        assert peer.read_to_end() == b""
        assert world.handler.seen == [b"abc"]


def test_B02_readiness_without_data_is_nothing() -> None:
    with World() as world:
        peer = world.connect()
        world.kernel.recvs.extend([NEVER, NEVER])
        peer.send(b"ann\n")
        assert peer.read(10) == b"Hello ann\n"
        assert world.kernel.recv_calls == 3


def test_B08_one_read_of_at_most_64_KiB_a_turn() -> None:
    class Long(Silent):
        framing = Lines(max_length=1 << 20)

    with World(Long) as world:
        peer = world.connect()
        peer.send(b"x" * 300_000 + b"\n")
        while not world.handler.seen:
            calls = world.kernel.recv_calls
            progress = world.reactor.turn(0)
            assert progress.bytes_in <= 65536
            assert world.kernel.recv_calls <= calls + 1
        assert world.handler.seen == [b"x" * 300_000]


# how a stream ends


def test_B03_the_end_of_the_stream_is_seen_once() -> None:
    with World() as world:
        peer = world.connect()
        peer.half_close()
        world.kernel.waits.clear()
        world.until(lambda: world.closed())
        assert world.handler.reasons == [CloseReason.PEER_FIN]
        assert world.kernel.recv_calls == 1
        assert len(world.kernel.waits) <= 3
        assert peer.read_to_end() == b""


def test_B04_a_half_close_with_replies_owed(workers: int) -> None:
    with World(workers=workers) as world:
        peer = world.connect()
        peer.send(b"ann\n" * 500)
        peer.half_close()
        assert peer.read_to_end() == b"Hello ann\n" * 500
        world.until(lambda: world.closed())
        assert world.handler.reasons == [CloseReason.PEER_FIN]


def test_a_stream_that_ends_inside_a_record_is_a_broken_protocol(workers: int) -> None:
    with World(workers=workers) as world:
        peer = world.connect()
        peer.send(b"ann\nbo")
        peer.half_close()
        assert peer.read_to_end() == b"Hello ann\n"
        world.until(lambda: world.closed())
        assert world.handler.reasons == [CloseReason.PROTOCOL_ERROR]


def test_256_bytes_pass_and_257_do_not_after_the_replies_owed(workers: int) -> None:
    with World(workers=workers) as world:
        peer = world.connect()
        peer.send(b"a" * 256 + b"\n" + b"b" * 256 + b"\r\n" + b"c" * 257 + b"\nlater\n")
        assert peer.read_to_end() == b"Hello " + b"a" * 256 + b"\nHello " + b"b" * 256 + b"\n"
        peer.close()
        world.until(lambda: world.closed())
        assert world.handler.reasons == [CloseReason.FRAME_TOO_LONG]
        assert world.closed() == {CloseReason.FRAME_TOO_LONG: 1}


def test_K01_a_line_without_end_is_cut_and_what_follows_is_thrown_away() -> None:
    with World() as world:
        peer = world.connect()
        peer.send(b"a" * 257)
        assert peer.read_to_end() == b""
        assert world.handler.state is State.LINGERING
        peer.send(b"a" * 1000)
        world.turns()
        assert world.handler.seen == []
        peer.half_close()
        world.until(lambda: world.closed())
        assert world.handler.reasons == [CloseReason.FRAME_TOO_LONG]


class Picky(Greeter):
    def process(self, record: bytes) -> bytes | None:
        if record == b"bad":
            raise ProtocolError("no such name\n\x1b[2J")
        if record == b"bug":
            raise KeyError(record)
        return super().process(record)


@pytest.mark.parametrize("position", range(5))
@pytest.mark.parametrize("fault", [b"bad", b"bug"])
def test_F08_the_first_error_freezes_the_connection(workers: int, position: int, fault: bytes) -> None:
    names = [b"n%d" % number for number in range(5)]
    names[position] = fault
    with World(Picky, workers=workers) as world:
        peer = world.connect()
        peer.send(b"".join(name + b"\n" for name in names))
        assert peer.read_to_end() == b"".join(b"Hello " + name + b"\n" for name in names[:position])
        peer.close()
        world.until(lambda: world.closed())
        assert world.handler.seen == names[:position]
        reason = CloseReason.PROTOCOL_ERROR if fault == b"bad" else CloseReason.HANDLER_ERROR
        assert world.handler.reasons == [reason]


def test_whose_fault_it_was_is_said_in_the_log(workers: int, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "nio.reactor"), World(Picky, workers=workers) as world:
        for name in (b"bad\n", b"bug\n"):
            peer = world.connect()
            peer.send(name)
            peer.read_to_end()
            peer.close()
        world.until(lambda: len(world.closed()) == 2)
    peers, ours, end = caplog.records
    assert [record.levelno for record in caplog.records] == [logging.DEBUG, logging.ERROR, logging.DEBUG]
    assert "PROTOCOL_ERROR" in peers.getMessage()
    assert "HANDLER_ERROR" in end.getMessage()
    assert r"no such name\n\x1b[2J" in peers.getMessage()
    assert "\x1b" not in peers.getMessage()
    assert "Picky" in ours.getMessage()
    assert ours.exc_info is not None
    assert isinstance(ours.exc_info[1], KeyError)


def test_a_handler_without_process_ends_its_connection(workers: int, caplog: pytest.LogCaptureFixture) -> None:
    with World(StreamHandler, workers=workers) as world:
        peer = world.connect()
        peer.send(b"ann\n")
        assert peer.read_to_end() == b""
        peer.close()
        world.until(lambda: world.closed())
        assert world.closed() == {CloseReason.HANDLER_ERROR: 1}
    assert "StreamHandler has no process()" in caplog.text


def test_M09_a_reply_that_would_be_read_as_two_is_refused(workers: int, caplog: pytest.LogCaptureFixture) -> None:
    class Split(Greeter):
        def process(self, record: bytes) -> bytes | None:
            return record.replace(b"|", b"\n")

    with World(Split, workers=workers) as world:
        peer = world.connect()
        peer.send(b"ann\nbob|carl\ndora\n")
        assert peer.read_to_end() == b"ann\n"
        peer.close()
        world.until(lambda: world.closed())
        assert world.handler.reasons == [CloseReason.PROTOCOL_ERROR]
    assert "byte 3 of the record of 8" in caplog.text


@pytest.mark.parametrize("code", [errno.ECONNRESET, errno.ETIMEDOUT, errno.EHOSTUNREACH, errno.ECONNABORTED])
def test_B05_an_error_of_the_network_on_reading_ends_that_connection(
    code: int, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, "nio.reactor"), World() as world:
        other = world.connect()
        peer = world.connect()
        lost = world.handler
        world.kernel.recvs.append(OSError(code, "from the network"))
        peer.send(b"ann\n")
        world.until(lambda: world.closed())
        assert lost.reasons == [CloseReason.PEER_RST]
        assert lost.seen == []
        other.send(b"bob\n")
        assert other.read(10) == b"Hello bob\n"
        assert [record.levelno for record in caplog.records] == [logging.DEBUG]
        assert "from the network" in caplog.text


def test_B05_a_reset_ends_the_connection(workers: int) -> None:
    with World(workers=workers) as world:
        peer = world.connect()
        peer.send(b"ann\n")
        peer.read(10)
        peer.reset()
        world.until(lambda: world.closed())
        assert world.handler.reasons == [CloseReason.PEER_RST]
        assert world.handler.state is State.CLOSED
        assert not world.handler.channel.is_open


def test_a_framing_that_raises_costs_only_its_connection(caplog: pytest.LogCaptureFixture) -> None:
    class Torn(Lines):
        def decoder(self) -> Decoder:  # type: ignore[override]  # LinesDecoder is one
            decoder = super().decoder()

            class Raising:
                error = None
                clean = True
                pending = 0
                end = decoder.end
                rest = decoder.rest

                def feed(self, data: bytes | bytearray | memoryview, limit: int = 64) -> list[bytes]:
                    raise ZeroDivisionError("a bug in the decoder")

            return Raising()

    class Broken(Greeter):
        framing = Torn()

    with World(Broken) as world:
        peer = world.connect()
        peer.send(b"ann\n")
        assert peer.read_to_end() == b""
        assert world.handler.reasons == [CloseReason.HANDLER_ERROR]
        world.turns()
    assert "a bug in the decoder" in caplog.text
