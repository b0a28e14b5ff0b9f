"""Transport: how the bytes of a connection reach the kernel; the one seam between a connection and its socket.

The plain one is the socket itself: a connection asks that for ``recv`` and ``send``, so it costs no call and no object,
and one mark, ``PLAIN``, stands for it in all of them. Another one stands between: what it receives is not what the
kernel had, and it may have bytes of its own to write. One that protects the bytes (TLS) shakes hands
first, and tells the end of its stream by itself: that is a :class:`SecureTransport`, whose part of the work stands in
``_carried.py``.

**What a transport needs** is a number, 0 for the plain one, so that a connection asks one question when it arms. All
other numbers lead to ``Carried._own_interest``.

**What was not taken is offered again, first.** So a transport that has encrypted bytes and could not send them reports
them as not taken: they stay in the outbox, and count in ``unsent`` and for every deadline as plain ones do. Only what
it says of its own accord (a handshake, an alert) is counted in its ``unsent``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from nio.channels import SocketChannel
from nio.reactor.loop._close_reason import CloseReason
from nio.spi import Socket


class Needs:
    """What a transport needs of its connection, as plain numbers."""

    FREE: int = 0  # it stands in nobody's way
    WRITES: int = 1  # it has bytes of its own to write
    READS: int = 2  # it must receive something before it can send anything
    WAITS: int = 3  # neither: it goes on by itself
    HOLDS: int = 4  # it has input that the kernel will not tell of again
    CHANGES: int = 5  # another transport follows when all output is sent; nothing is read before


class Transport(Protocol):
    """The five things that a connection asks of what carries its bytes; for the reactor's thread."""

    @property
    def recv(self) -> Callable[[int], bytes]:
        """``recv(size)``: about ``size`` bytes; ``b""`` at the end of the stream, BlockingIOError for nothing yet.

        Whatever was received must come out, however small ``size`` is for it: the kernel does not report it again.
        """

    @property
    def send(self) -> Callable[[bytes | memoryview, int], int]:
        """``send(data, flags)``: how many bytes were taken; BlockingIOError for none.

        ``flags`` is ``NO_SIGNAL``, for the socket. ``send(b"", flags)`` goes on with the transport's own bytes. What is
        not taken is offered again, before anything else.
        """

    @property
    def needs(self) -> int:
        """One of :class:`Needs`: WRITES while there are bytes of its own to write, else FREE.

        The others are for a :class:`SecureTransport`.
        """

    @property
    def unsent(self) -> int:
        """Bytes of its own that the kernel has not taken; they count as output that waits."""

    def shutdown_output(self) -> None:
        """No more output: the peer reads the end of the stream, once ``unsent`` is 0."""


class SecureTransport(Transport, Protocol):
    """One that shakes hands before it carries anything, and has an end of its own."""

    @property
    def due(self) -> int:
        """When the handshake must be done, on the provider's clock; 0 when there is none under way."""

    def begin(self, connection: Any) -> None:
        """The connection that it carries is open. ``connection.carry_on()`` is a tick that calls ``advance``."""

    def advance(self, readable: bool) -> None:
        """Go on with the handshake, from what the socket has if it is readable; deliver nothing.

        Once it is done, ``connection.handle_secure()`` is a tick that calls ``open``.
        """

    def open(self) -> None:
        """The handshake is done, and from now on data is carried."""

    def say_end(self) -> bool:
        """Tell the peer that this side's stream ends; False while that waits, and counts in ``unsent``."""

    def end(self, in_order: bool) -> None:
        """The connection is about to close: tell the peer so, if it is ``in_order``, and let go of the connection."""


class TransportError(OSError):
    """A transport's ``recv``, ``send`` or ``advance`` ends the connection: with this reason, for this cause.

    With ``is_end`` what came before is good, and what is owed is still sent.
    """

    def __init__(self, reason: CloseReason, words: str, cause: Exception, is_end: bool = False) -> None:
        super().__init__(words)
        self.reason = reason
        self.cause = cause
        self.is_end = is_end


class PlainTransport:
    """The bytes as they are, without Nagle's delay: for whoever wraps it; a connection has no such object."""

    __slots__ = ("_channel", "needs", "recv", "send", "unsent")

    def __init__(self, channel: SocketChannel) -> None:
        sock: Socket = channel.undelayed_socket()
        self._channel = channel
        self.needs = self.unsent = 0
        self.recv: Callable[[int], bytes] = sock.recv
        self.send: Callable[[bytes | memoryview, int], int] = sock.send

    def shutdown_output(self) -> None:
        self._channel.shutdown_output()


class Plain:
    """What stands in a connection for a plain transport."""

    __slots__ = ("needs", "unsent")

    def __init__(self, needs: int) -> None:
        self.needs: int = needs  # in slots: what the class holds would be looked up in two places
        self.unsent: int = 0


PLAIN: Any = Plain(Needs.FREE)
CHANGING: Any = Plain(Needs.CHANGES)  # another one follows
