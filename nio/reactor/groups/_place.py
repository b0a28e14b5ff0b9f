"""A place for a child process, and when the next one may have it."""

from __future__ import annotations

from collections import deque

from nio.channels import Pipe
from nio.reactor.groups._accept_balance import Seat
from nio.reactor.groups._reports import NOTHING, Order, order
from nio.reactor.loop._backoff import Backoff
from nio.reactor.loop._progress import ReactorStatistics

_SECOND = 1_000_000_000
_PAUSES = Backoff(first=0.1, longest=5.0, jitter=0.0)
_MINUTE = 60 * _SECOND
_SERVED = _SECOND  # whoever has served so long has not failed at once


class Child:
    """A child process, as its parent sees it; moments are nanoseconds of the provider's clock."""

    __slots__ = ("counts", "deadline", "has_told", "is_planned", "is_ready", "pid", "place", "ready_at", "seat", "sink")

    def __init__(self, pid: int, place: Place, sink: Pipe.SinkChannel, deadline: int, seat: Seat) -> None:
        self.pid: int = pid
        self.place: Place = place
        self.sink: Pipe.SinkChannel = sink
        self.seat: Seat = seat
        self.deadline: int | None = deadline  # when it is killed; at first, unless it is ready before
        self.is_ready: bool = False
        self.is_planned: bool = False  # its end
        self.ready_at: int = 0
        self.counts: ReactorStatistics = NOTHING
        self.has_told: bool = False  # its counters, since it was asked

    def order(self, word: Order, seconds: float = 0.0) -> None:
        """Tell it; nothing if it is gone."""
        try:
            self.sink.write(order(word, seconds))
        except OSError:
            pass  # its end is about to be heard of

    def was_cut(self) -> None:
        """It is killed with whatever connections it has left."""
        lost = max(1, self.counts.open)
        self.counts = self.counts.__replace__(abandoned=self.counts.abandoned + lost)

    def __repr__(self) -> str:
        return f"process {self.pid} ({self.place.number + 1})"


class Place:
    """One of so many children at a time: ``child`` serves, ``fresh`` is to follow it."""

    __slots__ = ("_deaths", "_most", "_pauses", "child", "due", "fresh", "number")

    def __init__(self, number: int, most: int) -> None:
        self.number: int = number
        self.child: Child | None = None
        self.fresh: Child | None = None
        self.due: int | None = 0  # when a child is to be made
        self._most = most
        self._pauses = _PAUSES.delays(float)
        self._deaths: deque[int] = deque()

    def lost(self, now: int, ready_at: int = 0) -> float:
        """A child was lost, or could not be made: seconds until the next one is.

        0.1 at first, twice as long each time up to 5; from the start again when the last one has served a while. Not
        more often than ``most`` times a minute.
        """
        if ready_at and now - ready_at >= _SERVED:
            self._pauses = _PAUSES.delays(float)
        self._deaths.append(now)
        if len(self._deaths) > self._most:
            self._deaths.popleft()
        self.due = now + round(next(self._pauses) * _SECOND)
        if len(self._deaths) == self._most:
            self.due = max(self.due, self._deaths[0] + _MINUTE)
        return (self.due - now) / _SECOND
