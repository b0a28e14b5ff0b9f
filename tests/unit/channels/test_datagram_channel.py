"""Datagrams as java.nio has them, on the loopback; expectations are the JDK's answers to the same calls."""

from __future__ import annotations

import errno
import io
import socket
from functools import partial

import pytest

from nio.buffers import ByteBuffer
from nio.channels import DatagramChannel, MulticastChannel, NetworkChannel, ReadableByteChannel, WritableByteChannel
from nio.errors import (
    AlreadyBoundError,
    ClosedChannelError,
    IllegalArgumentError,
    NotYetConnectedError,
    UnresolvedAddressError,
    UnsupportedAddressTypeError,
)
from nio.spi import OPTIONS, Address, ProtocolFamily
from tests.contract.watched import WatchedProvider
from tests.helpers import LOOPBACK, R, W, arrived
from tests.unit.channels.datagrams import INET, INET6, LONGEST, address_of, received

# opening and state


def test_open_and_its_arguments() -> None:
    with DatagramChannel.open() as channel:
        assert channel.is_open
        assert channel.is_blocking
        assert channel.valid_ops == R | W  # statement 82
        assert channel.socket.type == socket.SOCK_DGRAM
        assert not channel.socket.getblocking()
        assert not channel.socket.get_inheritable()
        assert (channel.local_address, channel.remote_address, channel.is_connected) == (None, None, False)
        for kind in (MulticastChannel, NetworkChannel, ReadableByteChannel, WritableByteChannel):
            assert isinstance(channel, kind)
    with pytest.raises(io.UnsupportedOperation, match="Unix domain"):
        DatagramChannel.open(ProtocolFamily.UNIX)
    for family in ("INET", 2, None, True):
        with pytest.raises(TypeError, match="a family is a ProtocolFamily"):
            DatagramChannel.open(family)  # type: ignore[arg-type]  # what is refused


def test_open_takes_a_provider(watched: WatchedProvider) -> None:
    with DatagramChannel.open(provider=watched) as channel:
        assert channel.provider is watched


def test_repr_shows_the_state(near: DatagramChannel) -> None:
    with DatagramChannel.open() as channel:
        assert repr(channel) == "DatagramChannel(unbound)"
        channel.bind(LOOPBACK)
        assert repr(channel) == f"DatagramChannel({address_of(channel)!r})"
        channel.connect(address_of(near))
        assert repr(channel) == f"DatagramChannel(remote={address_of(near)!r})"
    assert repr(channel) == "DatagramChannel(closed)"


# statement 156
@pytest.mark.parametrize("family", [INET, INET6])
def test_the_options_of_a_datagram_channel(family: ProtocolFamily) -> None:
    with DatagramChannel.open(family) as channel:
        assert channel.supported_options == {
            *("SO_SNDBUF", "SO_RCVBUF", "SO_BROADCAST", "SO_REUSEADDR", "SO_REUSEPORT", "IP_TOS"),
            *("IP_MULTICAST_IF", "IP_MULTICAST_TTL", "IP_MULTICAST_LOOP"),
            *(("IPV6_V6ONLY",) if family is INET6 else ()),
        }
        defaults = {name: channel.get_option(name) for name in channel.supported_options if not name.endswith("BUF")}
        assert defaults.pop("IPV6_V6ONLY", False) is False
        assert defaults == {
            "SO_BROADCAST": False,
            "SO_REUSEADDR": False,
            "SO_REUSEPORT": False,
            "IP_TOS": 0,
            "IP_MULTICAST_IF": 0,
            "IP_MULTICAST_TTL": 1,
            "IP_MULTICAST_LOOP": True,
        }
        for name in ("SO_BROADCAST", "SO_REUSEADDR", "SO_REUSEPORT", "IP_MULTICAST_LOOP"):
            assert channel.set_option(name, True).get_option(name) is True
            assert channel.set_option(name, False).get_option(name) is False
        for name in ("IP_TOS", "IP_MULTICAST_TTL"):
            for value in (0, 1, 255):
                assert channel.set_option(name, value).get_option(name) == value
        assert channel.set_option("SO_RCVBUF", 10_000).get_option("SO_RCVBUF") >= 10_000


# statement 156
@pytest.mark.parametrize("name", ["IP_TOS", "IP_MULTICAST_TTL", "SO_SNDBUF"])
def test_values_beyond_an_option(near: DatagramChannel, name: str) -> None:
    before = near.get_option(name)
    high = OPTIONS[name].high
    assert high == 2**31 - 1 if name == "SO_SNDBUF" else high == 255
    with pytest.raises(IllegalArgumentError, match=f"{name} must be 0 to {high}, not {high + 1}"):
        near.set_option(name, high + 1)
    with pytest.raises(IllegalArgumentError, match=f"{name} must be 0 to {high}, not {10**30}"):
        near.set_option(name, 10**30)
    with pytest.raises(IllegalArgumentError, match=f"{name} must be 0 to {high}, not -1"):
        near.set_option(name, -1)
    for value in (True, float("nan"), "5", None):
        with pytest.raises(TypeError, match=f"{name} must be an int"):
            near.set_option(name, value)  # type: ignore[arg-type]  # what is refused
    assert near.get_option(name) == before


# statement 156
def test_options_of_other_kinds_and_of_a_closed_channel(near: DatagramChannel) -> None:
    near.close()
    for name in ("TCP_NODELAY", "SO_LINGER", "SO_KEEPALIVE"):
        with pytest.raises(io.UnsupportedOperation, match="DatagramChannel; it has: IP_MULTICAST_IF"):
            near.set_option(name, 1)
    for name in ("SO_BROADCAST", "IP_MULTICAST_IF", "IP_MULTICAST_TTL"):
        with pytest.raises(ClosedChannelError):
            near.get_option(name)
    with pytest.raises(ClosedChannelError):
        near.set_option("SO_BROADCAST", True)
    with pytest.raises(ClosedChannelError):
        near.set_option("IP_MULTICAST_IF", 1)


# binding


# statement 164
def test_whoever_is_not_bound_is_bound_by_use(near: DatagramChannel) -> None:
    target = address_of(near)
    for use in ("receive", "send", "connect"):
        with DatagramChannel.open().configure_blocking(False) as channel:
            if use == "receive":
                assert channel.receive(bytearray(8)) is None
            elif use == "send":
                assert channel.send(b"hi", target) == 2
                assert received(near) == (b"hi", ("127.0.0.1", address_of(channel)[1]))
            else:
                channel.connect(target)
            host, port = address_of(channel)
            assert host == ("127.0.0.1" if use == "connect" else "0.0.0.0")
            assert port
            with pytest.raises(AlreadyBoundError, match="is bound already"):
                channel.bind(LOOPBACK)
            assert address_of(channel)[1] == port


def test_what_is_refused_binds_nothing() -> None:
    with DatagramChannel.open().configure_blocking(False) as channel:
        with pytest.raises(NotYetConnectedError):
            channel.read(bytearray(8))
        with pytest.raises(NotYetConnectedError):
            channel.write(b"x")
        with pytest.raises(IllegalArgumentError):
            channel.receive(memoryview(b"read-only"))
        assert channel.local_address is None


def test_binding_in_vain(near: DatagramChannel) -> None:
    with DatagramChannel.open() as channel:
        with pytest.raises(OSError, match="in use") as caught:
            channel.bind(address_of(near))
        assert caught.value.errno == errno.EADDRINUSE
        with pytest.raises(UnresolvedAddressError):
            channel.bind(("localhost", 0))
        assert channel.local_address is None
        assert address_of(channel.bind(None))[0] == "0.0.0.0"


# sending and receiving


# statement 158
def test_receive_gives_the_sender_or_nothing(near: DatagramChannel, far: DatagramChannel) -> None:
    buffer = ByteBuffer.allocate(8)
    assert near.receive(buffer) is None
    assert buffer.position == 0
    assert far.send(b"hello", address_of(near)) == 5
    assert received(near) == (b"hello", address_of(far))
    assert near.receive(buffer) is None


# statement 158
def test_an_empty_datagram_has_a_sender_and_no_bytes(near: DatagramChannel, far: DatagramChannel) -> None:
    assert far.send(ByteBuffer.allocate(0), address_of(near)) == 0
    assert received(near) == (b"", address_of(far))


def test_buffers_move_by_what_was_transferred(near: DatagramChannel, far: DatagramChannel) -> None:
    source = ByteBuffer.wrap(b"__hello__")
    source.position, source.limit = 2, 7
    assert far.send(source.as_read_only_buffer(), address_of(near)) == 5
    assert far.send(source, address_of(near)) == 5
    assert (source.position, source.limit) == (7, 7)
    for _ in range(2):
        target = ByteBuffer.allocate(9)
        target.position = 1
        arrived(near)
        near.receive(target)
        assert (target.position, target.limit) == (6, 9)
        assert bytes(target.flip()) == b"\0hello"
    for plain in (bytearray(5), memoryview(bytearray(5))):
        far.send(b"bytes", address_of(near))
        arrived(near)
        assert near.receive(plain) == address_of(far)
        assert bytes(plain) == b"bytes"


# statement 159
def test_the_rest_of_a_longer_datagram_is_lost(near: DatagramChannel, far: DatagramChannel) -> None:
    far.send(b"abcdef", address_of(near))
    far.send(b"gh", address_of(near))
    assert received(near, 4) == (b"abcd", address_of(far))
    assert near.is_truncated
    assert received(near, 4) == (b"gh", address_of(far))
    assert not near.is_truncated
    near.connect(address_of(far))
    far.send(b"ijkl", address_of(near))
    far.send(b"m", address_of(near))
    arrived(near)
    assert near.read([bytearray(1), bytearray(2)]) == 3
    assert near.is_truncated
    assert near.read(bytearray(8)) == 1
    assert not near.is_truncated


# statement 160
def test_a_receive_without_room_takes_a_datagram_a_read_does_not(near: DatagramChannel, far: DatagramChannel) -> None:
    far.send(b"lost", address_of(near))
    far.send(b"next", address_of(near))
    assert received(near, 0) == (b"", address_of(far))
    assert near.is_truncated
    assert received(near) == (b"next", address_of(far))
    near.connect(address_of(far))
    far.send(b"kept", address_of(near))
    arrived(near)
    assert near.read(bytearray(0)) == 0
    assert near.read([bytearray(0), bytearray(0)]) == 0
    assert received(near) == (b"kept", address_of(far))


@pytest.mark.parametrize("buffer", ["text", 5, None, [bytearray(8)], (b"x",)])
def test_one_buffer_at_a_time(near: DatagramChannel, buffer: object) -> None:
    with pytest.raises(TypeError, match="a channel transfers ByteBuffers or bytes-like objects"):
        near.send(buffer, address_of(near))  # type: ignore[arg-type]  # what is refused
    with pytest.raises(TypeError, match="a channel transfers ByteBuffers or bytes-like objects"):
        near.receive(buffer)  # type: ignore[arg-type]  # what is refused
    assert near.receive(bytearray(8)) is None


# statement 169
def test_a_read_only_target_takes_nothing(near: DatagramChannel, far: DatagramChannel) -> None:
    near.connect(address_of(far))
    far.send(b"hello", address_of(near))
    arrived(near)
    target = ByteBuffer.allocate(8).as_read_only_buffer()
    with pytest.raises(IllegalArgumentError, match="read-only"):
        near.receive(target)
    with pytest.raises(IllegalArgumentError, match="read-only"):
        near.read([ByteBuffer.allocate(1), target])
    assert target.position == 0
    assert received(near) == (b"hello", address_of(far))


# statement 166
@pytest.mark.parametrize(
    ("address", "error"),
    [
        (("no.such.host.invalid", 1), UnresolvedAddressError),
        (("localhost", 1), UnresolvedAddressError),
        (("::1", 1), UnsupportedAddressTypeError),
        ("/path", UnsupportedAddressTypeError),
        (None, TypeError),
        (("127.0.0.1", 65536), UnsupportedAddressTypeError),
        (("127.0.0.1", True), TypeError),
        (("127.0.0.1", 1.0), TypeError),
    ],
)
def test_addresses_that_are_refused(near: DatagramChannel, address: Address, error: type[Exception]) -> None:
    source = ByteBuffer.wrap(b"x")
    for _ in range(2):  # the address is looked at before whether the channel is open
        with pytest.raises(error):
            near.send(source, address)
        with pytest.raises(error):
            near.connect(address)
        near.close()
    assert source.position == 0


def test_there_is_no_port_0(near: DatagramChannel) -> None:
    for act in (near.connect, partial(near.send, b"x")):
        with pytest.raises(OSError, match=r"port 0: \('127.0.0.1', 0\)"):
            act(("127.0.0.1", 0))
    assert not near.is_connected


# statement 166
def test_longer_than_the_protocol_allows(near: DatagramChannel, far: DatagramChannel) -> None:
    source = ByteBuffer.allocate(LONGEST + 1)
    with pytest.raises(OSError, match=rf"{LONGEST + 1} bytes to \('127.0.0.1', \d+\)") as caught:
        near.send(source, address_of(far))
    assert caught.value.errno == errno.EMSGSIZE
    assert near.is_open
    assert source.position == 0
    source.limit = LONGEST
    assert near.send(source, address_of(far)) == LONGEST
    data, _ = received(far, LONGEST + 1)
    assert len(data) == LONGEST


def test_a_broadcast_is_allowed_by_option() -> None:
    with DatagramChannel.open() as channel:
        for act in (channel.connect, partial(channel.send, b"x")):
            with pytest.raises(PermissionError, match=r"255\.255\.255\.255"):
                act(("255.255.255.255", 9))
        assert channel.is_open
        assert not channel.is_connected
