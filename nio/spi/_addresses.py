"""Addresses: families by the system's numbers, and what the kernel takes without asking a resolver."""

from __future__ import annotations

import errno
import os
import socket
import sys

from nio._numbers import check_range
from nio.errors import UnresolvedAddressError, UnsupportedAddressTypeError
from nio.spi._base import Address, ProtocolFamily

FAMILIES = {
    ProtocolFamily.INET: socket.AF_INET,
    ProtocolFamily.INET6: socket.AF_INET6,
    ProtocolFamily.UNIX: socket.AF_UNIX,
}

_PATH_ROOM = 108 if sys.platform == "linux" else 104  # bytes; a NUL ends the path, but for an abstract name


class AddressDoor:
    """The part of a provider that looks at addresses."""

    def check_address(self, family: ProtocolFamily, address: object) -> Address:
        """The address as the kernel takes it; refuses one of another family or one that would need the resolver."""
        return _path(address) if family is ProtocolFamily.UNIX else _host_and_port(family, address)


def _path(address: object) -> str:
    if not isinstance(address, (str, bytes, os.PathLike)):
        raise UnsupportedAddressTypeError(f"a Unix-domain channel takes a path, not {address!r}")
    path = os.fsdecode(address)
    if "\0" in path and not path.startswith("\0"):
        raise UnsupportedAddressTypeError(f"a path ends where its NUL stands: {path!r}")
    length, most = len(os.fsencode(path)), _PATH_ROOM - (not path.startswith("\0"))
    if length > most:
        raise OSError(errno.ENAMETOOLONG, f"{length} bytes are too long for a path here, {most} the most: {path!r}")
    return path


def _host_and_port(family: ProtocolFamily, address: object) -> Address:
    lengths = (2, 4) if family is ProtocolFamily.INET6 else (2,)
    if not (isinstance(address, tuple) and len(address) in lengths and isinstance(address[0], str)):
        raise UnsupportedAddressTypeError(f"an {family.name} channel takes (host, port), not {address!r}")
    check_range("a port", address[1], 2**16 - 1, UnsupportedAddressTypeError)
    if len(address) == 4:
        check_range("a flow label", address[2], 2**20 - 1, UnsupportedAddressTypeError)
        check_range("a scope", address[3], 2**32 - 1, UnsupportedAddressTypeError)
    host = address[0]
    if host and not _is_numeric(FAMILIES[family], host):
        other = socket.AF_INET if family is ProtocolFamily.INET6 else socket.AF_INET6
        if _is_numeric(other, host):
            raise UnsupportedAddressTypeError(f"{host!r} is not an address of an {family.name} channel")
        raise UnresolvedAddressError(f"{host!r} is not a numeric address; resolve it first, the reactor never does")
    return address


def _is_numeric(family: int, host: str) -> bool:
    address, _, scope = host.partition("%") if family == socket.AF_INET6 else (host, "", "")
    try:
        socket.inet_pton(family, address)
        if scope and not scope.isdigit():
            socket.if_nametoindex(scope)
    except (OSError, ValueError):
        return False
    return True
