"""When a connection must end if nothing changes: one timer for all its deadlines, moved lazily.

What happens on the connection only notes a time; no timer is touched for it. When the timer fires it looks whether one
of the deadlines has really passed, and otherwise sets itself to the next. A deadline that comes to be before the timer
would fire (the first byte of a record, the first unsent byte) moves it forward.

The look is taken at the end of the turn, not when the timer fires, which is before the selection: what waited in the
kernel meanwhile (the process was stopped for a while, say) is read before anybody is called silent.

**Most connections have one deadline**, that of the silent, from their opening on. For it there is a timer alone; all
that stands here is made when that timer fires, or when something else is to be watched.

**A peer's progress is what it has acknowledged**, not what ``send`` took: a kernel with a large send buffer tells of
room only when much of it is free, which an honest slow reader may need minutes for. So before such a peer is judged,
what waits is offered once more, and the kernel is asked how much is not acknowledged. What is on its way at that moment
is not held against a peer that has taken something before.

**What a peer says counts** for ``read_timeout`` and after a ping, and what its kernel acknowledges does not: a program
that hangs takes what it is sent for quite a while. That time runs only while this side reads and nothing waits to be
sent; nobody can answer what has not reached him.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

from nio.reactor.loop._close_reason import CloseReason
from nio.reactor.loop._timers import Expecting, Timer
from nio.reactor.streams._state import CLOSING, LINGERING, PROCESSING, READING, SENDING, State

_LINGER_NS = 2_000_000_000
_OF_OUTPUT = (CloseReason.WRITE_TIMEOUT, CloseReason.TOO_SLOW)


class Watched(Protocol):
    """What is watched: a connection."""

    @property
    def state(self) -> State: ...

    @property
    def reason(self) -> CloseReason: ...

    @property
    def heard_at(self) -> int:
        """When the peer was last heard, or had to wait for this side."""

    @property
    def unsent(self) -> int: ...

    @property
    def secure_due(self) -> int:
        """When the handshake must be done; 0 when there is none under way."""

    @property
    def half_closed(self) -> bool:
        """The peer has ended its output, and nothing is read any more."""

    @property
    def idle_timeout(self) -> float | None: ...

    @property
    def write_timeout(self) -> float | None: ...

    @property
    def read_timeout(self) -> float | None: ...

    @property
    def ping_after(self) -> float | None: ...

    @property
    def slowest_rate(self) -> tuple[int, float] | None: ...

    def tell_idle(self) -> None:
        """The peer has been silent for ``ping_after``: ask it for a sign."""

    def unacknowledged(self) -> int | None:
        """Bytes that the kernel has taken and the peer's has not; None where nobody can tell."""

    def send_queued(self) -> None:
        """Offer the output to the kernel once more."""

    def deadline_has_come(self) -> None:
        """Have ``enforce`` called at the end of the turn."""

    def close(self, reason: CloseReason) -> None: ...


class Timekeeper(Protocol):
    """What a reactor does for deadlines."""

    @property
    def expect(self) -> Callable[[int, Expecting], Timer]: ...

    def post(self, fn: Callable[..., object], /, *args: object) -> None: ...


class Deadlines:
    """The deadlines of one connection; times are nanoseconds of ``clock``."""

    __slots__ = (
        "_clock",
        "_pinged",
        "_pinged_at",
        "_rate_began",
        "_rate_since",
        "_seen",
        "_timekeeper",
        "_timer",
        "_took_at",
        "_watched",
        "free_at",
        "noted",
        "process_due",
        "record_due",
        "sent",
        "sent_at",
    )

    def __init__(
        self, watched: Watched, timekeeper: Timekeeper, clock: Callable[[], int], opened_at: int, timer: Timer | None
    ) -> None:
        self._watched: Watched | None = watched
        self._timekeeper = timekeeper
        self._clock = clock
        self._timer = timer  # which is set already
        self.sent_at = self._took_at = opened_at
        self.record_due = self.process_due = 0  # 0: no record is under way or with a worker, or it may take any time
        self.sent = 0  # bytes, but not replies that went out at once: the peer was heard then
        self.noted = 0  # how many of them when output was last found waiting
        self._seen = self._rate_began = 0  # what the peer had taken at the last look, and when the rate began to count
        self._rate_since = 0
        self.free_at = 0  # when the last output that had to wait was taken
        self._pinged = self._pinged_at = 0  # when the peer had been heard that was pinged, and when that was

    def enforce(self) -> None:
        """Close the connection if a deadline has passed, else look again when the next one may have."""
        watched = self._watched
        if watched is None:
            return
        now = self._clock()
        if watched.ping_after is not None or watched.read_timeout is not None:
            self._ask(watched, now)
            if self._watched is None:
                return
        due, reason = min(self._of(watched, now), key=_when, default=(0, None))
        if reason in _OF_OUTPUT and due <= now:
            watched.send_queued()
            due, reason = min(self._of(watched, now), key=_when, default=(0, None))
            if self._watched is None:
                return  # the attempt has shown that the connection is broken
        if reason is not None and due <= now:
            watched.close(reason)
        else:
            self._look_at(due)

    def watch(self) -> None:
        """Look when the next deadline may have passed, soon if it has: nobody is closed from in here."""
        if self._watched is not None:
            self._look_at(min(self._of(self._watched, self._clock()), key=_when, default=(0, None))[0])

    def _look_at(self, due: int) -> None:
        watched, timer = self._watched, self._timer
        if watched is not None and due and (timer is None or not timer.is_active or due < timer.when):
            if timer is not None:
                timer.cancel()
            self._timer = self._timekeeper.expect(due, watched)

    def cancel(self) -> None:
        """The connection is closed; lets go of it."""
        self._watched = None
        if self._timer is not None:
            self._timer.cancel()

    def watch_record(self, seconds: float) -> None:
        """A record is under way from now on, and must be complete in so many seconds."""
        self.record_due = self._clock() + _ns(seconds)
        self.watch()

    def watch_process(self, seconds: float) -> None:
        """A worker has a record from now on, and must be done in so many seconds."""
        self.process_due = self._clock() + _ns(seconds)
        self.watch()

    def watch_until(self, due: int) -> None:
        """Look then, if not before."""
        self._look_at(due)

    def watch_output(self) -> None:
        """Output is waiting to be taken, or this side's end to be answered, from now on."""
        self.sent_at, self.noted = self._clock(), self.sent
        if self._watched is not None and self._watched.unsent:
            self._seen = self._taken(self._watched)
        self.watch()

    def watch_rate(self) -> None:
        """What is unsent is so much that the peer must take it at some rate, from now on."""
        self._rate_begins(self._clock())
        self.watch()

    def _rate_begins(self, now: int) -> None:
        self._rate_since = now
        if self._watched is not None and self._watched.unsent:
            self._rate_began = self._taken(self._watched)

    def _taken(self, watched: Watched) -> int:
        """Bytes that the peer has acknowledged so far; what the kernel took, where nobody can tell."""
        return self.sent - (watched.unacknowledged() or 0)

    def _took_more(self, watched: Watched) -> bool:
        """Whether the peer has taken anything since the last look."""
        before, self._seen = self._seen, self._taken(watched)
        return self._seen > before

    def _last_sign(self, watched: Watched) -> int:
        """When the peer was last heard, or seen to take something."""
        return max(watched.heard_at, self._took_at)

    def silence(self, now: int) -> int:
        """Nanoseconds since the peer was heard or output went out."""
        heard_at = 0 if self._watched is None else self._last_sign(self._watched)
        return now - max(heard_at, self.sent_at)

    # silence

    def _ask(self, watched: Watched, now: int) -> None:
        """Send what waits, so that it is no excuse; then ping a peer that has been silent for long enough."""
        if watched.unsent:
            watched.send_queued()
        after = watched.ping_after
        if after is None or not _is_quiet(watched) or self._is_pinged(watched):
            return
        if self._silent_since(watched) + _ns(after) <= now:
            self._pinged, self._pinged_at = watched.heard_at, now
            watched.tell_idle()
            if self._watched is not None and watched.unsent:
                watched.send_queued()

    def _is_pinged(self, watched: Watched) -> bool:
        """Whether it has been, and has not been heard since; one that has ended its output cannot be."""
        return watched.ping_after is not None and watched.heard_at == self._pinged and not watched.half_closed

    def _silent_since(self, watched: Watched) -> int:
        """Since when the peer could have said something."""
        return max(watched.heard_at, self.free_at)

    def _of_silence(self, watched: Watched, now: int) -> Iterator[tuple[int, CloseReason | None]]:
        """As ``_of``: of a peer from which something must be heard."""
        quiet, idle = _is_quiet(watched), watched.idle_timeout
        since = self._silent_since(watched) if quiet else now
        if watched.read_timeout is not None:
            yield since + _ns(watched.read_timeout), CloseReason.READ_TIMEOUT if quiet else None
        if watched.ping_after is not None:
            if not self._is_pinged(watched):
                yield since + _ns(watched.ping_after), None
                return
            yield now + _ns(watched.ping_after), None  # it may answer at once, and is asked again so long after that
            if idle is not None:
                asked = max(self._pinged_at, self.free_at) if quiet else now
                left = _ns(max(0, idle - watched.ping_after))
                yield asked + left, CloseReason.IDLE_TIMEOUT if quiet else None

    def _of_idleness(self, watched: Watched, now: int, idle: int) -> Iterator[tuple[int, CloseReason | None]]:
        """As ``_of``: of a peer that must say or take something."""
        if not ((watched.state is READING or watched.half_closed) and not watched.unsent):
            yield now + idle, None
            return
        if self._last_sign(watched) + idle <= now and self.sent_at > self._last_sign(watched):
            if not watched.unacknowledged():
                self._took_at = self.sent_at  # whoever takes what we send is not idle
            elif self._took_more(watched):
                self._took_at = now
        yield self._last_sign(watched) + idle, CloseReason.IDLE_TIMEOUT

    # all

    def _of(self, watched: Watched, now: int) -> Iterator[tuple[int, CloseReason | None]]:
        """When the connection must end, and why; or without a reason, when to look again."""
        state = watched.state
        if state is LINGERING:
            yield self.sent_at + _LINGER_NS, watched.reason
            return
        if watched.secure_due:
            yield watched.secure_due, CloseReason.TLS_TIMEOUT
        if watched.unsent and watched.write_timeout is not None:
            if self.sent_at + _ns(watched.write_timeout) <= now and self._took_more(watched):
                self.sent_at = now
            yield self.sent_at + _ns(watched.write_timeout), CloseReason.WRITE_TIMEOUT
        rate = watched.slowest_rate
        if rate is not None and watched.unsent and state in (SENDING, CLOSING):
            least, span = rate[0], _ns(rate[1])
            if now - self._rate_since >= span and self._taken(watched) - self._rate_began >= least:
                self._rate_begins(now)
            yield self._rate_since + span, CloseReason.TOO_SLOW
        if state is READING and self.record_due:
            yield self.record_due, CloseReason.TOO_SLOW
        if state is PROCESSING and self.process_due:
            yield self.process_due, CloseReason.PROCESS_TIMEOUT
        yield from self._of_silence(watched, now)
        if watched.idle_timeout is not None and not self._is_pinged(watched):
            yield from self._of_idleness(watched, now, _ns(watched.idle_timeout))


def _is_quiet(watched: Watched) -> bool:
    """The peer is read, and nothing waits to be taken by it."""
    return watched.state is READING and not watched.unsent


def _ns(seconds: float) -> int:
    return int(seconds * 1e9)


def _when(deadline: tuple[int, CloseReason | None]) -> int:
    return deadline[0]
