"""Mappings of a FileChannel, as the specification has them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nio.channels import FileChannel, StandardOpenOption
from nio.errors import ReadOnlyBufferError

READ, WRITE, APPEND = StandardOpenOption.READ, StandardOpenOption.WRITE, StandardOpenOption.APPEND


READ_ONLY, READ_WRITE, PRIVATE = FileChannel.MapMode


# statement 183
def test_a_mapping_outlives_the_channel(path: Path) -> None:
    with FileChannel.open(path, READ, WRITE) as channel:
        channel.position = 2
        buffer = channel.map(READ_WRITE, 1, 4)
        assert channel.position == 2
    assert (buffer.position, buffer.capacity, buffer.is_direct, buffer.is_read_only) == (0, 4, True, False)
    assert bytes(buffer) == b"ello"
    buffer.put(b"EL").force()
    assert path.read_bytes() == b"hELlo"


# statement 183
def test_the_three_modes(path: Path) -> None:
    with FileChannel.open(path, READ, WRITE) as channel:
        read_only, shared, private = (channel.map(mode, 0, 5) for mode in (READ_ONLY, READ_WRITE, PRIVATE))
    with pytest.raises(ReadOnlyBufferError):
        read_only.put(b"x")
    private.put(b"P").force()
    shared.put(b"S").force()
    assert (bytes(read_only), bytes(private.flip()), path.read_bytes()) == (b"Sello", b"P", b"Sello")


# statement 183
@pytest.mark.parametrize("mode", FileChannel.MapMode)
def test_a_mapping_beyond_the_end_extends_the_file(path: Path, mode: FileChannel.MapMode) -> None:
    with FileChannel.open(path, READ, WRITE) as channel:
        buffer = channel.map(mode, 3, 10)
        assert (bytes(buffer), channel.size) == (b"lo" + bytes(8), 13)
        nothing = channel.map(mode, 20, 0)
        assert (nothing.capacity, nothing.is_read_only, nothing.is_direct) == (0, mode is READ_ONLY, True)
        assert channel.size == 20
        assert bytes(nothing.load().force()) == b""
    with FileChannel.open(path) as channel:
        assert channel.map(READ_ONLY, 20, 0).capacity == 0
        with pytest.raises(PermissionError, match="has 20 bytes and cannot be extended to the 21 asked for"):
            channel.map(READ_ONLY, 21, 0)


def test_a_mapping_begins_anywhere(path: Path) -> None:
    page = os.sysconf("SC_PAGESIZE")
    content = bytes(index * 7 % 251 for index in range(3 * page))
    path.write_bytes(content)
    with FileChannel.open(path) as channel:
        for position in (0, 1, page - 1, page, page + 1, 2 * page + 17, 3 * page - 1):
            size = min(page, 3 * page - position)
            assert bytes(channel.map(READ_ONLY, position, size)) == content[position : position + size]
