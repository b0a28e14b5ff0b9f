"""Socket options by name: where the kernel keeps them and what a value may be.

A constant that this system lacks leaves its row out, and the option is then unsupported on every channel. Some options
of IPv4 have another name for the packets of IPv6: ``OPTIONS6`` has the options of a channel of that family. A socket of
IPv6 has peers of IPv4 too, under mapped addresses; where the kernel allows it, setting an option sets it for both.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterable
from typing import NamedTuple


class OptionSpec(NamedTuple):
    """``level`` and ``number`` of getsockopt(2); ``kind`` is bool, int (0 to ``high``) or linger (-1 is off).

    ``mapped`` is the option that says the same for the peers of IPv4 that a socket of IPv6 has.
    """

    level: int
    number: int
    kind: str
    high: int = 2**31 - 1
    mapped: OptionSpec | None = None


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
    ("IP_TOS", "IPPROTO_IPV6", "IPV6_TCLASS", "int", 255),
    ("IP_MULTICAST_IF", "IPPROTO_IPV6", "IPV6_MULTICAST_IF", "int"),
    ("IP_MULTICAST_TTL", "IPPROTO_IPV6", "IPV6_MULTICAST_HOPS", "int", 255),
    ("IP_MULTICAST_LOOP", "IPPROTO_IPV6", "IPV6_MULTICAST_LOOP", "bool"),
)


def _specs(table: Iterable[tuple[str, str, str, str] | tuple[str, str, str, str, int]]) -> dict[str, OptionSpec]:
    specs = {}
    for name, level, number, *kind_and_high in table:
        if hasattr(socket, number):
            specs[name] = OptionSpec(getattr(socket, level), getattr(socket, number), *kind_and_high)
    return specs


OPTIONS = _specs(_TABLE)
_HAS_BOTH = sys.platform == "linux"  # a socket of IPv6 has the option of IPv4 as well
OPTIONS6 = OPTIONS | {
    name: spec._replace(mapped=OPTIONS[name] if _HAS_BOTH else None) for name, spec in _specs(_TABLE6).items()
}
