"""A thread that looks where the loops are, so that a long turn can be blamed on a line.

It starts with the first loop that has something to do, in each process for itself: a fork leaves it behind, and whoever
counts the threads before a fork does not count it, because it holds nothing that a child could miss.

Every few milliseconds it looks at each loop that has worked for a while without selecting, and counts the line it is in
and the function it is in. It costs a little while strict mode is on, and is not there otherwise.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from types import FrameType

from nio.doctor._clocks import all_queued
from nio.doctor._place import NOWHERE, Place, is_users, place_of

_EVERY = 0.01  # seconds
_LONG = 20_000_000  # nanoseconds


class Stretch:
    """One stretch of work between two selections: where the watchdog found it."""

    __slots__ = ("began", "queued", "seen", "thread")

    def __init__(self, thread: int) -> None:
        self.thread = thread
        self.began = time.monotonic_ns()
        self.queued = -1  # how long all threads had waited for a processor, when it was met first
        self.seen: Counter[tuple[Place, str]] = Counter()

    @property
    def blamed(self) -> tuple[Place, str]:
        """The line and the function that it was found in most."""
        most = self.seen.most_common(1)
        return most[0][0] if most else (NOWHERE, "")


class Watchdog:
    """Looks at the stretches under way; ``stop()`` ends its thread."""

    def __init__(self) -> None:
        self.working: dict[int, Stretch] = {}  # by an id of the loop
        self._over = threading.Event()
        self._thread: threading.Thread | None = None
        self._process = 0
        self._number = 0

    def guard(self, loop: int, stretch: Stretch) -> None:
        """The loop has begun to work."""
        if self._process != os.getpid():
            self._process, self._over = os.getpid(), threading.Event()
            self.working = {}
            self._thread = threading.Thread(target=self._run, name="nio.doctor watchdog", daemon=True)
            self._thread.start()
        self.working[loop] = stretch

    def uncounted(self, plain: Callable[..., int]) -> Callable[..., int]:
        """How many threads there are besides this one."""

        def thread_count(provider: object) -> int:
            return plain(provider) - (self._process == os.getpid())

        return thread_count

    def stop(self) -> None:
        """Look no more."""
        if self._thread is not None and self._process == os.getpid():
            self._over.set()
            self._thread.join()

    def queued(self) -> int:
        """How long the threads of the process have waited for a processor, but for this one."""
        return all_queued(self._number)

    def _run(self) -> None:
        self._number = threading.get_native_id()
        while not self._over.wait(_EVERY):
            self.look(time.monotonic_ns())

    def look(self, now: int) -> None:
        """Count where each loop is that has worked for long."""
        late = [stretch for stretch in tuple(self.working.values()) if now - stretch.began >= _LONG]
        if late:
            frames = sys._current_frames()
            for stretch in late:
                if stretch.queued < 0:
                    stretch.queued = self.queued()
                frame = frames.get(stretch.thread)
                stretch.seen[place_of(frame), _inside(frame)] += 1


def _inside(frame: FrameType | None) -> str:
    """The function that the user's line has called, if that is one of Python's: else the line says it."""
    if frame is None or is_users(frame.f_code.co_filename):
        return ""
    return frame.f_code.co_qualname
