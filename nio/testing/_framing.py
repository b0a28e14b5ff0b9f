"""verify_framing: a framing against the contract that stands in the docstring of ``nio.framing``.

The stream of some messages is fed in every way that a network may cut it, and each way has to give those messages. What
a decoder must do with a stream that is cut off, too long or damaged has no messages to compare with; there, one way of
feeding is compared with another.

Nothing here is random: a failure is the same in the next run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise, zip_longest
from typing import NamedTuple

from nio.errors import DelimiterInRecordError, FramingError, IllegalStateError, RecordTooLongError, TruncatedRecordError
from nio.framing import Decoder, Framing

_LIMITS = (1, 2, 3, 64)
_DAMAGED = 64  # positions of the stream at which it is damaged, one at a time
_LONG = 65536  # bytes of an over-long record that come one by one
_TOO_MANY = "more records come than the stream has bytes: does a record cost at least one?"


class Outcome(NamedTuple):
    """The records, and what the decoder says at the end."""

    records: list[bytes]
    error: type[FramingError] | None

    def __str__(self) -> str:
        return f"{_shown(self.records)} and {'no error' if self.error is None else self.error.__name__}"


def verify_framing(framing: Framing, messages: Iterable[bytes], *, preamble: bytes = b"") -> None:
    """AssertionError, which names the cut and the difference, unless ``framing`` keeps its contract with ``messages``.

    The stream of the messages, behind ``preamble`` if there is one, is fed whole, cut in two at every position, byte by
    byte, in pieces of other sizes, with other limits, cut off at every position, and damaged at some. A framing that
    has a ``max_length`` is also given a record of exactly that length and one of one byte more.

    Some short messages are best, the empty one among them if it is legal; and a small ``max_length``.
    """
    check = _Check(framing, list(messages), preamble)
    check.encoding()
    check.cuts()
    check.limits()
    check.rests()
    check.ends()
    check.neighbours()
    check.damage()
    check.length()


class _Check:
    """One framing, and the stream that it makes of the messages."""

    def __init__(self, framing: Framing, messages: list[bytes], preamble: bytes) -> None:
        if not messages:
            raise ValueError("verify_framing() needs a message at least")
        self.framing = framing
        self.messages = messages
        self.preamble = preamble
        self.is_bytes = all(type(message) is bytes for message in messages)
        self.codes = [framing.encode(message) for message in messages]
        for message, code in zip(messages, self.codes, strict=True):
            _claim(type(code) is bytes and code != b"", f"encode({message!r}) returned {code!r}, not some bytes")
        self.stream = b"".join([preamble, *self.codes])
        marks = [len(preamble)]
        for code in self.codes:
            marks.append(marks[-1] + len(code))
        self.marks = marks  # where in the stream each record begins, and the last one ends

    def due(self, size: int) -> list[bytes]:
        """The messages that ``size`` bytes of the stream hold."""
        return self.messages[: sum(mark <= size for mark in self.marks[1:])]

    def encoding(self) -> None:
        for message, code in zip(self.messages, self.codes, strict=True):
            for kind in (bytearray, memoryview) if self.is_bytes else ():
                where = f"encode of a {kind.__name__} of {message!r}"
                _claim(self.framing.encode(kind(message)) == code, f"{where} is not that of the bytes")

    def cuts(self) -> None:
        """Rule 1: whatever the pieces, and each record with its last byte."""
        self.fed("all at once", [self.stream])
        for at in range(1, len(self.stream)):
            self.fed(f"split at byte {at}", [self.stream[:at], self.stream[at:]])
        for size in (1, 2, 3, 5, 7):
            self.fed("byte by byte" if size == 1 else f"in pieces of {size} bytes", _pieces(self.stream, size))
        self.fed("record by record", [self.stream[i:j] for i, j in pairwise([0, *self.marks])])
        for kind in (bytearray, memoryview):
            decoder, source = self.framing.decoder(), bytearray(self.stream)
            records = _drained(decoder, source if kind is bytearray else memoryview(source))
            source[:] = bytes(len(source))
            _claim(records == self.messages, f"fed a {kind.__name__}: {_differ(self.messages, records)}")

    def fed(self, how: str, pieces: Iterable[bytes]) -> None:
        """The pieces bring the messages, in time, and leave nothing behind."""
        decoder, size = self.framing.decoder(), 0
        records: list[bytes] = []
        for piece in pieces:
            records += _drained(decoder, piece)
            size += len(piece)
            due = self.due(size)
            where = f"{how}, after {size} of {len(self.stream)} bytes"
            _claim(decoder.error is None, f"{where}: {decoder.error!r}")
            _claim(records == due, f"{where}: {_differ(due, records)}")
            held = 0 if size in self.marks or not size else 1
            _claim((decoder.pending > 0) == held, f"{where}: pending is {decoder.pending}")
            _claim(decoder.clean == (not held), f"{where}: clean is {decoder.clean}, and pending {decoder.pending}")
        are_bytes = not self.is_bytes or all(type(record) is bytes for record in records)
        _claim(are_bytes, f"{how}: a record is no bytes object")

    def limits(self) -> None:
        """Rule 3: each call returns at most ``limit`` records, in order."""
        for limit in _LIMITS:
            got = [*_batches(self.framing.decoder(), self.stream, limit)]
            due = [self.messages[at : at + limit] for at in range(0, len(self.messages) + 1, limit)]
            for batch, expected in zip_longest(got, due):
                _claim(batch == expected, f"limit {limit}: a call is to return {expected!r:.200}, not {batch!r:.200}")

    def rests(self) -> None:
        """Rule 7: what no record was returned for comes back; nothing behind a full limit has been judged."""
        first = self.marks[1]
        for tail in (self.stream[first:], b"\0" * 300, b"\xff" * 300, b"a" * 300, bytes(range(256)) * 2):
            decoder = self.framing.decoder()
            records = decoder.feed(self.stream[:first] + tail, 1)
            where = f"limit 1, with {tail!r:.60} behind the first record"
            _claim(records == self.messages[:1], f"{where}: {_differ(self.messages[:1], records)}")
            _claim(decoder.error is None, f"{where}: {decoder.error!r}")
            self.rest(decoder, tail, where)
        for at in range(first, len(self.stream)):
            decoder = self.framing.decoder()
            _drained(decoder, self.stream[:at])
            begun = max(mark for mark in self.marks if mark <= at)
            self.rest(decoder, self.stream[begun:at], f"cut off at byte {at}")

    def rest(self, decoder: Decoder, expected: bytes, where: str) -> None:
        held, rest = decoder.pending, decoder.rest()
        _claim(rest == expected, f"{where}: rest() is {rest!r}, not {expected!r}")
        _claim(held == len(expected), f"{where}: pending was {held}, and {len(expected)} bytes were held")
        _claim(decoder.pending == 0, f"{where}: after rest() pending is {decoder.pending}")

    def ends(self) -> None:
        """Rule 5: the end of the stream at every position."""
        for at in range(len(self.stream) + 1):
            expected = Outcome(self.due(at), None if at in (0, *self.marks) else TruncatedRecordError)
            for limit in _LIMITS:
                outcome = _outcome(self.framing, [self.stream[:at]], limit)
                _claim(outcome == expected, f"cut off at byte {at}, limit {limit}: expected {expected}, got {outcome}")
        decoder = self.framing.decoder()
        decoder.end()
        decoder.end()
        _claim(not decoder.clean, "clean is True after end()")
        try:
            decoder.feed(self.stream)
        except IllegalStateError:
            return
        raise AssertionError("bytes fed after end() are the caller's mistake: feed is to raise IllegalStateError")

    def neighbours(self) -> None:
        """Two decoders have nothing in common."""
        one, other = self.framing.decoder(), self.framing.decoder()
        ours: list[bytes] = []
        theirs: list[bytes] = []
        for piece in _pieces(self.stream, 1):
            ours += _drained(one, piece)
            theirs += _drained(other, piece)
        _claim(ours == theirs == self.messages, "two decoders that are fed in turns disturb each other")

    def damage(self) -> None:
        """Rules 1 and 2 for a stream that is not well-formed: never a raise, and the same whatever the pieces."""
        step = len(self.stream) // _DAMAGED + 1
        for at in range(0, len(self.stream), step):
            for byte in (b"", b"\0", b"\xff", b"\r", b"\n", self.stream[at : at + 1] * 2):
                self.same(f"byte {at} replaced by {byte!r}", self.stream[:at] + byte + self.stream[at + 1 :])

    def same(self, what: str, stream: bytes) -> Outcome:
        """One outcome, however the stream is fed."""
        expected = _outcome(self.framing, [stream], 64)
        for how, pieces, limit in (
            ("byte by byte", _pieces(stream, 1), 64),
            ("in pieces of 7 bytes", _pieces(stream, 7), 2),
            ("with limit 1", [stream], 1),
        ):
            outcome = _outcome(self.framing, pieces, limit)
            _claim(outcome == expected, f"{what}: all at once {expected}; {how} {outcome}")
        return expected

    def length(self) -> None:
        """Rule 4: the maximum passes, one byte more does not, and what is held stays bounded."""
        longest = getattr(self.framing, "max_length", None)
        filler = None if longest is None else self.filler(longest)
        if longest is None or filler is None:
            return
        full = self.framing.encode(filler * longest)
        for how, pieces in _ways(self.preamble + full):
            outcome = _outcome(self.framing, pieces, 64)
            expected = Outcome([filler * longest], None)
            _claim(outcome == expected, f"a record of max_length, {longest} bytes, {how}: {outcome}")
        self.refused(filler, longest, longest + 1)
        try:
            self.refused(filler, longest, longest + min(9 * longest, _LONG))
        except ValueError:
            pass  # encode cannot write one of that length

    def refused(self, filler: bytes, longest: int, size: int) -> None:
        """A record of so many bytes: nothing comes of it, and not all of it is ever held."""
        stream = self.preamble + self.framing.encode(filler * size)
        room = len(self.framing.encode(filler * longest)) + 1
        for how, pieces in _ways(stream + self.codes[0]):
            decoder = self.framing.decoder()
            where = f"a record of {size} bytes, {how}"
            for piece in pieces:
                _claim(_drained(decoder, piece) == [], f"{where}: a record came all the same")
                _claim(decoder.pending <= room, f"{where}: {decoder.pending} bytes are held")
            _claim(isinstance(decoder.error, RecordTooLongError), f"{where}: the error is {decoder.error!r}")
            _claim(not decoder.clean, f"{where}: clean is True after the error")
            _claim(decoder.pending == 0, f"{where}: {decoder.pending} bytes are held after the error")
            _claim(decoder.feed(b"") == decoder.feed(self.codes[0]) == [], f"{where}: records come after the error")

    def filler(self, longest: int) -> bytes | None:
        """A byte of which a record may consist."""
        for byte in (b"a", b"x", b"0", b"\0"):
            try:
                self.framing.encode(byte * (longest + 1))
            except DelimiterInRecordError:
                continue
            except ValueError:
                return None  # what encode cannot write needs no refusal from the decoder
            return byte
        return None


def _claim(holds: bool, words: str) -> None:
    if not holds:
        raise AssertionError(words)


def _pieces(stream: bytes, size: int) -> list[bytes]:
    return [stream[at : at + size] for at in range(0, len(stream), size)]


def _ways(stream: bytes) -> Iterator[tuple[str, list[bytes]]]:
    yield "all at once", [stream]
    yield "in pieces of 4096 bytes", _pieces(stream, 4096)
    if len(stream) <= _LONG:
        yield "byte by byte", _pieces(stream, 1)


def _batches(decoder: Decoder, data: bytes | bytearray | memoryview, limit: int) -> Iterator[list[bytes]]:
    """What ``feed`` returns, until it is less than ``limit``."""
    most = decoder.pending + len(data)
    records = _fed(decoder, data, limit)
    yield records
    while len(records) == limit:
        most -= limit
        _claim(most >= 0, _TOO_MANY)
        records = _fed(decoder, b"", limit)
        yield records


def _fed(decoder: Decoder, data: bytes | bytearray | memoryview, limit: int) -> list[bytes]:
    try:
        records = decoder.feed(data, limit)
    except Exception as error:
        raise AssertionError(f"feed({bytes(data)!r:.60}, {limit}) raised {error!r}: peer data never raises") from error
    _claim(len(records) <= limit, f"feed returned {len(records)} records, and its limit was {limit}")
    return records


def _drained(decoder: Decoder, data: bytes | bytearray | memoryview, limit: int = 64) -> list[bytes]:
    return [record for records in _batches(decoder, data, limit) for record in records]


def _outcome(framing: Framing, pieces: Iterable[bytes], limit: int) -> Outcome:
    """The pieces, then the end of the stream, which is told before the last piece is drained."""
    decoder = framing.decoder()
    *former, last = list(pieces) or [b""]
    records = [record for piece in former for record in _drained(decoder, piece, limit)]
    got = _fed(decoder, last, limit)
    decoder.end()
    records += got
    if len(got) == limit:
        records += _drained(decoder, b"", limit)
    error = decoder.error
    _claim(error is None or isinstance(error, FramingError), f"error is {error!r}, which is no FramingError")
    _claim(error is None or decoder.pending == 0, f"{decoder.pending} bytes are held after {error!r}")
    return Outcome(records, None if error is None else type(error))


def _shown(records: list[bytes]) -> str:
    return f"{len(records)} records {records!r:.200}"


def _differ(expected: list[bytes], records: list[bytes]) -> str:
    return f"expected {_shown(expected)}, got {_shown(records)}"
