"""What every framing promises, and what it may expect of its caller.

A *framing* is a value: immutable, comparable, shared by all connections. It makes one *decoder* per direction of a
connection, which holds that stream's state and nothing else: no socket, no clock, no thread. One thread at a time.

1. **The records do not depend on how the stream was cut.** Whatever the pieces, the same bytes give the same records in
   the same order and the same kind of error after the same record.
2. **Peer data never raises.** When the stream breaks the rule of its framing, ``feed`` returns the records before the
   offence and ``error`` says what broke it. That is final: what was held is dropped, later input is ignored, ``feed``
   returns ``[]`` whatever comes. Only calls that are the caller's own mistake raise.
3. **A call returns at most ``limit`` records.** Fewer than ``limit`` means that the decoder wants input. Exactly
   ``limit`` means that there may be more, and that an error further on may not have been seen yet: call
   ``feed(b"")`` again, now or when there is room, until it returns fewer.
4. **Memory is bounded by the caller and the framing together.** ``pending`` counts the bytes held: an unfinished record
   and whatever lies undecoded behind a full ``limit``. An unfinished record never grows beyond what the framing
   allows, so a caller who drains (rule 3) before he reads on holds one record and one read at most. ``clean`` says in
   one look that nothing is held, nothing is wrong and nothing has ended.
5. **The end of the stream is told with ``end()``.** Bytes of an unfinished record then are an error
   (``TruncatedRecordError``). Complete records that a full ``limit`` left behind stay due: drain as in rule 3, and the
   error, if any, shows after the last of them. Feeding bytes after ``end()`` is the caller's mistake.
6. **``encode`` writes what such a decoder reads**: a record that would be read as another one, or as two, is refused
   (``DelimiterInRecordError``). The limit on length is for what comes in; ``encode`` does not apply it.
"""

from __future__ import annotations

from typing import Protocol

from nio.errors import FramingError


class Decoder(Protocol):
    """The state of one incoming stream; see the contract at the head of this module."""

    @property
    def error(self) -> FramingError | None:
        """What broke the stream, or None; never goes back to None."""

    @property
    def clean(self) -> bool:
        """True when nothing is held and the stream has neither failed nor ended: all there was has been returned."""

    @property
    def pending(self) -> int:
        """Bytes held that no record has been returned for."""

    def feed(self, data: bytes | bytearray | memoryview, limit: int = 64) -> list[bytes]:
        """Take ``data`` in and return the next records, at most ``limit``."""

    def end(self) -> None:
        """Tell the end of the stream."""


class Framing(Protocol):
    """A rule that cuts a byte stream into records, as an immutable value."""

    def decoder(self) -> Decoder:
        """A decoder at the start of a stream."""

    def encode(self, record: bytes | bytearray | memoryview) -> bytes:
        """The bytes that a decoder of this framing reads as exactly this record."""
