"""Completions: how the reply to a record comes home when it is not there at once: from a worker, or late.

**A late reply** is a ``Future`` that ``process`` returned. Until it is done the connection waits as it does for a
worker, in PROCESSING. So replies keep their order, and the drain, the peer's end and the idle time count what is owed.

**A steady connection with workers** (see ``_steady.py``) sends its record off and gets its reply without arming.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

from nio.channels import SelectionKey
from nio.framing import Framing, Lines
from nio.reactor.loop._close_reason import CloseReason
from nio.reactor.loop._job import Job, Reply
from nio.reactor.loop._registry import LEAVING
from nio.reactor.streams._checks import explained
from nio.reactor.streams._connection import Connection
from nio.reactor.streams._state import CLOSED, CLOSING, PROCESSING, READING
from nio.reactor.streams._units import Unit
from nio.spi import NO_SIGNAL

NOTHING: Iterator[Any] = iter(())
_LF, _CR = b"\n\r"
_READ = int(SelectionKey.OP_READ)
_AWAY = object()  # in place of a steady handler: a worker has its record


class Owed:
    """Who waits for a late reply; nobody once the wait is over: a future that somebody keeps keeps no handler."""

    __slots__ = ("_reactor", "submitter")

    def __init__(self, submitter: Completions) -> None:
        self._reactor = submitter.reactor
        self.submitter: Completions | None = submitter  # what is raised in the tick of this is its error

    def settle(self, future: Future[Any]) -> None:
        """In whatever thread the future ends."""
        self._reactor.post(self.take, future)

    def take(self, future: Future[Any]) -> None:
        """On the reactor's thread."""
        submitter = self.submitter
        if submitter is None:
            self._reactor.tally.dropped += 1
        else:
            submitter._take(future)
            self.submitter = None


class Completions(Connection):
    """What :class:`StreamHandler` is made on: a connection whose records are answered, some of them later."""

    __slots__ = ("_decoding", "_encode", "_job", "_late", "_more", "_owed", "_records", "_unit")

    _decoding: Any  # see _decoder
    _encode: Any  # encode() of the framing, which refuses a late reply as it does whatever is no record
    _records: Iterator[Any]  # bytes, or units
    _unit: Unit | None
    _job: Job | None
    _late: Future[Any] | None  # the reply that is owed
    _owed: Owed | None

    framing: Framing = Lines()
    process_timeout: float | None = None

    # for the user

    def on_rejected(self, record: bytes) -> bytes | None:
        """No worker takes this record: the reply to it, None to drop it. By default the connection ends, OVERLOAD.

        Of a batch or a block it is called for each record, and the replies are framed, one by one.
        Called on the reactor's thread, when the pool's saturation policy gives records up, or it is shut down.
        """
        self._begin_end(CloseReason.OVERLOAD)
        return None

    # for the reactor

    def handle_reply(self, reply: Any) -> None:
        """A worker's completion: here, of a record that was sent off, on a connection that owes nothing else."""
        if (
            self._state is not PROCESSING
            or self._steady is not _AWAY
            or not (key := self.key)._valid
            or (reply is not None and (type(reply) is not bytes or _LF in reply or _CR in reply))
        ):
            self._take_reply(reply)
            return
        tally = self.reactor.tally
        self._heard = tally.heard  # the peer waited for us, not we for the peer
        self._state, self._steady, self._ops = READING, self, _READ
        if key._kernel_mask == _READ:
            key._interest = _READ
        else:
            key.set_interest(_READ)
        if reply is None:
            return
        data = reply + b"\n"
        try:
            took = self._wire.send(data, NO_SIGNAL)
        except OSError as error:
            self._unsent(data, error)
            return
        tally.bytes_out += took
        if took != len(data):
            self._keep(data, took)

    def _take_reply(self, reply: Reply) -> None:
        """On any other connection, or of any other kind."""
        if self._state is not PROCESSING:
            self.reactor.tally.dropped += 1
            if isinstance(reply, Future):
                self.reactor.guarded(reply.cancel)
            return
        unit = self._unit
        self._state = self._rest
        self._heard = self.reactor.tally.heard
        if reply is not None:
            try:
                self._own_outbox().append(self._encode(reply) if unit is None else unit.frame(reply))
            except LEAVING:
                raise
            except BaseException as error:
                self._no_reply(reply, error)
        if self._outbox.size >= self._mark or self._output_ends:
            self._flush_to_mark()
        self._work()

    def _send_off(self, record: bytes) -> None:
        """``process`` of a steady connection with workers: nothing is armed, as the poller keeps what it was told."""
        job: Any = self._job
        self._state, self._steady = PROCESSING, _AWAY
        self._ops = self.key._interest = 0
        job.record, job.has_begun = record, False
        add = job.hand_off.add
        add(job)

    def handle_failure(self, error: BaseException) -> None:
        """A worker's completion: process raised."""
        if self._state is PROCESSING:
            self._raised(error)
        else:
            self.reactor.tally.dropped += 1

    def handle_loss(self, error: BaseException) -> None:
        """The worker that had the record is gone."""
        if self._state is PROCESSING:
            self._own_rare().detail = str(error)
            self._begin_end(CloseReason.WORKER_LOST)
        else:
            self.reactor.tally.dropped += 1

    def handle_rejection(self) -> None:
        """No worker will take the record."""
        job, unit, ask = self._job, self._unit, self.on_rejected
        if self._state is PROCESSING and job is not None:
            try:
                reply: Any = ask(job.record) if unit is None else unit.rejected(job.record, ask)
            except LEAVING:
                raise
            except BaseException as error:
                self._raised(error)
            else:
                if self._state is PROCESSING:
                    self.handle_reply(reply)

    def _no_reply(self, reply: object, error: BaseException) -> None:
        """There is no reply to send, for ``error``: is it a late one?"""
        if isinstance(reply, Future):
            self._owe(reply)
        elif self._unit is not None:
            if self._state is not CLOSED:
                self._own_outbox().append(self._unit.good)
            self._raised(error)
        else:
            self._raised(explained(f"{type(self).__name__}.process() returned", self.framing, reply, error))

    @property
    def _decoder(self) -> Any:
        """That of Lines is made when something has come that is not a whole line; until then they stand there."""
        decoder = self._decoding
        if type(decoder) is Lines:
            decoder = self._decoding = decoder.decoder()
        return decoder

    @property
    def _is_clean(self) -> bool:
        return type(self._decoding) is Lines or self._decoding.clean

    def _holds_input(self) -> bool:
        return next(self._records, None) is not None or not self._is_clean

    # late replies

    def _owe(self, future: Future[Any]) -> None:
        state = self._state
        if state is CLOSED:
            self.reactor.guarded(future.cancel)
            return
        if state is CLOSING:  # by finish(), or by a write() that was too much
            self._records, self._more = NOTHING, False
            self._ending, self._rest = self._reason, READING
        self._late, self._state = future, PROCESSING
        if self.process_timeout is not None:
            self._deadlines.watch_process(self.process_timeout)
        self._arm()
        self._owed = owed = Owed(self)
        future.add_done_callback(owed.settle)

    def _take(self, future: Future[Any]) -> None:
        self._late = None
        if future.cancelled():
            self._begin_end(CloseReason.OVERLOAD)
        elif (error := future.exception()) is not None:
            self.handle_failure(error)
        elif isinstance(reply := future.result(), Future):
            self.handle_failure(TypeError(f"{type(self).__name__}'s late reply is a Future itself, not bytes or None"))
        else:
            self.handle_reply(reply)
