"""The file locks of this process, in one table for each kernel.

A file lock keeps out other *processes*. Within this process nobody waits for a lock: two threads would share the
kernel's lock without noticing, and the first to release it would release it for both. So the table refuses an
overlapping lock with OverlappingFileLockError, whichever channel asks for it. That is why there is one table for all
the files of a kernel. It knows a file by its device and inode, and it also holds the locks that still wait for the
kernel.

The table refers to locks weakly, so that a channel that nobody closed can be collected together with its locks. A
forked child starts with an empty table and invalid locks: the kernel's lock belongs to its parent.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, Self
from weakref import WeakSet

from nio.channels._per_kernel import PerKernel
from nio.errors import OverlappingFileLockError
from nio.spi import SelectorProvider


class Claim(Protocol):
    """What the table asks of a lock."""

    def _collides(self, other: Self) -> bool:
        """Whether both are on one file and have a byte in common."""

    def _begin(self) -> None:
        """Be valid; AsynchronousCloseError when the channel was closed meanwhile."""

    def _end(self) -> None:
        """Be invalid, and tell the kernel so if it knows this lock."""

    def _forget(self) -> None:
        """Be invalid, and leave the kernel alone."""


class LockTable:
    """The locks that this process holds or waits for. A channel asks the kernel between claim and grant."""

    def __init__(self, provider: SelectorProvider) -> None:
        self._new_guard = provider.rlock
        self._guard = provider.rlock()
        self._locks: WeakSet[Claim] = WeakSet()

    def claim(self, lock: Claim) -> None:
        """Before the kernel is asked; OverlappingFileLockError leaves the table as it was."""
        with self._guard:
            for other in self._locks:
                if lock._collides(other):
                    raise OverlappingFileLockError(f"{lock!r} overlaps {other!r} of this process")
            self._locks.add(lock)

    def grant(self, lock: Claim) -> None:
        """After the kernel has agreed; AsynchronousCloseError when the channel was closed meanwhile."""
        with self._guard:
            lock._begin()

    def drop(self, lock: Claim) -> None:
        """Undo a grant, or a claim that the kernel refused. The next claim finds the kernel's lock gone too."""
        with self._guard:
            self._locks.discard(lock)
            lock._end()

    def drop_all(self, locks: Iterable[Claim]) -> None:
        """Drop the locks of a channel before its descriptor is closed, which ends those that the kernel keeps."""
        with self._guard:
            for lock in tuple(locks):
                try:
                    self.drop(lock)
                except OSError:
                    pass

    def forget(self) -> None:
        """Hold nothing, in a forked child: the guard may be held by a thread that only the parent has."""
        self._guard = self._new_guard()
        for lock in self._locks:
            lock._forget()
        self._locks.clear()


_TABLES = PerKernel(LockTable)


def locks_of(provider: SelectorProvider) -> LockTable:
    """The table for the files of the provider's kernel."""
    return _TABLES.of(provider)
