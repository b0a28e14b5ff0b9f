"""MappedByteBuffer: the bytes of a file, through an ``mmap`` that a FileChannel makes."""

from __future__ import annotations

from mmap import PAGESIZE, mmap
from typing import Self

from nio.buffers._arguments import part
from nio.buffers._buffer import NO_STORAGE, Buffer, Storage
from nio.buffers._bytebuffer import ByteBuffer
from nio.buffers._elements import BIG


class MappedByteBuffer(ByteBuffer):
    """A direct buffer over a mapped file.

    The file is unmapped when the last buffer over it is gone, whether or not the channel has been closed. Where the
    memory is not mapped at all (``MappedByteBuffer.allocate``), the three methods have nothing to do, as in Java.
    """

    __slots__ = ("_loaded",)

    def __init__(self, storage: Storage = NO_STORAGE, start: int = 0, capacity: int = 0, order: int = BIG) -> None:
        super().__init__(storage, start, capacity, order)
        self._loaded = not isinstance(storage.memory.obj, mmap)

    @classmethod
    def map(cls, mapping: mmap, offset: int = 0, length: int | None = None) -> Self:
        """A buffer whose capacity is that part of the mapping, by default all of it; IndexError outside.

        Read-only where the mapping is.
        """
        first, count = part(offset, length, len(mapping), "the length")
        return cls(Storage(memoryview(mapping), None, True), first, count, BIG)

    def force(self, index: int = 0, length: int | None = None) -> Self:
        """Have the system write the changed bytes to the file, by default those of the whole capacity.

        IndexError outside the capacity, OSError where writing fails.
        """
        first, count = part(index, length, self._capacity, "the capacity")
        mapping = self._memory.obj
        if count and isinstance(mapping, mmap):
            begin = self._start + first
            page = begin - begin % PAGESIZE
            mapping.flush(page, begin + count - page)
        return self

    def load(self) -> Self:
        """Bring the content into memory, by touching every page."""
        self._memory[::PAGESIZE].tobytes()
        self._loaded = True
        return self

    def __repr__(self) -> str:
        return Buffer.__repr__(self)  # content would be read from a file, which may be shorter by now: that is SIGBUS

    @property
    def is_loaded(self) -> bool:
        """Whether ``load`` was called on this buffer: a hint, the system may have dropped pages since."""
        return self._loaded
