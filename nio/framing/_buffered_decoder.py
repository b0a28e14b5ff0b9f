"""BufferedDecoder: all that the contract asks of a decoder, except where a record ends.

It holds the bytes in a ``bytearray``. Appending to it and deleting from its front cost constant time per byte: CPython
moves the start, and copies only when half is gone. So a subclass is linear if it looks at a bounded number of bytes in
each ``cut``, or remembers how far it has looked.

``_starved`` notes that the last ``feed`` ended because ``cut`` wanted more. Only then may ``end()`` judge what is held
on the spot: behind a full ``limit`` there may be complete records.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from nio._numbers import check_count
from nio.errors import FramingError, IllegalStateError, TruncatedRecordError


class BufferedDecoder(ABC):
    """A decoder that lacks one method: subclass it and write ``cut``. The contract is that of ``Decoder``."""

    __slots__ = ("_ended", "_held", "_starved", "clean", "error")

    def __init__(self) -> None:
        self._held = bytearray()
        self._starved = True
        self._ended = False
        self.clean: bool = True
        self.error: FramingError | None = None

    @abstractmethod
    def cut(self, held: bytearray) -> bytes | None:
        """Take the next record off the front of ``held``, which is not empty: delete its bytes and return it.

        None, with nothing deleted, when more bytes are needed. Raise a :class:`~nio.errors.FramingError` when the
        stream breaks the rule, as early as that is certain: before a record that is too long has come.
        """

    def __repr__(self) -> str:
        return f"{type(self).__name__}(pending={self.pending}, error={self.error!r})"

    @property
    def pending(self) -> int:
        """Bytes held: the unfinished record, and what a full ``limit`` left undecoded."""
        return len(self._held)

    def feed(self, data: bytes | bytearray | memoryview, limit: int = 64) -> list[bytes]:
        """Take ``data`` in and return the next records, at most ``limit``; exactly ``limit``: call ``feed(b"")`` again.

        Peer data never raises: see ``error``. Raises ``IllegalArgumentError`` for a ``limit`` below 1 and
        ``IllegalStateError`` for data after ``end()`` or ``rest()``.
        """
        data = data if type(data) is bytes else bytes(memoryview(data))
        limit = check_count("limit", limit, 1)
        if self.error is not None:
            return []
        if self._ended and data:
            raise IllegalStateError(f"{len(data)} bytes fed after end()")
        held = self._held
        held += data
        records: list[bytes] = []
        try:
            while held and len(records) < limit:
                record = self.cut(held)
                if record is None:
                    break
                records.append(record)
        except FramingError as error:
            self._fail(error)
        self._starved = len(records) < limit
        if self._ended:
            self._judge()
        self.clean = not (held or self._ended or self.error)
        return records

    def end(self) -> None:
        """Tell the end of the stream; a second call does nothing."""
        self._ended = True
        self.clean = False
        self._judge()

    def rest(self) -> bytes:
        """Give back every byte that no record was returned for, as it came; the decoder's work is over."""
        rest = bytes(self._held)
        self._held.clear()
        self._ended = True
        self.clean = False
        return rest

    def _judge(self) -> None:
        """The stream has ended: is what is held the beginning of a record that nobody will finish?"""
        if self._starved and self._held:
            self._fail(TruncatedRecordError(f"the stream ended {len(self._held)} bytes into a record"))

    def _fail(self, error: FramingError) -> None:
        self.error = error.with_traceback(None)  # whose frames would keep the peer's bytes
        self._held.clear()
