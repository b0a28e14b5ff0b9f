"""Socket options, and what every channel with a network address has."""

from __future__ import annotations

import errno
import io
import os
from typing import Any, ClassVar, Final, Self, cast

from nio._numbers import check_int, check_range
from nio.channels._opened import NOT_CALLED, not_called
from nio.channels._selectable_channel import SelectableChannel
from nio.errors import AlreadyBoundError, IllegalArgumentError
from nio.spi import OPTIONS, OPTIONS6, Address, Inherited, OptionSpec, ProtocolFamily, SelectorProvider, Socket

_OF_A_PATH = {
    True: "a server has it",
    False: "the file of a server that has ended; bind(path, replace_stale=True) of a ServerSocketChannel replaces it",
    None: "there is a file of that name",
}


class StandardSocketOptions:
    """The names of the options; ``supported_options`` tells which of them a channel has."""

    SO_SNDBUF: Final = "SO_SNDBUF"
    SO_RCVBUF: Final = "SO_RCVBUF"
    SO_KEEPALIVE: Final = "SO_KEEPALIVE"
    SO_REUSEADDR: Final = "SO_REUSEADDR"
    SO_REUSEPORT: Final = "SO_REUSEPORT"
    SO_OOBINLINE: Final = "SO_OOBINLINE"
    SO_LINGER: Final = "SO_LINGER"
    TCP_NODELAY: Final = "TCP_NODELAY"
    TCP_KEEPCOUNT: Final = "TCP_KEEPCOUNT"
    TCP_KEEPIDLE: Final = "TCP_KEEPIDLE"
    TCP_KEEPINTERVAL: Final = "TCP_KEEPINTERVAL"
    TCP_QUICKACK: Final = "TCP_QUICKACK"
    IP_TOS: Final = "IP_TOS"
    SO_BROADCAST: Final = "SO_BROADCAST"
    IP_MULTICAST_IF: Final = "IP_MULTICAST_IF"
    IP_MULTICAST_TTL: Final = "IP_MULTICAST_TTL"
    IP_MULTICAST_LOOP: Final = "IP_MULTICAST_LOOP"
    IPV6_V6ONLY: Final = "IPV6_V6ONLY"


def supported(*names: str) -> frozenset[str]:
    """Those of ``names`` that this system has."""
    return frozenset(names) & frozenset(OPTIONS)


_INET6_OPTIONS = frozenset({"IPV6_V6ONLY"}) & frozenset(OPTIONS6)
KEEP_ALIVE_OPTIONS = ("TCP_KEEPCOUNT", "TCP_KEEPIDLE", "TCP_KEEPINTERVAL", "TCP_QUICKACK")


def named(error: OSError, address: Address, provider: SelectorProvider) -> OSError:
    """The same error, with the address it is about, and for the file of a Unix-domain socket whether it is in use."""
    words = f"{error.strerror}: {address!r}"
    if error.errno == errno.EADDRINUSE and isinstance(address, str):
        words += f" ({_OF_A_PATH[provider.is_served(address)]})"
    return OSError(error.errno, words)


def check_family(family: object) -> None:
    """Refuse what is no ``ProtocolFamily``."""
    if not isinstance(family, ProtocolFamily):
        advice = "; bind() and connect() take an address" if isinstance(family, tuple) else ""
        raise TypeError(f"a family is a ProtocolFamily, not {family!r}{advice}")


class NetworkChannel(SelectableChannel):
    """A selectable channel over a socket: an address of its own, and options."""

    __slots__ = ("_bound", "_family", "_is_strange")

    _sock: Socket = cast("Any", SelectableChannel)._end  # by this name, in one slot
    _options: ClassVar[frozenset[str]] = frozenset()
    _unix_options: ClassVar[frozenset[str]] = frozenset()
    _binds_to_any_path: ClassVar[bool] = False

    def __init__(
        self,
        provider: SelectorProvider = NOT_CALLED,
        sock: Socket = NOT_CALLED,
        family: ProtocolFamily = NOT_CALLED,
    ) -> None:
        if family is NOT_CALLED:
            raise not_called(type(self), "open() of ServerSocketChannel, SocketChannel or DatagramChannel")
        super().__init__(provider, sock)
        self._family = family
        self._bound = False
        self._is_strange = False  # somebody may have set SO_LINGER: nobody else than who sets it asks for it

    @property
    def socket(self) -> Any:
        """The socket underneath, for what nio has no word for; do not close it, close the channel.

        It is the provider's: over the operating system a ``socket.socket``.
        """
        self._is_strange = True
        return self._provider.shown_socket(self._sock)

    def detach(self) -> Any:
        """Give the socket to whoever calls, open and in blocking mode; the channel is closed, the connection is not.

        Its keys are cancelled, and no selector's kernel knows the descriptor any more: at once in the thread that
        selects, from another thread after waking that one and waiting for it. A thread that sleeps in the channel gets
        AsynchronousCloseError. An addition to java.nio.

        Raises ClosedChannelError once closed, IllegalStateError in a signal handler that interrupted a selection.
        """
        sock = self._sock
        self._give_away()
        return self._provider.release_socket(sock)

    @property
    def supported_options(self) -> frozenset[str]:
        """The options this channel has, on this system."""
        if self._family is ProtocolFamily.UNIX:
            return self._unix_options
        return self._options | _INET6_OPTIONS if self._family is ProtocolFamily.INET6 else self._options

    @property
    def local_address(self) -> Address | None:
        """The local address, ``(host, port)`` or a path; None while unbound. ClosedChannelError once closed.

        An address of IPv6 has flow label and scope after the port. One of IPv4 is told as ``("127.0.0.1", port)``, on
        channels of IPv6 too. A Unix-domain channel without a name has ``""``.
        """
        with self._state_lock:
            self._ensure_open()
            if not self._bound:
                return None
            return self._provider.told_address(self._sock.getsockname())

    @property
    def port(self) -> int | None:
        """The local port: an addition to java.nio; None while unbound and in the Unix domain.

        ClosedChannelError once closed.
        """
        address = self.local_address
        return address[1] if isinstance(address, tuple) else None

    def get_option(self, option: str) -> bool | int:
        """The option's value as the kernel has it (Linux doubles buffer sizes).

        Raises io.UnsupportedOperation for an option this kind of channel does not have, ClosedChannelError.
        """
        with self._state_lock:
            self._check_option(option)
            return self._provider.get_option(self._sock, self._spec(option))

    def set_option(self, option: str, value: bool | int | str) -> Self:
        """Set an option: True or False, or an int from 0 up; ``SO_LINGER`` takes seconds, -1 is off.

        ``IPV6_V6ONLY``, an addition to java.nio, keeps peers of IPv4 from a channel of the family INET6, and their port
        free for another channel; it is set before ``bind()``.

        Raises io.UnsupportedOperation for an option this kind of channel does not have, ClosedChannelError, TypeError
        and IllegalArgumentError for a value that is not the option's, AlreadyBoundError for ``IPV6_V6ONLY`` too late.
        """
        with self._state_lock:
            self._check_option(option)
            if option in _INET6_OPTIONS and self._bound:
                raise AlreadyBoundError(f"{option} is set before bind(), and {self!r} is bound")
            spec = self._spec(option)
            self._is_strange = self._is_strange or spec.kind == "linger"
            self._provider.set_option(self._sock, spec, _checked(option, spec, value))
        return self

    def _spec(self, option: str) -> OptionSpec:
        return (OPTIONS6 if self._family is ProtocolFamily.INET6 else OPTIONS)[option]

    def _check_option(self, option: str) -> None:
        if not isinstance(option, str):
            raise TypeError(f"an option is a name of StandardSocketOptions, not {option!r}")
        if option not in self.supported_options:
            names = ", ".join(sorted(self.supported_options))
            raise io.UnsupportedOperation(f"{option!r} is not an option of {type(self).__name__}; it has: {names}")
        self._ensure_open()

    def _bind(self, address: Address | os.PathLike[str] | None) -> None:
        if self._bound:
            raise AlreadyBoundError(f"{self!r} is bound already")
        if address is None:
            address = "" if self._family is ProtocolFamily.UNIX else ("", 0)
        checked = self._provider.check_address(self._family, address)
        if checked == "" and not self._binds_to_any_path:
            return  # without a name, as in the JDK; Linux would choose one
        told = self._provider.told_address(checked)
        if self._family is ProtocolFamily.INET6 and told[0] == "0.0.0.0" and not self.get_option("IPV6_V6ONLY"):
            checked = ("", cast("int", told[1]))  # the JDK, too, takes any address of IPv4 for any address
        try:
            self._sock.bind(checked)
        except OSError as error:
            raise named(error, told, self._provider) from None


def _checked(option: str, spec: OptionSpec, value: object) -> bool | int:
    if spec.kind == "bool":
        if not isinstance(value, bool):
            raise TypeError(f"{option} must be True or False, not {value!r}")
        return value
    number = check_int(option, value)
    if spec.kind == "linger" and number < 0:
        return number
    return check_range(option, number, spec.high)


def adopted(provider: SelectorProvider, sock: object, kind: str) -> Inherited:
    """The socket and what it is; IllegalArgumentError if it is not for a channel of that ``kind``."""
    found = provider.adopt_socket(sock)
    fits = "DatagramChannel" if found.is_datagram else "ServerSocketChannel" if found.is_listening else "SocketChannel"
    if fits == kind:
        return found
    provider.release_socket(found.socket)
    if kind == "ServerSocketChannel" and fits == "SocketChannel":
        raise IllegalArgumentError("the socket does not listen: call its listen() first, or SocketChannel.adopt")
    raise IllegalArgumentError(f"the socket is for {fits}.adopt")


def peer_of(sock: Socket) -> Address | None:
    """The peer's address; None when there is no peer, or when it has reset the connection already."""
    try:
        return sock.getpeername()
    except OSError:
        return None


def is_named(sock: Socket) -> bool:
    """The socket has a local address."""
    name = sock.getsockname()
    return name[1] != 0 if isinstance(name, tuple) else len(name) > 0
