"""SocketChannel: one end of a connection."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from typing import Any, Self

from nio.channels._byte_channels import ReadingChannel, WritingChannel
from nio.channels._interruptible_channel import chosen
from nio.channels._opened import NOT_CALLED
from nio.channels._options import (
    KEEP_ALIVE_OPTIONS,
    NetworkChannel,
    adopted,
    check_family,
    is_named,
    peer_of,
    supported,
)
from nio.channels._selectable_channel import FAULT
from nio.channels._selection_key import OP_CONNECT, OP_READ, OP_WRITE
from nio.errors import (
    AlreadyConnectedError,
    AsynchronousCloseError,
    ConnectionPendingError,
    NoConnectionPendingError,
    NotYetConnectedError,
)
from nio.spi import INVALID, OPTIONS, WRITABLE, Address, Lock, ProtocolFamily, SelectorProvider, Socket

_UNCONNECTED, _PENDING, CONNECTED = range(3)
_INPUT, _OUTPUT, _RESET = 1, 2, 4  # bits: a half that was shut down, a reset that a read has told
_UNIX, _NO_DELAY = ProtocolFamily.UNIX, OPTIONS["TCP_NODELAY"]
_new = object.__new__
_QUEUE_IS_FULL = 0.01  # seconds until the next try: the kernel tells nobody when there is room


class SocketChannel(NetworkChannel, ReadingChannel, WritingChannel):
    """A stream connection, of TCP or of the Unix domain.

    In blocking mode ``close()`` waits for the seconds of ``SO_LINGER``, if that is set, until the peer's system has all
    that was written. In non-blocking mode, or with a key that a selection has not flushed yet, it waits for nobody: the
    option is switched off before, as in the JDK, and the system sends the rest by itself. With 0 seconds the
    connection is reset in either mode.
    """

    __slots__ = ("_connection", "_may_linger", "_peer", "_peer_port", "_shut")

    _valid_ops = OP_READ | OP_WRITE | OP_CONNECT
    _options = supported(
        "SO_SNDBUF",
        "SO_RCVBUF",
        "SO_KEEPALIVE",
        "SO_REUSEADDR",
        "SO_REUSEPORT",
        "SO_LINGER",
        "SO_OOBINLINE",
        "TCP_NODELAY",
        "IP_TOS",
        *KEEP_ALIVE_OPTIONS,
    )
    _unix_options = supported("SO_SNDBUF", "SO_RCVBUF", "SO_LINGER")

    def __init__(
        self,
        provider: SelectorProvider = NOT_CALLED,
        sock: Socket = NOT_CALLED,
        family: ProtocolFamily = NOT_CALLED,
    ) -> None:
        super().__init__(provider, sock, family)
        self._connection = _UNCONNECTED
        self._peer: Address | None = None  # its address; the host of one that has a port beside it
        self._peer_port: int | None = None  # so that nobody keeps a tuple for each connection
        self._shut: int = 0  # _INPUT, _OUTPUT, _RESET
        self._may_linger = True  # nobody has looked yet

    @classmethod
    def open(
        cls,
        address: Address | os.PathLike[str] | None = None,
        family: ProtocolFamily | None = None,
        *,
        provider: SelectorProvider | None = None,
    ) -> SocketChannel:
        """A new channel; with an address a connected one, after waiting for the connection.

        ``family`` is the address's unless given: a path is Unix-domain, a host with a colon IPv6, all else IPv4.
        """
        provider = chosen(provider)
        if family is None:
            family = _family_of(address)
        check_family(family)
        channel = cls(provider, provider.open_socket(family), family)
        if address is not None:
            try:
                channel.connect(address)
            except BaseException:
                channel.close()
                raise
        return channel

    @classmethod
    def adopt(cls, sock: object, *, provider: SelectorProvider | None = None) -> SocketChannel:
        """A channel in blocking mode over a socket of Python's, which is the channel's from now on.

        It may be connected or not. ``close()`` closes it, ``detach()`` gives it back. An addition to java.nio.

        Raises TypeError for what is no ``socket.socket``, IllegalArgumentError for a socket of another kind,
        io.UnsupportedOperation for a family that has no channel, OSError with ``EBADF`` for a closed one.
        """
        provider = chosen(provider)
        found = adopted(provider, sock, "SocketChannel")
        peer = peer_of(found.socket)
        if peer is not None:
            return cls._of_connected(provider, found.socket, found.family, provider.told_address(peer))
        channel = cls(provider, found.socket, found.family)
        channel._bound, channel._is_strange = is_named(found.socket), True
        return channel

    @classmethod
    def _of_connected(
        cls,
        provider: SelectorProvider,
        sock: Socket,
        family: ProtocolFamily,
        address: Address | None,
        is_strange: bool = True,
        state_lock: Lock | None = None,
    ) -> SocketChannel:
        """``address`` is what accept() gave: asking for it later fails if the peer has reset the connection.

        ``state_lock`` is one that it shares, which makes it non-blocking. Flat, without the constructors: this is done
        for every connection.
        """
        channel = _new(cls)
        channel._provider = provider
        channel._fd = sock.fileno()
        channel._state_lock = state_lock or provider.rlock()
        channel._blocking = state_lock is None
        channel._open = channel._bound = channel._mask_is_ready_set = channel._may_linger = True
        channel._wakeup = channel._reading = channel._writing = channel._registered = None
        channel._end = sock
        channel._family = family
        channel._connection = CONNECTED
        pair: Any = address if type(address) is tuple and len(address) == 2 else (address, None)
        channel._peer, channel._peer_port = pair
        channel._shut = 0
        channel._is_strange = is_strange
        return channel

    @property
    def is_connected(self) -> bool:
        """True from the connection's success until ``close()``."""
        return self._open and self._connection == CONNECTED

    @property
    def is_connection_pending(self) -> bool:
        """True between ``connect()`` and the end of ``finish_connect()``."""
        return self._open and self._connection == _PENDING

    @property
    def remote_address(self) -> Address | None:
        """The peer's address from ``connect()`` on, None before; told as ``local_address`` is.

        ClosedChannelError once closed.
        """
        self._ensure_open()
        return self._remote_address

    @property
    def _remote_address(self) -> Address | None:
        host, port = self._peer, self._peer_port
        return host if port is None else (host, port)  # type: ignore[return-value]  # as in _of_connected

    @property
    def peer_has_ended(self) -> bool | None:
        """The peer sends no more, whatever waits to be read before its end; True once closed.

        It has gone, or it has ended its output and still reads. False before the connection, None where the system
        cannot tell. One system call, from any thread. An addition to java.nio.
        """
        with self._state_lock:  # so that nobody closes the descriptor meanwhile
            if not self._open:
                return True
            return self._connection == CONNECTED and self._provider.peer_has_ended(self._sock)

    def bind(self, address: Address | os.PathLike[str] | None) -> Self:
        """Choose the local address before connecting; None is any, and no name in the Unix domain.

        Raises ClosedChannelError, ConnectionPendingError, AlreadyBoundError, and OSError with ``EADDRINUSE``.
        """
        with self._read_lock, self._write_lock, self._state_lock:
            self._ensure_open()
            if self._connection == _PENDING:
                raise ConnectionPendingError(f"{self!r} is being connected")
            self._bind(address)
            self._bound = True
        return self

    def connect(self, address: Address | os.PathLike[str]) -> bool:
        """Start connecting: True when connected, False when ``finish_connect()`` must finish. Blocking mode waits.

        Raises UnresolvedAddressError and UnsupportedAddressTypeError (the channel stays as it was), ClosedChannelError,
        AlreadyConnectedError, ConnectionPendingError, and what the system says (ConnectionRefusedError, TimeoutError
        ...), which closes the channel.
        """
        address = self._provider.check_address(self._family, address)
        with self._read_lock, self._write_lock:
            self._ensure_connectable()
            if self._connection == CONNECTED:
                raise AlreadyConnectedError(f"{self!r} is connected")
            if self._connection == _PENDING:
                raise ConnectionPendingError(f"{self!r} is being connected")
            code = self._sock.connect_ex(address)
            while code == errno.EAGAIN and self._blocking:  # only the Unix domain says so: the listener's queue is full
                self._pause(_QUEUE_IS_FULL)
                code = self._sock.connect_ex(address)
            self._peer = self._provider.told_address(address)
            self._connection = _PENDING
            if code == 0:
                return self._succeed()
            if code != errno.EINPROGRESS:
                self._fail(code)
            return self._blocking and self.finish_connect()

    def finish_connect(self) -> bool:
        """Finish what ``connect()`` started: True when connected, now and on every later call; False while pending.

        Blocking mode waits. Raises NoConnectionPendingError, ClosedChannelError, and what the system says
        (ConnectionRefusedError ...), which closes the channel.
        """
        with self._read_lock, self._write_lock:
            if self.is_connected:
                return True
            self._ensure_connectable()
            if self._connection != _PENDING:
                raise NoConnectionPendingError(f"{self!r} has no connection under way")
            if self._blocking:
                self._sleep(self._fd, WRITABLE)
            elif not self._provider.wait_for(self._fd, WRITABLE, None, 0):
                return False
            code = self._provider.connect_error(self._sock)
            if code:
                self._fail(code)
            return self._succeed()

    def undelayed_socket(self) -> Socket:
        """The socket underneath, for a reactor, after ``TCP_NODELAY`` was set where there is such an option."""
        if self._family is not _UNIX:
            try:
                self._provider.set_option(self._sock, _NO_DELAY, True)
            except OSError:
                pass  # some systems refuse it when the peer has reset the connection, which the first read tells
        return self._sock

    def shutdown_input(self) -> Self:
        """Read no more: reads return EOF at once, even if data waits. A second call does nothing.

        Raises NotYetConnectedError.
        """
        with self._state_lock:
            self._ensure_connected()
            if not self._shut & _INPUT:
                self._shut |= _INPUT
                self._shutdown(self._provider.shutdown_input)
        return self

    def shutdown_output(self) -> Self:
        """Write no more: the peer reads what was written, then the end of the stream. A second call does nothing."""
        with self._state_lock:
            self._ensure_connected()
            if not self._shut & _OUTPUT:
                self._shut |= _OUTPUT
                self._shutdown(self._provider.shutdown_output)
        return self

    def _shutdown(self, shutdown: Callable[[Socket], None]) -> None:
        try:
            shutdown(self._sock)
        except OSError as error:
            if error.errno != errno.ENOTCONN:  # the peer has reset the connection: nothing left to shut
                raise

    def _ensure_connectable(self) -> None:
        if not self._open and self._blocking:
            raise AsynchronousCloseError(f"{self!r}")
        self._ensure_open()

    def _ensure_connected(self) -> None:
        self._ensure_open()
        if self._connection != CONNECTED:
            raise NotYetConnectedError(f"{self!r} is not connected")

    def _succeed(self) -> bool:
        if self._provider.is_connected_to_itself(self._sock):
            self._fail(errno.ECONNREFUSED)
        self._established()
        return True

    def _established(self) -> None:
        self._connection = CONNECTED
        self._bound = True
        self._mask_is_ready_set = True

    def _fail(self, code: int) -> None:
        self.close()
        raise OSError(code, f"{os.strerror(code)}: {self._remote_address!r}")

    def _input_ended(self) -> bool:
        self._ensure_connected()
        shut = self._shut
        if shut & (_RESET | _INPUT) == _RESET:
            raise ConnectionResetError(errno.ECONNRESET, "Connection reset")
        return shut & _INPUT != 0

    def _output_ended(self) -> bool:
        self._ensure_connected()
        return self._shut & _OUTPUT != 0

    def _receive(self, views: list[memoryview]) -> int:
        try:
            return super()._receive(views)
        except ConnectionResetError:
            with self._state_lock:
                self._shut |= _RESET
            raise

    def _transmit(self, views: list[memoryview]) -> int:
        try:
            return super()._transmit(views)
        except (BrokenPipeError, ConnectionResetError):  # this uses the reset up; the JDK, too, asks the kernel again
            if self._shut & _OUTPUT:
                raise AsynchronousCloseError(f"the output of {self!r} is shut down") from None
            raise

    def _announce_close(self) -> None:
        """Shut the output down; with a linger time of 0 the peer gets a reset instead, when the descriptor goes.

        In blocking mode, with a cancelled key that is not flushed yet, the JDK, too, tells the peer nothing before
        that.
        """
        if self._connection == CONNECTED and not self._blocking:
            try:
                if not self._is_strange or self._stop_lingering():
                    self._shutdown(self._provider.shutdown_output)
            except OSError:
                pass  # somebody has closed the descriptor: the close that follows says so

    def _be_quick(self) -> None:
        if self._connection and self._is_strange and self._may_linger:
            try:
                self._stop_lingering()
            except OSError:
                pass

    def _stop_lingering(self) -> bool:
        """Have no close wait for the peer; False if the linger time is 0, which asks for a reset."""
        linger = OPTIONS["SO_LINGER"]
        seconds = self._provider.get_option(self._sock, linger)
        if seconds > 0:
            self._provider.set_option(self._sock, linger, -1)
        self._may_linger = False
        return seconds != 0

    def _forget(self) -> None:
        super()._forget()
        self._may_linger = False  # the option is the parent's, too

    def _to_ops(self, mask: int, interest: int) -> int:
        """Before the connection there is nothing to read or write: if the kernel says otherwise, it means a hang-up."""
        if self._connection == _PENDING and not mask & FAULT:
            return interest & OP_CONNECT if mask & WRITABLE else 0
        if self._connection:
            return super()._to_ops(mask, interest)
        return interest if mask != INVALID else 0

    def __repr__(self) -> str:
        if not self._open:
            return "SocketChannel(closed)"
        if self._connection == CONNECTED:
            return f"SocketChannel(remote={self._remote_address!r})"
        return "SocketChannel(connection pending)" if self._connection else "SocketChannel(unconnected)"


def _family_of(address: object) -> ProtocolFamily:
    if isinstance(address, (str, bytes, os.PathLike)):
        return ProtocolFamily.UNIX
    if isinstance(address, tuple) and address and ":" in str(address[0]):
        return ProtocolFamily.INET6
    return ProtocolFamily.INET
