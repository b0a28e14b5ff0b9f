"""When a connection must end if nothing changes: one timer for all its deadlines, moved lazily.

What happens on the connection only notes a time; no timer is touched for it. When the timer fires it looks whether one
of the deadlines has really passed, and otherwise sets itself to the next. A deadline that comes to be before the timer
would fire (the first byte of a record, the first unsent byte) moves it forward.

The look is taken at the end of the turn, not when the timer fires, which is before the selection: what was waiting in
the kernel, of a process that was stopped for a while say, is read before anybody is called silent.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from typing import TYPE_CHECKING

from nio.reactor._close_reason import CloseReason
from nio.reactor._timers import Timer

if TYPE_CHECKING:
    from nio.reactor._reactor import Reactor
    from nio.reactor._stream_handler import StreamHandler

_LINGER_NS = 2_000_000_000
_RATE_NS = 10_000_000_000  # whoever has us hold output must take _RATE_BYTES of it in this time
_RATE_BYTES = 1024


class State(enum.Enum):
    """Where a connection stands; the transitions stand at the head of ``_stream_handler.py``."""

    READING = "reading"
    PROCESSING = "processing"
    SENDING = "sending"
    CLOSING = "closing"
    LINGERING = "lingering"
    CLOSED = "closed"


class Deadlines:
    """The deadlines of one connection; times are nanoseconds of the provider's clock."""

    __slots__ = (
        "_clock",
        "_handler",
        "_rate_since",
        "_reactor",
        "_timer",
        "heard_at",
        "record_since",
        "sent_at",
        "taken",
    )

    def __init__(self, reactor: Reactor, handler: StreamHandler) -> None:
        self._reactor = reactor
        self._clock = reactor.provider.clock
        self._handler: StreamHandler | None = handler
        self._timer: Timer | None = None
        self.heard_at = self.sent_at = self._clock()
        self.record_since = 0  # 0: no record is under way
        self.taken = self._rate_since = 0

    def check(self) -> None:
        """Close the connection if a deadline has passed, else look again when the next one may have."""
        handler = self._handler
        if handler is None:
            return
        now = self._clock()
        due, reason = min(self._of(handler, now), key=_when, default=(0, None))
        if reason is not None and due <= now:
            handler.close(reason)
        elif due and (self._timer is None or not self._timer.is_active or due < self._timer.when):
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._reactor.call_at(due, self._reactor.post, self.check)

    def cancel(self) -> None:
        """The connection is closed; lets go of the handler."""
        self._handler = None
        if self._timer is not None:
            self._timer.cancel()

    def watch_record(self) -> None:
        """A record is under way from now on."""
        self.record_since = self._clock()
        self.check()

    def watch_output(self) -> None:
        """Output is waiting to be taken, or this side's end to be answered, from now on."""
        self.sent_at = self._clock()
        self.check()

    def watch_rate(self) -> None:
        """What is unsent is so much that the peer must take it at some rate, from now on."""
        self.taken, self._rate_since = 0, self._clock()
        self.check()

    def _of(self, handler: StreamHandler, now: int) -> Iterator[tuple[int, CloseReason | None]]:
        """When the connection must end, and why; or without a reason, when to look again."""
        state = handler.state
        if state is State.LINGERING:
            yield self.sent_at + _LINGER_NS, handler.reason
            return
        if handler.unsent and handler.write_timeout is not None:
            yield self.sent_at + _ns(handler.write_timeout), CloseReason.WRITE_TIMEOUT
        if handler.unsent and state in (State.SENDING, State.CLOSING):
            if now - self._rate_since >= _RATE_NS and self.taken >= _RATE_BYTES:
                self.taken, self._rate_since = 0, now
            yield self._rate_since + _RATE_NS, CloseReason.TOO_SLOW
        if state is State.READING and self.record_since and handler.record_timeout is not None:
            yield self.record_since + _ns(handler.record_timeout), CloseReason.TOO_SLOW
        if handler.idle_timeout is not None:
            if state is State.READING and not handler.unsent:
                yield self.heard_at + _ns(handler.idle_timeout), CloseReason.IDLE_TIMEOUT
            else:
                yield now + _ns(handler.idle_timeout), None


def _ns(seconds: float) -> int:
    return int(seconds * 1e9)


def _when(deadline: tuple[int, CloseReason | None]) -> int:
    return deadline[0]
