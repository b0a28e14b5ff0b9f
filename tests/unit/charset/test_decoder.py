"""CharsetDecoder: pieces, room, errors and states.

What the JDK answers to every short input stands in the recorded cases and is drawn anew by the fuzzer; here is what
these do not show: input longer than one window, arguments of the wrong type, charsets that the JDK treats otherwise.
"""

from __future__ import annotations

from typing import cast

import pytest

from nio.buffers import ByteBuffer, CharBuffer
from nio.charset import Charset, CharsetDecoder, CoderResult, CodingErrorAction, StandardCharsets
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
WHOLE = ["UTF-8", "UTF-16", "UTF-16BE", "UTF-16LE", "UTF-32", "UTF-32BE", "UTF-32LE", "GB18030", "utf-8-sig"]


def in_pieces(decoder: CharsetDecoder, data: bytes, piece: int, room: int) -> str:
    target = CharBuffer.allocate(room)
    text = "".join(str(part) for part in pieces(decoder.decode, data, ByteBuffer.allocate(piece), target))
    assert decoder.flush(target).is_underflow
    return text


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize(("piece", "room"), [(8, 2), (8, 3), (9, 100), (1000, 2), (13, 7)])
def test_text_in_pieces_is_the_text(name: str, piece: int, room: int) -> None:
    # statements 59, 60, 61
    decoder = Charset.for_name(name).new_decoder()
    text = EVERYTHING * 5
    assert in_pieces(decoder, text.encode(name), piece, room) == text
    assert in_pieces(decoder.reset(), text.encode(name), piece, room) == text


@pytest.mark.parametrize(
    "name", ["Shift_JIS", "EUC-JP", "ISO-2022-JP", "GBK", "Big5", "cp932", "euc_kr", "hz", "johab"]
)
@pytest.mark.parametrize(("piece", "room"), [(8, 2), (9, 100), (1000, 3)])
def test_text_of_other_charsets_in_pieces_is_the_text(name: str, piece: int, room: int) -> None:
    # statements 59, 60
    text = "abc" + "\u4e2d" * 7 + "~\n" + "\u4e00\u4e8c" * 3
    assert in_pieces(Charset.for_name(name).new_decoder(), text.encode(name), piece, room) == text


@pytest.mark.parametrize("name", [*WHOLE, "windows-1252", "US-ASCII"])
def test_long_text_is_more_than_one_window(name: str) -> None:
    # statements 59, 60
    characters = EVERYTHING if name in WHOLE else "abcdefghijklmnopq"
    text = characters * 9_001
    data = text.encode(name)
    source, target = ByteBuffer.wrap(data), CharBuffer.allocate(len(text) * 2)
    assert Charset.for_name(name).new_decoder().decode(source, target, True) is CoderResult.UNDERFLOW
    assert str(target.flip()) == text


def test_long_text_full_of_errors_is_replaced_error_by_error() -> None:
    # statement 62
    data = b"\xe2\x82abc\xff" * 2_001
    source = ByteBuffer.wrap(data)
    decoder = StandardCharsets.UTF_8.new_decoder().on_malformed_input(REPLACE)
    assert str(decoder.decode(source)) == data.decode(errors="replace")
    decoder.on_malformed_input(CodingErrorAction.IGNORE)
    assert str(decoder.decode(source.rewind())) == "abc" * 2_001


@pytest.mark.parametrize("end", [False, True])
def test_an_error_leaves_the_source_at_it_and_the_target_behind_what_is_before(end: bool) -> None:
    # statement 62
    source, target = ByteBuffer.wrap(b"xxab\xed\xa0\x80", 2), CharBuffer.allocate(5)
    target.position = 1
    result = StandardCharsets.UTF_8.new_decoder().decode(source, target, end)
    assert result == CoderResult.malformed_for_length(3)
    assert (source.position, target.position, target.get(1), target.get(2)) == (4, 3, "a", "b")


def test_the_same_bytes_wait_or_are_wrong() -> None:
    # statement 64
    decoder, source, target = (
        StandardCharsets.UTF_8.new_decoder(),
        ByteBuffer.wrap(b"a\xf0\x9f"),
        CharBuffer.allocate(3),
    )
    assert decoder.decode(source, target, False) is CoderResult.UNDERFLOW
    assert (source.position, target.position) == (1, 1)
    assert decoder.decode(source, target, True) == CoderResult.malformed_for_length(2)
    assert (source.position, target.position) == (1, 1)


def test_the_order_of_the_target_is_respected() -> None:
    # statements 28, 61
    memory = ByteBuffer.allocate(8)
    target = memory.as_char_buffer()
    StandardCharsets.UTF_8.new_decoder().decode(ByteBuffer.wrap("a\U0001f600".encode()), target, True)
    assert bytes(memory) == b"\x00a\xd8\x3d\xde\x00\x00\x00"


def test_wrong_bytes_of_other_charsets_are_as_long_as_their_codec_says() -> None:
    # statement 62
    def first(name: str, data: bytes, end: bool = False) -> tuple[str, int]:
        source = ByteBuffer.wrap(data)
        result = Charset.for_name(name).new_decoder().decode(source, CharBuffer.allocate(9), end)
        return str(result), source.position

    assert first("Shift_JIS", b"a\x80") == ("MALFORMED[1]", 1)
    assert first("EUC-JP", b"a\xa4") == ("UNDERFLOW", 1)
    assert first("EUC-JP", b"a\xa4", True) == ("MALFORMED[1]", 1)
    assert first("GB18030", b"a\x81\x30\x81") == ("UNDERFLOW", 1)
    assert first("ISO-2022-JP", b"a\x1b((") == ("UNDERFLOW", 1)
    stuck, at = first("ISO-2022-JP", b"a\x1b(" + b"(" * 12)  # more than the codec stores
    assert (stuck.startswith("MALFORMED["), at) == (True, 1)
    assert first("windows-1252", b"a\x81") == ("UNMAPPABLE[1]", 1)
    assert first("US-ASCII", b"a\x81") == ("MALFORMED[1]", 1)


def test_a_character_of_another_charset_that_does_not_fit_is_not_taken() -> None:
    # statements 60, 61
    decoder = Charset.for_name("GB18030").new_decoder()
    source, target = ByteBuffer.wrap("\U0001f600".encode("gb18030")), CharBuffer.allocate(1)
    assert decoder.decode(source, target, True) is CoderResult.OVERFLOW
    assert (source.position, target.position) == (0, 0)
    assert str(decoder.decode(source)) == "\U0001f600"


def test_a_shift_of_the_charset_lasts_until_reset() -> None:
    # statement 65
    decoder, target = Charset.for_name("ISO-2022-JP").new_decoder(), CharBuffer.allocate(4)
    kanji = "\u4e2d".encode("iso2022_jp")
    assert decoder.decode(ByteBuffer.wrap(kanji[:5]), target, False) is CoderResult.UNDERFLOW
    assert decoder.decode(ByteBuffer.wrap(kanji[3:5]), target, False) is CoderResult.UNDERFLOW
    decoder.reset()
    assert decoder.decode(ByteBuffer.wrap(b"Cf"), target, False) is CoderResult.UNDERFLOW
    assert str(target.flip()) == "\u4e2d\u4e2dCf"


def test_replacements_are_one_character_long() -> None:
    # statement 62
    decoder = StandardCharsets.UTF_8.new_decoder()
    assert decoder.replacement == "\ufffd"
    assert decoder.replace_with("?").replacement == "?"
    for wrong in ("", "ab", "\U0001f600"):
        with pytest.raises(IllegalArgumentError, match=r"replacement of length [02] is not within 1 and 1"):
            decoder.replace_with(wrong)
    with pytest.raises(TypeError, match="replacement must be a str"):
        decoder.replace_with(cast("str", b"?"))
    decoder.on_malformed_input(REPLACE)
    target = CharBuffer.allocate(1)
    source = ByteBuffer.wrap(b"a\xff")
    assert decoder.decode(source, target, True) is CoderResult.OVERFLOW
    assert source.position == 1
    assert decoder.decode(source, target.clear(), True) is CoderResult.UNDERFLOW
    assert str(target.flip()) == "?"


def test_actions_report_at_first_and_are_what_they_are_set_to() -> None:
    # statement 63
    decoder = StandardCharsets.UTF_8.new_decoder()
    assert decoder.malformed_input_action is decoder.unmappable_character_action is CodingErrorAction.REPORT
    assert decoder.on_malformed_input(REPLACE).on_unmappable_character(CodingErrorAction.IGNORE) is decoder
    assert (decoder.malformed_input_action, decoder.unmappable_character_action) == (REPLACE, CodingErrorAction.IGNORE)
    for wrong in ("REPORT", None):
        with pytest.raises(TypeError, match="action must be a CodingErrorAction"):
            decoder.on_malformed_input(cast("CodingErrorAction", wrong))


def test_more_input_after_the_end_is_refused() -> None:
    # statement 65
    decoder, source, target = StandardCharsets.UTF_8.new_decoder(), ByteBuffer.allocate(1), CharBuffer.allocate(9)
    with pytest.raises(IllegalStateError, match=r"flush\(\) of a coder at its beginning"):
        decoder.flush(target)
    decoder.decode(source, target, False)
    with pytest.raises(IllegalStateError, match=r"flush\(\) of a coder in the middle of its input"):
        decoder.flush(target)
    decoder.decode(source, target, True)
    decoder.decode(source, target, True)
    with pytest.raises(IllegalStateError, match="more input for a coder at the end of its input"):
        decoder.decode(source, target, False)
    assert decoder.flush(target) is decoder.flush(target) is CoderResult.UNDERFLOW
    for end in (False, True):
        with pytest.raises(IllegalStateError, match="more input for a coder flushed"):
            decoder.decode(source, target, end)
    decoder.reset().decode(source, target, False)


def test_one_call_reports_and_leaves_the_source_at_the_error() -> None:
    # statement 65
    source = ByteBuffer.wrap(b"ab\xff")
    with pytest.raises(MalformedInputError) as malformed:
        StandardCharsets.UTF_8.new_decoder().decode(source)
    assert (malformed.value.input_length, source.position) == (1, 2)
    source = ByteBuffer.wrap(b"ab\x81")
    with pytest.raises(UnmappableCharacterError) as unmappable:
        Charset.for_name("windows-1252").new_decoder().decode(source)
    assert (unmappable.value.input_length, source.position) == (1, 2)


def test_arguments_of_the_wrong_kind_are_refused_and_change_nothing() -> None:
    # statement 1
    decoder, source, target = StandardCharsets.UTF_8.new_decoder(), ByteBuffer.wrap(b"ab"), CharBuffer.allocate(2)
    with pytest.raises(TypeError, match="source must be a ByteBuffer, not b'ab'"):
        decoder.decode(cast("ByteBuffer", b"ab"), target, True)
    with pytest.raises(TypeError, match="target must be a CharBuffer, not ByteBuffer"):
        decoder.decode(source, cast("CharBuffer", source), True)
    with pytest.raises(TypeError, match="target must be a CharBuffer, not None"):
        decoder.decode(source, cast("CharBuffer", None), True)
    for wrong in (None, 1, "True"):
        with pytest.raises(TypeError, match="end_of_input must be True or False"):
            decoder.decode(source, target, cast("bool", wrong))
    with pytest.raises(TypeError, match="target must be a CharBuffer"):
        decoder.flush(cast("CharBuffer", None))
    with pytest.raises(ReadOnlyBufferError, match="is read-only"):
        decoder.decode(source, CharBuffer.wrap("xy"), True)
    assert (source.position, target.position) == (0, 0)
    assert decoder.decode(source, target, False) is CoderResult.UNDERFLOW
