"""Pipe: two channels in one process; what is written to the sink comes out of the source.

Pipe subclasses tuple so that type checkers see the right type for each of ``source, sink = Pipe.open()``.
"""

from __future__ import annotations

from typing import Self, TypeAlias

from nio.channels._byte_channels import ReadingChannel, WritingChannel
from nio.channels._interruptible_channel import chosen
from nio.channels._opened import NOT_CALLED, not_called
from nio.channels._selection_key import OP_READ, OP_WRITE
from nio.errors import AsynchronousCloseError
from nio.spi import PipeEnd, SelectorProvider


class PipeSourceChannel(ReadingChannel):
    """The end to read from."""

    __slots__ = ()

    _valid_ops = OP_READ

    def __init__(self, provider: SelectorProvider = NOT_CALLED, end: PipeEnd = NOT_CALLED) -> None:
        if not isinstance(provider, SelectorProvider):
            raise not_called(type(self), "Pipe.open()")
        super().__init__(provider, end)
        self._mask_is_ready_set = True

    def _input_ended(self) -> bool:
        if not self._open and self._blocking:
            raise AsynchronousCloseError(f"{self!r}")
        return super()._input_ended()

    def __repr__(self) -> str:
        return f"Pipe.SourceChannel({'open' if self._open else 'closed'})"


class PipeSinkChannel(WritingChannel):
    """The end to write to."""

    __slots__ = ()

    _valid_ops = OP_WRITE

    def __init__(self, provider: SelectorProvider = NOT_CALLED, end: PipeEnd = NOT_CALLED) -> None:
        if not isinstance(provider, SelectorProvider):
            raise not_called(type(self), "Pipe.open()")
        super().__init__(provider, end)
        self._mask_is_ready_set = True

    def _output_ended(self) -> bool:
        if not self._open and self._blocking:
            raise AsynchronousCloseError(f"{self!r}")
        return super()._output_ended()

    def __repr__(self) -> str:
        return f"Pipe.SinkChannel({'open' if self._open else 'closed'})"


class Pipe(tuple[PipeSourceChannel, PipeSinkChannel]):
    """``source, sink = Pipe.open()``: both ends start in blocking mode.

    After the sink's close the source reads what was written, then the end. After the source's close writing to the sink
    is a BrokenPipeError.
    """

    __slots__ = ()

    SourceChannel: TypeAlias = PipeSourceChannel
    SinkChannel: TypeAlias = PipeSinkChannel

    def __new__(cls, ends: tuple[PipeSourceChannel, PipeSinkChannel] | None = None) -> Self:
        if not isinstance(ends, tuple):
            raise not_called(cls, "")
        return super().__new__(cls, ends)

    @classmethod
    def open(cls, *, provider: SelectorProvider | None = None) -> Self:
        """A new pipe."""
        provider = chosen(provider)
        reader, writer = provider.open_pipe()
        return cls((PipeSourceChannel(provider, reader), PipeSinkChannel(provider, writer)))

    @property
    def source(self) -> PipeSourceChannel:
        """The end to read from: always the same object."""
        return self[0]

    @property
    def sink(self) -> PipeSinkChannel:
        """The end to write to: always the same object."""
        return self[1]

    def close(self) -> None:
        """Close both ends."""
        self.sink.close()
        self.source.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Pipe({self.source!r}, {self.sink!r})"
