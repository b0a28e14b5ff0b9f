"""Fixed, Raw, and what BufferedDecoder does for every decoder made on it."""

from __future__ import annotations

import pytest

from nio.errors import IllegalArgumentError, IllegalStateError, TruncatedRecordError
from nio.framing import BufferedDecoder, Fixed, Lines, Raw
from nio.testing import verify_framing
from tests.unit.framing.test_lines import run


@pytest.mark.parametrize("size", [1, 3, 8])
def test_M01_fixed_keeps_the_contract(size: int) -> None:
    verify_framing(Fixed(size), [b"a" * size, bytes(size), b"\r" * size, b"\n" * size])


def test_M04_a_record_has_exactly_its_size() -> None:
    assert Fixed(3).encode(bytearray(b"abc")) == b"abc"
    for record in (b"", b"ab", b"abcd"):
        with pytest.raises(IllegalArgumentError, match=f"3 bytes here, not {len(record)}"):
            Fixed(3).encode(record)
    for size in (0, -1):
        with pytest.raises(IllegalArgumentError, match=f"size must be 1 or more, not {size}"):
            Fixed(size)
    with pytest.raises(TypeError, match="size must be an int"):
        Fixed(True)


def test_fixed_and_raw_are_values() -> None:
    assert Fixed(3) == Fixed(3) != Fixed(4)
    assert Raw() == Raw()
    assert len({Fixed(3), Fixed(3), Raw(), Raw()}) == 2


def test_raw_hands_out_what_has_come_and_holds_nothing() -> None:
    decoder = Raw().decoder()
    for piece in (b"a", b"bc\n", b"\0" * 70_000):
        assert decoder.feed(piece, 1) == [piece]
        assert (decoder.feed(b"", 1), decoder.pending, decoder.clean) == ([], 0, True)
    decoder.end()
    assert (decoder.error, decoder.rest()) == (None, b"")
    assert Raw().encode(memoryview(b"abc")) == Raw().encode(b"abc") == b"abc"


def test_a_buffered_decoder_shows_its_state_and_keeps_no_frames() -> None:
    decoder = Fixed(3).decoder()
    decoder.feed(b"ab")
    assert repr(decoder) == "FixedDecoder(pending=2, error=None)"
    decoder.end()
    decoder.end()
    assert isinstance(decoder.error, TruncatedRecordError)
    assert "2 bytes into a record" in str(decoder.error)
    assert decoder.error.__traceback__ is None
    assert decoder.feed(b"abc") == []


@pytest.mark.parametrize("framing", [Fixed(3), Raw(), Lines()])
def test_bytes_after_the_end_or_the_rest_are_the_callers_mistake(framing: Fixed | Raw | Lines) -> None:
    for finish in ("end", "rest"):
        decoder = framing.decoder()
        getattr(decoder, finish)()
        assert not decoder.clean
        assert decoder.feed(b"") == []
        with pytest.raises(IllegalStateError, match=r"3 bytes fed after end\(\)"):
            decoder.feed(b"abc")


def test_a_limit_below_one_and_what_is_no_bytes_are_refused_and_take_nothing_in() -> None:
    decoder = Fixed(3).decoder()
    for limit in (0, -1):
        with pytest.raises(IllegalArgumentError, match=f"limit must be 1 or more, not {limit}"):
            decoder.feed(b"abc", limit)
    for data in ("abc", 3, [1, 2], None):
        with pytest.raises(TypeError):
            decoder.feed(data)  # type: ignore[arg-type]  # the mistake is the test
    assert decoder.pending == 0


def test_records_left_behind_by_the_limit_outlive_the_end_and_the_error_comes_behind_them() -> None:
    decoder = Fixed(2).decoder()
    assert decoder.feed(b"aabbc", 1) == [b"aa"]
    decoder.end()
    assert decoder.error is None
    assert decoder.feed(b"", 1) == [b"bb"]
    assert decoder.error is None
    assert decoder.feed(b"", 1) == []
    assert isinstance(decoder.error, TruncatedRecordError)


def test_a_decoder_without_cut_cannot_be_made() -> None:
    with pytest.raises(TypeError, match="cut"):
        BufferedDecoder()  # type: ignore[abstract]  # the mistake is the test


def test_the_body_that_a_line_announces() -> None:
    stream = b"BODY 7\n\r\n\0abc\nnext\n"
    lines = Lines().decoder()
    assert lines.feed(stream, 1) == [b"BODY 7"]
    body = Fixed(7).decoder()
    assert body.feed(lines.rest(), 1) == [b"\r\n\0abc\n"]
    assert run(Lines().decoder(), [body.rest()]) == ([b"next"], None)
