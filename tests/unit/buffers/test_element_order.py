"""What all kinds have in common: equality, order, hash and mismatch."""

from __future__ import annotations

import struct
from array import array
from typing import cast

import pytest

from nio.buffers import ByteBuffer, ByteOrder, CharBuffer, DoubleBuffer, FloatBuffer, IntBuffer, LongBuffer, ShortBuffer
from tests.unit.buffers.support import ints, numbered


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
