"""Pipe: two channels inside one process, what is written to the sink comes out of the source."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Self, TypeAlias

from nio.channels._byte_channels import ReadableByteChannel, WritableByteChannel
from nio.channels._selection_key import Ops
from nio.errors import AsynchronousCloseError
from nio.spi import PipeEnd, SelectorProvider


class PipeSourceChannel(ReadableByteChannel):
    """The end to read from."""

    __slots__ = ()

    _valid_ops = int(Ops.OP_READ)

    def __init__(self, provider: SelectorProvider, end: PipeEnd) -> None:
        super().__init__(provider, end)
        self._plain = True

    def _input_ended(self) -> bool:
        if not self._open and self._blocking:
            raise AsynchronousCloseError(f"{self!r}")
        return super()._input_ended()

    def __repr__(self) -> str:
        return f"Pipe.SourceChannel({'open' if self._open else 'closed'})"


class PipeSinkChannel(WritableByteChannel):
    """The end to write to."""

    __slots__ = ()

    _valid_ops = int(Ops.OP_WRITE)

    def __init__(self, provider: SelectorProvider, end: PipeEnd) -> None:
        super().__init__(provider, end)
        self._plain = True

    def _output_ended(self) -> bool:
        if not self._open and self._blocking:
            raise AsynchronousCloseError(f"{self!r}")
        return super()._output_ended()

    def __repr__(self) -> str:
        return f"Pipe.SinkChannel({'open' if self._open else 'closed'})"


class Pipe:
    """``source, sink = Pipe.open()``: both ends start in blocking mode.

    Closing the sink ends the source's stream after what was written; closing the source breaks the sink.
    """

    __slots__ = ("_sink", "_source")

    SourceChannel: TypeAlias = PipeSourceChannel
    SinkChannel: TypeAlias = PipeSinkChannel

    def __init__(self, source: PipeSourceChannel, sink: PipeSinkChannel) -> None:
        self._source = source
        self._sink = sink

    @classmethod
    def open(cls, *, provider: SelectorProvider | None = None) -> Self:
        """A new pipe."""
        provider = provider if provider is not None else SelectorProvider.default()
        reader, writer = provider.open_pipe()
        return cls(PipeSourceChannel(provider, reader), PipeSinkChannel(provider, writer))

    @property
    def source(self) -> PipeSourceChannel:
        """The end to read from: always the same object."""
        return self._source

    @property
    def sink(self) -> PipeSinkChannel:
        """The end to write to: always the same object."""
        return self._sink

    def close(self) -> None:
        """Close both ends."""
        self._sink.close()
        self._source.close()

    def __iter__(self) -> Iterator[PipeSourceChannel | PipeSinkChannel]:
        return iter((self._source, self._sink))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()
