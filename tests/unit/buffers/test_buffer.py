"""The four numbers: position, limit, capacity and mark, and what moves them."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import pytest

from nio.buffers import Buffer, ByteBuffer, CharBuffer, DoubleBuffer, IntBuffer
from nio.errors import IllegalArgumentError, InvalidMarkError
from tests.unit.buffers.support import numbered


def numbers(buffer: Buffer) -> tuple[int, int, int]:
    return buffer.position, buffer.limit, buffer.capacity


@pytest.mark.parametrize("kind", [ByteBuffer, CharBuffer, IntBuffer, DoubleBuffer])
def test_a_new_buffer_is_open_and_zero(kind: type[ByteBuffer]) -> None:
    # statement 2
    buffer = kind.allocate(5)
    assert numbers(buffer) == (0, 5, 5)
    assert buffer.remaining == 5
    assert buffer.has_remaining
    assert set(bytes(buffer)) == {0}
    with pytest.raises(InvalidMarkError):
        buffer.reset()
    with pytest.raises(IllegalArgumentError, match="capacity must be 0 or more, not -1"):
        kind.allocate(-1)


@pytest.mark.parametrize("allocate", [ByteBuffer.allocate, ByteBuffer.allocate_direct])
def test_a_capacity_is_an_int_of_zero_or_more(allocate: Callable[[int], ByteBuffer]) -> None:
    # statement 2
    assert numbers(allocate(0)) == (0, 0, 0)
    assert not allocate(0).has_remaining
    with pytest.raises(IllegalArgumentError, match="capacity must be 0 or more, not -3"):
        allocate(-3)
    for wrong in (True, 2.0, "2", None):
        with pytest.raises(TypeError, match="capacity must be an int"):
            allocate(cast("int", wrong))


def test_position_goes_up_to_the_limit() -> None:
    # statement 3
    buffer = numbered(10)
    buffer.limit = 7
    buffer.position = 7
    assert not buffer.has_remaining
    for wrong in (8, -1):
        with pytest.raises(IllegalArgumentError, match=f"position {wrong} .* limit 7"):
            buffer.position = wrong
    assert numbers(buffer) == (7, 7, 10)


def test_limit_goes_up_to_the_capacity_and_pulls_the_position_down() -> None:
    # statement 5
    buffer = numbered(10)
    buffer.position = 8
    buffer.limit = 4
    assert numbers(buffer) == (4, 4, 10)
    for wrong in (11, -1):
        with pytest.raises(IllegalArgumentError, match=f"limit {wrong} .* capacity 10"):
            buffer.limit = wrong
    buffer.limit = 10
    assert numbers(buffer) == (4, 10, 10)


class Seven:
    def __index__(self) -> int:
        return 7


def test_position_and_limit_take_ints_only() -> None:
    # statements 1, 3, 5
    buffer = numbered(10)
    for wrong in (True, 3.0, "3", None):
        with pytest.raises(TypeError, match="position must be an int"):
            buffer.position = cast("int", wrong)
        with pytest.raises(TypeError, match="limit must be an int"):
            buffer.limit = cast("int", wrong)
    assert numbers(buffer) == (0, 10, 10)
    buffer.position = buffer.limit = cast("int", Seven())
    assert numbers(buffer) == (7, 7, 10)


def test_a_position_below_the_mark_discards_it() -> None:
    # statement 4
    buffer = numbered(10)
    buffer.position = 5
    buffer.mark()
    buffer.position = 9
    buffer.position = 5
    assert buffer.reset().position == 5
    buffer.position = 4
    with pytest.raises(InvalidMarkError, match="position 4"):
        buffer.reset()


def test_a_limit_below_the_mark_discards_it() -> None:
    # statement 5
    buffer = numbered(10)
    buffer.position = 5
    buffer.mark()
    buffer.limit = 5
    assert buffer.reset().position == 5
    buffer.limit = 4
    with pytest.raises(InvalidMarkError):
        buffer.reset()


def test_reset_can_be_repeated_and_without_a_mark_moves_nothing() -> None:
    # statement 6
    buffer = numbered(6)
    buffer.position = 3
    with pytest.raises(InvalidMarkError):
        buffer.reset()
    assert buffer.position == 3
    buffer.mark()
    for _ in range(2):
        buffer.position = 6
        assert buffer.reset().position == 3


@pytest.mark.parametrize("act", [ByteBuffer.clear, ByteBuffer.flip, ByteBuffer.rewind, ByteBuffer.compact])
def test_clear_flip_rewind_and_compact_discard_the_mark(act: Callable[[ByteBuffer], ByteBuffer]) -> None:
    # statements 7, 8, 9, 10
    buffer = numbered(6).mark()
    assert act(buffer) is buffer
    with pytest.raises(InvalidMarkError):
        buffer.reset()


def test_clear_keeps_the_content() -> None:
    # statement 7
    buffer = numbered(3)
    buffer.position, buffer.limit = 1, 2
    assert numbers(buffer.clear()) == (0, 3, 3)
    assert bytes(buffer) == b"\1\2\3"


def test_flip_turns_what_was_written_over_to_reading_and_twice_leaves_nothing() -> None:
    # statement 8
    buffer = ByteBuffer.allocate(8).put(b"abc")
    assert numbers(buffer.flip()) == (0, 3, 8)
    assert bytes(buffer) == b"abc"
    assert numbers(buffer.flip()) == (0, 0, 8)


def test_rewind_keeps_the_limit() -> None:
    # statement 9
    buffer = numbered(6)
    buffer.limit = 4
    buffer.position = 2
    assert numbers(buffer.rewind()) == (0, 4, 6)


def test_compact_moves_the_rest_to_the_front() -> None:
    # statement 10
    buffer = numbered(6)
    buffer.position, buffer.limit = 2, 5
    assert numbers(buffer.compact()) == (3, 6, 6)
    assert bytes(buffer.duplicate().clear()) == b"\3\4\5\4\5\6"


def test_compact_of_nothing_clears_and_of_everything_leaves_a_full_buffer() -> None:
    # statement 11
    buffer = numbered(4)
    buffer.position = buffer.limit = 2
    assert numbers(buffer.compact()) == (0, 4, 4)
    assert numbers(buffer.compact()) == (4, 4, 4)
    assert bytes(buffer.rewind()) == b"\1\2\3\4"
    assert numbers(ByteBuffer.allocate(0).compact()) == (0, 0, 0)


def test_duplicates_carry_the_mark_and_slices_do_not() -> None:
    # statement 12
    buffer = numbered(6)
    buffer.position = 2
    buffer.mark()
    buffer.position = 4
    assert buffer.duplicate().reset().position == 2
    assert buffer.as_read_only_buffer().reset().position == 2
    for part in (buffer.slice(), buffer.slice(0, 6)):
        with pytest.raises(InvalidMarkError):
            part.reset()


def test_a_failing_call_changes_nothing() -> None:
    # statement 1
    buffer = numbered(6)
    buffer.position, buffer.limit = 2, 5
    buffer.mark()
    failing: list[Callable[[], object]] = [
        lambda: buffer.get(5),
        lambda: buffer.get_int(),
        lambda: buffer.get_int(2),
        lambda: buffer.get_bytes(4),
        lambda: buffer.put(b"four"),
        lambda: buffer.put(256),
        lambda: buffer.put_at(5, 1),
        lambda: buffer.put_short(2**15),
        lambda: buffer.put_short_at(4, 0),
        lambda: buffer.put_short_at(0, -(2**15) - 1),
        lambda: buffer.slice(3, 3),
        lambda: buffer.put(buffer),
    ]
    for call in failing:
        with pytest.raises((ValueError, IndexError, BufferError)):
            call()
        assert numbers(buffer) == (2, 5, 6)
    assert buffer.reset().position == 2
    assert bytes(buffer.clear()) == b"\1\2\3\4\5\6"


def test_repr_shows_the_state() -> None:
    buffer = ByteBuffer.allocate(256)
    buffer.limit = 5
    assert repr(buffer) == r"ByteBuffer(position=0, limit=5, capacity=256, b'\x00\x00\x00\x00\x00')"
    assert repr(buffer.as_int_buffer()) == "IntBuffer(position=0, limit=1, capacity=1)"


def test_a_buffer_has_no_length_truth_value_subscript_or_iteration() -> None:
    for name in ("__len__", "__bool__", "__getitem__", "__setitem__", "__iter__", "__contains__"):
        assert not hasattr(ByteBuffer.allocate(1), name), name
    assert bool(ByteBuffer.allocate(0))  # as any object: there is no emptiness to be mistaken for None
    with pytest.raises(AttributeError):
        cast("Callable[..., None]", setattr)(ByteBuffer.allocate(1), "positon", 1)
