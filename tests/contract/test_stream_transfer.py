"""Reading and writing of stream sockets in non-blocking mode, on every back end."""

from __future__ import annotations

import pytest

from nio.buffers import ByteBuffer
from nio.channels import EOF, Selector
from nio.errors import IllegalArgumentError
from tests.contract.conftest import Pair
from tests.helpers import R, W, arrived, drain, fill, reset, text_of


# statements 125, 126, 157
def test_what_a_read_returns(any_pair: Pair) -> None:
    channel, peer = any_pair
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
def test_a_read_only_destination(any_pair: Pair) -> None:
    channel, peer = any_pair
    peer.write(b"hello")
    arrived(channel)
    for target in (ByteBuffer.allocate(8).as_read_only_buffer(), memoryview(b"12345678")):
        with pytest.raises(IllegalArgumentError):
            channel.read(target)
        with pytest.raises(IllegalArgumentError):
            channel.read([bytearray(2), target])
    assert text_of(channel) == b"hello"


# statement 128
def test_the_end_of_the_stream_stays_readable(selector: Selector, any_pair: Pair) -> None:
    channel, peer = any_pair
    key = channel.register(selector, R)
    assert selector.select_now() == 0
    peer.close()
    for _ in range(3):
        assert selector.select(None) == 1
        assert key.ready_ops == R
        assert channel.read(bytearray(4)) == EOF
        selector.selected_keys.clear()


# statements 128, 134
def test_B05_a_reset_stays_readable_and_is_remembered(selector: Selector, pair: Pair) -> None:
    channel, peer = pair
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
def test_a_write_may_be_partial(any_pair: Pair) -> None:
    channel, peer = any_pair
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
def test_a_partial_gather_takes_the_buffers_in_order(any_pair: Pair) -> None:
    channel, peer = any_pair
    buffers = [ByteBuffer.allocate(8_000_000), ByteBuffer.allocate(8_000_000), ByteBuffer.allocate(10)]
    total = channel.write(buffers)
    positions = [buffer.position for buffer in buffers]
    assert total == sum(positions)
    assert buffers[2].remaining == 10
    assert positions[1] == 0 or not buffers[0].has_remaining
    total += fill(channel)
    drain(peer, total)


# statement 151
def test_gather_and_scatter(any_pair: Pair) -> None:
    channel, peer = any_pair
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
def test_gather_and_scatter_over_a_part_of_the_buffers(any_pair: Pair) -> None:
    channel, peer = any_pair
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
