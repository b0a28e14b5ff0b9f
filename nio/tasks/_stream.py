"""Stream: a connection whose task awaits its records. How it is resumed stands in ``_resumed.py``.

**A stream is a Connection**, so limits, marks, deadlines, close reasons, drain and statistics are those of a
StreamHandler.

**TLS** stands under a stream as under any connection. A stream that begins with it is nobody's before the handshake is
done: ``serve`` begins, and ``connect`` returns, when the peer has proved what it has to. So no task is made for who
speaks no TLS, and ``session_of`` is complete in the first line.

**Back pressure** is an await: ``send`` returns when output is below the high mark, or after it was over that, down to
the low mark.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Coroutine, Generator
from typing import Any, Self

from nio.channels import SelectionKey, SocketChannel
from nio.errors import IllegalStateError
from nio.framing import Framing, Raw
from nio.reactor import CloseReason, Reactor, State
from nio.tasks._errors import Cancelled, StreamClosedError, elsewhere, no_coroutine_function
from nio.tasks._parted import Parting
from nio.tasks._resumed import BATCH, CLOSED, ENDED, LINES, RAW, Resumed
from nio.tasks._stream_checks import check_stream, method_of
from nio.tasks._task import Suspension, Task, pause
from nio.tasks._tasks import coroutine_of, tasks_of

_LF, _CR = b"\n\r"
PROCESSING = State.PROCESSING


class Stream(Resumed):
    """A connection for tasks: ``async for record in stream``, ``await stream.send(record)``.

    Made by ``listen`` and ``connect``. Records are whatever bytes have come, until ``framed`` says otherwise. For
    settings of your own, those of :class:`~nio.reactor.StreamHandler`, make a subclass; with a method ``async def
    serve(self)`` it is a handler class, ``Acceptor(Greeter)``, on every reactor.

    Concurrency: one task at a time awaits records, any number may send. What is awaited belongs to tasks of the same
    reactor; ``finish``, ``close`` and ``write`` are those of a Connection, for any thread.
    """

    __slots__ = ("__dict__", "_asker", "_stands")  # a dict for the transport that an Acceptor or a connect gives it

    _asker: Asker | Change | None  # who awaits this connection, or that it is secure
    _stands: bool  # and has been given to its task, or to whoever asked for it

    framing: Framing = Raw()

    # for users

    async def serve(self) -> None:
        """The task of an accepted connection, which ends with it. Yours."""
        raise NotImplementedError(f"{type(self).__name__} has no serve()")

    @classmethod
    def serving(cls, fn: Callable[[Any], Coroutine[Any, Any, object]]) -> type[Self]:
        """A subclass whose connections are served by ``fn(stream)``: ``Acceptor(Stream.serving(greet))``."""
        if not inspect.iscoroutinefunction(fn):
            raise no_coroutine_function("serving", fn)
        name = getattr(fn, "__name__", type(fn).__name__)
        return type(name, (cls,), {"__slots__": (), "__module__": fn.__module__, "serve": method_of(fn)})

    def framed(self, framing: Framing) -> Self:
        """Cut the bytes that nobody has received yet by ``framing``, and frame what is sent; this stream.

        ``async with client.framed(Lines()) as names:`` ends the connection with the block. IllegalStateError for a
        stream that is framed already.
        """
        self.reactor.owner.check("framed")
        if type(self._cutting) is not Raw:
            raise IllegalStateError(f"this {type(self).__name__} is framed already, by {self._cutting!r:.60}")
        if self._state in ENDED:
            raise self._closed_error()
        self._queue_reply()  # not framed
        left, self._held = self._held or b"", None
        left += b"".join((*self._records, self._decoder.rest()))
        self._cut_by(framing)
        self._cutting, self._simple = framing, self._simplicity(framing)
        records = self._decoder.feed(left, BATCH)
        self._records, self._more = iter(records), len(records) == BATCH
        return self

    async def receive(self) -> bytes | None:
        """The next record, or for a stream that is not framed the bytes that have come; None when the peer has ended.

        StreamClosedError when the connection ends otherwise. IllegalStateError while another task awaits a record.
        """
        record: bytes | None = await pause(self)
        return record

    def __aiter__(self) -> Self:
        return self

    @types.coroutine
    def __anext__(self) -> Generator[Any, Any, bytes]:
        record = yield self
        if record is None:
            raise StopAsyncIteration
        return record  # type: ignore[no-any-return]

    async def send(self, record: bytes) -> None:  # type: ignore[override]  # a task awaits what a handler queues
        """Send a record, framed, when there is room; bytes as they are, if the stream is not framed.

        Errors of the record are raised, and StreamClosedError when the connection is ending.
        """
        if self._reply is None and type(record) is bytes:
            simple = self._simple
            if (simple == LINES and not (_LF in record or _CR in record)) or simple == RAW:
                self._reply = record
                return
        await self._send_slowly(record)

    async def start_tls(self, transport: Callable[[SocketChannel], object]) -> None:  # type: ignore[override]
        """Go on with TLS, by a :class:`nio.tls.TlsContext`, in mid-stream; returns when the handshake is done.

        What was sent before goes out as it is. A peer that has sent more than the request for TLS loses its connection.
        When the task is cancelled meanwhile the handshake goes on without it.

        StreamClosedError when no TLS comes about: ``reason`` is TLS_HANDSHAKE or TLS_TIMEOUT, say, and ``__cause__``
        the error of ``ssl``. IllegalStateError when the stream has TLS already, or is about to.
        """
        self.reactor.owner.check("start_tls")
        await pause(Change(self, transport))

    async def wait_closed(self) -> CloseReason:
        """Wait until the connection has ended; why it has.

        It ends by whoever ends it, this only waits: who wants to see the peer's end receives. After ``end_output`` the
        records that no task is there to receive are dropped, up to the peer's end or a limit of silence.
        """
        self.reactor.owner.check("wait_closed")
        if self._state is not CLOSED:
            await pause(Parting(self))
        return self._reason

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        """The end of the block: send what is owed and wait for the end; after an exception, wait for nothing."""
        if error is None:
            self.finish(self._natural_reason())
            await self.wait_closed()
        elif isinstance(error, (Cancelled, GeneratorExit)):
            self.close(self._natural_reason())
        else:
            self._end_for(error)

    # for the reactor

    @classmethod
    def check_class(cls) -> None:
        super().check_class()
        check_stream(cls, Stream)

    def handle_open(self, reactor: Reactor, key: SelectionKey) -> None:
        try:
            super().handle_open(reactor, key)
            if self._state is CLOSED:
                self._tell_asker(self._closed_error())
            elif self._secure is None:
                self._begin()
        except BaseException as error:
            self._tell_asker(StreamClosedError(CloseReason.HANDLER_ERROR, error))
            if getattr(self, "_process", None) is not None:
                self.close(CloseReason.HANDLER_ERROR)
            raise

    def handle_secure(self) -> None:
        super().handle_secure()
        if self._state in ENDED:
            return
        if self._stands:
            self._tell_asker()
        else:
            self._begin()

    def _begin(self) -> None:
        """The connection stands, and is secure if it is to be: a task may have it."""
        self._stands = True
        if not self._tell_asker():
            coro = coroutine_of("serve", self.serve, ())
            tasks = tasks_of(self.reactor)
            self._own = task = tasks.begin(coro, type(self).__name__, self._own_ended, spawned=False)
            task._go(task._send)
        if self._waiter is None:
            self._not_awaited()  # and the kernel is told when something comes: of a reset it tells us from now on

    def _begin_slots(self) -> None:
        super()._begin_slots()
        self._stands = False

    def _change_for(self, change: Change, task: Task[Any], transport: Any) -> None:
        if self._state in ENDED or self._output_ends:
            raise self._closed_error()
        if task.reactor is not self.reactor:
            raise elsewhere(task.name, "a stream")
        self._queue_reply()
        super().start_tls(transport)
        self._asker = change
        if self._state is PROCESSING:
            self._state = self._rest  # the task has come back, for this

    def handle_unconnected(self, reactor: Reactor, reason: CloseReason, error: Exception | None) -> None:
        self._begin_slots()
        try:
            super().handle_unconnected(reactor, reason, error)
        finally:
            self._tell_asker(error or StreamClosedError(reason))

    def _tell_waiter(self) -> None:
        super()._tell_waiter()
        if self._stands or self._secure is not None:  # else it is in handle_open
            self._tell_asker(self._closed_error())

    def _tell_asker(self, error: BaseException | None = None) -> bool:
        """Whoever awaits the connection, or that it is secure, has it, or has waited in vain; False for nobody.

        They are forgotten after that: a Ctrl-C in between has the connection end, and they are told then.
        """
        asker = getattr(self, "_asker", None)
        if asker is None:
            return False
        if error is None:
            asker.resume(self)
        else:
            asker.fail(error)
        self._asker = None
        return True


class Asker(Suspension):
    """The await of a connection, told by its stream. A connection that stands too late is closed."""

    __slots__ = ()

    def _too_late(self, value: object) -> None:
        if isinstance(value, Stream):
            value.close()


class Change(Suspension):
    """The await of a handshake in mid-stream, told by its stream."""

    __slots__ = ("_stream", "_transport")

    def __init__(self, stream: Stream, transport: Callable[[SocketChannel], object]) -> None:
        super().__init__()
        self._stream = stream
        self._transport = transport

    def _begin(self, task: Task[Any]) -> None:
        self._stream._change_for(self, task, self._transport)

    def _give_up(self) -> None:
        if getattr(self._stream, "_asker", None) is self:
            self._stream._asker = None
