"""kqueue(2): two filters per descriptor, reported apart. ``wait`` merges the events of one descriptor.

``EV_EOF`` says that the filter's direction has ended. On the read filter the peer has half-closed; on the write filter
either side may have. So it is no fault by itself. With the socket's error in ``fflags`` it is one (``BROKEN``), and
when both directions have ended it is what epoll calls a hang-up. One difference remains: kqueue does not report a
socket that was never connected, where Linux reports a hang-up.

**An exception at any point loses nothing.** A signal handler may raise between the call of the kernel and the note of
what it was told. So a descriptor's mask is UNKNOWN meanwhile, and after such an exception both filters are told anew.

The kernel's names are passed in as a namespace (``select`` on a machine that has them), because on other machines the
contract suite runs this file over a faithful fake.
"""

from __future__ import annotations

import select
from collections.abc import Sequence
from typing import Protocol, cast

from nio.spi._base import BROKEN, HUNG_UP, READABLE, WRITABLE

_UNKNOWN = -1


class Kevent(Protocol):
    """One change or one event, as ``select.kevent``."""

    ident: int
    filter: int
    flags: int
    fflags: int


class Kqueue(Protocol):
    """The queue, as ``select.kqueue``."""

    def control(
        self, changes: Sequence[Kevent] | None, max_events: int, timeout: float | None = None, /
    ) -> list[Kevent]: ...

    def fileno(self) -> int: ...

    def close(self) -> None: ...


class Kernel(Protocol):
    """What ``select`` holds on a system with kqueue."""

    KQ_FILTER_READ: int
    KQ_FILTER_WRITE: int
    KQ_EV_ADD: int
    KQ_EV_DELETE: int
    KQ_EV_EOF: int

    def kqueue(self) -> Kqueue: ...

    def kevent(self, ident: int, filter: int, flags: int, /) -> Kevent: ...


class KqueuePoller:
    """Readiness by kqueue."""

    __slots__ = ("_filters", "_kernel", "_masks", "_queue")

    limit = None

    def __init__(self, kernel: Kernel | None = None) -> None:
        self._kernel = kernel if kernel is not None else cast(Kernel, select)
        self._queue = self._kernel.kqueue()
        self._masks: dict[int, int] = {}
        self._filters = ((READABLE, self._kernel.KQ_FILTER_READ), (WRITABLE, self._kernel.KQ_FILTER_WRITE))

    def add(self, fd: int, mask: int) -> None:
        self.modify(fd, mask)

    def modify(self, fd: int, mask: int) -> None:
        old = self._masks.get(fd, 0)
        self._masks[fd] = _UNKNOWN
        if old == _UNKNOWN:
            self._tell_anew(fd, mask)
        elif changes := [
            self._kernel.kevent(fd, name, self._kernel.KQ_EV_ADD if mask & bit else self._kernel.KQ_EV_DELETE)
            for bit, name in self._filters
            if (old ^ mask) & bit
        ]:
            self._queue.control(changes, 0)
        self._masks[fd] = mask

    def _tell_anew(self, fd: int, mask: int) -> None:
        for bit, name in self._filters:
            if mask & bit:
                self._queue.control([self._kernel.kevent(fd, name, self._kernel.KQ_EV_ADD)], 0)
                continue
            try:
                self._queue.control([self._kernel.kevent(fd, name, self._kernel.KQ_EV_DELETE)], 0)
            except FileNotFoundError:
                pass  # the filter is not there, as it should be

    def remove(self, fd: int) -> None:
        try:
            self.modify(fd, 0)
        except OSError:
            del self._masks[fd]
            raise
        del self._masks[fd]

    def wait(self, timeout: float | None) -> list[tuple[int, int]]:
        masks: dict[int, int] = {}
        ended: set[int] = set()
        for event in self._queue.control(None, max(1, 2 * len(self._masks)), timeout):
            fd = event.ident
            mask = WRITABLE if event.filter == self._kernel.KQ_FILTER_WRITE else READABLE
            if event.flags & self._kernel.KQ_EV_EOF:
                if event.fflags:
                    mask |= BROKEN
                elif fd in ended:
                    mask |= HUNG_UP
                ended.add(fd)
            masks[fd] = masks.get(fd, 0) | mask
        return list(masks.items())

    def fileno(self) -> int:
        return self._queue.fileno()

    def close(self) -> None:
        self._queue.close()
