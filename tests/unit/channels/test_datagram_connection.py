"""Datagram channels that are connected, scatter and gather, as the JDK has them; and IPv6."""

from __future__ import annotations

import errno
import socket
from functools import partial

import pytest

from nio.buffers import ByteBuffer
from nio.channels import EOF, DatagramChannel, Selector
from nio.errors import AlreadyBoundError, AlreadyConnectedError, NotYetConnectedError
from nio.spi import Address, SelectorProvider, SystemProvider
from tests.helpers import LOOPBACK, R, arrived
from tests.unit.channels.datagrams import INET6, address_of, bound, received

# connecting


# statement 161
def test_read_and_write_need_a_connection(near: DatagramChannel, far: DatagramChannel) -> None:
    for act in (partial(near.read, bytearray(8)), partial(near.write, b"x"), partial(near.read, bytearray(0))):
        with pytest.raises(NotYetConnectedError, match="is not connected"):
            act()
    assert near.connect(address_of(far)) is near
    assert (near.is_connected, near.remote_address) == (True, address_of(far))
    assert near.read(bytearray(8)) == 0
    assert near.write(b"ping") == 4
    assert received(far) == (b"ping", address_of(near))
    with pytest.raises(AlreadyConnectedError, match=r"127\.0\.0\.1"):
        near.connect(address_of(far))
    assert near.disconnect() is near
    assert (near.is_connected, near.remote_address) == (False, None)
    with pytest.raises(NotYetConnectedError):
        near.read(bytearray(8))
    assert near.disconnect() is near
    assert near.connect(address_of(far)).is_connected


# statement 162
def test_a_connection_filters_senders_and_receivers(near: DatagramChannel, far: DatagramChannel) -> None:
    with bound() as stranger:
        near.connect(address_of(far))
        stranger.send(b"stranger", address_of(near))
        far.send(b"friend", address_of(near))
        assert received(near) == (b"friend", address_of(far))
        assert near.receive(bytearray(8)) is None
        assert near.send(b"direct", address_of(far)) == 6
        assert received(far) == (b"direct", address_of(near))
        source = ByteBuffer.wrap(b"x")
        for address in (address_of(stranger), ("127.0.0.2", address_of(far)[1]), ("", address_of(far)[1])):
            with pytest.raises(AlreadyConnectedError, match=f"does not send to .*{address[1]}"):
                near.send(source, address)
        assert source.position == 0
        near.disconnect()
        assert near.send(source, address_of(stranger)) == 1
        stranger.send(b"welcome", address_of(near))
        assert received(near) == (b"welcome", address_of(stranger))


def test_the_peer_is_known_by_any_spelling(near: DatagramChannel) -> None:
    port = address_of(near)[1]
    with DatagramChannel.open().connect(("", port)) as channel:
        assert channel.remote_address == ("", port)
        assert channel.send(b"x", ("0.0.0.0", port)) == 1
        assert received(near) == (b"x", address_of(channel))


# statement 163
def test_connecting_drops_what_waits(near: DatagramChannel, far: DatagramChannel) -> None:
    far.send(b"from the peer, too early", address_of(near))
    far.send(b"", address_of(near))
    arrived(near)
    near.connect(address_of(far))
    assert near.read(bytearray(8)) == 0
    far.send(b"in time", address_of(near))
    assert received(near) == (b"in time", address_of(far))


def test_the_local_address_survives_a_connection(far: DatagramChannel) -> None:
    for address in (None, LOOPBACK):
        with DatagramChannel.open().bind(address) as channel:
            before = address_of(channel)
            for _ in range(2):
                channel.connect(address_of(far))
                assert address_of(channel) == ("127.0.0.1", before[1])
                channel.disconnect()
                assert address_of(channel) == before
            with pytest.raises(AlreadyBoundError):
                channel.bind(LOOPBACK)


class PortThief(SystemProvider):
    """Somebody takes the port before the socket is bound to it again."""

    def disconnect(self, sock: socket.socket, local: Address) -> None:
        raise OSError(errno.EADDRINUSE, "Address already in use")


def test_a_disconnect_that_loses_the_port(far: DatagramChannel) -> None:
    with bound(PortThief(SelectorProvider.available()[0])) as channel:
        channel.connect(address_of(far))
        with pytest.raises(OSError, match="in use"):
            channel.disconnect()
        assert (channel.is_open, channel.is_connected, channel.local_address) == (True, False, None)


def test_connecting_in_vain_changes_nothing(near: DatagramChannel) -> None:
    before = address_of(near)
    with pytest.raises(OSError, match=r"192\.0\.2\.1"):
        near.connect(("192.0.2.1", 9))  # bound to the loopback, there is no way out
    assert (near.is_open, near.is_connected, address_of(near)) == (True, False, before)


# statement 165
@pytest.mark.parametrize("name", SelectorProvider.available())
def test_nobody_is_there(name: str, nobody: Address) -> None:
    provider = SelectorProvider.named(name)
    with Selector.open(provider) as selector, bound(provider) as channel:
        channel.connect(nobody)
        key = channel.register(selector, R)
        for act in (
            partial(channel.read, bytearray(8)),
            partial(channel.receive, bytearray(8)),
            partial(channel.read, [bytearray(1), bytearray(1)]),
            partial(channel.write, b"y"),
            partial(channel.write, [b"y", b"z"]),
            partial(channel.send, b"y", nobody),
        ):
            assert channel.write(b"x") == 1
            assert selector.select(10) == 1
            assert key.ready_ops == R
            with pytest.raises(ConnectionRefusedError):
                act()
            selector.selected_keys.clear()
            assert selector.select_now() == 0
            assert channel.read(bytearray(8)) == 0
        assert channel.is_connected


# scatter and gather


# statement 167
def test_gathered_buffers_are_one_datagram(near: DatagramChannel, far: DatagramChannel) -> None:
    near.connect(address_of(far))
    buffers = [ByteBuffer.wrap(text) for text in (b"ab", b"", b"cde", b"f")]
    assert near.write(buffers) == 6
    assert [buffer.remaining for buffer in buffers] == [0, 0, 0, 0]
    assert received(far) == (b"abcdef", address_of(near))
    assert near.write([b"no", b"yes", b"no"], 1, 1) == 3
    assert received(far) == (b"yes", address_of(near))
    with pytest.raises(IndexError, match="offset 1 and length 2 do not fit 2 buffers"):
        near.write([b"a", b"b"], 1, 2)


# statement 167
def test_a_gathering_write_takes_1024_buffers(near: DatagramChannel, far: DatagramChannel) -> None:
    for blocking in (False, True):  # in blocking mode a stream would write the rest
        buffers = [ByteBuffer.wrap(b"x") for _ in range(2000)]
        near.configure_blocking(blocking)
        if not near.is_connected:
            near.connect(address_of(far))
        assert near.write(buffers) == 1024
        assert [buffer.remaining for buffer in (buffers[1023], buffers[1024])] == [0, 1]
        assert received(far, 3000) == (b"x" * 1024, address_of(near))
        assert far.receive(bytearray(8)) is None


# statement 167
def test_one_datagram_is_scattered(near: DatagramChannel, far: DatagramChannel) -> None:
    near.connect(address_of(far))
    far.send(b"hello", address_of(near))
    far.send(b"wo", address_of(near))
    arrived(near)
    first, second = ByteBuffer.allocate(1), ByteBuffer.allocate(3)
    assert near.read([first, second]) == 4
    assert bytes(first.flip()) + bytes(second.flip()) == b"hell"
    assert near.read([first.clear(), second.clear()]) == 2
    assert bytes(first.flip()) + bytes(second.flip()) == b"wo"


def test_nothing_is_written_as_nothing_and_an_empty_datagram_reads_as_the_end(
    near: DatagramChannel, far: DatagramChannel
) -> None:
    near.connect(address_of(far))
    assert near.write(b"") == 0
    assert near.write([b"", b""]) == 0
    assert near.send(b"", address_of(far)) == 0
    assert near.write(b"first") == 5
    assert received(far) == (b"first", address_of(near))
    far.send(b"", address_of(near))
    arrived(near)
    assert near.read(bytearray(8)) == EOF
    assert near.read(bytearray(8)) == 0
    assert near.is_connected


# IPv6


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as sock:
            sock.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.mark.skipif(not has_ipv6(), reason="no IPv6 here")
def test_ipv6() -> None:
    with (
        DatagramChannel.open(INET6).bind(("::1", 0)).configure_blocking(False) as near,
        DatagramChannel.open(INET6).configure_blocking(False) as far,
    ):
        host, port = address_of(near)
        assert far.send(b"hi", (host, port)) == 2
        data, sender = received(near)
        assert data == b"hi"
        assert sender == ("::1", address_of(far)[1], 0, 0)
        far.connect(("::1", port))
        for spelling in (("::1", port), ("::1", port, 0, 0), ("0:0:0:0:0:0:0:1", port), ("::1%0", port)):
            assert far.send(b"hi", spelling) == 2
            assert received(near)[0] == b"hi"
        with pytest.raises(AlreadyConnectedError):
            far.send(b"hi", ("::1", port, 0, 1))
        with pytest.raises(AlreadyConnectedError, match=r"does not send to \('127\.0\.0\.1', "):
            far.send(b"hi", ("127.0.0.1", port))
        assert address_of(far.disconnect())[0] == "::"
        with DatagramChannel.open(INET6) as unbound:
            assert address_of(unbound.bind(None))[0] == "::"
