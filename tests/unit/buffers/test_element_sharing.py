"""What all kinds have in common: wrapped arrays, slices, duplicates and read-only twins."""

from __future__ import annotations

import io
from array import array
from collections.abc import Callable
from mmap import mmap
from typing import Any, cast

import pytest

from nio.buffers import ByteBuffer, CharBuffer, IntBuffer, ShortBuffer
from nio.errors import InvalidMarkError, ReadOnlyBufferError
from tests.unit.buffers.support import ints, numbered

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
