"""What all kinds have in common: transfer of elements, sharing, equality and order."""

from __future__ import annotations

import io
import struct
from array import array
from collections.abc import Callable
from mmap import mmap
from typing import Any, cast

import pytest

from nio.buffers import (
    ByteBuffer,
    ByteOrder,
    CharBuffer,
    DoubleBuffer,
    FloatBuffer,
    IntBuffer,
    LongBuffer,
    ShortBuffer,
)
from nio.errors import (
    BufferOverflowError,
    BufferUnderflowError,
    IllegalArgumentError,
    InvalidMarkError,
    ReadOnlyBufferError,
)

NUMERIC = [(ShortBuffer, "h"), (IntBuffer, "i"), (LongBuffer, "q"), (FloatBuffer, "f"), (DoubleBuffer, "d")]
# Any: one test for buffers of ints, floats and str.
VIEWS: list[Callable[[ByteBuffer], Any]] = [
    ByteBuffer.duplicate,
    ByteBuffer.as_char_buffer,
    ByteBuffer.as_short_buffer,
    ByteBuffer.as_int_buffer,
    ByteBuffer.as_long_buffer,
    ByteBuffer.as_float_buffer,
    ByteBuffer.as_double_buffer,
]


def numbered(count: int) -> ByteBuffer:
    return ByteBuffer.wrap(bytearray(range(1, count + 1)))


def ints(*values: int) -> IntBuffer:
    return IntBuffer.wrap(array("i", values))


def content(buffer: IntBuffer) -> list[int]:
    return [buffer.get(index) for index in range(buffer.limit)]


# -- transfer -----------------------------------------------------------------------------------------------------


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


# -- sharing ------------------------------------------------------------------------------------------------------


def test_wrap_takes_the_whole_array_and_opens_a_part() -> None:
    # statement 33
    array_of_six = bytearray(b"abcdef")
    buffer = ByteBuffer.wrap(array_of_six, 2, 3)
    assert (buffer.position, buffer.limit, buffer.capacity, buffer.array_offset) == (2, 5, 6, 0)
    assert buffer.has_array
    assert buffer.array() is array_of_six
    assert ByteBuffer.wrap(array_of_six, 6).remaining == 0
    assert ints(1, 2, 3).capacity == IntBuffer.wrap(array("i", [1, 2, 3]), 1, 1).capacity == 3
    for offset, length in [(2, 5), (-1, 1), (7, 0), (0, -1)]:
        with pytest.raises(IndexError, match="the length 6"):
            ByteBuffer.wrap(array_of_six, offset, length)


def test_the_array_and_the_buffer_see_each_other() -> None:
    # statement 34
    shared = bytearray(4)
    buffer = ByteBuffer.wrap(shared)
    shared[1] = 7
    buffer.put_at(2, 8)
    assert (buffer.get(1), shared[2]) == (7, 8)
    words = array("i", [1, 2])
    IntBuffer.wrap(words).put_at(1, -5)
    assert words.tolist() == [1, -5]
    assert isinstance(IntBuffer.allocate(2).array(), array)
    assert isinstance(ByteBuffer.allocate(2).array(), bytearray)


def test_wrap_casts_contiguous_views_to_bytes_and_refuses_others() -> None:
    # statement 34
    words = array("i", [1, 2, 3])
    assert ByteBuffer.wrap(words).capacity == 12
    table = memoryview(bytearray(12)).cast("B", (3, 4))
    ByteBuffer.wrap(table).put_at(5, 1)
    assert table.tobytes() == bytes(5) + b"\1" + bytes(6)
    assert ByteBuffer.wrap(memoryview(bytearray(b"abcd"))[1:3]).capacity == 2
    for view in (memoryview(bytearray(8))[::2], memoryview(bytearray(8))[::-1]):
        with pytest.raises(TypeError, match="not a contiguous array"):
            ByteBuffer.wrap(view)
    with pytest.raises(TypeError, match="format 'b'"):
        ShortBuffer.wrap(array("b", [1, 2]))
    for wrong in ("text", 5, None, [1], ByteBuffer.allocate(1)):
        with pytest.raises(TypeError):
            ByteBuffer.wrap(cast("bytes", wrong))


def test_a_zero_dimensional_object_is_not_taken_for_an_array() -> None:
    scalar = memoryview(bytearray(1)).cast("B", ())
    with pytest.raises(TypeError, match="not a contiguous array"):
        ByteBuffer.allocate(4).put(scalar)


def test_a_slice_starts_at_the_position() -> None:
    # statement 35
    buffer = numbered(10)
    buffer.position, buffer.limit = 3, 8
    part = buffer.slice()
    assert (part.position, part.limit, part.capacity, part.array_offset) == (0, 5, 5, 3)
    assert part.put_at(0, 33) is part
    assert buffer.get(3) == 33
    part.position = 2
    assert part.slice().array_offset == 5
    assert ints(1, 2, 3).slice(1, 2).array_offset == 1


def test_a_slice_by_index_counts_from_zero_up_to_the_limit() -> None:
    # statement 36
    buffer = numbered(10)
    buffer.position, buffer.limit = 3, 8
    assert bytes(buffer.slice(1, 4)) == b"\2\3\4\5"
    assert bytes(buffer.slice(6)) == b"\7\10"
    assert buffer.slice(8, 0).capacity == 0
    for index, length in [(5, 4), (-1, 2), (9, 0), (0, -1)]:
        with pytest.raises(IndexError, match="limit 8"):
            buffer.slice(index, length)


def test_a_duplicate_shares_the_content_and_nothing_else() -> None:
    # statement 37
    buffer = numbered(6)
    buffer.position, buffer.limit = 2, 5
    twin = buffer.duplicate()
    assert (twin.position, twin.limit, twin.capacity) == (2, 5, 6)
    twin.clear().put(9)
    assert (buffer.position, buffer.limit, buffer.get(0)) == (2, 5, 9)
    buffer.rewind().mark()
    with pytest.raises(InvalidMarkError):
        twin.reset()


def test_a_read_only_copy_keeps_the_state_and_is_always_new() -> None:
    # statement 38
    buffer = numbered(6)
    buffer.position, buffer.limit = 2, 5
    copy = buffer.as_read_only_buffer()
    again = copy.as_read_only_buffer()
    assert again is not copy
    assert (again.position, again.limit, again.capacity) == (2, 5, 6)
    assert (copy.is_read_only, buffer.is_read_only) == (True, False)


@pytest.mark.parametrize("view", VIEWS)
def test_writes_to_a_read_only_buffer_are_refused_before_anything_else(view: Callable[[ByteBuffer], Any]) -> None:
    # statements 39, 43
    buffer = view(ByteBuffer.allocate(16)).as_read_only_buffer()
    element = "a" if isinstance(buffer, CharBuffer) else 1
    buffer.position = buffer.limit
    calls: list[Callable[[], object]] = [
        lambda: buffer.put(element),
        lambda: buffer.put(bytes(99)),
        lambda: buffer.put(buffer),
        lambda: buffer.put(None),
        lambda: buffer.put_at(99, element),
        lambda: buffer.put_at(-1, buffer, 9, 9),
        lambda: buffer.compact(),
    ]
    for call in calls:
        with pytest.raises(ReadOnlyBufferError, match="read-only"):
            call()
    buffer.flip().mark().limit = 1
    assert (buffer.reset().position, buffer.limit) == (0, 1)


def test_typed_puts_into_a_read_only_byte_buffer_are_refused() -> None:
    # statements 39, 43
    buffer = ByteBuffer.wrap(b"")
    for name in ("char", "short", "int", "long", "float", "double"):
        with pytest.raises(ReadOnlyBufferError):
            getattr(buffer, f"put_{name}")(None)
        with pytest.raises(ReadOnlyBufferError):
            getattr(buffer, f"put_{name}_at")(9, None)
    with pytest.raises(TypeError):
        buffer.put(0)  # the builtin base of the error


def test_changes_show_in_the_read_only_twin_and_its_memory_is_read_only() -> None:
    # statement 40
    buffer = numbered(4)
    copy = buffer.as_read_only_buffer()
    buffer.put_at(1, 77)
    assert copy.get(1) == 77
    assert copy.view().readonly
    assert not buffer.view().readonly
    with pytest.raises(TypeError):
        copy.view()[0] = 1


@pytest.mark.parametrize("view", VIEWS)
def test_everything_made_from_a_read_only_buffer_is_read_only(view: Callable[[ByteBuffer], Any]) -> None:
    # statement 41
    buffer = view(ByteBuffer.allocate(8).as_read_only_buffer())
    for made in (buffer, buffer.slice(), buffer.slice(0, 1), buffer.duplicate(), buffer.as_read_only_buffer()):
        assert made.is_read_only
        assert not made.has_array


@pytest.mark.parametrize("constant", [b"abc", memoryview(b"abc"), memoryview(bytearray(b"abc")).toreadonly()])
def test_a_constant_is_wrapped_read_only(constant: bytes | memoryview) -> None:
    # statements 39, 42
    buffer = ByteBuffer.wrap(constant)
    assert buffer.is_read_only
    assert not buffer.has_array
    assert buffer.get_bytes(3) == b"abc"
    with pytest.raises(ReadOnlyBufferError):
        buffer.array()


def test_the_array_is_refused_where_it_is_read_only_or_there_is_none() -> None:
    # statement 42
    buffer = numbered(8)
    with pytest.raises(ReadOnlyBufferError):
        buffer.as_read_only_buffer().array()
    with pytest.raises(ReadOnlyBufferError):
        _ = buffer.as_read_only_buffer().array_offset
    direct = ByteBuffer.allocate_direct(8)
    mapped = ByteBuffer.wrap(mmap(-1, 8))
    for none in (direct, direct.as_read_only_buffer(), mapped, buffer.as_int_buffer(), CharBuffer.wrap("text")):
        assert not none.has_array
        with pytest.raises(io.UnsupportedOperation, match="no array"):
            none.array()
        with pytest.raises(io.UnsupportedOperation, match="no array"):
            _ = none.array_offset


def test_only_mapped_memory_is_direct() -> None:
    # statement 42
    direct = ByteBuffer.allocate_direct(8)
    for buffer in (direct, direct.slice(1, 2), direct.as_int_buffer(), ByteBuffer.wrap(mmap(-1, 8))):
        assert buffer.is_direct
    for buffer in (ByteBuffer.allocate(8), numbered(4), ByteBuffer.allocate(8).as_int_buffer()):
        assert not buffer.is_direct


# -- equality, order, hash ----------------------------------------------------------------------------------------


def test_equality_looks_at_the_remaining_elements_only() -> None:
    # statement 45
    one, other = ByteBuffer.wrap(bytearray(b"abcd")), ByteBuffer.allocate_direct(9)
    one.position = 1
    other.position = 5
    other.put(b"bcd").position = 5
    other.limit = 8
    other.order = ByteOrder.LITTLE_ENDIAN
    assert one == other.as_read_only_buffer() == one
    assert other.slice() == one
    other.limit = 7
    assert one != other
    other.put_at(5, 0).limit = 8
    assert one != other
    assert ByteBuffer.allocate(0) == ByteBuffer.allocate_direct(0)


def test_other_types_are_never_equal() -> None:
    # statement 46
    empty = ByteBuffer.allocate(0)
    for other in (IntBuffer.allocate(0), CharBuffer.allocate(0), b"", None, "", 0, empty.view(), bytearray()):
        assert (empty == other) is False
        assert (empty != other) is True
    assert IntBuffer.allocate(1) != FloatBuffer.allocate(1)


def test_views_of_different_order_compare_by_value() -> None:
    # statement 47
    raw = ByteBuffer.wrap(bytes([0, 0, 0, 1, 1, 0, 0, 0]))
    big = raw.slice(0, 4).as_int_buffer()
    raw.order = ByteOrder.LITTLE_ENDIAN
    same_bytes, same_value = raw.as_int_buffer().slice(0, 1), raw.as_int_buffer().slice(1, 1)
    assert big == same_value
    assert big != same_bytes
    assert big < same_bytes
    assert big.hash_code() == same_value.hash_code()


@pytest.mark.parametrize("kind", [FloatBuffer, DoubleBuffer])
def test_nan_is_one_and_last_and_zero_has_no_sign(kind: type[FloatBuffer]) -> None:
    # statement 48
    def of(*values: float) -> FloatBuffer:
        return kind.allocate(len(values)).put(array("f" if kind is FloatBuffer else "d", values)).flip()

    nan, inf = float("nan"), float("inf")
    negative_nan = struct.unpack("=d", struct.pack("=Q", 0xFFF8_0000_0000_0001))[0]
    assert of(1, nan) == of(1, negative_nan)
    assert of(1, nan).mismatch(of(1, negative_nan)) == -1
    assert of(0.0) == of(-0.0)
    assert of(0.0).compare_to(of(-0.0)) == 0
    assert of(0.0, 1).mismatch(of(-0.0, 2)) == 1
    assert of(nan) != of(inf)
    assert of(nan) > of(inf)
    assert of(inf).compare_to(of(nan)) == -1
    assert of(nan).compare_to(of(inf)) == 1
    assert of(1, 2).compare_to(of(1, 3)) == -1
    assert of(1, 4).compare_to(of(1, 3)) == 1


def java_hash(values: list[int]) -> int:
    """The sum that the recursion amounts to: 31 ** n + the sum of v[i] * 31 ** i, as a signed 32-bit number."""
    total: int = 31 ** len(values) + sum(value * 31**index for index, value in enumerate(values))
    return (total + 2**31) % 2**32 - 2**31


def test_hash_code_is_that_of_java() -> None:
    # statement 49
    assert ByteBuffer.allocate(0).hash_code() == 1
    assert ByteBuffer.wrap(bytes([1, 2, 3])).hash_code() == 32737  # recorded from the JDK
    assert ByteBuffer.wrap(bytes([200, 1, 255] * 5)).hash_code() == java_hash([-56, 1, -1] * 5)
    assert CharBuffer.wrap("\uffff1").hash_code() == java_hash([0xFFFF, 0x31])
    assert ints(-(2**31), 2**31 - 1).hash_code() == java_hash([-(2**31), 2**31 - 1])
    longs = [2**40 + 7, -(2**63)]
    assert LongBuffer.wrap(array("q", longs)).hash_code() == java_hash([7, 0])
    reals = DoubleBuffer.wrap(array("d", [1.9, -1.9, 1e300, -1e300, float("nan"), float("inf")]))
    assert reals.hash_code() == java_hash([1, -1, 2**31 - 1, -(2**31), 0, 2**31 - 1])


def test_a_buffer_has_no_hash_of_python() -> None:
    # statement 49
    for buffer in (ByteBuffer.allocate(1), IntBuffer.allocate(1), CharBuffer.wrap("a")):
        with pytest.raises(TypeError, match="unhashable"):
            hash(buffer)
    buffer = numbered(3)
    before = buffer.hash_code()
    buffer.get()
    assert buffer.hash_code() != before


def test_compare_to_is_lexicographic_over_signed_bytes() -> None:
    # statement 50
    def of(*values: int) -> ByteBuffer:
        return ByteBuffer.wrap(bytes(values))

    assert of(255).compare_to(of(1)) == -2
    assert of(1, 2).compare_to(of(1, 2, 3)) == -1
    assert of(1, 2, 3).compare_to(of(1)) == 2
    assert of().compare_to(of()) == 0
    assert of(1, 9).compare_to(of(1, 2, 3)) == 7
    assert of(255) < of(0) < of(0, 0) <= of(0, 0) <= of(1)
    assert of(127) > of(128)
    assert of(127) >= of(127)
    assert not of(1) < of(1)
    assert not of(1) > of(1)
    assert not of(1) >= of(2)
    assert not of(2) <= of(1)


def test_compare_to_of_the_wider_types() -> None:
    # statement 50
    assert CharBuffer.wrap("\uffff").compare_to(CharBuffer.wrap("\1")) == 65534
    assert ShortBuffer.wrap(array("h", [-5])).compare_to(ShortBuffer.wrap(array("h", [3]))) == -8
    assert ints(-(2**31)).compare_to(ints(2**31 - 1)) == -1
    assert LongBuffer.wrap(array("q", [5])).compare_to(LongBuffer.wrap(array("q", [-5]))) == 1
    for other in (ByteBuffer.allocate(1), b"", None):
        with pytest.raises(TypeError, match="not a buffer of elements of type int"):
            ints(1).compare_to(cast("IntBuffer", other))
        with pytest.raises(TypeError, match="not a buffer of elements of type int"):
            _ = ints(1) < cast("IntBuffer", other)


def test_mismatch_counts_from_the_two_positions() -> None:
    # statement 51
    one, other, prefix = (ByteBuffer.wrap(bytes(values)) for values in ([1, 2, 3], [1, 2, 4], [1, 2]))
    assert one.mismatch(other) == 2
    assert one.mismatch(prefix) == prefix.mismatch(one) == 2
    assert one.mismatch(one) == -1
    one.position = 1
    assert one.mismatch(other) == 0
    other.position = 1
    assert one.mismatch(other) == 1
    one.position = 3
    assert one.mismatch(prefix) == 0
