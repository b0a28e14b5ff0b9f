"""Fixed and Raw: records that need no mark of their own."""

from __future__ import annotations

from nio._numbers import check_count
from nio._record import Record, record
from nio.errors import IllegalArgumentError
from nio.framing._buffered_decoder import BufferedDecoder


@record
class Fixed(Record):
    """Framing by count: every record has exactly ``size`` bytes, one at least.

    With ``StreamHandler.switch`` it is the body that a line has announced. Compare an announced size with a limit of
    your own first: all of a record is held in memory.
    """

    size: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", check_count("size", self.size, 1))

    def decoder(self) -> FixedDecoder:
        """A decoder at the start of a stream."""
        return FixedDecoder(self)

    def encode(self, record: bytes | bytearray | memoryview) -> bytes:
        """The record as it is; ``IllegalArgumentError`` for one of another size."""
        data = record if type(record) is bytes else bytes(memoryview(record))
        if len(data) != self.size:
            raise IllegalArgumentError(f"a record has {self.size} bytes here, not {len(data)}")
        return data


class FixedDecoder(BufferedDecoder):
    """The decoder of ``Fixed``; the contract is that of ``Decoder``."""

    __slots__ = ("_size",)

    def __init__(self, framing: Fixed) -> None:
        super().__init__()
        self._size = framing.size

    def cut(self, held: bytearray) -> bytes | None:
        size = self._size
        if len(held) < size:
            return None
        record = bytes(held[:size])
        del held[:size]
        return record


@record
class Raw(Record):
    """No framing: whatever has come is a record, cut anywhere; never an empty one.

    It is the one framing whose records depend on how the stream was cut, so the first rule of the contract does not
    hold for it, nor does ``verify_framing``.
    """

    def decoder(self) -> RawDecoder:
        """A decoder at the start of a stream."""
        return RawDecoder()

    def encode(self, record: bytes | bytearray | memoryview) -> bytes:
        """The record as it is."""
        return record if type(record) is bytes else bytes(memoryview(record))


class RawDecoder(BufferedDecoder):
    """The decoder of ``Raw``; it holds nothing."""

    __slots__ = ()

    def cut(self, held: bytearray) -> bytes:
        record = bytes(held)
        held.clear()
        return record
