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


LAGS = 24  # numbers in ``lag``: up to 8 s, and more
_LENGTHS = 64  # of a number of nanoseconds, in bits
_NONE = 11  # of one that is less than a microsecond
_TOGETHER = 4_000_000  # nanoseconds: by less than that a deadline may be late


@record
class ReactorStatistics(Record):
    """A reactor's counters since it was opened.

    ``connections`` counts those accepted or connected, ``open`` those of them that are there, ``closed`` the others by
    reason. ``requests`` counts records handed to ``process``; ``dropped`` those whose connection was gone when the
    reply came; ``lost`` the workers that had a record beyond its ``process_timeout``; ``abandoned`` the connections
    that were cut when the drain time was over; ``refused`` those that were closed at once, as their peer had all it may
    have; ``spins`` how often 512 turns in a row were woken for nothing.
    ``timers`` is the number of timers that are set.

    ``busy`` is how many nanoseconds the loop was at work, and not asleep in the kernel: what it grows by in a second is
    its busy share. ``lag`` tells of the turns by how long they were at work, and whoever was ready meanwhile waited:
    ``lag[n]`` turns took less than 2**n microseconds (of 1 024 nanoseconds) and not less than half of that; the last
    number is that of all longer ones.
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
    busy: int
    lag: tuple[int, ...]
    closed: Mapping[CloseReason, int]


class Tally:
    """The counters of one reactor; the loop and the handlers add to them, on the reactor's thread."""

    __slots__ = (
        "abandoned",
        "busy",
        "bytes_in",
        "bytes_out",
        "closed",
        "connections",
        "dropped",
        "ended",
        "heard",
        "lag",
        "lost",
        "open",
        "refused",
        "requests",
        "since",
        "spins",
        "ticks",
        "timers",
        "turns",
        "until",
        "woke",
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
    busy: int
    woke: int
    ended: int
    since: int
    until: int

    def __init__(self) -> None:
        self.connections = self.open = self.requests = self.dropped = self.bytes_in = self.bytes_out = 0
        self.turns = self.lost = self.abandoned = self.refused = self.spins = self.ticks = self.timers = 0
        self.busy = 0  # nanoseconds at work
        self.woke = 0  # when this turn's work began; 0: it is not at work, or has begun with it
        self.ended = 0  # when the work of the turn before did, and this turn began; 0: nobody has looked at the clock
        self.heard: list[int] = [0]  # when this turn ended, for all who are heard in it; 0 while it is under way
        self.since = self.until = 0  # and in the turns that begin meanwhile: a list for each is much for an idle peer
        self.lag: list[int] = [0] * _LENGTHS  # turns, by the bits of the nanoseconds that they were at work
        self.closed: dict[CloseReason, int] = {}

    def wake(self, now: int) -> list[int]:
        """A turn's work begins; the list of all who are heard in it."""
        self.woke = now
        if now > self.until:
            self.heard[0] = self.heard[0] or now  # a Ctrl-C has cut that turn off
            self.since, self.until, self.heard = now, now + _TOGETHER, [0]
            return self.heard
        heard = self.heard
        heard[0] = 0
        return heard

    def statistics(self, timers: int, now: int) -> ReactorStatistics:
        """The counters as they are now, by the clock."""
        woke, lag = self.woke, self.lag
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
            busy=self.busy + (now - woke if woke else 0),
            lag=(sum(lag[:_NONE]), *lag[_NONE : _NONE + LAGS - 2], sum(lag[_NONE + LAGS - 2 :])),
            closed=MappingProxyType(dict(self.closed)),
        )
