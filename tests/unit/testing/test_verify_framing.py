"""verify_framing finds every fault that is planted in a small framing, and says where; the sound one passes.

The toy has a length byte in front of each record. Its faults are those of published listings, and the slips that break
one rule of the contract each.
"""

from __future__ import annotations

import re
from typing import Any

import pytest

from nio.errors import DelimiterInRecordError, FramingError, IllegalArgumentError, IllegalStateError, RecordTooLongError
from nio.framing import BufferedDecoder, Decoder, Fixed, Lines, ProxyPrefix, Raw
from nio.testing import verify_framing

MESSAGES = [b"", b"Ada", b"\0\r\n\xff", b"", b"Grace "]


class ToyDecoder(BufferedDecoder):
    longest = 20

    def cut(self, held: bytearray) -> bytes | None:
        size = held[0]
        self.judge(size)
        if len(held) <= size:
            return None
        record: bytes = self.record(bytes(held[1 : 1 + size]))
        del held[: 1 + size]
        return record

    def judge(self, size: int) -> None:
        if size > self.longest:
            raise RecordTooLongError("too long")

    def record(self, record: bytes) -> Any:
        return record


class Toy:
    """The sound framing; a faulty one differs in its decoder, or in what it overrides."""

    max_length = 20

    def __init__(self, made: type[Any] = ToyDecoder) -> None:
        self.made = made

    def decoder(self) -> Decoder:
        decoder: Decoder = self.made()
        return decoder

    def encode(self, record: bytes | bytearray | memoryview) -> bytes:
        return bytes([len(record)]) + bytes(record)


def test_the_sound_one_passes() -> None:
    verify_framing(Toy(), MESSAGES)
    verify_framing(Toy(), [b"a"])
    verify_framing(Toy(), [bytes([n]) for n in range(70)])


# Faults of decoders.


class ForgetsBetweenPieces(ToyDecoder):
    def feed(self, data: Any, limit: int = 64) -> list[bytes]:
        records = super().feed(data, limit)
        if len(records) < limit:
            self._held.clear()
        return records


class WaitsForTheNextByte(ToyDecoder):
    def cut(self, held: bytearray) -> bytes | None:
        return super().cut(held) if len(held) > held[0] + 1 or self._ended else None


class RefusesTheMaximum(ToyDecoder):
    longest = 19


class AcceptsOneMore(ToyDecoder):
    longest = 21


class JudgesWhatHasComeOnly(ToyDecoder):
    """The limit is looked at when the record is there: until then it costs what its header says."""

    def cut(self, held: bytearray) -> bytes | None:
        return super().cut(held) if len(held) > held[0] else None

    def judge(self, size: int) -> None:
        if len(self._held) > size:
            super().judge(size)


class RaisesForPeerData(ToyDecoder):
    def judge(self, size: int) -> None:
        if size > self.longest:
            raise ZeroDivisionError("a bug")


class EndsAtNul(ToyDecoder):
    """A record as a C string: what follows a zero byte is lost."""

    def record(self, record: bytes) -> bytes:
        return record.partition(b"\0")[0]


class StripsBlanks(ToyDecoder):
    def record(self, record: bytes) -> bytes:
        return record.rstrip()


class ReturnsWhatCanChange(ToyDecoder):
    def record(self, record: bytes) -> bytearray:
        return bytearray(record)


class KeepsThePiece(ToyDecoder):
    """Records are views of whatever was fed."""

    def feed(self, data: Any, limit: int = 64) -> list[Any]:
        records = super().feed(data, limit)
        return [data[1:1]] * len(records) if isinstance(data, bytearray) else records


class IgnoresTheLimit(ToyDecoder):
    def feed(self, data: Any, limit: int = 64) -> list[bytes]:
        return super().feed(data, 64)


class FallsShortOfTheLimit(ToyDecoder):
    """It returns two at most, whatever the limit: the caller waits for input in vain."""

    def feed(self, data: Any, limit: int = 64) -> list[bytes]:
        return super().feed(data, min(limit, 2))


class NeverEnds(ToyDecoder):
    """An empty record costs no byte."""

    def cut(self, held: bytearray) -> bytes | None:
        return super().cut(held) if held[0] else b""


class LooksAhead(ToyDecoder):
    """What lies behind a full limit is judged, though it may be of another framing."""

    def feed(self, data: Any, limit: int = 64) -> list[bytes]:
        records = super().feed(data, limit)
        if self._held and self._held[0] > self.longest:
            self._fail(RecordTooLongError("too long"))
        return records


class RestForgetsTheHeader(ToyDecoder):
    def rest(self) -> bytes:
        return super().rest()[1:]


class RestStays(ToyDecoder):
    def rest(self) -> bytes:
        return bytes(self._held)


class CountsWithoutTheHeader(ToyDecoder):
    @property
    def pending(self) -> int:
        return max(0, len(self._held) - 1)


class AlwaysClean(ToyDecoder):
    clean = property(lambda self: True, lambda self, value: None)


class CleanWhenEmpty(ToyDecoder):
    clean = property(lambda self: not self._held, lambda self, value: None)


class ForgivesACutRecord(ToyDecoder):
    def _judge(self) -> None:
        pass


class DropsWhatTheLimitLeft(ToyDecoder):
    def end(self) -> None:
        self._starved = True
        super().end()


class GoesOnAfterAnError(ToyDecoder):
    def feed(self, data: Any, limit: int = 64) -> list[bytes]:
        failed, self.error = self.error, None
        records = super().feed(data, limit)
        self.error = self.error or failed
        return records


class HoldsOnAfterAnError(ToyDecoder):
    def _fail(self, error: FramingError) -> None:
        self.error = error


class SaysAnyError(ToyDecoder):
    def _fail(self, error: FramingError) -> None:
        super()._fail(ValueError(str(error)))  # type: ignore[arg-type]  # the mistake is the test


class SharesWhatItHolds(ToyDecoder):
    common = bytearray()

    def __init__(self) -> None:
        super().__init__()
        if not self.common:
            self.common.clear()
        self._held = self.common


class SkipsAByteWhereAPieceBegins(ToyDecoder):
    """Damage shows it: outside a well-formed stream the pieces matter."""

    def feed(self, data: Any, limit: int = 64) -> list[bytes]:
        if bytes(data[:1]) == b"\xff" and not self._held and not self._ended:
            data = data[1:]
        return super().feed(data, limit)


FAULTY_DECODERS = [
    (ForgetsBetweenPieces, r"split at byte 2, after 2 of \d+ bytes: pending is 0"),
    (WaitsForTheNextByte, "all at once, .*expected 5 records .*, got 4 records"),
    (RefusesTheMaximum, "a record of max_length, 20 bytes, all at once: 0 records .* RecordTooLongError"),
    (AcceptsOneMore, "a record of 21 bytes, all at once: a record came all the same"),
    (JudgesWhatHasComeOnly, "a record of 200 bytes, byte by byte: 23 bytes are held"),
    (RaisesForPeerData, "raised ZeroDivisionError.*peer data never raises"),
    (EndsAtNul, r"all at once.*expected 5 records .*got 5 records \[b'', b'Ada', b'', "),
    (StripsBlanks, r"all at once.*expected 5 records .*b'Grace '\], got 5 records .*b'Grace'\]"),
    (ReturnsWhatCanChange, "a record is no bytes object"),
    (KeepsThePiece, "fed a bytearray: expected 5 records"),
    (IgnoresTheLimit, "feed returned 5 records, and its limit was 1"),
    (FallsShortOfTheLimit, r"all at once.*expected 5 records .*got 2 records"),
    (NeverEnds, "more records come than the stream has bytes"),
    (LooksAhead, r"limit 1, with b'\\xff.* behind the first record: RecordTooLongError"),
    (RestForgetsTheHeader, r"rest\(\) is b'.*', not b'"),
    (RestStays, r"after rest\(\) pending is"),
    (CountsWithoutTheHeader, "split at byte 2, .*: pending is 0"),
    (AlwaysClean, "split at byte 2, .*: clean is True, and pending 1"),
    (CleanWhenEmpty, r"clean is True after end\(\)"),
    (ForgivesACutRecord, "cut off at byte 2, limit 1: expected .*TruncatedRecordError, got .*no error"),
    (DropsWhatTheLimitLeft, "limit 1: expected"),
    (GoesOnAfterAnError, r"byte 0 replaced by .*: all at once 0 records .*; byte by byte 4 records"),
    (HoldsOnAfterAnError, "bytes are held after"),
    (SaysAnyError, "error is ValueError.*, which is no FramingError"),
    (SharesWhatItHolds, "two decoders that are fed in turns disturb each other"),
    (SkipsAByteWhereAPieceBegins, "all at once .*; byte by byte"),
]


@pytest.mark.parametrize(("made", "words"), FAULTY_DECODERS)
def test_M01_a_planted_fault_is_found_and_told(made: type[ToyDecoder], words: str) -> None:
    with pytest.raises(AssertionError) as caught:
        verify_framing(Toy(made), MESSAGES)
    assert re.search(words, str(caught.value)), str(caught.value)


# Faults of encoders.


class NothingForNothing(Toy):
    def encode(self, record: Any) -> bytes:
        return super().encode(record) if record else b""


class CopiesNothing(Toy):
    def encode(self, record: Any) -> Any:
        return bytearray(super().encode(record))


class KnowsBytesOnly(Toy):
    def encode(self, record: Any) -> bytes:
        return super().encode(record if type(record) is bytes else b"")


class WritesAnotherLength(Toy):
    def encode(self, record: Any) -> bytes:
        return bytes([len(record) + 1]) + bytes(record)


@pytest.mark.parametrize(
    ("framing", "words"),
    [
        (NothingForNothing(), r"encode\(b''\) returned b'', not some bytes"),
        (CopiesNothing(), r"encode\(b''\) returned bytearray"),
        (KnowsBytesOnly(), "encode of a bytearray of b'Ada' is not that of the bytes"),
        (WritesAnotherLength(), "all at once"),
    ],
)
def test_M01_a_planted_fault_of_encode_is_found(framing: Toy, words: str) -> None:
    with pytest.raises(AssertionError, match=words):
        verify_framing(framing, MESSAGES)


# Faults of published listings about lines.


class RecordReader(BufferedDecoder):
    """A CR ends the record, and LF is skipped anywhere."""

    def cut(self, held: bytearray) -> bytes | None:
        end = held.find(b"\r")
        if end < 0:
            return None
        record = bytes(held[:end]).replace(b"\n", b"")
        del held[: end + 1]
        return record


class CountsTheEnding(BufferedDecoder):
    """It reads a byte, CR and LF among them, before it tests the limit."""

    def cut(self, held: bytearray) -> bytes | None:
        end = held.find(b"\n")
        if end + 1 > 20 or (end < 0 and len(held) > 20):
            raise RecordTooLongError("too long")
        if end < 0:
            return None
        record = bytes(held[:end]).removesuffix(b"\r")
        del held[: end + 1]
        return record


class OneReadOneRecord(BufferedDecoder):
    """What one read returned is the record."""

    def cut(self, held: bytearray) -> bytes:
        record = bytes(held).strip()
        held.clear()
        return record


class Lined(Toy):
    def encode(self, record: bytes | bytearray | memoryview) -> bytes:
        return Lines(ending=b"\r\n").encode(record)


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (RecordReader, "all at once|split at byte 4"),
        (CountsTheEnding, "a record of max_length, 20 bytes, all at once: 0 records .*RecordTooLongError"),
        (OneReadOneRecord, "all at once, .*: expected 2 records"),
    ],
)
def test_M02_M04_the_faults_of_published_listings_are_found(made: type[BufferedDecoder], words: str) -> None:
    with pytest.raises(AssertionError, match=words):
        verify_framing(Lined(made), [b"Ada", b"Grace"])


def test_M02_the_record_reader_fails_on_a_lf_in_the_record_and_lines_does_not() -> None:
    with pytest.raises(AssertionError, match=r"expected 1 records \[b'a\\nb'\], got 1 records \[b'ab'\]"):
        verify_framing(Lined(RecordReader), [b"a\nb"])
    verify_framing(Lines(20, b"\r\n"), [b"a\nb"])


# What it asks of whoever calls it.


def test_raw_is_no_framing_in_this_sense() -> None:
    with pytest.raises(AssertionError, match="split at byte 1"):
        verify_framing(Raw(), [b"abc"])


def test_messages_are_needed() -> None:
    with pytest.raises(ValueError, match="a message at least"):
        verify_framing(Lines(), [])


def test_a_message_that_encode_refuses_is_the_callers_mistake() -> None:
    with pytest.raises(IllegalArgumentError, match="3 bytes here, not 2"):
        verify_framing(Fixed(3), [b"ab"])


def test_a_preamble_stands_in_front_of_the_stream() -> None:
    verify_framing(ProxyPrefix(Lines(9), ("127.0.0.1",)), [b"a", b""], preamble=b"PROXY UNKNOWN\r\n")


def test_a_long_maximum_is_not_fed_byte_by_byte() -> None:
    verify_framing(Lines(max_length=100_000), [b"a"])


class Letters(Toy):
    """Records of its own alphabet, with a maximum."""

    def __init__(self, letters: bytes, refusal: type[ValueError]) -> None:
        super().__init__()
        self.letters, self.refusal = letters, refusal

    def encode(self, record: bytes | bytearray | memoryview) -> bytes:
        if not set(bytes(record)) <= set(self.letters):
            raise self.refusal("not of the alphabet")
        return super().encode(record)


def test_the_length_is_tried_with_a_byte_that_a_record_may_have() -> None:
    for letters in (b"xyz", b"yz"):
        verify_framing(Letters(letters, DelimiterInRecordError), [b"z"])
    verify_framing(Letters(b"z", IllegalArgumentError), [b"z"])


def test_a_decoder_that_takes_bytes_after_its_end_is_found() -> None:
    class TakesMore(ToyDecoder):
        def feed(self, data: Any, limit: int = 64) -> list[bytes]:
            try:
                return super().feed(data, limit)
            except IllegalStateError:
                return []

    with pytest.raises(AssertionError, match=r"bytes fed after end\(\) are the caller's mistake"):
        verify_framing(Toy(TakesMore), MESSAGES)
