"""Stream sockets in non-blocking mode: statements 124 to 152, 156 and 157."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nio.buffers import ByteBuffer
from nio.channels import EOF, Pipe, SelectableChannel, Selector, ServerSocketChannel, SocketChannel
from nio.channels import StandardSocketOptions as Options
from nio.errors import (
    AlreadyBoundError,
    AlreadyConnectedError,
    AsynchronousCloseError,
    ClosedChannelError,
    ConnectionPendingError,
    IllegalArgumentError,
    NoConnectionPendingError,
    NotYetBoundError,
    NotYetConnectedError,
    UnresolvedAddressError,
)
from nio.spi import Address, ProtocolFamily, SelectorProvider
from tests.contract.conftest import Pair
from tests.helpers import (
    LOOPBACK,
    A,
    C,
    R,
    W,
    address_of,
    arrived,
    connected_pair,
    drain,
    fill,
    listening,
    reset,
    unix_pair,
)


@pytest.fixture(params=["tcp", "unix"])
def pair(request: pytest.FixtureRequest, provider: SelectorProvider, tmp_path: Path) -> Iterator[Pair]:
    near, far = connected_pair(provider) if request.param == "tcp" else unix_pair(tmp_path, provider)
    with near, far:
        yield near, far


@pytest.fixture
def tcp(provider: SelectorProvider) -> Iterator[Pair]:
    near, far = connected_pair(provider)
    with near, far:
        yield near, far


@pytest.fixture
def server(provider: SelectorProvider) -> Iterator[ServerSocketChannel]:
    with listening(provider) as server:
        yield server


@pytest.fixture
def client(provider: SelectorProvider) -> Iterator[SocketChannel]:
    with SocketChannel.open(provider=provider).configure_blocking(False) as client:
        yield client


@pytest.fixture
def refusing(provider: SelectorProvider) -> Iterator[Address]:
    """An address that is taken and where nobody listens."""
    with SocketChannel.open(provider=provider).bind(LOOPBACK) as taken:
        yield address_of(taken)


def text_of(channel: SocketChannel, room: int = 16) -> bytes | int:
    """What one read brings; ``EOF`` at the end of the stream."""
    buffer = ByteBuffer.allocate(room)
    count = channel.read(buffer)
    assert buffer.position == max(0, count)
    return EOF if count == EOF else bytes(buffer.flip())


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
def test_a_closed_channel_refuses(tcp: Pair, use: Callable[[SocketChannel], object]) -> None:
    channel, _ = tcp
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


# statements 125, 126, 157
def test_what_a_read_returns(pair: Pair) -> None:
    channel, peer = pair
    assert text_of(channel) == b""
    assert peer.write(b"hello") == 5
    arrived(channel)
    assert text_of(channel, 3) == b"hel"
    assert text_of(channel, 0) == b""
    assert text_of(channel) == b"lo"
    assert channel.read(bytearray(8)) == 0
    peer.close()
    arrived(channel)
    assert text_of(channel) == EOF
    assert text_of(channel) == EOF
    assert channel.is_open
    assert channel.is_connected
    assert text_of(channel, 0) == b""


# statement 127
def test_a_read_only_destination(pair: Pair) -> None:
    channel, peer = pair
    peer.write(b"hello")
    arrived(channel)
    for target in (ByteBuffer.allocate(8).as_read_only_buffer(), memoryview(b"12345678")):
        with pytest.raises(IllegalArgumentError):
            channel.read(target)
        with pytest.raises(IllegalArgumentError):
            channel.read([bytearray(2), target])
    assert text_of(channel) == b"hello"


# statement 128
def test_the_end_of_the_stream_stays_readable(selector: Selector, pair: Pair) -> None:
    channel, peer = pair
    key = channel.register(selector, R)
    assert selector.select_now() == 0
    peer.close()
    for _ in range(3):
        assert selector.select(None) == 1
        assert key.ready_ops == R
        assert channel.read(bytearray(4)) == EOF
        selector.selected_keys.clear()


# statements 128, 134
def test_B05_a_reset_stays_readable_and_is_remembered(selector: Selector, tcp: Pair) -> None:
    channel, peer = tcp
    key = channel.register(selector, R)
    reset(peer)
    for _ in range(3):
        assert selector.select(None) == 1
        assert key.ready_ops == R
        with pytest.raises(ConnectionResetError):
            channel.read(bytearray(4))
        with pytest.raises(ConnectionResetError):
            channel.read(bytearray(0))
        selector.selected_keys.clear()
    assert channel.is_open


# statements 130, 152
def test_a_write_may_be_partial(pair: Pair) -> None:
    channel, peer = pair
    buffer = ByteBuffer.allocate(16_000_000)
    count = channel.write(buffer)
    assert 0 < count < buffer.capacity
    assert (buffer.position, buffer.remaining) == (count, buffer.capacity - count)
    count += fill(channel)
    rest = ByteBuffer.wrap(bytearray(b"more"))
    assert channel.write(rest) == 0
    assert rest.remaining == 4
    drain(peer, count)
    arrived(channel, W)
    assert channel.write(rest) == 4


# statements 151, 152
def test_a_partial_gather_takes_the_buffers_in_order(pair: Pair) -> None:
    channel, peer = pair
    buffers = [ByteBuffer.allocate(8_000_000), ByteBuffer.allocate(8_000_000), ByteBuffer.allocate(10)]
    total = channel.write(buffers)
    positions = [buffer.position for buffer in buffers]
    assert total == sum(positions)
    assert buffers[2].remaining == 10
    assert positions[1] == 0 or not buffers[0].has_remaining
    total += fill(channel)
    drain(peer, total)


# statement 151
def test_gather_and_scatter(pair: Pair) -> None:
    channel, peer = pair
    sources = [ByteBuffer.wrap(bytearray(text)) for text in (b"ab", b"cde", b"f")]
    assert channel.write(sources) == 6
    assert [source.remaining for source in sources] == [0, 0, 0]
    arrived(peer)
    targets = [ByteBuffer.allocate(size) for size in (2, 0, 3, 8)]
    assert peer.read(targets) == 6
    assert [bytes(target.flip()) for target in targets] == [b"ab", b"", b"cde", b"f"]
    assert channel.write([b"", b""]) == 0
    assert channel.write([]) == 0
    assert channel.write([b"", b"xy"]) == 2
    arrived(peer)
    targets = [ByteBuffer.allocate(size) for size in (1, 4)]
    assert peer.read(targets) == 2
    assert [bytes(target.flip()) for target in targets] == [b"x", b"y"]
    assert peer.read([bytearray(0), bytearray(0)]) == 0
    assert peer.read([bytearray(2), bytearray(2)]) == 0
    channel.close()
    arrived(peer)
    assert peer.read([bytearray(2), bytearray(2)]) == EOF


# statement 151
def test_gather_and_scatter_over_a_part_of_the_buffers(pair: Pair) -> None:
    channel, peer = pair
    assert channel.write([b"a", b"b", b"c", b"d"], 1, 2) == 2
    arrived(peer)
    targets = [bytearray(1) for _ in range(4)]
    assert peer.read(targets, 2) == 2
    assert targets == [b"\0", b"\0", b"b", b"c"]
    for offset, length in ((-1, 1), (0, 5), (4, 1), (0, -1)):
        with pytest.raises(IndexError):
            channel.write(targets, offset, length)
    assert channel.write(targets, 4) == 0
    with pytest.raises(TypeError):
        channel.write(b"abc", 1)


# statement 133
def test_writing_to_a_peer_that_has_closed(tcp: Pair) -> None:
    channel, peer = tcp
    peer.close()
    arrived(channel)
    assert channel.write(b"x") == 1
    arrived(channel, 0)  # the reset that answers
    with pytest.raises(BrokenPipeError):
        channel.write(b"y")
    assert channel.is_open


# statement 134
def test_writing_after_a_reset(tcp: Pair) -> None:
    channel, peer = tcp
    reset(peer)
    arrived(channel)
    with pytest.raises(ConnectionResetError):
        channel.write(b"x")
    with pytest.raises(BrokenPipeError):
        channel.write(b"y")
    assert text_of(channel) == EOF
    assert channel.is_open


# statement 134
def test_writing_after_a_read_has_told_the_reset(tcp: Pair) -> None:
    channel, peer = tcp
    reset(peer)
    arrived(channel)
    with pytest.raises(ConnectionResetError):
        channel.read(bytearray(8))
    with pytest.raises(BrokenPipeError):
        channel.write(b"x")
    with pytest.raises(ConnectionResetError):
        channel.read(bytearray(8))


# statements 134, 138
def test_the_own_shutdown_ends_the_input_also_after_a_reset(tcp: Pair) -> None:
    channel, peer = tcp
    reset(peer)
    arrived(channel)
    with pytest.raises(ConnectionResetError):
        channel.read(bytearray(8))
    channel.shutdown_input()
    assert text_of(channel) == EOF


# statement 135
def test_closing_with_unread_input_resets(tcp: Pair) -> None:
    channel, peer = tcp
    peer.write(b"unread")
    arrived(channel)
    channel.close()
    arrived(peer)
    with pytest.raises(ConnectionResetError):
        peer.read(bytearray(8))


# statement 135
def test_closing_a_server_resets_what_waits_in_its_queue(
    provider: SelectorProvider, server: ServerSocketChannel
) -> None:
    with SocketChannel.open(address_of(server), provider=provider).configure_blocking(False) as client:
        server.close()
        arrived(client)
        with pytest.raises(ConnectionResetError):
            client.read(bytearray(4))


# statements 136, 157
def test_what_was_written_before_the_close_is_read_first(pair: Pair) -> None:
    channel, peer = pair
    channel.write(b"bye")
    channel.close()
    assert drain(peer, 3) == b"bye"
    arrived(peer)
    assert text_of(peer) == EOF


# statements 137, 157
def test_shutdown_output(selector: Selector, pair: Pair) -> None:
    channel, peer = pair
    key = channel.register(selector, R | W)
    assert channel.shutdown_output() is channel
    assert channel.shutdown_output() is channel
    assert selector.select_now() == 1
    assert key.ready_ops == W
    arrived(peer)
    assert text_of(peer) == EOF
    for sources in (b"x", b"", [b"x", b"y"]):
        with pytest.raises(AsynchronousCloseError):
            channel.write(sources)
    assert peer.write(b"still") == 5
    assert drain(channel, 5) == b"still"
    peer.shutdown_output()
    selector.selected_keys.clear()
    arrived(channel)
    assert selector.select_now() == 1
    assert key.ready_ops == R | W
    assert channel.is_open


# statements 126, 138, 157
def test_shutdown_input(selector: Selector, pair: Pair) -> None:
    channel, peer = pair
    key = channel.register(selector, R)
    peer.write(b"waiting")
    arrived(channel)
    assert channel.read(bytearray(0)) == 0
    assert channel.shutdown_input() is channel
    assert channel.shutdown_input() is channel
    assert text_of(channel, 0) == EOF
    assert text_of(channel, 4) == EOF
    assert selector.select_now() == 1
    assert key.ready_ops == R
    assert channel.write(b"out") == 3
    assert drain(peer, 3) == b"out"


# statement 139
def test_shutting_down_what_is_not_connected(provider: SelectorProvider, client: SocketChannel, tcp: Pair) -> None:
    for shutdown in (client.shutdown_input, client.shutdown_output):
        with pytest.raises(NotYetConnectedError):
            shutdown()
    client.close()
    for shutdown in (client.shutdown_input, client.shutdown_output):
        with pytest.raises(ClosedChannelError):
            shutdown()
    channel, peer = tcp
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
def test_options(provider: SelectorProvider, tcp: Pair, server: ServerSocketChannel) -> None:
    channel, _ = tcp
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
