"""When a connection must end if nothing changes: one timer for all its deadlines, moved lazily.

What happens on the connection only notes a time; no timer is touched for it. When the timer fires it looks whether one
of the deadlines has really passed, and otherwise sets itself to the next. A deadline that comes to be before the timer
would fire (the first byte of a record, the first unsent byte) moves it forward.

The look is taken at the end of the turn, not when the timer fires, which is before the selection: what waited in the
kernel meanwhile (the process was stopped for a while, say) is read before anybody is called silent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

from nio.reactor.loop._close_reason import CloseReason
from nio.reactor.loop._timers import Timer
from nio.reactor.streams._state import CLOSING, LINGERING, READING, SENDING, State

_LINGER_NS = 2_000_000_000
_RATE_NS = 10_000_000_000  # whoever has us hold output must take _RATE_BYTES of it in this time
_RATE_BYTES = 1024


class Watched(Protocol):
    """What is watched: a connection."""

    @property
    def state(self) -> State: ...

    @property
    def reason(self) -> CloseReason: ...

    @property
    def unsent(self) -> int: ...

    @property
    def idle_timeout(self) -> float | None: ...

    @property
    def write_timeout(self) -> float | None: ...

    def close(self, reason: CloseReason) -> None: ...


class Timekeeper(Protocol):
    """What a reactor does for deadlines."""

    def call_at(self, when: int, fn: Callable[..., object], /, *args: object) -> Timer: ...

    def post(self, fn: Callable[..., object], /, *args: object) -> None: ...


class Deadlines:
    """The deadlines of one connection; times are nanoseconds of ``clock``."""

    __slots__ = (
        "_clock",
        "_rate_since",
        "_timekeeper",
        "_timer",
        "_watched",
        "heard_at",
        "record_due",
        "sent_at",
        "taken",
    )

    def __init__(self, watched: Watched, timekeeper: Timekeeper, clock: Callable[[], int]) -> None:
        self._watched: Watched | None = watched
        self._timekeeper = timekeeper
        self._clock = clock
        self._timer: Timer | None = None
        self.heard_at = self.sent_at = clock()
        self.record_due = 0  # 0: no record is under way, or it may take any time
        self.taken = self._rate_since = 0

    def enforce(self) -> None:
        """Close the connection if a deadline has passed, else look again when the next one may have."""
        watched = self._watched
        if watched is None:
            return
        now = self._clock()
        due, reason = min(self._of(watched, now), key=_when, default=(0, None))
        if reason is not None and due <= now:
            watched.close(reason)
        elif due and (self._timer is None or not self._timer.is_active or due < self._timer.when):
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._timekeeper.call_at(due, self._timekeeper.post, self.enforce)

    def cancel(self) -> None:
        """The connection is closed; lets go of it."""
        self._watched = None
        if self._timer is not None:
            self._timer.cancel()

    def watch_record(self, seconds: float) -> None:
        """A record is under way from now on, and must be complete in so many seconds."""
        self.record_due = self._clock() + _ns(seconds)
        self.enforce()

    def watch_output(self) -> None:
        """Output is waiting to be taken, or this side's end to be answered, from now on."""
        self.sent_at = self._clock()
        self.enforce()

    def watch_rate(self) -> None:
        """What is unsent is so much that the peer must take it at some rate, from now on."""
        self.taken, self._rate_since = 0, self._clock()
        self.enforce()

    def _of(self, watched: Watched, now: int) -> Iterator[tuple[int, CloseReason | None]]:
        """When the connection must end, and why; or without a reason, when to look again."""
        state = watched.state
        if state is LINGERING:
            yield self.sent_at + _LINGER_NS, watched.reason
            return
        if watched.unsent and watched.write_timeout is not None:
            yield self.sent_at + _ns(watched.write_timeout), CloseReason.WRITE_TIMEOUT
        if watched.unsent and state in (SENDING, CLOSING):
            if now - self._rate_since >= _RATE_NS and self.taken >= _RATE_BYTES:
                self.taken, self._rate_since = 0, now
            yield self._rate_since + _RATE_NS, CloseReason.TOO_SLOW
        if state is READING and self.record_due:
            yield self.record_due, CloseReason.TOO_SLOW
        if watched.idle_timeout is not None:
            if state is READING and not watched.unsent:
                yield self.heard_at + _ns(watched.idle_timeout), CloseReason.IDLE_TIMEOUT
            else:
                yield now + _ns(watched.idle_timeout), None


def _ns(seconds: float) -> int:
    return int(seconds * 1e9)


def _when(deadline: tuple[int, CloseReason | None]) -> int:
    return deadline[0]
