"""Faults of reading and writing with a selector, by the number each carries in the catalogue."""

from __future__ import annotations

import os
import random
import signal
import socket
import time
from collections import Counter

from nio.buffers import ByteBuffer
from nio.channels import EOF, SelectableChannel, SelectionKey, Selector, SocketChannel
from nio.channels import StandardSocketOptions as Options
from nio.spi import ProtocolFamily, SelectorProvider, SystemProvider
from tests.helpers import PATIENCE, R, W, arrived, connected_pair, drain


def test_B02_readiness_without_data(provider: SelectorProvider, selector: Selector) -> None:
    near, far = connected_pair(provider)
    with near, far:
        near.register(selector, R)
        with socket.socket(fileno=os.dup(near.socket.fileno())) as other:
            for _ in range(20):
                far.write(b"x")
                assert selector.select(PATIENCE) == 1
                assert other.recv(8) == b"x"
                buffer = ByteBuffer.allocate(8)
                assert near.read(buffer) == 0
                assert buffer.position == 0
                selector.selected_keys.clear()


def test_B07_urgent_data_neither_spins_nor_stains_the_stream(provider: SelectorProvider, selector: Selector) -> None:
    near, far = connected_pair(provider)
    with near, far:
        near.register(selector, R)
        far.write(b"one")
        far.socket.send(b"!", socket.MSG_OOB)
        far.write(b"two")
        assert drain(near, 6) == b"onetwo"
        assert selector.select_now() == 0
        far.socket.send(b"!", socket.MSG_OOB)
        far.write(b"x")
        assert selector.select(PATIENCE) == 1
        assert drain(near, 1) == b"x"
        selector.selected_keys.clear()
        assert selector.select_now() == 0


def close_somebody(selector: Selector, channels: list[SocketChannel], choice: random.Random) -> int:
    closed: set[SelectableChannel] = set()

    def act(key: SelectionKey) -> None:
        assert key.channel not in closed
        assert key.is_writable
        victim = choice.choice(channels)
        victim.close()
        closed.add(victim)

    return selector.select_now(act)


def test_B10_a_closes_b_when_both_are_ready(provider: SelectorProvider, selector: Selector) -> None:
    choice = random.Random(10)
    for _ in range(40):
        channels = [end for _ in range(3) for end in connected_pair(provider)]
        for channel in channels:
            channel.register(selector, W)
        assert 1 <= close_somebody(selector, channels, choice) <= 6
        for channel in channels:
            channel.close()
        assert selector.select_now() == 0
        assert len(selector.keys) == 0


def pump(selector: Selector, sender: SocketChannel, receiver: SocketChannel, data: bytes) -> bytes:
    """Send ``data`` as a handler would: write first, arm OP_WRITE for what is left; read what comes."""
    source, received = ByteBuffer.wrap(data), bytearray()
    key = sender.register(selector, 0)
    receiver.register(selector, R)
    sender.write(source)
    while len(received) < len(data):
        key.interest_ops = W if source.has_remaining else 0
        for ready in selector.ready_keys(PATIENCE):
            if ready is key:
                sender.write(source)
            else:
                target = ByteBuffer.allocate(3000)
                assert receiver.read(target) >= 0
                received += bytes(target.flip())
    return bytes(received)


def test_C01_short_writes(provider: SelectorProvider, selector: Selector) -> None:
    sender, receiver = connected_pair(provider)
    with sender, receiver:
        sender.set_option(Options.SO_SNDBUF, 1)
        data = random.Random(1).randbytes(200_000)
        assert pump(selector, sender, receiver, data) == data


class ReluctantSocket(socket.socket):
    """Every second write finds the kernel unwilling, whatever poll(2) said."""

    turn = 0

    def send(self, data: object, flags: int = 0, /) -> int:
        self.turn += 1
        if self.turn % 2:
            raise BlockingIOError
        return super().send(data, flags)  # type: ignore[arg-type]  # as it was given


class ReluctantProvider(SystemProvider):
    def open_socket(self, family: ProtocolFamily) -> socket.socket:
        sock = ReluctantSocket()
        sock.setblocking(False)
        return sock


def test_C02_nothing_is_lost_when_the_kernel_takes_nothing() -> None:
    provider = ReluctantProvider(SelectorProvider.available()[0])
    sender, receiver = connected_pair(provider)
    with sender, receiver, Selector.open(provider) as selector:
        source = ByteBuffer.wrap(b"hello")
        assert sender.write(source) == 0
        assert source.remaining == 5
        assert sender.write(source) == 5
        assert drain(receiver, 5) == b"hello"
        data = random.Random(2).randbytes(1_000_000)
        assert pump(selector, sender, receiver, data) == data


def test_C10_what_was_taken_may_be_changed(provider: SelectorProvider) -> None:
    sender, receiver = connected_pair(provider)
    with sender, receiver:
        data = bytearray(b"A" * 8_000_000)
        taken = sender.write(data)
        assert 0 < taken < len(data)
        data[:] = b"B" * len(data)
        assert drain(receiver, taken) == b"A" * taken


def test_C15_five_thousand_tiny_buffers(provider: SelectorProvider) -> None:
    sender, receiver = connected_pair(provider)
    with sender, receiver:
        data = random.Random(15).randbytes(5000)
        tiny = [ByteBuffer.wrap(bytearray(data[i : i + 1])) for i in range(5000)]
        assert sender.write(tiny) == 1024  # one system call's worth in non-blocking mode
        assert sender.configure_blocking(True).write(tiny) == 5000 - 1024
        assert not any(buffer.has_remaining for buffer in tiny)
        targets = [bytearray(1) for _ in range(5000)]
        count = 0
        while count < 5000:
            arrived(receiver)
            count += receiver.read(targets, count)
        assert b"".join(targets) == data


def test_H01_selections_under_a_storm_of_signals(provider: SelectorProvider, selector: Selector) -> None:
    signals: Counter[int] = Counter()
    previous = signal.signal(signal.SIGALRM, lambda number, _: signals.update([number]))
    sender, receiver = connected_pair(provider)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
        begin = time.monotonic()
        assert selector.select(0.05) == 0
        assert time.monotonic() - begin >= 0.05
        data = random.Random(1).randbytes(1_000_000)
        assert pump(selector, sender, receiver, data) == data
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
        sender.close()
        receiver.close()
    assert signals[signal.SIGALRM] > 1


def test_the_end_of_a_stream_is_told_under_load(provider: SelectorProvider, selector: Selector) -> None:
    pairs = [connected_pair(provider) for _ in range(30)]
    for near, far in pairs:
        near.register(selector, R)
        far.write(b"bye")
        far.close()
    left = {near for near, _ in pairs}
    while left:
        for key in selector.ready_keys(PATIENCE):
            assert isinstance(key.channel, SocketChannel)
            if key.channel.read(bytearray(2)) == EOF:
                key.channel.close()
                left.discard(key.channel)
    selector.select_now()
    assert len(selector.keys) == 0
