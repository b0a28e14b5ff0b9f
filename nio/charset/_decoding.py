"""From bytes to UTF-16 code units, until something stops it.

Python's codecs do the work, many characters in one call, and they know what is valid. They do not know how Java counts:
how many bytes of a wrong sequence are one error, whether the last bytes begin a character or are wrong already, and
which of two reasons to stop comes first. So where the codec cannot go on, ``_judge`` looks at the next character alone.
For UTF-8, UTF-16 and the charsets of one byte per character it follows the JDK's rules; for the others it says what the
codec reports.

A codec that finds an error copies its whole input into the exception. So it sees the input through a window: wide while
the input is valid, narrow after an error, and four times as wide after each success. So errors cost little, even many
of them, and valid input takes few calls.
"""

from __future__ import annotations

import sys
from codecs import getincrementaldecoder
from typing import Literal

from nio.charset._coder_result import CoderResult

Order = Literal["big", "little"]

UNITS: dict[Order, str] = {"big": "utf-16-be", "little": "utf-16-le"}
NATIVE_UNITS = UNITS[sys.byteorder]
WIDE, NARROW = 1 << 16, 1 << 6  # of the window

UNDERFLOW, OVERFLOW = CoderResult.UNDERFLOW, CoderResult.OVERFLOW
malformed, unmappable = CoderResult.malformed_for_length, CoderResult.unmappable_for_length

Piece = tuple[str, int]  # what was decoded, and from how many bytes


def units_in(text: str) -> int:
    """The length in UTF-16 code units."""
    return len(text) if text.isascii() else len(text.encode(NATIVE_UNITS, "surrogatepass")) // 2


class Decoding:
    """The way from bytes of one charset: any that Python has an incremental decoder for."""

    __slots__ = ("_codec", "_least", "_window")

    def __init__(self, codec: str, least: int = 1, errors: str = "strict") -> None:
        """``least`` is the fewest bytes that make a code unit, ``errors`` what the codec does about wrong bytes."""
        self._codec = getincrementaldecoder(codec)(errors)
        self._least, self._window = least, WIDE

    def reset(self) -> None:
        """Forget the state that earlier bytes have switched to."""
        self._codec.reset()

    def run(self, data: memoryview, room: int, in_arrays: bool) -> tuple[bytearray, int, CoderResult]:
        """At most ``room`` code units in native order, the number of bytes they come from, and why it stops."""
        units, at = bytearray(), 0
        while at < len(data):
            left = room - len(units) // 2
            text, used = self._prefix(data[at : at + min(self._window, left * self._least)])
            if not used:
                verdict = self._judge(data[at:], left, in_arrays)
                if isinstance(verdict, CoderResult):
                    self._window = NARROW if verdict.is_error else self._window
                    return units, at, verdict
                text, used = verdict
            units += text.encode(NATIVE_UNITS, "surrogatepass")
            at += used
            self._window = min(4 * self._window, WIDE)
        return units, at, UNDERFLOW

    def _prefix(self, data: memoryview) -> Piece:
        """All complete characters before the first error."""
        before = self._codec.getstate()
        try:
            text = self._codec.decode(data)
        except UnicodeError as error:
            self._codec.setstate(before)
            data = data[: error.start if isinstance(error, UnicodeDecodeError) else 0]
            text = self._codec.decode(data)
        return text, len(data) - self._drop_pending()

    def _drop_pending(self) -> int:
        """Take back the bytes that the codec keeps for later; their number."""
        pending, switches = self._codec.getstate()
        if pending:
            self._codec.setstate((b"", switches))
        return len(pending)

    def _judge(self, data: memoryview, room: int, in_arrays: bool) -> Piece | CoderResult:
        """The next character alone, or why there is none."""
        before = self._codec.getstate()
        for size in range(1, len(data) + 1):
            try:
                text = self._codec.decode(data[:size])
            except UnicodeError as error:
                self._codec.setstate(before)
                return malformed(error.end - error.start if isinstance(error, UnicodeDecodeError) else 1)
            used = size - self._drop_pending()
            if used and units_in(text) <= room:
                return text, used
            self._codec.setstate(before)
            if used:
                return OVERFLOW
        return UNDERFLOW


class SingleByteDecoding(Decoding):
    """One byte, one character. Between arrays the JDK looks for room before it looks at the byte."""

    __slots__ = ()

    def _judge(self, data: memoryview, room: int, in_arrays: bool) -> CoderResult:
        if in_arrays and not room:
            return OVERFLOW
        return OVERFLOW if self._prefix(data[:1])[0] else self._wrong()

    def _wrong(self) -> CoderResult:
        return unmappable(1)


class AsciiDecoding(SingleByteDecoding):
    """US-ASCII: a byte above 127 is malformed, not unmappable."""

    __slots__ = ()

    def _wrong(self) -> CoderResult:
        return malformed(1)


class Utf8Decoding(Decoding):
    """UTF-8. An error covers the bytes that could still have become a character, or the 3 of an encoded surrogate.

    Like the JDK, it does not look at the last byte of a sequence while there is no room for the character.
    """

    __slots__ = ()

    def _judge(self, data: memoryview, room: int, in_arrays: bool) -> Piece | CoderResult:
        lead = data[0]
        size = 1 if lead < 0x80 else 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4
        if 0x80 <= lead < 0xC2 or lead > 0xF4:
            return malformed(1)
        fits = room >= (2 if size == 4 else 1)
        low, high = _SECOND.get(lead, _FOLLOWING)
        for at, byte in enumerate(data[1 : size if fits else size - 1], 1):
            if not low <= byte <= high:
                return malformed(at)
            low, high = _FOLLOWING
        if len(data) < size:
            return UNDERFLOW
        if not fits:
            return OVERFLOW
        return malformed(3) if lead == 0xED and data[1] > 0x9F else self._prefix(data[:size])


_FOLLOWING = (0x80, 0xBF)
_SECOND = {0xE0: (0xA0, 0xBF), 0xF0: (0x90, 0xBF), 0xF4: (0x80, 0x8F)}  # the second byte, where the lead narrows it


class Utf16Decoding(Decoding):
    """UTF-16 in one order: a low surrogate alone is an error of 2 bytes, a high one without its low one is one of 4."""

    __slots__ = ("_order",)

    def __init__(self, order: Order) -> None:
        super().__init__(UNITS[order], 2)
        self._order = order

    def _judge(self, data: memoryview, room: int, in_arrays: bool) -> CoderResult:
        if len(data) < 2:
            return UNDERFLOW
        unit = int.from_bytes(data[:2], self._order)
        if 0xDC00 <= unit < 0xE000:
            return malformed(2)
        if not 0xD800 <= unit < 0xDC00:
            return OVERFLOW
        if len(data) < 4:
            return UNDERFLOW
        return OVERFLOW if 0xDC00 <= int.from_bytes(data[2:4], self._order) < 0xE000 else malformed(4)


class MarkedDecoding(Decoding):
    """The mark at the beginning chooses the order, and is no character; without one the first of ``marks`` counts."""

    __slots__ = ("_chosen", "_marks")

    def __init__(self, marks: dict[bytes, Decoding]) -> None:
        """All marks have the same size."""
        self._marks = marks
        self._chosen: Decoding | None = None
        self._least, self._window = next(iter(marks.values()))._least, WIDE

    def reset(self) -> None:
        self._chosen = None

    def _prefix(self, data: memoryview) -> Piece:
        return self._chosen._prefix(data) if self._chosen else ("", 0)

    def _judge(self, data: memoryview, room: int, in_arrays: bool) -> Piece | CoderResult:
        if self._chosen:
            return self._chosen._judge(data, room, in_arrays)
        first, default = next(iter(self._marks.items()))
        mark = bytes(data[: len(first)])
        if len(mark) < len(first):
            return UNDERFLOW
        self._chosen = self._marks.get(mark, default)
        return "", len(mark) if mark in self._marks else 0
