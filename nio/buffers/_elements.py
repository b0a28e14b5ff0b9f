"""Byte order and the seven element types: the one table from which every buffer and every typed access is made.

A row knows its size, its range and, per byte order, the bound ``unpack_from`` and ``pack_into`` of a compiled
``struct.Struct``. The order is kept as 0 (big) or 1 (little), an index into these pairs: looking up an enum member
would cost as much as the access itself.

Values are checked before ``pack_into`` sees them, never by it: when ``struct`` refuses a value it has already zeroed
the bytes, and a failing call must change nothing.
"""

from __future__ import annotations

import math
import sys
from array import array
from collections.abc import Callable
from enum import Enum
from struct import Struct, calcsize
from typing import TYPE_CHECKING, Any, Generic, Literal, Protocol, TypeVar, cast

from nio._numbers import check_int
from nio.errors import IllegalArgumentError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

Code = Literal["b", "H", "h", "i", "q", "f", "d"]
N = TypeVar("N", bound=float)
T = TypeVar("T")


class ByteOrder(Enum):
    """The order of the bytes of a number; the value is the sign ``struct`` has for it."""

    BIG_ENDIAN = ">"
    LITTLE_ENDIAN = "<"

    @staticmethod
    def native_order() -> ByteOrder:
        """The order of this machine."""
        return ORDERS[NATIVE]


ORDERS = (ByteOrder.BIG_ENDIAN, ByteOrder.LITTLE_ENDIAN)
BIG = 0
NATIVE = 1 if sys.byteorder == "little" else 0


class Cells(Protocol[T]):
    """Elements by index: a cast memoryview, or its counterpart for the other byte order."""

    def __getitem__(self, index: int, /) -> T: ...

    def __setitem__(self, index: int, value: T, /) -> None: ...


class Element(Generic[N]):
    """A row of the table: one element type, by its Java name."""

    __slots__ = ("code", "formats", "high", "low", "name", "pack", "scalar", "size", "unpack")

    def __init__(self, name: str, code: Code, scalar: type[N], low: N, high: N, formats: str) -> None:
        self.name, self.code, self.scalar, self.low, self.high = name, code, scalar, low, high
        self.size = calcsize(f"<{code}")
        self.formats = frozenset(letter for letter in formats if self.size in (1, calcsize(letter)))
        both = [Struct(order.value + code) for order in ORDERS]
        self.unpack: tuple[Callable[[memoryview, int], tuple[Any, ...]], ...] = tuple(row.unpack_from for row in both)
        self.pack: tuple[Callable[[memoryview, int, N], None], ...] = tuple(row.pack_into for row in both)

    def check(self, value: object) -> N:
        """``value`` as an element; TypeError for another type, IllegalArgumentError outside the range."""
        number = value if value.__class__ is self.scalar else self._number(value)
        return number if self.low <= number <= self.high else self._outside(number)

    def _outside(self, number: N) -> N:
        raise IllegalArgumentError(f"{number} is not of type {self.name}: {self.low} to {self.high}")

    def _number(self, value: object) -> N:
        return cast("N", check_int(f"an element of type {self.name}", value))

    def as_int(self, value: N) -> int:
        """Java's ``(int) value``, up to a multiple of 2 ** 32."""
        return cast("int", value)

    def compare(self, one: N, other: N) -> int:
        """Java's ``compare``: the difference for types narrower than int, else -1, 0 or 1."""
        return cast("int", one - other) if self.size < 4 else (one > other) - (one < other)

    def values(self, memory: memoryview, order: int) -> tuple[N, ...]:
        """Every element in ``memory``."""
        return cast(
            "tuple[N, ...]", Struct(f"{ORDERS[order].value}{len(memory) // self.size}{self.code}").unpack(memory)
        )

    def cells(self, memory: memoryview, order: int) -> Cells[N]:
        """Reads and writes ``memory`` by element."""
        return cast("Cells[N]", memory.cast(self.code)) if order == NATIVE else _Swapped(self, memory, order)

    def new_array(self, length: int) -> bytearray | array[Any]:
        """A new array of ``length`` elements, all zero."""
        return array(self.code, bytes(length * self.size))

    def raw(self, source: object) -> memoryview:
        """The bytes of an object whose items are of this type, shared; TypeError for any other object."""
        try:
            view = memoryview(cast("ReadableBuffer", source))
        except TypeError:
            advice = "; use .encode()" if isinstance(source, str) and self.code == "b" else ""
            origin = f"an object with the buffer protocol, not from {type(source).__name__}{advice}"
            raise TypeError(f"elements of type {self.name} come from {origin}") from None
        if (view.format or "B").lstrip("@") not in self.formats:
            raise TypeError(f"items of format {view.format!r} are not of type {self.name}")
        if not view.c_contiguous or not view.shape:
            raise TypeError(f"a view of shape {view.shape} and strides {view.strides} is not a contiguous array")
        return view.cast("B")

    def swap(self, memory: memoryview) -> memoryview:
        """A copy with the bytes of each element reversed; bits are moved, not values, so a NaN keeps its payload."""
        copy = array("HIQ"[self.size.bit_length() - 2], memory.tobytes())
        copy.byteswap()
        return memoryview(copy).cast("B")


class _Byte(Element[int]):
    """Java's byte is signed, Python's is not: both ranges are taken, 0..255 is given back, -128..127 is compared."""

    __slots__ = ()

    def check(self, value: object) -> int:
        return super().check(value) & 0xFF

    def cells(self, memory: memoryview, order: int) -> Cells[int]:
        return memory

    def new_array(self, length: int) -> bytearray:
        return bytearray(length)

    def raw(self, source: object) -> memoryview:
        return memoryview(source) if isinstance(source, (bytes, bytearray)) else super().raw(source)

    def swap(self, memory: memoryview) -> memoryview:
        return memory


class _Char(Element[int]):
    """One UTF-16 code unit."""

    __slots__ = ()

    def _number(self, value: object) -> int:
        if not isinstance(value, str):
            return super()._number(value)
        if len(value) != 1:
            raise IllegalArgumentError(f"{value!r} is not one character but {len(value)}")
        return ord(value)


class _Real(Element[float]):
    """IEEE numbers: infinities and NaN are values, a number that would round to infinity is out of range."""

    __slots__ = ()

    def _outside(self, number: float) -> float:
        return super()._outside(number) if math.isfinite(number) else number

    def _number(self, value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise TypeError(f"an element of type {self.name} must be a float, not {value!r}")
        try:
            return float(value)
        except OverflowError as error:
            raise IllegalArgumentError(f"not of type {self.name}, {self.low} to {self.high}: {error}") from None

    def as_int(self, value: float) -> int:
        return 0 if math.isnan(value) else int(max(-(2.0**31), min(2.0**31 - 1, value)))

    def compare(self, one: float, other: float) -> int:
        return (one > other) - (one < other) or math.isnan(one) - math.isnan(other)


class _Swapped(Generic[N]):
    """A memoryview cast to elements of the order this machine does not have."""

    __slots__ = ("_memory", "_pack", "_size", "_unpack")

    def __init__(self, element: Element[N], memory: memoryview, order: int) -> None:
        self._memory, self._size = memory, element.size
        self._pack, self._unpack = element.pack[order], element.unpack[order]

    def __getitem__(self, index: int) -> N:
        return cast("N", self._unpack(self._memory, index * self._size)[0])

    def __setitem__(self, index: int, value: N) -> None:
        self._pack(self._memory, index * self._size, value)


_FLOAT_MAX = math.nextafter((2 - 2.0**-24) * 2.0**127, 0.0)  # the last number that does not round to infinity
_DOUBLE_MAX = sys.float_info.max

BYTE: Element[int] = _Byte("byte", "b", int, -128, 255, "bBc?hHiIlLqQnNfdP")
CHAR: Element[int] = _Char("char", "H", int, 0, 0xFFFF, "H")
SHORT: Element[int] = Element("short", "h", int, -(2**15), 2**15 - 1, "hilqn")
INT: Element[int] = Element("int", "i", int, -(2**31), 2**31 - 1, "hilqn")
LONG: Element[int] = Element("long", "q", int, -(2**63), 2**63 - 1, "hilqn")
FLOAT: Element[float] = _Real("float", "f", float, -_FLOAT_MAX, _FLOAT_MAX, "f")
DOUBLE: Element[float] = _Real("double", "d", float, -_DOUBLE_MAX, _DOUBLE_MAX, "d")
