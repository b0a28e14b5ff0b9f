"""One connection to the server, for whoever does one thing after the other: connect, send, receive, end.

The channel is non-blocking and a selector of its own does the waiting, because a blocking read cannot be told to give
up after a while.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self

from nio import EOF, ByteBuffer, ProtocolFamily, SelectionKey, Selector, SocketChannel
from nio.framing import Lines
from nio.spi import Address
from samples.hello_name._console import Exit, Failure, reason_of, spell

LONGEST_REPLY = 100_000


def connect(addresses: Iterable[tuple[ProtocolFamily, Address]], timeout: float) -> SocketChannel:
    """A connected channel, non-blocking, to the first of a host's addresses that answers; Failure when none does."""
    failure = Failure(Exit.CANNOT_CONNECT, "cannot connect: the host has no address")
    for family, address in addresses:
        channel = SocketChannel.open(family=family).configure_blocking(False)
        try:
            if _finished(channel, address, timeout):
                return channel if family is ProtocolFamily.UNIX else channel.set_option("TCP_NODELAY", True)
            failure = Failure(Exit.TIME_LIMIT, f"no connection to {spell(address)} within {timeout:g} s")
        except OSError as error:
            failure = Failure(Exit.CANNOT_CONNECT, f"cannot connect to {spell(address)}: {reason_of(error)}")
        channel.close()
    raise failure


def _finished(channel: SocketChannel, address: Address, timeout: float) -> bool:
    if channel.connect(address):
        return True
    with Selector.open() as selector:
        channel.register(selector, SelectionKey.OP_CONNECT)
        return selector.select(timeout) > 0 and channel.finish_connect()


class Conversation:
    """A connection on which no call waits longer than ``timeout`` seconds (then Failure, a time limit)."""

    def __init__(self, addresses: Iterable[tuple[ProtocolFamily, Address]], timeout: float = 10.0) -> None:
        self._timeout = timeout
        self._channel = connect(addresses, timeout)
        self._selector = Selector.open()
        self._key = self._channel.register(self._selector, 0)
        self._buffer = ByteBuffer.allocate(65_536)
        self._decoder = Lines(max_length=LONGEST_REPLY).decoder()
        self._replies: list[bytes] = []

    def send(self, data: bytes) -> None:
        """Write all of it."""
        buffer = ByteBuffer.wrap(data)
        while buffer.has_remaining:
            if self._channel.write(buffer) == 0:
                self._wait(SelectionKey.OP_WRITE)

    def end_output(self) -> None:
        """Half-close: nothing more will be sent."""
        self._channel.shutdown_output()

    def receive(self) -> bytes | None:
        """The next line, None at the end of the stream."""
        if not self._replies:
            self._replies = self._decoder.feed(b"")  # the decoder gives 64 at a time
        while not self._replies:
            count = self._channel.read(self._buffer.clear())
            if count == EOF:
                return None
            if count == 0:
                self._wait(SelectionKey.OP_READ)
            self._replies = self._decoder.feed(bytes(self._buffer.flip()))
            if self._decoder.error is not None:
                raise Failure(Exit.WRONG_REPLY, f"a reply is longer than {LONGEST_REPLY} bytes")
        return self._replies.pop(0)

    def close(self) -> None:
        """End both directions."""
        self._channel.close()
        self._selector.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def _wait(self, ops: int) -> None:
        self._key.interest_ops = ops
        if not list(self._selector.ready_keys(self._timeout)):
            raise Failure(Exit.TIME_LIMIT, f"no answer for {self._timeout:g} s")
