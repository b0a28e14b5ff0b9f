"""StreamHandler: Lea's handler, grown up: a Connection whose bytes are records, with or without workers.

**Records wait as bytes.** At most 64 are decoded at a time; the rest of what was read stays undecoded in the decoder,
so that a peer who pipelines empty lines costs bytes, not objects. While a worker has a record or output is over the
mark nothing is read, so what a connection can hold is one read, one batch of records and one high mark of output.

**Replies go out together**: those to one read's records with one send. One record alone, the steady state, is answered
past the outbox.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import Future
from types import FunctionType
from typing import Any

from nio.errors import DelimiterInRecordError, RecordTooLongError
from nio.framing import Framing, Lines
from nio.reactor.handlers._slips import no_channel, static
from nio.reactor.loop._close_reason import CloseReason
from nio.reactor.loop._job import Job
from nio.reactor.loop._reactor import Reactor
from nio.reactor.loop._registry import LEAVING
from nio.reactor.streams._checks import (
    Latest,
    check_framing,
    decoder_for,
    encode_of,
    explained,
    longest_of,
    peer_of,
    unbound,
)
from nio.reactor.streams._completions import NOTHING, Completions
from nio.reactor.streams._state import CLOSED, ENDED, PROCESSING, READING, SENDING, SUSPENDED
from nio.reactor.streams._units import check_handler, hook_of, unit_of
from nio.spi import NO_SIGNAL

_BATCH = 64  # records decoded at a time
_BATCHES_PER_TURN = 4
_BYTES_PER_TURN = 1024 * 1024  # of output: a little more is sent


class StreamHandler(Completions):
    """One connection's handler: records in, replies out. Subclass it and write ``process``, or one of its likes.

    Class attributes are the settings, read when the connection opens; an ``__init__`` may set them, too. Besides those
    of :class:`Connection`:

    - ``framing``: how bytes become records and replies bytes (:class:`~nio.framing.Lines` by default).
    - ``record_timeout``: seconds a record may take from its first byte to its last (10; None any time).
    - ``process_timeout``: seconds until a worker, or a late reply, must have answered a record; the connection then
      ends, and the worker that still has the record is counted as ``lost`` (None: any time). Nothing can end a
      ``process`` that hangs.

    ``process_batch`` and ``process_block`` take the place of ``process`` where clients pipeline: many records a call.

    With workers, ``process`` runs in one of them, one record of a connection at a time, in order; all else runs on the
    reactor's thread. An exception of ``process`` ends the connection, after the replies owed for the records before it:
    :class:`~nio.errors.ProtocolError` is the peer's fault, any other is yours and is logged.
    """

    __slots__ = ("_max_length", "_process")

    record_timeout: float | None = 10.0

    # for the user

    def process(self, record: bytes) -> bytes | Future[bytes | None] | None:
        """The reply to one record, without its ending; None for no reply.

        A ``concurrent.futures.Future`` of either is a late reply: the connection's next record is processed when it is
        done, in whatever thread. Its exception ends the connection as one of ``process`` does. It is cancelled when the
        connection ends before; one that somebody else cancels ends the connection with OVERLOAD.
        """
        raise NotImplementedError(f"{type(self).__name__} has no process()")

    def process_batch(self, records: list[bytes]) -> Sequence[bytes | None] | Future[Any] | None:
        """In place of ``process``: the replies to these records, one for each, in a list; None for no reply at all.

        They are those of one read, at most 64. With workers they travel as one job; ``process_timeout`` is for all. A
        ``Future`` of the list is a late reply; in the list there is none. A list that is too long or too short, and an
        exception, end the connection without a reply to any of them; a bad reply, after those before it.
        """
        raise NotImplementedError(f"{type(self).__name__} has no process_batch()")

    def process_block(self, block: bytes) -> bytes | Future[bytes | None] | None:
        """In place of ``process``: what goes out for these records, byte for byte; None for nothing.

        ``block`` is whole records with their endings, as they came (with the CR of a CRLF), 4 KiB at most unless the
        first is longer; each has ``max_length`` at most. The reply has its endings, too, and nobody checks it. Else all
        is as for ``process_batch``. For ``Lines`` and for a ``Delimiter`` of one byte.
        """
        raise NotImplementedError(f"{type(self).__name__} has no process_block()")

    def send(self, record: bytes) -> bool:
        """Queue a record of your own, framed, behind the replies already made; from any thread.

        False when the connection is ending or has ended, and nothing is sent: see ``write``.
        """
        try:
            if self._state in ENDED:
                return False
        except AttributeError:
            raise no_channel(self) from None
        try:
            data = self._encode(record)
        except LEAVING:
            raise
        except BaseException as error:
            raise explained(f"{type(self).__name__}.send() was given", self.framing, record, error) from None
        return self.write(data)

    @property
    def source(self) -> object:
        """The client's address: what the PROXY header of a trusted peer says, else the peer's own while it is there."""
        return getattr(self._decoding, "source", None) or peer_of(self.channel)

    def finish(self, reason: CloseReason = CloseReason.LOCAL) -> None:
        """Process no more records, send what is owed, then close; from any thread."""
        if getattr(self, "_state", None) is PROCESSING and not self.reactor.owner.is_elsewhere:
            self._records, self._more = NOTHING, False
            self._ending = self._ending or reason  # once the reply that is owed has come
            self._rest, self._own_rare().drain_began = READING, 0  # suspended or not, and without reading on
            self._steady = None
        else:
            super().finish(reason)

    def handle_replaced(self) -> None:
        super().handle_replaced()
        self._let_go(CloseReason.LOCAL)

    def _let_go(self, reason: CloseReason) -> None:
        if self._job is None and self._unit is None and self._late is None and self._owed is None:
            self._records, self._replies, self._process = NOTHING, (), None
            return
        job, self._job = self._job, None
        late, self._late = self._late, None
        owed, self._owed = self._owed, None
        if owed is not None:
            owed.submitter = None
        self._records, self._replies = NOTHING, ()
        self._process = None
        if self._unit is not None:
            self._unit.process = None
        if late is not None:
            self.reactor.guarded(late.cancel)
        elif job is not None and job.abandon() and reason is CloseReason.PROCESS_TIMEOUT:
            self.reactor.tally.lost += 1

    # for the reactor

    def handle_unconnected(self, reactor: Reactor, reason: CloseReason, error: Exception | None) -> None:
        self._process = None
        super().handle_unconnected(reactor, reason, error)

    @classmethod
    def check_reactor(cls, reactor: Reactor) -> None:
        if reactor.hand_off is not None:
            hook = hook_of(cls, StreamHandler)
            if isinstance(static(cls, hook), FunctionType):
                reactor.hand_off.check_bound(f"{cls.__name__}.{hook}")

    @classmethod
    def check_class(cls) -> None:
        check_handler(cls, StreamHandler)

    def _prepare(self, reactor: Reactor) -> None:
        # What the class holds is looked up in two places at every use; these are read with every request.
        self._job = self._late = self._owed = self._unit = None
        self._records, self._more = NOTHING, False  # decoded records, and: the decoder may hold complete ones
        framing, cls, hand_off = self.framing, type(self), reactor.hand_off
        if hand_off is None and (latest := Latest.lines)[0] is cls and latest[1] is framing:
            _, _, self._encode, self._max_length, self._longest = latest
            self._decoding, self._process = framing, unbound(self, self.process)
            return
        if cls.process_batch is not StreamHandler.process_batch or cls.process_block is not StreamHandler.process_block:
            check_framing(cls.__name__, framing)
            self._encode = encode_of(framing)
            self._process = self._unit = unit = unit_of(self, hook_of(cls, StreamHandler), framing, self.reactor.tally)
            self._decoding, self._longest = unit.decoder(self.channel), 0
            if hand_off is not None:
                self._job, self._longest = hand_off.job(self, unit.process), -1
            return
        process = self.process
        self._process = unbound(self, process)
        self._cut_by(framing)
        if self._longest > 0:
            Latest.lines = cls, framing, self._encode, self._max_length, self._longest
        if hand_off is not None:
            self._job = hand_off.job(self, process)
            if self.process_timeout is None:
                self._process = Completions._send_off
            else:
                self._longest = -1

    def _cut_by(self, framing: Framing) -> None:
        """Records are those of this framing from now on, in and out."""
        if type(framing) is not Lines:
            check_framing(type(self).__name__, framing)
        self._encode = encode_of(framing)
        self._decoding = framing if type(framing) is Lines else decoder_for(framing, self.channel)
        if type(framing) is Lines and framing.ending == b"\n":
            self._max_length = framing.max_length
            self._longest = longest_of(framing, self._read_size)

    # records

    def _receive(self, data: bytes) -> None:
        decoder, most = self._decoder, _BATCH if self._unit is None else 1
        records = decoder.feed(data, most)
        if self._job is not None or not (self._steady is self and len(records) == 1 and decoder.clean):
            self._take_up(records, most)
            return
        process = self._process
        self.reactor.tally.requests += 1
        try:
            reply = process(self, records[0])
        except LEAVING:
            raise
        except BaseException as error:
            self._raised(error)
            return
        self._answer(reply)

    def _take_up(self, records: list[Any], most: int) -> None:
        """What was decoded of a read, with ``most`` as the limit."""
        if records:
            self._deadlines.record_due = 0
            self._more = len(records) == most
            self._records = iter(records)
        self._work()

    def _answer(self, reply: bytes | None) -> None:
        """To one record that came alone, on a connection that was steady before."""
        if reply is None:
            return
        unit = self._unit
        try:
            data = self._encode(reply) if unit is None else unit.frame(reply)
        except LEAVING:
            raise
        except BaseException as error:
            self._no_reply(reply, error)
            return
        if self._steady is self:
            try:
                took = self._wire.send(data, NO_SIGNAL)
            except OSError as error:
                self._unsent(data, error)
                return
            self.reactor.tally.bytes_out += took
            if took < len(data):
                self._keep(data, took)
        elif self._state is not CLOSED:
            self._own_outbox().append(data)  # behind what process() sent itself, which is on its way
            if self._state is SUSPENDED:
                self.send_queued()

    def _grow(self) -> None:
        super()._grow()
        if self._longest > 0:
            self._longest = min(self._max_length + 1, self._read_size - 1)

    def _arm(self) -> None:
        super()._arm()
        if self._steady is self and not self._is_clean:
            self._steady = None

    def _receive_end(self) -> None:
        if type(self._decoding) is not Lines:
            self._decoding.end()
        self._work()

    def _work(self) -> None:
        """Process records until there are none, a worker has one or output is over the mark; then send and arm."""
        if self._state is READING:
            if self._job is None:
                self._process_records()
            else:
                self._hand_off_record(self._job)
            if self._outbox.size and self._state is not SENDING:
                (self._flush if self._writable else self._flush_to_mark)()
            if self._state is READING and (self._ending is not None or not self._is_clean):
                self._ran_out()
            self._arm()
        else:
            super()._work()

    def _go_on_with(self, replies: list[Any], reply: Any, left: list[bytes]) -> None:
        """A row of lines has ended early: these replies and this one are made, and these records are left."""
        if self._state is CLOSED:
            if reply is not None:
                self._answer(reply)  # which cancels a late one
            return
        if reply is not None:
            replies.append(reply)
        self._records, self._more = iter(left), False  # a late reply among them is waited for before these
        if self._end_row(replies, None):
            if self._outbox.size >= self._mark:
                self._flush_to_mark()
            self._work()

    def _end_row(self, replies: list[Any], error: BaseException | None) -> bool:
        """These replies are made, and ``process`` has raised this; False when the connection ends with that."""
        self._replies = replies
        all_good = self._state is CLOSED or self._put_replies()
        self._replies = ()
        if not all_good:
            self._answer(replies[0])  # which ends the connection, unless it is a late one
            if self._state is PROCESSING:
                self.send_queued()  # what was made before it
        elif error is not None:
            self._raised(error)
        return all_good and error is None

    def _put_replies(self) -> bool:
        replies: Any = self._replies
        while replies:
            try:
                data = self._encode(replies[0])
            except LEAVING:
                raise
            except BaseException:
                return False
            self._own_outbox().append(data)
            del replies[0]
        return True

    def _process_records(self) -> None:
        process, outbox, tally, unit = self._process, self._own_outbox(), self.reactor.tally, self._unit
        encode = self._encode if unit is None else unit.frame
        reply, before = None, tally.bytes_out
        try:
            for _ in range(_BATCHES_PER_TURN):
                for record in self._records:
                    tally.requests += 1
                    reply = process(self, record)
                    if reply is not None:
                        outbox.append(encode(reply))  # dropped with the outbox if process() has closed the connection
                    if outbox.size >= self._mark:
                        self._flush_to_mark()
                        if self._state is READING and tally.bytes_out - before > _BYTES_PER_TURN:
                            self._pause()
                    if self._state is not READING:
                        return
                if not (self._more and self._decode_more()):
                    return
        except LEAVING:
            raise
        except BaseException as error:
            # If process() raised, this is the reply before, which was a good one, and the error stays what it is.
            self._no_reply(reply, error)
        else:
            self._pause()

    def _hand_off_record(self, job: Job) -> None:
        record = next(self._records, None)
        if record is None and self._more and self._decode_more():
            record = next(self._records, None)
        if record is not None:
            self.reactor.tally.requests += 1 if self._unit is None else self._unit.begin(record)
            self._state = PROCESSING
            job.record, job.has_begun = record, False
            if self.process_timeout is not None:
                self._deadlines.watch_process(self.process_timeout)
            job.hand_off.add(job)

    def _decode_more(self) -> bool:
        """The next batch of what was read already; False when that has run out."""
        most = _BATCH if self._unit is None else 1
        records = self._decoder.feed(b"", most)
        self._more = len(records) == most
        self._records = iter(records)
        return bool(records)

    def _ran_out(self) -> None:
        """All complete records are done: is the stream broken or ended, or is the next record on its way?"""
        error = getattr(self._decoding, "error", None)
        if error is not None:
            reason = CloseReason.FRAME_TOO_LONG if isinstance(error, RecordTooLongError) else CloseReason.PROTOCOL_ERROR
            self._blame(reason, error)
        elif self._ending is not None:
            self._dealt_with_all()
        elif self.record_timeout is not None and not self._deadlines.record_due:
            self._deadlines.watch_record(self.record_timeout)

    def _raised(self, error: BaseException) -> None:
        if isinstance(error, DelimiterInRecordError):  # nearly always the peer's own bytes, sent back
            name = type(self).__name__
            self.reactor.report("encode", logging.WARNING, "%s: a reply cannot be framed: %s", name, error)
            self._begin_end(CloseReason.PROTOCOL_ERROR)
        else:
            super()._raised(error)
