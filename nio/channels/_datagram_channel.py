"""DatagramChannel: datagrams, sent to anybody or to one peer.

**One datagram is one transfer.** If the receiver's buffer is too small, the rest of the datagram is lost, as in the
JDK; ``is_truncated`` tells so afterwards, which the JDK does not. A gathering write sends one datagram. A ``read``
takes one, never the start of a second.

**Connecting** sends nothing; it fixes the peer. From then on the kernel drops what others send. The peer's machine can
answer "nobody is there": the channel raises ConnectionRefusedError once for each such answer, and stays usable.
``connect()`` drops the datagrams that wait, because anybody may have sent them. After ``disconnect()`` the channel
raises no error for an answer that came before.

Use of a closed channel raises AsynchronousCloseError if the channel was in blocking mode, else ClosedChannelError. This
is the JDK's rule for ``read`` and ``write`` of this channel, and for no other channel over a socket.
"""

from __future__ import annotations

import errno
import io
import os
from typing import Self

from nio.channels._byte_channels import ReadingChannel, WritingChannel
from nio.channels._interruptible_channel import chosen
from nio.channels._membership import MulticastChannel
from nio.channels._opened import NOT_CALLED
from nio.channels._options import adopted, check_family, is_named, peer_of, supported
from nio.channels._selection_key import OP_READ, OP_WRITE
from nio.channels._transfer import Source, Sources, Target, Targets, Transfer, check_part
from nio.errors import AlreadyConnectedError, AsynchronousCloseError, NotYetConnectedError
from nio.spi import READABLE, WRITABLE, Address, ProtocolFamily, SelectorProvider, Socket


class DatagramChannel(MulticastChannel, ReadingChannel, WritingChannel):
    """Sends and receives datagrams (UDP), to and from anybody or, once connected, one peer."""

    __slots__ = ("_checked_remote", "_exact_remote", "_remote_address", "_truncated", "_unconnected_address")

    _valid_ops = OP_READ | OP_WRITE
    _is_freed_early = True
    _options = supported(
        "SO_SNDBUF",
        "SO_RCVBUF",
        "SO_BROADCAST",
        "SO_REUSEADDR",
        "SO_REUSEPORT",
        "IP_TOS",
        "IP_MULTICAST_IF",
        "IP_MULTICAST_TTL",
        "IP_MULTICAST_LOOP",
    )

    def __init__(
        self,
        provider: SelectorProvider = NOT_CALLED,
        sock: Socket = NOT_CALLED,
        family: ProtocolFamily = NOT_CALLED,
    ) -> None:
        super().__init__(provider, sock, family)
        self._mask_is_ready_set = True
        self._truncated = False
        self._remote_address: Address | None = None
        self._checked_remote: Address | None = None  # as the kernel was given it
        self._exact_remote: Address | None = None  # as the kernel spells it
        self._unconnected_address: Address = ("", 0)

    @classmethod
    def open(
        cls, family: ProtocolFamily = ProtocolFamily.INET, *, provider: SelectorProvider | None = None
    ) -> DatagramChannel:
        """A channel that is neither bound nor connected; io.UnsupportedOperation for the Unix domain."""
        check_family(family)
        if family is ProtocolFamily.UNIX:
            raise io.UnsupportedOperation("there are no datagram channels of the Unix domain")
        provider = chosen(provider)
        return cls(provider, provider.open_datagram_socket(family), family)

    @classmethod
    def adopt(cls, sock: object, *, provider: SelectorProvider | None = None) -> DatagramChannel:
        """A channel in blocking mode over a socket of Python's, which is the channel's from now on.

        It may have a peer or not. ``close()`` closes it, ``detach()`` gives it back. An addition to java.nio.

        Raises TypeError for what is no ``socket.socket``, IllegalArgumentError for a socket of another kind,
        io.UnsupportedOperation for a family that has no channel, OSError with ``EBADF`` for a closed one.
        """
        provider = chosen(provider)
        found = adopted(provider, sock, "DatagramChannel")
        channel = cls._of_bound(provider, found.socket, found.family, peer_of(found.socket))
        channel._bound = is_named(found.socket)
        return channel

    @classmethod
    def _of_bound(
        cls, provider: SelectorProvider, sock: Socket, family: ProtocolFamily, peer: Address | None
    ) -> DatagramChannel:
        channel = cls(provider, sock, family)
        channel._bound = True
        if peer is not None:
            channel._checked_remote = channel._exact_remote = peer
            channel._remote_address = provider.told_address(peer)
        channel._unconnected_address = sock.getsockname()
        return channel

    @property
    def is_connected(self) -> bool:
        """True between ``connect()`` and ``disconnect()`` or ``close()``."""
        return self._open and self._remote_address is not None

    @property
    def remote_address(self) -> Address | None:
        """The peer's address as given to ``connect()``, in the form of ``local_address``; None while not connected.

        ClosedChannelError once closed.
        """
        self._ensure_open()
        return self._remote_address

    @property
    def is_truncated(self) -> bool:
        """Whether the datagram received or read last was longer than the room for it: an addition to java.nio."""
        return self._truncated

    def bind(self, address: Address | None) -> Self:
        """Choose the local address, ``(host, port)``; None is any address and a free port.

        Sending, receiving and connecting bind an unbound channel. Raises ClosedChannelError, AlreadyBoundError,
        UnresolvedAddressError, UnsupportedAddressTypeError, and OSError with ``EADDRINUSE`` or ``EACCES``.
        """
        with self._read_lock, self._write_lock, self._state_lock:
            self._ensure_open()
            self._bind(address)
            self._bound = True
        return self

    def connect(self, address: Address) -> Self:
        """Send to and hear from this address only; drops the datagrams that wait to be received.

        Raises UnresolvedAddressError and UnsupportedAddressTypeError, ClosedChannelError, AlreadyConnectedError, and
        what the system says (OSError with ``EACCES`` for a broadcast address without ``SO_BROADCAST``, ``ENETUNREACH``
        ...). The channel then stays open and unconnected.
        """
        address = self._provider.check_address(self._family, address)
        told = self._provider.told_address(address)
        with self._read_lock, self._write_lock, self._state_lock:
            self._ensure_open()
            if self._remote_address is not None:
                raise AlreadyConnectedError(f"{self!r} is connected; disconnect() before connecting to {told!r}")
            self._refuse_port_0(address)
            self._ensure_bound()
            local = self._sock.getsockname()
            exact = self._provider.exact_address(self._sock, address)
            code = self._sock.connect_ex(address)
            if code:
                raise OSError(code, f"{os.strerror(code)}: {told!r}")
            self._unconnected_address, self._exact_remote = local, exact
            self._checked_remote, self._remote_address = address, told
            self._drop_what_waits()
        return self

    def disconnect(self) -> Self:
        """Send to and hear from anybody again, at the old local address; does nothing if closed or not connected.

        Raises OSError with ``EADDRINUSE`` if somebody took the port meanwhile; then the channel is unbound.
        """
        with self._read_lock, self._write_lock, self._state_lock:
            if self.is_connected:
                self._remote_address = self._checked_remote = self._exact_remote = None
                self._bound = False
                self._provider.disconnect(self._sock, self._unconnected_address)
                self._bound = True
        return self

    def receive(self, target: Target) -> Address | None:
        """Take one datagram and return its sender; what does not fit into ``target`` is lost (``is_truncated``).

        None in non-blocking mode when no datagram waits; blocking mode waits for one. An empty datagram gives an
        address and no bytes, and a target without room still takes one.

        Raises IllegalArgumentError for a read-only target (before it receives), ClosedChannelError,
        AsynchronousCloseError when another thread closes the channel meanwhile, ConnectionRefusedError (only when
        connected).
        """
        transfer = Transfer((target,), 0, None, writable=True)
        with self._read_lock:
            self._ensure_usable()
            self._ensure_bound()
            taken = self._attempt(READABLE, self._take, transfer.views())
            if taken is None:
                return None
            count, sender = taken
            transfer.advance(count)
            return self._provider.told_address(sender)

    def send(self, source: Source, address: Address) -> int:
        """Send the remaining bytes as one datagram and return their number; 0 if non-blocking and there is no room.

        A connected channel sends to its peer only, and not an empty datagram.

        Raises UnresolvedAddressError and UnsupportedAddressTypeError, ClosedChannelError, AsynchronousCloseError,
        AlreadyConnectedError for another address than the peer's, and what the system says (OSError with ``EMSGSIZE``
        for more than 65,507 bytes, ``ENOBUFS``, ``EACCES`` ...). Then the source's position has not moved and the
        channel is open.
        """
        address = self._provider.check_address(self._family, address)
        transfer = Transfer((source,), 0, None, writable=False)
        with self._write_lock:
            self._ensure_usable()
            if self._remote_address is not None:
                self._ensure_peer(address)
                return self._write(transfer)
            self._ensure_bound()
            self._refuse_port_0(address)
            views = transfer.views()
            count = self._attempt(WRITABLE, self._send_to, views[0] if views else memoryview(b""), address)
            if count:
                transfer.advance(count)
            return count or 0

    def read(self, targets: Targets, offset: int = 0, length: int | None = None) -> int:
        """As ``receive`` from the peer, into one buffer or scattered over several; the number of bytes.

        0 in non-blocking mode when no datagram waits, and always without room: then it takes none. An empty datagram
        reads as ``EOF``, as in the JDK; it ends nothing. Raises NotYetConnectedError and what ``receive`` does.
        """
        return super().read(targets, offset, length)

    def write(self, sources: Sources, offset: int = 0, length: int | None = None) -> int:
        """As ``send`` to the peer, from one buffer or gathered from several: one datagram, of 1,024 buffers at most.

        Raises NotYetConnectedError and what ``send`` does. Without a byte to write it sends nothing, as in the JDK.
        """
        check_part(sources, offset, length)
        with self._write_lock:
            self._ensure_connected()
            return self._write(Transfer(sources, offset, length, writable=False))

    def _write(self, transfer: Transfer) -> int:
        if not transfer.remaining:
            return 0
        count = self._attempt(WRITABLE, self._transmit, transfer.views())
        if count:
            transfer.advance(count)
        return count or 0

    def _input_ended(self) -> bool:
        self._ensure_connected()
        return False

    def _receive(self, views: list[memoryview]) -> int:
        return self._take(views)[0]

    def _take(self, views: list[memoryview]) -> tuple[int, Address]:
        count, sender, self._truncated = self._provider.receive(self._sock, views)
        return count, sender

    def _transmit(self, views: list[memoryview]) -> int:
        try:
            return super()._transmit(views)
        except OSError as error:
            raise _with_numbers(error, sum(map(len, views)), self._remote_address) from None

    def _send_to(self, view: memoryview, address: Address) -> int:
        try:
            return self._sock.sendto(view, address)
        except OSError as error:
            raise _with_numbers(error, len(view), self._provider.told_address(address)) from None

    def _drop_what_waits(self) -> None:
        nothing: list[memoryview] = []
        try:
            while True:
                self._provider.receive(self._sock, nothing)
        except BlockingIOError:
            pass

    def _ensure_usable(self) -> None:
        if not self._open and self._blocking:
            raise AsynchronousCloseError(f"{self!r}")
        self._ensure_open()

    def _ensure_connected(self) -> None:
        self._ensure_usable()
        if self._remote_address is None:
            raise NotYetConnectedError(f"{self!r} is not connected")

    def _ensure_peer(self, address: Address) -> None:
        if address != self._checked_remote and self._provider.exact_address(self._sock, address) != self._exact_remote:
            told = self._provider.told_address(address)
            raise AlreadyConnectedError(f"{self!r} is connected; it does not send to {told!r}")

    def _refuse_port_0(self, address: Address) -> None:
        if address[1] == 0:
            raise OSError(errno.EINVAL, f"nothing can be sent to port 0: {self._provider.told_address(address)!r}")

    def _ensure_bound(self) -> None:
        with self._state_lock:
            if not self._bound:
                self._bind(None)
                self._bound = True

    def __repr__(self) -> str:
        if not self._open:
            return "DatagramChannel(closed)"
        if self._remote_address is not None:
            return f"DatagramChannel(remote={self._remote_address!r})"
        return f"DatagramChannel({self.local_address if self._bound else 'unbound'})"


def _with_numbers(error: OSError, count: int, address: Address | None) -> OSError:
    return OSError(error.errno, f"{error.strerror}: {count} bytes to {address!r}")
