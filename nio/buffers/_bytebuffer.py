"""ByteBuffer: bytes with a cursor, and numbers in and out of them.

Typed access comes from the element table; ``get_int``, ``put_int``, ``put_int_at`` and the others state only their
signature and their row.
"""

# mypy: disable-error-code="empty-body"
# Methods that are made of a row of the table have no body here.

from __future__ import annotations

from io import UnsupportedOperation
from mmap import MAP_ANONYMOUS, MAP_PRIVATE, mmap
from typing import ClassVar, Self, TypeVar

from nio._numbers import check_count, check_int
from nio.buffers._buffer import Storage
from nio.buffers._charbuffer import CharBuffer
from nio.buffers._diagram import seen
from nio.buffers._element_buffer import ElementBuffer
from nio.buffers._elements import (
    BIG,
    BYTE,
    CHAR,
    DOUBLE,
    FLOAT,
    INT,
    LONG,
    ORDERS,
    SHORT,
    ByteOrder,
    Element,
)
from nio.buffers._numberbuffers import DoubleBuffer, FloatBuffer, IntBuffer, LongBuffer, ShortBuffer
from nio.buffers._typed_access import reads, writes, writes_at
from nio.errors import IllegalArgumentError

_FIRST = 16  # bytes that the repr shows

V = TypeVar("V", CharBuffer, ShortBuffer, IntBuffer, LongBuffer, FloatBuffer, DoubleBuffer)


class ByteBuffer(ElementBuffer[int]):
    """A fixed number of bytes, read and written between a position and a limit, with numbers in both byte orders.

    **State.** ``0 <= mark (when set) <= position <= limit <= capacity``, always. A new buffer has position 0, limit =
    capacity, no mark, zeros as content and big-endian order. A call that raises has changed neither the four numbers
    nor the content, its own or that of the other object.

    **The cycle.**

    1. Fill: relative puts, ``channel.read(buf)`` or ``buf.position += sock.recv_into(buf.view())`` move the position.
    2. ``flip()``: what was written lies between position 0 and the limit.
    3. Drain: relative gets or ``channel.write(buf)`` move the position towards the limit.
    4. ``compact()`` moves what is not drained yet in front of new data; ``clear()`` drops it.

    **Access.** ``get()``, ``put(x)`` and ``get_int()``, ``put_int(x)`` are relative: they move the position and raise
    BufferUnderflowError or BufferOverflowError when they would pass the *limit*. ``get(i)``, ``put_at(i, x)``,
    ``get_int(i)``, ``put_int_at(i, x)`` are absolute: the index counts bytes from 0, no position moves, and IndexError
    says that they would pass the limit. Transfers in bulk are all or nothing, and may overlap.

    **Values.** Gets return bytes as 0..255, puts take -128..255; bytes compare and hash as the signed numbers they are
    in Java. A number outside the range of its type is an IllegalArgumentError, a bool a TypeError.

    **Sharing.** ``wrap``, ``slice``, ``duplicate``, ``as_read_only_buffer`` and the ``as_*_buffer`` views never copy:
    all have the same content, and each has numbers of its own. Slices and duplicates start out big endian again; a view
    keeps the order its ByteBuffer has at that moment. Everything made from a read-only buffer is read-only.

    **Checks** come in one order: read-only (ReadOnlyBufferError), the arguments, the space.

    **Equality** is that of the remaining bytes, so a buffer has no hash and ``hash_code()`` changes as it is used.
    There is no length, truth value or subscript: ``remaining``, ``has_remaining``, ``get(i)`` say which is meant.

    **Threads.** A buffer belongs to one thread at a time. Two buffers over the same bytes may be used by two threads,
    if these keep to different bytes.
    """

    __slots__ = ()

    _element: ClassVar[Element[int]] = BYTE
    _first_order = BIG

    @classmethod
    def allocate_direct(cls, capacity: int) -> Self:
        """As ``allocate``, in page-aligned memory of its own outside the Python heap; it has no array.

        The memory is private to the process: a child made by ``fork`` gets a copy, as it does of any other object.
        """
        count = check_count("capacity", capacity, 0)
        memory = memoryview(mmap(-1, max(count, 1), flags=MAP_PRIVATE | MAP_ANONYMOUS))
        return cls(Storage(memory, None, True), 0, count, BIG)

    def _derive(self, storage: Storage, start: int, capacity: int) -> Self:
        return type(self)(storage, start, capacity, BIG)

    def __repr__(self) -> str:
        end = min(self._limit, self._position + _FIRST)
        first = self._memory[self._position : end].tobytes()
        more = "..." if end < self._limit else ""
        return f"{super().__repr__()[:-1]}, {first!r}{more})" if first else super().__repr__()

    def _drawn(self, index: int) -> str:
        return seen(self._memory[index], 2)

    @property
    def order(self) -> ByteOrder:
        """The byte order of typed access from now on; big endian at first, in every new slice or duplicate too."""
        return ORDERS[self._order]

    @order.setter
    def order(self, value: ByteOrder) -> None:
        if not isinstance(value, ByteOrder):
            raise TypeError(f"order must be a ByteOrder, not {value!r}")
        self._order = ORDERS.index(value)

    def get_bytes(self, length: int) -> bytes:
        """A copy of the next ``length`` bytes; the position moves past them. BufferUnderflowError beyond the limit."""
        count = check_count("length", length, 0)
        if count > self._limit - self._position:
            raise self._underflow(count)
        position = self._position
        self._position = position + count
        return self._memory[position : position + count].tobytes()

    def __buffer__(self, flags: int, /) -> memoryview:
        """The remaining bytes for ``memoryview(buf)`` and all that takes one; called by Python 3.12 and up."""
        return self.view()

    def get_char(self, index: int | None = None) -> str:
        """The UTF-16 code unit (2 bytes) as a str, at the position, which moves past it, or at byte ``index``."""
        return chr(self._get_code_unit(index))

    @reads(CHAR)
    def _get_code_unit(self, index: int | None = None) -> int:
        """As a number."""

    @writes(CHAR)
    def put_char(self, value: str | int) -> Self:
        """Write a UTF-16 code unit, a str of length 1 or 0 to 65535, at the position, which moves past it."""

    @writes_at(CHAR)
    def put_char_at(self, index: int, value: str | int) -> Self:
        """Write a UTF-16 code unit, a str of length 1 or 0 to 65535, at byte ``index``."""

    @reads(SHORT)
    def get_short(self, index: int | None = None) -> int:
        """The signed 2-byte integer at the position, which moves past it, or at byte ``index``."""

    @writes(SHORT)
    def put_short(self, value: int) -> Self:
        """Write a signed 2-byte integer at the position, which moves past it."""

    @writes_at(SHORT)
    def put_short_at(self, index: int, value: int) -> Self:
        """Write a signed 2-byte integer at byte ``index``."""

    @reads(INT)
    def get_int(self, index: int | None = None) -> int:
        """The signed 4-byte integer at the position, which moves past it, or at byte ``index``."""

    @writes(INT)
    def put_int(self, value: int) -> Self:
        """Write a signed 4-byte integer at the position, which moves past it."""

    @writes_at(INT)
    def put_int_at(self, index: int, value: int) -> Self:
        """Write a signed 4-byte integer at byte ``index``."""

    @reads(LONG)
    def get_long(self, index: int | None = None) -> int:
        """The signed 8-byte integer at the position, which moves past it, or at byte ``index``."""

    @writes(LONG)
    def put_long(self, value: int) -> Self:
        """Write a signed 8-byte integer at the position, which moves past it."""

    @writes_at(LONG)
    def put_long_at(self, index: int, value: int) -> Self:
        """Write a signed 8-byte integer at byte ``index``."""

    @reads(FLOAT)
    def get_float(self, index: int | None = None) -> float:
        """The 4-byte IEEE number at the position, which moves past it, or at byte ``index``."""

    @writes(FLOAT)
    def put_float(self, value: float) -> Self:
        """Write a 4-byte IEEE number at the position, which moves past it."""

    @writes_at(FLOAT)
    def put_float_at(self, index: int, value: float) -> Self:
        """Write a 4-byte IEEE number at byte ``index``."""

    @reads(DOUBLE)
    def get_double(self, index: int | None = None) -> float:
        """The 8-byte IEEE number at the position, which moves past it, or at byte ``index``."""

    @writes(DOUBLE)
    def put_double(self, value: float) -> Self:
        """Write an 8-byte IEEE number at the position, which moves past it."""

    @writes_at(DOUBLE)
    def put_double_at(self, index: int, value: float) -> Self:
        """Write an 8-byte IEEE number at byte ``index``."""

    def as_char_buffer(self) -> CharBuffer:
        """A view of the remaining bytes as UTF-16 code units, in the byte order of this moment."""
        return self._as(CharBuffer)

    def as_short_buffer(self) -> ShortBuffer:
        """A view of the remaining bytes as signed 2-byte integers, in the byte order of this moment."""
        return self._as(ShortBuffer)

    def as_int_buffer(self) -> IntBuffer:
        """A view of the remaining bytes as signed 4-byte integers, in the byte order of this moment."""
        return self._as(IntBuffer)

    def as_long_buffer(self) -> LongBuffer:
        """A view of the remaining bytes as signed 8-byte integers, in the byte order of this moment."""
        return self._as(LongBuffer)

    def as_float_buffer(self) -> FloatBuffer:
        """A view of the remaining bytes as 4-byte IEEE numbers, in the byte order of this moment."""
        return self._as(FloatBuffer)

    def as_double_buffer(self) -> DoubleBuffer:
        """A view of the remaining bytes as 8-byte IEEE numbers, in the byte order of this moment."""
        return self._as(DoubleBuffer)

    def _as(self, kind: type[V]) -> V:
        """Shares the content and freezes the order; bytes that do not fill an element are left out."""
        capacity = self.remaining // kind._element.size
        return kind(
            Storage(self._storage.memory, None, self._storage.is_direct),
            self._start + self._position,
            capacity,
            self._order,
        )

    def alignment_offset(self, index: int, unit: int) -> int:
        """How many bytes ``index`` lies above the last address that is a multiple of ``unit``, a power of two.

        IllegalArgumentError for another unit or a negative index; UnsupportedOperation for a unit above 8 unless the
        buffer is direct: what is not mapped is not aligned to more than that.
        """
        first, bits = check_count("index", index, 0), check_int("unit", unit)
        if bits < 1 or bits & (bits - 1):
            raise IllegalArgumentError(f"unit {bits} is not a power of two")
        if bits > 8 and not self.is_direct:
            raise UnsupportedOperation(f"unit {bits} is above 8, and {self!r} is not direct")
        return (self._start + first) & (bits - 1)

    def aligned_slice(self, unit: int) -> Self:
        """``slice`` with the position rounded up and the limit rounded down to the unit; errors of alignment_offset."""
        first = self._position + -self.alignment_offset(self._position, unit) % unit
        last = self._limit - self.alignment_offset(self._limit, unit)
        return self.slice(first, last - first) if first <= last else self.slice(self._position, 0)
