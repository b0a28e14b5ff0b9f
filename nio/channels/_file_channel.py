"""FileChannel: a file, read and written at a position; and FileLock, a region of it that a process has locked.

**It is no SelectableChannel.** A kernel calls every file ready at every moment, so there is nothing to select, no mode
to configure and no key to keep. Reading and writing stand in ``_open_file.py``; here is what a file has beyond that:
transfers to and from other channels, maps, locks.

**Waiting for a lock is a sleep,** with a look at the kernel now and then: a close could not release a system call that
blocks. A lock and its channel answer with each other, so they stand in one module; the locks of the whole process
stand in ``_lock_table.py``.

A region of size 0 reaches to the end of the file, wherever that will be. Later JDKs agree. JDK 17 tells the kernel the
same; but within the process it lets another lock begin behind the start of such a region.
"""

from __future__ import annotations

import enum
import errno
import os
from typing import Self

from nio._numbers import check_int, check_range
from nio.buffers import MappedByteBuffer
from nio.channels._byte_channels import WritingChannel
from nio.channels._channel import ReadableByteChannel, WritableByteChannel
from nio.channels._file_transfer import copy, ensure_peer_open
from nio.channels._interruptible_channel import chosen
from nio.channels._lock_table import locks_of
from nio.channels._open_file import MAX_LONG, Inside, OpenFile
from nio.channels._opened import NOT_CALLED, not_called
from nio.errors import AsynchronousCloseError, IllegalArgumentError
from nio.spi import File, SelectorProvider

_MAX_MAP = 2**31 - 1
_FIRST_LOOK, _LAST_LOOK = 0.001, 0.05  # seconds between two looks at a lock that another process has


class StandardOpenOption(enum.Enum):
    """How ``FileChannel.open`` opens, as in java.nio.file."""

    READ = enum.auto()
    WRITE = enum.auto()
    APPEND = enum.auto()
    TRUNCATE_EXISTING = enum.auto()
    CREATE = enum.auto()
    CREATE_NEW = enum.auto()
    DELETE_ON_CLOSE = enum.auto()
    SPARSE = enum.auto()
    SYNC = enum.auto()
    DSYNC = enum.auto()


class FileChannel(OpenFile):
    """An open file with a position.

    Concurrency: any method from any thread. What uses the channel's own position runs one at a time, the rest at once.
    """

    __slots__ = ("_locks",)

    class MapMode(enum.Enum):
        """What happens to bytes put into a mapping: refused, written to the file, or seen in this mapping alone."""

        READ_ONLY = enum.auto()
        READ_WRITE = enum.auto()
        PRIVATE = enum.auto()

    def __init__(
        self,
        provider: SelectorProvider = NOT_CALLED,
        file: File = NOT_CALLED,
        path: object = NOT_CALLED,
        options: frozenset[str] = NOT_CALLED,
    ) -> None:
        if not isinstance(provider, SelectorProvider):
            raise not_called(type(self), "")
        super().__init__(provider, file, path, options)
        self._locks: list[FileLock] = []

    @classmethod
    def open(
        cls,
        path: str | bytes | os.PathLike[str] | os.PathLike[bytes],
        *options: StandardOpenOption,
        provider: SelectorProvider | None = None,
    ) -> Self:
        """Open a file, for reading unless ``WRITE`` or ``APPEND`` is given.

        ``CREATE``, ``CREATE_NEW`` (FileExistsError where there is one) and ``TRUNCATE_EXISTING`` have an effect only
        with those two. ``DELETE_ON_CLOSE`` removes the name at once. ``SPARSE`` has no effect. ``APPEND`` together with
        ``READ`` or ``TRUNCATE_EXISTING`` is an IllegalArgumentError. All other errors are the system's:
        FileNotFoundError, IsADirectoryError ...
        """
        for option in options:
            if not isinstance(option, StandardOpenOption):
                raise TypeError(f"an option is one of StandardOpenOption, not {option!r}")
        names = frozenset(option.name for option in options)
        for other in ("READ", "TRUNCATE_EXISTING"):
            if {"APPEND", other} <= names:
                raise IllegalArgumentError(f"{other} + APPEND not allowed: {path!r}")
        name = os.fspath(path)
        if "\0" in os.fsdecode(name):
            raise IllegalArgumentError(f"a path ends where its NUL stands: {name!r}")
        provider = chosen(provider)
        return cls(provider, provider.open_file(name, names), name, names)

    def transfer_to(self, position: int, count: int, target: WritableByteChannel) -> int:
        """Write up to ``count`` bytes from ``position`` on to another channel; this one's position stays.

        Returns how many bytes the target took: fewer when the file ends, when a non-blocking target takes no more, or
        when it fails after its first bytes; the next call then raises that error. 0 at the end and beyond. To a socket
        or pipe the kernel sends without a copy, if it can.

        Raises ClosedChannelError if either channel is closed, NonReadableChannelError, NonWritableChannelError,
        IllegalArgumentError for negative numbers.
        """
        with Inside(self):
            ensure_peer_open(target, "write")
            self._ensure_readable()
            if isinstance(target, OpenFile):
                target._ensure_writable()
            position, count = check_range("position", position, MAX_LONG), check_range("count", count, MAX_LONG)
            count = min(count, self._file.size() - position)
            if count <= 0:
                return 0
            if isinstance(target, WritingChannel) and target._provider.kernel is self._provider.kernel:
                sent = target._send_file(self, position, count)
                if sent is not None:
                    return sent
            return copy(
                self,
                target,
                count,
                lambda buffer, done: self._read(buffer, 0, None, position + done),
                lambda buffer, _: target.write(buffer),
            )

    def transfer_from(self, source: ReadableByteChannel, position: int, count: int) -> int:
        """Write up to ``count`` bytes of another channel from ``position`` on; this one's own position stays.

        Returns how many bytes it wrote: fewer when the source ends, has no more for now in non-blocking mode, or failed
        after the first. 0 when ``position`` is beyond the end of this file; then it does not read the source.

        Raises ClosedChannelError if either channel is closed, NonWritableChannelError, IllegalArgumentError for
        negative numbers, NonReadableChannelError.
        """
        with Inside(self):
            ensure_peer_open(source, "read")
            self._ensure_writable()
            position, count = check_range("position", position, MAX_LONG), check_range("count", count, MAX_LONG)
            if position > self._file.size():
                return 0
            if isinstance(source, OpenFile):
                source._ensure_readable()
                count = min(count, source.size - source.position)  # it may be this very file, and grow
            if count <= 0:
                return 0
            return copy(
                self,
                source,
                count,
                lambda buffer, _: source.read(buffer),
                lambda buffer, done: self._write(buffer, 0, None, position + done),
            )

    def map(self, mode: FileChannel.MapMode, position: int, size: int) -> MappedByteBuffer:
        """``size`` bytes of the file from ``position`` on as memory, which outlives the channel.

        A mapping, even a read-only one, extends a file that is too short. If somebody cuts the file afterwards,
        touching the bytes that are gone ends the process. Raises IllegalArgumentError for sizes beyond ``2**31 - 1``,
        ClosedChannelError, IllegalArgumentError for negative numbers, NonWritableChannelError for modes that write,
        NonReadableChannelError for any, PermissionError if the file is too short and not open for writing.
        """
        if not isinstance(mode, FileChannel.MapMode):
            raise TypeError(f"the mode is one of FileChannel.MapMode, not {mode!r}")
        if check_int("size", size) > _MAX_MAP:
            raise IllegalArgumentError(f"a mapping has at most {_MAX_MAP} bytes, not {size}")
        with Inside(self):
            end = check_range("position", position, MAX_LONG) + check_range("size", size, MAX_LONG)
            if end > MAX_LONG:
                raise IllegalArgumentError(f"position {position} and size {size} together are beyond {MAX_LONG}")
            if mode is not FileChannel.MapMode.READ_ONLY:
                self._ensure_writable()
            self._ensure_readable()
            if self._file.size() < end:
                self._extend(end)
            mapping, start = self._file.map(mode.name, position, size)
            return MappedByteBuffer.map(mapping, start, size)

    def lock(self, position: int = 0, size: int = MAX_LONG, shared: bool = False) -> FileLock:
        """Lock a region, after waiting for every other process whose lock excludes this one.

        A size of 0 reaches to the end. Locks are advisory and belong to the process; nothing detects two processes that
        wait for each other. Raises ClosedChannelError, NonWritableChannelError (exclusive) or NonReadableChannelError
        (shared), IllegalArgumentError, OverlappingFileLockError when this process holds or waits for a part of the
        region, AsynchronousCloseError when another thread closes the channel meanwhile.
        """
        with Inside(self):
            lock = self._claim(position, size, shared)
            look = _FIRST_LOOK
            try:
                while not self._file.lock(lock.position, lock.size, shared):
                    self._pause(look)
                    look = min(2 * look, _LAST_LOOK)
                locks_of(self._provider).grant(lock)
            except BaseException:
                locks_of(self._provider).drop(lock)
                raise
            return lock

    def try_lock(self, position: int = 0, size: int = MAX_LONG, shared: bool = False) -> FileLock | None:
        """As ``lock``, but None at once when the lock of another process excludes this one."""
        with Inside(self):
            lock = self._claim(position, size, shared)
            try:
                if self._file.lock(lock.position, lock.size, shared):
                    locks_of(self._provider).grant(lock)
                    return lock
            except BaseException:
                locks_of(self._provider).drop(lock)
                raise
            locks_of(self._provider).drop(lock)
            return None

    def __repr__(self) -> str:
        ways = {"reading": self._readable, "appending": self._appends, "writing": self._writable and not self._appends}
        state = " and ".join(way for way, is_open in ways.items() if is_open) if self._open else "closed"
        return f"FileChannel({self._path!r}, {state})"

    def _let_go(self) -> None:
        try:
            locks_of(self._provider).drop_all(self._locks)  # before the descriptor goes
        finally:
            super()._let_go()

    def _extend(self, size: int) -> None:
        if not self._writable:
            raise PermissionError(
                errno.EACCES, f"{self!r} has {self._file.size()} bytes and cannot be extended to the {size} asked for"
            )
        self._file.truncate(size)

    def _claim(self, position: int, size: int, shared: bool) -> FileLock:
        if not isinstance(shared, bool):
            raise TypeError(f"shared must be True or False, not {shared!r}")
        if shared:
            self._ensure_readable()
        else:
            self._ensure_writable()
        lock = FileLock(self, self._file.identity(), position, size, shared)
        locks_of(self._provider).claim(lock)
        return lock


class FileLock:
    """A locked region; ``FileChannel.lock`` and ``try_lock`` make it; the channel's close ends it.

    A context manager that releases the region. Several threads may use it.
    """

    __slots__ = ("__weakref__", "_channel", "_granted", "_identity", "_position", "_shared", "_size")

    def __init__(self, channel: FileChannel, identity: object, position: int, size: int, shared: bool) -> None:
        self._channel = channel
        self._identity = identity
        self._position = check_range("position", position, MAX_LONG)
        self._size = check_range("size", size, MAX_LONG)
        self._shared = shared
        if self._position + self._size > MAX_LONG:
            raise IllegalArgumentError(f"position {position} and size {size} together are beyond {MAX_LONG}")
        if not self._size:
            self._size = MAX_LONG - self._position
        self._granted = False

    @property
    def channel(self) -> FileChannel:
        """The channel whose file is locked."""
        return self._channel

    @property
    def acquired_by(self) -> FileChannel:
        """The channel that locked the region."""
        return self._channel

    @property
    def position(self) -> int:
        """The first byte of the region."""
        return self._position

    @property
    def size(self) -> int:
        """The length of the region, which need not lie inside the file; ``2**63 - 1`` is all it will ever have."""
        return self._size

    @property
    def is_shared(self) -> bool:
        """Whether other processes may hold shared locks on the region; exclusive otherwise."""
        return self._shared

    @property
    def is_valid(self) -> bool:
        """True until ``release()`` or the channel's close."""
        return self._granted and self._channel.is_open

    def overlaps(self, position: int, size: int) -> bool:
        """Whether the region and that one have a byte in common."""
        position, size = check_int("position", position), check_int("size", size)
        return position + size > self._position and self._position + self._size > position

    def release(self) -> None:
        """Release the region; a second call does nothing. ClosedChannelError after the channel's close, which released
        it."""
        with Inside(self._channel):
            locks_of(self._channel.provider).drop(self)

    def close(self) -> None:
        """As ``release()``."""
        self.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.release()

    def __repr__(self) -> str:
        kind, state = "shared" if self._shared else "exclusive", "valid" if self.is_valid else "invalid"
        return f"FileLock(position={self._position}, size={self._size}, {kind}, {state})"

    # for the table

    def _collides(self, other: FileLock) -> bool:
        return self._identity == other._identity and self.overlaps(other._position, other._size)

    def _begin(self) -> None:
        if not self._channel.is_open:
            self._channel._file.unlock(self._position, self._size)
            raise AsynchronousCloseError(f"{self._channel!r} was closed while a thread was inside")
        self._granted = True
        self._channel._locks.append(self)

    def _end(self) -> None:
        if self._granted:
            self._granted = False
            self._channel._locks.remove(self)
            self._channel._file.unlock(self._position, self._size)

    def _forget(self) -> None:
        self._granted = False
