"""The buffers of numbers: each names its row of the element table, all else is in ElementBuffer.

From ``allocate`` and ``wrap`` (an ``array.array`` or a memoryview of that type) they are in the native byte order; as
the view of a ByteBuffer they keep the order that one had.
"""

from __future__ import annotations

from typing import ClassVar

from nio.buffers._element_buffer import ElementBuffer
from nio.buffers._elements import DOUBLE, FLOAT, INT, LONG, SHORT, Element


class ShortBuffer(ElementBuffer[int]):
    """A buffer of signed 2-byte integers, -2 ** 15 to 2 ** 15 - 1."""

    __slots__ = ()

    _element: ClassVar[Element[int]] = SHORT


class IntBuffer(ElementBuffer[int]):
    """A buffer of signed 4-byte integers, -2 ** 31 to 2 ** 31 - 1."""

    __slots__ = ()

    _element: ClassVar[Element[int]] = INT


class LongBuffer(ElementBuffer[int]):
    """A buffer of signed 8-byte integers, -2 ** 63 to 2 ** 63 - 1."""

    __slots__ = ()

    _element: ClassVar[Element[int]] = LONG


class FloatBuffer(ElementBuffer[float]):
    """A buffer of 4-byte IEEE numbers, given and taken as Python floats."""

    __slots__ = ()

    _element: ClassVar[Element[float]] = FLOAT


class DoubleBuffer(ElementBuffer[float]):
    """A buffer of 8-byte IEEE numbers."""

    __slots__ = ()

    _element: ClassVar[Element[float]] = DOUBLE
