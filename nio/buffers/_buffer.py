"""The four numbers of a buffer, and the memory under them.

    0 <= mark (when set) <= position <= limit <= capacity

Two decisions stand here. A buffer keeps a memoryview of exactly its own region: index 0 of the buffer is index 0 of the
view. A slice is a shorter view of the same `Storage`, and no access adds an offset. The second: the memory itself is
read-only, not only the class. So handing the view of a read-only buffer to ``recv_into`` fails, too.
"""

from __future__ import annotations

from io import UnsupportedOperation
from typing import Any, ClassVar, Self

from nio._numbers import check_int
from nio.buffers._elements import Element
from nio.errors import (
    BufferOverflowError,
    BufferUnderflowError,
    IllegalArgumentError,
    InvalidMarkError,
    ReadOnlyBufferError,
)

UNSET = -1


class Storage:
    """What slices, duplicates and views share: all the bytes, and the object they were wrapped from."""

    __slots__ = ("array", "is_direct", "memory")

    def __init__(self, memory: memoryview, array: object | None, is_direct: bool) -> None:
        self.memory: memoryview = memory
        self.array: object | None = array
        self.is_direct: bool = is_direct


NO_STORAGE: Any = None  # the default of the constructors: it tells who calls a class as Java's ``new`` does


class Buffer:
    """A fixed number of elements of one type, read and written between a position and a limit.

    Not for use by several threads at once. There is no constructor: buffers come from ``allocate``, ``wrap`` and from
    each other.
    """

    __slots__ = ("_capacity", "_limit", "_mark", "_memory", "_position", "_read_only", "_size", "_start", "_storage")

    # The type argument is that of the subclass, which a class variable cannot name.
    _element: ClassVar[Element[Any]]

    def __init__(self, storage: Storage = NO_STORAGE, start: int = 0, capacity: int = 0) -> None:
        try:
            memory = storage.memory
        except AttributeError:
            raise _not_called(type(self), storage) from None
        self._storage, self._start, self._size = storage, start, self._element.size
        self._memory = memory[start : start + capacity * self._size]
        self._read_only = memory.readonly
        self._position, self._limit, self._capacity, self._mark = 0, capacity, capacity, UNSET

    @property
    def capacity(self) -> int:
        """The number of elements; it never changes."""
        return self._capacity

    @property
    def position(self) -> int:
        """The index of the next element; setting it beyond the limit is an IllegalArgumentError.

        A mark above the new position is discarded.
        """
        return self._position

    @position.setter
    def position(self, value: int) -> None:
        if value.__class__ is not int:
            value = check_int("position", value)
        if not 0 <= value <= self._limit:
            raise IllegalArgumentError(f"position {value} is not within 0 and the limit {self._limit}")
        if self._mark > value:
            self._mark = UNSET
        self._position = value

    @property
    def limit(self) -> int:
        """The index of the first element not to be touched; setting it beyond the capacity is an IllegalArgumentError.

        A position above the new limit is pulled down to it, a mark above it is discarded.
        """
        return self._limit

    @limit.setter
    def limit(self, value: int) -> None:
        if value.__class__ is not int:
            value = check_int("limit", value)
        if not 0 <= value <= self._capacity:
            raise IllegalArgumentError(f"limit {value} is not within 0 and the capacity {self._capacity}")
        self._limit = value
        if self._position > value:
            self._position = value
        if self._mark > value:
            self._mark = UNSET

    @property
    def remaining(self) -> int:
        """The number of elements from the position to the limit."""
        return self._limit - self._position

    @property
    def has_remaining(self) -> bool:
        """Whether the position is below the limit."""
        return self._position < self._limit

    def mark(self) -> Self:
        """Remember the position for ``reset``."""
        self._mark = self._position
        return self

    def reset(self) -> Self:
        """Go back to the mark, which stays set; InvalidMarkError without one."""
        if self._mark == UNSET:
            raise InvalidMarkError(f"no mark is set (position {self._position}, limit {self._limit})")
        self._position = self._mark
        return self

    def clear(self) -> Self:
        """Open the whole buffer for writing; the content stays."""
        self._position, self._limit, self._mark = 0, self._capacity, UNSET
        return self

    def flip(self) -> Self:
        """From writing to reading: limit = position, position = 0. A second flip leaves nothing to read."""
        self._limit, self._position, self._mark = self._position, 0, UNSET
        return self

    def rewind(self) -> Self:
        """Read again from 0; the limit stays."""
        self._position, self._mark = 0, UNSET
        return self

    @property
    def is_read_only(self) -> bool:
        """Whether every write is refused with ReadOnlyBufferError."""
        return self._read_only

    @property
    def is_direct(self) -> bool:
        """Whether the memory is an ``mmap`` instead of a Python object with an array in it."""
        return self._storage.is_direct

    @property
    def has_array(self) -> bool:
        """Whether ``array()`` and ``array_offset`` answer."""
        return self._storage.array is not None and not self._read_only

    # Any: the type is that of the object given to wrap(), which only the caller knows.
    def array(self) -> Any:
        """The very object this buffer shares its content with.

        UnsupportedOperation where there is none (direct buffers, typed views, text), ReadOnlyBufferError where it
        would let a read-only buffer be changed.
        """
        if self._storage.array is None:
            raise UnsupportedOperation(f"{self!r} has no array")
        if self._read_only:
            raise ReadOnlyBufferError(f"the array of a read-only buffer is not given out: {self!r}")
        return self._storage.array

    @property
    def array_offset(self) -> int:
        """The index in ``array()`` of this buffer's element 0; errors as ``array()``."""
        self.array()
        return self._start // self._size

    def view(self) -> memoryview:
        """The remaining region as a memoryview of bytes: shared, and read-only if the buffer is.

        The way to fill or drain a buffer from outside: ``buf.position += sock.recv_into(buf.view())``.
        """
        size = self._size
        return self._memory[self._position * size : self._limit * size]

    def __bytes__(self) -> bytes:
        return self.view().tobytes()

    def __repr__(self) -> str:
        numbers = f"position={self._position}, limit={self._limit}, capacity={self._capacity}"
        return f"{type(self).__name__}({numbers})"

    def _write_refused(self) -> ReadOnlyBufferError:
        return ReadOnlyBufferError(f"{self!r} is read-only")

    def _overflow(self, wanted: int) -> BufferOverflowError:
        return BufferOverflowError(f"no room for {wanted} ({self._numbers()})")

    def _underflow(self, wanted: int) -> BufferUnderflowError:
        return BufferUnderflowError(f"{wanted} wanted ({self._numbers()})")

    def _numbers(self) -> str:
        return f"{self.remaining} remain: position {self._position}, limit {self._limit}"


def _not_called(kind: type, given: object) -> TypeError:
    name = "ByteBuffer" if kind is Buffer else kind.__name__
    way = f"{name}.allocate({given})" if isinstance(given, int) else f"{name}.allocate(capacity) or {name}.wrap(array)"
    return TypeError(f"{kind.__name__} is not called: use {way}")
