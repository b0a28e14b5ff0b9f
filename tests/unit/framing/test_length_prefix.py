"""LengthPrefix: the examples of Netty's LengthFieldBasedFrameDecoder, and every value a length field may have."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from nio.buffers import ByteOrder
from nio.errors import FramingError, IllegalArgumentError, RecordTooLongError
from nio.framing import LengthPrefix
from nio.testing import verify_framing
from tests.unit.framing.test_lines import cuts, run

MESSAGES = [b"", b"a", b"Grace Hopper", b"", b"\xff\xfe\0", b"\0\0\0\0"]
BIG, LITTLE = ByteOrder.BIG_ENDIAN, ByteOrder.LITTLE_ENDIAN
LENGTHS = [0, 1, 99, 100, 101, 127, 128, 255, 256, 2**31 - 1, 2**31, 2**32 - 1, 2**63, 2**64 - 1]

# Frames of Netty's documentation, before and after decoding: "HELLO, WORLD" has 12 bytes.
NETTY = [
    ({"size": 2, "strip": 0}, "000c 48454c4c4f2c20574f524c44", "000c 48454c4c4f2c20574f524c44"),
    ({"size": 2, "strip": 2}, "000c 48454c4c4f2c20574f524c44", "48454c4c4f2c20574f524c44"),
    ({"size": 2, "strip": 0, "adjustment": -2}, "000e 48454c4c4f2c20574f524c44", "000e 48454c4c4f2c20574f524c44"),
    (
        {"size": 3, "offset": 2, "strip": 0},
        "cafe 00000c 48454c4c4f2c20574f524c44",
        "cafe 00000c 48454c4c4f2c20574f524c44",
    ),
    (
        {"size": 3, "adjustment": 2, "strip": 0},
        "00000c cafe 48454c4c4f2c20574f524c44",
        "00000c cafe 48454c4c4f2c20574f524c44",
    ),
    (
        {"size": 2, "offset": 1, "adjustment": 1, "strip": 3},
        "ca 000c fe 48454c4c4f2c20574f524c44",
        "fe 48454c4c4f2c20574f524c44",
    ),
    (
        {"size": 2, "offset": 1, "adjustment": -3, "strip": 3},
        "ca 0010 fe 48454c4c4f2c20574f524c44",
        "fe 48454c4c4f2c20574f524c44",
    ),
]


@pytest.mark.parametrize(("options", "before", "after"), NETTY)
def test_the_examples_of_netty(options: dict[str, Any], before: str, after: str) -> None:
    frame, record = bytes.fromhex(before), bytes.fromhex(after)
    framing = LengthPrefix(**options)
    for pieces in cuts(frame * 2):
        assert run(framing.decoder(), pieces) == ([record, record], None)
    sent = framing.encode(record)
    assert run(framing.decoder(), [sent]) == ([record], None)
    stripped = framing.strip or 0
    assert (len(sent), sent[stripped:]) == (len(frame), frame[stripped:])


@pytest.mark.parametrize(
    ("size", "order"),
    [(1, BIG), (2, BIG), (2, LITTLE), (3, LITTLE), (4, BIG), (4, LITTLE), (8, LITTLE), ("varint", BIG)],
)
def test_M01_M04_it_keeps_the_contract(size: Any, order: ByteOrder) -> None:
    verify_framing(LengthPrefix(size, max_length=200, order=order), MESSAGES)


@pytest.mark.parametrize(
    ("options", "messages"),
    [
        ({"adjustment": -4}, MESSAGES),
        ({"offset": 3}, MESSAGES),
        ({"offset": 3, "adjustment": 5}, [b"hello", b"hello, world"]),
        ({"strip": 0}, [b"\0\0\0\1a", b"\0\0\0\0", b"\0\0\0\2ab"]),
        ({"offset": 2, "strip": 1}, [b"x\0\0\0\1a", b"y\0\0\0\0"]),
        ({"strip": 6, "adjustment": 2}, MESSAGES),
        ({"size": "varint", "max_length": 300}, [b"", b"x" * 127, b"x" * 128]),
    ],
)
def test_M01_it_keeps_the_contract_wherever_the_field_is(options: dict[str, Any], messages: list[bytes]) -> None:
    verify_framing(LengthPrefix(**{"max_length": 100, **options}), messages)


@pytest.mark.parametrize("order", list(ByteOrder))
@pytest.mark.parametrize(
    ("size", "length"),
    [(size, length) for size in (1, 2, 3, 4, 8) for length in LENGTHS if length < 1 << 8 * size],
)
def test_M05_every_length_gives_a_record_or_an_error_at_once(size: int, order: ByteOrder, length: int) -> None:
    wide = struct.pack(order.value + "Q", length)
    head = wide[-size:] if order is ByteOrder.BIG_ENDIAN else wide[:size]
    decoder = LengthPrefix(size, max_length=100, order=order).decoder()
    if length == 0:
        assert decoder.feed(head) == [b""]
    else:
        assert decoder.feed(head) == []
    if length > 100:
        assert isinstance(decoder.error, RecordTooLongError)
        assert decoder.pending == 0
    else:
        assert decoder.error is None
        assert decoder.feed(b"x" * length) == [b"x" * length][: length > 0]


@pytest.mark.parametrize("value", [-1, -5, -(2**31)])
def test_M05_a_negative_length_of_a_java_peer_is_too_long(value: int) -> None:
    decoder = LengthPrefix(4).decoder()
    assert decoder.feed(struct.pack(">i", value)) == []
    assert isinstance(decoder.error, RecordTooLongError)


@pytest.mark.parametrize(
    ("options", "stream", "error"),
    [
        ({"adjustment": -4}, "00000003", FramingError),  # shorter than the field itself
        ({"adjustment": -4}, "00000000", FramingError),
        ({"adjustment": -4}, "00000004", None),
        ({"adjustment": -4, "strip": 0}, "00000003", FramingError),
        ({"strip": 6}, "00000001 61", FramingError),  # nothing is left of it
        ({"size": "varint"}, "ffffffffffffffffff01", RecordTooLongError),
        ({"size": "varint"}, "8080808080808080808001", FramingError),  # no end
        ({"size": "varint"}, "808080808080808080 00", None),  # longer than need be, and zero all the same
    ],
)
def test_M05_odd_lengths(options: dict[str, Any], stream: str, error: type[FramingError] | None) -> None:
    for pieces in cuts(bytes.fromhex(stream)):
        records, got = run(LengthPrefix(**options).decoder(), pieces)
        assert (records, got) == ([b""] if error is None else [], error)


def test_M05_a_varint_without_end_is_refused_with_its_tenth_byte() -> None:
    decoder = LengthPrefix("varint").decoder()
    assert decoder.feed(b"\x80" * 9) == []
    assert decoder.error is None
    assert decoder.feed(b"\x80") == []
    assert "more than 10 bytes" in str(decoder.error)
    assert decoder.error is not None
    assert decoder.error.__traceback__ is None  # whose frames would keep the peer's bytes


def test_M05_a_header_of_four_bytes_claims_no_memory() -> None:
    decoders = [LengthPrefix(4, max_length=1 << 30).decoder() for _ in range(1000)]
    for decoder in decoders:
        decoder.feed(b"\x3f\xff\xff\xff")
    assert {decoder.pending for decoder in decoders} == {4}


def test_varint_is_that_of_protocol_buffers() -> None:
    framing = LengthPrefix("varint")
    assert framing.encode(b"") == b"\0"
    assert framing.encode(b"x" * 300) == b"\xac\x02" + b"x" * 300  # 300 is their documentation's example
    assert framing.encode(bytearray(127)) == b"\x7f" + bytes(127)


@pytest.mark.parametrize(
    ("options", "record", "message"),
    [
        ({"size": 1}, b"x" * 256, "record of 256 bytes has no length that fits 1 bytes"),
        ({"size": 1, "adjustment": 5}, b"abcd", "record of 4 bytes has no length"),
        ({"strip": 0}, b"abc", "record of 3 bytes has no length"),
        ({"strip": 0}, b"\0\0\0\2a", "length inside a record of 5 bytes must be 1"),
        ({"offset": 1, "strip": 2}, b"\0\0\2a", "length inside a record of 4 bytes must be 1"),
    ],
)
def test_M09_encode_refuses_what_would_be_read_otherwise(options: dict[str, Any], record: bytes, message: str) -> None:
    with pytest.raises(IllegalArgumentError, match=message):
        LengthPrefix(**options).encode(record)


def test_encode_does_not_apply_the_limit_on_what_comes_in() -> None:
    assert LengthPrefix(1, max_length=1).encode(b"ab") == b"\2ab"


def test_it_is_an_immutable_value() -> None:
    framing = LengthPrefix(2, 100)
    assert framing == LengthPrefix(size=2, max_length=100) != LengthPrefix(2, 100, order=LITTLE)
    assert hash(framing) == hash(LengthPrefix(2, 100))
    assert (LengthPrefix().size, LengthPrefix().max_length) == (4, 1 << 20)
    with pytest.raises(AttributeError):
        framing.size = 4  # type: ignore[misc]  # the mistake is the test


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"size": 5}, IllegalArgumentError, "size must be 1, 2, 3, 4, 8 or 'varint', not 5"),
        ({"size": True}, TypeError, "size must be an int"),
        ({"size": "4"}, TypeError, "size must be an int"),
        ({"max_length": 0}, IllegalArgumentError, "max_length must be 1 or more"),
        ({"offset": -1}, IllegalArgumentError, "offset must be 0 or more"),
        ({"strip": -1}, IllegalArgumentError, "strip must be 0 or more"),
        ({"adjustment": 1.5}, TypeError, "adjustment must be an int"),
        ({"order": "big"}, TypeError, "order must be a ByteOrder, not 'big'"),
        ({"size": "varint", "offset": 1}, IllegalArgumentError, "a varint stands alone"),
        ({"size": "varint", "strip": 0}, IllegalArgumentError, "a varint stands alone"),
    ],
)
def test_bad_arguments_are_refused(options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        LengthPrefix(**options)
