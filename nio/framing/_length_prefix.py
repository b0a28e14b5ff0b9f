"""Records that are headed by their length.

::

    | before: offset bytes | length: size bytes | body: length + adjustment bytes |
    |<------------------------- the frame -------------------------------------->|
    |<-- strip bytes -->|<---------------- the record -------------------------->|

**The length is judged before the body has come**: a record above ``max_length`` is refused as soon as its length field
is there, whatever it says, and nothing is set aside for it. The field is unsigned: what a peer writes as a negative
int is a very large length here.

**One rule for encode**: the record is put behind ``strip`` bytes of zero, and the length is written where it belongs.
Where that would change the record itself, because the record carries a length field that says something else, it is
refused. So what ``encode`` returns is always read back as the record that it was given.
"""

from __future__ import annotations

from typing import Literal

from nio._numbers import check_count, check_int
from nio._record import Record, record
from nio.buffers import ByteOrder
from nio.errors import FramingError, IllegalArgumentError, RecordTooLongError
from nio.framing._buffered_decoder import BufferedDecoder

_SIZES = (1, 2, 3, 4, 8)
_VARINT_BYTES = 10  # of 7 bits each: what a number of 64 bits takes


@record
class LengthPrefix(Record):
    """Framing by a length field in front of each record: ``LengthPrefix(4)`` is the usual one.

    - ``size``: the bytes of the field, 1, 2, 3, 4 or 8; or ``"varint"``, base 128 with the low seven bits first, as
      protocol buffers have it, in at most 10 bytes.
    - ``max_length``: bytes of the longest record that may come in, as it is handed out.
    - ``offset``: bytes of the frame in front of the field.
    - ``adjustment``: what to add to the field to get the number of bytes behind it: ``-4`` where a field of 4 bytes
      counts itself.
    - ``strip``: bytes at the front of the frame that are no part of the record; all up to the end of the field unless
      given, and 0 hands out whole frames.
    - ``order``: the byte order of the field.

    A varint stands alone: without offset, adjustment and strip.
    """

    size: int | Literal["varint"] = 4
    max_length: int = 1024 * 1024
    offset: int = 0
    adjustment: int = 0
    strip: int | None = None
    order: ByteOrder = ByteOrder.BIG_ENDIAN

    def __post_init__(self) -> None:
        set_field = object.__setattr__  # the way to set a field of a record
        set_field(self, "max_length", check_count("max_length", self.max_length, 1))
        set_field(self, "offset", check_count("offset", self.offset, 0))
        set_field(self, "adjustment", check_int("adjustment", self.adjustment))
        if self.strip is not None:
            set_field(self, "strip", check_count("strip", self.strip, 0))
        if not isinstance(self.order, ByteOrder):
            raise TypeError(f"order must be a ByteOrder, not {self.order!r}")
        if self.size == "varint":
            if (self.offset, self.adjustment, self.strip) != (0, 0, None):
                raise IllegalArgumentError("a varint stands alone: no offset, adjustment or strip")
        elif check_int("size", self.size) not in _SIZES:
            raise IllegalArgumentError(f"size must be 1, 2, 3, 4, 8 or 'varint', not {self.size}")

    def decoder(self) -> BufferedDecoder:
        """A decoder at the start of a stream."""
        return VarintDecoder(self.max_length) if self.size == "varint" else LengthPrefixDecoder(self, self.size)

    def encode(self, record: bytes | bytearray | memoryview) -> bytes:
        """The record behind its length; ``IllegalArgumentError`` for one whose length the field cannot hold, or says
        otherwise.
        """
        data = record if type(record) is bytes else bytes(memoryview(record))
        if self.size == "varint":
            return _varint(len(data)) + data
        head = self.offset + self.size
        frame = bytearray(head if self.strip is None else self.strip) + data
        length = len(frame) - head - self.adjustment
        if len(frame) < head or not 0 <= length < 1 << 8 * self.size:
            raise IllegalArgumentError(f"a record of {len(data)} bytes has no length that fits {self.size} bytes")
        frame[self.offset : head] = length.to_bytes(self.size, _word(self.order))
        if not frame.endswith(data):
            raise IllegalArgumentError(f"the length inside a record of {len(data)} bytes must be {length}")
        return bytes(frame)


class LengthPrefixDecoder(BufferedDecoder):
    """The decoder of ``LengthPrefix`` with a field of fixed size; the contract is that of ``Decoder``."""

    __slots__ = ("_adjustment", "_head", "_max_length", "_offset", "_strip", "_word")

    def __init__(self, framing: LengthPrefix, size: int) -> None:
        super().__init__()
        self._offset = framing.offset
        self._head = framing.offset + size
        self._strip = self._head if framing.strip is None else framing.strip
        self._adjustment = framing.adjustment
        self._max_length = framing.max_length
        self._word = _word(framing.order)

    def cut(self, held: bytearray) -> bytes | None:
        head, strip = self._head, self._strip
        if len(held) < head:
            return None
        length = int.from_bytes(held[self._offset : head], self._word)
        end = head + length + self._adjustment
        if end - strip > self._max_length:
            raise RecordTooLongError(f"a record of {end - strip} bytes is longer than {self._max_length}")
        if end < head or end < strip:
            raise FramingError(f"a length of {length} is too small: the frame would have {end} bytes")
        if len(held) < end:
            return None
        record = bytes(held[strip:end])
        del held[:end]
        return record


class VarintDecoder(BufferedDecoder):
    """The decoder of ``LengthPrefix("varint")``; the contract is that of ``Decoder``."""

    __slots__ = ("_max_length",)

    def __init__(self, max_length: int) -> None:
        super().__init__()
        self._max_length = max_length

    def cut(self, held: bytearray) -> bytes | None:
        length = 0
        for head, byte in enumerate(held[:_VARINT_BYTES], 1):
            length |= (byte & 0x7F) << 7 * (head - 1)
            if length > self._max_length:
                raise RecordTooLongError(f"a record is longer than {self._max_length} bytes")
            if byte < 0x80:
                break
        else:
            if len(held) >= _VARINT_BYTES:
                raise FramingError(f"a varint of more than {_VARINT_BYTES} bytes")
            return None
        end = head + length
        if len(held) < end:
            return None
        record = bytes(held[head:end])
        del held[:end]
        return record


def _varint(number: int) -> bytes:
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _word(order: ByteOrder) -> Literal["big", "little"]:
    return "big" if order is ByteOrder.BIG_ENDIAN else "little"
