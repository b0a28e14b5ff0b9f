"""Peers: how many connections each peer has, for a limit per peer.

An IPv4 address is one peer, also when it is written as IPv6 (``::ffff:192.0.2.1``). All IPv6 addresses with the same
first 64 bits are one peer, because one customer usually gets a network of that size. A link-local address (``fe80::``)
is a peer by itself, because the whole link shares those 64 bits. Clients on a Unix-domain socket are not counted.
"""

from __future__ import annotations

from nio.channels import SelectableChannel, SocketChannel


class Peers:
    """The connections that are counted; for the reactor's thread."""

    __slots__ = ("_counts", "_networks")

    def __init__(self) -> None:
        self._networks: dict[SelectableChannel, str | int] = {}
        self._counts: dict[str | int, int] = {}  # how many there are of each network

    def enter(self, channel: SocketChannel, most: int) -> bool:
        """Count the connection for its peer; False when that has ``most`` already."""
        network = network_of(channel.remote_address)
        if network is None:
            return True
        count = self._counts.get(network, 0)
        if count >= most:
            return False
        self._counts[network] = count + 1  # nothing is called between this and the next
        self._networks[channel] = network
        return True

    def leave(self, channel: SelectableChannel) -> None:
        """The connection is at its end, whether it was counted or not; again is nothing."""
        network = self._networks.get(channel)
        if network is not None:
            left = self._counts[network] - 1
            self._counts[network] = left
            del self._networks[channel]
            if not left:
                del self._counts[network]


def network_of(peer: object) -> str | int | None:
    """What all addresses of that peer have in common; None for one that no limit is for."""
    if not isinstance(peer, tuple):
        return None
    host = str(peer[0])
    if ":" not in host:
        return host
    from ipaddress import IPv6Address  # for a limit per peer, where there is IPv6

    address = IPv6Address(host)
    if address.is_link_local:
        return host
    return str(address.ipv4_mapped) if address.ipv4_mapped else int(address) >> 64
