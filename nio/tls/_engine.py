"""SSLEngine: TLS without any transport, bytes in and bytes out, by the contract of ``javax.net.ssl.SSLEngine``.

**One record a call**, as in Java: ``unwrap`` takes one whole record from the source or says BUFFER_UNDERFLOW, ``wrap``
makes one or says BUFFER_OVERFLOW. What OpenSSL makes in one go (a flight of a handshake) is cut into its records here:
each says its length in five bytes of header.

**No room is found out before anything is done.** What a record holds is known only when it is decrypted, but it is
shorter than the record by 16 bytes at least, so a destination with room for the rest always does.

**Delegated tasks.** With ``delegated_tasks`` the engine does not compute in ``unwrap``: it says NEED_TASK, as Java's
always does, and ``get_delegated_task`` gives out the step, for a thread of the caller's. Until that has run, ``wrap``
and ``unwrap`` do nothing and say NEED_TASK; what it fails with is raised by the next of them. OpenSSL computes in
``do_handshake``, one call for whatever has come, so a task is the whole step that a record leads to. It is delegated
where the JDK delegates: a hello, certificates and keys, not a Finished, a session ticket, a ChangeCipherSpec or an
alert. In TLS 1.3 these are encrypted, and all but the hellos look alike: a client delegates them, a server that asks
for a certificate, too. Unlike the JDK's engine this one takes a close while a task is out for one after it.

Without ``delegated_tasks`` the ``unwrap`` that needs the work does it, and NEED_TASK is never told.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable

from nio.buffers import ByteBuffer
from nio.errors import IllegalStateError, ReadOnlyBufferError
from nio.tls._result import HandshakeStatus, SSLEngineResult, Status
from nio.tls._session import APPLICATION_BUFFER_SIZE, PACKET_BUFFER_SIZE, SSLSession

_HEADER = 5
_LEAST_ADDED = 16  # bytes that encryption adds to what a record holds
_TYPES, _MAJOR = range(20, 25), 3  # the first two bytes of a record
_MORE_IN_TLS_1_2 = 2048  # bytes that a record may be longer there
_CHANGE, _HANDSHAKE = 20, 22  # types of records
_DATA = 23  # that of one that holds data, and in TLS 1.3 of nearly all others, too
_HELLOS, _TICKET = (1, 2), 4  # types of messages of a handshake


class SSLEngine:
    """One side of one TLS connection; made by :meth:`TlsContext.create_ssl_engine`.

    The caller moves the bytes: ``wrap(source, destination)`` turns data into TLS, ``unwrap`` TLS into data. Both also
    make the handshake: ``handshake_status`` says which of them comes next. A peer's close_notify ends this side, too,
    with the next ``wrap``; so does an error, whose alert that one gives out.

    Concurrency: not for several threads at a time. A delegated task runs in any; until it has, nobody asks the session.
    """

    def __init__(
        self,
        wrap: Callable[[ssl.MemoryBIO, ssl.MemoryBIO], ssl.SSLObject],
        client_mode: bool,
        delegated_tasks: bool = False,
    ) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._object = wrap(self._incoming, self._outgoing)
        self._client_mode = client_mode
        self._delegates = delegated_tasks
        self._task: DelegatedTask | None = None  # that has not been run to its end
        self._error: ssl.SSLError | None = None  # of the last one, and not raised yet
        self._begun = self._done = self._told = self._changed = False
        self._wire = b""  # records made, and not given out
        self._inbound_done = self._outbound_closed = False

    @property
    def use_client_mode(self) -> bool:
        """Whether this side is the client."""
        return self._client_mode

    @property
    def session(self) -> SSLSession:
        """What the handshake has brought; its buffer sizes hold at any time."""
        return SSLSession(self._object)

    @property
    def application_protocol(self) -> str | None:
        """What ALPN has agreed on; None before the end of the handshake, and for nothing."""
        return self._object.selected_alpn_protocol() if self._done else None

    @property
    def handshake_status(self) -> HandshakeStatus:
        """What the engine waits for; never FINISHED."""
        if self._task is not None:
            return HandshakeStatus.NEED_TASK
        if self._error is not None or self._wire or self._outgoing.pending:
            return HandshakeStatus.NEED_WRAP
        if self._begun and not self._done and not self._inbound_done:
            return HandshakeStatus.NEED_UNWRAP
        if self._outbound_closed and not self._inbound_done:
            return HandshakeStatus.NEED_UNWRAP
        if self._inbound_done and not self._outbound_closed:
            return HandshakeStatus.NEED_WRAP
        return HandshakeStatus.NOT_HANDSHAKING

    @property
    def is_inbound_done(self) -> bool:
        """``unwrap`` takes no more: the peer's close_notify has come, or ``close_inbound`` was called."""
        return self._inbound_done

    @property
    def is_outbound_done(self) -> bool:
        """``wrap`` makes no more: this side is closed, and its close_notify was given out."""
        return self._outbound_closed and self._task is None and not self._ready()

    def begin_handshake(self) -> None:
        """Begin; the first ``wrap`` or ``unwrap`` does it, too. IllegalStateError once it is done."""
        if self._done:
            raise IllegalStateError("the handshake is done, and there is no second one")
        if not self._begun:
            self._begun = True
            self._shake()

    def get_delegated_task(self) -> Callable[[], None] | None:
        """The work that NEED_TASK speaks of, to be called once, in any thread; None when there is none to be given out.

        It raises nothing but a Ctrl-C, after which it is given out again: the next ``wrap`` or ``unwrap`` tells.
        """
        task = self._task
        if task is None or task.is_given:
            return None
        task.is_given = True
        return task

    def wrap(self, source: ByteBuffer, destination: ByteBuffer) -> SSLEngineResult:
        """Make one record: of the handshake while there is one, else of data of the source, 16 KiB at most.

        Raises ``ssl.SSLError``; ReadOnlyBufferError for a destination that is one.
        """
        if self._is_at_work(source, destination):
            return SSLEngineResult(Status.OK, HandshakeStatus.NEED_TASK, 0, 0)
        if not self._begun and not self._outbound_closed:
            self.begin_handshake()
        consumed = 0
        if not self._ready() and self._done and not self._outbound_closed and not self._inbound_done:
            if destination.remaining < PACKET_BUFFER_SIZE:
                return self._result(Status.BUFFER_OVERFLOW)
            consumed = self._encrypt(source)
        if self._inbound_done and not self._outbound_closed and not self._ready():
            self.close_outbound()  # the answer to the peer's
        record = self._next_record()
        if len(record) > destination.remaining:
            return self._result(Status.BUFFER_OVERFLOW)
        self._wire = self._wire[len(record) :]
        destination.put(record)
        closed = self._outbound_closed and not self._ready()
        return self._result(Status.CLOSED if closed else Status.OK, consumed, len(record))

    def unwrap(self, source: ByteBuffer, destination: ByteBuffer) -> SSLEngineResult:
        """Take one record, and put the data in it into the destination.

        Raises ``ssl.SSLError`` for what is no TLS, a certificate that is not trusted and the like; wrap and send the
        alert then. ReadOnlyBufferError.
        """
        if self._is_at_work(source, destination):
            return SSLEngineResult(Status.OK, HandshakeStatus.NEED_TASK, 0, 0)
        if self._inbound_done:
            return self._result(Status.CLOSED)
        if not self._begun and not self._outbound_closed:
            self.begin_handshake()
        if self._begun and not self._done and self._ready():
            return self._result(Status.OK)  # NEED_WRAP comes first
        data = source.view()
        length = _length_of(data)
        if len(data) < length:
            return self._result(Status.BUFFER_UNDERFLOW)
        most = min(length - _HEADER - _LEAST_ADDED, APPLICATION_BUFFER_SIZE)
        if self._done and data[0] == _DATA and destination.remaining < most:
            return self._result(Status.BUFFER_OVERFLOW)
        plain, is_delegated = b"", self._delegates and not self._done and self._is_dear(data)
        self._incoming.write(data[:length])
        source.position += length
        if is_delegated:
            self._task = DelegatedTask(self)
        else:
            plain = self._decrypt() if self._done else self._shake()
        destination.put(plain)
        return self._result(Status.CLOSED if self._inbound_done else Status.OK, length, len(plain))

    def close_outbound(self) -> None:
        """No more data is sent: the next ``wrap`` makes the close_notify. Again is nothing."""
        if self._outbound_closed:
            return
        self._outbound_closed = True
        if self._task is not None and not self._task.is_given:
            self._task = None
        if self._done:
            try:
                self._object.unwrap()
            except ssl.SSLError:
                pass  # the peer has not answered yet
        else:
            self._inbound_done = True  # there never was a connection

    def close_inbound(self) -> None:
        """No more bytes come; ``ssl.SSLEOFError`` when the peer's close_notify has not come: data may be missing."""
        if self._inbound_done:
            return
        self._inbound_done = True
        if self._begun:
            words = "the stream ended without the peer's close_notify: something may be missing"
            raise ssl.SSLEOFError(ssl.SSL_ERROR_EOF, words)

    # delegated tasks

    def _is_at_work(self, source: ByteBuffer, destination: ByteBuffer) -> bool:
        """A task has to be done first; what the last one failed with is raised."""
        if source is destination:
            raise ValueError("source and destination are one buffer")
        if destination.is_read_only:
            raise ReadOnlyBufferError("the destination is read-only")
        error, self._error = self._error, None
        if error is not None:
            raise error
        return self._task is not None

    def _is_dear(self, record: memoryview) -> bool:
        """Whether the JDK would delegate what this record leads to."""
        kind = record[0]
        if kind == _HANDSHAKE:
            message = record[_HEADER] if len(record) > _HEADER else 0
            return message in _HELLOS if self._changed else message != _TICKET
        self._changed = self._changed or kind == _CHANGE
        return kind == _DATA and (self._client_mode or self._object.context.verify_mode != ssl.CERT_NONE)

    def _run_task(self) -> None:
        """For the task, in its thread."""
        try:
            self._shake()
        except ssl.SSLError as error:
            self._error = error.with_traceback(None)
        except BaseException:  # a Ctrl-C
            self._task = DelegatedTask(self)
            raise
        self._task = None

    # parts

    def _shake(self) -> bytes:
        try:
            self._object.do_handshake()
        except ssl.SSLWantReadError:
            return b""
        except ssl.SSLError:
            self._outbound_closed = self._inbound_done = True  # but for an alert
            raise
        self._done = True
        return b""

    def _encrypt(self, source: ByteBuffer) -> int:
        data = source.view()[:APPLICATION_BUFFER_SIZE]
        if not len(data):
            return 0
        consumed = self._object.write(data)
        source.position += consumed
        return consumed

    def _decrypt(self) -> bytes:
        try:
            plain = self._object.read(APPLICATION_BUFFER_SIZE)
        except ssl.SSLWantReadError:
            return b""  # a session ticket, say
        except ssl.SSLZeroReturnError:
            plain = b""
        except ssl.SSLError:
            self._outbound_closed = self._inbound_done = True  # but for an alert
            raise
        if not plain:
            self._inbound_done = True
        return plain

    def _ready(self) -> bool:
        """There are records to be given out."""
        return bool(self._wire or self._outgoing.pending)

    def _next_record(self) -> bytes:
        if self._outgoing.pending:
            self._wire += self._outgoing.read()
        return self._wire[: _HEADER + int.from_bytes(self._wire[3:5], "big")]

    def _result(self, status: Status, consumed: int = 0, produced: int = 0) -> SSLEngineResult:
        now = self.handshake_status
        if self._done and not self._told and not self._ready() and status is Status.OK:
            self._told, now = True, HandshakeStatus.FINISHED
        return SSLEngineResult(status, now, consumed, produced)


def _length_of(data: memoryview) -> int:
    """Of the record that begins here; all there is of what is no TLS, which OpenSSL says best."""
    if len(data) < _HEADER:
        return _HEADER
    length = _HEADER + int.from_bytes(data[3:5], "big")
    is_record = data[0] in _TYPES and data[1] == _MAJOR and length <= PACKET_BUFFER_SIZE + _MORE_IN_TLS_1_2
    return length if is_record else len(data)


class DelegatedTask:
    """A step of a handshake, for any thread; calling it again is nothing."""

    __slots__ = ("_left", "is_given")

    def __init__(self, engine: SSLEngine) -> None:
        self._left = [engine]
        self.is_given = False

    def __call__(self) -> None:
        try:
            engine = self._left.pop()  # of two threads one
        except IndexError:
            return
        engine._run_task()
