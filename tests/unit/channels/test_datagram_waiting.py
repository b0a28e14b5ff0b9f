"""Datagram channels in a selection, in blocking mode, when they are closed, and without room to send."""

from __future__ import annotations

import errno
import socket
from functools import partial
from typing import Any

import pytest

from nio.buffers import ByteBuffer
from nio.channels import DatagramChannel, Selector
from nio.errors import AsynchronousCloseError, ClosedChannelError, IllegalArgumentError, IllegalBlockingModeError
from nio.spi import ProtocolFamily, SelectorProvider, SystemProvider
from tests.contract.watched import WatchedProvider
from tests.helpers import LOOPBACK, Background, R, W, arrived
from tests.unit.channels.datagrams import address_of, bound, received

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
