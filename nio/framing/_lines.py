"""Records that end with LF or with CRLF.

**One rule for the limit, whatever the cut.** ``max_length`` counts the record without its ending, and the last CR of
what has come may belong to the ending. So of an unfinished record, with either ending, up to ``max_length`` bytes are
legal, and one more only if it is a CR (its LF may come). Anything beyond is an offence, even before the ending has
come. An endless line therefore costs ``max_length + 1`` bytes, then nothing.

**Two paths.** Nearly every read of a request-reply protocol is one complete record with nothing held: ``feed`` answers
that with one search and one slice, and holds nothing. Everything else goes through a ``bytearray``:

- appending is amortised, and so is deleting from its front (CPython moves the start and copies when half is gone);
- the search for the first ending resumes where the last one stopped, so each byte of a record is looked at once,
  however it arrives;
- once an ending is known to be there, a window of ``_WINDOW`` bytes is cut with one ``bytes.split``, which costs a
  fifth of a search per record. ``maxsplit`` keeps to the limit, and what it leaves is a part of the window, never of
  all that is held: a block of pipelined records is not copied once per 64 of them. Where one record is asked for, the
  window is that record.

With the ending LF, two kinds of record cannot be sent: one that holds LF, which the peer would read as two, and one
that ends in CR, which the peer would drop.
"""

from __future__ import annotations

from nio._numbers import check_count
from nio._record import Record, record
from nio.errors import (
    DelimiterInRecordError,
    FramingError,
    IllegalArgumentError,
    IllegalStateError,
    RecordTooLongError,
    TruncatedRecordError,
)
from nio.framing._block_decoder import BlockDecoder
from nio.framing._contract import Decoder

_WINDOW = 4096
_LF, _CR = b"\n\r"
_NOTHING = bytearray()  # what a decoder holds that has never held anything; nobody writes to it


@record
class Lines(Record):
    """Framing by line endings: ``b"\\n"`` (LF, with one CR before it dropped) or ``b"\\r\\n"`` (CRLF and nothing else).

    ``max_length`` is in bytes, without the ending, and holds for records that come in. Under the ending CRLF a CR or
    LF of its own is data.
    """

    max_length: int = 8192
    ending: bytes = b"\n"

    def __post_init__(self) -> None:
        # The way to set a field of a record.
        object.__setattr__(self, "max_length", check_count("max_length", self.max_length, 1))
        if type(self.ending) is not bytes:
            raise TypeError(f"ending must be bytes, not {type(self.ending).__name__}")
        if self.ending not in (b"\n", b"\r\n"):
            raise IllegalArgumentError(f"ending {self.ending!r} is neither b'\\n' nor b'\\r\\n'")

    def decoder(self) -> LinesDecoder:
        """A decoder at the start of a stream."""
        return LinesDecoder(self)

    def block_decoder(self) -> Decoder:
        """A decoder at the start of a stream whose records are blocks: whole lines, with their endings as they came."""
        return BlockDecoder(self.ending, self.max_length, self.ending == b"\n")

    def encode(self, record: bytes | bytearray | memoryview) -> bytes:
        """The record and its ending; ``DelimiterInRecordError`` for a record that would not be read back as it is."""
        line = record if type(record) is bytes else bytes(memoryview(record))
        if _LF in line or _CR in line:
            self._check_sendable(line)
        return line + self.ending

    def _check_sendable(self, line: bytes) -> None:
        if (at := line.find(self.ending)) >= 0:
            raise DelimiterInRecordError(f"byte {at} of the record of {len(line)} begins {self.ending!r}")
        if line.endswith(b"\r") and self.ending == b"\n":
            raise DelimiterInRecordError(f"the record of {len(line)} bytes ends in b'\\r', which its reader would drop")


class LinesDecoder:
    """The decoder of ``Lines``; the contract is that of ``Decoder``."""

    __slots__ = (
        "_drop",
        "_ended",
        "_ending",
        "_framing",
        "_held",
        "_max_length",
        "_searched",
        "_width",
        "clean",
        "error",
    )

    def __init__(self, framing: Lines) -> None:
        self._framing = framing
        self._ending = framing.ending
        self._width = len(framing.ending)
        self._drop = b"\r" if framing.ending == b"\n" else b""
        self._max_length = framing.max_length
        self._held = _NOTHING
        self._searched = 0  # no ending begins before this index of _held
        self.clean: bool = True  # nothing held, no error, no end: the short path may answer
        self._ended = False
        self.error: FramingError | None = None

    def __repr__(self) -> str:
        return f"LinesDecoder({self._framing!r}, pending={self.pending}, error={self.error!r})"

    @property
    def pending(self) -> int:
        """Bytes held: the unfinished record, and what a full ``limit`` left undecoded."""
        return len(self._held)

    def feed(self, data: bytes | bytearray | memoryview, limit: int = 64) -> list[bytes]:
        """Take ``data`` in and return the next records, at most ``limit``; exactly ``limit``: call ``feed(b"")`` again.

        Peer data never raises: see ``error``. Raises ``IllegalArgumentError`` for a ``limit`` below 1 and
        ``IllegalStateError`` for data after ``end()`` or ``rest()``.
        """
        if self.clean and type(data) is bytes:
            record, found, rest = data.partition(self._ending)
            if found and not rest and len(record) <= self._max_length and limit > 0:
                return [record.removesuffix(self._drop)]
        return self._feed(data, limit)

    def end(self) -> None:
        """Tell the end of the stream; a second call does nothing."""
        self._ended = True
        self.clean = False
        if self._held.find(self._ending, self._searched) < 0:
            self._judge()

    def rest(self) -> bytes:
        """Give back every byte that no record was returned for, as it came; the decoder's work is over."""
        rest = bytes(self._held)
        self._held.clear()
        self._ended = True
        self.clean = False
        return rest

    def _feed(self, data: bytes | bytearray | memoryview, limit: int) -> list[bytes]:
        data = data if type(data) is bytes else bytes(memoryview(data))
        if type(limit) is not int or limit < 1:
            limit = check_count("limit", limit, 1)
        if self.error is not None:
            return []
        if self._ended and data:
            raise IllegalStateError(f"{len(data)} bytes fed after end()")
        held = self._held
        if held is _NOTHING:
            held = self._held = bytearray()
        records: list[bytes] = []
        if self.clean and len(data) <= _WINDOW:
            cut = data.split(self._ending, limit)
            held += cut.pop()
            records = self._check(cut, data)
        else:
            held += data
        while held and (room := limit - len(records)) > 0:
            end = held.find(self._ending, self._searched)
            if end < 0:
                self._judge()
                break
            window = bytes(held[: max(end + self._width, _WINDOW if room > 1 else 0)])
            cut = window.split(self._ending, room)
            del held[: len(window) - len(cut.pop())]
            self._searched = 0
            records += self._check(cut, window)
        self.clean = not (held or self._ended or self.error)
        return records

    def _check(self, cut: list[bytes], window: bytes) -> list[bytes]:
        """The records of ``cut``, up to the first that is too long."""
        if self._drop and b"\r" in window:
            cut = [record.removesuffix(b"\r") for record in cut]
        longest = self._max_length
        if len(window) - self._width > longest and max(map(len, cut), default=0) > longest:
            cut = cut[: next(i for i, record in enumerate(cut) if len(record) > longest)]
            self._fail(RecordTooLongError(f"a record is longer than {longest} bytes"))
        return cut

    def _judge(self) -> None:
        """No ending is held: is what is held a legal beginning of a record?"""
        held = self._held
        size = len(held)
        over = size - self._max_length
        if over > 1 or (over == 1 and held[-1] != _CR):
            self._fail(RecordTooLongError(f"a record is longer than {self._max_length} bytes"))
        elif self._ended and size:
            self._fail(TruncatedRecordError(f"the stream ended {size} bytes into a record"))
        else:
            self._searched = max(0, size - self._width + 1)

    def _fail(self, error: FramingError) -> None:
        self.error = error
        self._held.clear()
        self._searched = 0
