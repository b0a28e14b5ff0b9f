"""What all seven kinds of buffer do alike, over the row of the element table that each kind names.

Single elements go through ``_cells``, a memoryview cast to the element type (or its like in the foreign byte order).
Everything in bulk goes through bytes: a copy between slices of memoryviews moves overlapping regions as if through a
temporary and leaves the bits of a NaN alone. Only where two buffers differ in byte order are elements swapped.

The order of checks is the same everywhere: read-only first, then the arguments, then the space. A check that fails has
changed nothing.
"""

from __future__ import annotations

from mmap import mmap
from typing import TYPE_CHECKING, ClassVar, Generic, Self

from nio._numbers import check_count, check_int
from nio.buffers._arguments import part
from nio.buffers._buffer import NO_STORAGE, UNSET, Buffer, Storage
from nio.buffers._diagram import draw
from nio.buffers._elements import NATIVE, ORDERS, ByteOrder, Cells, T
from nio.errors import IllegalArgumentError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer


class ElementBuffer(Buffer, Generic[T]):
    """A buffer of elements of type T."""

    __slots__ = ("_cells", "_order")

    # The order of a buffer that is allocated or wrapped, and what put() takes for one element.
    _first_order: ClassVar[int] = NATIVE
    _scalars: ClassVar[tuple[type, ...]] = (int, float)

    def __init__(self, storage: Storage = NO_STORAGE, start: int = 0, capacity: int = 0, order: int = NATIVE) -> None:
        super().__init__(storage, start, capacity)
        self._order = order
        self._cells = self._open_cells()

    def _open_cells(self) -> Cells[T]:
        return self._element.cells(self._memory, self._order)

    @classmethod
    def allocate(cls, capacity: int) -> Self:
        """A new buffer of ``capacity`` elements, all zero; IllegalArgumentError below 0."""
        return cls._over(cls._element.new_array(check_count("capacity", capacity, 0)), 0, None)

    @classmethod
    def wrap(cls, source: ReadableBuffer, offset: int = 0, length: int | None = None) -> Self:
        """A buffer that shares its content with ``source``, an object with the buffer protocol and items of this type.

        The capacity is the whole object, the position ``offset``, the limit ``offset + length`` (IndexError outside):
        it is not a slice. It is read-only where the object is; while it lives, a bytearray cannot be resized.
        """
        return cls._over(source, offset, length)

    @classmethod
    def _over(cls, source: ReadableBuffer, offset: int, length: int | None) -> Self:
        raw = cls._raw(source)
        capacity = len(raw) // cls._element.size
        first, count = part(offset, length, capacity, "the length")
        is_direct = isinstance(source, mmap)
        buffer = cls(Storage(raw, None if is_direct else source, is_direct), 0, capacity, cls._first_order)
        buffer._position, buffer._limit = first, first + count
        return buffer

    @classmethod
    def _raw(cls, source: object) -> memoryview:
        if isinstance(source, Buffer):
            raise TypeError(f"{source!r} stands where an object with the buffer protocol belongs")
        return cls._element.raw(source)

    def _derive(self, storage: Storage, start: int, capacity: int) -> Self:
        return type(self)(storage, start, capacity, self._order)

    def slice(self, index: int | None = None, length: int | None = None) -> Self:
        """A buffer over a part of this one, sharing its content: by default from the position to the limit.

        ``index`` counts from 0, not from the position, and ``length`` reaches to the limit if it is not given;
        IndexError outside. The slice's position is 0, its limit is its capacity, it has no mark.
        """
        first, count = part(self._position if index is None else index, length, self._limit, "the limit")
        return self._derive(self._storage, self._start + first * self._size, count)

    def duplicate(self) -> Self:
        """A buffer with the same content, position, limit and mark; the numbers are independent from then on."""
        return self._twin(self._storage)

    def as_read_only_buffer(self) -> Self:
        """A duplicate that refuses to be written to; what is written to this one shows in it."""
        return self._twin(Storage(self._storage.memory.toreadonly(), self._storage.array, self._storage.is_direct))

    def _twin(self, storage: Storage) -> Self:
        twin = self._derive(storage, self._start, self._capacity)
        twin._position, twin._limit, twin._mark = self._position, self._limit, self._mark
        return twin

    def compact(self) -> Self:
        """Move the remaining elements to index 0 and open the rest: position = their number, limit = capacity."""
        if self._read_only:
            raise self._write_refused()
        position, limit = self._position, self._limit
        left = limit - position
        if self._size == 1:  # this is hot: a loop around a channel compacts its bytes at every turn
            memory = self._memory
            memory[:left] = memory[position:limit]
        else:
            self._region(0, left)[:] = self._region(position, left)
        self._position, self._limit, self._mark = left, self._capacity, UNSET
        return self

    @property
    def order(self) -> ByteOrder:
        """The byte order of the elements in memory."""
        return ORDERS[self._order]

    def get(self, index: int | None = None) -> T:
        """The element at the position, which moves by one (BufferUnderflowError at the limit), or at ``index``."""
        if index is None:
            index = self._position
            if index >= self._limit:
                raise self._underflow(1)
            self._position = index + 1
            return self._cells[index]
        return self._cells[self._index(index)]

    def _index(self, index: int, size: int = 1) -> int:
        if index.__class__ is not int:
            index = check_int("index", index)
        if not 0 <= index <= self._limit - size:
            raise IndexError(f"index {index} is not within 0 and {size} below the limit {self._limit}")
        return index

    def diagram(self) -> str:
        """A drawing in several lines: the elements, below them P (position), L (limit), C (capacity), M (mark, if set).

        Bytes and characters that cannot be seen are in hexadecimal. Of a long buffer the rows around these letters are
        drawn. An addition to java.nio.
        """
        marks = [("P", self._position), ("L", self._limit), ("C", self._capacity)]
        if self._mark != UNSET:
            marks.insert(0, ("M", self._mark))
        numbers = ", ".join(f"{letter} {index}" for letter, index in marks)
        title = f"{type(self).__name__}: {numbers}, {self.remaining} remaining"
        return draw(title, self._capacity, self._drawn, marks)

    def _drawn(self, index: int) -> str:
        return str(self._cells[index])

    def get_into(self, destination: WriteableBuffer, offset: int = 0, length: int | None = None) -> Self:
        """Copy elements to ``destination[offset:offset + length]``, by default to all of it from ``offset`` on.

        All or nothing: IndexError for a part outside the destination, then BufferUnderflowError.
        """
        target = self._target(destination, offset, length)
        count = len(target) // self._size
        if count > self.remaining:
            raise self._underflow(count)
        target[:] = self._ordered(self._region(self._position, count), NATIVE)
        self._position += count
        return self

    def get_into_at(self, index: int, destination: WriteableBuffer, offset: int = 0, length: int | None = None) -> Self:
        """As ``get_into``, from ``index`` on and without moving the position; IndexError beyond the limit."""
        target = self._target(destination, offset, length)
        first, count = part(index, len(target) // self._size, self._limit, "the limit")
        target[:] = self._ordered(self._region(first, count), NATIVE)
        return self

    def _target(self, destination: WriteableBuffer, offset: int, length: int | None) -> memoryview:
        raw, size = self._raw(destination), self._size
        if raw.readonly:
            raise TypeError(f"the destination, a {type(destination).__name__}, is read-only")
        first, count = part(offset, length, len(raw) // size, "the length")
        return raw[first * size : (first + count) * size]

    def put(
        self, source: T | int | ElementBuffer[T] | ReadableBuffer, offset: int | None = None, length: int | None = None
    ) -> Self:
        """Write at the position, which moves past what was written; all or nothing.

        ``source`` is one of three: one element; another buffer, of which all remaining elements are taken and whose
        position moves, too; an object with the buffer protocol, of which ``length`` elements from ``offset`` on are
        taken. BufferOverflowError where they do not all fit, IllegalArgumentError for this very buffer.
        """
        if self._read_only:
            raise self._write_refused()
        if isinstance(source, self._scalars) and offset is None and length is None:
            cell, position = self._element.check(source), self._position
            if position >= self._limit:
                raise self._overflow(1)
            self._cells[position] = cell
            self._position = position + 1
            return self
        if isinstance(source, ElementBuffer):
            return self._put_buffer(source, offset, length)
        return self._append(self._source(source, offset, length))

    def _put_buffer(self, source: ElementBuffer[T], offset: int | None, length: int | None) -> Self:
        if source is self:
            raise IllegalArgumentError(f"{self!r} is put into itself")
        if offset is not None or length is not None:
            raise TypeError("offset and length do not go with a buffer: its position and limit say what is taken")
        self._check_kind(source)
        self._append(self._ordered(source.view(), source._order))
        source._position = source._limit
        return self

    def _append(self, data: memoryview) -> Self:
        position, size = self._position, self._size
        after = position + len(data) // size
        if after > self._limit:
            raise self._overflow(after - position)
        self._memory[position * size : after * size] = data
        self._position = after
        return self

    def put_at(
        self,
        index: int,
        source: T | int | ElementBuffer[T] | ReadableBuffer,
        offset: int | None = None,
        length: int | None = None,
    ) -> Self:
        """Write at ``index`` without moving any position; IndexError beyond the limit.

        ``source`` as for ``put``, but of a buffer, too, ``length`` elements from ``offset`` on are taken: they are
        counted from its index 0 and must lie below its limit. It may be this very buffer.
        """
        if self._read_only:
            raise self._write_refused()
        if isinstance(source, self._scalars) and offset is None and length is None:
            cell = self._element.check(source)
            self._cells[self._index(index)] = cell
            return self
        data = self._source(source, offset, length)
        first, count = part(index, len(data) // self._size, self._limit, "the limit")
        self._region(first, count)[:] = data
        return self

    def _source(
        self, source: T | int | ElementBuffer[T] | ReadableBuffer, offset: int | None, length: int | None
    ) -> memoryview:
        """The bytes of a part of ``source`` in the order of this buffer."""
        size = self._size
        if isinstance(source, ElementBuffer):
            self._check_kind(source)
            data, order, what = source._region(0, source._limit), source._order, "the limit of the source"
        else:
            data, order, what = self._raw(source), NATIVE, "the length"
        if offset is not None or length is not None:
            first, count = part(0 if offset is None else offset, length, len(data) // size, what)
            data = data[first * size : (first + count) * size]
        return self._ordered(data, order)

    def _check_kind(self, other: object) -> None:
        if not isinstance(other, ElementBuffer) or other._element is not self._element:
            raise TypeError(f"{other!r} is not a buffer of elements of type {self._element.name}")

    def _region(self, index: int, count: int) -> memoryview:
        size = self._size
        return self._memory[index * size : (index + count) * size]

    def _ordered(self, data: memoryview, order: int) -> memoryview:
        """``data`` from ``order`` to this buffer's order, or the other way round."""
        return data if order == self._order else self._element.swap(data)

    def hash_code(self) -> int:
        """Java's ``hashCode()`` of the remaining elements, a signed 32-bit number; it changes with them."""
        code = 1
        for value in reversed(self._values()):
            code = (31 * code + self._element.as_int(value)) & 0xFFFFFFFF
        return code - (code >> 31 << 32)

    def __eq__(self, other: object) -> bool:
        """Whether the remaining elements are the same: of the same type, as many, and equal by value.

        A buffer has no hash, because its equality changes as it is used.
        """
        if isinstance(other, (memoryview, bytearray)):
            return False  # from Python 3.12 on NotImplemented would let them compare our __buffer__
        if not isinstance(other, ElementBuffer) or other._element is not self._element:
            return NotImplemented
        if self.remaining != other.remaining or self.view() == self._ordered(other.view(), other._order):
            return self.remaining == other.remaining
        return self._element.scalar is float and self.mismatch(other) < 0

    def __lt__(self, other: ElementBuffer[T]) -> bool:
        return self.compare_to(other) < 0

    def __le__(self, other: ElementBuffer[T]) -> bool:
        return self.compare_to(other) <= 0

    def __gt__(self, other: ElementBuffer[T]) -> bool:
        return self.compare_to(other) > 0

    def __ge__(self, other: ElementBuffer[T]) -> bool:
        return self.compare_to(other) >= 0

    def compare_to(self, other: ElementBuffer[T]) -> int:
        """Negative if the remaining elements sort before those of ``other``, 0 if they are equal, positive if after.

        The first difference decides, a prefix sorts first. Bytes compare signed (200 is -56), characters unsigned. All
        NaN are equal and sort last; -0.0 equals 0.0.
        """
        index = self.mismatch(other)
        if index < 0 or index == min(self.remaining, other.remaining):
            return self.remaining - other.remaining
        return self._element.compare(self._value(index), other._value(index))

    def mismatch(self, other: ElementBuffer[T]) -> int:
        """The first index, relative to the two positions, at which the remaining elements differ; -1 if they do not."""
        self._check_kind(other)
        ours, theirs = self._values(), other._values()
        for index, (one, another) in enumerate(zip(ours, theirs, strict=False)):
            if one != another and (one == one or another == another):
                return index
        return -1 if len(ours) == len(theirs) else min(len(ours), len(theirs))

    def _value(self, index: int) -> float:
        value: float = self._element.unpack[self._order](self._memory, (self._position + index) * self._size)[0]
        return value

    def _values(self) -> tuple[float, ...]:
        return self._element.values(self.view(), self._order)
