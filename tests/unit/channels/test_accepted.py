"""What a listener accepts in non-blocking mode has one state lock, and nobody waits for a peer while he holds it."""

from __future__ import annotations

import socket
import threading

import pytest

from nio.channels import Selector, ServerSocketChannel, SocketChannel
from nio.spi import Address
from nio.spi._system import SystemProvider
from tests.helpers import R


class Noting:
    """In the place of a socket: notes who could have had the lock when it was closed."""

    def __init__(self, channel: SocketChannel) -> None:
        self.channel = channel
        self.sock = channel._end
        self.was_free: list[bool] = []

    def close(self) -> None:
        def look() -> None:
            if self.channel._state_lock.acquire(False):
                self.channel._state_lock.release()
                self.was_free.append(True)

        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
        self.sock.close()


@pytest.fixture
def server() -> ServerSocketChannel:
    return ServerSocketChannel.open().bind(("127.0.0.1", 0))


def accepted(server: ServerSocketChannel, *, blocking: bool) -> tuple[SocketChannel, SocketChannel]:
    client = SocketChannel.open(server.local_address)
    channel = server.accept(blocking=blocking)
    assert channel is not None
    return client, channel


def test_one_lock_for_all_that_do_not_block(server: ServerSocketChannel) -> None:
    pairs = [accepted(server, blocking=blocking) for blocking in (False, False, True, True)]
    one, two, three, four = (channel._state_lock for _, channel in pairs)
    assert one is two
    assert len({id(lock) for lock in (one, three, four, server._state_lock)}) == 4
    for pair in pairs:
        for channel in pair:
            channel.close()
    server.close()


def test_a_close_that_may_wait_for_the_peer_waits_without_the_lock(server: ServerSocketChannel) -> None:
    client, channel = accepted(server, blocking=False)
    channel.configure_blocking(True)
    channel._end = noting = Noting(channel)  # type: ignore[assignment]
    channel.close()
    assert noting.was_free == [True]
    assert client.socket.recv(1) == b""
    client.close()
    server.close()


def test_a_channel_has_a_key_with_each_of_several_selectors(server: ServerSocketChannel) -> None:
    client, channel = accepted(server, blocking=False)
    selectors = [Selector.open() for _ in range(3)]
    assert not channel.is_registered
    keys = [channel.register(selector, R) for selector in selectors]
    for selector, key in zip(selectors, keys, strict=True):
        assert channel.key_for(selector) is key
    for selector, key in zip(selectors, keys, strict=True):
        key.cancel()
        assert channel.is_registered
        selector.select_now()
        assert channel.key_for(selector) is None
    assert not channel.is_registered
    for each in (client, channel, server):
        each.close()
    for selector in selectors:
        selector.close()


class Late(str):
    """A host that is compared while another thread accepts a connection from elsewhere."""

    __slots__ = ()
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        equal = str.__eq__(self, other)
        LISTENERS[0]._last_host = "192.0.2.66"
        return equal


LISTENERS: list[ServerSocketChannel] = []


class Elsewhere(SystemProvider):
    """Whoever it accepts is a ``Late``."""

    def accept(self, listener: socket.socket) -> tuple[socket.socket, Address]:
        sock, address = super().accept(listener)
        return sock, (Late(address[0]), int(address[1]))


def test_a_peer_has_its_own_address_whoever_another_thread_accepts_meanwhile() -> None:
    with ServerSocketChannel.open(provider=Elsewhere("poll")).bind(("127.0.0.1", 0)) as server:
        LISTENERS[:] = [server]
        server._last_host = "127.0.0.1"
        client, channel = accepted(server, blocking=False)
        with client, channel:
            assert channel.remote_address == client.local_address
            assert server._last_host == "192.0.2.66"
