"""Streams over channels and channels over streams; what is expected is what JDK 17 answered."""

from __future__ import annotations

import gc
import io
import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nio.buffers import ByteBuffer
from nio.channels import (
    EOF,
    FileChannel,
    Pipe,
    SocketChannel,
    StandardOpenOption,
    input_stream,
    new_channel,
    output_stream,
    reader,
    writer,
)
from nio.errors import (
    ClosedChannelError,
    IllegalArgumentError,
    IllegalBlockingModeError,
    NonReadableChannelError,
    NonWritableChannelError,
    NotYetConnectedError,
)
from tests.helpers import connected_pair


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    with Pipe.open() as pipe:
        yield pipe


# streams over channels


def test_bytes_through_streams(pipe: Pipe) -> None:
    source, sink = input_stream(pipe.source), output_stream(pipe.sink)
    assert (source.readable(), source.writable(), sink.readable(), sink.writable()) == (True, False, False, True)
    assert sink.write(b"hello\nworld") == 11
    assert sink.write(memoryview(b"!?").cast("H")) == 2
    assert (source.read(1), source.readline(), source.read(0)) == (b"h", b"ello\n", b"")
    room = bytearray(3)
    assert source.readinto(room) == 3
    sink.close()
    assert (bytes(room), source.read()) == (b"wor", b"ld!?")
    assert source.read(1) == b""
    assert not pipe.sink.is_open


def test_closing_a_stream_closes_its_channel_and_the_other_way_round(pipe: Pipe) -> None:
    source, sink = input_stream(pipe.source), output_stream(pipe.sink)
    source.close()
    source.close()
    assert not pipe.source.is_open
    with pytest.raises(ValueError, match="closed"):
        source.read(1)
    pipe.sink.close()
    with pytest.raises(ClosedChannelError):
        sink.write(b"x")
    sink.close()
    with pytest.raises(ValueError, match="closed"):
        sink.write(b"x")
    assert sink.write(b"") == 0


def test_a_stream_that_is_dropped_leaves_its_channel_open(pipe: Pipe) -> None:
    assert output_stream(pipe.sink).write(b"ab") == 2
    assert input_stream(pipe.source).read(1) == b"a"
    gc.collect()
    assert pipe.source.is_open
    assert pipe.sink.is_open


def test_a_channel_in_non_blocking_mode_is_refused_when_it_is_used(pipe: Pipe) -> None:
    source, sink = input_stream(pipe.source), output_stream(pipe.sink)
    pipe.source.configure_blocking(False)
    pipe.sink.configure_blocking(False)
    assert (source.readinto(bytearray()), sink.write(b"")) == (0, 0)
    for use in (lambda: source.read(1), lambda: sink.write(b"x")):
        with pytest.raises(IllegalBlockingModeError, match="non-blocking mode"):
            use()
    pipe.source.configure_blocking(True)
    pipe.sink.configure_blocking(True)
    assert (sink.write(b"x"), source.read(1)) == (1, b"x")


def test_a_mode_that_changes_meanwhile_is_not_the_end(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    pipe.source.configure_blocking(False)
    monkeypatch.setattr(type(pipe.source), "is_blocking", True)  # as it was when the stream looked
    assert input_stream(pipe.source).readinto(bytearray(1)) is None


def test_what_the_channel_says(tmp_path: Path) -> None:
    (tmp_path / "t").write_bytes(b"hello")
    with FileChannel.open(tmp_path / "t") as channel:
        assert input_stream(channel).readall() == b"hello"
        assert channel.position == 5
        with pytest.raises(NonWritableChannelError):
            output_stream(channel).write(b"x")
    with FileChannel.open(tmp_path / "t", StandardOpenOption.WRITE) as channel:
        with pytest.raises(NonReadableChannelError):
            input_stream(channel).read(1)
        assert output_stream(channel).write(b"J") == 1
    assert (tmp_path / "t").read_bytes() == b"Jello"
    with SocketChannel.open() as unconnected:
        with pytest.raises(NotYetConnectedError):
            input_stream(unconnected).read(1)
        with pytest.raises(NotYetConnectedError):
            output_stream(unconnected).write(b"x")


def test_a_channel_that_takes_nothing() -> None:
    class Full:
        is_open = True

        def write(self, source: ByteBuffer) -> int:
            return 0

        def close(self) -> None: ...

    with pytest.raises(OSError, match="took none of 3 bytes"):
        output_stream(Full()).write(b"abc")


@pytest.mark.parametrize("wrong", [None, 3, "text", object()])
def test_what_is_no_channel(wrong: object) -> None:
    makers: list[Callable[..., object]] = [input_stream, output_stream, reader, writer]
    for make in makers:
        with pytest.raises(TypeError, match=r"has no (read|write)\(\)"):
            make(wrong)


# text


def test_text_through_a_pipe(pipe: Pipe) -> None:
    with reader(pipe.source) as source, writer(pipe.sink) as sink:
        sink.write("né\r\nwo\u20ac\n")
        sink.flush()
        assert (source.readline(), source.readline()) == ("né\r\n", "wo\u20ac\n")
        sink.write("rest")
        sink.close()
        assert source.read() == "rest"
    assert not pipe.source.is_open
    assert not pipe.sink.is_open


def test_other_encodings_and_what_they_cannot_say(pipe: Pipe) -> None:
    sink = writer(pipe.sink, "utf-16-be")
    sink.write("hi")
    sink.flush()
    room = bytearray(9)
    assert (pipe.source.read(room), bytes(room[:4])) == (4, b"\0h\0i")
    with pytest.raises(UnicodeEncodeError):
        sink.write("\ud800")
    sink.detach().detach()  # type: ignore[attr-defined]  # a BufferedWriter
    pipe.sink.write(b"\xffA")
    pipe.sink.close()
    source = reader(pipe.source)
    with pytest.raises(UnicodeDecodeError):
        source.read()
    source.close()


def test_replacing_what_is_malformed(pipe: Pipe) -> None:
    pipe.sink.write(b"\xffA")
    pipe.sink.close()
    with reader(pipe.source, errors="replace") as source:
        assert source.read() == "\ufffdA"


def test_an_unknown_encoding_leaves_the_channel_open(pipe: Pipe) -> None:
    for make, channel in [(reader, pipe.source), (writer, pipe.sink)]:
        with pytest.raises(LookupError, match="nope"):
            make(channel, "nope")  # type: ignore[operator]  # mypy joins the two to object
    gc.collect()
    assert pipe.source.is_open
    assert pipe.sink.is_open


# channels over streams


def test_reading_a_stream() -> None:
    stream = io.BytesIO(b"0123456789")
    with new_channel(stream) as channel:
        assert repr(channel) == f"StreamChannel({stream!r})"
        buffer = ByteBuffer.allocate(4)
        assert channel.read(buffer) == 4
        assert bytes(buffer.flip()) == b"0123"
        assert channel.read(bytearray()) == 0
        for full in (ByteBuffer.allocate(3).as_read_only_buffer(), bytes(3)):
            with pytest.raises(IllegalArgumentError, match="read-only"):
                channel.read(full)  # type: ignore[arg-type]  # bytes are refused
        rooms = [bytearray(), bytearray(2), bytearray(9)]
        assert channel.read(rooms) == 2
        assert channel.read(rooms, 2, 1) == 4
        assert b"".join(rooms)[:6] == b"456789"
        assert channel.read(bytearray(1)) == channel.read(bytearray(1)) == EOF
        assert channel.read(bytearray()) == 0
    assert stream.closed
    assert not channel.is_open
    assert repr(channel) == "StreamChannel(closed)"
    channel.close()
    uses: list[Callable[[], int]] = [lambda: channel.read(bytearray(1)), lambda: channel.write(b"")]
    for use in uses:
        with pytest.raises(ClosedChannelError):
            use()


def test_a_read_waits_at_most_once(pipe: Pipe) -> None:
    with io.BufferedReader(input_stream(pipe.source)) as buffered:
        pipe.sink.write(b"ab")
        assert new_channel(buffered).read(bytearray(100)) == 2


def test_writing_a_stream() -> None:
    stream = io.BytesIO()
    channel = new_channel(stream)
    assert channel.write(ByteBuffer.wrap(b"abc")) == 3
    assert channel.write([b"", b"de", b"f"], 1, 2) == 3
    assert channel.write(bytes(100_000)) == 100_000
    assert channel.write(b"") == 0
    assert stream.getvalue() == b"abcdef" + bytes(100_000)


def test_a_stream_goes_one_way_only(tmp_path: Path) -> None:
    with new_channel((tmp_path / "t").open("wb")) as channel:
        channel.write(b"hello")
        with pytest.raises(NonReadableChannelError):
            channel.read(bytearray(1))
    with new_channel((tmp_path / "t").open("rb", buffering=0)) as channel:
        assert channel.read(bytearray(9)) == 5
        with pytest.raises(NonWritableChannelError):
            channel.write(b"x")


def test_a_stream_that_has_nothing_now() -> None:
    near, far = socket.socketpair()
    with near, far:
        near.setblocking(False)
        with new_channel(near.makefile("rwb", buffering=0)) as channel:
            assert channel.read(bytearray(1)) == 0
            while channel.write(bytes(65536)):
                pass
            far.sendall(b"abc")
            assert channel.read([bytearray(2), bytearray(2)]) == 2


def test_a_stream_over_a_channel_over_a_stream() -> None:
    near, far = connected_pair()
    with near.configure_blocking(True), far.configure_blocking(True):
        with new_channel(output_stream(near)) as channel:
            channel.write([b"to", b" and fro"])
        with new_channel(input_stream(far)) as channel:
            room = bytearray(30)
            got = channel.read(room)
            while got < 10:
                got += channel.read(memoryview(room)[got:])
            assert room[:got] == b"to and fro"
            assert channel.read(room) == EOF


def test_what_is_no_stream_of_bytes() -> None:
    for wrong in (None, 3, b"bytes", object()):
        with pytest.raises(TypeError, match="is no stream of bytes"):
            new_channel(wrong)  # type: ignore[arg-type]  # what is refused
    with tempfile.TemporaryFile("w+") as text, pytest.raises(TypeError, match=r"stream\.buffer"):
        new_channel(text)  # type: ignore[arg-type]  # what is refused
    closed = io.BytesIO()
    closed.close()
    with pytest.raises(ValueError, match="closed"):
        new_channel(closed)
