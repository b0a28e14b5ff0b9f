"""Blocking mode and threads in one channel: statements 131, 142, 144, 149, 153 and 154.

Statement 155 (interrupting a thread that blocks in a channel) has no counterpart: Python's threads have no interrupt.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from nio.channels import EOF, Pipe, ServerSocketChannel, SocketChannel
from nio.errors import AsynchronousCloseError, ClosedChannelError, NoConnectionPendingError
from tests.contract.conftest import Pair
from tests.contract.watched import WatchedProvider
from tests.helpers import LOOPBACK, Background, address_of, arrived, connected_pair, drain


@pytest.fixture
def pair(watched: WatchedProvider) -> Iterator[Pair]:
    """The near end in blocking mode, the far one not."""
    near, far = connected_pair(watched)
    near.configure_blocking(True)
    watched.forget()
    with near, far:
        yield near, far


@pytest.fixture
def server(watched: WatchedProvider) -> Iterator[ServerSocketChannel]:
    with ServerSocketChannel.open(provider=watched).bind(LOOPBACK) as server:
        yield server


def test_a_blocking_read_waits_for_data_or_the_end(watched: WatchedProvider, pair: Pair) -> None:
    channel, peer = pair
    assert channel.read(bytearray(0)) == 0
    reading = Background(channel.read, bytearray(8))
    watched.until_asleep()
    peer.write(b"xyz")
    assert reading.result() == 3
    reading = Background(channel.read, [bytearray(2), bytearray(2)])
    watched.until_asleep()
    peer.close()
    assert reading.result() == EOF


# statement 131
def test_a_blocking_write_returns_when_all_is_written(watched: WatchedProvider, pair: Pair) -> None:
    channel, peer = pair
    data = bytes(range(256)) * 40_000
    writing = Background(channel.write, [data[:5_000_000], data[5_000_000:]])
    watched.until_asleep()
    assert drain(peer, len(data)) == data
    assert writing.result() == len(data)


# statement 142
def test_finish_connect_in_blocking_mode(watched: WatchedProvider, server: ServerSocketChannel) -> None:
    with SocketChannel.open(provider=watched) as client:
        with pytest.raises(NoConnectionPendingError):
            client.finish_connect()
        assert client.is_open
        client.configure_blocking(False)
        assert client.connect(address_of(server)) is False
        client.configure_blocking(True)
        assert client.finish_connect() is True
        assert client.finish_connect() is True


# statement 144
def test_a_refused_connect_in_blocking_mode_closes_the_channel(watched: WatchedProvider) -> None:
    with SocketChannel.open(provider=watched).bind(LOOPBACK) as taken:
        refusing = address_of(taken)
        client = SocketChannel.open(provider=watched)
        with pytest.raises(ConnectionRefusedError, match=r"127\.0\.0\.1"):
            client.connect(refusing)
        assert not client.is_open
        with pytest.raises(AsynchronousCloseError):
            client.connect(refusing)
        with pytest.raises(AsynchronousCloseError):
            client.finish_connect()
        with pytest.raises(ConnectionRefusedError):
            SocketChannel.open(refusing, provider=watched)


# statement 149
def test_a_blocking_accept_waits_for_a_connection(watched: WatchedProvider, server: ServerSocketChannel) -> None:
    accepting = Background(server.accept)
    watched.until_asleep()
    with SocketChannel.open(address_of(server), provider=watched) as client:
        accepted = accepting.result()
        assert accepted is not None
        with accepted:
            assert accepted.remote_address == client.local_address


# statement 153
def test_a_reader_and_a_writer_run_at_once(watched: WatchedProvider, pair: Pair) -> None:
    channel, peer = pair
    reading = Background(channel.read, bytearray(8))
    watched.until_asleep()
    assert Background(channel.write, b"hi").result() == 2
    assert drain(peer, 2) == b"hi"
    assert not reading.is_done
    peer.write(b"yo")
    assert reading.result() == 2


# statement 153
def test_a_sleeping_writer_and_a_reader(watched: WatchedProvider, pair: Pair) -> None:
    channel, peer = pair
    writing = Background(channel.write, bytes(40_000_000))
    watched.until_asleep()
    peer.write(b"yo")
    assert channel.read(bytearray(8)) == 2
    assert not writing.is_done
    drain(peer, 40_000_000)
    assert writing.result() == 40_000_000


# statement 137
def test_shutting_the_output_down_releases_a_writer(watched: WatchedProvider, pair: Pair) -> None:
    channel, peer = pair
    writing = Background(channel.write, bytes(40_000_000))
    watched.until_asleep()
    channel.shutdown_output()
    with pytest.raises(AsynchronousCloseError):
        writing.result()
    assert channel.is_open
    peer.write(b"yo")
    assert channel.read(bytearray(8)) == 2


# statement 138
def test_shutting_the_input_down_releases_a_reader(watched: WatchedProvider, pair: Pair) -> None:
    channel, _ = pair
    reading = Background(channel.read, bytearray(8))
    watched.until_asleep()
    channel.shutdown_input()
    assert reading.result() == EOF
    assert channel.is_open


# statement 153
def test_a_second_reader_waits_for_the_first(watched: WatchedProvider, pair: Pair) -> None:
    channel, peer = pair
    first = Background(channel.read, bytearray(3))
    watched.until_asleep()
    second = Background(channel.read, bytearray(3))
    watched.until_queued()
    peer.write(b"onetwo")
    assert first.result() == 3
    assert second.result() == 3


# statement 153
def test_changing_the_mode_waits_for_the_reader(watched: WatchedProvider, pair: Pair) -> None:
    channel, peer = pair
    reading = Background(channel.read, bytearray(8))
    watched.until_asleep()
    changing = Background(channel.configure_blocking, False)
    watched.until_queued()
    assert channel.is_blocking
    assert not changing.is_done
    peer.write(b"x")
    assert reading.result() == 1
    assert changing.result() is channel
    assert not channel.is_blocking


# statement 154
@pytest.mark.parametrize("buffer", [bytearray(4), [bytearray(2), bytearray(2)]])
def test_D08_closing_releases_a_reader(
    watched: WatchedProvider, pair: Pair, buffer: bytearray | list[bytearray]
) -> None:
    channel, peer = pair
    reading = Background(channel.read, buffer)
    watched.until_asleep()
    channel.close()
    with pytest.raises(AsynchronousCloseError):
        reading.result()
    assert channel.socket.fileno() == -1
    arrived(peer)
    assert peer.read(bytearray(4)) == EOF


# statement 154
def test_D08_closing_releases_a_writer(watched: WatchedProvider, pair: Pair) -> None:
    channel, _ = pair
    source = memoryview(bytes(50_000_000))
    writing = Background(channel.write, source)
    watched.until_asleep()
    channel.close()
    with pytest.raises(AsynchronousCloseError):
        writing.result()


# statement 154
def test_closing_releases_a_writer_that_never_sleeps(watched: WatchedProvider, pair: Pair) -> None:
    channel, peer = pair
    writing = Background(channel.write, bytes(50_000_000))
    sink = bytearray(65536)
    while not writing.is_done:
        if channel.is_open and peer.read(sink) > 0:
            channel.close()
    with pytest.raises(AsynchronousCloseError):
        writing.result()


# statement 154
def test_D08_closing_releases_readers_that_wait_for_their_turn(watched: WatchedProvider, pair: Pair) -> None:
    channel, _ = pair
    first = Background(channel.read, bytearray(4))
    watched.until_asleep()
    others = [Background(channel.read, bytearray(4)) for _ in range(3)]
    for _ in others:
        watched.until_queued()
    channel.close()
    with pytest.raises(AsynchronousCloseError):
        first.result()
    for other in others:
        with pytest.raises(ClosedChannelError):
            other.result()


# statement 154
def test_A10_closing_releases_an_acceptor(watched: WatchedProvider, server: ServerSocketChannel) -> None:
    accepting = Background(server.accept)
    watched.until_asleep()
    second = Background(server.accept)
    watched.until_queued()
    server.close()
    with pytest.raises(AsynchronousCloseError):
        accepting.result()
    with pytest.raises(ClosedChannelError):
        second.result()
    with pytest.raises(AsynchronousCloseError):
        server.accept()


# statement 154
def test_closing_releases_a_connect(watched: WatchedProvider) -> None:
    with ServerSocketChannel.open(provider=watched).bind(LOOPBACK, 1) as server:
        address = address_of(server)
        waiting = [SocketChannel.open(provider=watched).configure_blocking(False) for _ in range(4)]
        for client in waiting:  # more than the queue takes, so that the next one is not answered
            client.connect(address)
        for use in (lambda client: client.connect(address), finish_later(address)):
            client = SocketChannel.open(provider=watched)
            watched.forget()
            connecting = Background(use, client)
            watched.until_asleep()
            assert client.is_connection_pending
            client.close()
            with pytest.raises(AsynchronousCloseError):
                connecting.result()
        for client in waiting:
            client.close()


def finish_later(address: object) -> Callable[[SocketChannel], bool]:
    def use(client: SocketChannel) -> bool:
        client.configure_blocking(False).connect(address)  # type: ignore[arg-type]  # object is enough for a test
        return client.configure_blocking(True).finish_connect()

    return use


# statement 154
@pytest.mark.parametrize("end", ["source", "sink"])
def test_closing_releases_a_thread_in_a_pipe(watched: WatchedProvider, end: str) -> None:
    with Pipe.open(provider=watched) as pipe:
        use: Background[int]
        if end == "source":
            use = Background(pipe.source.read, bytearray(4))
        else:
            use = Background(pipe.sink.write, bytes(1_000_000))
        watched.until_asleep()
        (pipe.source if end == "source" else pipe.sink).close()
        with pytest.raises(AsynchronousCloseError):
            use.result()
