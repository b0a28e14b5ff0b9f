"""The figures of a pool."""

from __future__ import annotations

from nio._record import Record, record


@record
class PoolStatistics(Record):
    """What a ``WorkerPool`` is doing, and has done since it was made."""

    threads: int
    idle: int
    """Threads that sleep and have not been woken."""
    queued: int
    """Jobs that no worker has taken yet."""
    completed: int
    """Jobs run by workers, whatever they raised."""
    rejected: int
    """Jobs refused with ``RejectedExecutionError``."""
    discarded: int
    """Jobs dropped: by a policy, ``discard_oldest()``, or ``shutdown(cancel_futures=True)``."""
    largest: int
    """The most threads there have been at a time."""


class Tally:
    """What one worker has done; written by that worker alone, so that counting needs no lock."""

    __slots__ = ("completed",)

    def __init__(self) -> None:
        self.completed = 0
