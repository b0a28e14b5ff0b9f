"""Lines against an independent model: the definition over the whole stream, which knows no pieces and no state."""

from __future__ import annotations

import itertools
import random
import re
import time
import tracemalloc
from collections.abc import Iterable, Iterator

import pytest

from nio.errors import (
    DelimiterInRecordError,
    FramingError,
    IllegalArgumentError,
    IllegalStateError,
    RecordTooLongError,
    TruncatedRecordError,
)
from nio.framing import Decoder, Framing, Lines, LinesDecoder

LF, CRLF = b"\n", b"\r\n"
ENDINGS = {LF: re.compile(rb"\r?\n"), CRLF: re.compile(rb"\r\n")}
Outcome = tuple[list[bytes], type[FramingError] | None]


def model(stream: bytes, ending: bytes, max_length: int) -> Outcome:
    """Records up to the first offence; an unfinished record is legal when some completion of it would be."""
    *lines, tail = ENDINGS[ending].split(stream)
    for i, line in enumerate(lines):
        if len(line) > max_length:
            return lines[:i], RecordTooLongError
    if len(tail.removesuffix(b"\r")) > max_length:
        return lines, RecordTooLongError
    return lines, TruncatedRecordError if tail else None


def run(decoder: Decoder, pieces: Iterable[bytes], limit: int = 64) -> Outcome:
    """Feed the pieces, draining after each, then tell the end."""
    records: list[bytes] = []
    for piece in pieces:
        got = decoder.feed(piece, limit)
        records += got
        while len(got) == limit:
            got = decoder.feed(b"", limit)
            assert len(got) <= limit
            records += got
    decoder.end()
    return records, None if decoder.error is None else type(decoder.error)


def cuts(stream: bytes) -> Iterator[list[bytes]]:
    """The whole, every cut in two, and byte by byte."""
    for i in range(len(stream)):
        yield [stream[:i], stream[i:]]
    yield [stream[i : i + 1] for i in range(len(stream))]


def all_streams() -> list[bytes]:
    return [bytes(s) for size in range(1, 9) for s in itertools.product(b"\r\na", repeat=size)]


@pytest.mark.parametrize("ending", [LF, CRLF])
def test_M01_every_two_cut_of_a_stream_gives_the_same_records(ending: bytes) -> None:
    framing = Lines(max_length=40, ending=ending)
    names = [b"", b"Ada", b"\r", b"a\rb", b"x" * 40, b"nul\0byte", b"", b"\xff\xfe", b"last"]
    stream = ending.join([*names, b""])
    expected = model(stream, ending, 40)
    assert expected[1] is None
    for pieces in cuts(stream):
        assert run(framing.decoder(), pieces) == expected


@pytest.mark.parametrize("limit", [1, 3, 64])
@pytest.mark.parametrize("ending", [LF, CRLF])
def test_M01_random_pieces_of_long_streams_give_the_same_records(ending: bytes, limit: int) -> None:
    chance = random.Random(20240 + limit)
    for _ in range({1: 5, 3: 12, 64: 40}[limit]):
        stream = bytes(chance.choice(b"\r\n\n\nabcdefgh") for _ in range(chance.randrange(1, 12_000)))
        marks = sorted(chance.randrange(len(stream) + 1) for _ in range(chance.randrange(6)))
        pieces = [stream[i:j] for i, j in itertools.pairwise([0, *marks, len(stream)])]
        for max_length in (30, 8192):
            assert run(Lines(max_length, ending).decoder(), pieces, limit) == model(stream, ending, max_length)


@pytest.mark.parametrize("ending", [LF, CRLF])
def test_M02_all_9840_streams_of_cr_lf_and_a_in_all_cuts(ending: bytes) -> None:
    streams = all_streams()
    assert len(streams) == 9840
    framing = Lines(max_length=2, ending=ending)
    for stream in streams:
        expected = model(stream, ending, 2)
        for pieces in cuts(stream):
            assert run(framing.decoder(), pieces) == expected, pieces


@pytest.mark.parametrize("limit", [1, 2])
@pytest.mark.parametrize("ending", [LF, CRLF])
def test_M02_all_9840_streams_do_not_depend_on_the_limit(ending: bytes, limit: int) -> None:
    framing = Lines(max_length=3, ending=ending)
    for stream in all_streams():
        assert run(framing.decoder(), [stream], limit) == model(stream, ending, 3), stream


def test_M02_one_cr_before_the_lf_is_dropped_and_no_other() -> None:
    assert Lines().decoder().feed(b"a\r\nb\nc\r\r\nd\re\n\r\n\n") == [b"a", b"b", b"c\r", b"d\re", b"", b""]


def test_M02_under_crlf_a_bare_cr_or_lf_is_data() -> None:
    assert Lines(ending=CRLF).decoder().feed(b"a\nb\rc\r\n\n\r\n\r\r\n\r\n") == [b"a\nb\rc", b"\n", b"\r", b""]


def test_M02_a_final_record_without_its_ending_is_an_error_at_the_end() -> None:
    decoder = Lines().decoder()
    assert decoder.feed(b"one\ntwo") == [b"one"]
    assert decoder.error is None
    decoder.end()
    assert isinstance(decoder.error, TruncatedRecordError)
    assert "3 bytes" in str(decoder.error)
    assert decoder.pending == 0


@pytest.mark.parametrize("ending", [LF, CRLF])
def test_M03_all_256_byte_values_are_data(ending: bytes) -> None:
    decoder = Lines(ending=ending).decoder()
    for value in range(256):
        record = bytes([value, 97, value, 97])
        if ending not in record:
            assert decoder.feed(record + ending) == [record]
    record = bytes(value for value in range(256) if value != 10)
    assert decoder.feed(record + ending) == [record]
    assert run(decoder, [record[:13], record[13:], ending]) == ([record], None)


@pytest.mark.parametrize("ending", [LF, CRLF])
@pytest.mark.parametrize("max_length", [1, 2, 256, 4095, 4096, 4097, 8192])
def test_M04_the_maximum_is_accepted_and_one_more_is_refused(ending: bytes, max_length: int) -> None:
    framing = Lines(max_length, ending)
    good, bad = b"a" * max_length, b"a" * (max_length + 1)
    for before in ([], [b"n"], [b"n"] * 3):
        for pieces in ([good, ending], [good + ending], [good + ending[:1], ending[1:]]):
            assert run(framing.decoder(), [*(n + ending for n in before), *pieces]) == ([*before, good], None)
            assert run(framing.decoder(), [b"".join([*(n + ending for n in before), *pieces])]) == (
                [*before, good],
                None,
            )
        for pieces in ([bad, ending], [bad + ending], [bad]):
            lines = b"".join(n + ending for n in before)
            assert run(framing.decoder(), [lines, *pieces]) == (before, RecordTooLongError)
            assert run(framing.decoder(), [b"".join([lines, *pieces])]) == (before, RecordTooLongError)


@pytest.mark.parametrize("ending", [LF, CRLF])
def test_M04_a_cr_behind_the_maximum_waits_for_its_lf(ending: bytes) -> None:
    decoder = Lines(4, ending).decoder()
    assert decoder.feed(b"name\r") == []
    assert (decoder.error, decoder.pending) == (None, 5)
    assert decoder.feed(b"\n") == [b"name"]
    assert decoder.feed(b"name\r") == []
    assert decoder.feed(b"\r") == []
    assert isinstance(decoder.error, RecordTooLongError)


def test_M06_a_record_that_comes_in_small_pieces_is_looked_at_once() -> None:
    framing = Lines(max_length=1 << 20)

    def seconds(size: int) -> float:
        pieces = [b"a" * 64] * (size // 64)
        times = []
        for _ in range(3):
            decoder = framing.decoder()
            start = time.process_time()
            for piece in pieces:
                decoder.feed(piece)
            assert decoder.feed(b"\n") == [b"a" * size]
            times.append(time.process_time() - start)
        return min(times)

    # Linear is 4; scanning or copying what is held per piece gives 14 and more.
    assert seconds(1 << 20) <= 9 * seconds(1 << 18)


def test_K01_an_endless_line_costs_its_maximum_and_then_nothing() -> None:
    piece = b"a" * 65536
    tracemalloc.start()
    try:
        drip, flood = Lines(256).decoder(), Lines().decoder()
        for _ in range(257):
            assert drip.error is None
            assert drip.pending <= 256
            drip.feed(b"a")
        assert isinstance(drip.error, RecordTooLongError)
        assert "256" in str(drip.error)
        for _ in range(1024):
            assert flood.feed(piece) == []
        assert isinstance(flood.error, RecordTooLongError)
        assert (drip.pending, flood.pending) == (0, 0)
        assert tracemalloc.get_traced_memory()[1] <= 1 << 20
    finally:
        tracemalloc.stop()


def test_K03_at_most_limit_records_are_made_at_a_time() -> None:
    decoder = Lines().decoder()
    block = b"a\n" * 5000
    assert decoder.feed(block) == [b"a"] * 64
    assert decoder.pending == len(block) - 128
    for n in range(2, 5000 // 64 + 1):
        assert decoder.feed(b"") == [b"a"] * 64
        assert decoder.pending == len(block) - 128 * n
    assert decoder.feed(b"") == [b"a"] * (5000 % 64)
    assert (decoder.feed(b""), decoder.pending) == ([], 0)


def test_K03_exactly_limit_records_then_none() -> None:
    decoder = Lines().decoder()
    assert decoder.feed(b"a\nb\n", limit=2) == [b"a", b"b"]
    assert decoder.feed(b"", limit=2) == []
    assert decoder.feed(b"c\n", limit=1) == [b"c"]
    assert decoder.feed(b"", limit=1) == []


@pytest.mark.parametrize("ending", [LF, CRLF])
def test_M13_after_an_error_every_input_is_ignored(ending: bytes) -> None:
    decoder = Lines(4, ending).decoder()
    assert decoder.feed(b"good" + ending + b"too long" + ending + b"next" + ending) == [b"good"]
    error = decoder.error
    for later in (b"", b"fine" + ending, ending, b"x" * 99, b"x"):
        assert decoder.feed(later) == []
        assert decoder.pending == 0
    decoder.end()
    assert decoder.feed(b"more" + ending) == []
    assert decoder.error is error


def test_M10_an_error_behind_a_full_limit_shows_when_drained() -> None:
    decoder = Lines(4).decoder()
    assert decoder.feed(b"a\nb\ntoo long\nc\n", limit=2) == [b"a", b"b"]
    assert decoder.error is None
    assert decoder.feed(b"", limit=2) == []
    assert isinstance(decoder.error, RecordTooLongError)


def test_records_left_behind_by_the_limit_outlive_the_end_of_the_stream() -> None:
    decoder = Lines().decoder()
    assert decoder.feed(b"a\nb\nc", limit=1) == [b"a"]
    decoder.end()
    assert decoder.error is None
    assert decoder.feed(b"", limit=1) == [b"b"]
    assert decoder.feed(b"", limit=1) == []
    assert isinstance(decoder.error, TruncatedRecordError)


def test_the_end_between_two_records_is_no_error_and_may_be_told_twice() -> None:
    decoder = Lines().decoder()
    decoder.feed(b"a\n")
    decoder.end()
    decoder.end()
    assert decoder.error is None
    assert decoder.feed(b"") == []
    for data in (b"b\n", b"b"):
        with pytest.raises(IllegalStateError, match=f"{len(data)} bytes fed after end"):
            decoder.feed(data)


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_any_bytes_like_piece_gives_bytes_that_are_its_own(
    kind: type[bytes] | type[bytearray] | type[memoryview],
) -> None:
    source = bytearray(b"Ada\r\nGrace")
    piece = source if kind is bytearray else kind(source)
    decoder = Lines().decoder()
    records = decoder.feed(piece)
    source[:3] = b"xxx"
    records += decoder.feed(kind(b"\n"))
    assert records == [b"Ada", b"Grace"]
    assert all(type(record) is bytes for record in records)


@pytest.mark.parametrize("bad", ["Ada\n", 5, [65, 10], None])
def test_what_is_not_bytes_like_is_refused(bad: object) -> None:
    decoder = Lines().decoder()
    with pytest.raises(TypeError):
        decoder.feed(bad)  # type: ignore[arg-type]  # the mistake is the test
    with pytest.raises(TypeError):
        Lines().encode(bad)  # type: ignore[arg-type]  # the mistake is the test
    assert decoder.feed(b"Ada\n") == [b"Ada"]


@pytest.mark.parametrize("limit", [0, -1])
@pytest.mark.parametrize("data", [b"", b"a", b"a\n", b"a\nb\n"])
def test_a_limit_below_one_is_refused_and_takes_nothing_in(data: bytes, limit: int) -> None:
    decoder = Lines().decoder()
    with pytest.raises(IllegalArgumentError, match=f"limit must be 1 or more, not {limit}"):
        decoder.feed(data, limit)
    assert decoder.pending == 0


@pytest.mark.parametrize("ending", [LF, CRLF])
def test_M09_what_encode_accepts_is_read_back_as_it_is_and_the_rest_is_refused(ending: bytes) -> None:
    framing = Lines(ending=ending)
    for record in (bytes(r) for size in range(7) for r in itertools.product(b"\r\na", repeat=size)):
        back, error = model(record + ending, ending, 8192)
        if (back, error) == ([record], None):
            assert framing.encode(record) == record + ending
            assert framing.decoder().feed(framing.encode(memoryview(record))) == [record]
        else:
            with pytest.raises(DelimiterInRecordError):
                framing.encode(bytearray(record))


def test_M09_the_refusal_says_where() -> None:
    with pytest.raises(DelimiterInRecordError, match="byte 3 of the record of 7"):
        Lines().encode(b"Ada\nEve")
    with pytest.raises(DelimiterInRecordError, match=r"record of 4 bytes ends in b'\\r'"):
        Lines().encode(b"Ada\r")


def test_encode_does_not_apply_the_limit_on_what_comes_in() -> None:
    assert Lines(max_length=3).encode(b"Hello Ada") == b"Hello Ada\n"


def test_lines_is_an_immutable_value() -> None:
    framing = Lines(max_length=256)
    assert framing == Lines(256, b"\n") != Lines(257)
    assert Lines(256) != Lines(256, CRLF)
    assert hash(framing) == hash(Lines(256))
    assert repr(framing) == r"Lines(max_length=256, ending=b'\n')"
    with pytest.raises(AttributeError):
        framing.max_length = 1  # type: ignore[misc]  # the mistake is the test
    assert not hasattr(framing, "__dict__")
    assert (Lines().max_length, Lines().ending) == (8192, LF)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"max_length": 0}, IllegalArgumentError, "max_length must be 1 or more, not 0"),
        ({"max_length": -5}, IllegalArgumentError, "max_length must be 1 or more, not -5"),
        ({"max_length": True}, TypeError, "max_length must be an int, not True"),
        ({"max_length": 2.0}, TypeError, "max_length must be an int, not 2.0"),
        ({"ending": b""}, IllegalArgumentError, "ending b'' is neither"),
        ({"ending": b";"}, IllegalArgumentError, "ending b';' is neither"),
        ({"ending": "\n"}, TypeError, "ending must be bytes, not str"),
    ],
)
def test_bad_arguments_are_refused(arguments: dict[str, object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Lines(**arguments)  # type: ignore[arg-type]  # the mistake is the test


def test_the_decoder_shows_its_state_and_keeps_no_peer_data_after_an_error() -> None:
    decoder = Lines(4).decoder()
    decoder.feed(b"ab")
    assert repr(decoder) == r"LinesDecoder(Lines(max_length=4, ending=b'\n'), pending=2, error=None)"
    decoder.feed(b"secret")
    assert "secret" not in repr(decoder)
    assert "RecordTooLongError" in repr(decoder)
    assert decoder.error is not None
    assert decoder.error.__traceback__ is None


def test_clean_says_that_nothing_is_held_wrong_or_ended() -> None:
    decoder = Lines(4).decoder()
    steps = [(b"", 64), (b"a\n", 64), (b"b", 64), (b"\n", 64), (b"a\nb\n", 1), (b"", 1), (b"abcd\r", 64), (b"\n", 64)]
    states = []
    for data, limit in steps:
        decoder.feed(data, limit)
        states.append(decoder.clean)
    assert states == [True, True, False, True, False, True, False, True]
    decoder.feed(b"a\ntoo long\n")
    assert not decoder.clean
    decoder.feed(b"")
    assert not decoder.clean
    ended = Lines().decoder()
    ended.end()
    assert not ended.clean
    assert ended.feed(b"") == []
    assert not ended.clean


def test_lines_keeps_the_contract_of_a_framing() -> None:
    framing: Framing = Lines()
    decoder: Decoder = framing.decoder()
    assert isinstance(decoder, LinesDecoder)
    assert decoder.feed(framing.encode(b"Ada")) == [b"Ada"]
    assert (decoder.pending, decoder.error) == (0, None)
