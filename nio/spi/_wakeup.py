"""What ends a sleeping wait: an eventfd, or a pipe where the kernel has no eventfd.

One thread may be inside ``set()`` while another is done with the wake-up. If that one closed the descriptor, the write
could reach a stranger that got the same number. So nobody closes it: it is closed with the last reference. An owner
that is done drops its reference; a thread inside ``set()`` still holds one.
"""

from __future__ import annotations

import os
import sys

from nio.spi._descriptors import above_standard

_ONE = (1).to_bytes(8, sys.byteorder)  # what an eventfd takes; a pipe takes anything


class SystemWakeup:
    """A descriptor that is readable from ``set()`` until ``clear()``; neither blocks, however often it is called."""

    __slots__ = ("_reader", "_writer")

    def __init__(self, *, eventfd: bool = hasattr(os, "eventfd")) -> None:
        self._reader = self._writer = -1
        if eventfd:
            self._reader = self._writer = above_standard(os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC))
        else:
            self._reader, self._writer = map(above_standard, os.pipe())
            os.set_blocking(self._reader, False)
            os.set_blocking(self._writer, False)

    def fileno(self) -> int:
        """The descriptor to watch for input."""
        return self._reader

    @property
    def writer(self) -> int:
        """The descriptor that ``set()`` writes to."""
        return self._writer

    def set(self) -> None:
        """Make the descriptor readable; takes no lock, so a signal handler may call it."""
        try:
            os.write(self._writer, _ONE)
        except BlockingIOError:
            pass  # a pipe that is full is readable all the same

    def clear(self) -> None:
        """Make the descriptor silent again, whatever number of ``set()`` went before."""
        try:
            while len(os.read(self._reader, 4096)) == 4096:
                pass
        except BlockingIOError:
            pass

    def __del__(self) -> None:
        try:
            if self._reader >= 0:
                os.close(self._reader)
        finally:  # also when a Ctrl-C comes then
            if self._writer not in (self._reader, -1):
                os.close(self._writer)
