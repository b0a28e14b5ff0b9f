"""FileLock: a region of a file that other processes are kept out of.

A lock keeps out other *processes*. Inside this one nobody is kept waiting: an overlapping lock, whichever channel asks
for it, is refused with OverlappingFileLockError, for two threads would share the kernel's lock without noticing, and
the first to release would release it for both. Hence one table for the whole process; it knows a file by its kernel and
by what that tells of it, device and inode, and holds those who still wait for the kernel as well.

A region of size 0 reaches to the end, wherever that will be. So it does in later JDKs; JDK 17 tells the kernel the
same, but takes it to overlap with nothing that begins behind it.

The table refers to locks weakly, so that a channel that was never closed can be collected together with its locks. A
forked child starts with an empty table and invalid locks: the kernel's lock is its parent's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Self
from weakref import WeakKeyDictionary, WeakSet

from nio.errors import AsynchronousCloseError, IllegalArgumentError, OverlappingFileLockError
from nio.spi import Lock

if TYPE_CHECKING:
    from nio.channels._file_channel import FileChannel

MAX_LONG: Final = 2**63 - 1  # the last position a file can have, and the size that means "all there will ever be"


def long(value: object, what: str) -> int:
    """An int from 0 to ``MAX_LONG``; TypeError for anything else, IllegalArgumentError outside."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"the {what} is an int, not {value!r}")
    if not 0 <= value <= MAX_LONG:
        raise IllegalArgumentError(f"the {what} is 0 to {MAX_LONG}, not {value}")
    return value


class FileLock:
    """A locked region; ``FileChannel.lock`` and ``try_lock`` make it, the channel's close ends it.

    A context manager that releases it. Safe for use by several threads.
    """

    __slots__ = ("__weakref__", "_channel", "_granted", "_identity", "_position", "_shared", "_size")

    def __init__(self, channel: FileChannel, identity: object, position: int, size: int, shared: bool) -> None:
        self._channel = channel
        self._identity = identity
        self._position, self._size, self._shared = long(position, "position"), long(size, "size"), shared
        if position + size > MAX_LONG:
            raise IllegalArgumentError(f"position {position} and size {size} together are beyond {MAX_LONG}")
        if not size:
            self._size = MAX_LONG - position
        self._granted = False

    @property
    def channel(self) -> FileChannel:
        """The channel whose file is locked."""
        return self._channel

    @property
    def acquired_by(self) -> FileChannel:
        """The channel that the lock was asked of."""
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
        for what, number in (("position", position), ("size", size)):
            if not isinstance(number, int) or isinstance(number, bool):
                raise TypeError(f"the {what} is an int, not {number!r}")
        return position + size > self._position and self._position + self._size > position

    def release(self) -> None:
        """Let others in; again is nothing. ClosedChannelError once the channel is closed, which has released it."""
        self._channel._release(self)

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


class LockTable:
    """The locks that this process holds or waits for; what is said of the kernel's locks is the caller's to do."""

    def __init__(self) -> None:
        self._by_kernel: WeakKeyDictionary[object, tuple[Lock, WeakSet[FileLock]]] = WeakKeyDictionary()
        self._told: WeakSet[object] = WeakSet()  # kernels that say when this process has been forked

    def claim(self, lock: FileLock) -> None:
        """Before the kernel is asked; OverlappingFileLockError leaves the table as it was."""
        guard, locks = self._of(lock._channel)
        with guard:
            for other in locks:
                if other._identity == lock._identity and other.overlaps(lock._position, lock._size):
                    raise OverlappingFileLockError(f"{lock!r} overlaps {other!r} of this process")
            locks.add(lock)

    def grant(self, lock: FileLock) -> None:
        """After the kernel has agreed; AsynchronousCloseError when the channel was closed meanwhile."""
        guard, _ = self._of(lock._channel)
        with guard:
            if not lock._channel.is_open:
                lock._channel._unlock(lock)
                raise AsynchronousCloseError(f"{lock._channel!r} was closed while a thread was inside")
            lock._granted = True
            lock._channel._locks.append(lock)

    def drop(self, lock: FileLock) -> None:
        """Undo a grant, or a claim that came to nothing; whoever claims next finds the kernel's lock gone too."""
        guard, locks = self._of(lock._channel)
        with guard:
            locks.discard(lock)
            if lock._granted:
                lock._granted = False
                lock._channel._locks.remove(lock)
                lock._channel._unlock(lock)

    def drop_all(self, channel: FileChannel) -> None:
        """Before the channel's descriptor is given back, which undoes what cannot be undone here."""
        guard, _ = self._of(channel)
        with guard:
            for lock in tuple(channel._locks):
                try:
                    self.drop(lock)
                except OSError:
                    pass

    def forget(self) -> None:
        """In a forked child: nothing is held, and whoever held a guard is not here."""
        for _, locks in self._by_kernel.values():
            for lock in locks:
                lock._granted = False
        self._by_kernel.clear()

    def _of(self, channel: FileChannel) -> tuple[Lock, WeakSet[FileLock]]:
        """The guard, and the locks on files of the channel's kernel."""
        provider = channel.provider
        found = self._by_kernel.get(provider.kernel)
        if found is not None:
            return found
        if provider.kernel not in self._told:
            self._told.add(provider.kernel)
            provider.after_fork(self.forget)
        return self._by_kernel.setdefault(provider.kernel, (provider.rlock(), WeakSet()))


LOCKS: Final = LockTable()
