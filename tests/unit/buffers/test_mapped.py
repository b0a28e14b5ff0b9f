"""MappedByteBuffer over a real file."""

from __future__ import annotations

import mmap
from pathlib import Path

import pytest

from nio.buffers import MappedByteBuffer
from nio.errors import ReadOnlyBufferError

SIZE = 2 * mmap.PAGESIZE + 100


def mapping(path: Path, access: int = mmap.ACCESS_WRITE) -> mmap.mmap:
    path.write_bytes(bytes(SIZE))
    with path.open("r+b") as file:
        return mmap.mmap(file.fileno(), 0, access=access)


def test_what_is_put_and_forced_is_in_the_file(tmp_path: Path) -> None:
    # statement 34
    buffer = MappedByteBuffer.map(mapping(tmp_path / "f"))
    assert (buffer.capacity, buffer.is_direct, buffer.has_array) == (SIZE, True, False)
    assert buffer.put(b"first").force() is buffer
    tail = buffer.slice(mmap.PAGESIZE + 7, 50)
    assert isinstance(tail, MappedByteBuffer)
    tail.put(b"middle").force()
    buffer.put_at(SIZE - 4, b"last").force(SIZE - 4, 4).force(0, 0)
    content = (tmp_path / "f").read_bytes()
    assert content[:5] + content[mmap.PAGESIZE + 7 :][:6] + content[-4:] == b"firstmiddlelast"
    for index, length in [(SIZE, 1), (-1, 1), (0, SIZE + 1)]:
        with pytest.raises(IndexError, match=f"the capacity {SIZE}"):
            buffer.force(index, length)


def test_a_part_of_a_mapping(tmp_path: Path) -> None:
    # statements 35, 52
    whole = mapping(tmp_path / "f")
    part = MappedByteBuffer.map(whole, 10, 20)
    part.put_at(0, 5).force()
    assert (part.position, part.capacity, whole[10]) == (0, 20, 5)
    assert part.alignment_offset(0, 64) == 10
    with pytest.raises(IndexError, match=f"the length {SIZE}"):
        MappedByteBuffer.map(whole, SIZE, 1)


def test_a_read_only_mapping_gives_a_read_only_buffer(tmp_path: Path) -> None:
    # statement 39
    buffer = MappedByteBuffer.map(mapping(tmp_path / "f", mmap.ACCESS_READ))
    assert buffer.is_read_only
    with pytest.raises(ReadOnlyBufferError):
        buffer.put(1)
    assert buffer.force().load().get() == 0


def test_load_is_remembered(tmp_path: Path) -> None:
    buffer = MappedByteBuffer.map(mapping(tmp_path / "f"))
    assert not buffer.is_loaded
    assert buffer.load().is_loaded


def test_memory_that_is_not_mapped_needs_neither_force_nor_load() -> None:
    buffer = MappedByteBuffer.allocate(4).put(b"abcd").flip()
    assert buffer.is_loaded
    assert bytes(buffer.force().load()) == b"abcd"
