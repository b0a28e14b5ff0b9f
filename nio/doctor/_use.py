"""What a checked buffer knows of itself: whether it is being filled or drained, and since when that is certain.

Whoever sets the position or the limit by hand, looks at a buffer as a whole or makes another one over the same bytes
knows what he does: from then on nothing is certain, and nothing is said until the next clear(), flip() or compact().
"""

from __future__ import annotations

from zlib import crc32

from nio.buffers import ByteBuffer

_LOOKED_AT = 65536  # bytes of what waits to be sent

UNSURE, FILLING, DRAINING = range(3)


class Use:
    """The state of one buffer."""

    __slots__ = ("by_datagram", "drained", "filled", "filler", "mode", "queued")

    def __init__(self) -> None:
        self.mode = UNSURE
        self.begin()

    def begin(self, mode: int = UNSURE, filled: int = 0) -> None:
        """From now on it is being filled, with ``filled`` bytes in it, or drained, or nobody knows."""
        self.mode, self.filled = mode, filled
        self.drained = False  # some of it, since the flip
        self.by_datagram = False
        self.queued: tuple[int, int, int] | None = None  # position, limit and checksum of what a write left
        if not filled:
            self.filler = 0  # the channel whose bytes are in it

    def filled_to(self, position: int) -> None:
        """Bytes were put, or read from a channel, up to there."""
        if self.mode == DRAINING:
            self.begin()
        elif self.mode == FILLING:
            self.filled = position
        self.queued = None

    def is_unflipped(self, position: int) -> bool:
        """It has been filled to ``position`` and is about to be drained from there."""
        return self.mode == FILLING and 0 < self.filled == position

    def left(self, buffer: ByteBuffer) -> None:
        """A write took a part of it: what is left waits to be sent."""
        self.drained = True
        self.queued = (buffer.position, buffer.limit, _sum(buffer)) if buffer.has_remaining else None

    def is_changed(self, buffer: ByteBuffer) -> bool:
        """What a write left stands where it stood, with other bytes."""
        if self.queued is None:
            return False
        position, limit, checksum = self.queued
        return (position, limit) == (buffer.position, buffer.limit) and checksum != _sum(buffer)


def _sum(buffer: ByteBuffer) -> int:
    return crc32(buffer.view()[:_LOOKED_AT])
