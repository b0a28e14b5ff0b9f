"""What datagram channels ask of the system beyond what streams do.

Python's ``socket`` lacks four things, so they are made here.

**Disconnecting** is connect(2) with an address of no family. ``socket`` cannot express that, so ctypes calls the C
library; it is loaded when a channel first disconnects. Linux then forgets a port that the kernel had chosen, so the
socket is bound again. An answer that is still on its way ("port unreachable") was for the connection and is dropped.

**Groups** are joined by the requests of RFC 3678: one form for IPv4 and IPv6, with and without a source, by interface
number. Their numbers, and how a socket address begins, differ between Linux and the BSDs.

**Groups of strangers.** When a socket is bound to any address, Linux gives it the datagrams of every group that *any*
socket of this machine has joined on that port. We switch that off as soon as the socket is open.

**Addresses of interfaces** come from netlink. Without netlink an interface is found by name or number only.

**Sending to groups of IPv4.** The kernel is told the interface by number *and* by its first address, as by the JDK.
Given the number alone, Linux takes the datagram's source address from any interface.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
import sys
from collections.abc import Iterator, Sequence
from typing import cast

from nio.errors import IllegalArgumentError, UnresolvedAddressError
from nio.spi._addresses import packed
from nio.spi._base import Address, ProtocolFamily

_LINUX = sys.platform == "linux"
_JOIN, _LEAVE, _JOIN_SOURCE, _LEAVE_SOURCE = (42, 45, 46, 47) if _LINUX else (80, 81, 82, 83)
_LEVELS: dict[int, int] = {socket.AF_INET: socket.IPPROTO_IP, socket.AF_INET6: socket.IPPROTO_IPV6}
_INTERFACE4 = (socket.IPPROTO_IP, socket.IP_MULTICAST_IF)
_INTERFACE6 = (socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF)
# Linux lets a socket of IPv6 say it for groups of IPv4, too.
_MULTICAST_INTERFACE: dict[int, tuple[tuple[int, int], ...]] = {
    socket.AF_INET: (_INTERFACE4,),
    socket.AF_INET6: (_INTERFACE6, _INTERFACE4) if _LINUX else (_INTERFACE6,),
}
# IP_MULTICAST_ALL and IPV6_MULTICAST_ALL; no other system has them.
_GROUPS_OF_STRANGERS = {socket.AF_INET: 49, socket.AF_INET6: 29} if _LINUX else {}
_NO_SUCH_FAMILY = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)  # what the BSDs say once they have disconnected

_NEW_ADDRESS, _GET_ADDRESS, _DUMP = 20, 22, 0x301
_ANY_ADDRESS, _OWN_ADDRESS = 1, 2  # attributes; the second is there where a link has two ends


class DatagramDoor:
    """The part of a provider that only datagram channels use."""

    def receive(self, sock: socket.socket, targets: Sequence[memoryview]) -> tuple[int, Address, bool]:
        count, _, flags, address = sock.recvmsg_into(targets)
        return count, address, flags & socket.MSG_TRUNC != 0

    def exact_address(self, sock: socket.socket, address: Address) -> Address:
        """A numeric address as the kernel would tell it, so that two ways to write one compare equal."""
        host, port = cast("tuple[str, int]", address[:2])
        flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV | socket.AI_PASSIVE
        found = cast("Address", socket.getaddrinfo(host or None, port, sock.family, sock.type, 0, flags)[0][4])
        return cast("Address", (*found[:2], *address[2:])) if len(address) == 4 else found

    def disconnect(self, sock: socket.socket, local: Address) -> None:
        import ctypes

        libc = ctypes.CDLL(None, use_errno=True)
        if libc.connect(sock.fileno(), bytes(16), 16) < 0 and (code := ctypes.get_errno()) not in _NO_SUCH_FAMILY:
            raise OSError(code, os.strerror(code))
        sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if sock.getsockname()[1] == 0:
            sock.bind(local)

    def find_interface(self, interface: object) -> tuple[int, str]:
        if isinstance(interface, bool) or not isinstance(interface, (str, int)):
            raise TypeError(f"a network interface is a name, a number or an address, not {interface!r}")
        interfaces = socket.if_nameindex()
        wanted = packed(interface) if isinstance(interface, str) else None
        owner = wanted and next((index for index, address in _addresses() if address == wanted[1]), None)
        for index, name in interfaces:
            if interface in (index, name) or index == owner:
                return index, name
        here = ", ".join(f"{name} ({index})" for index, name in interfaces)
        raise IllegalArgumentError(f"no network interface {interface!r} here; there are: {here}")

    def set_multicast_interface(self, sock: socket.socket, index: int) -> None:
        of_ipv4 = (address for owner, address in _addresses() if owner == index and len(address) == 4)
        source = next(of_ipv4, bytes(4))
        for level, option in _MULTICAST_INTERFACE[sock.family]:
            way = struct.pack("=i", index)
            sock.setsockopt(level, option, bytes(4) + source + way if level == socket.IPPROTO_IP else way)

    def check_group(self, family: ProtocolFamily, group: object, source: object | None) -> tuple[str, str | None]:
        kind, host = _numeric(group)
        if not _is_multicast(host):
            raise IllegalArgumentError(f"{group!r} is not a multicast address")
        if family is ProtocolFamily.INET and kind != socket.AF_INET:
            raise IllegalArgumentError(f"an IPv4 channel cannot join the IPv6 group {group!r}")
        shown = socket.inet_ntop(kind, host)
        if source is None:
            return shown, None
        source_kind, source_host = _numeric(source)
        if source_kind != kind:
            raise IllegalArgumentError(f"the source {source!r} is not of the family of the group {group!r}")
        if _is_multicast(source_host) or not any(source_host):
            raise IllegalArgumentError(f"nobody sends from {source!r}: a source is the address of one host")
        return shown, socket.inet_ntop(kind, source_host)

    def join_group(self, sock: socket.socket, index: int, group: str, source: str | None) -> None:
        _membership(sock, _JOIN if source is None else _JOIN_SOURCE, index, group, source)

    def leave_group(self, sock: socket.socket, index: int, group: str, source: str | None) -> None:
        _membership(sock, _LEAVE if source is None else _LEAVE_SOURCE, index, group, source)


def ignore_groups_of_strangers(sock: socket.socket) -> None:
    """Let the socket hear only the groups that it joins itself, where the kernel does otherwise."""
    option = _GROUPS_OF_STRANGERS.get(sock.family)
    if option is not None:
        try:
            sock.setsockopt(_LEVELS[sock.family], option, 0)
        except OSError as error:
            if error.errno != errno.ENOPROTOOPT:  # a kernel from before the option
                raise


def _membership(sock: socket.socket, request: int, index: int, group: str, source: str | None) -> None:
    members = (group,) if source is None else (group, source)
    storage = b"".join(_socket_address(*_numeric(member)).ljust(128, b"\0") for member in members)
    sock.setsockopt(_LEVELS[_numeric(group)[0]], request, struct.pack("@I0P", index) + storage)


def _socket_address(family: int, host: bytes) -> bytes:
    size, start = (16, 4) if family == socket.AF_INET else (28, 8)
    head = struct.pack("=H", family) if _LINUX else bytes((size, family))
    return (head.ljust(start, b"\0") + host).ljust(size, b"\0")


def _numeric(address: object) -> tuple[int, bytes]:
    if not isinstance(address, str):
        raise TypeError(f"a group or source is a numeric address in a str, not {address!r}")
    found = packed(address)
    if found is None:
        raise UnresolvedAddressError(f"{address!r} is not a numeric address; resolve it first")
    return found


def _is_multicast(host: bytes) -> bool:
    return host[0] >> 4 == 14 if len(host) == 4 else host[0] == 255


def _addresses() -> Iterator[tuple[int, bytes]]:
    """The addresses of this machine, each with the number of its interface."""
    if not hasattr(socket, "AF_NETLINK"):
        return
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as sock:
        sock.send(struct.pack("=IHHII8x", 24, _GET_ADDRESS, _DUMP, 1, 0))
        kind = _NEW_ADDRESS
        while kind == _NEW_ADDRESS:
            messages = sock.recv(65536)
            for kind, body in _records("=IH", messages, 16):
                if kind == _NEW_ADDRESS:
                    found = dict(_records("=HH", body[8:], 4))
                    yield struct.unpack_from("=I", body, 4)[0], found.get(_OWN_ADDRESS) or found.get(_ANY_ADDRESS, b"")


def _records(head: str, data: bytes, header: int) -> Iterator[tuple[int, bytes]]:
    """Netlink's messages and the attributes in them: length, kind, content, rounded up to four bytes."""
    while data:
        length, kind = struct.unpack_from(head, data)
        yield kind, data[header:length]
        data = data[length + 3 & ~3 :]
