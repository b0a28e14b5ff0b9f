"""Socket options, and what every channel with a network address has."""

from __future__ import annotations

import io
import os
from typing import Any, ClassVar, Final, Self

from nio._numbers import check_int, check_range
from nio.channels._selectable_channel import SelectableChannel
from nio.errors import AlreadyBoundError
from nio.spi import OPTIONS, OPTIONS6, Address, OptionSpec, ProtocolFamily, SelectorProvider, Socket


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


def supported(*names: str) -> frozenset[str]:
    """Those of ``names`` that this system has."""
    return frozenset(names) & frozenset(OPTIONS)


KEEP_ALIVE_OPTIONS = ("TCP_KEEPCOUNT", "TCP_KEEPIDLE", "TCP_KEEPINTERVAL", "TCP_QUICKACK")


def check_family(family: object) -> None:
    """Refuse what is no ``ProtocolFamily``."""
    if not isinstance(family, ProtocolFamily):
        raise TypeError(f"a family is a ProtocolFamily, not {family!r}")


class NetworkChannel(SelectableChannel):
    """A selectable channel over a socket: an address of its own, and options."""

    __slots__ = ("_bound", "_family", "_sock")

    _options: ClassVar[frozenset[str]] = frozenset()
    _unix_options: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, provider: SelectorProvider, sock: Socket, family: ProtocolFamily) -> None:
        super().__init__(provider, sock)
        self._sock = sock
        self._family = family
        self._bound = False

    @property
    def socket(self) -> Any:
        """The socket underneath, for what nio has no word for; closing it is the channel's affair.

        It is the provider's: over the operating system a ``socket.socket``.
        """
        return self._sock

    @property
    def supported_options(self) -> frozenset[str]:
        """The options this channel has, on this system."""
        return self._unix_options if self._family is ProtocolFamily.UNIX else self._options

    @property
    def local_address(self) -> Address | None:
        """The local address, ``(host, port)`` or a path; None while unbound. ClosedChannelError once closed."""
        with self._state_lock:
            self._ensure_open()
            if not self._bound:
                return None
            return self._sock.getsockname()

    def get_option(self, option: str) -> bool | int:
        """The option's value as the kernel has it (Linux doubles buffer sizes).

        Raises io.UnsupportedOperation for an option this kind of channel does not have, ClosedChannelError.
        """
        with self._state_lock:
            self._check_option(option)
            return self._provider.get_option(self._sock, self._spec(option))

    def set_option(self, option: str, value: bool | int | str) -> Self:
        """Set an option: True or False, or an int from 0 up; ``SO_LINGER`` takes seconds, -1 is off.

        Raises io.UnsupportedOperation for an option this kind of channel does not have, ClosedChannelError, TypeError
        and IllegalArgumentError for a value that is not the option's.
        """
        with self._state_lock:
            self._check_option(option)
            spec = self._spec(option)
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
        self._sock.bind(self._provider.check_address(self._family, address))


def _checked(option: str, spec: OptionSpec, value: object) -> bool | int:
    if spec.kind == "bool":
        if not isinstance(value, bool):
            raise TypeError(f"{option} must be True or False, not {value!r}")
        return value
    number = check_int(option, value)
    if spec.kind == "linger" and number < 0:
        return number
    return check_range(option, number, spec.high)
