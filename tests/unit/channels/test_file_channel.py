"""FileChannel, judged by the specification and by what JDK 17 answered to the same calls."""

from __future__ import annotations

import errno
import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from nio.buffers import ByteBuffer
from nio.channels import EOF, FileChannel, SelectableChannel, StandardOpenOption
from nio.channels._transfer import Targets
from nio.errors import (
    AsynchronousCloseError,
    ClosedChannelError,
    IllegalArgumentError,
    NonReadableChannelError,
    NonWritableChannelError,
)
from nio.spi import SelectorProvider
from tests.contract.watched import WatchedProvider
from tests.helpers import Background

READ, WRITE, APPEND = StandardOpenOption.READ, StandardOpenOption.WRITE, StandardOpenOption.APPEND
CREATE, CREATE_NEW = StandardOpenOption.CREATE, StandardOpenOption.CREATE_NEW
TRUNCATE_EXISTING, DELETE_ON_CLOSE = StandardOpenOption.TRUNCATE_EXISTING, StandardOpenOption.DELETE_ON_CLOSE


# opening


# statement 173
def test_no_option_means_reading_only(path: Path) -> None:
    for options in [(), (READ,), (CREATE,), (TRUNCATE_EXISTING,), (StandardOpenOption.SYNC,), (READ, CREATE_NEW)]:
        with FileChannel.open(path, *options) as channel:
            assert channel.read(bytearray(9)) == 5
            with pytest.raises(NonWritableChannelError, match="reading"):
                channel.write(b"x")
    with FileChannel.open(path, WRITE) as channel, pytest.raises(NonReadableChannelError, match="writing"):
        channel.read(bytearray(1))
    assert path.read_bytes() == b"hello"


# statement 174
@pytest.mark.parametrize("options", [(READ, APPEND), (APPEND, TRUNCATE_EXISTING), (READ, WRITE, APPEND)])
def test_appending_goes_with_neither_reading_nor_truncating(path: Path, options: tuple[StandardOpenOption]) -> None:
    with pytest.raises(IllegalArgumentError, match=r"\+ APPEND"):
        FileChannel.open(path, *options)
    assert path.read_bytes() == b"hello"


# statement 174
def test_what_creates_and_empties(path: Path, tmp_path: Path) -> None:
    with pytest.raises(FileExistsError):
        FileChannel.open(path, WRITE, CREATE_NEW, CREATE)
    for options in [(WRITE,), (READ, CREATE), (READ, CREATE_NEW)]:
        with pytest.raises(FileNotFoundError):
            FileChannel.open(tmp_path / "new", *options)
    before = os.umask(0o027)
    try:
        FileChannel.open(os.fsencode(tmp_path / "new"), APPEND, CREATE, StandardOpenOption.SPARSE).close()
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o640
    with FileChannel.open(str(path), READ, WRITE, TRUNCATE_EXISTING) as channel:
        assert (channel.size, channel.read(bytearray(1))) == (0, EOF)
    (tmp_path / "link").symlink_to(path)
    with pytest.raises(FileExistsError):
        FileChannel.open(tmp_path / "link", WRITE, CREATE_NEW)


# statement 185
def test_delete_on_close_unlinks_at_open(path: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(path)
    with pytest.raises(OSError, match="symbolic") as caught:
        FileChannel.open(tmp_path / "link", DELETE_ON_CLOSE)
    assert caught.value.errno == errno.ELOOP
    with FileChannel.open(path, DELETE_ON_CLOSE) as channel:
        assert not path.exists()
        assert (channel.read(bytearray(9)), channel.size) == (5, 5)
    with FileChannel.open(tmp_path, DELETE_ON_CLOSE), FileChannel.open(tmp_path) as folder:
        assert tmp_path.exists()
        with pytest.raises(IsADirectoryError):
            folder.read(bytearray(1))


@pytest.mark.parametrize("option", ["READ", os.O_RDONLY, None, True, {READ}])
def test_what_is_no_option(path: Path, option: StandardOpenOption) -> None:
    with pytest.raises(TypeError, match="one of StandardOpenOption, not"):
        FileChannel.open(path, option)
    for wrong in (None, 3, 1.5):
        with pytest.raises(TypeError):
            FileChannel.open(wrong)  # type: ignore[arg-type]  # what is refused


def test_synchronous_writing_is_asked_of_the_kernel(path: Path) -> None:
    import fcntl

    for option, bits in [(StandardOpenOption.SYNC, os.O_SYNC), (StandardOpenOption.DSYNC, os.O_DSYNC)]:
        with FileChannel.open(path, WRITE, option) as channel:
            assert fcntl.fcntl(channel._file.fileno(), fcntl.F_GETFL) & bits == bits


def test_what_it_shows(path: Path) -> None:
    provider = SelectorProvider.named("poll")
    channel = FileChannel.open(path, READ, WRITE, provider=provider)
    assert channel.provider is provider
    assert repr(channel) == f"FileChannel({str(path)!r}, reading and writing)"
    assert channel.is_open
    channel.close()
    channel.close()
    assert not channel.is_open
    assert repr(channel) == f"FileChannel({str(path)!r}, closed)"
    with FileChannel.open(path, APPEND, WRITE) as channel:
        assert repr(channel) == f"FileChannel({str(path)!r}, appending)"


def test_a_file_that_nobody_closed_is_told(path: Path) -> None:
    channel = FileChannel.open(path)
    with pytest.warns(ResourceWarning, match=r"unclosed File\(fd=\d+\)"):
        del channel


# reading and writing


# statement 184
def test_files_are_not_selectable() -> None:
    assert not issubclass(FileChannel, SelectableChannel)
    assert not {"register", "configure_blocking", "valid_ops", "key_for"} & set(dir(FileChannel))


# statement 184
def test_scatter_and_gather(path: Path) -> None:
    with FileChannel.open(path, READ, WRITE) as channel:
        first, second, third = ByteBuffer.allocate(1), ByteBuffer.allocate(0), ByteBuffer.allocate(9)
        assert channel.read([first, second, third]) == 5
        assert (bytes(first.flip()), bytes(third.flip()), channel.position) == (b"h", b"ello", 5)
        assert channel.write([b"a", b"", ByteBuffer.wrap(b"bcd", 1, 1), b"e"], 1, 2) == 1
        assert channel.write((b"x", b"y")) == 2
        assert channel.write([b"z"] * 2500) == 2500
        channel.position = 1
        rooms = [bytearray(1), bytearray(2), bytearray(3)]
        assert channel.read(rooms, 1, 1) == 2
        assert (b"".join(rooms), channel.position) == (b"\0el\0\0\0", 3)
    assert path.read_bytes() == b"hellocxy" + b"z" * 2500


def test_no_room_no_bytes_and_the_end(path: Path) -> None:
    with FileChannel.open(path, READ, WRITE) as channel:
        channel.position = 5
        nothings: list[Targets] = [bytearray(), [], [bytearray(), ByteBuffer.allocate(0)]]
        for nothing in nothings:
            assert channel.read(nothing) == 0
        for room in (bytearray(1), [bytearray(1)], ByteBuffer.allocate(3)):
            assert channel.read(room) == EOF
        assert channel.read_at(bytearray(), 100) == 0
        assert channel.write(b"") == channel.write([]) == channel.write_at(b"", 100) == 0
        assert (channel.size, channel.position) == (5, 5)


# statement 175
def test_every_write_of_a_channel_that_appends_goes_to_the_end(path: Path) -> None:
    with FileChannel.open(path, APPEND) as channel, FileChannel.open(path, APPEND) as other:
        assert channel.position == 5
        assert channel.write(b"!") == 1
        channel.position = 2
        assert channel.position == 6
        assert channel.write_at(b"?", 0) == 1
        assert other.write(b"+") == 1
        assert (channel.position, channel.size) == (8, 8)
        assert channel.truncate(3).position == 3
        assert channel.write([b"a", b"b"]) == 2
    assert path.read_bytes() == b"helab"


# statement 176
def test_the_position_may_lie_beyond_the_end(path: Path) -> None:
    with FileChannel.open(path, READ, WRITE) as channel:
        channel.position = 7
        assert (channel.position, channel.size) == (7, 5)
        assert channel.read(bytearray(1)) == channel.read_at(bytearray(1), 2**40) == EOF
        assert channel.write(b"") == 0
        assert channel.size == 5
        assert channel.write(b"w") == 1
        assert (channel.position, channel.size) == (8, 8)
    assert path.read_bytes() == b"hello\0\0w"


# statement 177
def test_positional_reading_and_writing_leave_the_position(path: Path) -> None:
    with FileChannel.open(path, READ, WRITE) as channel:
        channel.position = 1
        buffer = ByteBuffer.allocate(3)
        assert channel.read_at(buffer, 2) == 3
        assert bytes(buffer.flip()) == b"llo"
        assert channel.write_at(buffer, 7) == 3
        assert channel.read_at(bytearray(9), 9) == 1
        assert (channel.position, buffer.remaining) == (1, 0)
    assert path.read_bytes() == b"hello\0\0llo"


# statement 178
@pytest.mark.parametrize(
    ("position", "size", "after"),
    [(10, 7, (7, 5)), (6, 7, (6, 5)), (2, 7, (2, 5)), (9, 5, (5, 5)), (4, 3, (3, 3)), (1, 3, (1, 3))],
)
def test_truncate(path: Path, position: int, size: int, after: tuple[int, int]) -> None:
    with FileChannel.open(path, WRITE) as channel:
        channel.position = position
        assert channel.truncate(size) is channel
        assert (channel.position, channel.size) == after
    assert path.read_bytes() == b"hello"[:size]


def test_force(path: Path) -> None:
    for options in [(READ,), (WRITE,)]:
        with FileChannel.open(path, *options) as channel:
            channel.force()
            channel.force(False)
            for wrong in (1, None, "x"):
                with pytest.raises(TypeError, match="metadata must be True or False"):
                    channel.force(wrong)  # type: ignore[arg-type]  # what is refused


# pipes, and closing


@pytest.fixture
def fifo(tmp_path: Path) -> Path:
    os.mkfifo(tmp_path / "fifo")
    return tmp_path / "fifo"


def test_a_pipe_by_name(fifo: Path) -> None:
    with FileChannel.open(fifo, READ, WRITE) as channel:
        assert channel.size == 0
        assert channel.write([b"a", b"b"]) == 2
        assert channel.read(bytearray(5)) == 2
        calls: list[Callable[[], object]] = [
            lambda: channel.position,
            lambda: setattr(channel, "position", 0),
            lambda: channel.truncate(0),
            lambda: channel.read_at(bytearray(1), 0),
            lambda: channel.write_at(b"x", 0),
        ]
        for call in calls:
            with pytest.raises(OSError, match="Illegal seek"):
                call()
        with channel.lock():
            assert channel.transfer_to(0, 1, channel) == 0


# statement 154
def test_a_reader_of_a_pipe_waits_and_is_released_by_close(fifo: Path) -> None:
    watched = WatchedProvider(SelectorProvider.default())
    with FileChannel.open(fifo, READ, WRITE, provider=watched) as channel, FileChannel.open(fifo, WRITE) as writer:
        reading = Background(channel.read, bytearray(9))
        watched.until_asleep()
        assert channel.size == 0
        writer.write(b"abc")
        assert reading.result() == 3
        reading = Background(channel.read, bytearray(9))
        watched.until_asleep()
        second = Background(channel.read, bytearray(9))
        watched.until_queued()
        channel.close()
        with pytest.raises(AsynchronousCloseError, match="was closed while a thread was inside"):
            reading.result()
        with pytest.raises(ClosedChannelError):
            second.result()
    with pytest.raises(OSError, match="Bad file descriptor"):
        channel._file.size()


def test_a_writer_to_a_pipe_waits_until_all_is_written(fifo: Path) -> None:
    watched = WatchedProvider(SelectorProvider.default())
    with FileChannel.open(fifo, READ, WRITE, provider=watched) as channel, FileChannel.open(fifo) as other:
        data = bytes(range(256)) * 4000
        writing = Background(channel.write, [data[:1000], data[1000:]])
        watched.until_asleep()
        got = bytearray()
        room = bytearray(65536)
        while len(got) < len(data):
            got += room[: other.read(room)]
        assert (writing.result(), bytes(got)) == (len(data), data)


def test_a_close_during_an_operation_leaves_it_the_descriptor(path: Path) -> None:
    channel = FileChannel.open(path)
    inside, done = threading.Event(), threading.Event()

    def slow_size() -> int:
        channel._enter()
        try:
            inside.set()
            assert done.wait(10)
            return channel._file.size()
        finally:
            channel._leave()

    background = Background(slow_size)
    assert inside.wait(10)
    channel.close()
    assert not channel.is_open
    with pytest.raises(ClosedChannelError):
        _ = channel.size
    done.set()
    assert background.result() == 5
    with pytest.raises(OSError, match="Bad file descriptor"):
        channel._file.size()
