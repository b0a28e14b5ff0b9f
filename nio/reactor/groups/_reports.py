"""What a child process tells its parent, and the other way: records of a fixed size, through pipes.

Each is far shorter than what a pipe takes in one piece, so records of several children do not mix. One that finds the
pipe full is dropped: the next one has the same counters, and more.
"""

from __future__ import annotations

import enum
import struct
from collections.abc import Iterator
from types import MappingProxyType
from typing import NamedTuple

from nio.reactor.loop._close_reason import CloseReason
from nio.reactor.loop._progress import ReactorStatistics

_NUMBERS = tuple(name for name in ReactorStatistics.__match_args__ if name != "closed")
_REASONS = tuple(CloseReason)
_REPORT = struct.Struct(f"=Bqd{len(_NUMBERS) + len(_REASONS)}q")
_ORDER = struct.Struct("=Bd")
_NEVER = -1.0  # seconds: no drain

NOTHING = ReactorStatistics(**dict.fromkeys(_NUMBERS, 0), closed=MappingProxyType({}))


class Word(enum.IntEnum):
    """What a child says."""

    READY = 1
    COUNTS = 2
    STOP = 3


class Order(enum.IntEnum):
    """What the parent says. The end of its pipe says: leave at once."""

    COUNT = 1
    DRAIN = 2
    RETIRE = 3


class Told(NamedTuple):
    """A child's report; ``drain`` belongs to STOP."""

    word: Word
    pid: int
    drain: float | None
    counts: ReactorStatistics


def report(word: Word, pid: int, counts: ReactorStatistics, drain: float | None = None) -> bytes:
    """One record of a child."""
    numbers = [getattr(counts, name) for name in _NUMBERS]
    reasons = [counts.closed.get(reason, 0) for reason in _REASONS]
    return _REPORT.pack(word, pid, _NEVER if drain is None else drain, *numbers, *reasons)


def reports(data: bytes) -> Iterator[Told]:
    """The whole records in ``data``."""
    whole = len(data) - len(data) % _REPORT.size
    for word, pid, drain, *values in _REPORT.iter_unpack(data[:whole]):
        numbers = dict(zip(_NUMBERS, values, strict=False))
        closed = {reason: count for reason, count in zip(_REASONS, values[len(_NUMBERS) :], strict=True) if count}
        counts = ReactorStatistics(**numbers, closed=MappingProxyType(closed))
        yield Told(Word(word), pid, None if drain == _NEVER else drain, counts)


def order(word: Order, seconds: float = 0.0) -> bytes:
    """One record of the parent."""
    return _ORDER.pack(word, seconds)


def orders(data: bytes) -> Iterator[tuple[Order, float]]:
    """The records in ``data``."""
    for word, seconds in _ORDER.iter_unpack(data):
        yield Order(word), seconds


def of_the_dead(counts: ReactorStatistics) -> ReactorStatistics:
    """What stays of a process's counters when it is gone."""
    return counts.__replace__(open=0, timers=0)


READ_SIZE = 64 * _REPORT.size
ORDERS_SIZE = 64 * _ORDER.size
