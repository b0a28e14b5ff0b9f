"""From UTF-16 code units to bytes, until something stops it.

As in the other direction, one call of Python's codec does most of the work, and ``_judge`` looks alone at a character
where the codec cannot go on. If the bytes of a text do not fit, the text is halved until they do. That is cheaper than
to encode character by character, and rare: no call gets more text than would fit if every character took the fewest
bytes.
"""

from __future__ import annotations

from codecs import getincrementalencoder, utf_16_be_decode, utf_16_le_decode

from nio.buffers import ByteOrder
from nio.charset._coder_result import CoderResult
from nio.charset._decoding import NARROW, OVERFLOW, UNDERFLOW, WIDE, malformed, units_in, unmappable

_FROM_UNITS = {ByteOrder.BIG_ENDIAN: utf_16_be_decode, ByteOrder.LITTLE_ENDIAN: utf_16_le_decode}
_HIGH, _LOW, _BEYOND = "\ud800", "\udc00", "\ue000"  # where the two kinds of surrogates begin and end


class Encoding:
    """The way to bytes of one charset: any that Python has an incremental encoder for."""

    __slots__ = ("_codec", "_initial", "_least", "_mark", "_mark_due", "_window")

    def __init__(self, codec: str, least: int = 1, mark: bytes = b"") -> None:
        """``least`` is the fewest bytes a code unit takes, ``mark`` goes before the first character."""
        self._codec = getincrementalencoder(codec)()
        self._initial = self._codec.getstate()
        self._least, self._mark, self._mark_due = least, mark, mark
        self._window = WIDE

    def reset(self) -> None:
        """Begin a new text: the mark is due, and nothing is switched to."""
        self._codec.setstate(self._initial)
        self._mark_due = self._mark

    def run(
        self, units: memoryview, order: ByteOrder, room: int, in_arrays: bool
    ) -> tuple[bytearray, int, CoderResult]:
        """At most ``room`` bytes, the number of code units they come from, and why it stops."""
        data, at, total = bytearray(), 0, len(units) // 2
        if total and self._mark_due:
            if room < len(self._mark_due):
                return data, 0, OVERFLOW
            data += self._mark_due
            self._mark_due = b""
        while at < total:
            left = room - len(data)
            text = _valid(units[2 * at : 2 * (at + min(self._window, left // self._least))], order)
            coded, used = self._fitting(text, left)
            if not used:
                verdict = self._judge(units[2 * at : 2 * at + 4], order, left, in_arrays)
                self._window = NARROW if verdict.is_error else self._window
                return data, at, verdict
            data += coded
            at += used
            self._window = min(4 * self._window, WIDE)
        return data, at, UNDERFLOW

    def finish(self, room: int) -> bytes | None:
        """The bytes that take a reader back to the initial state; None if they do not fit."""
        state = self._codec.getstate()
        if state == self._initial:
            return b""
        coded = self._codec.encode("", True)
        if len(coded) <= room:
            return coded
        self._codec.setstate(state)
        return None

    def maps(self, text: str) -> bool:
        """Whether every character has bytes."""
        state = self._codec.getstate()
        try:
            self._codec.encode(text)
        except UnicodeEncodeError:
            return False
        finally:
            self._codec.setstate(state)
        return True

    def _fitting(self, text: str, room: int) -> tuple[bytes, int]:
        """The bytes of the first part of ``text``, and its code units; not always the longest part that fits."""
        state = self._codec.getstate()
        while text:
            try:
                coded = self._codec.encode(text)
            except UnicodeEncodeError as error:
                text = text[: error.start]
            else:
                if len(coded) <= room:
                    return coded, units_in(text)
                text = text[: len(text) // 2]
            self._codec.setstate(state)
        return b"", 0

    def _judge(self, units: memoryview, order: ByteOrder, room: int, in_arrays: bool) -> CoderResult:
        """Why the codec did not take the first character of these two units."""
        text = _FROM_UNITS[order](units, "surrogatepass", True)[0]
        if _HIGH <= text[0] < _LOW:
            return malformed(1) if len(text) > 1 else UNDERFLOW
        if _LOW <= text[0] < _BEYOND:
            return malformed(1)
        return OVERFLOW if self.maps(text[0]) else unmappable(units_in(text[0]))


class SingleByteEncoding(Encoding):
    """One byte, one character. Between arrays the JDK looks for room before it looks at the character."""

    __slots__ = ()

    def _judge(self, units: memoryview, order: ByteOrder, room: int, in_arrays: bool) -> CoderResult:
        return OVERFLOW if in_arrays and not room else super()._judge(units, order, room, in_arrays)


def _valid(units: memoryview, order: ByteOrder) -> str:
    """The text before the first surrogate that is not one of a pair."""
    decode = _FROM_UNITS[order]
    try:
        return decode(units, "strict", False)[0]
    except UnicodeDecodeError as error:
        return decode(units[: error.start], "strict", False)[0]
