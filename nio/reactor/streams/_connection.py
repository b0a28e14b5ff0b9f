"""Connection: one stream's handler, in bytes: outbox, back-pressure, deadlines, one way to close.

**One place arms, one place closes.** The interest set is looked up from the state, in ``_arm`` and nowhere else; the
connection ends in ``close`` and nowhere else. Everything between is a state, see ``_state.py``.

**Write first, arm later.** What is written while input is handled is sent at once, together; ``OP_WRITE`` is armed only
for what the kernel did not take. In the steady state a request costs two system calls, one recv and one send.

**Nothing happens inside write()**, so that whoever writes to a connection need not expect its end: it only queues. The
sending, and the end of a connection that has too much output, come from the reactor.

**Closing so that the last bytes arrive.** A socket closed with unread input sends a reset, and that makes the peer's
kernel drop what its program has not read yet. So this side shuts its output down and reads on, discarding, until the
peer closes too, 64 KiB came or 2 seconds passed.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable

from nio.channels import SelectionKey, SocketChannel
from nio.errors import CancelledKeyError, ProtocolError
from nio.reactor.handlers._handler import Handler
from nio.reactor.loop._close_reason import CloseReason
from nio.reactor.loop._reactor import Reactor
from nio.reactor.streams._deadlines import Deadlines
from nio.reactor.streams._outbox import Outbox
from nio.reactor.streams._state import CLOSED, CLOSING, ENDED, LINGERING, READING, SENDING, SUSPENDED, State
from nio.reactor.streams._transport import PlainTransport, Transport

_READ_SIZE = 65536  # also the most one connection reads in a turn
_FIRST_READ = 512 - sys.getsizeof(b"")  # until one read fills it: what fits here comes from Python's own allocator
_LINGER_BYTES = 65536


class Connection(Handler):
    """One stream's handler: bytes in, bytes out. Subclass it and write ``handle_data``.

    Class attributes are the settings, read when the connection opens; an ``__init__`` may set them, too:
    - ``idle_timeout``: seconds without input, while nothing is owed, until the connection ends (60; None never).
    - ``write_timeout``: seconds the peer may take nothing of what was sent (60; None any time).
    - ``low_mark``, ``high_mark``, ``max_output``: bytes of unsent output. Above the high mark nothing is read or
      processed until it is down to the low mark (32 and 64 KiB); adding to ``max_output`` (1 MiB) ends the connection.
    - ``transport``: the :class:`Transport` class that carries the bytes.

    All runs on the reactor's thread. An exception of ``handle_data`` ends the connection, after what is owed was sent:
    :class:`~nio.errors.ProtocolError` is the peer's fault, any other is yours and is logged.
    """

    __slots__ = (
        "_clock",
        "_deadlines",
        "_drain_began",
        "_ending",
        "_eof",
        "_handling",
        "_lingered",
        "_mark",
        "_ops",
        "_outbox",
        "_read_size",
        "_reason",
        "_rest",
        "_state",
        "_steady",
        "_tally",
        "_transport",
        "_writable",
    )

    _rest: State
    _state: State
    _ending: CloseReason | None
    _outbox: Outbox
    _deadlines: Deadlines
    _handling: bool

    idle_timeout: float | None = 60.0
    write_timeout: float | None = 60.0
    low_mark = 32 * 1024
    high_mark, max_output = 64 * 1024, 1024 * 1024
    transport: Callable[[SocketChannel], Transport] = PlainTransport

    reports_bytes = True
    channel: SocketChannel

    # for the user

    def handle_data(self, data: bytes) -> None:
        """Bytes have come: at least one, at most 64 KiB, cut anywhere. Answer with ``write``."""
        raise NotImplementedError(f"{type(self).__name__} has no handle_data()")

    def on_open(self) -> None:
        """The connection is there; called once, before any data."""

    def on_close(self, reason: CloseReason) -> None:
        """The connection is gone; called once, after everything else."""

    def on_writable(self, writable: bool) -> None:
        """Output has reached the high mark (False), or is down to the low mark again (True): stop or go on writing."""

    def write(self, data: bytes | bytearray | memoryview) -> bool:
        """Queue ``data`` for the peer; False when the connection is ending or has ended, and nothing is sent.

        Output that grows beyond ``max_output`` ends the connection, soon: nothing is called from inside ``write``.
        """
        if self._state in ENDED:
            return False
        outbox = self._outbox
        if outbox.size and outbox.size + len(data) > self.max_output:
            self._end_input(CloseReason.OVERLOAD)
            self.reactor.post(self.close, CloseReason.OVERLOAD)
            return False
        self._steady = False
        if not (outbox.size or self._handling):  # else the sending is on the way, or its interest is armed
            self.reactor.post(self._send_queued)
        outbox.append(data if type(data) is bytes else memoryview(data).tobytes())
        return True

    def suspend(self) -> None:
        """Read and process nothing more until ``resume()``; the peer's end, too, is noticed only then."""
        self._rest = SUSPENDED
        if self._state is READING:
            self._state = SUSPENDED
            self._arm()

    def resume(self) -> None:
        """Read and process again, from the next tick on."""
        self._rest = READING
        if self._state is SUSPENDED:
            self.reactor.post(self._go_on)

    def finish(self, reason: CloseReason = CloseReason.LOCAL) -> None:
        """Take no more input, send what is owed, then close; for the reactor's thread."""
        if self._state not in ENDED:
            self._end_input(reason)
            self.reactor.post(self._send_queued)  # not now: whoever asks may still return a reply

    def close(self, reason: CloseReason = CloseReason.LOCAL) -> None:
        """Close the connection at once, whatever is owed; closing again is nothing. See ``finish``."""
        if self._state is CLOSED:
            return
        self._state, self._reason, self._steady = CLOSED, reason, False
        self._deadlines.cancel()
        self._outbox = Outbox()
        super().close(reason)
        self.reactor.guarded(self.on_close, reason)

    @property
    def state(self) -> State:
        """Where the connection stands."""
        return self._state

    @property
    def reason(self) -> CloseReason:
        """Why the connection is closing, lingering or closed; LOCAL before."""
        return self._reason

    @property
    def unsent(self) -> int:
        """Bytes of output that the kernel has not taken yet."""
        return self._outbox.size

    # for the reactor

    @property
    def owes(self) -> bool:
        return self._state is not LINGERING

    def handle_open(self, reactor: Reactor, key: SelectionKey) -> None:
        super().handle_open(reactor, key)
        self._transport = type(self).transport(self.channel)
        self._tally = reactor.tally
        self._mark = self.high_mark  # what the class holds is looked up in two places at every use
        self._read_size = _FIRST_READ
        self._outbox = Outbox()
        self._ops = key.interest_ops
        self._state = self._rest = READING
        self._reason = CloseReason.LOCAL
        self._ending = None  # why to finish once everything received was dealt with
        self._eof = self._handling = False
        self._steady = self._ops == SelectionKey.OP_READ  # nothing is owed, held or ending: answer past the outbox
        self._writable = True
        self._clock = reactor.provider.clock
        self._deadlines = Deadlines(self, reactor, self._clock)
        self._drain_began = self._lingered = 0
        self._deadlines.enforce()
        try:
            self.on_open()
        except BaseException:
            self.close(CloseReason.HANDLER_ERROR)
            raise

    def handle_read(self) -> None:
        """Bytes, the end of the stream or an error."""
        if self._state is not READING:
            if self._state is LINGERING:
                self._discard()
            return  # an earlier handler of this selection suspended this one, or ended it
        recv, clock, size = self._transport.recv, self._clock, self._read_size
        try:
            data = recv(size)
        except BlockingIOError:
            if self._drain_began:
                self._nothing_left()
            return
        except OSError as error:
            self._lost(error)
            return
        if not data:
            self._eof, self._ending = True, CloseReason.PEER_FIN
            self._receive_end()
            return
        count = len(data)
        if count == size:
            self._read_size = _READ_SIZE
        self._tally.bytes_in += count
        self._deadlines.heard_at = clock()
        self._receive(data)

    def handle_write(self) -> None:
        """There is room for what is left of the output."""
        self._send_queued()

    def handle_drain(self) -> None:
        """Deal with what was received so far, then close; at once when nothing is owed."""
        self._drain_began, self._steady = self._clock(), False
        if self._state is SUSPENDED:
            self._begin_end(CloseReason.DRAIN)
            return
        if self._ending is None:
            self._ending = CloseReason.DRAIN
        self.handle_read()

    # input: what StreamHandler does otherwise

    def _receive(self, data: bytes) -> None:
        self._handling = True
        try:
            self.handle_data(data)
        except Exception as error:
            self._raised(error)
        finally:
            self._handling = False
        self._work()

    def _receive_end(self) -> None:
        self._work()

    def _work(self) -> None:
        """Send what input has brought, end if that was the last, and arm."""
        if self._state is READING:
            if self._outbox.size:
                self._flush_to_mark()
            if self._state is READING and self._ending is not None:
                self._dealt_with_all()
        self._arm()

    def _go_on(self) -> None:
        if self._state is SUSPENDED and self._rest is READING:
            self._state = READING
            self._deadlines.heard_at = self._clock()  # the silence was ours
            self._work()

    def _dealt_with_all(self) -> None:
        """All that was read is dealt with, and the connection is to end: is there more that was received?"""
        if self._ending is CloseReason.DRAIN and self._drain_began:
            self.reactor.post(self.handle_read)
        elif self._ending is not None:
            self._begin_end(self._ending)

    # output

    def _send_queued(self) -> None:
        """Send; below the low mark, go on with the input that waited for it."""
        self._flush_to_mark()
        if self._state is SENDING and self._outbox.size <= self.low_mark:
            self._state = self._rest
            self._work()
        else:
            self._arm()

    def _flush_to_mark(self) -> None:
        """Send; output at the high mark all the same ends new input until the peer has taken some."""
        self._flush()
        if self._outbox.size >= self._mark:
            if self._state is READING:
                self._state = SENDING
                self._deadlines.watch_rate()
                self._arm()
            if self._writable:
                self._writable = False
                self.reactor.guarded(self.on_writable, False)
        elif not self._writable and self._outbox.size <= self.low_mark and self._state not in ENDED:
            self._writable = True
            self.reactor.guarded(self.on_writable, True)

    def _flush(self) -> None:
        """Send all the output there is; what the kernel does not take stays."""
        outbox, transport = self._outbox, self._transport
        if outbox.size or transport.wants_write:
            try:
                sent = outbox.flush(transport.send)
            except OSError as error:
                self._lost(error)
                return
            self._tally.bytes_out += sent
            if outbox.size or transport.wants_write:
                self._left_over(sent)
                return
            self._deadlines.sent_at = self._clock()
        if self._state is CLOSING:
            self._end_output()

    def _left_over(self, sent: int) -> None:
        """Not all was taken: from now on the peer has to take some."""
        self._deadlines.taken += sent
        if sent or not self._ops & SelectionKey.OP_WRITE.value:
            self._deadlines.watch_output()

    def _arm(self) -> None:
        """The one place where interest comes from state."""
        state = self._state
        if state is CLOSED:
            return
        unsent = self._outbox.size or self._transport.wants_write
        self._steady = state is READING and not (unsent or self._ending or self._deadlines.record_due)
        ops = state.interest[1 if unsent else 0]
        if ops != self._ops:
            self._ops = ops
            try:
                self.key.set_interest(ops)
            except CancelledKeyError as error:
                self.reactor.report("handler", logging.ERROR, "a connection whose key is gone ends", error=error)
                self.close(CloseReason.HANDLER_ERROR)

    # the end

    def _begin_end(self, reason: CloseReason) -> None:
        """Take no more input, send what is owed, then close: as ``finish``, but now."""
        if self._state not in ENDED:
            self._end_input(reason)
            self._flush()
            self._arm()

    def _end_input(self, reason: CloseReason) -> None:
        self._state, self._reason, self._steady = CLOSING, reason, False
        self._deadlines.watch_rate()

    def _end_output(self) -> None:
        """All is sent. A peer that may still send must not be answered with a reset; see the head of the module."""
        if self._eof:
            self.close(self._reason)
            return
        self._state = LINGERING
        self._transport.shutdown_output()
        self._deadlines.watch_output()

    def _discard(self) -> None:
        """While lingering: read and drop, up to a bound."""
        try:
            count = len(self._transport.recv(_READ_SIZE))
        except BlockingIOError:
            return
        except OSError as error:
            self._lost(error)
            return
        self._tally.bytes_in += count
        self._lingered += count
        if not count or self._lingered > _LINGER_BYTES:
            self.close(self._reason)

    def _nothing_left(self) -> None:
        """Draining, and the kernel has no more input."""
        if self._outbox.size or self._deadlines.heard_at >= self._drain_began:
            self._begin_end(CloseReason.DRAIN)
        else:
            self.close(CloseReason.DRAIN)

    def _raised(self, error: BaseException) -> None:
        """The user's code raised."""
        if isinstance(error, ProtocolError):
            self._blame(CloseReason.PROTOCOL_ERROR, error)
        else:
            name = type(self).__name__
            self.reactor.report("handler", logging.ERROR, "%s raised; its connection ends", name, error=error)
            self._begin_end(CloseReason.HANDLER_ERROR)

    def _blame(self, reason: CloseReason, error: Exception) -> None:
        """The peer's fault."""
        self.reactor.report("peer", logging.DEBUG, "%r: %.200r", self.channel, str(error))
        self._begin_end(reason)

    def _lost(self, error: OSError) -> None:
        """The connection is broken."""
        self.reactor.report("peer", logging.DEBUG, "%r: %.200r", self.channel, str(error))
        self.close(self._reason if self._state in ENDED else CloseReason.PEER_RST)
