"""Socket options by name: the kernel's numbers for them, and which values they take.

Where the system lacks a constant, the table lacks the row, and no channel supports the option. Some options of IPv4
have another number for packets of IPv6; channels of that family use ``OPTIONS6``. A socket of IPv6 can have peers of
IPv4, under mapped addresses. Where the kernel allows it, such an option is set for both.

``NO_SIGNAL`` is no option of a socket but of each ``send``: a stream whose peer is gone then raises BrokenPipeError and
nothing else. Without it the kernel also sends SIGPIPE, which Python ignores; a program that has set SIGPIPE to its
default ends of it. pipe(2) and sendfile(2) have no such option.

The numbers are read from the C part of ``socket``, which has them as plain ints, so that importing this loads no more.
"""

from __future__ import annotations

import _socket
import sys
from collections.abc import Iterable

from nio.spi._base import OptionSpec

_TABLE = (
    ("SO_SNDBUF", "SOL_SOCKET", "SO_SNDBUF", "int"),
    ("SO_RCVBUF", "SOL_SOCKET", "SO_RCVBUF", "int"),
    ("SO_KEEPALIVE", "SOL_SOCKET", "SO_KEEPALIVE", "bool"),
    ("SO_REUSEADDR", "SOL_SOCKET", "SO_REUSEADDR", "bool"),
    ("SO_REUSEPORT", "SOL_SOCKET", "SO_REUSEPORT", "bool"),
    ("SO_OOBINLINE", "SOL_SOCKET", "SO_OOBINLINE", "bool"),
    ("SO_LINGER", "SOL_SOCKET", "SO_LINGER", "linger"),
    ("TCP_NODELAY", "IPPROTO_TCP", "TCP_NODELAY", "bool"),
    ("TCP_KEEPCOUNT", "IPPROTO_TCP", "TCP_KEEPCNT", "int"),
    ("TCP_KEEPIDLE", "IPPROTO_TCP", "TCP_KEEPIDLE", "int"),
    ("TCP_KEEPINTERVAL", "IPPROTO_TCP", "TCP_KEEPINTVL", "int"),
    ("TCP_QUICKACK", "IPPROTO_TCP", "TCP_QUICKACK", "bool"),
    ("IP_TOS", "IPPROTO_IP", "IP_TOS", "int", 255),
    ("SO_BROADCAST", "SOL_SOCKET", "SO_BROADCAST", "bool"),
    ("IP_MULTICAST_IF", "IPPROTO_IP", "IP_MULTICAST_IF", "int"),
    ("IP_MULTICAST_TTL", "IPPROTO_IP", "IP_MULTICAST_TTL", "int", 255),
    ("IP_MULTICAST_LOOP", "IPPROTO_IP", "IP_MULTICAST_LOOP", "bool"),
)
_TABLE6 = (
    ("IPV6_V6ONLY", "IPPROTO_IPV6", "IPV6_V6ONLY", "bool"),
    ("IP_TOS", "IPPROTO_IPV6", "IPV6_TCLASS", "int", 255),
    ("IP_MULTICAST_IF", "IPPROTO_IPV6", "IPV6_MULTICAST_IF", "int"),
    ("IP_MULTICAST_TTL", "IPPROTO_IPV6", "IPV6_MULTICAST_HOPS", "int", 255),
    ("IP_MULTICAST_LOOP", "IPPROTO_IPV6", "IPV6_MULTICAST_LOOP", "bool"),
)


def _specs(table: Iterable[tuple[str, str, str, str] | tuple[str, str, str, str, int]]) -> dict[str, OptionSpec]:
    specs = {}
    for name, level, number, *kind_and_high in table:
        if hasattr(_socket, number):
            specs[name] = OptionSpec(getattr(_socket, level), getattr(_socket, number), *kind_and_high)
    return specs


NO_SIGNAL: int = getattr(_socket, "MSG_NOSIGNAL", 0)
OPTIONS = _specs(_TABLE)
_HAS_BOTH = sys.platform == "linux"  # a socket of IPv6 has the option of IPv4 as well
OPTIONS6 = OPTIONS | {
    name: spec.__replace__(mapped=OPTIONS.get(name) if _HAS_BOTH else None) for name, spec in _specs(_TABLE6).items()
}
