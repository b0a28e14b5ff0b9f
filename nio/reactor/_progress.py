"""What a turn did, and what a reactor has done so far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from nio.reactor._close_reason import CloseReason


class Progress(NamedTuple):
    """What one turn did: connections accepted and closed, bytes moved, ticks and timers run."""

    accepted: int
    bytes_in: int
    bytes_out: int
    closed: int
    ticks: int
    timers: int


@dataclass(frozen=True, slots=True)
class ReactorStatistics:
    """A reactor's counters since it was opened.

    ``requests`` counts records handed to ``process``; ``dropped`` those whose connection was gone when the reply came;
    ``abandoned`` the connections that were cut when the drain time was over; ``spins`` how often 512 turns in a row
    were woken for nothing.
    """

    connections: int
    open: int
    requests: int
    dropped: int
    bytes_in: int
    bytes_out: int
    turns: int
    abandoned: int
    spins: int
    closed: Mapping[CloseReason, int]
