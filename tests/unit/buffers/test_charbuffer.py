"""CharBuffer: text by UTF-16 code unit."""

from __future__ import annotations

from array import array
from typing import cast

import pytest

from nio.buffers import ByteBuffer, ByteOrder, CharBuffer, ShortBuffer
from nio.errors import BufferOverflowError, IllegalArgumentError, InvalidMarkError, ReadOnlyBufferError


def test_a_text_is_wrapped_read_only_between_start_and_end() -> None:
    # statement 54
    buffer = CharBuffer.wrap("hello", 1, 3)
    assert (buffer.position, buffer.limit, buffer.capacity) == (1, 3, 5)
    assert buffer.is_read_only
    assert not buffer.has_array
    assert buffer.order is ByteOrder.native_order()
    assert (str(CharBuffer.wrap("hello")), str(CharBuffer.wrap("hello", 2)), str(CharBuffer.wrap(""))) == (
        "hello",
        "llo",
        "",
    )
    with pytest.raises(ReadOnlyBufferError):
        buffer.put("x")
    for start, end in [(3, 1), (-1, 2), (0, 6), (6, None)]:
        with pytest.raises(IndexError, match="the length 5"):
            CharBuffer.wrap("hello", start, end)


def test_an_array_of_code_units_is_shared_by_offset_and_length() -> None:
    # statements 33, 34
    units = array("H", [0x61, 0x62, 0x63, 0x64])
    buffer = CharBuffer.wrap(units, 1, 2)
    assert (buffer.position, buffer.limit, buffer.capacity) == (1, 3, 4)
    assert str(buffer) == "bc"
    buffer.put_at(1, "z")
    assert units[1] == 0x7A
    assert buffer.array() is units
    with pytest.raises(TypeError, match="format 'h'"):
        CharBuffer.wrap(array("h", [1]))


def test_length_and_char_at_count_from_the_position() -> None:
    # statement 55
    buffer = CharBuffer.wrap("hello")
    assert (buffer.length, buffer.char_at(1), buffer.is_empty) == (5, "e", False)
    assert buffer.get() == "h"
    assert (buffer.length, buffer.char_at(0)) == (4, "e")
    for wrong in (4, -1):
        with pytest.raises(IndexError, match=f"index {wrong} .* length 4"):
            buffer.char_at(wrong)
    assert str(buffer) == "ello"
    assert buffer.position == 1
    buffer.position = 5
    assert buffer.is_empty


def test_a_sub_sequence_shares_content_and_capacity() -> None:
    # statement 56
    whole = CharBuffer.allocate(6).put("abcdef").flip()
    whole.position = 1
    whole.mark()
    part = whole.sub_sequence(1, 3)
    assert (part.position, part.limit, part.capacity, str(part)) == (2, 4, 6, "cd")
    part.put("X")
    assert (str(whole), whole.position) == ("bXdef", 1)
    with pytest.raises(InvalidMarkError):
        part.reset()
    assert str(whole.sub_sequence(5, 5)) == ""
    for start, end in [(3, 1), (0, 6), (-1, 2)]:
        with pytest.raises(IndexError, match="the length 5"):
            whole.sub_sequence(start, end)


def test_append_and_put_of_a_text_are_all_or_nothing() -> None:
    # statement 57
    buffer = CharBuffer.allocate(6)
    assert buffer.append("ab").put("cd").append("e").position == 5
    for call in (buffer.append, buffer.put):
        with pytest.raises(BufferOverflowError, match=r"no room for 2 .1 remain"):
            call("fg")
    assert str(buffer.put("fgh", 1, 2).flip()) == "abcdeg"
    assert str(buffer.clear().append("01234", 2).append("01234", 0, 1).flip()) == "2340"
    for start, end in [(2, 1), (0, 4), (-1, 1)]:
        with pytest.raises(IndexError, match="the length 3"):
            buffer.put("abc", start, end)
        with pytest.raises(IndexError, match="the length 3"):
            buffer.append("abc", start, end)
        with pytest.raises(IndexError, match="the length 3"):
            buffer.put_at(0, "abc", start, end)
    assert str(buffer.put_at(1, "xyz", 1, 3)) == "2yz0"


def test_append_of_another_buffer_does_not_move_it() -> None:
    # statement 57
    source = CharBuffer.wrap("name")
    source.position = 1
    assert str(CharBuffer.allocate(5).append(source).append(source, 1, 2).flip()) == "amem"
    assert source.position == 1


def test_append_takes_text_only_and_none_is_no_text() -> None:
    # statement 57
    buffer = CharBuffer.allocate(9)
    for wrong in (None, 65, b"a"):
        with pytest.raises(TypeError, match="must be a str or a CharBuffer"):
            buffer.append(cast("str", wrong))
    for refused in (None, 65.0, ShortBuffer.allocate(1)):
        with pytest.raises(TypeError):
            buffer.put(cast("str", refused))
    with pytest.raises(ReadOnlyBufferError):
        buffer.as_read_only_buffer().append(cast("str", None))
    assert buffer.position == 0


def test_read_moves_what_fits() -> None:
    # statement 58
    source, target = CharBuffer.wrap("abcdef"), CharBuffer.allocate(4)
    assert source.read(target) == 4
    assert (source.position, target.position, str(target.flip())) == (4, 4, "abcd")
    target.position = 4
    assert source.read(target) == 0
    assert source.read(target.clear()) == 2
    assert source.read(target) == -1
    assert source.read(CharBuffer.allocate(0)) == -1
    assert (source.position, target.position) == (6, 2)


def test_read_into_itself_is_refused_as_long_as_anything_remains() -> None:
    # statement 58
    buffer = CharBuffer.allocate(2)
    with pytest.raises(IllegalArgumentError, match="into itself"):
        buffer.read(buffer)
    buffer.position = 2
    assert buffer.read(buffer) == -1


def test_read_into_a_read_only_buffer_takes_nothing() -> None:
    # statement 58
    source = CharBuffer.wrap("ab")
    with pytest.raises(ReadOnlyBufferError):
        source.read(CharBuffer.wrap("xy"))
    assert source.position == 0


def test_read_takes_a_char_buffer_only() -> None:
    # statement 58
    source = CharBuffer.wrap("ab")
    for wrong in (None, "xy", ShortBuffer.allocate(2)):
        with pytest.raises(TypeError, match="not a buffer of elements of type char"):
            source.read(cast("CharBuffer", wrong))
    assert source.position == 0


@pytest.mark.parametrize("order", list(ByteOrder))
def test_text_beyond_the_basic_plane_takes_two_units(order: ByteOrder) -> None:
    # statements 54, 55
    raw = ByteBuffer.allocate(8)
    raw.order = order
    buffer = raw.as_char_buffer().put("a\U0001f600").flip()
    assert bytes(buffer) == "a\U0001f600".encode("utf-16-be" if order is ByteOrder.BIG_ENDIAN else "utf-16-le")
    assert (buffer.length, str(buffer)) == (3, "a\U0001f600")
    assert [buffer.get() for _ in range(3)] == ["a", "\ud83d", "\ude00"]
    assert str(buffer.sub_sequence(0, 0)) == ""
    buffer.position = 2
    assert str(buffer) == "\ude00"
    assert str(CharBuffer.wrap("\U0001f600", 1)) == "\ude00"


def test_bulk_get_gives_code_units() -> None:
    # statement 17
    units = array("H", [0, 0, 0])
    CharBuffer.wrap("a\u20ac").get_into(units, 1)
    assert units.tolist() == [0, 0x61, 0x20AC]
