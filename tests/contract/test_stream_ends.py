"""How a stream ends: closed, reset or shut down, by either side, on every back end."""

from __future__ import annotations

import pytest

from nio.channels import EOF, Selector, ServerSocketChannel, SocketChannel
from nio.errors import AsynchronousCloseError
from nio.spi import SelectorProvider
from tests.contract.conftest import Pair
from tests.helpers import R, W, address_of, arrived, drain, reset, text_of


# statement 133
def test_writing_to_a_peer_that_has_closed(pair: Pair) -> None:
    channel, peer = pair
    peer.close()
    arrived(channel)
    assert channel.write(b"x") == 1
    arrived(channel, 0)  # the reset that answers
    with pytest.raises(BrokenPipeError):
        channel.write(b"y")
    assert channel.is_open


# statement 134
def test_writing_after_a_reset(pair: Pair) -> None:
    channel, peer = pair
    reset(peer)
    arrived(channel)
    with pytest.raises(ConnectionResetError):
        channel.write(b"x")
    with pytest.raises(BrokenPipeError):
        channel.write(b"y")
    assert text_of(channel) == EOF
    assert channel.is_open


# statement 134
def test_writing_after_a_read_has_told_the_reset(pair: Pair) -> None:
    channel, peer = pair
    reset(peer)
    arrived(channel)
    with pytest.raises(ConnectionResetError):
        channel.read(bytearray(8))
    with pytest.raises(BrokenPipeError):
        channel.write(b"x")
    with pytest.raises(ConnectionResetError):
        channel.read(bytearray(8))


# statements 134, 138
def test_the_own_shutdown_ends_the_input_also_after_a_reset(pair: Pair) -> None:
    channel, peer = pair
    reset(peer)
    arrived(channel)
    with pytest.raises(ConnectionResetError):
        channel.read(bytearray(8))
    channel.shutdown_input()
    assert text_of(channel) == EOF


# statement 135
def test_closing_with_unread_input_resets(pair: Pair) -> None:
    channel, peer = pair
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
def test_what_was_written_before_the_close_is_read_first(any_pair: Pair) -> None:
    channel, peer = any_pair
    channel.write(b"bye")
    channel.close()
    assert drain(peer, 3) == b"bye"
    arrived(peer)
    assert text_of(peer) == EOF


# statements 137, 157
def test_shutdown_output(selector: Selector, any_pair: Pair) -> None:
    channel, peer = any_pair
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
def test_shutdown_input(selector: Selector, any_pair: Pair) -> None:
    channel, peer = any_pair
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
