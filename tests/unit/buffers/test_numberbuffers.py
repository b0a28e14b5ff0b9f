"""The buffers of numbers: byte order and storage."""

from __future__ import annotations

import struct
from array import array
from typing import cast

import pytest

from nio.buffers import ByteBuffer, ByteOrder, DoubleBuffer, FloatBuffer, IntBuffer, LongBuffer, ShortBuffer

KINDS = [(ShortBuffer, "h"), (IntBuffer, "i"), (LongBuffer, "q"), (FloatBuffer, "f"), (DoubleBuffer, "d")]
NATIVE = ByteOrder.native_order()
FOREIGN = next(order for order in ByteOrder if order is not NATIVE)


@pytest.mark.parametrize(("kind", "code"), KINDS)
def test_allocated_and_wrapped_buffers_are_in_native_order(kind: type[IntBuffer], code: str) -> None:
    # statement 29
    for buffer in (kind.allocate(2), kind.wrap(array(code, [0, 0]))):
        assert buffer.order is NATIVE
        buffer.put_at(1, 5)
        assert bytes(buffer) == struct.pack(f"={code}{code}", 0, 5)
    with pytest.raises(AttributeError):
        kind.allocate(1).order = FOREIGN  # type: ignore[misc]  # the point: it has no setter


def test_a_view_of_a_fresh_byte_buffer_is_big_endian() -> None:
    # statement 29
    assert ByteBuffer.allocate(8).as_int_buffer().order is ByteOrder.BIG_ENDIAN


@pytest.mark.parametrize("order", [NATIVE, FOREIGN])
def test_what_is_made_from_a_typed_buffer_keeps_its_order(order: ByteOrder) -> None:
    # statement 30
    raw = ByteBuffer.allocate(16)
    raw.order = order
    buffer = raw.as_int_buffer().put(array("i", [1, 2, 3, 4])).flip()
    for made in (buffer.slice(), buffer.slice(0, 4), buffer.duplicate(), buffer.as_read_only_buffer()):
        assert made.order is order
        assert [made.get() for _ in range(4)] == [1, 2, 3, 4]
    assert bytes(raw) == struct.pack(order.value + "4i", 1, 2, 3, 4)


@pytest.mark.parametrize(("kind", "code"), KINDS)
@pytest.mark.parametrize("order", [NATIVE, FOREIGN])
def test_bulk_transfer_translates_between_orders(kind: type[IntBuffer], code: str, order: ByteOrder) -> None:
    # statements 28, 44
    values = [1, 2, -3]
    raw = ByteBuffer.allocate(3 * struct.calcsize("=" + code))
    raw.order = order
    view = cast("IntBuffer", getattr(raw, f"as_{kind.__name__.lower().replace('buffer', '_buffer')}")())
    view.put(array(code, values))
    assert bytes(raw) == struct.pack(f"{order.value}3{code}", *values)
    heap = kind.allocate(3).put(view.flip()).flip()
    assert [heap.get() for _ in range(3)] == values
    received = array(code, [0, 0, 0])
    view.rewind().get_into(received)
    assert received.tolist() == values
    assert view.compact().position == 0


def test_arrays_of_the_same_size_are_of_the_same_type() -> None:
    # statement 34
    code = "l" if struct.calcsize("l") == 8 else "q"
    assert LongBuffer.wrap(array(code, [2**40])).get() == 2**40
    assert IntBuffer.wrap(memoryview(array("i", [1, 2, 3]))[1:]).get() == 2
    with pytest.raises(TypeError, match="format 'L'"):
        LongBuffer.wrap(array("L", [1]))
