"""What newcomers write first, and the words they get: what was given, and what to write instead."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import nio
from nio.buffers import Buffer, ByteBuffer, CharBuffer, IntBuffer, MappedByteBuffer
from nio.errors import IllegalArgumentError, ReadOnlyBufferError

KINDS = [kind for name in nio.buffers.__all__ if isinstance(kind := getattr(nio.buffers, name), type)]
BUFFERS: list[Any] = [kind for kind in KINDS if issubclass(kind, Buffer)]


@pytest.mark.parametrize("kind", BUFFERS)
def test_a_buffer_that_is_called_names_what_makes_one(kind: Any) -> None:
    name = "ByteBuffer" if kind is Buffer else kind.__name__
    with pytest.raises(TypeError) as caught:
        kind(10)
    assert str(caught.value) == f"{kind.__name__} is not called: use {name}.allocate(10)"
    generic = f"{kind.__name__} is not called: use {name}.allocate(capacity) or {name}.wrap(array)"
    for call in (kind, lambda: kind(b"abc"), lambda: kind(capacity=10), lambda: kind([1, 2])):
        with pytest.raises(TypeError) as caught:
            call()
        assert str(caught.value) == generic


def test_eight_kinds_and_the_abstract_one_were_called() -> None:
    assert len(BUFFERS) == 9
    assert len({kind.allocate(1).capacity for kind in BUFFERS if kind is not Buffer}) == 1


TEXT: list[Callable[[], object]] = [
    lambda: ByteBuffer.wrap("x"),  # type: ignore[arg-type]  # what is refused
    lambda: ByteBuffer.allocate(4).put("x"),  # type: ignore[arg-type]  # what is refused
    lambda: ByteBuffer.allocate(4).put_at(0, "x"),  # type: ignore[arg-type]  # what is refused
    lambda: MappedByteBuffer.allocate(4).put("x"),  # type: ignore[arg-type]  # what is refused
]


@pytest.mark.parametrize("call", TEXT)
def test_text_for_bytes(call: Callable[[], object]) -> None:
    with pytest.raises(TypeError) as caught:
        call()
    origin = "an object with the buffer protocol, not from str; use .encode()"
    assert str(caught.value) == f"elements of type byte come from {origin}"


@pytest.mark.parametrize(
    ("kind", "given", "words"),
    [
        (ByteBuffer, [1, 2], "elements of type byte come from an object with the buffer protocol, not from list"),
        (ByteBuffer, None, "elements of type byte come from an object with the buffer protocol, not from NoneType"),
        (IntBuffer, "x", "elements of type int come from an object with the buffer protocol, not from str"),
        (CharBuffer, 1.5, "elements of type char come from an object with the buffer protocol, not from float"),
    ],
)
def test_what_is_no_array(kind: Any, given: object, words: str) -> None:
    for call in (kind.wrap, kind.allocate(4).put):
        with pytest.raises(TypeError) as caught:
            call(given)
        assert str(caught.value) == words


# a char as a number, as Java's put((char) 65)


@pytest.mark.parametrize("order", nio.ByteOrder)
def test_a_code_unit_is_put_as_a_number_too(order: nio.ByteOrder) -> None:
    memory = ByteBuffer.allocate(8)
    memory.order = order
    buffer = memory.as_char_buffer()
    assert buffer.put(65).put("B").put_at(2, 67) is buffer
    assert buffer.position == 2
    assert buffer.put(67).put(0xFFFF).flip().get(3) == "\uffff"
    assert str(buffer) == "ABC\uffff"
    assert memory.get_char(0) == "A"


def test_a_number_that_is_no_code_unit() -> None:
    buffer = CharBuffer.allocate(2)
    for number in (-1, 65536, 2**70):
        for call in (buffer.put, lambda value: buffer.put_at(0, value)):
            with pytest.raises(IllegalArgumentError, match=f"{number} is not of type char: 0 to 65535"):
                call(number)
    with pytest.raises(TypeError, match="must be an int, not True"):
        buffer.put(True)
    with pytest.raises(ReadOnlyBufferError):
        buffer.as_read_only_buffer().put(70000)
    assert bytes(buffer) == bytes(4)
    with pytest.raises(nio.errors.BufferOverflowError):
        buffer.put(1).put(2).put(3)
