"""Resumed: a StreamHandler whose records resume a task, and whose replies are what that task sends.

**Where a handler calls** ``process`` **with a record, this resumes the task that awaits one.** What the task sends
before it awaits the next is the reply that ``process`` returns, and goes the same way: also in the loop of the steady
state, and together with the replies to other records of the same read.

**Who does not come back is late.** A task that has a record and awaits something else owes, as a worker does: the state
is PROCESSING, nothing is read, and the next record waits in the kernel, or among those decoded. When the task awaits a
record again, the connection reads on. A stream whose records nobody has asked for yet is in PROCESSING, too.

**The end.** A peer that writes no more is told as None; the task may still send. Every other end of the connection
raises :class:`StreamClosedError` in whoever awaits the stream, and cancels the stream's own task where it awaits
something else, unless this side has closed it. The end of that task ends the connection, an exception of it with
HANDLER_ERROR.
"""

from __future__ import annotations

from operator import length_hint
from typing import Any

from nio.errors import IllegalStateError, ProtocolError
from nio.framing import Framing, Raw
from nio.reactor import CloseReason, Connection, Reactor, State
from nio.tasks._errors import Cancelled, StreamClosedError, elsewhere, is_of_streams, no_record, nobody_received
from nio.tasks._parted import Parted
from nio.tasks._task import CURRENT, LEAVING, Task, Waiting, pause
from nio.tasks._tasks import tasks_of

_READING, _PROCESSING = State.READING, State.PROCESSING
CLOSED = State.CLOSED
ENDED = (State.CLOSING, State.LINGERING, State.CLOSED)
TAKEN: Any = object()  # no reply can be left where process() would return one
BATCH = 64  # records decoded at a time
NOT_SIMPLE, LINES, RAW = range(3)  # what has to be looked at before a reply is left there


class Resumed(Parted):
    """What :class:`Stream` is made on: the connection as its tasks and the reactor see it."""

    __slots__ = ("_cutting", "_own", "_reply", "_senders", "_simple")

    _own: Task[Any] | None  # who ends with this connection, and the other way round
    _reply: Any  # what the waiter has sent; None while it may, TAKEN when it may not, or has sent more than one
    _cutting: Framing  # the framing of now

    half_open = True
    _owes_nothing = True  # that was not sent

    # for users

    def write(self, data: bytes | bytearray | memoryview) -> bool:
        if self._reply is not TAKEN and not self.reactor.owner.is_elsewhere:
            self._queue_reply()
        return super().write(data)

    def end_output(self) -> None:
        if not self.reactor.owner.is_elsewhere:
            self._spill()
            self._look_for_receivers()
        super().end_output()

    def detach(self) -> Any:
        self._spill()
        return super().detach()

    def finish(self, reason: CloseReason = CloseReason.LOCAL) -> None:
        """Receive no more, send what is owed, then close; from any thread. ``wait_closed`` waits for that."""
        Connection.finish(self, reason)  # nothing is owed that was not sent

    # for the reactor

    @classmethod
    def check_reactor(cls, reactor: Reactor) -> None:
        """A stream runs on every reactor: its tasks stay on the loop's thread."""

    def handle_drain(self) -> None:
        super().handle_drain()
        if self._waiter is None and not self._is_at_work(self._own):
            self.finish(CloseReason.DRAIN)  # nobody comes back to this one

    def on_peer_end(self) -> None:
        """The peer writes no more, and all its records are received."""
        waiter, self._waiter = self._waiter, None
        if waiter is not None:
            waiter._arrive(waiter._send, None)

    def process(self, record: bytes) -> bytes | None:
        """Resume the task that awaits a record; what it has sent when it awaits the next one. Not yours to override."""
        task = self._waiter
        if task is None:
            self._nobody_takes(record)
            return None
        self._reply = None
        try:
            op = task._run(task._send, record)
            while op is CURRENT:
                op = task._run(task._send, task)
        except BaseException as error:
            task._op = None
            try:
                self._waiter_ended(task, error)
            except LEAVING:
                task.after_interrupt()
                raise
            return None
        if op is self and self._state is _READING:
            reply, self._reply = self._reply, TAKEN
            return None if reply is TAKEN else reply
        self._went_on(task, op)
        return None

    # what StreamHandler does otherwise

    def _prepare(self, reactor: Reactor) -> None:
        self._begin_slots()
        super()._prepare(reactor)
        if self._job is not None:  # workers have nothing to do with it
            self._job, self._process = None, type(self).process
            self._cut_by(self.framing)
        self._cutting, self._simple = self.framing, self._simplicity(self.framing)

    def _begin_slots(self) -> None:
        super()._begin_slots()
        self._own, self._reply = None, TAKEN
        self._senders: list[Any] = []

    def _simplicity(self, framing: Framing) -> int:
        return LINES if self._longest >= 0 else RAW if type(framing) is Raw else NOT_SIMPLE

    def _went_on(self, task: Task[Any], op: object) -> None:
        """The task awaits something else, or the connection does not read any more."""
        self._spill()
        if op is self and self._state not in ENDED and not self._rare.half_closed:
            self.reactor.post(self.send_queued)
            return  # the user has suspended it, say: the task waits on
        if op is not self:
            self._not_awaited()
        self.send_queued()
        self._waiter = task._op = None
        try:
            task._suspend(op)
        except LEAVING:
            task.after_interrupt()
            raise

    def _waiter_ended(self, task: Task[Any], error: BaseException) -> None:
        self._spill()
        self._waiter = None
        if task is not self._own:
            self._not_awaited()
            self.reactor.post(self.send_queued)
        task._ended(error)

    def _queue_reply(self) -> None:
        """Somebody sends more: what the task has sent goes before that."""
        if self._reply is not TAKEN:
            self._spill()
            self.reactor.next_tick(self.send_queued)

    def _spill(self) -> None:
        """What the task has sent is sent behind what others have, from now on."""
        reply, self._reply = self._reply, TAKEN
        if self._replies:
            self._put_replies()
        if reply is not TAKEN and reply is not None:
            self._own_outbox().append(self._encode(reply))
        self._steady = None

    def _not_awaited(self) -> None:
        """Nobody awaits a record: read nothing more."""
        if self._state is _READING:
            self._state, self._steady = _PROCESSING, None
            if self.process_timeout is not None:
                self._deadlines.watch_process(self.process_timeout)
            self._look_for_receivers()

    def _park(self, task: Task[Any]) -> None:
        """A task awaits a record."""
        if self._waiter is not None:
            raise IllegalStateError(
                f"{self._waiter.name} awaits this stream already: {task.name} cannot, as one task awaits the records"
            )
        if self._state in ENDED:
            raise self._closed_error()
        if task.reactor is not self.reactor:
            raise elsewhere(task.name, "a stream")
        if self._unheard is not None:
            raise nobody_received(task.name)
        self._receiver = task
        if self._held is not None:
            record, self._held = self._held, None
            task._arrive(task._send, record)
        elif self._rare.half_closed:
            task._arrive(task._send, None)
        else:
            self._waiter = task
            if self._state is _PROCESSING:
                self._read_on()

    def _read_on(self) -> None:
        if (
            self._ending
            or self._more
            or self._rare.drain_began
            or length_hint(self._records)
            or not self._decoder.clean
        ):
            self.reactor.next_tick(self._look)
            return
        self._state, self._heard = self._rest, [self.reactor._clock()]
        if self._outbox.size >= self._mark or self._output_ends:
            self._flush_to_mark()
        self._arm()

    def _look(self) -> None:
        """There may be records at hand, or the end of them."""
        if self._state is _PROCESSING and self._waiter is not None:
            self._state, self._heard = self._rest, [self.reactor._clock()]
            if self._outbox.size >= self._mark or self._output_ends:
                self._flush_to_mark()
            self._work()

    def _withdraw(self, task: Task[Any]) -> None:
        """The task awaits no record any more."""
        self._waiter = None
        self._not_awaited()
        self._arm()

    def _holds_input(self) -> bool:
        return self._held is not None or super()._holds_input()

    # nobody receives

    def _nobody_takes(self, record: bytes) -> None:
        if self._unheard is None:
            self._held = record
            self._not_awaited()
        else:
            self._heard = self._unheard

    # output

    async def _send_slowly(self, record: bytes) -> None:
        if self._state in ENDED or self._output_ends:
            raise self._closed_error()
        self.reactor.owner.check("send")
        self._queue_reply()
        data = self._framed_record(record)
        while (size := self._outbox.size) and size + len(data) > self.max_output:
            await pause(Room(self, 0))
        if not self.write(data):
            raise self._closed_error()
        if self._outbox.size >= self._mark:
            await pause(Room(self, self.low_mark))
            if self._state is CLOSED:
                raise self._closed_error()

    def _framed_record(self, record: bytes) -> bytes:
        try:
            data: bytes = self._encode(record)
        except TypeError as error:
            raise no_record(self, record, error) from None
        return data

    def _flush(self) -> None:
        super()._flush()
        if self._senders:
            self._tell_senders()

    def _tell_senders(self) -> None:
        for room in tuple(self._senders):
            if self._state is CLOSED or self._outbox.size <= room.most:
                self._senders.remove(room)
                room.resume()

    # the end

    def _closed_error(self) -> StreamClosedError:
        return StreamClosedError(self._reason, self.close_error)

    def _natural_reason(self) -> CloseReason:
        return CloseReason.PEER_FIN if self._rare.half_closed else CloseReason.LOCAL

    def _end_input(self, reason: CloseReason) -> None:
        self._spill()
        super()._end_input(reason)
        self._held = None
        self._tell_waiter()

    def _tell_waiter(self) -> None:
        """No record will come; a waiter that runs hears of it when it awaits the next."""
        waiter = self._waiter
        if waiter is not None and not waiter._coro.cr_running:
            self._waiter = None
            waiter._fail(self._closed_error())

    def _let_go(self, reason: CloseReason) -> None:
        super()._let_go(reason)
        self._reply = TAKEN
        self._tell_waiter()
        self._tell_senders()
        self._let_go_of_parted()
        own = self._own
        if own is not None and own._op is not None and not own._coro.cr_running and reason is not CloseReason.LOCAL:
            own.cancel()

    def _own_ended(self, task: Task[Any]) -> None:
        """The stream's task has ended, and the connection does."""
        tasks_of(task.reactor).ended(task)
        self._own = None
        error = task._error
        if error is None or is_of_streams(error):
            self.finish(self._natural_reason())
        elif isinstance(error, LEAVING):
            self.close(CloseReason.HANDLER_ERROR)
        elif isinstance(error, (Cancelled, GeneratorExit)):
            self.close(self._ending or CloseReason.LOCAL)
        else:
            self._raised(error)
        if error is not None and not isinstance(error, LEAVING):
            error.with_traceback(None)  # which has this task in it

    def _end_for(self, error: BaseException) -> None:
        """The block of this stream has ended by an error, which somebody else reports."""
        if isinstance(error, ProtocolError):
            self._blame(CloseReason.PROTOCOL_ERROR, error)
        elif is_of_streams(error):
            self.finish(self._natural_reason())
        else:
            self._begin_end(CloseReason.HANDLER_ERROR)


class Room(Waiting):
    """The await of a sender: until the output is down to so many bytes."""

    __slots__ = ("_stream", "most")

    def __init__(self, stream: Resumed, most: int) -> None:
        super().__init__(stream._senders)
        self._stream = stream
        self.most = most

    def _begin(self, task: Task[Any]) -> None:
        super()._begin(task)
        self._stream._tell_senders()  # it was taken meanwhile, maybe
