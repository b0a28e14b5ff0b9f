"""Link: one of two connections that are joined: what one reads, the other writes.

**Memory is bounded by the marks.** What was read is written to the other end at once. When the other end's output
reaches its high mark nothing is read here until it is down to the low mark. So an end keeps its high mark and one read.

**The two directions are independent.** An end reads also while its own output is full: a peer that sends everything
before it reads anything must not wait for itself. The end of a peer's output becomes the end of the other's, behind
everything that came before; the other direction goes on.

**No end is made up.** When one peer has ended in order, the other reads all of it and then the end. When one is lost,
the other connection is reset, with the same reason: its peer must not take what it has got for the whole.
"""

from __future__ import annotations

from nio.errors import IllegalStateError
from nio.reactor.loop._close_reason import CloseReason
from nio.reactor.loop._reactor import Reactor
from nio.reactor.streams._connection import Connection
from nio.reactor.streams._state import CLOSED, ENDED

_IN_ORDER = (CloseReason.LOCAL, CloseReason.DRAIN, CloseReason.IDLE_TIMEOUT, CloseReason.DETACHED)


class Link(Connection):
    """One of two joined connections, for a proxy: ``Link(other)`` is joined to ``other`` when it opens.

    An end reads nothing before it is joined. A subclass may change what passes, in ``handle_data``: what it hands to
    ``super().handle_data`` goes to the other end. While the reactor drains, joined ends live on: they know no records,
    so they end with their peers or with the drain time. The time limits of a Connection hold for each end.
    """

    __slots__ = ("_other",)

    half_open = True
    _reads_on = True

    def __init__(self, other: Link | None = None) -> None:
        if other is not None and not isinstance(other, Link):
            raise TypeError(f"a Link is joined to a Link, not to {other!r:.60}")
        self._other: Link | None = other

    @property
    def other(self) -> Link | None:
        """The other end; None while there is none, and when both have ended."""
        return getattr(self, "_other", None)

    # for the reactor

    def _prepare(self, reactor: Reactor) -> None:
        super()._prepare(reactor)
        self.suspend()
        other = self._other = self.other
        if other is None:
            return
        if other.other not in (None, self):
            raise IllegalStateError(f"{other!r} is joined already")
        if other.reactor is not reactor:
            raise IllegalStateError(f"{other!r} is on another reactor: both ends of a Link live on one")
        if other.state in ENDED:
            self.reactor.post(self._follow, other.reason)
            return
        other._other = self
        for end in (self, other):
            end.resume()

    def handle_data(self, data: bytes) -> None:
        """Pass it on to the other end."""
        other = self._other
        if other is not None:
            other._handling = True  # so that it is sent from here, and not by a tick for each read
            other.write(data)
            other._handling = False
            other.send_queued()

    def on_writable(self, writable: bool) -> None:
        """This end's peer takes no more, or takes again: the other end stops reading, or goes on."""
        other = self._other
        if other is not None and writable:
            other.resume()
        elif other is not None:
            other.suspend()

    def on_peer_end(self) -> None:
        """This end's peer has ended its output: so does the other end."""
        if self._other is not None:
            self._other.end_output()

    def handle_drain(self) -> None:
        if self._other is None:
            self.close(CloseReason.DRAIN)

    def close(self, reason: CloseReason = CloseReason.LOCAL) -> None:
        was_open = self._state is not CLOSED
        try:
            super().close(reason)
        finally:
            if was_open and self._state is CLOSED:
                self._part(reason)

    def handle_unconnected(self, reactor: Reactor, reason: CloseReason, error: Exception | None) -> None:
        super().handle_unconnected(reactor, reason, error)
        if self.other is not None:
            self.other._follow(reason)

    def handle_replaced(self) -> None:
        super().handle_replaced()
        self._part(CloseReason.LOCAL)

    def _part(self, reason: CloseReason) -> None:
        """This end has ended; the last of two lets go of the other, so that they are freed at once."""
        other = self._other
        if other is not None and reason is not CloseReason.PEER_FIN:
            other._follow(reason)
        if other is not None and other.state is CLOSED:
            self._other = other._other = None

    def _follow(self, reason: CloseReason) -> None:
        """The other end has ended, for that reason."""
        if self._state is CLOSED:
            return
        self._own_rare().detail = "as its other end"
        if reason in _IN_ORDER:
            self.finish(reason)
            return
        self._reset(reason)
