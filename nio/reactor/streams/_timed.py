"""Timed: a connection's deadlines, made when more than idleness is to be watched: see ``_deadlines.py``."""

from __future__ import annotations

from nio.channels import SocketChannel
from nio.reactor.loop._close_reason import CloseReason
from nio.reactor.loop._timers import Timer
from nio.reactor.streams._deadlines import Deadlines
from nio.reactor.streams._standing import Standing
from nio.reactor.streams._state import CLOSED, READING


class Timed(Standing):
    """What :class:`Outlet` is made on: a connection that ends when nothing has changed for too long."""

    __slots__ = ()

    idle_timeout: float | None = 60.0
    write_timeout: float | None = 60.0
    read_timeout: float | None = None
    ping_after: float | None = None
    slowest_rate: tuple[int, float] | None = (1024, 10.0)

    channel: SocketChannel

    def deadline_has_come(self) -> None:
        """The timer's call, which asks for a look. What raises in either is this handler's error."""
        self.reactor.post(self.enforce_deadlines)

    def enforce_deadlines(self) -> None:
        """The look, as a tick."""
        due = self._idle_due()
        if not due:
            self._deadlines.enforce()
        elif due <= self.reactor._clock():
            self.close(CloseReason.IDLE_TIMEOUT)
        else:
            self._idle_timer = self.reactor._timers.wait(due, self.reactor._clock(), self.key, self)

    def wait_anew(self, now: int) -> None:
        """The calendar's call, before the deadline may come."""
        if self._state is not CLOSED:
            self._idle_timer = self.reactor._timers.wait(self._idle_due() or now, now, self.key, self)

    def tell_idle(self) -> None:
        """The peer is to be asked for a sign: an Outlet's affair."""

    def send_queued(self) -> None:
        """Output is to be sent: an Outlet's affair, too."""

    def unacknowledged(self) -> int | None:
        """Bytes that the kernel has taken and the peer's has not; None where nobody can tell."""
        return self.reactor.provider.unacknowledged(self.channel.socket)

    def _watch_deadlines(self, now: int) -> None:
        """From the opening on."""
        idle = self.idle_timeout
        if idle is None or self.ping_after is not None or self.read_timeout is not None:
            self._deadlines.watch()
        else:
            self._idle_timer = self.reactor._timers.wait(now + int(idle * 1e9), now, self.key, self)

    def _idle_due(self) -> int:
        """When the peer will have been silent for too long; 0 if that is not all there is to watch."""
        idle = self.idle_timeout
        if idle is None or self._all_deadlines is not None or self._state is not READING or self._outbox.size:
            return 0
        return 0 if self.ping_after is not None or self.read_timeout is not None else self.heard_at + int(idle * 1e9)

    @property
    def _deadlines(self) -> Deadlines:
        deadlines = self._all_deadlines
        if deadlines is None:
            deadlines = Deadlines(self, self.reactor, self.reactor._clock, self._opened_at, self._own_timer())
            if self._state is CLOSED:
                deadlines.cancel()
            self._all_deadlines = deadlines
        return deadlines

    def _own_timer(self) -> Timer | None:
        """That of the idle time, which is no more on the calendar."""
        timer = self._idle_timer
        if isinstance(timer, dict):
            timer.pop(self.key, None)
            due = self.heard_at + int((self.idle_timeout or 0) * 1e9)
            self._idle_timer = timer = self.reactor.expect(due, self)
        return timer
