"""StreamHandler: Lea's handler, grown up: framing, outbox, back-pressure, deadlines, one way to close.

**One place arms, one place closes.** The interest set is computed from the state, in ``_arm`` and nowhere else; the
connection ends in ``close`` and nowhere else. Everything between is a state::

    READING ──record──> (process) ──reply──> READING          a reply the kernel takes at once changes nothing
    READING ──record──> PROCESSING ──completion──> READING     with workers: no interest while one has the record
    READING ──output over the high mark──> SENDING ──output below the low mark──> READING
    READING, PROCESSING, SENDING ──end, error, drain──> CLOSING ──output sent──> LINGERING ──> CLOSED

**Write first, arm later.** Replies are sent at once, those to one read's records together; ``OP_WRITE`` is armed only
for what the kernel did not take. In the steady state a request costs two system calls, one recv and one send.

**Records wait as bytes.** At most 64 are decoded at a time; the rest of what was read stays undecoded in the decoder,
so that a peer who pipelines empty lines costs bytes, not objects. While a worker has a record or output is over the
mark nothing is read, so what a connection can hold is one read, one batch of records and one high mark of output.

**Closing so that the last reply arrives.** A socket closed with unread input sends a reset, and that makes the peer's
kernel drop what its program has not read yet. So this side shuts its output down and reads on, discarding, until the
peer closes too, 64 KiB came or 2 seconds passed.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from nio.channels import SelectionKey, SocketChannel, StandardSocketOptions
from nio.errors import CancelledKeyError, DelimiterInRecordError, IllegalStateError, ProtocolError, RecordTooLongError
from nio.framing import Framing, Lines
from nio.reactor._close_reason import CloseReason
from nio.reactor._deadlines import Deadlines, State
from nio.reactor._hand_off import Job
from nio.reactor._handler import Handler
from nio.reactor._outbox import Outbox
from nio.spi import Socket

if TYPE_CHECKING:
    from nio.reactor._reactor import Reactor

_READ, _WRITE = 1, 4
_READ_SIZE = 65536  # also the most one connection reads in a turn
_FIRST_READ = 512 - sys.getsizeof(b"")  # until one read fills it: what fits here comes from Python's own allocator
_BATCH = 64  # records decoded at a time
_LINGER_BYTES = 65536
_NOTHING: Iterator[bytes] = iter(())

# In the fast path a member of an enum costs a look-up, and so does a call of what a slot holds, unless by a local name.
_READING, _PROCESSING, _SENDING, _CLOSING, _LINGERING, _CLOSED = State
_ENDED = (_CLOSING, _LINGERING, _CLOSED)


class StreamHandler(Handler):
    """One connection's handler: records in, replies out. Subclass it and write ``process``.

    Class attributes are the settings, read when the connection opens; an ``__init__`` may set them, too.

    - ``framing``: how bytes become records and replies bytes (:class:`~nio.framing.Lines` by default).
    - ``idle_timeout``: seconds without input, while nothing is owed, until the connection ends (60; None never).
    - ``record_timeout``: seconds a record may take from its first byte to its last (10; None any time).
    - ``write_timeout``: seconds the peer may take nothing of what was sent (60; None any time).
    - ``low_mark``, ``high_mark``, ``max_output``: bytes of unsent output. Above the high mark nothing is read or
      processed until it is down to the low mark (32 and 64 KiB); adding to ``max_output`` (1 MiB) ends the connection.

    With workers, ``process`` runs in one of them, one record of a connection at a time, in order; all else runs on the
    reactor's thread. An exception of ``process`` ends the connection, after the replies owed for the records before it:
    :class:`~nio.errors.ProtocolError` is the peer's fault, any other is yours and is logged.
    """

    __slots__ = (
        "_armed",
        "_clock",
        "_deadlines",
        "_decoder",
        "_drain_began",
        "_encode",
        "_ending",
        "_eof",
        "_job",
        "_lingered",
        "_mark",
        "_more",
        "_outbox",
        "_process",
        "_read_size",
        "_reason",
        "_records",
        "_recv",
        "_send",
        "_state",
        "_steady",
    )

    _state: State
    _records: Iterator[bytes]
    _ending: CloseReason | None

    framing: Framing = Lines()
    idle_timeout: float | None = 60.0
    record_timeout: float | None = 10.0
    write_timeout: float | None = 60.0
    low_mark = 32 * 1024
    high_mark = 64 * 1024
    max_output = 1024 * 1024

    counts_progress = True
    channel: SocketChannel

    # for the user

    def process(self, record: bytes) -> bytes | None:
        """The reply to one record, without its ending; None for no reply."""
        raise NotImplementedError(f"{type(self).__name__} has no process()")

    def on_open(self) -> None:
        """The connection is there; called once, before any record."""

    def on_close(self, reason: CloseReason) -> None:
        """The connection is gone; called once, after everything else."""

    def send(self, record: bytes) -> None:
        """Queue a record of your own, framed, behind the replies already made; for the reactor's thread."""
        if self._state in _ENDED:
            raise IllegalStateError(f"the connection is {self._state.value}: its output has ended")
        data = self._encode(record)
        outbox = self._outbox
        if outbox.size and outbox.size + len(data) > self.max_output:
            self.close(CloseReason.OVERLOAD)
            return
        if not outbox.size:  # else its sending is on the way: as a tick, with the interest set or after process()
            self.reactor.execute(self.handle_write)
        outbox.append(data)
        self._steady = False
        if outbox.size >= self._mark and self._state is _READING:
            self._mind_the_mark()

    def finish(self, reason: CloseReason = CloseReason.LOCAL) -> None:
        """Process no more records, send what is owed, then close; for the reactor's thread."""
        if self._state in _ENDED:
            return
        if self._state is _PROCESSING:
            self._records, self._more = _NOTHING, False
            self._ending = self._ending or reason  # once the reply that is owed has come
        else:
            self._end_input(reason)
            self.reactor.execute(self.handle_write)  # not now: the process() that asks may still return a reply

    @property
    def state(self) -> State:
        """Where the connection stands."""
        return self._state

    @property
    def reason(self) -> CloseReason:
        """Why the connection is closing, lingering or closed; LOCAL before."""
        return self._reason

    @property
    def owes(self) -> bool:
        return self._state is not _LINGERING

    @property
    def unsent(self) -> int:
        """Bytes of output that the kernel has not taken yet."""
        return self._outbox.size

    # for the reactor

    def handle_open(self, reactor: Reactor, key: SelectionKey) -> None:
        super().handle_open(reactor, key)
        sock: Socket = self.channel.socket
        self._recv, self._send = sock.recv, sock.send
        # What the class holds is looked up in two places at every use; these are read with every request.
        self._process, self._encode, self._mark = self.process, self.framing.encode, self.high_mark
        self._decoder = self.framing.decoder()
        self._read_size = _FIRST_READ
        self._records, self._more = _NOTHING, False  # decoded records, and: the decoder may hold complete ones
        self._outbox = Outbox()
        self._armed = key.interest_ops
        self._state, self._reason = _READING, CloseReason.LOCAL
        self._ending = None  # why to finish once the records have run out
        self._eof = False
        self._clock = reactor.provider.clock
        self._deadlines = Deadlines(reactor, self)
        self._drain_began = self._lingered = 0
        self._job = None if reactor.hand_off is None else reactor.hand_off.job(self, self._process)
        self._steady = self._job is None and self._armed == _READ  # see _reply_at_once
        if StandardSocketOptions.TCP_NODELAY in self.channel.supported_options:
            try:
                self.channel.set_option(StandardSocketOptions.TCP_NODELAY, True)
            except OSError:
                pass  # some systems refuse it when the peer has reset the connection, which the first read tells
        self._deadlines.check()
        try:
            self.on_open()
        except BaseException:
            self.close(CloseReason.HANDLER_ERROR)
            raise

    def handle_read(self) -> None:
        """Lea's read: bytes in, records out, then process them or hand one off."""
        if self._state is not _READING:
            if self._state is _LINGERING:
                self._discard()
            return  # an earlier handler of this selection had this one send more than the peer takes
        recv, clock, size = self._recv, self._clock, self._read_size
        try:
            data = recv(size)
        except BlockingIOError:
            if self._drain_began:
                self._drained()
            return
        except OSError as error:
            self._lost(error)
            return
        if not data:
            self._eof, self._ending = True, CloseReason.PEER_FIN
            self._decoder.end()
            self._work()
            return
        count = len(data)
        if count == size:
            self._read_size = _READ_SIZE
        self.reactor.bytes_in += count
        self._deadlines.heard_at = clock()
        records = self._decoder.feed(data, _BATCH)
        if self._steady and len(records) == 1 and self._decoder.clean:
            self._reply_at_once(records[0])
            return
        if records:
            self._deadlines.record_since = 0
            self._more = len(records) == _BATCH
            self._records = iter(records)
        self._work()

    def handle_write(self) -> None:
        """There is room for what is left of the output, or something new to send."""
        self._mind_the_mark()
        if self._state is _SENDING and self._outbox.size <= self.low_mark:
            self._state = _READING
            self._work()
        else:
            self._arm()

    def handle_reply(self, reply: bytes | None) -> None:
        """A worker's completion."""
        if self._state is not _PROCESSING:
            self.reactor.dropped += 1
            return
        self._state = _READING
        self._deadlines.heard_at = self._clock()  # the peer waited for us, not we for the peer
        try:
            if reply is not None:
                self._outbox.append(self._encode(reply))
        except Exception as error:
            self._raised(error)
        if self._outbox.size >= self._mark:
            self._mind_the_mark()
        self._work()

    def handle_failure(self, error: BaseException) -> None:
        """A worker's completion: process raised."""
        if self._state is _PROCESSING:
            self._raised(error)
        else:
            self.reactor.dropped += 1

    def handle_rejection(self) -> None:
        """No worker will take the record."""
        self._finish(CloseReason.OVERLOAD)

    def handle_drain(self) -> None:
        """Answer what was received so far, then close; at once when nothing is owed."""
        self._drain_began = self._clock()
        self._steady = False
        if self._ending is None:
            self._ending = CloseReason.DRAIN
        self.handle_read()

    def close(self, reason: CloseReason = CloseReason.LOCAL) -> None:
        """Close the connection at once, whatever is owed; closing again is nothing. See ``finish``."""
        if self._state is _CLOSED:
            return
        self._state, self._steady = _CLOSED, False
        self._deadlines.cancel()
        self._outbox = Outbox()
        self._records, self._job = _NOTHING, None
        del self._process  # with the key's attachment the last cycle: no garbage collection is needed
        super().close(reason)
        self.reactor.guarded(self.on_close, reason)

    # records

    def _reply_at_once(self, record: bytes) -> None:
        """The steady state: one record was read, nothing is owed, and as a rule the kernel takes the whole reply."""
        process, encode, send = self._process, self._encode, self._send
        reactor = self.reactor
        reactor.requests += 1
        try:
            reply = process(record)
            if reply is None:
                return
            data = encode(reply)
        except Exception as error:
            self._raised(error)
            return
        if self._steady:
            try:
                sent = send(data)
            except OSError:
                sent = 0  # the second attempt, in _mind_the_mark, tells no room from no peer
            reactor.bytes_out += sent
            if sent < len(data):
                self._outbox.append(memoryview(data)[sent:])
                self._left_over(sent)
                self._mind_the_mark()
                self._arm()
        elif self._state is not _CLOSED:
            self._outbox.append(data)  # behind what process() sent itself; its tick is on the way

    def _work(self) -> None:
        """Process records until there are none, a worker has one or output is over the mark; then send and arm."""
        if self._state is _READING:
            if self._job is None:
                self._process_records()
            else:
                self._hand_off_record(self._job)
            if self._outbox.size and self._state is not _SENDING:
                self._flush()
            if self._state is _READING and (self._ending is not None or not self._decoder.clean):
                self._ran_out()
        self._arm()

    def _process_records(self) -> None:
        process, encode, outbox = self._process, self._encode, self._outbox
        reactor = self.reactor
        try:
            while True:
                for record in self._records:
                    reactor.requests += 1
                    reply = process(record)
                    if reply is not None:
                        outbox.append(encode(reply))  # nobody's any more if process() has closed the connection
                        if outbox.size >= self._mark:
                            self._mind_the_mark()
                    if self._state is not _READING:
                        return
                if not (self._more and self._decode_more()):
                    return
        except Exception as error:
            self._raised(error)

    def _hand_off_record(self, job: Job) -> None:
        record = next(self._records, None)
        if record is None and self._more and self._decode_more():
            record = next(self._records, None)
        if record is not None:
            self.reactor.requests += 1
            self._state = _PROCESSING
            job.record = record
            job.hand_off.add(job)

    def _decode_more(self) -> bool:
        """The next batch of what was read already; False when that has run out."""
        records = self._decoder.feed(b"", _BATCH)
        self._more = len(records) == _BATCH
        self._records = iter(records)
        return bool(records)

    def _ran_out(self) -> None:
        """All complete records are done: is the stream broken or ended, or is the next record on its way?"""
        error = self._decoder.error
        if error is not None:
            reason = CloseReason.FRAME_TOO_LONG if isinstance(error, RecordTooLongError) else CloseReason.PROTOCOL_ERROR
            self._blame(reason, error)
        elif self._ending is CloseReason.DRAIN and self._drain_began:
            self.reactor.execute(self.handle_read)  # for what was received and not read yet
        elif self._ending is not None:
            self._finish(self._ending)
        elif not self._deadlines.record_since:
            self._deadlines.watch_record()

    # output

    def _flush(self) -> None:
        """Send all the output there is; what the kernel does not take stays."""
        outbox = self._outbox
        if outbox.size:
            try:
                sent = outbox.flush(self._send)
            except OSError as error:
                self._lost(error)
                return
            self.reactor.bytes_out += sent
            if outbox.size:
                self._left_over(sent)
                return
            self._deadlines.sent_at = self._clock()
        if self._state is _CLOSING:
            self._end_output()

    def _left_over(self, sent: int) -> None:
        """Not all was taken: from now on the peer has to take some."""
        self._deadlines.taken += sent
        if sent or not self._armed & _WRITE:
            self._deadlines.watch_output()

    def _mind_the_mark(self) -> None:
        """Send; output above the high mark all the same ends new work until the peer has taken some."""
        self._flush()
        if self._state is _READING and self._outbox.size >= self._mark:
            self._state = _SENDING
            self._deadlines.watch_rate()
            self._arm()

    def _arm(self) -> None:
        """The one place where interest comes from state."""
        state = self._state
        if state is _READING:
            ops = _READ | _WRITE if self._outbox.size else _READ
            self._steady = not (self._outbox.size or self._job or self._ending or self._deadlines.record_since)
        elif state is _CLOSED:
            return
        else:
            ops = _READ if state is _LINGERING else _WRITE if self._outbox.size else 0
            self._steady = False
        if ops != self._armed:
            self._armed = ops
            try:
                self.key._set_interest(ops)
            except CancelledKeyError as error:
                self.reactor.report("handler", logging.ERROR, "a connection whose key is gone ends", error=error)
                self.close(CloseReason.HANDLER_ERROR)

    # the end

    def _raised(self, error: BaseException) -> None:
        name = type(self).__name__
        if isinstance(error, ProtocolError):
            self._blame(CloseReason.PROTOCOL_ERROR, error)
        elif isinstance(error, DelimiterInRecordError):  # as a rule the peer's own bytes, sent back
            self.reactor.report("encode", logging.WARNING, "%s: a reply cannot be framed: %s", name, error)
            self._finish(CloseReason.PROTOCOL_ERROR)
        else:
            self.reactor.report("handler", logging.ERROR, "%s raised; its connection ends", name, error=error)
            self._finish(CloseReason.HANDLER_ERROR)

    def _blame(self, reason: CloseReason, error: Exception) -> None:
        """The peer's fault."""
        self.reactor.report("peer", logging.DEBUG, "%r: %.200r", self.channel, str(error))
        self._finish(reason)

    def _lost(self, error: OSError) -> None:
        self.reactor.report("peer", logging.DEBUG, "%r: %.200r", self.channel, str(error))
        self.close(self._reason if self._state in _ENDED else CloseReason.PEER_RST)

    def _finish(self, reason: CloseReason) -> None:
        """Nothing more is processed: send what is owed, then close."""
        if self._state not in _ENDED:
            self._end_input(reason)
            self.handle_write()

    def _end_input(self, reason: CloseReason) -> None:
        self._state, self._reason, self._steady = _CLOSING, reason, False
        self._records, self._more = _NOTHING, False
        self._deadlines.watch_rate()

    def _end_output(self) -> None:
        """All is sent. A peer that may still send must not be answered with a reset; see the head of the module."""
        if self._eof:
            self.close(self._reason)
            return
        self._state = _LINGERING
        self.channel.shutdown_output()
        self._deadlines.watch_output()

    def _discard(self) -> None:
        """While lingering: read and drop, up to a bound."""
        try:
            count = len(self._recv(_READ_SIZE))
        except BlockingIOError:
            return
        except OSError as error:
            self._lost(error)
            return
        self.reactor.bytes_in += count
        self._lingered += count
        if not count or self._lingered > _LINGER_BYTES:
            self.close(self._reason)

    def _drained(self) -> None:
        if self._outbox.size or self._deadlines.heard_at >= self._drain_began:
            self._finish(CloseReason.DRAIN)
        else:
            self.close(CloseReason.DRAIN)
