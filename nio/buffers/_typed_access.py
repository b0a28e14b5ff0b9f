"""The code behind ``get_int``, ``put_int``, ``put_int_at`` and the other typed methods of a ByteBuffer.

Three functions make these methods, one to read and two to write. Each takes a row of the element table and binds what
the method needs of it. The class has the signature and the docstring. One common method that gets the row as argument
would be simpler, and a quarter slower: more than three times the cost of ``struct.pack_into``. These cost less
(``benchmarks/buffers.py``).

A method handles the usual value itself. Every other value goes to ``check`` or ``_index``, which may refuse it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from nio.buffers._element_buffer import ElementBuffer
from nio.buffers._elements import Element, N

M = TypeVar("M", bound=Callable[..., object])


def reads(element: Element[N]) -> Callable[[M], M]:
    """Makes a method that reads an element at the position, or at an index."""
    size, unpack = element.size, element.unpack

    def read(self: ElementBuffer[int], index: int | None = None) -> Any:
        if index is None:
            index = self._position
            after = index + size
            if after > self._limit:
                raise self._underflow(size)
            self._position = after
        elif index.__class__ is not int or not 0 <= index <= self._limit - size:
            index = self._index(index, size)
        return unpack[self._order](self._memory, index)[0]

    return _in_place_of(read)


# Any in both: element.check() judges whatever is given.
def writes(element: Element[N]) -> Callable[[M], M]:
    """Makes a method that writes an element at the position."""
    size, pack, scalar, low, high = element.size, element.pack, element.scalar, element.low, element.high

    def write(self: ElementBuffer[int], value: Any) -> ElementBuffer[int]:
        if self._read_only:
            raise self._write_refused()
        if value.__class__ is not scalar or not low <= value <= high:
            value = element.check(value)
        position = self._position
        after = position + size
        if after > self._limit:
            raise self._overflow(size)
        pack[self._order](self._memory, position, value)
        self._position = after
        return self

    return _in_place_of(write)


def writes_at(element: Element[N]) -> Callable[[M], M]:
    """Makes a method that writes an element at an index."""
    size, pack, scalar, low, high = element.size, element.pack, element.scalar, element.low, element.high

    def write_at(self: ElementBuffer[int], index: int, value: Any) -> ElementBuffer[int]:
        if self._read_only:
            raise self._write_refused()
        if value.__class__ is not scalar or not low <= value <= high:
            value = element.check(value)
        if index.__class__ is not int or not 0 <= index <= self._limit - size:
            index = self._index(index, size)
        pack[self._order](self._memory, index, value)
        return self

    return _in_place_of(write_at)


def _in_place_of(function: Callable[..., object]) -> Callable[[M], M]:
    def replace(stated: M) -> M:
        return cast("M", wraps(stated)(function))

    return replace
