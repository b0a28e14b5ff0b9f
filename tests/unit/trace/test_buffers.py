"""Buffers that tell of themselves, at level teach."""

from __future__ import annotations

import pytest

from nio import ByteBuffer, MappedByteBuffer, Pipe
from nio.trace import BUFFER, TracedByteBuffer, recording
from nio.trace._recording import Recording


def told(log: Recording) -> list[tuple[int | str, ...]]:
    """Operation, position, limit, capacity, content."""
    return [record[3:] for record in log.take() if record[0] == BUFFER]


def test_the_life_of_a_buffer() -> None:
    with recording("teach") as log:
        buffer = ByteBuffer.allocate(4)
        buffer.put(b"ab").flip()
        buffer.get()
        buffer.compact()
        buffer.limit = 3
        buffer.position = 2
        buffer.rewind()
        buffer.clear()
    assert told(log) == [
        ("new", 0, 4, 4, "00000000"),
        ("put", 2, 4, 4, "61620000"),
        ("flip", 0, 2, 4, "61620000"),
        ("get", 1, 2, 4, "61620000"),
        ("compact", 1, 4, 4, "62620000"),
        ("limit", 1, 3, 4, "62620000"),
        ("position", 2, 3, 4, "62620000"),
        ("rewind", 0, 3, 4, "62620000"),
        ("clear", 0, 4, 4, "62620000"),
    ]


def test_what_a_channel_moves() -> None:
    with recording("teach") as log, Pipe.open() as pipe:
        pipe.sink.write(b"hello")
        buffer = ByteBuffer.allocate(8)
        pipe.source.read(buffer)
        assert (buffer.position, buffer.limit) == (5, 8)
    assert told(log)[-1] == ("position", 5, 8, 8, b"hello\0\0\0".hex())


def test_it_looks_as_a_buffer_does_and_no_longer_than_sixteen_bytes() -> None:
    with recording("teach") as log:
        buffer = ByteBuffer.wrap(bytes(range(32)))
        assert isinstance(buffer, TracedByteBuffer)
        assert repr(buffer).startswith("ByteBuffer(position=0, limit=32, capacity=32")
        assert buffer == ByteBuffer.wrap(bytes(range(32)))
        assert isinstance(buffer.slice(), TracedByteBuffer)
        assert isinstance(buffer.duplicate(), TracedByteBuffer)
    assert told(log)[0] == ("new", 0, 32, 32, bytes(range(16)).hex())


def test_afterwards_buffers_are_plain_and_old_ones_are_silent() -> None:
    with recording("teach") as log:
        buffer = ByteBuffer.allocate(4)
    list(log.take())
    assert type(ByteBuffer.allocate(4)) is ByteBuffer
    assert type(ByteBuffer.wrap(b"ab")) is ByteBuffer
    buffer.flip()
    assert told(log) == []


def test_at_other_levels_buffers_are_plain() -> None:
    with recording("io"):
        assert type(ByteBuffer.allocate(4)) is ByteBuffer


def test_recordings_may_be_nested() -> None:
    with recording("teach") as outer:
        with recording("teach") as inner:
            ByteBuffer.allocate(1)
        ByteBuffer.allocate(2)
    assert [record[3] for record in told(inner)] == [1]
    assert [record[3] for record in told(outer)] == [2]
    assert type(ByteBuffer.allocate(4)) is ByteBuffer


def test_other_classes_make_their_own() -> None:
    class Mine(ByteBuffer):
        """A buffer of the user's."""

    with recording("teach"):
        assert type(Mine.allocate(4)) is Mine
        assert not issubclass(TracedByteBuffer, MappedByteBuffer)


def test_a_call_that_raises_is_not_told() -> None:
    with recording("teach") as log:
        buffer = ByteBuffer.allocate(1)
        with pytest.raises(BufferError):
            buffer.put(b"ab")
    assert [record[0] for record in told(log)] == ["new"]
