"""Stream sockets: fresh and closed, bound, accepted, with options, and in the Unix domain; on every back end."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest

from nio.channels import Pipe, SelectableChannel, Selector, ServerSocketChannel, SocketChannel
from nio.channels import StandardSocketOptions as Options
from nio.errors import AlreadyBoundError, AlreadyConnectedError, ClosedChannelError, NotYetBoundError
from nio.spi import ProtocolFamily, SelectorProvider
from tests.contract.conftest import Pair
from tests.helpers import LOOPBACK, A, R, address_of, arrived


# statement 124
def test_a_fresh_channel(provider: SelectorProvider) -> None:
    for kind in (SocketChannel, ServerSocketChannel):
        with kind.open(provider=provider) as channel:
            assert channel.is_open
            assert channel.is_blocking
            assert not channel.is_registered
            assert channel.provider is provider
        channel.close()
        assert not channel.is_open
        assert channel.is_blocking
        assert not channel.is_registered


# statement 124
@pytest.mark.parametrize(
    "use",
    [
        lambda channel: channel.read(bytearray(4)),
        lambda channel: channel.read(bytearray(0)),
        lambda channel: channel.write(b"x"),
        lambda channel: channel.write(b""),
        lambda channel: channel.write([b"x", b"y"]),
        lambda channel: channel.connect(LOOPBACK),
        lambda channel: channel.finish_connect(),
        lambda channel: channel.bind(None),
        lambda channel: channel.shutdown_input(),
        lambda channel: channel.shutdown_output(),
        lambda channel: channel.configure_blocking(False),
        lambda channel: channel.local_address,
        lambda channel: channel.remote_address,
        lambda channel: channel.get_option(Options.SO_RCVBUF),
        lambda channel: channel.set_option(Options.SO_RCVBUF, 4096),
    ],
)
def test_a_closed_channel_refuses(pair: Pair, use: Callable[[SocketChannel], object]) -> None:
    channel, _ = pair
    channel.close()
    channel.close()
    with pytest.raises(ClosedChannelError):
        use(channel)
    assert not channel.is_connected
    assert not channel.is_connection_pending
    assert not channel.is_registered
    assert not channel.is_blocking


# statement 124
def test_a_closed_server_refuses(server: ServerSocketChannel) -> None:
    server.close()
    with pytest.raises(ClosedChannelError):
        server.accept()
    with pytest.raises(ClosedChannelError):
        server.bind(LOOPBACK)
    with pytest.raises(ClosedChannelError):
        _ = server.local_address


# statement 149
@pytest.mark.parametrize("blocking", [False, True])
def test_accept(provider: SelectorProvider, blocking: bool) -> None:
    with ServerSocketChannel.open(provider=provider) as server:
        with pytest.raises(NotYetBoundError):
            server.accept()
        server.bind(LOOPBACK).configure_blocking(False)
        assert server.accept() is None
        server.configure_blocking(blocking)
        with SocketChannel.open(address_of(server), provider=provider) as client:
            arrived(server)
            accepted = server.accept()
            assert accepted is not None
            with accepted:
                assert accepted.is_blocking
                assert accepted.is_connected
                assert accepted.remote_address == client.local_address
                assert accepted.local_address == server.local_address
                with pytest.raises(AlreadyBoundError):
                    accepted.bind(None)
                with pytest.raises(AlreadyConnectedError):
                    accepted.connect(address_of(server))


# statement 149
def test_accept_readiness(provider: SelectorProvider, selector: Selector, server: ServerSocketChannel) -> None:
    key = server.register(selector, A)
    assert selector.select_now() == 0
    with SocketChannel.open(address_of(server), provider=provider):
        assert selector.select(None) == 1
        assert key.is_acceptable
        accepted = server.accept()
        assert accepted is not None
        accepted.close()
        assert server.accept() is None
        selector.selected_keys.clear()
        assert selector.select_now() == 0


# statement 150
def test_binding(provider: SelectorProvider, server: ServerSocketChannel) -> None:
    for kind in (SocketChannel, ServerSocketChannel):
        with kind.open(provider=provider) as channel:
            assert channel.local_address is None
            with pytest.raises(OSError, match="in use"):
                channel.bind(server.local_address)
            assert channel.local_address is None
            assert channel.bind(None) is channel
            address = address_of(channel)
            assert address[0] == "0.0.0.0"
            assert int(address[1]) > 0
            for other in (None, LOOPBACK):
                with pytest.raises(AlreadyBoundError):
                    channel.bind(other)


# statement 156
def test_options(provider: SelectorProvider, pair: Pair, server: ServerSocketChannel) -> None:
    channel, _ = pair
    for name in (Options.SO_KEEPALIVE, Options.TCP_NODELAY, Options.SO_REUSEADDR, Options.SO_OOBINLINE):
        for flag in (True, False):
            assert channel.set_option(name, flag) is channel
            assert channel.get_option(name) is flag
    for seconds in (0, 7, -1):
        channel.set_option(Options.SO_LINGER, seconds)
        assert channel.get_option(Options.SO_LINGER) == seconds
    channel.set_option(Options.SO_RCVBUF, 8192)
    assert channel.get_option(Options.SO_RCVBUF) >= 8192
    assert channel.set_option(Options.IP_TOS, 0x10).get_option(Options.IP_TOS) == 0x10
    assert server.get_option(Options.SO_REUSEADDR) is True
    with SocketChannel.open(provider=provider) as fresh:
        assert fresh.get_option(Options.SO_REUSEADDR) is False
    for name in (Options.SO_LINGER, Options.TCP_NODELAY, Options.SO_SNDBUF, "SO_NONSENSE"):
        with pytest.raises(io.UnsupportedOperation, match="SO_REUSEADDR"):
            server.set_option(name, 1)
    with pytest.raises(io.UnsupportedOperation):
        server.get_option(Options.TCP_NODELAY)


# statement 157
def test_unix_domain(provider: SelectorProvider, selector: Selector, tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with ServerSocketChannel.open(ProtocolFamily.UNIX, provider=provider) as server:
        assert server.local_address is None
        server.bind(path).configure_blocking(False)
        assert server.local_address == str(path)
        key = server.register(selector, A)
        with SocketChannel.open(path, provider=provider) as client:
            assert client.remote_address == str(path)
            assert selector.select_now() == 1
            assert key.ready_ops == A
            accepted = server.accept()
            assert accepted is not None
            with accepted:
                assert accepted.is_blocking
                assert server.accept() is None
                assert client.write(b"hi") == 2
                assert accepted.read(bytearray(8)) == 2
                assert client.supported_options == {Options.SO_SNDBUF, Options.SO_RCVBUF, Options.SO_LINGER}
                assert server.supported_options == {Options.SO_RCVBUF}
                with pytest.raises(io.UnsupportedOperation):
                    client.set_option(Options.TCP_NODELAY, True)
                reader = client.configure_blocking(False).register(selector, R)
                accepted.write(b"yo")
                selector.selected_keys.clear()
                assert selector.select_now() == 1
                assert list(selector.selected_keys) == [reader]
    selector.select_now()  # until then the kernel still listens: the selector holds the descriptor
    assert path.exists()
    with pytest.raises(ConnectionRefusedError):
        SocketChannel.open(path, provider=provider)
    second = ServerSocketChannel.open(ProtocolFamily.UNIX, provider=provider)
    with second, pytest.raises(OSError, match="in use"):
        second.bind(path)


def test_every_kind_knows_its_provider(provider: SelectorProvider, server: ServerSocketChannel) -> None:
    with Pipe.open(provider=provider) as pipe, SocketChannel.open(address_of(server), provider=provider):
        arrived(server)
        accepted = server.accept()
        assert accepted is not None
        channels: list[SelectableChannel] = [server, accepted, pipe.source, pipe.sink]
        assert {channel.provider for channel in channels} == {provider}
        accepted.close()
