"""Outbox: what a connection has to send and the kernel has not taken."""

from __future__ import annotations

from collections.abc import Callable

from nio.spi import NO_SIGNAL


class Outbox:
    """Pieces of output in the order they came in; ``size`` is their bytes in all."""

    __slots__ = ("_pieces", "size")

    def __init__(self) -> None:
        self._pieces: list[bytes | memoryview] = []
        self.size = 0

    def append(self, piece: bytes | memoryview) -> None:
        """Put a piece behind everything that is there; an empty one is nothing."""
        if piece:
            self._pieces.append(piece)
            self.size += len(piece)

    def flush(self, send: Callable[[bytes | memoryview, int], int]) -> int:
        """Offer everything to ``send`` in one call and keep what it does not take; the bytes it took.

        ``send`` may take none and say so with BlockingIOError; its other errors are the caller's, with nothing changed.
        """
        pieces = self._pieces
        data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        try:
            sent = send(data, NO_SIGNAL)
        except BlockingIOError:
            sent = 0
        if sent < len(data):
            pieces[:] = (memoryview(data)[sent:],)
        else:
            pieces.clear()
        self.size -= sent
        return sent


class Nowhere(Outbox):
    """That of all connections that are closed: it takes everything and keeps nothing."""

    __slots__ = ()

    def append(self, piece: bytes | memoryview) -> None:
        """Drop it."""


NOWHERE = Nowhere()
