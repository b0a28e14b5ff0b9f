"""Addresses: families by the system's numbers, and what the kernel takes without asking a resolver.

**IPv4 inside IPv6.** A socket of IPv6 has peers of IPv4 too, and its kernel spells their addresses
``::ffff:127.0.0.1``. Like the JDK we take that for another spelling of ``127.0.0.1``: a channel of either family is
given both, the kernel is handed the one that its socket takes, and users are told ``("127.0.0.1", port)``.

**Unix domain.** Users are told paths as ``str``, whatever type they gave. The kernel tells abstract names as bytes.
"""

from __future__ import annotations

import errno
import os
import socket
import stat
import sys
from typing import cast

from nio._numbers import check_range
from nio.errors import UnresolvedAddressError, UnsupportedAddressTypeError
from nio.spi._base import Address, ProtocolFamily

FAMILIES = {
    ProtocolFamily.INET: socket.AF_INET,
    ProtocolFamily.INET6: socket.AF_INET6,
}
if hasattr(socket, "AF_UNIX"):  # a browser's Python has none
    FAMILIES[ProtocolFamily.UNIX] = socket.AF_UNIX

_PATH_ROOM = 108 if sys.platform == "linux" else 104  # bytes; a NUL ends the path, but for an abstract name
_MAPPED = "::ffff:"
_MAPPED_BYTES = socket.inet_pton(socket.AF_INET6, _MAPPED + "0.0.0.0")[:12]


_SERVED = {0: True, errno.EPROTOTYPE: True, errno.ECONNREFUSED: False}


class AddressDoor:
    """The part of a provider that looks at addresses."""

    def check_address(self, family: ProtocolFamily, address: object) -> Address:
        """The address as the kernel takes it; refuses one of another family or one that would need the resolver."""
        if address is None:
            raise TypeError(f"an address is {'a path' if family is ProtocolFamily.UNIX else '(host, port)'}, not None")
        return _path(address) if family is ProtocolFamily.UNIX else _host_and_port(family, address)

    def told_address(self, address: Address) -> Address:
        """The address as users are told it: a path as ``str``, and of IPv4 what is IPv4."""
        if isinstance(address, bytes):
            return os.fsdecode(address)
        host = address[0] if type(address) is tuple else ""
        if host.startswith(_MAPPED) and "." in host:
            return host.removeprefix(_MAPPED), cast("int", address[1])
        return address

    def is_served(self, path: str) -> bool | None:
        """Asked with a datagram socket: that connects to nobody, and tells a server that does not listen yet, too."""
        if _socket_file(path) is None:
            return None
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as probe:
            return _SERVED.get(probe.connect_ex(path))

    def remove_stale(self, path: str) -> bool:
        """Looks a second time before it removes, in case a server has put its file there meanwhile."""
        found = _socket_file(path)
        if found is None or self.is_served(path) is not False or _socket_file(path) != found:
            return False
        os.unlink(path)
        return True

    def resolve(self, host: str, port: int) -> list[tuple[ProtocolFamily, Address]]:
        """Ask the system's resolver, which may wait for a name server."""
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except socket.gaierror as error:
            raise socket.gaierror(error.errno, f"{error.strerror}: {host!r}") from None
        except UnicodeError:  # a label that is empty or longer than 63 characters
            raise OSError(errno.EINVAL, f"{host!r} is no host name") from None
        families = {number: family for family, number in FAMILIES.items()}
        return [(families[one[0]], cast("Address", one[4])) for one in found if one[0] in families]


def _socket_file(path: str) -> tuple[int, int] | None:
    """Which file it is; None unless it is that of a socket."""
    try:
        status = os.lstat(path)
    except (OSError, ValueError):  # none, or a name without a file
        return None
    return (status.st_dev, status.st_ino) if stat.S_ISSOCK(status.st_mode) else None


def packed(host: str) -> tuple[int, bytes] | None:
    """The family and the bytes of a numeric address, IPv4 for both of its spellings; None for any other text."""
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            found = socket.inet_pton(family, host)
        except (OSError, ValueError):
            continue
        return (socket.AF_INET, found[12:]) if found[:12] == _MAPPED_BYTES else (family, found)
    return None


def _path(address: object) -> str:
    if not isinstance(address, (str, bytes, os.PathLike)):
        raise UnsupportedAddressTypeError(f"a Unix-domain channel takes a path, not {address!r}")
    path = os.fsdecode(address)
    if "\0" in path and not path.startswith("\0"):
        raise UnsupportedAddressTypeError(f"a path ends where its NUL stands: {path!r}")
    try:
        length, most = len(os.fsencode(path)), _PATH_ROOM - (not path.startswith("\0"))
    except UnicodeEncodeError as error:
        raise UnsupportedAddressTypeError(f"{path!r} is not a path: {error.reason}") from None
    if length > most:
        raise OSError(errno.ENAMETOOLONG, f"{length} bytes are too long for a path here, {most} the most: {path!r}")
    return path


def _host_and_port(family: ProtocolFamily, address: object) -> Address:
    lengths = (2, 4) if family is ProtocolFamily.INET6 else (2,)
    if not (isinstance(address, tuple) and len(address) in lengths and isinstance(address[0], str)):
        hint = "; open(ProtocolFamily.UNIX) takes a path" if isinstance(address, (str, bytes, os.PathLike)) else ""
        raise UnsupportedAddressTypeError(f"an {family.name} channel takes (host, port), not {address!r}{hint}")
    check_range("a port", address[1], 2**16 - 1, UnsupportedAddressTypeError)
    if len(address) == 4:
        check_range("a flow label", address[2], 2**20 - 1, UnsupportedAddressTypeError)
        check_range("a scope", address[3], 2**32 - 1, UnsupportedAddressTypeError)
    host = address[0]
    taken = _host(family, host) if host else host
    return address if taken == host else cast("Address", (taken, *address[1:]))


def _host(family: ProtocolFamily, host: str) -> str:
    """A numeric host as a socket of the family takes it."""
    name, percent, scope = host.partition("%")
    found = packed(name)
    if found is None or (percent and not _is_scope(found[0], scope)):
        words = "resolve it first (socket.getaddrinfo does), nio never asks a resolver"
        raise UnresolvedAddressError(f"{host!r} is not a numeric address; {words}")
    if found[0] == socket.AF_INET:
        plain = socket.inet_ntop(*found)
        return _MAPPED + plain if family is ProtocolFamily.INET6 else plain
    if family is ProtocolFamily.INET:
        raise UnsupportedAddressTypeError(f"{host!r} is not an address of an INET channel; open(family=INET6) takes it")
    return host


def _is_scope(family: int, scope: str) -> bool:
    if family == socket.AF_INET:
        return False
    try:
        return int(scope) < 2**32 if scope.isascii() and scope.isdigit() else socket.if_nametoindex(scope) > 0
    except (OSError, ValueError):
        return False
