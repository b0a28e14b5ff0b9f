"""ServerSocketChannel: a listening socket."""

from __future__ import annotations

import errno
import os
from typing import Any, Self

from nio._numbers import check_int
from nio.channels._interruptible_channel import chosen
from nio.channels._opened import NOT_CALLED
from nio.channels._options import KEEP_ALIVE_OPTIONS, NetworkChannel, adopted, check_family, named, supported
from nio.channels._per_kernel import shared_by_fork
from nio.channels._selection_key import OP_ACCEPT
from nio.channels._socket_channel import SocketChannel
from nio.errors import AsynchronousCloseError, IllegalArgumentError, NotYetBoundError
from nio.spi import INVALID, READABLE, Address, Lock, ProtocolFamily, SelectorProvider, Socket

_LONGEST_BACKLOG = 2**31 - 1  # what listen(2) can be told
_USUAL_BACKLOG = 1024
_INET = ProtocolFamily.INET


class ServerSocketChannel(NetworkChannel):
    """Listens for connections; ``SO_REUSEADDR`` is set from the start, so a server restarts on its port at once.

    ``close()`` frees the port at once, also while the channel is registered, unless another thread selects just then:
    then the end of that selection, or the next one, frees it. The JDK frees it at the next selection always.
    """

    __slots__ = ("_accepted_lock", "_last_host")

    _valid_ops = OP_ACCEPT
    _is_dropped_late = False
    _is_freed_early = True
    _options = supported("SO_RCVBUF", "SO_REUSEADDR", "SO_REUSEPORT", *KEEP_ALIVE_OPTIONS)
    _unix_options = supported("SO_RCVBUF")
    _binds_to_any_path = True

    def __init__(
        self,
        provider: SelectorProvider = NOT_CALLED,
        sock: Socket = NOT_CALLED,
        family: ProtocolFamily = NOT_CALLED,
    ) -> None:
        super().__init__(provider, sock, family)
        self._last_host = ""  # of the peer that came last: many of the same share one string
        self._accepted_lock: Lock | None = None  # the state lock of all that is accepted in non-blocking mode

    @classmethod
    def open(
        cls, family: ProtocolFamily = ProtocolFamily.INET, *, provider: SelectorProvider | None = None
    ) -> ServerSocketChannel:
        """A channel that is not bound yet."""
        check_family(family)
        provider = chosen(provider)
        channel = cls(provider, provider.open_socket(family), family)
        if family is not ProtocolFamily.UNIX:
            channel.set_option("SO_REUSEADDR", True)
        return channel

    @classmethod
    def adopt(cls, sock: object, *, provider: SelectorProvider | None = None) -> ServerSocketChannel:
        """A channel in blocking mode over a socket of Python's, which is the channel's from now on.

        It listens already. ``close()`` closes it, ``detach()`` gives it back. An addition to java.nio.

        Raises TypeError for what is no ``socket.socket``, IllegalArgumentError for a socket of another kind,
        io.UnsupportedOperation for a family that has no channel, OSError with ``EBADF`` for a closed one.
        """
        provider = chosen(provider)
        found = adopted(provider, sock, "ServerSocketChannel")
        return cls._of_listening(provider, found.socket, found.family)

    @classmethod
    def _of_listening(cls, provider: SelectorProvider, sock: Socket, family: ProtocolFamily) -> ServerSocketChannel:
        channel = cls(provider, sock, family)
        channel._bound = channel._is_strange = True
        return channel

    def bind(
        self, address: Address | os.PathLike[str] | None = None, backlog: int = 0, *, replace_stale: bool = False
    ) -> Self:
        """Bind and listen: ``(host, port)``, a path for Unix-domain, None for any address and a free port.

        In the Unix domain None and ``""`` are a free abstract name; only Linux has those. A path leaves its file. With
        ``replace_stale``, an addition to java.nio, the file of a server that has ended is removed first; that of a
        living one, and a file that is no socket, never is. It means nothing for ports.

        ``backlog`` is how many connections may wait for ``accept()``; below 1 it is 1024, or the kernel's limit if that
        is less. Raises AlreadyBoundError, ClosedChannelError, UnresolvedAddressError, UnsupportedAddressTypeError, and
        OSError with ``EADDRINUSE`` or ``EACCES``.
        """
        backlog = check_int("backlog", backlog)
        if backlog > _LONGEST_BACKLOG:
            raise IllegalArgumentError(f"backlog must be at most {_LONGEST_BACKLOG}, not {backlog}")
        if not isinstance(replace_stale, bool):
            raise TypeError(f"replace_stale must be True or False, not {replace_stale!r}")
        with self._read_lock, self._write_lock, self._state_lock:
            self._ensure_open()
            try:
                self._bind(address)
            except OSError as error:
                if not replace_stale or error.errno != errno.EADDRINUSE or not self._remove_stale(address):
                    raise
                self._bind(address)
            try:
                self._sock.listen(backlog if backlog >= 1 else min(_USUAL_BACKLOG, self._provider.max_backlog()))
            except OSError as error:  # another socket of this address, bound before, listens already
                raise named(error, self._provider.told_address(self._sock.getsockname()), self._provider) from None
            self._bound = True
        return self

    def _remove_stale(self, address: object) -> bool:
        path = self._provider.check_address(self._family, address)
        return isinstance(path, str) and self._provider.remove_stale(path)

    def accept(self, *, blocking: bool = True) -> SocketChannel | None:
        """The next connection, itself in blocking mode or not; None in non-blocking mode when none waits.

        Raises NotYetBoundError, ClosedChannelError, AsynchronousCloseError when another thread closes the channel
        meanwhile, and what the kernel says about this connection (ConnectionAbortedError) or this process (OSError with
        ``EMFILE``).
        """
        if blocking is not True and blocking is not False:
            raise TypeError(f"blocking must be True or False, not {blocking!r}")
        with self._reading or self._read_lock:
            return self._accept(blocking)

    def _accept(self, blocking: bool) -> SocketChannel | None:
        """The same without the lock, for an action of a selector that has the channel: it keeps the descriptor open."""
        address: Any
        provider, family, lock = self._provider, self._family, None
        if not self._open or not self._bound:
            self._refuse_to_accept()
        if not blocking and (lock := self._accepted_lock) is None:
            shared_by_fork(provider).add(self)
            lock = self._accepted_lock = provider.rlock()
        try:
            sock, address = provider.accept(self._sock)
        except OSError as error:
            accepted = self._accept_later(error)
            if accepted is None:
                return None
            sock, address = accepted
        if family is not _INET:  # whose peers have one form only
            address = provider.told_address(address)
        elif address[0] == (host := self._last_host):  # which another thread may change: it is read once
            address = host, address[1]  # behind a proxy, say, nearly all come from one
        else:
            self._last_host = address[0]
        return SocketChannel._of_connected(provider, sock, family, address, self._is_strange, lock)

    def _refuse_to_accept(self) -> None:
        if not self._open and self._blocking:
            raise AsynchronousCloseError(f"{self!r}")
        self._ensure_open()
        raise NotYetBoundError(f"{self!r} is not bound")

    def _accept_later(self, error: OSError) -> tuple[Socket, Address] | None:
        """The first attempt has failed."""
        if not isinstance(error, BlockingIOError):
            self._ensure_not_closed_meanwhile()
            raise error
        if not self._blocking:
            return None
        self._sleep(self._fd, READABLE)
        return self._insist(READABLE, self._provider.accept, self._sock)

    def _forget(self) -> None:
        super()._forget()
        self._accepted_lock = None

    def _to_ops(self, mask: int, interest: int) -> int:
        return interest if mask != INVALID else 0  # there is one operation, and a fault makes it ready, too

    def __repr__(self) -> str:
        if not self._open:
            return "ServerSocketChannel(closed)"
        return f"ServerSocketChannel({self.local_address if self._bound else 'unbound'})"
