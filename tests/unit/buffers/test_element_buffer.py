"""What all kinds have in common: transfer of elements, one by one and in bulk."""

from __future__ import annotations

import struct
from array import array
from typing import cast

import pytest

from nio.buffers import ByteBuffer, ByteOrder, DoubleBuffer, FloatBuffer, IntBuffer, LongBuffer, ShortBuffer
from nio.errors import BufferOverflowError, BufferUnderflowError, IllegalArgumentError
from tests.unit.buffers.support import content, ints, numbered

NUMERIC = [(ShortBuffer, "h"), (IntBuffer, "i"), (LongBuffer, "q"), (FloatBuffer, "f"), (DoubleBuffer, "d")]


def test_relative_access_is_bound_by_the_limit() -> None:
    # statement 13
    for buffer in (ByteBuffer.allocate(4), IntBuffer.allocate(4)):
        buffer.limit = 2
        buffer.put(1).put(2)
        with pytest.raises(BufferOverflowError, match=r"no room for 1 .* position 2, limit 2"):
            buffer.put(3)
        buffer.flip()
        assert (buffer.get(), buffer.get()) == (1, 2)
        with pytest.raises(BufferUnderflowError, match=r"1 wanted .* position 2, limit 2"):
            buffer.get()
        assert buffer.position == 2


def test_absolute_access_is_bound_by_the_limit_and_moves_nothing() -> None:
    # statement 14
    for buffer in (ByteBuffer.allocate(4), IntBuffer.allocate(4)):
        buffer.limit = 3
        assert buffer.put_at(2, 9) is buffer
        assert buffer.get(2) == 9
        assert buffer.get(0) == 0
        for wrong in (3, -1):
            with pytest.raises(IndexError, match=f"index {wrong} .* limit 3"):
                buffer.get(wrong)
            with pytest.raises(IndexError, match=f"index {wrong} .* limit 3"):
                buffer.put_at(wrong, 1)
        assert buffer.position == 0


def test_an_index_is_an_int() -> None:
    # statement 14
    buffer = numbered(4)
    for wrong in (True, 1.0, "1"):
        with pytest.raises(TypeError, match="index must be an int"):
            buffer.get(cast("int", wrong))
        with pytest.raises(TypeError, match="index must be an int"):
            buffer.put_at(cast("int", wrong), 1)
    with pytest.raises(TypeError, match="must be an int"):
        buffer.put_int_at(cast("int", None), 1)


def test_a_bulk_get_beyond_the_limit_touches_nothing() -> None:
    # statement 17
    buffer = numbered(3)
    target = bytearray(b"9999")
    with pytest.raises(BufferUnderflowError, match="4 wanted"):
        buffer.get_into(target)
    with pytest.raises(BufferUnderflowError, match="4 wanted"):
        buffer.get_bytes(4)
    assert (bytes(target), buffer.position) == (b"9999", 0)


def test_a_part_outside_the_array_is_found_before_the_space_is_asked_for() -> None:
    # statement 18
    buffer = ByteBuffer.allocate(1)
    for offset, length in [(3, 2), (-1, 2), (0, 5), (5, None), (1, -1)]:
        with pytest.raises(IndexError, match=str(offset)):
            buffer.get_into(bytearray(4), offset, length)
        with pytest.raises(IndexError, match=str(offset)):
            buffer.put(bytes(4), offset, length)
    with pytest.raises(IndexError, match="the length 1"):
        ints(7, 8, 9).get_into(array("i", [0]), 0, 2)
    for wrong in (True, 1.0):
        with pytest.raises(TypeError, match="offset must be an int"):
            buffer.put(b"ab", cast("int", wrong))
        with pytest.raises(TypeError, match="length must be an int"):
            buffer.put(b"ab", 0, cast("int", wrong))
    assert buffer.position == 0


def test_a_bulk_get_fills_the_part_of_the_array() -> None:
    # statement 17
    buffer = numbered(6)
    target = bytearray(b"....")
    assert buffer.get_into(target, 1, 2).position == 2
    assert target == b".\1\2."
    buffer.get_into(target, 2)
    assert target == b".\1\3\4"
    words = array("i", [0, 0, 0])
    assert ints(7, 8, 9).get_into(words, 1).position == 2
    assert words.tolist() == [0, 7, 8]


def test_a_bulk_put_beyond_the_limit_writes_nothing() -> None:
    # statement 19
    buffer = ByteBuffer.allocate(8)
    buffer.limit = 3
    with pytest.raises(BufferOverflowError, match="no room for 4"):
        buffer.put(b"4444")
    assert bytes(buffer.clear()) == bytes(8)
    assert bytes(buffer.put(b"0123456", 2, 3).flip()) == b"234"
    assert content(IntBuffer.allocate(2).put(array("i", [4, 5, 6]), 1)) == [5, 6]


def test_put_of_a_buffer_moves_both_or_neither() -> None:
    # statement 20
    source, target = numbered(3), ByteBuffer.allocate(2)
    with pytest.raises(BufferOverflowError, match="no room for 3"):
        target.put(source)
    assert (source.position, target.position) == (0, 0)
    source.position = 1
    target.put(source)
    assert (source.position, target.position) == (3, 2)
    assert bytes(target.flip()) == b"\2\3"


def test_a_buffer_is_not_put_into_itself_even_when_empty() -> None:
    # statement 21
    buffer = numbered(4)
    for _ in range(2):
        with pytest.raises(IllegalArgumentError, match="into itself"):
            buffer.put(buffer)
        buffer.position = 4


def test_overlapping_regions_are_copied_as_if_through_a_temporary() -> None:
    # statements 21, 22
    buffer = numbered(8)
    front = buffer.slice(0, 6)
    buffer.position = 2
    buffer.put(front)
    assert bytes(buffer.rewind()) == b"\1\2\1\2\3\4\5\6"
    back = buffer.duplicate()
    back.position = 2
    buffer.limit = 6
    buffer.put(back)
    assert bytes(buffer.clear()) == b"\1\2\3\4\5\6\5\6"


def test_overlap_across_byte_orders_too() -> None:
    # statement 22
    raw = ByteBuffer.allocate(16)
    big = raw.as_int_buffer().put(array("i", [1, 2, 3, 4])).rewind()
    raw.order = ByteOrder.LITTLE_ENDIAN
    little = raw.as_int_buffer()
    big.limit = 3
    little.position = 1
    little.put(big)
    assert [little.get(index) for index in (1, 2, 3)] == [1, 2, 3]


def test_absolute_bulk_transfer_moves_no_position_and_may_be_within_one_buffer() -> None:
    # statements 22, 23
    buffer = numbered(8)
    assert buffer.put_at(0, buffer, 2, 6) is buffer
    assert bytes(buffer) == b"\3\4\5\6\7\10\7\10"
    source = numbered(3)
    buffer.put_at(6, source, 1)
    buffer.put_at(1, b"abc", 1, 1)
    target = bytearray(3)
    assert buffer.get_into_at(5, target) is buffer
    assert (buffer.position, source.position) == (0, 0)
    assert bytes(buffer) == b"\3b\5\6\7\10\2\3"
    assert target == b"\10\2\3"
    assert ints(1, 2, 3).get_into_at(1, words := array("i", [0, 0, 0]), 1, 2).position == 0
    assert words.tolist() == [0, 2, 3]


def test_absolute_bulk_transfer_is_bound_by_both_limits() -> None:
    # statement 23
    buffer, source = numbered(8), numbered(8)
    buffer.limit = source.limit = 4
    for index, offset, length in [(3, 0, 2), (-1, 0, 1), (0, 3, 2), (0, 0, 5), (0, 0, -1), (5, 0, 0)]:
        with pytest.raises(IndexError):
            buffer.put_at(index, source, offset, length)
    with pytest.raises(IndexError, match=r"2 elements from 3 .* limit 4"):
        buffer.get_into_at(3, bytearray(2))
    with pytest.raises(IndexError, match="limit 4"):
        buffer.put_at(3, b"ab")
    assert bytes(buffer.clear()) == bytes(source.clear())


def test_nothing_can_be_transferred_at_the_limit() -> None:
    # statement 24
    buffer = numbered(3)
    buffer.position = 3
    buffer.get_into(bytearray()).put(b"").put(ByteBuffer.allocate(0)).put_at(3, b"").get_into_at(3, bytearray())
    assert buffer.get_bytes(0) == b""
    assert buffer.position == 3
    assert IntBuffer.allocate(0).put(array("i")).slice().get_into(array("i")).capacity == 0


@pytest.mark.parametrize("order", list(ByteOrder))
@pytest.mark.parametrize(("name", "code", "bits"), [("float", "I", 0x7FA12345), ("double", "Q", 0xFFF4_0000_1234_5678)])
def test_bulk_copies_keep_the_payload_of_a_nan(name: str, code: str, bits: int, order: ByteOrder) -> None:
    # statement 25
    raw = ByteBuffer.wrap(struct.pack(order.value + code, bits))
    raw.order = order
    signalling = getattr(raw, f"as_{name}_buffer")()
    target = (FloatBuffer if name == "float" else DoubleBuffer).allocate(3)
    target.put_at(1, signalling).put(signalling)
    assert struct.unpack(f"={code}{code}{code}", bytes(target.rewind())) == (bits, bits, 0)
    received = array(name[0], [0, 0])
    signalling.rewind().get_into(received, 1)
    assert struct.unpack(f"={code}{code}", received.tobytes()) == (0, bits)
    target.limit = 1
    assert target == signalling.rewind()


def test_what_can_be_put_is_an_element_a_buffer_or_an_array_of_that_type() -> None:
    buffer = IntBuffer.allocate(4)
    for wrong in ("7", None, [1, 2], bytes(4), array("q", [1]), array("I", [1]), array("f", [1])):
        with pytest.raises(TypeError):
            buffer.put(cast("int", wrong))
        with pytest.raises(TypeError):
            buffer.put_at(0, cast("int", wrong))
    with pytest.raises(TypeError, match="not a buffer of elements of type int"):
        buffer.put(LongBuffer.allocate(1))
    with pytest.raises(TypeError, match="not a buffer of elements of type int"):
        buffer.put_at(0, ByteBuffer.allocate(4))
    assert buffer.position == 0


def test_offset_and_length_go_with_arrays_only() -> None:
    buffer = ByteBuffer.allocate(4)
    with pytest.raises(TypeError, match="do not go with a buffer"):
        buffer.put(ByteBuffer.allocate(1), 0)
    with pytest.raises(TypeError, match="int"):
        buffer.put(1, 0, 1)
    with pytest.raises(TypeError, match="int"):
        buffer.put_at(0, 1, 0)
    assert buffer.position == 0


def test_a_destination_is_a_writable_array() -> None:
    buffer = numbered(4)
    for wrong in (bytes(2), memoryview(b"ab")):
        with pytest.raises(TypeError, match="read-only"):
            buffer.get_into(cast("bytearray", wrong))
    for refused in ("ab", ByteBuffer.allocate(2), [0, 0]):
        with pytest.raises(TypeError):
            buffer.get_into(cast("bytearray", refused))
    assert buffer.position == 0


@pytest.mark.parametrize(("kind", "code"), NUMERIC[:3])
def test_integers_outside_the_range_of_the_type_are_refused(kind: type[IntBuffer], code: str) -> None:
    buffer = kind.allocate(1)
    bits = 8 * struct.calcsize("=" + code)
    for extreme in (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1):
        assert buffer.put_at(0, extreme).get(0) == extreme
    for wrong in (-(2 ** (bits - 1)) - 1, 2 ** (bits - 1)):
        with pytest.raises(IllegalArgumentError, match=str(wrong)):
            buffer.put_at(0, wrong)
        with pytest.raises(IllegalArgumentError, match=str(wrong)):
            buffer.put(wrong)
    for refused in (True, 1.0):
        with pytest.raises(TypeError, match="must be an int"):
            buffer.put(cast("int", refused))
    assert buffer.get(0) == 2 ** (bits - 1) - 1


@pytest.mark.parametrize(("kind", "code"), NUMERIC[3:])
@pytest.mark.parametrize("order", list(ByteOrder))
def test_floats_take_every_number_that_does_not_become_infinite(
    kind: type[FloatBuffer], code: str, order: ByteOrder
) -> None:
    raw = ByteBuffer.allocate(8)
    raw.order = order
    buffer = raw.as_float_buffer() if kind is FloatBuffer else raw.as_double_buffer()
    for number in (0.1, -0.0, 3, 1e-320, float("inf"), float("-inf"), 3.4028235677973362e38):
        buffer.put_at(0, number)
        assert struct.unpack(order.value + code, bytes(buffer.slice(0, 1)))[0] == buffer.get(0)
        assert struct.pack(order.value + code, number) == bytes(buffer.slice(0, 1))
    assert str(buffer.put_at(0, float("nan")).get(0)) == "nan"
    beyond = [10**400, -(10**400)] + ([3.4028235677973366e38, -1e39] if kind is FloatBuffer else [])
    for wrong in beyond:
        with pytest.raises(IllegalArgumentError, match="not of type"):
            buffer.put(wrong)
    for refused in (True, "1", None):
        with pytest.raises(TypeError):
            buffer.put(cast("float", refused))
    assert (str(buffer.get(0)), buffer.position) == ("nan", 0)
