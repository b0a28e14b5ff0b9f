"""CharBuffer: text as UTF-16 code units of 2 bytes, which is what Java calls a char.

A code unit that is written may also be a number, 0 to 65535.

A Python str counts code points: one character beyond U+FFFF is one there and two here. All numbers of a CharBuffer,
also those that address a str given to it, count code units. ``get`` may therefore give half of a surrogate pair; only
``str(buf)`` puts pairs together again.

Java addresses a String by start and end, an array by offset and length, in the same two places. So does this class.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self, cast

from nio._numbers import check_int
from nio.buffers._buffer import Storage
from nio.buffers._diagram import seen
from nio.buffers._element_buffer import ElementBuffer
from nio.buffers._elements import CHAR, NATIVE, Cells, Element

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_CODECS = ("utf-16-be", "utf-16-le")


class CharBuffer(ElementBuffer[str]):
    """A buffer of UTF-16 code units, given and taken as str, with the methods of CharSequence that make sense here.

    Wherever a str is taken, the two numbers after it are its start and end; after an array or a buffer they are
    offset and length, as in the other buffers.
    """

    __slots__ = ()

    _element: ClassVar[Element[int]] = CHAR
    _scalars = (int,)  # a str of any length is copied in bulk

    def _open_cells(self) -> Cells[str]:
        return cast("Cells[str]", _Chars(self._element.cells(self._memory, self._order)))

    def _drawn(self, index: int) -> str:
        return seen(ord(self._cells[index]), 4)

    @classmethod
    def wrap(cls, source: str | ReadableBuffer, offset: int = 0, length: int | None = None) -> Self:
        """A buffer over an array of 2-byte unsigned items, which it shares, or a read-only one over a str.

        ``wrap(array, offset, length)`` as for the other buffers; ``wrap(text, start, end)`` has the whole text as its
        capacity, ``start`` as its position and ``end`` as its limit; IndexError outside.
        """
        if not isinstance(source, str):
            return cls._over(source, offset, length)
        units = _units(source, NATIVE)
        start, end = _between(offset, length, len(units) // 2)
        text = cls(Storage(units, None, False), 0, len(units) // 2, NATIVE)
        text._position, text._limit = start, end
        return text

    def _source(
        self, source: str | int | ElementBuffer[str] | ReadableBuffer, offset: int | None, length: int | None
    ) -> memoryview:
        if not isinstance(source, str):
            return super()._source(source, offset, length)
        units = _units(source, self._order)
        start, end = _between(offset, length, len(units) // 2)
        return units[2 * start : 2 * end]

    def append(self, text: str | CharBuffer, start: int = 0, end: int | None = None) -> Self:
        """Write a text, or the remaining text of a buffer, which does not move; all or nothing.

        ``start`` and ``end`` choose a part of it; IndexError outside, BufferOverflowError where it does not fit.
        """
        if self._read_only:
            raise self._write_refused()
        if not isinstance(text, (str, CharBuffer)):
            raise TypeError(f"text must be a str or a CharBuffer, not {text!r}")
        return self._append(self._source(str(text), start, end))

    def read(self, target: CharBuffer) -> int:
        """Move as much as fits to ``target``: the number of code units, 0 if it is full, -1 if nothing remains here.

        IllegalArgumentError when the target is this buffer and anything remains.
        """
        self._check_kind(target)
        count = min(self.remaining, target.remaining)
        if count:
            target.put(self if target is self else self.slice(self._position, count))
            self._position += count
        return count if count or self.has_remaining else -1

    @property
    def length(self) -> int:
        """The number of remaining code units."""
        return self.remaining

    @property
    def is_empty(self) -> bool:
        """Whether nothing remains."""
        return not self.has_remaining

    def char_at(self, index: int) -> str:
        """The code unit ``index`` places after the position; IndexError at or beyond ``length``."""
        first = check_int("index", index)
        if not 0 <= first < self.remaining:
            raise IndexError(f"index {first} is not within 0 and the length {self.remaining}")
        return self._cells[self._position + first]

    def sub_sequence(self, start: int, end: int) -> Self:
        """A buffer with the same content and capacity whose position and limit hold ``start`` to ``end`` of this one.

        Both count from the position; IndexError unless 0 <= start <= end <= length.
        """
        first, last = _between(start, end, self.remaining)
        part = self._derive(self._storage, self._start, self._capacity)
        part._position, part._limit = self._position + first, self._position + last
        return part

    def __str__(self) -> str:
        """The remaining text; the position does not move."""
        return str(self.view(), _CODECS[self._order], "surrogatepass")


class _Chars:
    """Code units by index: read as str, written as numbers."""

    __slots__ = ("_units",)

    def __init__(self, units: Cells[int]) -> None:
        self._units = units

    def __getitem__(self, index: int) -> str:
        return chr(self._units[index])

    def __setitem__(self, index: int, unit: int) -> None:
        self._units[index] = unit


def _units(text: str, order: int) -> memoryview:
    return memoryview(text.encode(_CODECS[order], "surrogatepass"))


def _between(start: object, end: object, length: int) -> tuple[int, int]:
    """(start, end) inside a text; None for its beginning and its end."""
    first = 0 if start is None else check_int("start", start)
    last = length if end is None else check_int("end", end)
    if not 0 <= first <= last <= length:
        raise IndexError(f"{first} to {last} is not within the length {length}")
    return first, last
