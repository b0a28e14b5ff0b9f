"""Whose connection it is, for a limit per peer.

An IPv4 address is a peer, also where IPv6 tells of it (``::ffff:192.0.2.1``). Of an IPv6 address the first 64 bits are
one: whoever is given a network of that size has as many addresses in it as he likes. An address that is valid on one
link only (``fe80::``) is a peer by itself, as the whole link shares those 64 bits. Who has no such address, as on a
socket of the Unix domain, is nobody in particular.
"""

from __future__ import annotations

from ipaddress import IPv6Address


def network_of(peer: object) -> str | int | None:
    """What all addresses of that peer have in common; None for one that no limit is for."""
    if not isinstance(peer, tuple):
        return None
    host = str(peer[0])
    if ":" not in host:
        return host
    address = IPv6Address(host)
    if address.is_link_local:
        return host
    return str(address.ipv4_mapped) if address.ipv4_mapped else int(address) >> 64
