"""Records that end with a delimiter, or with the first of several.

**The delimiter that is complete first ends the record.** Where several are complete with the same byte, as CRLF and LF
are, the longest is taken off. So a record never waits for a byte behind its delimiter, and does not depend on how the
stream was cut. A delimiter that holds another one before its last byte can never end a record: it is refused.

**The limit** is judged without the delimiter. Of an unfinished record up to ``max_length`` bytes are legal, and behind
them only what may become a delimiter.

**Linear time.** For each delimiter the decoder notes where it begins next, or from where on it has not been looked for,
as positions in the stream. A delimiter that never comes is therefore looked for once in every byte, not once a record.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import permutations

from nio._numbers import check_count
from nio._record import Record, record
from nio.errors import DelimiterInRecordError, IllegalArgumentError, RecordTooLongError
from nio.framing._buffered_decoder import BufferedDecoder


@record
class Delimiter(Record):
    """Framing by one or several delimiters: ``Delimiter(b"\\r\\n", b"\\n", b"\\0")``; records go out with the first.

    ``max_length`` is in bytes, without the delimiter, and holds for records that come in. The delimiter that is
    complete first ends a record; of two that end with the same byte the longer one is taken off.
    """

    delimiters: tuple[bytes, ...]
    max_length: int

    def __init__(self, *delimiters: bytes, max_length: int = 8192) -> None:
        if not delimiters:
            raise TypeError("Delimiter() needs a delimiter at least: Delimiter(b';')")
        for delimiter in delimiters:
            if type(delimiter) is not bytes:
                raise TypeError(f"a delimiter must be bytes, not {type(delimiter).__name__}")
            if not delimiter:
                raise IllegalArgumentError("a delimiter has one byte at least")
        for one, other in permutations(delimiters, 2):
            if one in other[:-1] or one == other:
                raise IllegalArgumentError(f"{other!r} can never end a record: {one!r} ends it before")
        # The way to set a field of a record.
        object.__setattr__(self, "delimiters", delimiters)
        object.__setattr__(self, "max_length", check_count("max_length", max_length, 1))

    def __repr__(self) -> str:
        return f"Delimiter({', '.join(map(repr, self.delimiters))}, max_length={self.max_length})"

    @property
    def ending(self) -> bytes:
        """What ``encode`` puts behind a record: the first delimiter."""
        return self.delimiters[0]

    def decoder(self) -> DelimiterDecoder:
        """A decoder at the start of a stream."""
        return DelimiterDecoder(self)

    def encode(self, record: bytes | bytearray | memoryview) -> bytes:
        """The record and the first delimiter; ``DelimiterInRecordError`` for one that would be read otherwise."""
        data = record if type(record) is bytes else bytes(memoryview(record))
        line = data + self.ending
        at = _first((line.find(delimiter), delimiter) for delimiter in self.delimiters)
        if at != (len(data), len(line)):
            raise DelimiterInRecordError(f"byte {at[0]} of the record of {len(data)} begins {line[at[0] : at[1]]!r}")
        return line


class DelimiterDecoder(BufferedDecoder):
    """The decoder of ``Delimiter``; the contract is that of ``Decoder``."""

    __slots__ = ("_delimiters", "_found", "_max_length", "_start")

    def __init__(self, framing: Delimiter) -> None:
        super().__init__()
        self._max_length = framing.max_length
        self._delimiters = framing.delimiters
        self._start = 0  # where in the stream this record begins
        self._found = [(0, False)] * len(framing.delimiters)  # where each begins next; or begins at the earliest

    def cut(self, held: bytearray) -> bytes | None:
        self._look(held)
        start = self._start
        ends = [
            (at - start, delimiter)
            for (at, is_there), delimiter in zip(self._found, self._delimiters, strict=True)
            if is_there
        ]
        if not ends:
            self._judge_unfinished(held)
            return None
        length, end = _first(ends)
        self._check(length)
        record = bytes(held[:length])
        del held[:end]
        self._start += end
        return record

    def _look(self, held: bytearray) -> None:
        """Note where each delimiter begins, if that is not known."""
        start = self._start
        for i, delimiter in enumerate(self._delimiters):
            at, is_there = self._found[i]
            if at < start or not is_there:
                at = held.find(delimiter, max(0, at - start))
                is_there = at >= 0
                if not is_there:
                    at = max(0, len(held) - len(delimiter) + 1)
                self._found[i] = (start + at, is_there)

    def _judge_unfinished(self, held: bytearray) -> None:
        """No delimiter is held: is what is held a legal beginning of a record?"""
        if len(held) > self._max_length:
            self._check(len(held) - max(_overlap(held, delimiter) for delimiter in self._delimiters))

    def _check(self, length: int) -> None:
        if length > self._max_length:
            raise RecordTooLongError(f"a record is longer than {self._max_length} bytes")


def _first(found: Iterable[tuple[int, bytes]]) -> tuple[int, int]:
    """Begin and end of the delimiter that is complete first; those that begin at -1 are not there."""
    end, at = min((at + len(delimiter), at) for at, delimiter in found if at >= 0)
    return at, end


def _overlap(held: bytearray, delimiter: bytes) -> int:
    """How many bytes at the end of ``held`` may be the beginning of ``delimiter``."""
    return next((size for size in range(len(delimiter) - 1, 0, -1) if held.endswith(delimiter[:size])), 0)
