"""Outbox: what a connection has to send and the kernel has not taken: bytes, and parts of files between them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from nio.spi import NO_SIGNAL

Send = Callable[[bytes | memoryview, int], int]

_NONE: Any = ()  # in the place of a list: most connections never have output that waits


class LongPiece(Protocol):
    """Output that is not in memory: a part of a file."""

    @property
    def left(self) -> int:
        """Bytes to be sent."""

    def send(self, send: Send) -> int:
        """Send some of it; the bytes that were taken. BlockingIOError for none."""

    def release(self) -> None:
        """It is sent."""


class Outbox:
    """Pieces of output in the order they came in; ``size`` is their bytes in all, ``not_here`` those not in memory."""

    __slots__ = ("_long", "_pieces", "not_here", "size")

    def __init__(self) -> None:
        self._pieces: list[bytes | memoryview] = _NONE
        self._long: list[tuple[list[bytes | memoryview], LongPiece]] = _NONE  # each with what comes before it
        self.size = 0
        self.not_here = 0

    def append(self, piece: bytes | memoryview) -> None:
        """Put a piece behind everything that is there; an empty one is nothing."""
        if piece:
            if self._pieces:
                self._pieces.append(piece)
            else:
                self._pieces = [piece]
            self.size += len(piece)

    def append_long(self, piece: LongPiece) -> None:
        """Put a piece behind everything that is there; it is not empty."""
        if not self._long:
            self._long = []
        self._long.append((self._pieces or [], piece))
        self._pieces = _NONE
        self.size += piece.left
        self.not_here += piece.left

    def flush(self, send: Send) -> int:
        """Offer everything to ``send`` in one call and keep what it does not take; the bytes it took.

        ``send`` may take none and say so with BlockingIOError; its other errors are the caller's, with nothing changed.
        """
        if self._long:
            return self._flush_long(send)
        pieces = self._pieces
        data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        try:
            sent = send(data, NO_SIGNAL)
        except BlockingIOError:
            sent = 0
        if sent < len(data):
            self._pieces = [memoryview(data)[sent:]]
        else:
            self._pieces = _NONE
        self.size -= sent
        return sent

    def _flush_long(self, send: Send) -> int:
        """Send what comes before the first long piece, then some of that."""
        before, piece = self._long[0]
        data, sent, more = b"".join(before), 0, 0
        try:
            if data:
                sent = send(data, NO_SIGNAL)
            if sent == len(data):
                more = piece.send(send)
        except BlockingIOError:
            pass
        before[:] = (memoryview(data)[sent:],) if sent < len(data) else ()
        self.size -= sent + more
        self.not_here -= more
        if not piece.left:
            del self._long[0]
            piece.release()
        return sent + more

    def seal(self) -> None:
        """Take nothing more, and keep what is there until it is sent."""
        self.__class__ = Nowhere

    def release(self, _: object = None) -> None:
        """Nothing more will be sent."""
        while self._long:
            self._long.pop()[1].release()


class Nowhere(Outbox):
    """That of all connections that are closed, and one that is sealed: it takes everything and drops it."""

    __slots__ = ()

    def append(self, piece: bytes | memoryview) -> None:
        """Drop it."""

    def append_long(self, piece: LongPiece) -> None:
        """Drop it."""
        piece.release()


NOWHERE = Nowhere()
EMPTY = Outbox()  # that of all connections that nothing waits in; who puts something in makes one of its own
