"""The shapes of a framing and of its decoder; what they promise stands in the docstring of ``nio.framing``."""

from __future__ import annotations

from typing import Protocol

from nio.errors import FramingError


class Decoder(Protocol):
    """The state of one incoming stream; see the contract in the docstring of ``nio.framing``."""

    @property
    def error(self) -> FramingError | None:
        """What broke the stream, or None; never goes back to None."""

    @property
    def clean(self) -> bool:
        """True when nothing is held and the stream has neither failed nor ended: all there was has been returned."""

    @property
    def pending(self) -> int:
        """Bytes held that no record has been returned for."""

    def feed(self, data: bytes | bytearray | memoryview, limit: int = 64) -> list[bytes]:
        """Take ``data`` in and return the next records, at most ``limit``."""

    def end(self) -> None:
        """Tell the end of the stream."""

    def rest(self) -> bytes:
        """Give back every byte that no record was returned for, as it came; the decoder's work is over."""


class Framing(Protocol):
    """A rule that cuts a byte stream into records, as an immutable value."""

    def decoder(self) -> Decoder:
        """A decoder at the start of a stream."""

    def encode(self, record: bytes | bytearray | memoryview) -> bytes:
        """The bytes that a decoder of this framing reads as exactly this record."""
