"""An end for a program that has none: after some seconds an exception that ``except Exception`` does not catch."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Over(BaseException):
    """The time is over."""


@contextmanager
def alarm(seconds: float | None) -> Iterator[None]:
    """Inside, ``Over`` is raised after so many seconds, and again and again until the block has ended; None: never."""
    if seconds is None:
        yield
        return

    def ring(number: int, frame: FrameType | None) -> None:
        raise Over

    previous = signal.signal(signal.SIGALRM, ring)
    before = signal.setitimer(signal.ITIMER_REAL, seconds, min(seconds, 1.0))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
        signal.setitimer(signal.ITIMER_REAL, *before)  # of whoever has set one
