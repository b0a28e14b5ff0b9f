"""Blocks: the records in them are those that the framing's own decoder makes of the same bytes, whatever the cut."""

from __future__ import annotations

import random

import pytest

from nio.errors import IllegalStateError, RecordTooLongError, TruncatedRecordError
from nio.framing import Decoder, Delimiter, Framing, Lines

FRAMINGS: list[Framing] = [
    Lines(5),
    Lines(5, b"\r\n"),
    Lines(1),
    Lines(5000),
    Delimiter(b";", max_length=5),
    Delimiter(b"\r", max_length=4),
]


def outcome(decoder: Decoder, pieces: list[bytes], limit: int) -> tuple[list[bytes], type[Exception] | None]:
    """All that is decoded, and what the error is; ``clean`` and ``pending`` are right all the way."""
    records: list[bytes] = []
    for piece in pieces:
        records += (got := decoder.feed(piece, limit))
        while len(got) == limit:
            records += (got := decoder.feed(b"", limit))
        assert decoder.clean == (not decoder.pending and decoder.error is None)
    decoder.end()
    assert decoder.feed(b"") == []
    assert not decoder.clean
    return records, None if decoder.error is None else type(decoder.error)


def test_the_records_are_those_of_the_decoder_for_records() -> None:
    chance = random.Random(9)
    for number in range(3000):
        framing = chance.choice(FRAMINGS)
        alphabet = b"ab\r\n;" if number % 3 else b"a\r\n;\n\r;"
        long = number % 50 == 0
        data = bytes(chance.choices(alphabet, k=chance.randrange(9000 if long else 40)))
        if long:
            data += b"x" * chance.randrange(4990, 5003) + chance.choice([b"\n", b"\r\n", b";", b"\r", b""])
        cuts = sorted(chance.choices(range(len(data) + 1), k=chance.randrange(4)))
        pieces = [data[i:j] for i, j in zip([0, *cuts], [*cuts, len(data)], strict=True)]
        expected, error = outcome(framing.decoder(), pieces, 64)
        blocks, same_error = outcome(framing.block_decoder(), pieces, chance.choice([1, 64]))  # type: ignore[attr-defined]
        records: list[bytes] = []
        for block in blocks:
            got, none = outcome(framing.decoder(), [block], 100_000)
            assert (none, bool(got)) == (None, True)
            records += got
        assert (records, same_error) == (expected, error), (framing, pieces)
        assert data.startswith(b"".join(blocks))
        assert all(len(block) <= max(4096, framing.max_length + 2) + framing.max_length + 2 for block in blocks)  # type: ignore[attr-defined]


def test_a_read_of_whole_lines_is_one_block() -> None:
    for sent in (b"a\n", b"a\nb\r\n\n", b"abcde\n" * 600):
        assert Lines(5).block_decoder().feed(sent) == [sent]


def test_a_block_has_4_KiB() -> None:
    decoder = Lines(5).block_decoder()
    assert list(map(len, decoder.feed(b"abc\n" * 3000))) == [4096, 4096, 3808]


def test_a_line_in_drops_is_looked_at_once() -> None:
    decoder = Lines(1 << 20).block_decoder()
    for _ in range(5000):
        assert decoder.feed(b"x") == []
    assert decoder.feed(b"\n") == [b"x" * 5000 + b"\n"]


@pytest.mark.parametrize("framing", [Lines(4), Lines(4, b"\r\n"), Delimiter(b";", max_length=4)])
def test_an_endless_line_is_refused_at_once(framing: Lines | Delimiter) -> None:
    decoder = framing.block_decoder()
    assert decoder.feed(b"abcd") == []
    assert decoder.error is None
    assert decoder.feed(b"e") == []
    assert isinstance(decoder.error, RecordTooLongError)
    assert decoder.pending == 0


def test_the_end_and_the_rest() -> None:
    decoder = Lines(4).block_decoder()
    assert decoder.feed(b"a\nb") == [b"a\n"]
    decoder.end()
    assert isinstance(decoder.error, TruncatedRecordError)
    decoder = Lines(4).block_decoder()
    assert decoder.feed(bytearray(b"a\nb\n" * 2000 + b"c"), 1) == [b"a\nb\n" * 1024]
    assert decoder.rest() == b"a\nb\n" * 976 + b"c"
    with pytest.raises(IllegalStateError):
        decoder.feed(b"x\n")
