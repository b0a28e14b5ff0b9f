"""What tests of channels share: the back ends, connected ends, waiting with a deadline, threads that report.

That a thread sleeps in a channel or selector is told by ``tests.contract.watched``.
"""

from __future__ import annotations

import select
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from nio.buffers import ByteBuffer
from nio.channels import EOF, Ops, SelectableChannel, ServerSocketChannel, SocketChannel, StandardSocketOptions
from nio.spi import READABLE, Address, ProtocolFamily, SelectorProvider
from tests.contract.fake_kqueue import FakeKqueueProvider

T = TypeVar("T")

R, W, C, A = (int(op) for op in Ops)
PATIENCE = 10.0  # seconds after which something that should have happened has not
PROVIDERS = tuple(dict.fromkeys((*SelectorProvider.available(), "kqueue")))
LOOPBACK = ("127.0.0.1", 0)


def provider_named(name: str) -> SelectorProvider:
    """The back end of that name; kqueue, where the kernel has none, over a fake one."""
    return SelectorProvider.named(name) if name in SelectorProvider.available() else FakeKqueueProvider()


def until(condition: Callable[[], object]) -> None:
    """Ask the outside world until it says yes; an assertion after ``PATIENCE`` seconds."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.0005)


def arrived(channel: SelectableChannel, mask: int = READABLE) -> None:
    """Wait until the kernel has something to say about the channel, whatever selectors were told."""
    poll = select.poll()
    poll.register(channel._fd, mask)
    assert poll.poll(PATIENCE * 1000), f"nothing arrived at {channel!r}"


def listening(provider: SelectorProvider | None = None) -> ServerSocketChannel:
    """A server on a free port of the loopback, in non-blocking mode."""
    return ServerSocketChannel.open(provider=provider).bind(LOOPBACK).configure_blocking(False)


def address_of(channel: ServerSocketChannel | SocketChannel) -> Address:
    address = channel.local_address
    assert address is not None
    return address


def connected_pair(provider: SelectorProvider | None = None) -> tuple[SocketChannel, SocketChannel]:
    """Both ends of one TCP connection over the loopback, in non-blocking mode and without Nagle's delay."""
    with ServerSocketChannel.open(provider=provider).bind(LOOPBACK) as server:
        near = SocketChannel.open(address_of(server), provider=provider)
        far = server.accept()
    assert far is not None
    for end in (near, far):
        end.configure_blocking(False).set_option(StandardSocketOptions.TCP_NODELAY, True)
    return near, far


def unix_pair(directory: Path, provider: SelectorProvider | None = None) -> tuple[SocketChannel, SocketChannel]:
    """Both ends of one Unix-domain connection, in non-blocking mode."""
    path = directory / "s"
    with ServerSocketChannel.open(ProtocolFamily.UNIX, provider=provider).bind(path) as server:
        near = SocketChannel.open(path, provider=provider)
        far = server.accept()
    path.unlink()
    assert far is not None
    return near.configure_blocking(False), far.configure_blocking(False)


def text_of(channel: SocketChannel, room: int = 16) -> bytes | int:
    """What one read brings; ``EOF`` at the end of the stream."""
    buffer = ByteBuffer.allocate(room)
    count = channel.read(buffer)
    assert buffer.position == max(0, count)
    return EOF if count == EOF else bytes(buffer.flip())


def fill(channel: SocketChannel) -> int:
    """Write until the kernel takes no more, and see to it that this stays so until the peer reads; the number of bytes.

    What is under way to the peer when a write is refused makes room as soon as it is acknowledged: some tens of
    milliseconds later, or a fifth of a second. So the buffer is cut below what waits in it.
    """
    chunk = bytes(65536)
    total = sum(iter(lambda: channel.write(chunk), 0))
    channel.set_option(StandardSocketOptions.SO_SNDBUF, 1)  # the kernel's least
    return total


def drain(channel: SocketChannel, count: int) -> bytes:
    """Read exactly so many bytes from a channel in non-blocking mode."""
    data = bytearray(count)
    left = memoryview(data)
    while left:
        arrived(channel)
        got = channel.read(left)
        assert got > 0, f"the stream ended {len(left)} bytes early"
        left = left[got:]
    return bytes(data)


def reset(channel: SocketChannel) -> None:
    """Close so that the peer gets a reset instead of the end of the stream."""
    channel.set_option(StandardSocketOptions.SO_LINGER, 0)
    channel.close()


class Background(Generic[T]):
    """``fn(*args)`` in a thread; ``result()`` gives what it returned or raises what it raised."""

    def __init__(self, fn: Callable[..., T], *args: object) -> None:
        self._values: list[T] = []
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(fn, *args), daemon=True)
        self._thread.start()

    def _run(self, fn: Callable[..., T], *args: object) -> None:
        try:
            self._values.append(fn(*args))
        except BaseException as error:
            self._error = error

    @property
    def is_done(self) -> bool:
        return not self._thread.is_alive()

    def result(self) -> T:
        self._thread.join(PATIENCE)
        assert self.is_done, "the thread did not end in time"
        if self._error is not None:
            raise self._error
        return self._values[0]
