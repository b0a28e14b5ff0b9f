"""Carried: what a connection does for a transport that is not the plain one: it lets it shake hands, and changes it.

**The connection is open before the handshake is done.** ``on_open`` comes with the TCP connection, and what is written
from then on waits in the outbox, under the marks, until it can go out protected. ``on_secure`` comes when the handshake
is done: what the peer has proved is known there and not before.

**A handshake needs no state of the connection.** Whatever the state, while the transport must receive something the
key waits for that, and ``advance`` takes it: it delivers nothing, so a suspended connection stays suspended. It is done
in a tick, and input that came with its last bytes is looked for when the connection reads.

**In mid-stream** (``start_tls``) the new transport begins when the output made so far has gone out as it is. Nothing is
read in between, and nothing read before may be left over: bytes that a peer, or somebody between, has sent behind the
line that asks for TLS would count as protected. Who sends such bytes loses the connection.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from nio.channels import SelectionKey, SocketChannel
from nio.errors import IllegalStateError, ProtocolError
from nio.reactor.handlers._slips import no_channel
from nio.reactor.loop._close_reason import CloseReason
from nio.reactor.loop._reactor import Reactor
from nio.reactor.streams._outbox import EMPTY
from nio.reactor.streams._outlet import Outlet
from nio.reactor.streams._rare import Rare
from nio.reactor.streams._state import CLOSED, ENDED, LINGERING, PROCESSING, READING, SUSPENDED
from nio.reactor.streams._transport import CHANGING, PLAIN, Needs, Plain, Transport, TransportError

_READ, _WRITE = int(SelectionKey.OP_READ), int(SelectionKey.OP_WRITE)
_READ_SIZE = _LINGER_BYTES = 65536
_READS, _WAITS, _HOLDS, _CHANGES = Needs.READS, Needs.WAITS, Needs.HOLDS, Needs.CHANGES


class _NotConnected:
    """The transport of a handler that never had a connection."""

    needs = unsent = 0


NOT_CONNECTED: Any = _NotConnected()


class Carried(Outlet):
    """What :class:`Connection` is made on: an Outlet whose transport may have needs of its own."""

    __slots__ = ()

    # for the user

    def on_secure(self) -> None:
        """The handshake of TLS is done: see :func:`nio.tls.session_of`; called before any data that came by it."""

    def start_tls(self, transport: Callable[[SocketChannel], Transport]) -> None:
        """Go on with TLS, by a :class:`nio.tls.TlsContext`, in mid-stream; from any thread.

        First everything goes out as it is that was written before, the reply to the record in hand included; so write
        nothing that is to be secret until ``on_secure`` is called. Nothing more is read before the handshake, which
        resumes a suspended connection. A peer that has sent more than the request for TLS loses its connection,
        PROTOCOL_ERROR; what ``handle_data`` was given behind that request is yours to throw away. A connection that is
        ending stays as it is.

        Raises IllegalStateError when the connection has TLS already, or is about to, or has another transport.
        """
        if getattr(self, "reactor", None) is None:
            raise no_channel(self)
        if self._secure is not None or self._transport.needs == _CHANGES:
            raise IllegalStateError("this connection has TLS already")
        if self._state not in ENDED and not isinstance(self._transport, Plain):
            name = type(self._transport).__name__
            raise IllegalStateError(
                f"TLS takes the place of the plain transport only, and this connection has a {name}"
            )
        if not callable(transport):
            raise TypeError(f"start_tls() takes a TlsContext, not {transport!r:.60}")
        if self.reactor.owner.is_elsewhere:
            self.reactor.post(self._start_change, transport)
        else:
            self._start_change(transport)

    # for the reactor

    def handle_unconnected(self, reactor: Reactor, reason: CloseReason, error: Exception | None) -> None:
        """No connection came about: ``on_close`` is all that is called."""
        super().handle_unconnected(reactor, reason, error)
        self._state = self._rest = CLOSED
        self._reason, self._rare, self._ending = reason, Rare(), None
        self._rare.error = error
        self._outbox, self._steady = EMPTY, None
        self._transport, self._secure = NOT_CONNECTED, None
        self._output_ends = False
        reactor.report("end", logging.DEBUG, "%s ended: %s, %.200r", type(self).__name__, reason.name, error)
        reactor.guarded(self.on_close, reason)

    def carry_on(self) -> None:
        """A tick that the transport has asked for."""
        if self._state is not CLOSED:
            self._carry(False)
            self._go_on_draining()

    # a handshake

    def _begin_transport(self) -> None:
        """The connection is open, and its transport is not the plain one."""
        transport = self._transport
        if self._state is CLOSED or not hasattr(transport, "begin"):
            self._arm()
            return
        secure: Any = transport  # which has that method, so it has them all
        self._secure = secure
        try:
            secure.begin(self)
        except OSError as error:
            self._lost(error)
            return
        self._deadlines.watch_until(secure.due)
        self._arm()

    def _carry(self, readable: bool) -> None:
        secure: Any = self._secure
        try:
            secure.advance(readable)
        except BlockingIOError:
            pass
        except OSError as error:
            self._lost(error)
            return
        self.send_queued()

    def handle_secure(self) -> None:
        """The transport's tick: the handshake is done."""
        secure: Any = self._secure
        if self._state in (CLOSED, LINGERING):
            return
        secure.open()
        self._heard = [self.reactor._clock()]
        try:
            self._tell(self.on_secure)
        finally:
            self.send_queued()
        self._go_on_draining()

    def _go_on_draining(self) -> None:
        """The transport had it wait: a Connection's affair."""

    def look_in(self) -> None:
        """A tick: the transport holds input. Who does not read now looks again by ``_arm``."""
        if self._transport.needs != _HOLDS:
            return
        if self._state is READING:
            self.handle_read()
        else:
            self._steady = None  # so that a worker's reply leads there, too

    def _own_interest(self, needs: int) -> int:
        state = self._state
        if state is LINGERING:
            return state.interest[1 if self._transport.unsent else 0]
        if needs == _READS:
            return _READ
        if needs == _WAITS:
            return 0
        if needs == _CHANGES:
            return self._change_interest()
        if needs == _HOLDS:
            if state is READING:
                self.reactor.post(self.look_in)
            return state.interest[1 if self._outbox.size else 0]
        return super()._own_interest(needs)

    def _read_otherwise(self) -> None:
        """There is input, and the connection does not take any."""
        if self._state is LINGERING:
            self._discard()
        elif self._transport.needs == _READS:
            self._carry(True)
        else:
            self._arm()

    def _discard(self) -> None:
        """While lingering: read and drop, up to a bound."""
        try:
            count = len(self._wire.recv(_READ_SIZE))
        except BlockingIOError:
            return
        except OSError as error:
            self._lost(error)
            return
        self.reactor.tally.bytes_in += count
        self._rare.lingered += count
        if not count or self._rare.lingered > _LINGER_BYTES:
            self._eof = not count
            self.close(self._reason)

    def _lost(self, error: OSError) -> None:
        if not isinstance(error, TransportError):
            super()._lost(error)
        elif self._state is LINGERING:
            self.close(self._reason)  # nobody waits for more of it
        else:
            self._note(str(error), error.cause)
            self._refused(error)

    def _refused(self, error: TransportError) -> None:
        """The transport ends the connection."""
        if self._state in ENDED:
            self.close(self._reason)
        elif error.is_end:
            self._eof, self._ending = True, error.reason
            self._work()
        else:
            self._outbox.release()
            self._outbox = EMPTY  # nothing of it can be sent
            self._begin_end(error.reason)

    # in mid-stream

    def _start_change(self, transport: Callable[[SocketChannel], Transport]) -> None:
        if self._state in ENDED or self._transport is not PLAIN:
            return  # asked for twice, from other threads
        self._own_rare().next_transport = transport
        self._transport = CHANGING
        self._steady, self._rest = None, SUSPENDED
        if self._state is READING:
            self._state = SUSPENDED
        self.reactor.post(self.send_queued)

    def _change_interest(self) -> int:
        if self._outbox.size:
            return _WRITE
        if self._state is not PROCESSING:
            self.reactor.post(self._change)
        return 0

    def _change(self) -> None:
        """A tick: all output is sent, or was a moment ago."""
        if self._state is not SUSPENDED or self._outbox.size or self._secure is not None:
            return
        if self._holds_input():
            self._blame(CloseReason.PROTOCOL_ERROR, ProtocolError("bytes came behind the request for TLS"))
            return
        self._transport = self._wire = self._rare.next_transport(self.channel)
        self._state = self._rest = READING
        self._begin_transport()

    def _holds_input(self) -> bool:
        """There is input that was read, and not dealt with."""
        return False
