"""ByteBuffer: byte order, typed access, views, alignment, and the ways in and out for Python code."""

from __future__ import annotations

import io
import os
import struct
import sys
import warnings
from collections.abc import Callable
from typing import Any, cast

import pytest

from nio.buffers import ByteBuffer, ByteOrder
from nio.errors import BufferOverflowError, BufferUnderflowError, IllegalArgumentError

# The name of each typed access, its struct code, and values that reach the ends of its range.
TYPED: list[tuple[str, str, list[Any]]] = [
    ("char", "H", ["\0", "a", "\uffff"]),
    ("short", "h", [-(2**15), -2, 2**15 - 1]),
    ("int", "i", [-(2**31), -3, 2**31 - 1]),
    ("long", "q", [-(2**63), -4, 2**63 - 1]),
    ("float", "f", [1.5, -0.0, float("inf")]),
    ("double", "d", [0.1, -1e300, float("-inf")]),
]
NAMES = [(name, struct.calcsize("=" + code)) for name, code, _ in TYPED]
LITTLE = ByteOrder.LITTLE_ENDIAN
BIG = ByteOrder.BIG_ENDIAN


def in_order(buffer: ByteBuffer, order: ByteOrder) -> ByteBuffer:
    buffer.order = order
    return buffer


def packed(order: ByteOrder, code: str, value: Any) -> bytes:
    return struct.pack(order.value + code, ord(value) if isinstance(value, str) else value)


@pytest.mark.parametrize(("name", "code", "values"), TYPED)
@pytest.mark.parametrize("order", [BIG, LITTLE])
def test_typed_access_agrees_with_struct(name: str, code: str, values: list[Any], order: ByteOrder) -> None:
    # statement 26
    expected = b"".join(packed(order, code, value) for value in values)
    relative, absolute = (in_order(ByteBuffer.allocate(32), order) for _ in range(2))
    for index, value in enumerate(values):
        assert getattr(relative, f"put_{name}")(value) is relative
        assert getattr(absolute, f"put_{name}_at")(index * len(expected) // 3, value) is absolute
    assert relative.position == len(expected)
    assert absolute.position == 0
    assert bytes(relative.flip()) == expected
    assert bytes(absolute.slice(0, len(expected))) == expected
    get = getattr(relative, f"get_{name}")
    assert [get() for _ in values] == values
    assert [get(index * len(expected) // 3) for index in range(3)] == values
    assert relative.position == len(expected)


@pytest.mark.parametrize(("name", "size"), NAMES)
def test_typed_access_takes_all_bytes_or_none(name: str, size: int) -> None:
    # statement 15
    buffer = ByteBuffer.wrap(bytearray(b"\x11" * 16))
    value = "a" if name == "char" else 1
    buffer.limit = 9
    buffer.position = 9 - size + 1
    with pytest.raises(BufferUnderflowError, match=f"{size} wanted .{size - 1} remain"):
        getattr(buffer, f"get_{name}")()
    with pytest.raises(BufferOverflowError, match=f"no room for {size} .{size - 1} remain"):
        getattr(buffer, f"put_{name}")(value)
    assert buffer.position == 9 - size + 1
    assert bytes(buffer.clear()) == b"\x11" * 16


@pytest.mark.parametrize(("name", "size"), NAMES)
def test_absolute_typed_access_ends_a_size_below_the_limit(name: str, size: int) -> None:
    # statement 16
    buffer = ByteBuffer.allocate(16)
    buffer.limit = 9
    value = "a" if name == "char" else 1
    getattr(buffer, f"put_{name}_at")(9 - size, value)
    assert getattr(buffer, f"get_{name}")(9 - size) == value
    for wrong in (-1, 9 - size + 1):
        with pytest.raises(IndexError, match=f"index {wrong} .* limit 9"):
            getattr(buffer, f"get_{name}")(wrong)
        with pytest.raises(IndexError, match=f"index {wrong} .* limit 9"):
            getattr(buffer, f"put_{name}_at")(wrong, value)
    assert buffer.position == 0


@pytest.mark.parametrize("name", ["short", "int", "long"])
def test_a_number_out_of_range_is_refused_and_writes_nothing(name: str) -> None:
    # statements 1, 26
    buffer = ByteBuffer.wrap(bytearray(b"\x55" * 8))
    for wrong in (2**70, -(2**63) - 1):
        with pytest.raises(IllegalArgumentError, match=f"{wrong} is not of type {name}"):
            getattr(buffer, f"put_{name}")(wrong)
        with pytest.raises(IllegalArgumentError, match=f"{wrong} is not of type {name}"):
            getattr(buffer, f"put_{name}_at")(0, wrong)
    for refused in (True, 1.0, "1", None):
        with pytest.raises(TypeError, match="must be an int"):
            getattr(buffer, f"put_{name}")(refused)
        with pytest.raises(TypeError, match="must be an int"):
            getattr(buffer, f"put_{name}_at")(0, refused)
    assert (bytes(buffer), buffer.position) == (b"\x55" * 8, 0)


def test_a_float_out_of_range_is_refused_and_writes_nothing() -> None:
    # statements 1, 26
    buffer = ByteBuffer.wrap(bytearray(b"\x55" * 8))
    with pytest.raises(IllegalArgumentError, match="not of type float"):
        buffer.put_float(1e39)
    with pytest.raises(IllegalArgumentError, match="not of type double"):
        buffer.put_double_at(0, 10**309)
    with pytest.raises(TypeError, match="must be a float"):
        buffer.put_double(True)
    assert bytes(buffer) == b"\x55" * 8
    assert buffer.put_float(2).put_float(float("nan")).flip().get_float() == 2.0
    assert str(buffer.get_float()) == "nan"


def test_a_char_is_one_code_unit() -> None:
    # statement 26
    buffer = ByteBuffer.allocate(4).put_char(0x20AC).put_char("\ud83d").flip()
    assert (buffer.get_char(), buffer.get_char()) == ("\u20ac", "\ud83d")
    for wrong in ("", "ab", "\U0001f600", -1, 65536):
        with pytest.raises(IllegalArgumentError):
            buffer.put_char_at(0, wrong)
    for refused in (True, 1.0, None, b"a"):
        with pytest.raises(TypeError):
            buffer.put_char_at(0, cast("str", refused))
    assert buffer.get_char(0) == "\u20ac"


def test_a_byte_comes_out_unsigned_and_is_taken_either_way() -> None:
    # statement 26
    buffer = ByteBuffer.allocate(3).put(-1).put(255).put_at(2, -128)
    assert [buffer.get(index) for index in range(3)] == [255, 255, 128]
    for wrong in (-129, 256):
        with pytest.raises(IllegalArgumentError, match=f"{wrong} is not of type byte: -128 to 255"):
            buffer.put(wrong)
    for refused in (True, 1.0, None, "1"):
        with pytest.raises(TypeError):
            buffer.put(cast("int", refused))
    assert buffer.position == 2


def test_new_buffers_are_big_endian() -> None:
    # statement 26
    for buffer in (ByteBuffer.allocate(8), ByteBuffer.allocate_direct(8), ByteBuffer.wrap(bytearray(8))):
        assert buffer.order is BIG
        assert bytes(buffer.put_short(1).flip()) == b"\0\1"


@pytest.mark.parametrize(
    "make", [ByteBuffer.slice, lambda buffer: buffer.slice(0, 4), ByteBuffer.duplicate, ByteBuffer.as_read_only_buffer]
)
def test_what_is_made_from_a_little_endian_buffer_is_big_endian_again(
    make: Callable[[ByteBuffer], ByteBuffer],
) -> None:
    # statement 27
    buffer = in_order(ByteBuffer.allocate(8), LITTLE)
    assert make(buffer).order is BIG
    assert buffer.order is LITTLE


def test_order_affects_later_calls_and_never_stored_bytes() -> None:
    # statement 31
    buffer = ByteBuffer.allocate(4).put_int(1).flip()
    buffer.order = LITTLE
    assert bytes(buffer) == b"\0\0\0\1"
    assert buffer.get_int(0) == 1 << 24
    assert buffer.put_int_at(0, 2).get(0) == 2


def test_no_order_is_not_little_endian() -> None:
    # statement 32
    buffer = ByteBuffer.allocate(2)
    for wrong in (None, ">", 0):
        with pytest.raises(TypeError, match="must be a ByteOrder"):
            buffer.order = cast("ByteOrder", wrong)
    assert buffer.order is BIG


def test_native_order_is_that_of_the_machine() -> None:
    assert ByteOrder.native_order().name == f"{sys.byteorder.upper()}_ENDIAN"


@pytest.mark.parametrize(("name", "size"), NAMES)
def test_a_view_covers_the_remaining_bytes_in_the_order_of_that_moment(name: str, size: int) -> None:
    # statements 28, 44
    buffer = in_order(ByteBuffer.allocate(32), LITTLE)
    buffer.position, buffer.limit = 3, 3 + 2 * size + 1
    view = getattr(buffer, f"as_{name}_buffer")()
    buffer.order = BIG
    assert (view.position, view.limit, view.capacity) == (0, 2, 2)
    assert view.order is LITTLE
    value = "a" if name == "char" else 1
    view.put(value).put(value)
    assert buffer.position == 3
    assert getattr(in_order(buffer, LITTLE), f"get_{name}")(3 + size) == value
    assert buffer.get(3 + 2 * size) == 0


def test_get_bytes_copies_and_moves() -> None:
    # statements 13, 17
    buffer = ByteBuffer.wrap(bytearray(b"abcdef"))
    assert buffer.get_bytes(4) == b"abcd"
    assert buffer.position == 4
    with pytest.raises(IllegalArgumentError, match="length must be 0 or more, not -1"):
        buffer.get_bytes(-1)
    with pytest.raises(BufferUnderflowError, match=r"3 wanted .2 remain"):
        buffer.get_bytes(3)


def test_view_is_the_remaining_region() -> None:
    buffer = ByteBuffer.wrap(bytearray(b"abcdef"))
    buffer.position, buffer.limit = 1, 4
    view = buffer.view()
    assert (view.format, view.tobytes()) == ("B", b"bcd")
    view[0] = 0x7A
    buffer.position += 1
    assert bytes(buffer.rewind()) == b"azcd"
    typed = buffer.as_short_buffer()
    assert typed.view().nbytes == 4


def test_a_byte_buffer_exports_the_buffer_protocol_where_python_lets_it() -> None:
    buffer = ByteBuffer.wrap(bytearray(b"abcdef"))
    buffer.position = 4
    assert buffer.__buffer__(0).tobytes() == b"ef"
    if sys.version_info >= (3, 12):
        memoryview(buffer)[0] = 0x45
        assert b"".join([buffer]) == b"Ef"
        assert memoryview(buffer.as_read_only_buffer()).readonly


def test_direct_memory_is_not_shared_with_a_forked_child() -> None:
    buffer = ByteBuffer.allocate_direct(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # other threads may live: the child does nothing with them
        child = os.fork()
    if child == 0:
        buffer.put_at(0, 1)
        os._exit(buffer.get(0))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1
    assert buffer.get(0) == 0


@pytest.mark.parametrize("unit", [1, 2, 4, 8, 16, 64, 4096])
def test_direct_memory_starts_at_a_page(unit: int) -> None:
    # statement 52
    buffer = ByteBuffer.allocate_direct(64)
    for index in range(40):
        assert buffer.alignment_offset(index, unit) == index % unit
        assert buffer.slice(3).alignment_offset(index, unit) == (index + 3) % unit


def test_alignment_is_to_a_power_of_two_and_of_an_index_from_zero() -> None:
    # statement 52
    buffer = ByteBuffer.allocate_direct(64)
    for unit in (0, -8, 3, 12):
        with pytest.raises(IllegalArgumentError, match=f"unit {unit} is not a power of two"):
            buffer.alignment_offset(0, unit)
        with pytest.raises(IllegalArgumentError, match=f"unit {unit} is not a power of two"):
            buffer.aligned_slice(unit)
    with pytest.raises(IllegalArgumentError, match="index must be 0 or more, not -1"):
        buffer.alignment_offset(-1, 8)
    with pytest.raises(TypeError, match="unit must be an int"):
        buffer.alignment_offset(0, True)


def test_heap_memory_is_aligned_to_eight_at_most() -> None:
    # statement 52
    buffer = ByteBuffer.allocate(64)
    assert buffer.alignment_offset(13, 8) == 5
    assert buffer.slice(1).alignment_offset(13, 8) == 6
    with pytest.raises(io.UnsupportedOperation, match="unit 16"):
        buffer.alignment_offset(0, 16)
    with pytest.raises(io.UnsupportedOperation, match="unit 16"):
        buffer.aligned_slice(16)


@pytest.mark.parametrize(
    ("position", "limit", "unit", "start", "length"),
    [(3, 29, 8, 8, 16), (0, 32, 8, 0, 32), (8, 8, 8, 8, 0), (3, 7, 8, 3, 0), (9, 15, 4, 12, 0), (5, 27, 1, 5, 22)],
)
def test_an_aligned_slice_rounds_inwards(position: int, limit: int, unit: int, start: int, length: int) -> None:
    # statement 53
    buffer = ByteBuffer.wrap(bytearray(range(32)))
    buffer.position, buffer.limit = position, limit
    part = buffer.aligned_slice(unit)
    assert (part.position, part.capacity, part.array_offset) == (0, length, start)
    assert (buffer.position, buffer.limit) == (position, limit)
