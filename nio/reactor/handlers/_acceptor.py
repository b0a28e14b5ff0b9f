"""Acceptor: Lea's passive opener: accepts connections and gives each a handler.

**How many are asked for.** An accept that finds nothing costs as much as a fifth of a connection. So when a connection
came alone the last time, only one is asked for the next time. If more wait, the kernel says so in the very next turn,
and then as many are asked for as a turn may have.
"""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable
from typing import Any

from nio._numbers import check_count, check_seconds
from nio.channels import SelectionKey, ServerSocketChannel, SocketChannel
from nio.errors import ClosedChannelError
from nio.reactor.handlers._handler import Handler
from nio.reactor.handlers._slips import carried
from nio.reactor.loop._close_reason import CloseReason
from nio.reactor.loop._event_handler import EventHandler
from nio.reactor.loop._reactor import Reactor
from nio.reactor.loop._registry import LEAVING
from nio.reactor.loop._timers import Timer

_READ, _ACCEPT = int(SelectionKey.OP_READ), int(SelectionKey.OP_ACCEPT)  # arithmetic on members of an enum is slow
_OUT_OF_RESOURCES = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_FOR_GOOD = (errno.EBADF, errno.EFAULT, errno.EINVAL, errno.ENOTSOCK, errno.EOPNOTSUPP)


class Acceptor(Handler):
    """Attached to a listening channel's key; ``handler`` makes the handler of each connection, a class usually.

    At most ``accepts_per_turn`` connections are accepted in a turn, so that a storm of them does not starve those that
    are there. When the process is out of descriptors or the kernel out of memory, accepting pauses for ``pause``
    seconds; when the reactor has ``max_connections``, until some have gone. A connection that was lost before its
    accept is skipped. A listener that can accept no more is closed, and the log says so.

    With ``per_peer``, a connection of a peer that has so many already is closed at once, told in the log and counted in
    ``statistics().refused``. A peer is an IPv4 address, or 64 bits of IPv6: see ``_peers.py``. All acceptors of a
    reactor that have such a limit count together. Behind a proxy, which is the peer of all, leave it out.

    With ``transport``, a :class:`nio.tls.TlsContext` say, it is that of each connection.
    """

    __slots__ = (
        "_comes_alone",
        "_handler",
        "_maker",
        "_makes_new",
        "_served_at",
        "_starving",
        "_timer",
        "accepts_per_turn",
        "pause",
        "per_peer",
    )

    reports_bytes = True
    endures = True
    channel: ServerSocketChannel

    def __init__(
        self,
        handler: Callable[[], EventHandler],
        *,
        accepts_per_turn: int = 16,
        pause: float = 0.1,
        per_peer: int | None = None,
        transport: Callable[[SocketChannel], object] | None = None,
    ) -> None:
        if not callable(handler):
            name = type(handler).__name__
            raise TypeError(
                f"an Acceptor takes what makes a handler, a class: Acceptor({name}), not Acceptor({name}())"
            )
        self._makes_new = False  # handlers that never had a key
        if isinstance(handler, type) and issubclass(handler, Handler):
            handler.check_class()
            self._makes_new = type(handler) is type and handler.__new__ is object.__new__
        self._handler = handler
        self._maker = handler if transport is None else carried(handler, transport)
        self.accepts_per_turn: int = check_count("accepts_per_turn", accepts_per_turn, 1)
        self.pause: float = check_seconds("pause", pause)
        self.per_peer: int | None = None if per_peer is None else check_count("per_peer", per_peer, 1)
        self._served_at = 0  # the last turn with a connection
        self._comes_alone = False
        self._starving = False
        self._timer: Timer | None = None

    def handle_open(self, reactor: Reactor, key: SelectionKey) -> None:
        super().handle_open(reactor, key)
        if isinstance(self._handler, type) and issubclass(self._handler, Handler):
            self._handler.check_reactor(reactor)

    def handle_ready(self, ready: int) -> None:
        self.handle_accept()  # a listener has one operation

    def handle_accept(self) -> None:
        """Accept what waits, within bounds; see the head of the module for how much is asked for."""
        reactor = self.reactor
        turns, admission = reactor.tally.turns, reactor.admission
        gap, self._served_at = turns - self._served_at, turns
        most = 1 if self._comes_alone and gap != 1 else self.accepts_per_turn
        if most != 1 or self.per_peer is not None or admission.taken + 1 >= admission.limit:
            self._comes_alone = self._accept(most) == 1
            return
        try:
            accepted = self.channel._accept(False)
        except OSError as error:
            self._comes_alone = self._goes_on(error)
            return
        self._comes_alone = accepted is not None
        if accepted is not None:
            self._starving = False
            if reactor.deals:
                reactor.deal(self.admit_to, accepted)
            else:
                self.admit_to(reactor, accepted)

    def _goes_on(self, error: OSError) -> bool:
        """``accept()`` raised; True if only the connection is lost, and the next one may be accepted."""
        if isinstance(error, ClosedChannelError):
            self.close()
        elif error.errno in _OUT_OF_RESOURCES:
            self._starve(error)
        elif error.errno in _FOR_GOOD:
            report = self.reactor.report
            report("accept", logging.ERROR, "%r can accept no more and is closed", self.channel, error=error)
            self.close(CloseReason.LOCAL)
        else:
            self.reactor.report("accept", logging.DEBUG, "a connection was lost before its accept: %s", error)
            return True
        return False

    def _accept(self, most: int) -> int:
        """Accept at most so many; how many came."""
        key, channel, admission = self.key, self.channel, self.reactor.admission
        ops = key.interest_ops if key.is_valid else 0
        for came in range(most):
            if admission.taken >= admission.limit:
                self._suspend()
                return came
            try:
                accepted = channel.accept(blocking=False)
            except OSError as error:
                if not self._goes_on(error):
                    return came
                continue
            if accepted is None:
                return came
            self._starving = False
            self._admit(accepted)
            if not (key.is_valid and key.interest_ops == ops):
                return came + 1  # the handler made just now has closed this listener, or told it to wait
            if admission.taken >= admission.limit:
                self._suspend()  # now: another process may have room for the next one
                return came + 1
        return most

    def handle_drain(self) -> None:
        """Take what the kernel has accepted already, then listen no more."""
        try:
            self._accept(self.reactor.admission.limit)
        finally:
            self.close(CloseReason.DRAIN)

    def resume(self) -> None:
        """Accept again, when there is room; nothing once the listener is closed or its key cancelled."""
        if not self.key.is_valid:
            return
        if self.reactor.admission.is_full:
            self._suspend()
        else:
            self.key.interest_ops = _ACCEPT

    def after_interrupt(self, fn: Callable[..., object], args: tuple[object, ...]) -> None:
        """A Ctrl-C has struck, in ``resume()``, say, without which nobody would be accepted any more."""
        self.reactor.post(fn, *args)

    def _resume_soon(self) -> None:
        """As a tick: whoever gives a place back is in the middle of its own end."""
        self.reactor.post(self.resume)

    def close(self, reason: CloseReason = CloseReason.LOCAL) -> None:
        if self._timer is not None and not self.reactor.owner.is_elsewhere:
            self._timer.cancel()
        super().close(reason)

    def _admit(self, channel: SocketChannel) -> None:
        most = self.per_peer
        try:
            if most is None or self.reactor.admission.peers.enter(channel, most):
                self.reactor.deal(self.admit_to, channel)
            else:
                self._refuse(channel, most)
        except BaseException:
            self.reactor.admission.peers.leave(channel)
            raise

    def admit_to(self, reactor: Reactor, channel: SocketChannel) -> None:
        """Give the connection a handler on that reactor, whose thread this is."""
        try:
            make = self._maker
            handler: Any = make()
            if self._makes_new:
                handler.key = None  # it will be asked: what is not there costs more than all else that is asked
            reactor.admit(channel, _READ, handler)
        except BaseException as error:
            reactor.admission.peers.leave(channel)
            channel.close()
            if isinstance(error, LEAVING):
                raise
            reactor.report("admit", logging.ERROR, "a connection got no handler", error=error)

    def _refuse(self, channel: SocketChannel, most: int) -> None:
        peer = channel.remote_address
        self.reactor.tally.refused += 1
        channel.close()
        self.reactor.report("refuse", logging.WARNING, "%.200r is refused: its peer has %d connections", peer, most)

    def _suspend(self) -> None:
        self.key.interest_ops = 0
        self.reactor.admission.when_room(self._resume_soon)

    def _starve(self, error: OSError) -> None:
        self.key.interest_ops = 0
        self._timer = self.reactor.call_later(self.pause, self.resume)
        if not self._starving:
            self._starving = True
            self.reactor.report("starve", logging.WARNING, "cannot accept, trying every %s s: %s", self.pause, error)
