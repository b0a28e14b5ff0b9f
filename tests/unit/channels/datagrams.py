"""Datagram channels on the loopback, and what arrives at one."""

from __future__ import annotations

from nio.buffers import ByteBuffer
from nio.channels import DatagramChannel, NetworkChannel
from nio.spi import Address, ProtocolFamily, SelectorProvider
from tests.helpers import LOOPBACK, arrived

INET, INET6 = ProtocolFamily.INET, ProtocolFamily.INET6
LONGEST = 65_507  # bytes that IPv4 has room for in one datagram


def bound(provider: SelectorProvider | None = None) -> DatagramChannel:
    """A channel on a free port of the loopback, in non-blocking mode."""
    return DatagramChannel.open(provider=provider).bind(LOOPBACK).configure_blocking(False)


def address_of(channel: NetworkChannel) -> tuple[str, int]:
    address = channel.local_address
    assert isinstance(address, tuple)
    return address[0], address[1]


def received(channel: DatagramChannel, room: int = 64) -> tuple[bytes, Address | None]:
    """The next datagram, which is on its way, and its sender."""
    arrived(channel)
    buffer = ByteBuffer.allocate(room)
    sender = channel.receive(buffer)
    return bytes(buffer.flip()), sender
