"""Connection: one stream's handler, in bytes: what comes in, in fair shares, and when it is left alone.

How it sends and ends stands in ``_outlet.py``, the states in ``_state.py``.

**Fair shares.** A connection reads at most 64 KiB in a turn. What a turn's share does not deal with waits, with the
reading off, for the next turn.

**Draining** deals with what the kernel had received when it began, and with at most 64 KiB that come after that: the
peer may have had them on their way, but one that never stops is done with, too.
"""

from __future__ import annotations

import sys
from typing import Any

from nio.channels import SelectionKey, SocketChannel
from nio.channels._socket_channel import CONNECTED
from nio.errors import IllegalStateError
from nio.reactor.handlers._handler import Handler
from nio.reactor.handlers._slips import check_callbacks, check_names, check_settings
from nio.reactor.loop._close_reason import CloseReason
from nio.reactor.loop._reactor import Reactor
from nio.reactor.loop._registry import LEAVING
from nio.reactor.streams._checks import check_limits
from nio.reactor.streams._filing import Filing
from nio.reactor.streams._outbox import EMPTY
from nio.reactor.streams._rare import USUAL
from nio.reactor.streams._state import CLOSED, READING, SUSPENDED
from nio.reactor.streams._steady import Steady
from nio.reactor.streams._transport import PLAIN, Needs, PlainTransport

_READ = int(SelectionKey.OP_READ)
_LOCAL = CloseReason.LOCAL  # an enum's member is looked up in Python
_READ_SIZE = 65536
_ON_ITS_WAY = 64 * 1024
_FIRST_READ = 512 - sys.getsizeof(b"")  # until one read fills it: what fits here comes from Python's own allocator


class Connection(Filing):
    """One stream's handler: bytes in, bytes out. Subclass it and write ``handle_data``.

    Class attributes are the settings, read when the connection opens; an ``__init__`` may set them, too:

    - ``idle_timeout``: seconds in which the peer neither sends nor takes anything, while nothing is owed, until the
      connection ends (60; None never).
    - ``write_timeout``: seconds the peer may take nothing of what was sent (60; None any time).
    - ``read_timeout``: seconds the peer may say nothing while nothing waits to be taken by it (None: any time), though
      it takes all that it is sent.
    - ``ping_after``: seconds after which a peer that says nothing is asked for a sign by ``on_idle``, once; unless it
      says something by ``idle_timeout`` the connection ends (None: nobody is asked).
    - ``slowest_rate``: bytes that the peer must take in so many seconds while output is over the mark, or the
      connection is to end ((1024, 10.0); None: any number).
    - ``low_mark``, ``high_mark``, ``max_output``: bytes of unsent output. Above the high mark nothing is read or
      processed until it is down to the low mark (32 and 64 KiB); adding to ``max_output`` (1 MiB) ends the connection.
    - ``half_open``: True if output stays open after the peer has ended its own: ``on_peer_end`` is called then, and
      ``finish`` ends the connection (False: it ends by itself, once all replies are sent).
    - ``transport``: what makes the :class:`Transport` that carries the bytes, a :class:`nio.tls.TlsContext` say.

    Everything is called on the reactor's thread. ``write``, ``finish``, ``close``, ``suspend`` and ``resume`` may be
    called from any thread, and by ``reactor.execute`` from a signal handler. An exception of ``handle_data`` ends the
    connection, after what is owed was sent: :class:`~nio.errors.ProtocolError` is the peer's fault, any other is yours
    and is logged.
    """

    __slots__ = ("_longest", "_read_size")

    reactor: Reactor
    key: SelectionKey
    channel: SocketChannel
    _longest: int  # bytes of a line, with its ending, that _steady.py serves; 0: a unit does; negative: nobody

    half_open = False

    # for the user

    def handle_data(self, data: bytes) -> None:
        """Bytes have come: at least one, at most 64 KiB, cut anywhere. Answer with ``write``."""
        raise NotImplementedError(f"{type(self).__name__} has no handle_data()")

    def on_open(self) -> None:
        """The connection is there; called once, before any data."""

    def on_peer_end(self) -> None:
        """The peer writes no more, and everything it has written was dealt with; only with ``half_open``."""
        self.finish(CloseReason.PEER_FIN)

    def end_output(self) -> None:
        """Send what was written, then let the peer read the end of the stream, and read on; from any thread.

        A reply that is owed to the record in hand is sent before the end, too; those to later records are dropped, and
        ``write`` returns False from now on. The connection ends when the peer ends, too.
        """
        if self.reactor.owner.is_elsewhere:
            self.reactor.post(self.end_output)
        elif self._rare.half_closed:
            self.finish(CloseReason.PEER_FIN)
        elif self._state is not CLOSED and not self._output_ends:
            self._output_ends, self._steady = True, None
            self.reactor.post(self.send_queued)
            if self._state is READING:
                self._pause()  # so that the end comes before the next record

    def suspend(self) -> None:
        """Read and process nothing more until ``resume()``; the peer's end, too, is noticed only then."""
        if self.reactor.owner.is_elsewhere:
            self.reactor.post(self.suspend)
            return
        self._rest, self._steady = SUSPENDED, None
        if self._state is READING:
            self._state = SUSPENDED
            self._arm()
        if self._ending is not None:
            self.reactor.post(self._work)

    def resume(self) -> None:
        """Read and process again, from the next tick on."""
        if self.reactor.owner.is_elsewhere:
            self.reactor.post(self.resume)
            return
        if self._rare.half_closed or self._transport.needs == Needs.CHANGES:
            return  # there is nothing to read, or not yet
        self._rest = READING
        if self._state is SUSPENDED:
            self.reactor.post(self._go_on)

    def detach(self) -> Any:
        """Give the socket to whoever calls, open and in blocking mode; ``on_close`` is called with DETACHED.

        What was read of it already is this handler's. For the reactor's thread. IllegalStateError while output is
        unsent, ClosedChannelError once closed.
        """
        if self._secure is not None and self._state is not CLOSED:
            raise IllegalStateError("a socket is not given away without its TLS, whose keys stay here: finish()")
        if self._replies:
            self._put_replies()
        if self._state is not CLOSED and self._outbox.size:
            self._flush()
        if self.unsent:
            raise IllegalStateError(
                f"{self.unsent} bytes are not sent yet: detach when on_writable() or the peer says so"
            )
        return super().detach()

    @property
    def peer_has_ended(self) -> bool:
        """The peer has gone, or it has ended its output and still waits for what it asked; from any thread.

        For a ``process`` that takes long, to ask now and then: one system call. True once the connection has ended.
        Where the system cannot tell, False.
        """
        return self._state is CLOSED or self._eof or bool(self.channel.peer_has_ended)

    # for the reactor

    @classmethod
    def check_class(cls) -> None:
        if cls.handle_data is Connection.handle_data:
            raise TypeError(f"{cls.__name__} has no handle_data()")
        check_callbacks(cls, "handle_data", "on_open", "on_close", "on_writable", "on_idle", "on_peer_end", "on_secure")
        check_settings(cls, Connection)
        check_limits(cls)
        check_names(cls)

    def handle_open(self, reactor: Reactor, key: SelectionKey) -> None:
        """All in one piece: this is done for every connection."""
        try:
            mine: SelectionKey | None = self.key
        except AttributeError:
            mine = None
        if mine is not None:
            Handler.handle_open(self, reactor, key)  # which refuses it, maybe
        channel: Any = key._channel
        make: Any = self.transport  # first: who has none has no key
        plain = make is PlainTransport
        self._wire = transport = channel.undelayed_socket() if plain else make(channel)
        self.reactor, self.key, self.channel = reactor, key, channel
        self._transport = PLAIN if plain else transport
        self._outbox, self._writable, self._mark = EMPTY, True, self.high_mark  # what the class holds costs more
        self._state = self._rest = READING  # and where to go back to from SENDING or from a worker
        self._reason, self._rare, self._replies = _LOCAL, USUAL, ()
        self._all_deadlines = self._idle_timer = self._ending = self._secure = None
        self._eof = self._handling = self._output_ends = False
        if (tally := reactor.tally).woke and reactor.owner.thread is not None:
            self._opened_at, self._heard = tally.since, tally.heard
        else:
            self._opened_at = now = reactor._clock()
            self._heard = [now]
        self._read_size, self._longest = _FIRST_READ, -1
        if not reactor.serves:
            reactor.serve_by(Steady)
        self._ops = key._interest
        usual = getattr(self.handle_read, "__func__", None) is _HANDLE_READ
        there = channel._connection == CONNECTED if type(channel) is SocketChannel else _is_connected(channel)
        self._serves = usual and there and (plain or hasattr(transport, "begin"))
        self._steady = self if plain and self._serves and self._ops == _READ else None
        self._watch_deadlines(self._opened_at)
        try:
            self._prepare(reactor)
            self.on_open()
        except BaseException:
            self.close(CloseReason.HANDLER_ERROR)
            raise
        if not plain:
            self._begin_transport()

    def handle_read(self) -> None:
        """Bytes, the end of the stream or an error."""
        if self._state is not READING:
            self._read_otherwise()
            return  # an earlier handler of this selection suspended this one, or ended it
        try:
            data = self._wire.recv(self._read_size)
        except OSError as error:
            self._unread(error)
            return
        self.reactor.tally.bytes_in += len(data)
        if data:
            self._heard = [self.reactor._clock()]
        self._fed(data)

    def _unread(self, error: OSError) -> None:
        """``recv`` raised."""
        if not isinstance(error, BlockingIOError):
            self._lost(error)
        elif self._rare.drain_began and self._transport.needs != Needs.WAITS:
            self._nothing_left()
        elif self._transport.needs:
            self.send_queued()

    def _fed(self, data: bytes) -> None:
        """Deal with what was received, which is counted already. Empty data is the end of the stream."""
        if not data:
            self._eof, self._ending = True, CloseReason.PEER_FIN
            self._receive_end()
            return
        if len(data) >= self._read_size:
            self._grow()
        if self._rare.drain_began:
            self._rare.drain_left -= len(data)
        self._receive(data)

    def _grow(self) -> None:
        """A read was filled: read more at a time."""
        self._read_size = _READ_SIZE

    def handle_drain(self) -> None:
        """Deal with what was received so far, then close; at once when nothing is owed."""
        rare = self._own_rare()
        rare.drain_left = (self.reactor.provider.unread(self.channel.socket) or 0) + _ON_ITS_WAY
        rare.drain_began, self._steady = self.reactor._clock(), None
        if self._ending is None:
            self._ending = CloseReason.DRAIN
        if self._state is READING:
            self._drain()
        elif self._rest is SUSPENDED:
            self.finish(CloseReason.DRAIN)

    def handle_replaced(self) -> None:
        """Another handler has the channel: it gets no output and no input of this one."""
        if self._replies:
            self._put_replies()
        self._state, self._steady = CLOSED, None
        self._deadlines.cancel()
        outbox, self._outbox = self._outbox, EMPTY
        if outbox.size:
            try:
                self.reactor.tally.bytes_out += outbox.flush(self._wire.send)
            except OSError:
                pass  # which the other one will hear, too
        if self._secure is not None:
            self._secure.end(False)
        self._leave_all()

    # what StreamHandler does otherwise

    def _prepare(self, reactor: Reactor) -> None:
        """The handler is bound, and ``on_open`` comes next."""

    def _receive(self, data: bytes) -> None:
        self._handling = True
        try:
            self.handle_data(data)
        except LEAVING:
            raise
        except BaseException as error:
            self._raised(error)
        finally:
            self._handling = False
        self._work()

    def _receive_end(self) -> None:
        self._work()

    def _work(self) -> None:
        """Send what input has brought, end if that was the last, and arm."""
        if self._outbox.size and self._state in (READING, SUSPENDED):
            self._flush_to_mark()
        if self._state is READING and self._ending is not None:
            self._dealt_with_all()
        elif self._state is self._rest is SUSPENDED and self._ending not in (None, CloseReason.PEER_FIN):
            self._begin_end(self._ending)  # finish() and a drain do not wait for resume(); the peer's end does
        self._arm()

    def _go_on(self) -> None:
        if self._state is SUSPENDED and self._rest is READING:
            self._state = READING
            self._heard = [self.reactor._clock()]  # the silence was ours
            if self._outbox.size >= self._mark:
                self._flush_to_mark()
            self._work()

    def _pause(self) -> None:
        """This turn's share is used up: the rest of what was read goes on in the next one."""
        self._state = SUSPENDED
        self.reactor.post(self._go_on)

    def _dealt_with_all(self) -> None:
        """All that was read is dealt with, and the connection is to end: is there more that was received before?"""
        rare = self._rare
        if self._ending is CloseReason.DRAIN and rare.drain_began and rare.drain_left > 0:
            self.reactor.post(self._drain)
        elif self._ending is CloseReason.PEER_FIN and self.half_open and not rare.drain_began:
            self._half_close()
        else:
            self._begin_end(self._ending or CloseReason.LOCAL)

    def _half_close(self) -> None:
        """The peer's half has ended; ours does when the user says so, or has said so before."""
        self._ending, self._own_rare().half_closed = None, True
        self._state = self._rest = SUSPENDED
        self._deadlines.watch()
        try:
            self.on_peer_end()
        except LEAVING:
            raise
        except BaseException as error:
            self._raised(error)
        if self._output_ends:
            self._begin_end(CloseReason.PEER_FIN)

    def _go_on_draining(self) -> None:
        if self._rare.drain_began:
            self._drain()

    def _drain(self) -> None:
        """Read on, if the selection has not done so already."""
        if self._state is READING:
            self.handle_read()

    def _nothing_left(self) -> None:
        """Draining, and the kernel has no more input."""
        if self._outbox.size or self.heard_at >= self._rare.drain_began:
            self._begin_end(CloseReason.DRAIN)
        else:
            self.close(CloseReason.DRAIN)


def _is_connected(channel: Any) -> bool:
    return getattr(channel, "is_connected", False)  # a descriptor has no such question


_HANDLE_READ = Connection.handle_read
