"""Transport: how the bytes of a connection reach the kernel; the one seam between a connection and its socket.

The plain one hands out the socket's own methods, so that it costs no call. Another one (TLS) stands between: what it
receives is not what the kernel had, and it may have bytes of its own to write.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from nio.channels import SocketChannel
from nio.spi import Socket


class Transport(Protocol):
    """The four things that a connection asks of what carries its bytes; for the reactor's thread."""

    @property
    def recv(self) -> Callable[[int], bytes]:
        """``recv(size)``: at most ``size`` bytes; ``b""`` at the end of the stream, BlockingIOError for nothing yet.

        Whatever was received must come out, however small ``size`` is for it: the kernel does not report it again.
        """

    @property
    def send(self) -> Callable[[bytes | memoryview, int], int]:
        """``send(data, flags)``: how many bytes were taken; BlockingIOError for none.

        ``flags`` is ``NO_SIGNAL``, for the socket. ``send(b"", flags)`` goes on with the transport's own bytes.
        """

    @property
    def wants_write(self) -> bool:
        """There are bytes of its own to write: ``send`` is to be called when the socket is writable."""

    def shutdown_output(self) -> None:
        """No more output: the peer reads the end of the stream."""


class PlainTransport:
    """The bytes as they are, without Nagle's delay."""

    __slots__ = ("_channel", "recv", "send", "wants_write")

    def __init__(self, channel: SocketChannel) -> None:
        sock: Socket = channel.undelayed_socket()
        self._channel = channel
        self.wants_write = False  # in a slot: what the class holds would be looked up in two places
        self.recv: Callable[[int], bytes] = sock.recv
        self.send: Callable[[bytes | memoryview, int], int] = sock.send

    def shutdown_output(self) -> None:
        self._channel.shutdown_output()
