"""Transfers between a file and every other kind of channel; what is expected is what JDK 17 answered."""

from __future__ import annotations

import errno
import io
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nio.buffers import ByteBuffer
from nio.channels import (
    FileChannel,
    Pipe,
    ServerSocketChannel,
    SocketChannel,
    StandardOpenOption,
    input_stream,
    new_channel,
)
from nio.channels._file_transfer import CHUNK
from nio.errors import (
    AsynchronousCloseError,
    ClosedChannelError,
    NonReadableChannelError,
    NonWritableChannelError,
    NotYetConnectedError,
)
from nio.spi import SelectorProvider, SystemProvider
from tests.contract.watched import WatchedProvider
from tests.helpers import Background, arrived, connected_pair, drain, fill, reset, until

READ, WRITE, APPEND = StandardOpenOption.READ, StandardOpenOption.WRITE, StandardOpenOption.APPEND
CREATE = StandardOpenOption.CREATE
LAST = 2**63 - 1
BIG = bytes(range(256)) * 100_000

Pair = tuple[SocketChannel, SocketChannel]


class Scripted(SystemProvider):
    """Sends what it is told to, or fails so, and counts the calls."""

    def __init__(self, *answers: int | OSError | None) -> None:
        super().__init__(SelectorProvider.default().name)
        self.answers = list(answers)

    def send_file(self, target: int, file: int, position: int, count: int) -> int | None:
        answer = self.answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return answer


class Outside:
    """A channel of somebody else's: takes what it is told to."""

    def __init__(self, *answers: int | OSError) -> None:
        self.is_open = True
        self.answers = list(answers)
        self.asked: list[int] = []
        self.data = b""

    def close(self) -> None:
        self.is_open = False

    def write(self, source: ByteBuffer) -> int:
        self.asked.append(source.remaining)
        answer = self.answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        self.data += bytes(source)[:answer]
        return answer

    def read(self, target: ByteBuffer) -> int:
        self.asked.append(target.remaining)
        answer = self.answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        target.put(bytes([65 + len(self.asked)]) * answer)
        return answer


@pytest.fixture
def file(path: Path) -> Iterator[FileChannel]:
    with FileChannel.open(path) as channel:
        yield channel


@pytest.fixture
def target(tmp_path: Path) -> Iterator[FileChannel]:
    with FileChannel.open(tmp_path / "u", READ, WRITE, CREATE) as channel:
        yield channel


@pytest.fixture
def pair() -> Iterator[Pair]:
    near, far = connected_pair()
    with near, far:
        yield near, far


def content(channel: FileChannel) -> bytes:
    room = bytearray(channel.size)
    channel.read_at(room, 0)
    return bytes(room)


# to


# statement 179
def test_to_another_file(file: FileChannel, target: FileChannel) -> None:
    target.position = 2
    assert file.transfer_to(1, LAST, target) == 4
    assert (file.position, target.position, content(target)) == (0, 6, b"\0\0ello")
    for position, count in [(5, 1), (6, 1), (LAST, LAST), (0, 0)]:
        assert file.transfer_to(position, count, target) == 0
    assert target.size == 6


# statements 175, 179
def test_to_a_file_that_appends(file: FileChannel, path: Path, tmp_path: Path) -> None:
    with FileChannel.open(tmp_path / "log", APPEND, CREATE) as log:
        assert [file.transfer_to(0, 2, log), log.transfer_from(file, 0, 3)] == [2, 3]
        assert log.position == 5
    assert (tmp_path / "log").read_bytes() == b"hehel"


def test_to_the_very_file(path: Path) -> None:
    with FileChannel.open(path, READ, WRITE) as channel:
        channel.position = 5
        assert channel.transfer_to(0, 5, channel) == 5
        assert channel.position == 10
        assert path.read_bytes() == b"hellohello"
        channel.position = 0
        assert channel.transfer_from(channel, 10, 100) == 10
        assert channel.position == 10
        assert path.read_bytes() == b"hello" * 4


# statement 179
def test_to_a_socket(file: FileChannel, pair: Pair) -> None:
    near, far = pair
    for blocking in (True, False):
        near.configure_blocking(blocking)
        assert file.transfer_to(1, 100, near) == 4
        assert drain(far, 4) == b"ello"
    assert file.position == 0


# statement 179
def test_a_non_blocking_target_takes_what_it_can(path: Path, pair: Pair) -> None:
    near, far = pair
    path.write_bytes(BIG)
    with FileChannel.open(path) as file:
        first = file.transfer_to(0, LAST, near)
        assert 0 < first < len(BIG)
        sent = first + sum(iter(lambda: file.transfer_to(0, 1000, near), 0))
        assert file.transfer_to(0, LAST, near) == 0
        assert drain(far, first) == BIG[:first]
        drain(far, sent - first)
    with Pipe.open() as pipe, FileChannel.open(path) as file:
        pipe.sink.configure_blocking(False)
        taken = file.transfer_to(7, LAST, pipe.sink)
        assert 0 < taken < len(BIG)
        room = bytearray(taken)
        assert pipe.source.read(room) == taken
        assert room == BIG[7 : 7 + taken]


def test_a_blocking_target_takes_all(path: Path, pair: Pair) -> None:
    near, far = pair
    near.configure_blocking(True)
    path.write_bytes(BIG)
    with FileChannel.open(path) as file:
        sending = Background(file.transfer_to, 256, LAST, near)
        assert drain(far, len(BIG) - 256) == BIG[256:]
        assert sending.result() == len(BIG) - 256


# statement 154
@pytest.mark.parametrize("closing", ["file", "target"])
def test_a_transfer_that_waits_is_released_by_either_close(path: Path, closing: str) -> None:
    watched = WatchedProvider(SelectorProvider.default())
    for is_first in (True, False):
        near, far = connected_pair()
        path.write_bytes(BIG)
        with near, far, FileChannel.open(path, provider=watched) as file:
            if is_first:
                fill(near)
            near.configure_blocking(True)
            watched.forget()
            sending = Background(file.transfer_to, 0, LAST, near)
            watched.until_asleep()
            (file if closing == "file" else near).close()
            if is_first:
                with pytest.raises(AsynchronousCloseError):
                    sending.result()
            else:
                assert 0 < sending.result() < len(BIG)


# statement 180
def test_who_cannot_be_a_target(file: FileChannel, target: FileChannel, pair: Pair) -> None:
    near, far = pair
    with pytest.raises(NonWritableChannelError):
        file.transfer_to(-1, -1, file)
    for count in (0, 1):
        with pytest.raises(NonWritableChannelError):
            file.transfer_to(0, count, file)
    near.shutdown_output()
    with pytest.raises(BrokenPipeError):
        file.transfer_to(0, 5, near)
    with SocketChannel.open() as unconnected:
        assert file.transfer_to(0, 0, unconnected) == file.transfer_to(9, 1, unconnected) == 0
        with pytest.raises(BrokenPipeError):
            file.transfer_to(0, 5, unconnected)
    target.close()
    for closed in (target, unconnected):
        with pytest.raises(ClosedChannelError):
            file.transfer_to(-1, -1, closed)
    with ServerSocketChannel.open() as server:
        for wrong in (server, None, "text", 3):
            with pytest.raises(TypeError, match=r"has no write\(\)"):
                file.transfer_to(0, 1, wrong)  # type: ignore[arg-type]  # what is refused
    reset(far)
    assert (file.position, file.is_open) == (0, True)


def test_what_the_kernel_cannot_send_is_copied(path: Path, pair: Pair) -> None:
    near, far = pair
    path.write_bytes(BIG)
    near.configure_blocking(True)
    with FileChannel.open(path, provider=Scripted(None)) as file:
        sending = Background(file.transfer_to, 1, 3 * CHUNK, near)
        assert drain(far, 3 * CHUNK) == BIG[1 : 1 + 3 * CHUNK]
        assert sending.result() == 3 * CHUNK


@pytest.mark.parametrize("last", [None, 0, BrokenPipeError(errno.EPIPE, "Broken pipe")])
def test_what_was_sent_before_the_end_counts(path: Path, pair: Pair, last: int | OSError | None) -> None:
    near, _ = pair
    near.configure_blocking(True)
    provider = Scripted(3, 1, last)
    with FileChannel.open(path, provider=provider) as file:
        assert file.transfer_to(0, 5, near) == 4
    assert provider.answers == []


def test_a_file_that_was_cut_meanwhile(file: FileChannel, pair: Pair) -> None:
    near, far = pair
    near.configure_blocking(True)
    assert near._send_file(file, 2, 100) == 3
    assert drain(far, 3) == b"llo"


def test_a_stranger_as_target(path: Path) -> None:
    path.write_bytes(BIG[:20_000])
    boom = OSError("boom")
    with FileChannel.open(path) as file:
        taker = Outside(CHUNK, CHUNK, 20_000 - 2 * CHUNK)
        assert file.transfer_to(0, LAST, taker) == 20_000
        assert (taker.asked, taker.data) == ([CHUNK, CHUNK, 20_000 - 2 * CHUNK], BIG[:20_000])
        assert file.transfer_to(10, 100, Outside(60)) == 60
        assert file.transfer_to(10, 100, Outside(0)) == 0
        assert file.transfer_to(0, LAST, Outside(CHUNK, boom)) == CHUNK
        with pytest.raises(OSError, match="boom"):
            file.transfer_to(0, LAST, Outside(boom))
    stream = io.BytesIO()
    with FileChannel.open(path) as file:
        assert file.transfer_to(5, 10, new_channel(stream)) == 10
    assert stream.getvalue() == BIG[5:15]


# from


# statement 179
def test_from_another_file(file: FileChannel, target: FileChannel) -> None:
    target.write(b"abc")
    file.position = 2
    assert target.transfer_from(file, 1, 100) == 3
    assert (file.position, target.position, content(target)) == (5, 3, b"allo")
    file.position = 0
    assert target.transfer_from(file, 5, 100) == 0  # beyond the own end
    assert file.position == 0
    assert target.transfer_from(file, 4, 2) == 2
    assert (file.position, content(target)) == (2, b"allohe")
    file.position = 10
    assert target.transfer_from(file, 0, LAST) == 0
    assert target.transfer_from(file, 0, 0) == 0
    assert (file.position, content(target)) == (10, b"allohe")


# statement 179
def test_from_what_has_nothing_now(target: FileChannel, pair: Pair) -> None:
    near, far = pair
    with Pipe.open() as pipe:
        pipe.source.configure_blocking(False)
        assert target.transfer_from(pipe.source, 0, 4) == 0
        pipe.sink.write(b"0123456789")
        assert target.transfer_from(pipe.source, 0, 4) == 4
    far.write(bytes(20_000))
    until(lambda: target.transfer_from(near, 4, 100_000))
    far.shutdown_output()
    arrived(near)
    near.configure_blocking(True)
    while target.size < 20_004:
        target.transfer_from(near, target.size, 100_000)
    assert target.transfer_from(near, 0, 5) == 0
    assert (target.position, content(target)) == (0, b"0123" + bytes(20_000))


def test_a_blocking_source_is_read_until_the_count_or_the_end(target: FileChannel, pair: Pair) -> None:
    near, far = pair
    near.configure_blocking(True)
    reading = Background(target.transfer_from, near, 0, 6)
    for part in (b"abc", b"defgh"):
        far.write(part)
    assert reading.result() == 6
    far.shutdown_output()
    assert target.transfer_from(near, 6, LAST) == 2
    assert content(target) == b"abcdefgh"


# statement 180
def test_who_cannot_be_a_source(file: FileChannel, target: FileChannel, path: Path) -> None:
    with FileChannel.open(path, WRITE) as writing:
        for count in (0, 1):
            with pytest.raises(NonReadableChannelError):
                target.transfer_from(writing, 0, count)
        assert target.transfer_from(writing, 1, 1) == 0
    with pytest.raises(ClosedChannelError):
        file.transfer_from(writing, -1, -1)
    with SocketChannel.open() as unconnected:
        assert target.transfer_from(unconnected, 0, 0) == 0
        with pytest.raises(NotYetConnectedError):
            target.transfer_from(unconnected, 0, 1)
    for wrong in (None, "text", 3):
        with pytest.raises(TypeError, match=r"has no read\(\)"):
            target.transfer_from(wrong, 0, 1)  # type: ignore[arg-type]  # what is refused
    assert target.size == 0


def test_a_stranger_as_source(target: FileChannel) -> None:
    boom = OSError("boom")
    source = Outside(CHUNK, 5, -1)
    assert target.transfer_from(source, 0, 20_000) == CHUNK + 5
    assert source.asked == [CHUNK, CHUNK, CHUNK]
    assert content(target) == b"B" * CHUNK + b"C" * 5
    assert target.transfer_from(Outside(CHUNK, boom), 0, LAST) == CHUNK
    with pytest.raises(OSError, match="boom"):
        target.transfer_from(Outside(boom), 0, LAST)
    assert target.transfer_from(new_channel(io.BytesIO(b"0123456789")), 0, 4) == 4
    assert content(target)[:5] == b"0123B"


def test_a_copy_notices_that_its_file_was_closed(path: Path) -> None:
    path.write_bytes(BIG[:20_000])
    file = FileChannel.open(path)

    class Closer(Outside):
        def write(self, source: ByteBuffer) -> int:
            file.close()
            return super().write(source)

    assert file.transfer_to(0, LAST, Closer(CHUNK, CHUNK)) == CHUNK
    assert not file.is_open


def test_a_stream_over_a_file(file: FileChannel) -> None:
    read: Callable[[], bytes | None] = input_stream(file).read
    assert read() == b"hello"
    assert file.position == 5
