"""TlsTransport: TLS under a connection, over Python's ``ssl`` with memory on both sides.

**What was encrypted and not sent is reported as not taken.** The connection offers the same bytes again, and they are
skipped: ``_ahead`` counts them. While a piece is on its way its bytes count as taken in proportion, all but the last.
So ``unsent``, the marks and all deadlines of a connection mean with TLS what they mean without, and an established
connection is served by the same loop as a plain one (``_steady.py``).

**A read gives out everything that can be decrypted**, since the kernel does not tell of it again. It takes 47 KiB of
the socket at a time: with what was left of a record before that is not more than 64 KiB of data.

**The handshake** goes forward in ``advance`` and ``recv``. Each step asks the gate (``_gate.py``). The last one asks
for a tick, in which the connection hears of it; meanwhile nothing is read.

**The end.** A peer's ``close_notify`` is the end of its stream; an end of TCP without one is TLS_TRUNCATED. This side
sends its own behind the last byte, when output ends, or as the connection closes. It sends none where output is
unsent, or the connection is reset: the peer must not take what it has got for the whole.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Any

from nio.channels import SocketChannel
from nio.reactor import CloseReason, Needs, TransportError
from nio.spi import NO_SIGNAL
from nio.tls._gate import Gate
from nio.tls._session import SSLSession
from nio.tls._words import refuses_us, words_of

_SOCKET_READ = 47 * 1024
_RECORD = 16 * 1024  # the most that one record holds
_AT_A_TIME = 64 * 1024  # bytes encrypted before the kernel is asked whether it takes them
_FREE, _WRITES, _READS, _WAITS, _HOLDS = Needs.FREE, Needs.WRITES, Needs.READS, Needs.WAITS, Needs.HOLDS
_SHAKING, _DONE, _OPEN, _BROKEN, _DEAF = range(5)
_STANDS = (_DONE, _OPEN)


class TlsTransport:
    """One connection's TLS; made by a :class:`TlsContext`. It fits ``SecureTransport``."""

    __slots__ = (
        "_ahead",
        "_at_gate",
        "_channel",
        "_connection",
        "_decrypt",
        "_encrypt",
        "_fin_is_due",
        "_gate",
        "_gates",
        "_incoming",
        "_keep_session",
        "_later",
        "_object",
        "_out_ended",
        "_outgoing",
        "_sock_recv",
        "_sock_send",
        "_stage",
        "_timeout",
        "_waiting",
        "due",
        "needs",
        "unsent",
    )

    def __init__(
        self,
        channel: SocketChannel,
        wrap: Callable[[ssl.MemoryBIO, ssl.MemoryBIO], ssl.SSLObject],
        gates: Callable[[Any], Gate],
        keep_session: Callable[[ssl.SSLObject], None] | None,
        timeout: float,
    ) -> None:
        sock = channel.undelayed_socket()
        self._channel = channel
        self._sock_recv, self._sock_send = sock.recv, sock.send
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._object = wrap(self._incoming, self._outgoing)
        self._decrypt, self._encrypt = self._object.read, self._object.write
        self._gates, self._keep_session, self._timeout = gates, keep_session, timeout
        self._gate: Gate | None = None
        self._connection: Any = None  # None again once it is closed: no cycle is left
        self._stage = _SHAKING
        self._waiting = memoryview(b"")  # encrypted, and not taken by the kernel
        self._ahead = 0  # bytes of data whose encrypted form is there, or sent in part
        self._later: list[bytes | TransportError] = []  # decrypted, and not given out
        self._at_gate = self._out_ended = self._fin_is_due = False
        self.needs: int = _READS
        self.unsent: int = 0
        self.due: int = 0

    @property
    def session(self) -> SSLSession:
        """What the handshake has brought."""
        return SSLSession(self._object)

    # for the connection

    def begin(self, connection: Any) -> None:
        reactor = connection.reactor
        self._connection, self._gate = connection, self._gates(reactor)
        self.due = reactor.provider.clock() + int(self._timeout * 1e9)
        if not self._object.server_side:
            self._step()  # a client speaks first

    def advance(self, readable: bool) -> None:
        if self._stage != _SHAKING:
            return
        if readable:
            self._receive_handshake()
        else:
            self._at_gate = False  # it has called
            self._step()

    def open(self) -> None:
        self._stage = _OPEN
        self._note()

    def recv(self, size: int) -> bytes:
        if self._stage != _OPEN or self._later or self.needs == _HOLDS:
            return self._recv_otherwise(size)
        data = self._sock_recv(_SOCKET_READ)
        if not data:
            raise self._truncated("the peer ended its stream without TLS's close_notify: something may be missing")
        self._incoming.write(data)
        try:
            plain = self._decrypt(_RECORD)
        except ssl.SSLError as error:
            plain = self._not_decrypted(error, len(data))
        return self._whole(plain) if self._incoming.pending else plain

    def send(self, data: bytes | memoryview, flags: int) -> int:
        before = self._stage != _OPEN or self._waiting or self._ahead or not data
        done = self._send_before(data) if before else 0
        size = len(data)
        while done < size and not self._waiting:
            most = min(size - done, _AT_A_TIME)
            self._put(data if not done and most == size else memoryview(data)[done : done + most])
            wire = self._outgoing.read()
            try:
                sent = self._sock_send(wire, flags)
            except BlockingIOError:
                sent = 0
            if sent < len(wire):
                self._waiting, self._ahead = memoryview(wire)[sent:], most
                most = self._share(sent, len(wire))
            done += most
        if size and not done:
            raise BlockingIOError
        return done

    def shutdown_output(self) -> None:
        self._fin_is_due = True
        if self._stage == _SHAKING:
            self._stage, self.due = _DEAF, 0
        self._say_end()
        self._push()

    def say_end(self) -> bool:
        self._say_end()
        try:
            self._push()
        except OSError:
            return True  # nobody is there to hear it
        return not self._waiting

    def end(self, in_order: bool) -> None:
        if self._connection is None:
            return
        self._connection, self.due = None, 0
        if self._stage in _STANDS and self._keep_session is not None:
            self._keep_session(self._object)
        if in_order and not self._ahead:
            self.say_end()

    # the handshake

    def _receive_handshake(self) -> None:
        data = self._sock_recv(_RECORD)
        self._moved(len(data))
        if not data:
            words = "the peer ended the stream in the middle of the handshake"
            raise self._broken(CloseReason.TLS_HANDSHAKE, ssl.SSLEOFError(ssl.SSL_ERROR_EOF, words))
        self._incoming.write(data)
        gate: Any = self._gate
        if gate.enter(self._connection):
            self._step()
        else:
            self._at_gate = True
            self._note()

    def _step(self) -> None:
        try:
            self._object.do_handshake()
        except ssl.SSLWantReadError:
            pass
        except (ssl.SSLError, ssl.CertificateError) as error:
            raise self._broken(CloseReason.TLS_HANDSHAKE, error) from None
        else:
            self._stage, self.due = _DONE, 0
            connection = self._connection
            connection.reactor.post(connection.handle_secure)
        self._push()

    def _broken(self, reason: CloseReason, error: Exception) -> TransportError:
        """There is an alert to be sent, mostly, and nothing else any more."""
        self._stage, self.due, self._ahead = _BROKEN, 0, 0
        try:
            self._push()
        except OSError:
            pass  # the peer has gone
        return TransportError(reason, words_of(error), error)

    # input

    def _moved(self, count: int) -> None:
        """So much has come that is no data: progress all the same, or a slow peer would be taken for a spin."""
        self._connection.reactor.tally.bytes_in += count

    def _not_decrypted(self, error: ssl.SSLError, count: int) -> bytes:
        if isinstance(error, ssl.SSLWantReadError):
            self._moved(count)
            raise BlockingIOError from None  # half a record, say
        if isinstance(error, ssl.SSLZeroReturnError):
            return b""  # both sides have said that they end
        reason = CloseReason.TLS_HANDSHAKE if refuses_us(error) else CloseReason.PROTOCOL_ERROR
        raise self._broken(reason, error) from None

    def _whole(self, plain: bytes) -> bytes:
        """All records that came; an end or an error behind them is for the next read."""
        pieces = [plain] if plain else []
        while plain and self._incoming.pending:
            try:
                plain = self._decrypt(_RECORD)
                pieces.append(plain)
            except ssl.SSLWantReadError:
                break
            except ssl.SSLError as error:
                try:
                    pieces.append(plain := self._not_decrypted(error, 0))
                except TransportError as broken:
                    self._later.append(broken)
                    break
        if pieces and not plain:
            self._later.append(b"")
        if self._later:
            self._note()
            self._connection.reactor.post(self._connection.look_in)
        return b"".join(pieces)

    def _recv_otherwise(self, size: int) -> bytes:
        if self._later:
            later = self._later.pop(0)
            self._note()
            if isinstance(later, TransportError):
                raise later
            return later
        if self._stage == _OPEN:
            return self._recv_held()
        if self._stage == _SHAKING:
            if not self._at_gate:
                self._receive_handshake()
            raise BlockingIOError
        if self._stage == _DONE:
            raise BlockingIOError
        return self._sock_recv(size)  # nothing but its end is of interest

    def _recv_held(self) -> bytes:
        """What came with the end of the handshake."""
        try:
            return self._whole(self._decrypt(_RECORD))
        except ssl.SSLError as error:
            return self._not_decrypted(error, 0)
        finally:
            self._note()

    def _truncated(self, words: str) -> TransportError:
        error = ssl.SSLEOFError(ssl.SSL_ERROR_EOF, words)
        return TransportError(CloseReason.TLS_TRUNCATED, words, error, is_end=True)

    # output

    def _put(self, data: bytes | memoryview) -> None:
        """Encrypt all of it, in as many calls as OpenSSL likes."""
        try:
            done = self._encrypt(data)
            while done < len(data):
                done += self._encrypt(memoryview(data)[done:])
        except ssl.SSLError as error:
            raise self._broken(CloseReason.PROTOCOL_ERROR, error) from None

    def _send_before(self, data: bytes | memoryview) -> int:
        """What was encrypted before goes first; the bytes of ``data`` that are done with it."""
        before = len(self._waiting)
        self._push()
        if self._stage != _OPEN and data:
            raise BlockingIOError
        if self._waiting and before:
            return self._share(max(0, before - len(self._waiting)), before)
        done, self._ahead = self._ahead, 0
        return done

    def _share(self, sent: int, wire: int) -> int:
        """What part of ``_ahead`` counts as taken, when so much of its encrypted form is sent: never the last byte."""
        if not self._ahead:
            return 0
        share = min(self._ahead - 1, self._ahead * sent // wire)
        self._ahead -= share
        return share

    def _push(self) -> None:
        """Send what is encrypted."""
        if self._outgoing.pending:
            self._waiting = memoryview(bytes(self._waiting) + self._outgoing.read())
        if self._waiting:
            try:
                sent = self._sock_send(self._waiting, NO_SIGNAL)
            except BlockingIOError:
                sent = 0
            self._waiting = self._waiting[sent:]
            if not self._ahead and self._connection is not None:
                self._connection.reactor.tally.bytes_out += sent  # see _moved()
        self._note()
        self._end_stream()

    def _note(self) -> None:
        """What it needs now, and what of its own is unsent."""
        self.unsent = 0 if self._ahead else len(self._waiting)
        if self.unsent:
            self.needs = _WRITES
        elif self._stage == _DONE or (self._stage == _SHAKING and self._at_gate):
            self.needs = _WAITS
        elif self._stage == _SHAKING:
            self.needs = _READS
        else:
            holds = self._later or (self._stage == _OPEN and self._incoming.pending)
            self.needs = _HOLDS if holds else _FREE

    # the end

    def _say_end(self) -> None:
        if self._out_ended or self._stage not in _STANDS:
            return
        self._out_ended, self._stage = True, _OPEN
        if self._incoming.pending and self._connection is not None:
            self._keep_input()  # else unwrap() would meet it
        try:
            self._object.unwrap()
        except ssl.SSLError:
            pass  # there is no answer yet, or never will be

    def _keep_input(self) -> None:
        try:
            self._later.insert(0, self._recv_held())
        except BlockingIOError:
            pass  # not a whole record
        except TransportError as broken:
            self._later.append(broken)

    def _end_stream(self) -> None:
        if self._fin_is_due and not self._waiting:
            self._fin_is_due = False
            self._channel.shutdown_output()
