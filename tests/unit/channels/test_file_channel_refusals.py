"""What a FileChannel refuses, and what it looks at first, as JDK 17 answered to the same calls."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from nio.buffers import ByteBuffer
from nio.channels import FileChannel, StandardOpenOption
from nio.errors import ClosedChannelError, IllegalArgumentError, NonReadableChannelError, NonWritableChannelError

READ, WRITE, APPEND = StandardOpenOption.READ, StandardOpenOption.WRITE, StandardOpenOption.APPEND


READ_ONLY, READ_WRITE, PRIVATE = FileChannel.MapMode
LAST = 2**63 - 1
NO_LONGS = (-1, -(2**70), LAST + 1, 2**70)
NO_INTS = (True, False, 1.0, float("nan"), "1", None)


def closed(path: Path, *options: StandardOpenOption) -> FileChannel:
    channel = FileChannel.open(path, *options)
    channel.close()
    return channel


# refusals

Call = Callable[[FileChannel], object]


def set_position(channel: FileChannel, value: int) -> None:
    channel.position = value


EVERY: list[Call] = [
    lambda channel: channel.read(bytearray(1)),
    lambda channel: channel.read(bytes(1)),  # type: ignore[arg-type]  # read-only, which is checked later
    lambda channel: channel.read([bytearray(1)]),
    lambda channel: channel.read_at(bytearray(1), 0),
    lambda channel: channel.write(b""),
    lambda channel: channel.write([b"x"]),
    lambda channel: channel.write_at(b"x", 0),
    lambda channel: channel.position,
    lambda channel: set_position(channel, -1),
    lambda channel: channel.size,
    lambda channel: channel.truncate(-1),
    lambda channel: channel.force(),
    lambda channel: channel.transfer_to(-1, -1, channel),
    lambda channel: channel.transfer_from(channel, -1, -1),
    lambda channel: channel.map(READ_ONLY, -1, -1),
    lambda channel: channel.lock(-1, -1),
    lambda channel: channel.try_lock(-1, -1),
]


@pytest.mark.parametrize("call", EVERY)
def test_closed_is_checked_before_the_mode_and_the_numbers(path: Path, call: Call) -> None:
    # statement 180
    for options in [(READ,), (WRITE,)]:
        with pytest.raises(ClosedChannelError, match="closed"):
            call(closed(path, *options))


# statement 180
def test_what_is_checked_before_closed(path: Path) -> None:
    for channel in (closed(path), closed(path, WRITE)):
        for position in NO_LONGS:
            with pytest.raises(IllegalArgumentError, match=f"not {position}"):
                channel.read_at(bytearray(1), position)
            with pytest.raises(IllegalArgumentError, match=f"not {position}"):
                channel.write_at(b"x", position)
        with pytest.raises(IndexError, match="do not fit 1 buffers"):
            channel.read([bytearray(1)], 0, 2)
        with pytest.raises(IndexError, match="do not fit 1 buffers"):
            channel.write([b"x"], -1)
        with pytest.raises(IllegalArgumentError, match=f"at most {2**31 - 1} bytes, not {2**31}"):
            channel.map(READ_ONLY, 0, 2**31)


# statement 180
def test_numbers_and_modes(path: Path) -> None:
    with FileChannel.open(path) as reading, FileChannel.open(path, WRITE) as writing:
        for number in NO_LONGS:
            for channel in (reading, writing):
                with pytest.raises(IllegalArgumentError, match=f"position must be 0 to {LAST}, not {number}"):
                    channel.position = number
                with pytest.raises(IllegalArgumentError, match=f"size must be 0 to {LAST}, not {number}"):
                    channel.truncate(number)
            with pytest.raises(NonReadableChannelError):
                writing.transfer_to(number, number, writing)
            with pytest.raises(NonWritableChannelError):
                reading.transfer_to(number, number, reading)
            with pytest.raises(NonWritableChannelError):
                reading.transfer_from(reading, number, number)
            for position, count in [(number, 1), (1, number)]:
                with pytest.raises(IllegalArgumentError, match=f"not {number}"):
                    reading.transfer_to(position, count, writing)
                with pytest.raises(IllegalArgumentError, match=f"not {number}"):
                    writing.transfer_from(reading, position, count)
        with pytest.raises(NonWritableChannelError):
            reading.truncate(0)
        with pytest.raises(NonReadableChannelError):
            writing.read(bytes(1))  # type: ignore[arg-type]  # read-only, which is checked later
        assert (reading.position, writing.position, reading.size) == (0, 0, 5)


def test_what_is_no_number(path: Path) -> None:
    with FileChannel.open(path, READ, WRITE) as channel:
        calls: list[Callable[[int], object]] = [
            lambda number: channel.read_at(bytearray(1), number),
            lambda number: channel.write_at(b"x", number),
            lambda number: set_position(channel, number),
            lambda number: channel.truncate(number),
            lambda number: channel.transfer_to(number, 1, channel),
            lambda number: channel.transfer_to(1, number, channel),
            lambda number: channel.transfer_from(channel, number, 1),
            lambda number: channel.transfer_from(channel, 1, number),
            lambda number: channel.map(READ_WRITE, number, 1),
            lambda number: channel.map(READ_WRITE, 1, number),
            lambda number: channel.lock(number),
            lambda number: channel.try_lock(0, number),
            lambda number: channel.read([bytearray(1)], number),
            lambda number: channel.write([b"x"], number),
        ]
        for call in calls:
            for wrong in NO_INTS:
                with pytest.raises(TypeError, match="int"):
                    call(wrong)  # type: ignore[arg-type]  # what is refused
        for wrong in NO_INTS[:-1]:
            with pytest.raises(TypeError, match="int"):
                channel.write([b"x"], 0, wrong)  # type: ignore[arg-type]  # what is refused
        assert (channel.position, channel.size) == (0, 5)
    assert path.read_bytes() == b"hello"


def test_what_is_no_buffer(path: Path) -> None:
    with FileChannel.open(path, READ, WRITE) as channel:
        full = ByteBuffer.allocate(4).as_read_only_buffer()
        for targets in (full, [bytearray(1), full], bytes(2)):
            with pytest.raises(IllegalArgumentError, match="read-only"):
                channel.read(targets)  # type: ignore[arg-type]  # bytes are refused
        with pytest.raises(IllegalArgumentError, match="read-only"):
            channel.read_at(full, 0)
        for wrong in ("text", 3, None):
            with pytest.raises(TypeError, match="bytes-like"):
                channel.write(wrong)  # type: ignore[arg-type]  # what is refused
        with pytest.raises(TypeError, match="choose among several buffers"):
            channel.write(b"abc", 1)
        assert (full.position, channel.position, channel.size) == (0, 0, 5)


def test_positions_that_no_file_can_have_are_the_systems_to_refuse(path: Path) -> None:
    with FileChannel.open(path, READ, WRITE) as channel:
        calls: list[Callable[[], object]] = [
            lambda: set_position(channel, LAST),
            lambda: channel.read_at(bytearray(1), LAST),
            lambda: channel.write_at(b"x", LAST),
        ]
        for call in calls:
            with pytest.raises(OSError, match="Invalid argument"):
                call()
        assert channel.write_at(b"", LAST) == 0
        assert (channel.position, channel.size) == (0, 5)


def test_mappings_that_are_refused(path: Path) -> None:
    with FileChannel.open(path) as reading, FileChannel.open(path, WRITE) as writing:
        for mode in (READ_WRITE, PRIVATE):
            with pytest.raises(NonWritableChannelError):
                reading.map(mode, 0, 1)
        for mode in FileChannel.MapMode:
            with pytest.raises(NonReadableChannelError):
                writing.map(mode, 0, 1)
        for number in NO_LONGS:
            for position, size in [(number, 1), (1, number)]:
                with pytest.raises(IllegalArgumentError, match=f"not {number}"):
                    reading.map(READ_WRITE, position, size)
        with pytest.raises(IllegalArgumentError, match=f"position {LAST} and size 1 together are beyond {LAST}"):
            reading.map(READ_ONLY, LAST, 1)
        for wrong in ("READ_ONLY", 1, None):
            with pytest.raises(TypeError, match=r"one of FileChannel\.MapMode"):
                reading.map(wrong, 0, 1)  # type: ignore[arg-type]  # what is refused
        assert reading.size == 5
