"""Wall, own processor time, that of the other threads, and waiting for a processor: side by side.

They tell apart a thread that waits, one that computes, one that the machine keeps from running, and one that waits for
its turn with the interpreter's lock. The kernel tells how long a runnable thread had to wait (``schedstat`` of Linux);
where nobody tells, it is 0.
"""

from __future__ import annotations

import os
import time
from typing import NamedTuple


class Clocks(NamedTuple):
    """Nanoseconds, as seen by the calling thread."""

    wall: int
    cpu: int
    process: int
    queued: int

    def since(self, before: Clocks) -> tuple[int, int, int, int]:
        """Wall, processor time of this thread, of the others, and time in the run queue since then."""
        cpu = self.cpu - before.cpu
        others = max(0, self.process - before.process - cpu)
        return self.wall - before.wall, cpu, others, self.queued - before.queued


def now() -> Clocks:
    """The four, now."""
    return Clocks(time.monotonic_ns(), time.thread_time_ns(), time.process_time_ns(), _queued())


def _queued(thread: str = "thread-self") -> int:
    try:
        with open(f"/proc/{thread}/schedstat", "rb", buffering=0) as file:
            return int(file.read(80).split()[1])
    except (OSError, ValueError, IndexError):
        return 0  # the thread has ended, or nobody tells


def all_queued(but: int) -> int:
    """How long all threads but one have waited for a processor: a thread may wait for what another is to do."""
    try:
        tasks = os.listdir("/proc/self/task")
    except OSError:
        return 0
    return sum(_queued(f"self/task/{task}") for task in tasks if task != str(but))
