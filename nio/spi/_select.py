"""select(2), which every system has: it watches descriptors below ``FD_SETSIZE`` only, and looks at each in every wait.

It reports no faults: an error or the peer's end makes a descriptor readable, an error also writable. So we ask poll(2)
for the faults of what is ready. On a system without poll a refused connect looks like a connection with data.

One descriptor that somebody has closed fails the call for all. Then we ask of each whether it is open, and report those
that are not.
"""

from __future__ import annotations

import os
import select
from collections.abc import Iterable

from nio.errors import IllegalArgumentError
from nio.spi._base import INVALID, READABLE, WRITABLE


class SelectPoller:
    """Readiness by select."""

    __slots__ = ("_readers", "_writers")

    limit = 1024  # FD_SETSIZE, which Python does not tell; the same on Linux, macOS and the BSDs

    def __init__(self) -> None:
        self._readers: set[int] = set()
        self._writers: set[int] = set()

    def add(self, fd: int, mask: int) -> None:
        self.modify(fd, mask)

    def modify(self, fd: int, mask: int) -> None:
        self.remove(fd)
        if mask & READABLE:
            self._readers.add(fd)
        if mask & WRITABLE:
            self._writers.add(fd)

    def remove(self, fd: int) -> None:
        self._readers.discard(fd)
        self._writers.discard(fd)

    def wait(self, timeout: float | None) -> list[tuple[int, int]]:
        try:
            readable, writable, _ = select.select(self._readers, self._writers, (), timeout)
        except OSError:
            closed = [(fd, INVALID) for fd in self._readers | self._writers if not _is_open(fd)]
            if not closed:
                raise
            return closed
        masks = dict.fromkeys(readable, READABLE)
        for fd in writable:
            masks[fd] = masks.get(fd, 0) | WRITABLE
        for fd, fault in _faults(masks):
            masks[fd] |= fault
        return list(masks.items())

    def close(self) -> None:
        self._readers.clear()
        self._writers.clear()


def _is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


def _faults(masks: Iterable[int]) -> list[tuple[int, int]]:
    if not hasattr(select, "poll"):
        return []
    poll = select.poll()
    for fd in masks:
        poll.register(fd, 0)
    return poll.poll(0)


def wait_for(fd: int, mask: int, wakeup: int | None, timeout: float | None) -> bool:
    """Sleep until ``fd`` answers to ``mask`` (True), ``wakeup`` is set or ``timeout`` seconds are over (False).

    IllegalArgumentError for a number that select cannot watch.
    """
    beyond = max(fd, -1 if wakeup is None else wakeup)
    if beyond >= SelectPoller.limit:
        raise IllegalArgumentError(
            f"descriptor {beyond} is beyond the {SelectPoller.limit} that select can watch, and poll is not there; "
            "keep fewer descriptors open"
        )
    readers = [fd] if mask & READABLE else []
    if wakeup is not None:
        readers.append(wakeup)
    readable, writable, _ = select.select(readers, [fd] if mask & WRITABLE else (), (), timeout)
    return fd in readable or fd in writable
