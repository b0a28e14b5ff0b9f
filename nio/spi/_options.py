"""Socket options by name: where the kernel keeps them and what a value may be.

A constant that this system lacks leaves its row out, and the option is then unsupported on every channel.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OptionSpec:
    """``level`` and ``number`` of getsockopt(2); ``kind`` is bool, int (not negative) or linger (-1 is off)."""

    level: int
    number: int
    kind: str


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
    ("IP_TOS", "IPPROTO_IP", "IP_TOS", "int"),
)

OPTIONS: dict[str, OptionSpec] = {
    name: OptionSpec(getattr(socket, level), getattr(socket, number), kind)
    for name, level, number, kind in _TABLE
    if hasattr(socket, number)
}
