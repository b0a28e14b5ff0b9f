"""Outlet: the sending half of a stream's handler: its state, its output, and how it ends.

**One place arms, one place closes.** The interest set is looked up from the state, in ``_arm`` and nowhere else; the
connection ends in ``close`` and nowhere else. Everything between is a state, see ``_state.py``.

**Write first, arm later.** What is written while input is handled is sent at once, together; ``OP_WRITE`` is armed only
for what the kernel did not take. In the steady state a request costs two system calls, one recv and one send.

**Nothing happens inside write()**, so that whoever writes to a connection need not expect its end. The reactor sends,
and ends a connection with too much output. What other threads write travels to its thread by itself, in order.

**Closing so that the last bytes arrive.** A socket closed with unread input sends a reset, and that makes the peer's
kernel drop what its program has not read yet. So this side shuts its output down and reads on, discarding, until the
peer closes too, 64 KiB came or 2 seconds passed.
"""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Callable
from typing import Any

from nio.channels import SelectionKey, SocketChannel
from nio.errors import CancelledKeyError, ProtocolError
from nio.reactor.handlers._slips import no_channel
from nio.reactor.loop._close_reason import CloseReason
from nio.reactor.loop._registry import LEAVING
from nio.reactor.loop._report import logger
from nio.reactor.streams._checks import copied
from nio.reactor.streams._outbox import EMPTY, NOWHERE, Outbox
from nio.reactor.streams._state import CLOSED, CLOSING, ENDED, LINGERING, PROCESSING, READING, SENDING, State
from nio.reactor.streams._timed import Timed
from nio.reactor.streams._transport import Needs, Plain, PlainTransport, Transport

_READ, _WRITE = int(SelectionKey.OP_READ), int(SelectionKey.OP_WRITE)
_CHANGES = Needs.CHANGES
_logs, _DEBUG = logger.isEnabledFor, logging.DEBUG  # names of a module cost more


class Outlet(Timed):
    """What :class:`Connection` is made on: it can send and end, and does not read yet."""

    __slots__ = (
        "_ending",
        "_eof",
        "_handling",
        "_mark",
        "_ops",
        "_output_ends",
        "_replies",
        "_rest",
        "_serves",
        "_steady",
        "_wire",
        "_writable",
    )

    _transport: Transport
    _rest: State
    _ending: CloseReason | None  # why to finish once everything received was dealt with
    _handling: bool
    _eof: bool
    _serves: bool  # it may be steady
    _wire: Any  # whose recv and send are called: the socket, or a transport that is not the plain one
    _writable: bool
    _mark: int
    _ops: int
    _output_ends: bool  # end_output() was called
    _owes_nothing = False  # in PROCESSING; else a reply comes before the end of the output
    _process: Any = None  # a StreamHandler's process(), called with it and a record; None once the connection is closed
    _reads_on = False  # also while output is at the high mark
    _replies: list[bytes] | tuple[()]  # made, and not in the outbox yet: see _steady.py
    _steady: object  # the handler itself while it is steady

    low_mark = 32 * 1024
    high_mark = 64 * 1024
    max_output = 1024 * 1024
    transport: Callable[[SocketChannel], Transport] = PlainTransport

    reports_bytes = True
    accepts = False

    # for the user

    def on_close(self, reason: CloseReason) -> None:
        """The connection is gone; called once, after everything else."""

    def on_writable(self, writable: bool) -> None:
        """Output has reached the high mark (False), or is down to the low mark again (True): stop or go on writing."""

    def on_idle(self) -> None:
        """The peer has said nothing for ``ping_after`` seconds: send it something that it must answer."""

    def write(self, data: bytes | bytearray | memoryview) -> bool:
        """Queue ``data`` for the peer, from any thread; False when the connection is ending, and nothing is sent.

        Output that grows beyond ``max_output`` ends the connection, soon: nothing is called from inside ``write``.
        """
        if type(data) is not bytes:
            data = copied(data)
        try:
            if self._state in ENDED or self._output_ends:
                return False
        except AttributeError:
            raise no_channel(self) from None
        if self.reactor.owner.is_elsewhere:
            self.reactor.post(self.write, data)
            return True
        if self._replies and not self._put_replies():
            return False
        outbox = self._outbox
        if outbox.size and outbox.size + len(data) > self.max_output + outbox.not_here:
            self._end_input(CloseReason.OVERLOAD)
            self.reactor.post(self.close, CloseReason.OVERLOAD)
            return False
        self._steady = None
        if not self._handling and (not outbox.size or outbox.size < self._mark <= outbox.size + len(data)):
            self.reactor.post(self.send_queued)  # else the sending is on the way, or its interest is armed
        self._own_outbox().append(data)
        return True

    def finish(self, reason: CloseReason = CloseReason.LOCAL) -> None:
        """Take no more input, send what is owed, then close; from any thread."""
        if getattr(self, "reactor", None) is None:
            raise no_channel(self)
        if self.reactor.owner.is_elsewhere:
            self.reactor.post(self.finish, reason)
        elif self._state not in ENDED:
            self._end_input(reason)
            self.reactor.post(self.send_queued)  # not now: whoever asks may still return a reply

    def close(self, reason: CloseReason = CloseReason.LOCAL) -> None:
        """Close the connection at once, whatever is owed; closing again is nothing. See ``finish``."""
        try:
            closed = self._state is CLOSED
        except AttributeError:
            raise no_channel(self) from None
        if closed:
            if self._process is not None:
                self._let_go(reason)  # which a Ctrl-C has prevented
            return
        reactor, owner = self.reactor, self.reactor.owner
        thread_id, home = owner.thread_id, owner.home
        if home is not None and home != thread_id():  # it is elsewhere
            reactor.post(self.close, reason)
            return
        if _logs(_DEBUG):  # the channel knows its peer only now
            self._log_end(reason)
        self._close(reason)

    def _close(self, reason: CloseReason) -> None:
        """On the reactor's thread. What a Ctrl-C leaves undone here is done further below, or by the next close."""
        reactor = self.reactor
        self._state, self._reason, self._steady = CLOSED, reason, None
        try:  # whatever interrupts it, the rest is done: nobody closes it again
            if self._all_deadlines is not None:
                self._all_deadlines.cancel()
            elif (timer := self._idle_timer) is not None:
                timer.pop(self.key, None) if isinstance(timer, dict) else timer.cancel()
            if self._secure is not None:
                self._secure.end(not self._outbox.size)
        finally:
            try:
                reactor.forget(self.key, reason)  # which may ask what is unsent
            finally:
                self._outbox = NOWHERE
                try:
                    self.key._selector._dismiss(self.channel) if self._eof else self.channel.close()
                except LEAVING:  # before that has begun, maybe
                    self.channel.close()
                    raise
                finally:
                    try:
                        if self._rare.at_end:
                            self._leave_all()
                    finally:
                        try:
                            self.on_close(reason)
                        except LEAVING:
                            raise
                        except BaseException as error:
                            self._tell_raised(error)
                        finally:
                            try:
                                if self._process is not None:
                                    self._let_go(reason)
                            except LEAVING:  # before that has begun, maybe
                                self._let_go(reason)
                                raise

    def _log_end(self, reason: CloseReason) -> None:
        who = f"{type(self).__name__} of {self.channel!r}"
        self.reactor.report("end", logging.DEBUG, "%s ended: %s, %.200r", who, reason.name, self._rare.detail)

    def _tell_raised(self, error: BaseException) -> None:
        self.reactor.report("callback", logging.ERROR, "%s raised", self.on_close.__qualname__, error=error)

    def _let_go(self, reason: CloseReason) -> None:
        """Of ``process``, and of what only an open connection needs: a StreamHandler's affair."""

    # for the reactor

    def handle_fault(self) -> None:
        """The peer has reset the connection while a worker has its record, say: nobody waits for the reply any more."""
        code = self.reactor.provider.connect_error(self.channel.socket) or errno.ECONNRESET
        self._lost(OSError(code, os.strerror(code)))

    def handle_write(self) -> None:
        """There is room for what is left of the output."""
        self.send_queued()

    def send_queued(self) -> None:
        """Send; below the low mark, go on with the input that waited for it."""
        self._flush_to_mark()
        if self._state is SENDING and self._outbox.size <= self.low_mark:
            self._state = self._rest
            self._work()
        else:
            self._arm()

    def tell_idle(self) -> None:
        self._tell(self.on_idle)

    def _work(self) -> None:
        """Deal with the input that waited for output to be taken, then send and arm: a Connection's affair."""

    # output

    def _flush_to_mark(self) -> None:
        """Send; output at the high mark all the same ends new input until the peer has taken some."""
        self._flush()
        if self._outbox.size >= self._mark:
            if self._state is READING and not self._reads_on:
                self._state = SENDING
                self._deadlines.watch_rate()
                self._arm()
            if self._writable:
                self._tell_writable(False)
        elif not self._writable and self._outbox.size <= self.low_mark and self._state not in ENDED:
            self._tell_writable(True)

    def _tell_writable(self, writable: bool) -> None:
        self._writable = writable
        self._tell(self.on_writable, writable)

    def _tell(self, callback: Callable[..., object], *args: object) -> None:
        try:
            callback(*args)
        except LEAVING:
            raise
        except BaseException as error:
            self._raised(error)

    def _flush(self) -> None:
        """Send all the output there is; what the kernel does not take stays."""
        outbox, transport = self._outbox, self._transport
        output_ends = self._output_ends and (self._state is not PROCESSING or self._owes_nothing)
        if output_ends and (self.secure_due or transport.needs == _CHANGES):
            output_ends = False  # an end before the handshake would be one that anybody may have made
        if output_ends:
            outbox = self._own_outbox()
            outbox.seal()
        if outbox.size or transport.unsent:
            try:
                sent = outbox.flush(self._wire.send)
            except OSError as error:
                self._lost(error)
                return
            self.reactor.tally.bytes_out += sent
            self._deadlines.sent += sent
            if outbox.size or transport.unsent:
                self._left_over()
                return
            self._deadlines.sent_at = self.reactor._clock()
        if self._state is CLOSING:
            self._end_output()
        elif output_ends and self._outbox is not NOWHERE:
            self._outbox = NOWHERE
            self._shutdown_output()

    def _keep(self, data: bytes, took: int) -> None:
        """Of what was sent past the outbox the kernel has taken so much."""
        self._own_outbox().append(memoryview(data)[took:])
        self._deadlines.sent += took
        self._left_over()
        self.send_queued()

    def _own_outbox(self) -> Outbox:
        """For something to be put in."""
        outbox = self._outbox
        if outbox is EMPTY:
            outbox = self._outbox = Outbox()
        return outbox

    def _shutdown_output(self) -> None:
        (self.channel if isinstance(self._transport, Plain) else self._transport).shutdown_output()

    def _unsent(self, data: bytes, error: OSError) -> None:
        """The kernel has taken nothing of it: is there no room, or no peer?"""
        if isinstance(error, BlockingIOError):
            self._keep(data, 0)
        else:
            self._lost(error)

    def _put_replies(self) -> bool:
        """Put the replies made so far into the outbox; False when one of them ends the connection."""
        return True

    def _left_over(self) -> None:
        """Not all was taken."""
        deadlines = self._deadlines
        if deadlines.sent > deadlines.noted:
            deadlines.watch_output()

    def _arm(self) -> None:
        """The one place where interest comes from state."""
        state = self._state
        if state is CLOSED:
            return
        size, needs = self._outbox.size, self._transport.needs
        owes = size or needs or self._ending or self._deadlines.record_due or self._output_ends
        self._steady = self if self._serves and state is READING and not owes else None
        ops = self._own_interest(needs) if needs else state.interest[1 if size else 0]
        if ops != self._ops:
            output_begins_to_wait = ops & ~self._ops & _WRITE
            if self._ops & ~ops & _WRITE:
                self._deadlines.free_at = self.reactor._clock()
            self._ops = ops
            try:
                self.key.set_interest(ops)
            except CancelledKeyError:
                return  # whoever cancelled it has brought the end on its way
            if output_begins_to_wait:
                self._deadlines.watch_output()  # from now on the peer has to take some

    def _own_interest(self, needs: int) -> int:
        """The interest set while the transport has a need of its own: to write, unless a Connection knows better."""
        return self._state.interest[1]

    # the end

    def _begin_end(self, reason: CloseReason) -> None:
        """Take no more input, send what is owed, then close: as ``finish``, but now."""
        if self._state in ENDED:
            return
        if self._eof and self._secure is None and not self._outbox.size and not self._transport.unsent:
            self.close(reason)  # nobody is owed anything
            return
        self._end_input(reason)
        self._flush()
        self._arm()

    def _end_input(self, reason: CloseReason) -> None:
        self._state, self._reason, self._steady = CLOSING, reason, None
        self._deadlines.watch_rate()

    def _end_output(self) -> None:
        """All is sent. A peer that may still send must not be answered with a reset; see the head of the module."""
        if self._eof:
            if self._secure is None or self._secure.say_end():
                self.close(self._reason)
            return
        self._state, self._own_rare().lingered = LINGERING, 0
        self._shutdown_output()
        if self.channel.is_open:
            self._deadlines.watch_output()
        else:
            self.close(self._reason)  # a descriptor, which has no half that could be ended alone

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
        self._note(str(error), error)
        self._begin_end(reason)

    def _note(self, detail: str, error: BaseException) -> None:
        rare = self._own_rare()
        rare.detail, rare.error = detail, error.with_traceback(None)

    def _lost(self, error: OSError) -> None:
        """The connection is broken; what broke it before stays the cause."""
        if self._rare.error is None:
            self._note(str(error), error)
        self.close(self._reason if self._state in ENDED else CloseReason.PEER_RST)
