"""A thread that looks where the loops are, so that a long turn can be blamed on a line.

Every few milliseconds it looks at each loop that has worked for a while without selecting, and counts the line it is in
and the function it is in. It costs a little while strict mode is on, and is not there otherwise.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from types import FrameType

from nio.doctor._place import NOWHERE, Place, is_users, place_of

_EVERY = 0.01  # seconds
_LONG = 20_000_000  # nanoseconds


class Stretch:
    """One stretch of work between two selections: where the watchdog found it."""

    __slots__ = ("began", "seen", "thread")

    def __init__(self, thread: int) -> None:
        self.thread = thread
        self.began = time.monotonic_ns()
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
        self._thread = threading.Thread(target=self._run, name="nio.doctor watchdog", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(_EVERY):
            self.look(time.monotonic_ns())

    def look(self, now: int) -> None:
        """Count where each loop is that has worked for long."""
        late = [stretch for stretch in tuple(self.working.values()) if now - stretch.began >= _LONG]
        if late:
            frames = sys._current_frames()
            for stretch in late:
                frame = frames.get(stretch.thread)
                stretch.seen[place_of(frame), _inside(frame)] += 1


def _inside(frame: FrameType | None) -> str:
    """The function that the user's line has called, if that is one of Python's: else the line says it."""
    if frame is None or is_users(frame.f_code.co_filename):
        return ""
    return str(frame.f_code.co_qualname) if hasattr(frame.f_code, "co_qualname") else frame.f_code.co_name
