"""Delimiter against an independent model: which delimiter is complete first, over the whole stream."""

from __future__ import annotations

import itertools
import random

import pytest

from nio.errors import (
    DelimiterInRecordError,
    FramingError,
    IllegalArgumentError,
    RecordTooLongError,
    TruncatedRecordError,
)
from nio.framing import Delimiter
from nio.testing import verify_framing
from tests.unit.framing.test_lines import Outcome, cuts, run

SETS = [(b"\n",), (b"\r\n",), (b"\r\n", b"\n", b"\0"), (b"\n", b"\r\n"), (b"aa",), (b"aba", b"bb"), (b"ab\n", b"\n")]


def model(stream: bytes, delimiters: tuple[bytes, ...], max_length: int) -> Outcome:
    """Byte after byte: has one ended here? Of an unfinished record, is there a completion that is legal?"""
    records: list[bytes] = []
    begin = 0
    for end in range(1, len(stream) + 1):
        part = stream[begin:end]
        if ended := [d for d in delimiters if part.endswith(d)]:
            record = part[: len(part) - max(map(len, ended))]
            if len(record) > max_length:
                return records, RecordTooLongError
            records.append(record)
            begin = end
    tail = stream[begin:]
    begun = {tail[: len(tail) - n] for d in delimiters for n in range(len(d)) if tail.endswith(d[:n])}
    if min(map(len, begun)) > max_length:
        return records, RecordTooLongError
    return records, TruncatedRecordError if tail else None


@pytest.mark.parametrize("delimiters", SETS)
def test_M01_M02_all_streams_of_four_bytes_in_all_cuts(delimiters: tuple[bytes, ...]) -> None:
    framing = Delimiter(*delimiters, max_length=2)
    for size in range(1, 5):
        for stream in map(bytes, itertools.product(b"\r\nab", repeat=size)):
            expected = model(stream, delimiters, 2)
            for pieces in cuts(stream):
                assert run(framing.decoder(), pieces) == expected, pieces
                assert run(framing.decoder(), pieces, 1) == expected, pieces


@pytest.mark.parametrize("delimiters", SETS)
def test_M01_random_pieces_of_long_streams_give_the_same_records(delimiters: tuple[bytes, ...]) -> None:
    chance = random.Random(4)
    for limit in (1, 3, 64):
        stream = bytes(chance.choice(b"\r\n\n\0ab") for _ in range(2000))
        marks = sorted(chance.randrange(2001) for _ in range(5))
        pieces = [stream[i:j] for i, j in itertools.pairwise([0, *marks, 2000])]
        for longest in (20, 2000):
            assert run(Delimiter(*delimiters, max_length=longest).decoder(), pieces, limit) == model(
                stream, delimiters, longest
            )


@pytest.mark.parametrize("delimiters", [*SETS[:4], (b";",), (b"--end--",)])
def test_M01_M04_it_keeps_the_contract(delimiters: tuple[bytes, ...]) -> None:
    verify_framing(Delimiter(*delimiters, max_length=40), [b"", b"Ada", b"", b"\xff\xfe", b"Grace Hopper"])


def test_M02_of_two_that_end_together_the_longer_is_taken_off() -> None:
    assert Delimiter(b"\n", b"\r\n").decoder().feed(b"a\r\nb\nc\r\r\n") == [b"a", b"b", b"c\r"]


@pytest.mark.parametrize("delimiters", SETS)
def test_M09_what_encode_accepts_is_read_back_and_the_rest_is_refused(delimiters: tuple[bytes, ...]) -> None:
    framing = Delimiter(*delimiters)
    for size in range(6):
        for record in map(bytes, itertools.product(b"\r\nab", repeat=size)):
            if model(record + delimiters[0], delimiters, 99) == ([record], None):
                assert framing.encode(bytearray(record)) == record + delimiters[0]
            else:
                with pytest.raises(DelimiterInRecordError):
                    framing.encode(record)


def test_M09_the_refusal_says_where() -> None:
    with pytest.raises(DelimiterInRecordError, match=r"byte 3 of the record of 7 begins b';'"):
        Delimiter(b";").encode(b"Ada;Eve")
    with pytest.raises(DelimiterInRecordError, match=r"byte 3 of the record of 4 begins b'\\r\\n'"):
        Delimiter(b"\n", b"\r\n").encode(b"Ada\r")


def test_the_limit_tells_an_unfinished_delimiter_from_data() -> None:
    decoder = Delimiter(b"--end--", max_length=3).decoder()
    assert decoder.feed(b"abc--en") == []
    assert decoder.error is None
    assert decoder.feed(b"d--") == [b"abc"]
    assert decoder.feed(b"abc--x") == []
    assert isinstance(decoder.error, FramingError)


def test_a_delimiter_is_an_immutable_value() -> None:
    framing = Delimiter(b"\r\n", b"\n", max_length=5)
    assert framing == Delimiter(b"\r\n", b"\n", max_length=5) != Delimiter(b"\n", b"\r\n", max_length=5)
    assert framing != Delimiter(b"\r\n", b"\n")
    assert framing != object()
    assert hash(framing) == hash(Delimiter(b"\r\n", b"\n", max_length=5))
    assert repr(framing) == r"Delimiter(b'\r\n', b'\n', max_length=5)"
    assert framing.ending == b"\r\n"
    with pytest.raises(AttributeError):
        framing.max_length = 1  # type: ignore[misc]  # the mistake is the test


@pytest.mark.parametrize(
    ("delimiters", "options", "error", "message"),
    [
        ((), {}, TypeError, "needs a delimiter at least"),
        (("\n",), {}, TypeError, "a delimiter must be bytes, not str"),
        ((b"",), {}, IllegalArgumentError, "one byte at least"),
        ((b"\n", b"\n"), {}, IllegalArgumentError, "can never end a record"),
        ((b"\r", b"\r\n"), {}, IllegalArgumentError, r"b'\\r\\n' can never end a record: b'\\r' ends it before"),
        ((b"abc", b"b"), {}, IllegalArgumentError, "b'abc' can never end a record: b'b' ends it before"),
        ((b"\n",), {"max_length": 0}, IllegalArgumentError, "max_length must be 1 or more, not 0"),
        ((b"\n",), {"max_length": True}, TypeError, "max_length must be an int"),
    ],
)
def test_bad_arguments_are_refused(
    delimiters: tuple[bytes, ...], options: dict[str, int], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        Delimiter(*delimiters, **options)
