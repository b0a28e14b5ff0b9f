"""epoll(7), level-triggered: the methods are the kernel object's own, so that a wait costs no Python call.

**Shared listeners.** Where several processes wait at one listener, a connection wakes them all, and all but one for
nothing. With EPOLLEXCLUSIVE the kernel wakes one, or a few. A descriptor that is watched that way cannot be modified:
it is taken out and put in again. Its inode tells it from a later one of the same number.

The kernel wakes whoever has waited at the listener the longest, and an idle machine's first process would get every
connection. So whoever was woken goes to the end of the queue, in the same way, before it waits again.
"""

from __future__ import annotations

import os
import select

from nio.spi._base import READABLE

_EXCLUSIVE: int = getattr(select, "EPOLLEXCLUSIVE", 0)

_shared: dict[int, int] = {}  # of this process: the listener's descriptor to its inode


def share(fd: int) -> None:
    """Other processes wait at this listener, too; pollers that are opened from now on know it."""
    _shared[fd] = os.fstat(fd).st_ino


class EpollPoller:
    """Readiness by epoll."""

    __slots__ = ("_epoll", "add", "close", "fileno", "modify", "remove", "wait")

    limit = None

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self.add = self._epoll.register
        self.modify = self._epoll.modify
        self.remove = self._epoll.unregister
        self.wait = self._epoll.poll
        self.close = self._epoll.close
        self.fileno = self._epoll.fileno


class SharingEpollPoller:
    """Readiness by epoll, in a process that shares listeners with others."""

    __slots__ = ("_epoll", "_exclusive", "_woken", "close", "fileno")

    limit = None

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._exclusive: set[int] = set()
        self._woken: list[int] = []  # by these listeners
        self.close = self._epoll.close
        self.fileno = self._epoll.fileno

    def add(self, fd: int, mask: int) -> None:
        if fd in _shared and mask == READABLE and os.fstat(fd).st_ino == _shared[fd]:
            self._epoll.register(fd, mask | _EXCLUSIVE)
            self._exclusive.add(fd)
        else:
            self._epoll.register(fd, mask)

    def modify(self, fd: int, mask: int) -> None:
        if fd in self._exclusive:
            self.remove(fd)
            self.add(fd, mask)
        else:
            self._epoll.modify(fd, mask)

    def wait(self, timeout: float | None) -> list[tuple[int, int]]:
        for fd in self._woken:
            if fd in self._exclusive:
                self.modify(fd, READABLE)
        events = self._epoll.poll(timeout)
        self._woken = [fd for fd, _ in events if fd in self._exclusive]
        return events

    def remove(self, fd: int) -> None:
        self._exclusive.discard(fd)
        self._epoll.unregister(fd)


def open_poller() -> EpollPoller | SharingEpollPoller:
    """The plain one, unless this process shares listeners."""
    return SharingEpollPoller() if _shared and _EXCLUSIVE else EpollPoller()
