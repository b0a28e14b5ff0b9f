"""FileChannel: a file, read and written at a position.

**It is no SelectableChannel.** A kernel calls every file ready at every moment, so there is nothing to select, no mode
to configure and no key to keep. What a file has in common with the other channels is the transfer of bytes (scatter,
gather, positions of buffers), and that is shared.

**There is one position, the kernel's,** and what uses it (``read``, ``write``, ``truncate``) goes one after the other.
Whatever brings its own position (``read_at``, ``write_at``, the transfers, maps, locks) takes no turn. ``close()`` does
not wait for those inside: the descriptor goes back when the last of them has left.

**Where the path named a pipe or a terminal,** an operation may have to wait; it sleeps on the descriptor and on a
wake-up that ``close()`` sets. Waiting for a lock is a sleep too, with a look at the kernel now and then: a system call
that blocks could not be released by a close.

The checks of every operation come in the JDK's order: negative numbers of ``read_at`` and ``write_at`` and a part of
several buffers that is outside of them; closed; opened for the direction; numbers; the buffers.
"""

from __future__ import annotations

import enum
import errno
import os
from typing import Self

from nio.buffers import MappedByteBuffer
from nio.channels._byte_channels import EOF
from nio.channels._channel import Channel, ReadableByteChannel, WritableByteChannel
from nio.channels._file_lock import LOCKS, MAX_LONG, FileLock, long
from nio.channels._file_transfer import CHUNK, CHUNK_OF_FILES, copy, send
from nio.channels._interruptible_channel import InterruptibleChannel, chosen
from nio.channels._selectable_channel import SelectableChannel
from nio.channels._transfer import Source, Sources, Target, Targets, Transfer, check_part
from nio.errors import (
    ClosedChannelError,
    IllegalArgumentError,
    NonReadableChannelError,
    NonWritableChannelError,
)
from nio.spi import READABLE, WRITABLE, File, SelectorProvider

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


class FileChannel(InterruptibleChannel):
    """An open file with a position.

    Concurrency: any method from any thread. What uses the channel's own position runs one at a time, the rest at once.
    """

    __slots__ = ("_appends", "_file", "_locks", "_path", "_position_lock", "_readable", "_users", "_writable")

    class MapMode(enum.Enum):
        """What becomes of bytes put into a mapping: refused, seen in the file, or kept to oneself."""

        READ_ONLY = enum.auto()
        READ_WRITE = enum.auto()
        PRIVATE = enum.auto()

    def __init__(self, provider: SelectorProvider, file: File, path: object, options: frozenset[str]) -> None:
        super().__init__(provider, file.fileno())
        self._file = file
        self._path = path
        self._appends = "APPEND" in options
        self._writable = self._appends or "WRITE" in options
        self._readable = not self._writable or "READ" in options
        self._users = 1  # who is inside, and the open channel itself
        self._locks: list[FileLock] = []
        self._position_lock = provider.rlock()

    @classmethod
    def open(
        cls,
        path: str | bytes | os.PathLike[str] | os.PathLike[bytes],
        *options: StandardOpenOption,
        provider: SelectorProvider | None = None,
    ) -> Self:
        """Open a file; without ``WRITE`` and ``APPEND`` it is opened for reading.

        ``CREATE``, ``CREATE_NEW`` (FileExistsError where there is one) and ``TRUNCATE_EXISTING`` count only with those
        two; ``DELETE_ON_CLOSE`` takes the name away at once; ``SPARSE`` is a hint that nobody needs here. ``APPEND``
        does not go with ``READ`` and ``TRUNCATE_EXISTING`` (IllegalArgumentError). Else what the system says:
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

    def read(self, targets: Targets, offset: int = 0, length: int | None = None) -> int:
        """Read at the position into one buffer, or scatter over a list (``length`` buffers from ``offset`` on).

        Returns the number of bytes, by which the position moves; 0 without room; ``EOF`` (-1) at the end and beyond.

        Raises ClosedChannelError, NonReadableChannelError, IllegalArgumentError for a read-only buffer.
        """
        check_part(targets, offset, length)
        with self._position_lock, _Inside(self):
            return self._read(targets, offset, length, None)

    def read_at(self, target: Target, position: int) -> int:
        """As ``read``, at ``position``; the channel's own stays. IllegalArgumentError when it is negative."""
        position = long(position, "position")
        with _Inside(self):
            return self._read(target, 0, None, position)

    def write(self, sources: Sources, offset: int = 0, length: int | None = None) -> int:
        """Write at the position, or gather a list of buffers (``length`` from ``offset`` on): all there is of them.

        Returns the number of bytes, by which the position moves. Beyond the end a gap of zeros is left; a channel that
        appends goes to the end first. Raises ClosedChannelError, NonWritableChannelError, OSError with ``ENOSPC`` ...,
        after which the buffers' positions tell how much was written.
        """
        check_part(sources, offset, length)
        with self._position_lock, _Inside(self):
            return self._write(sources, offset, length, None)

    def write_at(self, source: Source, position: int) -> int:
        """As ``write``, at ``position``; the channel's own stays. A channel that appends does so here too."""
        position = long(position, "position")
        with _Inside(self):
            return self._write(source, 0, None, position)

    @property
    def position(self) -> int:
        """Where ``read`` and ``write`` go on, of a channel that appends the size; it may be set beyond the end.

        Raises ClosedChannelError; IllegalArgumentError for a negative one, OSError for one that no file can have.
        """
        with self._position_lock, _Inside(self):
            return self._file.size() if self._appends else self._file.tell()

    @position.setter
    def position(self, value: int) -> None:
        with self._position_lock, _Inside(self):
            self._file.seek(long(value, "position"))

    @property
    def size(self) -> int:
        """The size of the file as it is now; ClosedChannelError."""
        with _Inside(self):
            return self._file.size()

    def truncate(self, size: int) -> Self:
        """Cut the file to ``size`` bytes, if it has more, and pull the position down to it.

        Raises ClosedChannelError, IllegalArgumentError for a negative size, NonWritableChannelError.
        """
        with self._position_lock, _Inside(self):
            size = long(size, "size")
            self._ensure_writable()
            position = self._file.tell()
            if size < self._file.size():
                self._file.truncate(size)
            if position > size:
                self._file.seek(size)
        return self

    def force(self, metadata: bool = True) -> None:
        """Return when what was written is on the device; with ``metadata`` so are the file's times and the like."""
        if not isinstance(metadata, bool):
            raise TypeError(f"metadata is True or False, not {metadata!r}")
        with _Inside(self):
            self._file.force(metadata)

    def transfer_to(self, position: int, count: int, target: WritableByteChannel) -> int:
        """Write up to ``count`` bytes from ``position`` on to another channel; this one's position stays.

        Returns how many the target took: fewer where the file ends, where a non-blocking target takes no more, and
        where it failed after the first; that failure is the next call's. 0 at the end and beyond. To a socket or pipe
        the kernel sends without a copy, if it can.

        Raises ClosedChannelError for either, NonReadableChannelError, NonWritableChannelError,
        IllegalArgumentError for negative numbers.
        """
        with _Inside(self):
            _ensure_peer_open(target, "write")
            self._ensure_readable()
            if isinstance(target, FileChannel):
                target._ensure_writable()
            position, count = long(position, "position"), long(count, "count")
            count = min(count, self._file.size() - position)
            if count <= 0:
                return 0
            sent = send(self, position, count, target) if isinstance(target, SelectableChannel) else None
            if sent is not None:
                return sent
            return copy(
                self,
                count,
                _chunk(target),
                lambda buffer, done: self._read(buffer, 0, None, position + done),
                lambda buffer, _: target.write(buffer),
            )

    def transfer_from(self, source: ReadableByteChannel, position: int, count: int) -> int:
        """Read up to ``count`` bytes from another channel and write them from ``position`` on; the own position stays.

        Returns how many were written: fewer where the source ends, has nothing more now in non-blocking mode, or failed
        after the first. 0 when ``position`` is beyond the end of this file; the source is then not read.

        Raises ClosedChannelError for either, NonWritableChannelError, IllegalArgumentError for negative numbers,
        NonReadableChannelError.
        """
        with _Inside(self):
            _ensure_peer_open(source, "read")
            self._ensure_writable()
            position, count = long(position, "position"), long(count, "count")
            if position > self._file.size():
                return 0
            if isinstance(source, FileChannel):
                source._ensure_readable()
                count = min(count, source.size - source.position)  # it may be this very file, and grow
            if count <= 0:
                return 0
            return copy(
                self,
                count,
                _chunk(source),
                lambda buffer, _: source.read(buffer),
                lambda buffer, done: self._write(buffer, 0, None, position + done),
            )

    def map(self, mode: MapMode, position: int, size: int) -> MappedByteBuffer:
        """``size`` bytes of the file from ``position`` on as memory, which outlives the channel.

        A file that is shorter is extended, also by a read-only mapping. One that is cut afterwards takes its bytes
        along: touching them ends the process. Raises IllegalArgumentError for sizes beyond ``2**31 - 1``,
        ClosedChannelError, IllegalArgumentError for negative numbers, NonWritableChannelError for modes that write,
        NonReadableChannelError for any, PermissionError where the file would have to be extended and cannot.
        """
        if not isinstance(mode, FileChannel.MapMode):
            raise TypeError(f"the mode is one of FileChannel.MapMode, not {mode!r}")
        if isinstance(size, int) and size > _MAX_MAP:
            raise IllegalArgumentError(f"a mapping has at most {_MAX_MAP} bytes, not {size}")
        with _Inside(self):
            end = long(position, "position") + long(size, "size")
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
        """Wait until no other process has a lock on the region that excludes this one, and take it.

        A size of 0 reaches to the end. Locks are advisory and held by the process; nobody watches for processes that
        wait for each other. Raises ClosedChannelError, NonWritableChannelError (exclusive) or NonReadableChannelError
        (shared), IllegalArgumentError, OverlappingFileLockError when this process holds or waits for a part of the
        region, AsynchronousCloseError when the channel is closed meanwhile.
        """
        with _Inside(self):
            lock = self._claim(position, size, shared)
            look = _FIRST_LOOK
            try:
                while not self._file.lock(lock.position, lock.size, shared):
                    self._pause(look)
                    look = min(2 * look, _LAST_LOOK)
                LOCKS.grant(lock)
            except BaseException:
                LOCKS.drop(lock)
                raise
            return lock

    def try_lock(self, position: int = 0, size: int = MAX_LONG, shared: bool = False) -> FileLock | None:
        """As ``lock``, but None at once where another process is in the way."""
        with _Inside(self):
            lock = self._claim(position, size, shared)
            try:
                if self._file.lock(lock.position, lock.size, shared):
                    LOCKS.grant(lock)
                    return lock
            except BaseException:
                LOCKS.drop(lock)
                raise
            LOCKS.drop(lock)
            return None

    def __repr__(self) -> str:
        ways = {"reading": self._readable, "appending": self._appends, "writing": self._writable and not self._appends}
        state = " and ".join(way for way, is_open in ways.items() if is_open) if self._open else "closed"
        return f"FileChannel({self._path!r}, {state})"

    # inside

    def _enter(self) -> None:
        with self._state_lock:
            self._users += 1  # first: a signal handler may close the channel between any two steps
            if not self._open:
                self._leave()
                raise ClosedChannelError(f"{self!r}")

    def _leave(self) -> None:
        with self._state_lock:
            self._users -= 1
            if not self._users:
                self._wakeup = None
                self._file.close()

    def _let_go(self) -> None:
        try:
            LOCKS.drop_all(self)  # the locks go before the descriptor does
        finally:
            self._leave()

    def _ensure_readable(self) -> None:
        if not self._readable:
            raise NonReadableChannelError(f"{self!r}")

    def _ensure_writable(self) -> None:
        if not self._writable:
            raise NonWritableChannelError(f"{self!r}")

    def _read(self, targets: Targets, offset: int, length: int | None, position: int | None) -> int:
        self._ensure_readable()
        transfer = Transfer(targets, offset, length, writable=True)
        if not transfer.remaining:
            return 0
        count = self._insist(READABLE, self._file.read, transfer.views(), position)
        transfer.advance(count)
        return count or EOF

    def _write(self, sources: Sources, offset: int, length: int | None, position: int | None) -> int:
        self._ensure_writable()
        transfer = Transfer(sources, offset, length, writable=False)
        total = 0
        while transfer.remaining:
            at = None if position is None else position + total
            self._ensure_not_closed_meanwhile()
            count = self._insist(WRITABLE, self._file.write, transfer.views(), at)
            total += count
            transfer.advance(count)
        return total

    def _extend(self, size: int) -> None:
        if not self._writable:
            raise PermissionError(
                errno.EACCES, f"{self!r} has {self._file.size()} bytes and cannot be extended to the {size} asked for"
            )
        self._file.truncate(size)

    # locks

    def _claim(self, position: int, size: int, shared: bool) -> FileLock:
        if not isinstance(shared, bool):
            raise TypeError(f"shared is True or False, not {shared!r}")
        if shared:
            self._ensure_readable()
        else:
            self._ensure_writable()
        lock = FileLock(self, self._file.identity(), position, size, shared)
        LOCKS.claim(lock)
        return lock

    def _release(self, lock: FileLock) -> None:
        with _Inside(self):
            LOCKS.drop(lock)

    def _unlock(self, lock: FileLock) -> None:
        self._file.unlock(lock.position, lock.size)


class _Inside:
    """Whoever is inside keeps the descriptor; ClosedChannelError for those who come too late."""

    __slots__ = ("_channel",)

    def __init__(self, channel: FileChannel) -> None:
        self._channel = channel

    def __enter__(self) -> None:
        self._channel._enter()

    def __exit__(self, *exc_info: object) -> None:
        self._channel._leave()


def _chunk(peer: Channel) -> int:
    return CHUNK_OF_FILES if isinstance(peer, FileChannel) else CHUNK


def _ensure_peer_open(peer: Channel, way: str) -> None:
    if not callable(getattr(peer, way, None)):
        raise TypeError(f"{peer!r} has no {way}()")
    if not peer.is_open:
        raise ClosedChannelError(f"{peer!r}")
