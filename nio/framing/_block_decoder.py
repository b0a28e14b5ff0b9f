"""Blocks: as many whole records as have come, in one piece of bytes, with their endings as they came.

**The limit holds for each record of a block, though none is looked at.** In a span of ``max_length`` bytes and an
ending, from the beginning of a record on, no record is too long; so the decoder leaps from there to the last ending in
that span, and on. Where a span has no ending its record is too long. A block that is shorter than one span needs no
leap at all.

A block has 4 KiB at most, unless its first record is longer: so what one call of the user's makes of it has a bound.
"""

from __future__ import annotations

from nio.errors import RecordTooLongError
from nio.framing._buffered_decoder import BufferedDecoder

_WINDOW = 4096
_CR = 13


class BlockDecoder(BufferedDecoder):
    """A decoder whose records are blocks; ``drops_cr``: one CR before the ending does not count for ``max_length``.

    Where a block ends depends on how the stream was cut, what records there are in all blocks does not.
    """

    __slots__ = ("_drops_cr", "_ending", "_max_length", "_searched", "_short", "_span")

    def __init__(self, ending: bytes, max_length: int, drops_cr: bool) -> None:
        super().__init__()
        self._ending = ending
        self._max_length = max_length
        self._drops_cr = drops_cr
        self._span = max_length + len(ending)
        self._short = min(self._span, _WINDOW)
        self._searched = 0  # no ending begins before this index of what is held

    def feed(self, data: bytes | bytearray | memoryview, limit: int = 64) -> list[bytes]:
        if (
            self.clean
            and type(data) is bytes
            and len(data) <= self._short
            and limit > 0
            and data.endswith(self._ending)
        ):
            return [data]
        return super().feed(data, limit)

    def cut(self, held: bytearray) -> bytes | None:
        end = self._end_of_block(held)
        if not end:
            self._judge_unfinished(held)
            return None
        block = bytes(held[:end])
        del held[:end]
        self._searched = 0
        return block

    def _end_of_block(self, held: bytearray) -> int:
        ending, end = self._ending, 0
        while end < _WINDOW:
            at = held.rfind(ending, max(end, self._searched), min(end + self._span, _WINDOW))
            if at < 0 and not end:
                at = held.find(ending, self._searched, self._span)  # one record that is longer than the window
            if at < 0 and self._drops_cr and held[end + self._max_length : end + self._span + 1] == b"\r" + ending:
                at = end + self._span
            if at < 0:
                break
            end = at + len(ending)
        return end

    def _judge_unfinished(self, held: bytearray) -> None:
        """No ending is held: is what is held a legal beginning of a record?"""
        over = len(held) - self._max_length
        if over > 1 or (over == 1 and not (held[-1] == _CR and (self._drops_cr or self._ending[0] == _CR))):
            raise RecordTooLongError(f"a record is longer than {self._max_length} bytes")
        self._searched = max(0, len(held) - len(self._ending) + 1)
