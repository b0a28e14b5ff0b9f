from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from nio.buffers import ByteBuffer
from nio.channels import EOF, Pipe
from nio.errors import AsynchronousCloseError, ClosedChannelError
from nio.spi import PipeEnd
from nio.spi._pipe import SystemPipeEnd
from tests.helpers import Background, until


class ByteByByte(SystemPipeEnd):
    """Takes and gives one byte a call."""

    def __init__(self, end: PipeEnd) -> None:
        super().__init__(os.dup(end.fileno()))
        end.close()
        self.calls = 0

    def send(self, source: memoryview, flags: int = 0) -> int:
        self.calls += 1
        return super().send(source[:1])

    def sendmsg(self, sources: object, ancillary: tuple[()] = (), flags: int = 0) -> int:
        self.calls += 1
        assert isinstance(sources, list)
        return super().send(sources[0][:1])


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    with Pipe.open() as pipe:
        pipe.source.configure_blocking(False)
        yield pipe


def test_eof_is_the_jdks() -> None:
    assert EOF == -1


# statement 131
@pytest.mark.parametrize("sources", [b"hello", [b"he", b"", b"llo"]])
def test_a_blocking_write_goes_on_until_all_is_written(pipe: Pipe, sources: bytes | list[bytes]) -> None:
    end = pipe.sink._end = ByteByByte(pipe.sink._end)
    assert pipe.sink.write(sources) == 5
    assert end.calls == 5
    target = bytearray(8)
    assert pipe.source.read(target) == 5
    assert target[:5] == b"hello"


# statement 130
def test_a_non_blocking_write_is_one_attempt(pipe: Pipe) -> None:
    pipe.sink._end = ByteByByte(pipe.sink._end)
    source = ByteBuffer.wrap(b"hello")
    assert pipe.sink.configure_blocking(False).write(source) == 1
    assert source.position == 1


# statement 154
def test_a_blocking_write_that_never_sleeps_ends_with_the_channel(pipe: Pipe) -> None:
    class ClosedMeanwhile(ByteByByte):
        def send(self, source: memoryview, flags: int = 0) -> int:
            if self.calls == 2:
                closing.append(Background(pipe.sink.close))
                until(lambda: not pipe.sink.is_open)
            return super().send(source)

    closing: list[Background[None]] = []
    end = pipe.sink._end = ClosedMeanwhile(pipe.sink._end)
    source = ByteBuffer.wrap(b"hello")
    with pytest.raises(AsynchronousCloseError):
        pipe.sink.write(source)
    closing[0].result()
    assert end.calls == source.position == 3
    assert end.fileno() == -1


# statement 131
def test_a_write_that_was_done_when_the_channel_was_closed_counts(pipe: Pipe) -> None:
    class ClosedAtTheEnd(ByteByByte):
        def send(self, source: memoryview, flags: int = 0) -> int:
            count = super().send(source)
            if len(source) == 1:
                closing.append(Background(pipe.sink.close))
                until(lambda: not pipe.sink.is_open)
            return count

    closing: list[Background[None]] = []
    pipe.sink._end = ClosedAtTheEnd(pipe.sink._end)
    assert pipe.sink.write(b"hello") == 5
    closing[0].result()
    with pytest.raises(ClosedChannelError):
        pipe.sink.write(b"more")


def test_arguments_are_checked_after_the_state(pipe: Pipe) -> None:
    for use in (pipe.source.read, pipe.sink.write):
        with pytest.raises(TypeError, match="not str"):
            use("text")  # type: ignore[arg-type]  # what is refused
    pipe.close()
    for use in (pipe.source.read, pipe.sink.write):
        with pytest.raises(ClosedChannelError):
            use("text")  # type: ignore[arg-type]  # what is refused
