"""Small buffers with known content."""

from __future__ import annotations

from array import array

from nio.buffers import ByteBuffer, IntBuffer


def numbered(count: int) -> ByteBuffer:
    return ByteBuffer.wrap(bytearray(range(1, count + 1)))


def ints(*values: int) -> IntBuffer:
    return IntBuffer.wrap(array("i", values))


def content(buffer: IntBuffer) -> list[int]:
    return [buffer.get(index) for index in range(buffer.limit)]
