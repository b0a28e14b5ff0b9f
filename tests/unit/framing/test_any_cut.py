"""Every framing, made by chance, on streams made by chance: what comes out does not depend on how they were cut."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from nio.buffers import ByteOrder
from nio.errors import FramingError, IllegalArgumentError
from nio.framing import Delimiter, Fixed, Framing, LengthPrefix, Lines, ProxyPrefix

ROUNDS = 400
V2 = b"\r\n\r\n\0\r\nQUIT\n"
V1 = (
    b"PROXY TCP4 1.2.3.4 5.6.7.8 1 65535\r\n",
    b"PROXY TCP6 ::1 ::2 0 1\r\n",
    b"PROXY UNKNOWN\r\n",
    b"PROXY UNKNOWN " + b"x" * 91 + b"\r\n",  # 107 bytes, the most
    b"PROXY UNKNOWN " + b"x" * 92 + b"\r\n",
)
Made = tuple[Framing, bytes]


def lines(chance: random.Random) -> Made:
    ending = chance.choice([b"\n", b"\r\n"])
    return Lines(ending=ending, max_length=chance.randint(1, 8)), some(chance, b"a\r\n")


def delimiters(chance: random.Random) -> Made:
    while True:
        marks = [some(chance, b"ab;\r\n", 1, 3) for _ in range(chance.randint(1, 3))]
        try:
            return Delimiter(*marks, max_length=chance.randint(1, 8)), some(chance, b"ab;\r\n")
        except IllegalArgumentError:
            continue  # one ends another


def lengths(chance: random.Random) -> Made:
    framing = LengthPrefix(
        chance.choice([1, 2, 3, 4, 8]),
        max_length=chance.randint(1, 20),
        offset=chance.randint(0, 3),
        adjustment=chance.randint(-6, 6),
        strip=chance.choice([None, 0, 1, 2, 5, 9, 12]),
        order=chance.choice([ByteOrder.BIG_ENDIAN, ByteOrder.LITTLE_ENDIAN]),
    )
    return framing, some(chance, b"\0\0\0\0\1\2\3\4\5\xff")


def varints(chance: random.Random) -> Made:
    return LengthPrefix("varint", max_length=chance.randint(1, 200)), some(chance, b"\0\1\2\3\x7f\x80\xff")


def fixed(chance: random.Random) -> Made:
    return Fixed(chance.randint(1, 5)), some(chance, b"ab")


def proxied(chance: random.Random) -> Made:
    """Headers of both versions, with fields, ``LOCAL``, odd families, lengths that lie, and a byte of damage."""
    framing = ProxyPrefix(Lines(max_length=5), ("127.0.0.1",), max_header=chance.choice([16, 28, 60, 300]))
    head = chance.choice(V1)
    if chance.random() < 0.6:
        family = chance.choice([0, 0x11, 0x12, 0x13, 0x21, 0x31, 0x41])
        body = chance.randbytes({0: 0, 1: 12, 2: 36, 3: 216, 4: 0}[family >> 4])
        for _ in range(chance.randint(0, 3)):
            value = chance.randbytes(chance.randint(0, 5))
            body += b"\x04" + (len(value) + (chance.random() < 0.1)).to_bytes(2, "big") + value
        head = V2 + bytes([chance.choice([0x20, 0x21, 0x21, 0x22, 0x11]), family]) + len(body).to_bytes(2, "big") + body
    stream = head + some(chance, b"a\r\n\1")
    if chance.random() < 0.3:
        at = chance.randrange(len(stream))
        stream = stream[:at] + chance.randbytes(1) + stream[at + chance.randint(0, 1) :]
    return framing, stream


def some(chance: random.Random, alphabet: bytes, least: int = 0, most: int = 30) -> bytes:
    return bytes(chance.choices(alphabet, k=chance.randint(least, most)))


def outcome(framing: Framing, pieces: list[bytes], limit: int, *, early: bool) -> tuple[list[bytes], type | None]:
    """The records and the error; with ``early`` the end is told before the last piece is drained."""
    decoder = framing.decoder()
    records: list[bytes] = []
    for number, piece in enumerate(pieces, 1):
        got = decoder.feed(piece, limit)
        if early and number == len(pieces):
            decoder.end()
        records += got
        while len(got) == limit:
            got = decoder.feed(b"", limit)
            records += got
    if not early or not pieces:
        decoder.end()
    error = decoder.error
    assert error is None or isinstance(error, FramingError)
    assert decoder.pending == 0
    return records, None if error is None else type(error)


def cut(chance: random.Random, stream: bytes) -> list[bytes]:
    marks = sorted(chance.sample(range(len(stream) + 1), min(len(stream), chance.randint(0, 5))))
    return [stream[i:j] for i, j in zip([0, *marks], [*marks, len(stream)], strict=True)]


@pytest.mark.parametrize("make", [lines, delimiters, lengths, varints, fixed, proxied])
def test_M01_any_cut_any_limit_and_any_moment_of_the_end(make: Callable[[random.Random], Made]) -> None:
    chance = random.Random(1815)
    for _ in range(ROUNDS):
        framing, stream = make(chance)
        expected = outcome(framing, [stream], 64, early=False)
        drips = [stream[at : at + 1] for at in range(len(stream))]
        for pieces in (drips, cut(chance, stream), cut(chance, stream)):
            limit, early = chance.choice([1, 2, 3, 64]), chance.random() < 0.5
            told = outcome(framing, pieces, limit, early=early)
            assert told == expected, f"{framing!r} on {pieces!r}, limit {limit}, early {early}"
