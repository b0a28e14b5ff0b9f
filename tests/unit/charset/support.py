"""What the tests of decoders and of encoders share."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from typing import TypeVar

from nio.buffers import ByteBuffer, CharBuffer
from nio.charset import CoderResult

Source = TypeVar("Source", ByteBuffer, CharBuffer)
Target = TypeVar("Target", ByteBuffer, CharBuffer)


def pieces(
    code: Callable[[Source, Target, bool], CoderResult], data: bytes | array[int], source: Source, target: Target
) -> Iterator[Target]:
    """The target, to be drained, each time: as a program would, compact on underflow and drain on overflow."""
    source.flip()
    at, result = 0, CoderResult.UNDERFLOW
    while at < len(data) or result.is_overflow:
        if result.is_underflow:
            source.compact()
            taken = data[at : at + source.remaining]
            source.put(taken).flip()
            at += len(taken)
        result = code(source, target, at == len(data))
        assert not result.is_error, result
        yield target.flip()
        target.clear()
    assert not source.has_remaining
