"""CharsetEncoder: pieces, room, errors and states; see test_decoder.py for what is left to the JDK's own answers."""

from __future__ import annotations

from array import array
from typing import cast

import pytest

from nio.buffers import ByteBuffer, CharBuffer
from nio.charset import Charset, CharsetEncoder, CoderResult, CodingErrorAction, StandardCharsets
from nio.errors import (
    IllegalArgumentError,
    IllegalStateError,
    MalformedInputError,
    ReadOnlyBufferError,
    UnmappableCharacterError,
)
from tests.unit.charset.support import pieces

REPLACE = CodingErrorAction.REPLACE
EVERYTHING = "aA\x7f\u00e9\u07ff\u0800\u20ac\uffff\U00010000\U0010ffff"
JAPANESE = "abc\u4e2d\u4e00\u3042~\u4e8c"

# What Java writes, where Python's codec of the name does something else.
CODECS = {"UTF-32": "utf-32-be"}
WHOLE = ["UTF-8", "UTF-16BE", "UTF-16LE", "UTF-32", "UTF-32BE", "UTF-32LE", "GB18030"]


def units(text: str) -> array[int]:
    return array("H", text.encode("utf-16-le" if array("H", b"\1\0")[0] == 1 else "utf-16-be", "surrogatepass"))


def in_pieces(encoder: CharsetEncoder, text: str, piece: int, room: int) -> bytes:
    target = ByteBuffer.allocate(room)
    data = b"".join(bytes(part) for part in pieces(encoder.encode, units(text), CharBuffer.allocate(piece), target))
    while encoder.flush(target).is_overflow:
        data += bytes(target.flip())
        target.clear()
    return data + bytes(target.flip())


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize(("piece", "room"), [(2, 4), (3, 5), (100, 7), (3, 100), (1000, 9)])
def test_text_in_pieces_is_the_text(name: str, piece: int, room: int) -> None:
    # statements 59, 60, 61
    encoder, text = Charset.for_name(name).new_encoder(), EVERYTHING * 5
    assert in_pieces(encoder, text, piece, room) == text.encode(CODECS.get(name, name))
    assert in_pieces(encoder.reset(), text, piece, room) == text.encode(CODECS.get(name, name))


@pytest.mark.parametrize("name", ["Shift_JIS", "EUC-JP", "ISO-2022-JP", "GBK", "Big5-HKSCS", "cp932", "shift_jis_2004"])
@pytest.mark.parametrize(("piece", "room"), [(2, 8), (100, 9), (1000, 100)])
def test_text_of_other_charsets_in_pieces_is_the_text(name: str, piece: int, room: int) -> None:
    # statements 59, 60
    text = JAPANESE * 3
    assert in_pieces(Charset.for_name(name).new_encoder(), text, piece, room) == text.encode(name)


@pytest.mark.parametrize("name", [*WHOLE, "UTF-16", "windows-1252", "US-ASCII"])
def test_long_text_is_more_than_one_window(name: str) -> None:
    # statements 59, 60
    text = (EVERYTHING if name in WHOLE else "abcdefghijklmnopq") * 9_001
    expected = b"\xfe\xff" + text.encode("utf-16-be") if name == "UTF-16" else text.encode(CODECS.get(name, name))
    encoder, target = Charset.for_name(name).new_encoder(), ByteBuffer.allocate(len(expected))
    assert encoder.encode(CharBuffer.wrap(text), target, True) is CoderResult.UNDERFLOW
    assert bytes(target.flip()) == expected
    short = ByteBuffer.allocate(len(expected) - 1)
    assert encoder.reset().encode(CharBuffer.wrap(text), short, True) is CoderResult.OVERFLOW
    assert bytes(short.flip()) == expected[: short.limit]
    assert len(expected) - short.limit <= 4


def test_the_order_of_the_source_is_respected() -> None:
    # statements 28, 61
    memory = ByteBuffer.wrap("a\U0001f600".encode("utf-16-be"))
    source, target = memory.as_char_buffer(), ByteBuffer.allocate(9)
    assert StandardCharsets.UTF_8.new_encoder().encode(source, target, True) is CoderResult.UNDERFLOW
    assert bytes(target.flip()) == "a\U0001f600".encode()


def test_half_a_pair_waits_or_is_wrong() -> None:
    # statement 64
    encoder, source, target = StandardCharsets.UTF_8.new_encoder(), CharBuffer.wrap("a\ud83d"), ByteBuffer.allocate(9)
    assert encoder.encode(source, target, False) is CoderResult.UNDERFLOW
    assert source.position == 1
    assert encoder.encode(source, target, True) == CoderResult.malformed_for_length(1)
    assert (source.position, target.position) == (1, 1)


def test_what_cannot_be_written_is_unmappable_by_code_units() -> None:
    # statement 62
    encoder, target = StandardCharsets.US_ASCII.new_encoder(), ByteBuffer.allocate(9)
    for text, length in (("a\u00e9", 1), ("a\U0001f600", 2)):
        source = CharBuffer.wrap(text)
        assert encoder.reset().encode(source, target, True) == CoderResult.unmappable_for_length(length)
        assert source.position == 1
        with pytest.raises(UnmappableCharacterError) as unmappable:
            encoder.encode(source)
        assert (unmappable.value.input_length, source.position) == (length, 1)
    with pytest.raises(MalformedInputError):
        encoder.encode(CharBuffer.wrap("\ude00a"))


def test_the_mark_is_written_once_and_again_after_reset() -> None:
    # statement 60
    encoder, target = StandardCharsets.UTF_16.new_encoder(), ByteBuffer.allocate(5)
    nothing, text = CharBuffer.wrap(""), CharBuffer.wrap("ab")
    assert encoder.encode(nothing, target, False) is CoderResult.UNDERFLOW
    assert target.position == 0
    assert encoder.encode(text, ByteBuffer.allocate(1), False) is CoderResult.OVERFLOW
    assert text.position == 0
    assert encoder.encode(text, target, True) is CoderResult.OVERFLOW
    assert bytes(target.flip()) == b"\xfe\xff\x00a"
    assert encoder.encode(text, target.clear(), True) is CoderResult.UNDERFLOW
    assert bytes(target.flip()) == b"\x00b"
    assert bytes(encoder.encode(CharBuffer.wrap("c"))) == b"\xfe\xff\x00c"


def test_flush_waits_for_room_to_leave_a_shift() -> None:
    # statement 65
    encoder, target = Charset.for_name("ISO-2022-JP").new_encoder(), ByteBuffer.allocate(6)
    assert encoder.encode(CharBuffer.wrap("\u4e2d"), target, True) is CoderResult.UNDERFLOW
    assert bytes(target.flip()) == b"\x1b$BCf"
    small = ByteBuffer.allocate(2)
    assert encoder.flush(small) is encoder.flush(small) is CoderResult.OVERFLOW
    assert small.position == 0
    assert encoder.flush(target.clear()) is CoderResult.UNDERFLOW
    assert bytes(target.flip()) == b"\x1b(B"
    assert encoder.flush(small) is CoderResult.UNDERFLOW
    assert bytes(encoder.encode(CharBuffer.wrap("\u4e2d"))) == b"\x1b$BCf\x1b(B"


def test_replacements_are_valid_in_the_charset() -> None:
    # statement 62
    encoder = StandardCharsets.UTF_8.new_encoder()
    assert encoder.replacement == b"?"
    for good in (b"x", "\u20ac".encode(), bytearray(b"xyz")):
        assert encoder.replace_with(good).replacement == bytes(good)
    for wrong in (b"", b"abcd", "\U0001f600".encode()):
        with pytest.raises(IllegalArgumentError, match=r"replacement of length [04] is not within 1 and 3"):
            encoder.replace_with(wrong)
    for invalid in (b"\xff", b"\xe2\x82", b"a\x80"):
        with pytest.raises(IllegalArgumentError, match="is not valid in UTF-8"):
            encoder.replace_with(invalid)
    with pytest.raises(TypeError, match="replacement must be bytes"):
        encoder.replace_with(cast("bytes", "?"))
    assert StandardCharsets.UTF_16LE.new_encoder().replacement == b"\xfd\xff"
    encoder = StandardCharsets.US_ASCII.new_encoder().on_unmappable_character(REPLACE)
    source, target = CharBuffer.wrap("a\u00e9b"), ByteBuffer.allocate(1)
    assert encoder.encode(source, target, True) is CoderResult.OVERFLOW
    assert source.position == 1
    assert bytes(encoder.encode(source)) == b"?b"


def test_can_encode_looks_at_every_character() -> None:
    # statement 62
    encoder = StandardCharsets.ISO_8859_1.new_encoder()
    assert encoder.can_encode("a\u00ff")
    assert encoder.can_encode("")
    assert not encoder.can_encode("a\u0100")
    assert not encoder.can_encode("\U0001f600")
    utf_8 = StandardCharsets.UTF_8.new_encoder()
    assert utf_8.can_encode("\U0001f600")
    assert utf_8.can_encode("\ud83d\ude00")  # a pair, as Java would see it
    assert not utf_8.can_encode("\ud83d")
    text = CharBuffer.wrap("xab", 1)
    assert utf_8.can_encode(text)
    assert text.position == 1
    assert [utf_8.can_encode(unit) for unit in (0xD7FF, 0xD800, 0xDFFF, 0xE000)] == [True, False, False, True]
    for wrong in (None, b"a", True, 1.0):
        with pytest.raises(TypeError, match="text must be a str, a CharBuffer or a code unit"):
            utf_8.can_encode(cast("str", wrong))


def test_can_encode_does_not_interfere_with_an_input() -> None:
    # statement 65
    encoder, target = Charset.for_name("ISO-2022-JP").new_encoder(), ByteBuffer.allocate(99)
    encoder.encode(CharBuffer.wrap("\u4e2d"), target, False)
    with pytest.raises(IllegalStateError, match=r"can_encode\(\) of a coder in the middle of its input"):
        encoder.can_encode("a")
    assert encoder.can_encode(0x61)
    encoder.encode(CharBuffer.wrap("\u4e2d"), target, True)
    with pytest.raises(IllegalStateError, match=r"can_encode\(\) of a coder at the end of its input"):
        encoder.can_encode("a")
    encoder.flush(target)
    assert bytes(target.flip()) == "\u4e2d\u4e2d".encode("iso2022_jp")
    assert encoder.can_encode("a")
    encoder.encode(CharBuffer.wrap("a"), target.clear(), False)


def test_arguments_of_the_wrong_kind_are_refused_and_change_nothing() -> None:
    # statement 1
    encoder, source, target = StandardCharsets.UTF_8.new_encoder(), CharBuffer.wrap("ab"), ByteBuffer.allocate(2)
    with pytest.raises(TypeError, match="source must be a CharBuffer, not 'ab'"):
        encoder.encode(cast("CharBuffer", "ab"), target, True)
    with pytest.raises(TypeError, match="target must be a ByteBuffer, not CharBuffer"):
        encoder.encode(source, cast("ByteBuffer", source), True)
    with pytest.raises(ReadOnlyBufferError, match="is read-only"):
        encoder.encode(source, target.as_read_only_buffer(), True)
    assert (source.position, target.position) == (0, 0)
    assert encoder.encode(source, target, False) is CoderResult.UNDERFLOW
