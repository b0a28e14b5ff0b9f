"""How a stream socket is connected in non-blocking mode, on every back end."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from nio.channels import Selector, ServerSocketChannel, SocketChannel
from nio.errors import (
    AlreadyBoundError,
    AlreadyConnectedError,
    ClosedChannelError,
    ConnectionPendingError,
    NoConnectionPendingError,
    NotYetConnectedError,
    UnresolvedAddressError,
)
from nio.spi import Address, SelectorProvider
from tests.contract.conftest import Pair
from tests.helpers import LOOPBACK, C, R, W, address_of, arrived, reset


# statement 139
def test_shutting_down_what_is_not_connected(provider: SelectorProvider, client: SocketChannel, pair: Pair) -> None:
    for shutdown in (client.shutdown_input, client.shutdown_output):
        with pytest.raises(NotYetConnectedError):
            shutdown()
    client.close()
    for shutdown in (client.shutdown_input, client.shutdown_output):
        with pytest.raises(ClosedChannelError):
            shutdown()
    channel, peer = pair
    reset(peer)
    arrived(channel)
    assert channel.shutdown_output() is channel
    assert channel.shutdown_input() is channel


# statement 140
def test_C08_reading_and_writing_before_the_connection(client: SocketChannel, server: ServerSocketChannel) -> None:
    uses: list[Callable[[], object]] = [
        lambda: client.read(bytearray(4)),
        lambda: client.write(b"x"),
        client.shutdown_input,
        client.shutdown_output,
    ]
    for use in uses:
        with pytest.raises(NotYetConnectedError):
            use()
    assert client.connect(address_of(server)) is False
    for use in uses:
        with pytest.raises(NotYetConnectedError):
            use()
    arrived(client, W)
    assert client.finish_connect() is True
    assert client.read(bytearray(4)) == 0
    assert client.write(b"x") == 1


# statements 141, 142, 143
def test_B13_the_states_of_a_connect(client: SocketChannel, server: ServerSocketChannel) -> None:
    address = address_of(server)
    with pytest.raises(NoConnectionPendingError):
        client.finish_connect()
    assert not client.is_connected
    assert not client.is_connection_pending
    assert client.remote_address is None
    assert client.connect(address) is False
    assert client.is_connection_pending
    assert client.remote_address == address
    with pytest.raises(ConnectionPendingError):
        client.connect(address)
    with pytest.raises(ConnectionPendingError):
        client.bind(LOOPBACK)
    arrived(client, W)
    assert client.finish_connect() is True
    assert client.is_connected
    assert not client.is_connection_pending
    assert client.remote_address == address
    assert client.finish_connect() is True
    with pytest.raises(AlreadyConnectedError):
        client.connect(address)
    with pytest.raises(AlreadyBoundError):
        client.bind(LOOPBACK)
    client.close()
    with pytest.raises(ClosedChannelError):
        client.connect(address)
    with pytest.raises(ClosedChannelError):
        client.finish_connect()
    assert not client.is_connected


# statements 142, 145, 146
def test_B13_readiness_of_a_connect(selector: Selector, client: SocketChannel, server: ServerSocketChannel) -> None:
    assert client.connect(address_of(server)) is False
    key = client.register(selector, C | R | W)
    assert selector.select(None) == 1
    assert key.ready_ops == C  # nothing can be read or written before finish_connect()
    assert (key.is_connectable, key.is_acceptable) == (True, False)
    assert client.finish_connect() is True
    key.interest_ops = C
    selector.selected_keys.clear()
    assert selector.select_now() == 0
    key.interest_ops = W
    assert selector.select_now() == 1
    assert key.ready_ops == W


# statement 142: nothing answers at the address, so the connection stays pending
def test_finish_connect_while_pending(provider: SelectorProvider, selector: Selector) -> None:
    with ServerSocketChannel.open(provider=provider).bind(LOOPBACK, 1) as server:
        clients = [SocketChannel.open(provider=provider).configure_blocking(False) for _ in range(4)]
        for client in clients:  # the queue takes two, the kernel lets the others wait for it
            assert client.connect(address_of(server)) is False
        pending = [client for client in clients if client.finish_connect() is False]
        assert pending
        for client in pending:
            assert client.is_connection_pending
            client.register(selector, C)
        assert selector.select_now() == 0
        for client in clients:
            client.close()


# statements 144, 145
def test_B13_a_refused_connect_closes_the_channel(selector: Selector, client: SocketChannel, refusing: Address) -> None:
    key = client.register(selector, C)
    assert client.connect(refusing) is False
    assert selector.select(None) == 1
    assert key.ready_ops == C
    assert client.is_open
    with pytest.raises(ConnectionRefusedError):
        client.finish_connect()
    assert not client.is_open
    assert not client.is_connection_pending
    assert not key.is_valid
    with pytest.raises(ClosedChannelError):
        client.finish_connect()


# statement 129
def test_a_refused_connect_reports_the_whole_interest_set(
    selector: Selector, client: SocketChannel, refusing: Address
) -> None:
    client.connect(refusing)
    key = client.register(selector, C | R | W)
    assert selector.select(None) == 1
    assert key.ready_ops == C | R | W


# statement 145
def test_finishing_after_the_server_has_closed(client: SocketChannel, server: ServerSocketChannel) -> None:
    client.connect(address_of(server))
    arrived(client, W)
    server.close()
    arrived(client, 0)
    with pytest.raises(ConnectionResetError):
        client.finish_connect()
    assert not client.is_open


# statement 147
def test_an_unresolved_address_changes_nothing(client: SocketChannel, server: ServerSocketChannel) -> None:
    for blocking in (True, False):
        client.configure_blocking(blocking)
        with pytest.raises(UnresolvedAddressError):
            client.connect(("no.such.host.invalid", 1))
        assert client.is_open
        assert not client.is_connection_pending
    client.connect(address_of(server))
    assert client.is_connection_pending
