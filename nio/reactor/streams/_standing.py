"""Standing: where a connection stands, as it tells its user and the reactor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nio.reactor.handlers._handler import Handler
from nio.reactor.loop._calendar import Day
from nio.reactor.loop._close_reason import CloseReason
from nio.reactor.loop._connection_info import ConnectionInfo
from nio.reactor.loop._timers import Timer
from nio.reactor.streams._deadlines import Deadlines
from nio.reactor.streams._outbox import Outbox
from nio.reactor.streams._rare import USUAL, Rare
from nio.reactor.streams._state import LINGERING, State
from nio.reactor.streams._transport import SecureTransport, Transport


class Standing(Handler):
    """What :class:`Timed` is made on: a connection's state, and why and how it ended."""

    __slots__ = (
        "_all_deadlines",
        "_heard",
        "_idle_timer",
        "_opened_at",
        "_outbox",
        "_rare",
        "_reason",
        "_secure",
        "_state",
        "_transport",
    )

    _heard: list[int]  # when the peer was heard last: see _steady.py
    _opened_at: int
    _all_deadlines: Deadlines | None  # that more than idleness is watched by
    _idle_timer: Timer | Day | None  # that of all deadlines until there are such
    _outbox: Outbox
    _rare: Rare
    _reason: CloseReason
    _secure: SecureTransport | None  # the transport, if it is one
    _state: State
    _transport: Transport

    # for the user

    @property
    def state(self) -> State:
        """Where the connection stands."""
        return self._state

    @property
    def reason(self) -> CloseReason:
        """Why the connection is closing, lingering or closed; LOCAL before."""
        return self._reason

    @property
    def close_error(self) -> BaseException | None:
        """What the connection ended with, if it was an error of the system or the peer's fault, without its traceback.

        None while nothing has failed, and for what the handler raised itself: that is in the log.
        """
        return getattr(self, "_rare", USUAL).error

    @property
    def half_closed(self) -> bool:
        """The peer has ended its output, all of it was dealt with, and this side's goes on: see ``half_open``."""
        return self._rare.half_closed

    @property
    def unsent(self) -> int:
        """Bytes of output that the kernel has not taken yet."""
        return self._outbox.size + self._transport.unsent

    def __repr__(self) -> str:
        channel, state = getattr(self, "channel", None), getattr(self, "_state", None)
        if channel is None or state is None:
            return f"{type(self).__name__}(not open)"
        return f"{type(self).__name__}({channel!r}, {state.value}, unsent={self.unsent})"

    @property
    def carrier(self) -> Transport:
        """What carries the bytes; :func:`nio.tls.session_of` tells what TLS says of it."""
        return self._transport

    @property
    def secure_due(self) -> int:
        """When the handshake of the transport must be done; 0 when there is none under way."""
        return 0 if self._secure is None else self._secure.due

    # for the reactor

    def call_at_end(self, fn: Callable[[Any], object], wanted: bool = True) -> None:
        """Have ``fn(connection)`` called before ``on_close``, or no longer; for groups, on the reactor's thread."""
        if wanted:
            self._own_rare().at_end = (*self._rare.at_end, fn)
        else:
            self._own_rare().at_end = tuple(other for other in self._rare.at_end if other != fn)

    @property
    def owes(self) -> bool:
        return self._state is not LINGERING

    def describe(self) -> ConnectionInfo:
        now = self.reactor._clock()
        return (
            super()
            .describe()
            .__replace__(
                state=self._state.value,
                queued=self.unsent,
                age=(now - self._opened_at) / 1e9,
                idle=self._silence(now) / 1e9,
            )
        )

    def _silence(self, now: int) -> int:
        """Nanoseconds since the peer was heard or output went out."""
        deadlines = self._all_deadlines
        return now - self.heard_at if deadlines is None else deadlines.silence(now)

    @property
    def heard_at(self) -> int:
        heard = self._heard
        if not heard[0]:
            heard[0] = self.reactor._clock()  # the turn is under way, or a Ctrl-C has cut it off
        return heard[0]

    def _leave_all(self) -> None:
        """This one has ended, or its channel is another's."""
        rare = self._rare
        if rare.at_end:
            callbacks, rare.at_end = rare.at_end, ()
            for fn in callbacks:
                self.reactor.guarded(fn, self)

    def _own_rare(self) -> Rare:
        """For something to be written in."""
        rare = self._rare
        if rare is USUAL:
            rare = self._rare = Rare()
        return rare
