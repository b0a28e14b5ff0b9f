"""Faults of accepting with a selector and channels, by the number each carries in the catalogue."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Callable

import pytest

from nio.channels import Pipe, SelectionKey, Selector, ServerSocketChannel, SocketChannel
from nio.errors import ClosedChannelError, UnsupportedAddressTypeError
from nio.spi import Address, SelectorProvider, SystemProvider
from tests.faults.helpers import own_descriptors
from tests.helpers import LOOPBACK, PATIENCE, A, R, W, address_of, arrived, connected_pair, listening, reset


class RefusingProvider(SystemProvider):
    """Accepts fail with the errors of ``script`` before they work again."""

    def __init__(self) -> None:
        super().__init__(self.available()[0])
        self.script: deque[int] = deque()

    def accept(self, listener: socket.socket) -> tuple[socket.socket, Address]:
        if self.script:
            code = self.script.popleft()
            raise OSError(code, os.strerror(code))
        return super().accept(listener)


@pytest.mark.parametrize("code", [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM])
def test_A02_out_of_descriptors_again_and_again_costs_no_connection(code: int) -> None:
    provider = RefusingProvider()
    with listening(provider) as server, Selector.open(provider) as selector:
        key = server.register(selector, A)
        with SocketChannel.open(address_of(server), provider=provider) as client:
            provider.script.extend([code] * 3)
            for _ in range(3):
                assert selector.select(PATIENCE) == 1
                selector.selected_keys.clear()
                with pytest.raises(OSError, match=os.strerror(code)) as caught:
                    server.accept()
                assert caught.value.errno == code
                assert key.is_valid
            accepted = server.accept()
            assert accepted is not None
            assert accepted.remote_address == client.local_address
            accepted.close()


def test_A03_an_error_of_one_connection_is_not_the_listeners() -> None:
    provider = RefusingProvider()
    codes = [errno.ECONNABORTED, errno.EPROTO, errno.ENETDOWN, errno.EHOSTUNREACH, errno.EPERM]
    with listening(provider) as server:
        provider.script.extend(codes * 200)
        while provider.script:
            expected = provider.script[0]
            with pytest.raises(OSError, match=os.strerror(expected)):
                server.accept()
        assert server.is_open
        assert server.accept() is None
        with SocketChannel.open(address_of(server), provider=provider):
            arrived(server)
            accepted = server.accept()
            assert accepted is not None
            accepted.close()


@pytest.mark.parametrize("data", [b"", b"hello"])
def test_A04_a_peer_that_resets_before_the_accept(selector: Selector, provider: SelectorProvider, data: bytes) -> None:
    before = own_descriptors()
    with listening(provider) as server:
        for _ in range(25):
            client = SocketChannel.open(address_of(server), provider=provider)
            client.write(data)
            address = client.local_address
            reset(client)
            arrived(server)
            accepted = server.accept()
            assert accepted is not None
            arrived(accepted, 0)
            assert accepted.remote_address == address
            assert accepted.is_connected
            assert accepted.local_address == server.local_address
            accepted.configure_blocking(False).register(selector, R | W)
            assert selector.select_now() == 1
            assert not data or accepted.read(bytearray(8)) == len(data)
            with pytest.raises(ConnectionResetError):
                accepted.read(bytearray(8))
            accepted.shutdown_output().close()
            assert selector.select_now() == 0
            assert len(selector.keys) == 0
    assert own_descriptors() == before


def test_A05_another_selector_was_faster(provider: SelectorProvider, selector: Selector) -> None:
    with Selector.open(provider) as other, listening(provider) as server:
        server.register(selector, A)
        server.register(other, A)
        for _ in range(20):
            with SocketChannel.open(address_of(server), provider=provider):
                assert (selector.select(PATIENCE), other.select(PATIENCE)) == (1, 1)
                accepted = server.accept()
                assert accepted is not None
                accepted.close()
                assert server.accept() is None
            selector.selected_keys.clear()
            other.selected_keys.clear()


def test_A09_many_connect_before_anybody_accepts(provider: SelectorProvider) -> None:
    with listening(provider) as server:
        clients = [SocketChannel.open(address_of(server), provider=provider) for _ in range(100)]
        accepted = []
        for _ in clients:
            arrived(server)
            accepted.append(server.accept())
        assert server.accept() is None
        for client, end in zip(clients, accepted, strict=True):
            assert end is not None
            assert end.remote_address == client.local_address
            end.close()
            client.close()


def note_and_close(seen: list[SelectionKey], server: ServerSocketChannel) -> Callable[[SelectionKey], None]:
    def act(key: SelectionKey) -> None:
        seen.append(key)
        server.close()

    return act


def test_A10_a_listener_closed_while_its_key_waits_in_the_batch(provider: SelectorProvider) -> None:
    for _ in range(10):
        with Selector.open(provider) as selector, listening(provider) as server, Pipe.open(provider=provider) as pipe:
            accept = server.register(selector, A)
            write = pipe.sink.configure_blocking(False).register(selector, W)
            seen: list[SelectionKey] = []
            with SocketChannel.open(address_of(server), provider=provider):
                arrived(server)
                selector.select_now(note_and_close(seen, server))
                assert write in seen
                assert accept not in seen or seen == [accept, write]
                with pytest.raises(ClosedChannelError):
                    server.accept()


def test_A11_a_child_inherits_nothing(provider: SelectorProvider) -> None:
    before = own_descriptors()
    near, far = connected_pair(provider)
    with near, far, listening(provider), Pipe.open(provider=provider), Selector.open(provider):
        ours = {str(fd) for fd in own_descriptors() - before}
        assert len(ours) >= 6
        code = "import os; print(*os.listdir('/proc/self/fd'))"
        child = subprocess.run([sys.executable, "-c", code], close_fds=False, stdout=-1, timeout=30, check=True)
        listing = str(max(map(int, child.stdout.split())))
        assert not ours & ({*child.stdout.decode().split()} - {listing})


def test_A12_errors_at_the_start_are_clear(provider: SelectorProvider, tmp_path: os.PathLike[str]) -> None:
    with listening(provider) as server, ServerSocketChannel.open(provider=provider) as second:
        address = address_of(server)
        assert address[1] != 0
        with pytest.raises(OSError, match="in use") as caught:
            second.bind(address)
        assert caught.value.errno == errno.EADDRINUSE
        with pytest.raises(UnsupportedAddressTypeError):
            second.bind(("::1", 0))
        with pytest.raises(UnsupportedAddressTypeError):
            second.bind(tmp_path)
        assert second.bind(LOOPBACK).local_address != address
