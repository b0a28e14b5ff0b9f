"""A buffer as a drawing, and the bytes that its repr shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from nio.buffers import ByteBuffer, CharBuffer, FloatBuffer, IntBuffer
from nio.channels import FileChannel, StandardOpenOption


def rows(*lines: str) -> str:
    return "\n".join(lines)


def test_content_and_the_four_numbers() -> None:
    buffer = ByteBuffer.allocate(8).put(b"ann\n\xc3").flip()
    buffer.get()
    buffer.mark()
    buffer.get()
    assert buffer.diagram() == rows(
        "ByteBuffer: M 1, P 2, L 5, C 8, 3 remaining",
        "index     0  1  2  3  4  5  6  7  8",
        "content   a  n  n 0a c3 00 00 00",
        "             M  P        L        C",
    )
    assert buffer.position == 2


def test_numbers_at_one_place_stand_side_by_side() -> None:
    assert ByteBuffer.allocate(0).diagram() == rows(
        "ByteBuffer: P 0, L 0, C 0, 0 remaining",
        "index      0",
        "content",
        "         PLC",
    )


def test_of_a_long_buffer_the_rows_that_matter() -> None:
    buffer = ByteBuffer.wrap(bytes(range(256)))
    buffer.position = 100
    buffer.limit = 101
    lines = buffer.diagram().split("\n")
    assert [line.split()[1] for line in lines if line.startswith("index")] == ["0", "96", "256"]
    assert [number for number, line in enumerate(lines) if line == "..."] == [3, 7]
    assert lines[6].split() == ["P", "L"]
    assert lines[5].split()[5:7] == ["d", "e"]  # 100, 101
    assert ByteBuffer.wrap(bytes(31)).diagram().count("...") == 0


@pytest.mark.parametrize(
    ("buffer", "content"),
    [
        (CharBuffer.wrap("hé y"), ["h", "00e9", "0020", "y"]),
        (IntBuffer.allocate(2).put(-5), ["-5", "0"]),
        (FloatBuffer.allocate(2).put(0.5), ["0.5", "0.0"]),
        (ByteBuffer.wrap(b"\0\0\1\0").as_int_buffer(), ["256"]),
        (ByteBuffer.wrap(b"abcdef").slice(2, 2).as_read_only_buffer(), ["c", "d"]),
    ],
)
def test_every_kind_of_buffer(buffer: ByteBuffer, content: list[str]) -> None:
    assert buffer.diagram().split("\n")[2].split() == ["content", *content]


def test_the_repr_shows_what_remains_up_to_16_bytes() -> None:
    buffer = ByteBuffer.wrap(b"0123456789abcdefgh")
    assert repr(buffer) == "ByteBuffer(position=0, limit=18, capacity=18, b'0123456789abcdef'...)"
    buffer.position = 2
    assert repr(buffer) == "ByteBuffer(position=2, limit=18, capacity=18, b'23456789abcdefgh')"
    buffer.position = 18
    assert repr(buffer) == "ByteBuffer(position=18, limit=18, capacity=18)"


def test_the_repr_of_a_mapped_buffer_touches_no_memory(tmp_path: Path) -> None:
    """The file may be shorter by now: touching the pages behind its end is SIGBUS."""
    path = tmp_path / "f"
    path.write_bytes(b"x" * 5000)
    with FileChannel.open(path, StandardOpenOption.READ, StandardOpenOption.WRITE) as channel:
        buffer = channel.map(FileChannel.MapMode.READ_WRITE, 0, 5000)
        channel.truncate(0)
    assert repr(buffer) == "MappedByteBuffer(position=0, limit=5000, capacity=5000)"
