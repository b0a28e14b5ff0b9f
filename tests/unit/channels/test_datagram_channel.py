"""Datagrams as java.nio has them, on the loopback; expectations are the JDK's answers to the same calls."""

from __future__ import annotations

import errno
import io
import socket
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from nio.buffers import ByteBuffer
from nio.channels import (
    EOF,
    DatagramChannel,
    MulticastChannel,
    NetworkChannel,
    ReadableByteChannel,
    Selector,
    WritableByteChannel,
)
from nio.errors import (
    AlreadyBoundError,
    AlreadyConnectedError,
    AsynchronousCloseError,
    ClosedChannelError,
    IllegalArgumentError,
    IllegalBlockingModeError,
    NotYetConnectedError,
    UnresolvedAddressError,
    UnsupportedAddressTypeError,
)
from nio.spi import OPTIONS, Address, ProtocolFamily, SelectorProvider, SystemProvider
from tests.contract.watched import WatchedProvider
from tests.helpers import LOOPBACK, Background, R, W, arrived

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


@pytest.fixture
def near() -> Iterator[DatagramChannel]:
    with bound() as channel:
        yield channel


@pytest.fixture
def far() -> Iterator[DatagramChannel]:
    with bound() as channel:
        yield channel


@pytest.fixture
def watched() -> WatchedProvider:
    return WatchedProvider(SelectorProvider.default())


@pytest.fixture
def nobody() -> Address:
    """An address at which nobody receives: the kernel does not give its port to two in a row."""
    with bound() as channel:
        return address_of(channel)


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
        }
        defaults = {name: channel.get_option(name) for name in channel.supported_options if not name.endswith("BUF")}
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
    with pytest.raises(IllegalArgumentError, match=f"{name} is at most {high}, not {high + 1}"):
        near.set_option(name, high + 1)
    with pytest.raises(IllegalArgumentError, match=f"{name} is at most {high}, not {10**30}"):
        near.set_option(name, 10**30)
    with pytest.raises(IllegalArgumentError, match=f"{name} is 0 or more, not -1"):
        near.set_option(name, -1)
    for value in (True, float("nan"), "5", None):
        with pytest.raises(TypeError, match=f"{name} takes an int"):
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
        (None, UnsupportedAddressTypeError),
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


# selection


# statement 168
@pytest.mark.parametrize("name", SelectorProvider.available())
def test_writable_always_readable_while_one_waits(name: str, far: DatagramChannel) -> None:
    provider = SelectorProvider.named(name)
    with Selector.open(provider) as selector, bound(provider) as channel:
        with pytest.raises(IllegalArgumentError):
            channel.register(selector, 8)  # statement 82: there is nothing to be connected later
        key = channel.register(selector, R | W)
        assert selector.select_now() == 1
        assert key.ready_ops == W
        far.send(b"x", address_of(channel))
        arrived(channel)
        assert selector.select_now() == 1
        assert key.ready_ops == R | W
        channel.receive(bytearray(8))
        selector.selected_keys.clear()
        assert selector.select_now() == 1
        assert key.ready_ops == W
        handed = []
        far.send(b"x", address_of(channel))
        arrived(channel)
        key.interest_ops = R
        assert selector.select(10, lambda key: handed.append(key.ready_ops)) == 1
        assert handed == [R]
        channel.connect(address_of(far)).disconnect()
        selector.selected_keys.clear()
        far.send(b"x", address_of(channel))
        assert selector.select(10) == 1  # a connection that came and went has not changed what is watched


def test_registered_in_blocking_mode(near: DatagramChannel) -> None:
    near.configure_blocking(True)
    with Selector.open() as selector, pytest.raises(IllegalBlockingModeError):
        near.register(selector, R)


# closing


# statement 169
def test_a_closed_channel_in_either_mode(near: DatagramChannel, far: DatagramChannel) -> None:
    target = address_of(near)
    with DatagramChannel.open().connect(target) as blocking:
        far.connect(target)
        for channel, error in ((blocking, AsynchronousCloseError), (far, ClosedChannelError)):
            channel.close()
            for act in (
                partial(channel.receive, bytearray(8)),
                partial(channel.read, bytearray(8)),
                partial(channel.read, [bytearray(8)]),
                partial(channel.read, memoryview(b"read-only")),
                partial(channel.write, b"x"),
                partial(channel.write, [b"x", b"y"]),
                partial(channel.send, b"x", target),
                partial(channel.send, b"x", ("127.0.0.1", 9)),
            ):
                with pytest.raises(ClosedChannelError) as caught:
                    act()
                assert type(caught.value) is error
            for prepare in (partial(channel.connect, target), partial(channel.bind, LOOPBACK)):
                with pytest.raises(ClosedChannelError) as caught:
                    prepare()
                assert type(caught.value) is ClosedChannelError
            with pytest.raises(IllegalArgumentError):
                channel.receive(memoryview(b"read-only"))
            assert channel.disconnect() is channel
            assert not channel.is_connected
            for name in ("local_address", "remote_address"):
                with pytest.raises(ClosedChannelError):
                    getattr(channel, name)


# statements 131, 154
@pytest.mark.parametrize("connected", [False, True])
def test_a_blocking_receive_waits_for_a_datagram(
    watched: WatchedProvider, far: DatagramChannel, connected: bool
) -> None:
    with DatagramChannel.open(provider=watched).bind(LOOPBACK) as channel:
        if connected:
            channel.connect(address_of(far))
        for text in (b"hello", b""):
            buffer = ByteBuffer.allocate(8)
            receiving = Background(channel.receive, buffer)
            watched.until_asleep()
            far.send(text, address_of(channel))
            assert receiving.result() == address_of(far)
            assert bytes(buffer.flip()) == text
        receiving = Background(channel.receive, bytearray(8))
        watched.until_asleep()
        channel.close()
        with pytest.raises(AsynchronousCloseError):
            receiving.result()


# statement 154
def test_a_blocking_read_waits_and_is_released_by_a_close(watched: WatchedProvider, far: DatagramChannel) -> None:
    with DatagramChannel.open(provider=watched).connect(address_of(far)) as channel:
        reading = Background(channel.read, [bytearray(2), bytearray(2)])
        watched.until_asleep()
        assert channel.write(b"a writer does not wait for the reader") == 37
        far.send(b"abcdef", address_of(channel))
        assert reading.result() == 4
        reading = Background(channel.read, bytearray(8))
        watched.until_asleep()
        channel.close()
        with pytest.raises(AsynchronousCloseError):
            reading.result()


def test_binding_waits_for_whoever_receives(watched: WatchedProvider) -> None:
    with DatagramChannel.open(provider=watched) as channel:
        receiving = Background(channel.receive, bytearray(8))
        watched.until_asleep()
        watched.forget()
        binding = Background(channel.bind, LOOPBACK)
        watched.until_queued()
        channel.close()
        with pytest.raises(AsynchronousCloseError):
            receiving.result()
        with pytest.raises(ClosedChannelError):
            binding.result()


class FullSocket(socket.socket):
    """The kernel has no room for the first datagram."""

    refusals = 1

    def refuse(self) -> None:
        if self.refusals:
            self.refusals -= 1
            raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    def sendto(self, data: Any, *address: Any) -> int:  # Any: the overloads of the socket module
        self.refuse()
        return super().sendto(data, *address)

    def send(self, data: Any, flags: int = 0) -> int:  # Any: the protocol of buffers has a name from 3.12 on
        self.refuse()
        return super().send(data, flags)


class FullProvider(SystemProvider):
    """Its datagram sockets are full at first."""

    def open_datagram_socket(self, family: ProtocolFamily) -> socket.socket:
        sock = FullSocket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setblocking(False)
        return sock


@pytest.mark.parametrize("connected", [False, True])
@pytest.mark.parametrize("blocking", [False, True])
def test_no_room_to_send(far: DatagramChannel, connected: bool, blocking: bool) -> None:
    with DatagramChannel.open(provider=FullProvider(SelectorProvider.available()[0])) as channel:
        channel.configure_blocking(blocking)
        source = ByteBuffer.wrap(b"hello")
        send = partial(channel.send, source, address_of(far))
        if connected:
            channel.connect(address_of(far))
            send = partial(channel.write, source)
        if not blocking:
            assert send() == 0
            assert source.position == 0
        assert send() == 5
        assert received(far)[0] == b"hello"


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
        with pytest.raises(UnsupportedAddressTypeError):
            far.send(b"hi", ("127.0.0.1", port))
        assert address_of(far.disconnect())[0] == "::"
        with DatagramChannel.open(INET6) as unbound:
            assert address_of(unbound.bind(None))[0] == "::"
