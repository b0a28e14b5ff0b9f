"""What a turn did, and what a reactor has done so far."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from nio._record import Record, record
from nio.reactor.loop._close_reason import CloseReason


class Progress(NamedTuple):
    """What one turn did: connections accepted and closed, bytes moved, ticks and timers run (signals, too)."""

    accepted: int
    bytes_in: int
    bytes_out: int
    closed: int
    ticks: int
    timers: int


@record
class ReactorStatistics(Record):
    """A reactor's counters since it was opened.

    ``connections`` counts those accepted or connected, ``open`` those of them that are there, ``closed`` the others by
    reason. ``requests`` counts records handed to ``process``; ``dropped`` those whose connection was gone when the
    reply came; ``lost`` the workers that had a record beyond its ``process_timeout``; ``abandoned`` the connections
    that were cut when the drain time was over; ``refused`` those that were closed at once, as their peer had all it may
    have; ``spins`` how often 512 turns in a row were woken for nothing.
    ``timers`` is the number of timers that are set.
    """

    connections: int
    open: int
    requests: int
    dropped: int
    bytes_in: int
    bytes_out: int
    turns: int
    lost: int
    abandoned: int
    refused: int
    spins: int
    timers: int
    closed: Mapping[CloseReason, int]


class Tally:
    """The counters of one reactor; the loop and the handlers add to them, on the reactor's thread."""

    __slots__ = (
        "abandoned",
        "bytes_in",
        "bytes_out",
        "closed",
        "connections",
        "dropped",
        "lost",
        "open",
        "refused",
        "requests",
        "spins",
        "ticks",
        "timers",
        "turns",
    )

    connections: int
    open: int
    requests: int
    dropped: int
    bytes_in: int
    bytes_out: int
    turns: int
    lost: int
    abandoned: int
    refused: int
    spins: int
    ticks: int
    timers: int

    def __init__(self) -> None:
        self.connections = self.open = self.requests = self.dropped = self.bytes_in = self.bytes_out = 0
        self.turns = self.lost = self.abandoned = self.refused = self.spins = self.ticks = self.timers = 0
        self.closed: dict[CloseReason, int] = {}

    def statistics(self, timers: int) -> ReactorStatistics:
        """The counters as they are now."""
        return ReactorStatistics(
            connections=self.connections,
            open=self.open,
            requests=self.requests,
            dropped=self.dropped,
            bytes_in=self.bytes_in,
            bytes_out=self.bytes_out,
            turns=self.turns,
            lost=self.lost,
            abandoned=self.abandoned,
            refused=self.refused,
            spins=self.spins,
            timers=timers,
            closed=MappingProxyType(dict(self.closed)),
        )
