"""Faults of datagrams, by the number each carries in the catalogue."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from functools import partial

import pytest

from nio.buffers import ByteBuffer
from nio.channels import DatagramChannel, SelectionKey, Selector
from nio.spi import ProtocolFamily, SelectorProvider, SystemProvider
from tests.helpers import LOOPBACK, R, arrived

LONGEST = 65_507  # bytes that IPv4 has room for in one datagram


@pytest.fixture(params=SelectorProvider.available())
def provider(request: pytest.FixtureRequest) -> SelectorProvider:
    return SelectorProvider.named(request.param)


@pytest.fixture
def near(provider: SelectorProvider) -> Iterator[DatagramChannel]:
    with bound(provider) as channel:
        yield channel


@pytest.fixture
def far(provider: SelectorProvider) -> Iterator[DatagramChannel]:
    with bound(provider) as channel:
        yield channel


def bound(provider: SelectorProvider | None = None) -> DatagramChannel:
    return DatagramChannel.open(provider=provider).bind(LOOPBACK).configure_blocking(False)


def address_of(channel: DatagramChannel) -> tuple[str, int]:
    address = channel.local_address
    assert isinstance(address, tuple)
    return address[0], address[1]


def nobody() -> tuple[str, int]:
    """An address that somebody has just left."""
    with bound() as channel:
        return address_of(channel)


def received(channel: DatagramChannel) -> bytes:
    arrived(channel)
    buffer = ByteBuffer.allocate(LONGEST)
    assert channel.receive(buffer) is not None
    return bytes(buffer.flip())


# statement 166
@pytest.mark.parametrize("connected", [False, True])
def test_C16_more_than_a_datagram_holds(near: DatagramChannel, far: DatagramChannel, connected: bool) -> None:
    halves = [ByteBuffer.allocate(LONGEST // 2 + 1) for _ in range(2)]
    whole = ByteBuffer.allocate(LONGEST + 1)
    acts = [(partial(near.send, whole, address_of(far)), LONGEST + 1)]
    if connected:
        near.connect(address_of(far))
        acts += [(partial(near.write, whole), LONGEST + 1), (partial(near.write, halves), LONGEST // 2 * 2 + 2)]
    for act, size in acts:
        with pytest.raises(OSError, match=f"{size} bytes to .*{address_of(far)[1]}") as caught:
            act()
        assert caught.value.errno == errno.EMSGSIZE
        assert [buffer.position for buffer in (whole, *halves)] == [0, 0, 0]
        assert near.send(b"still here", address_of(far)) == 10
        assert received(far) == b"still here"


# statement 159
def test_C16_a_cut_is_reported_with_the_datagram_that_was_cut(near: DatagramChannel, far: DatagramChannel) -> None:
    near.connect(address_of(far))
    for size in (4, 5, 3, 6, 0, LONGEST):
        for take in (near.receive, near.read, lambda target: near.read([target[:2], target[2:]])):
            far.send(bytes(size), address_of(near))
            arrived(near)
            take(memoryview(bytearray(4)))
            assert near.is_truncated == (size > 4)


# statement 165
def test_C16_the_answer_to_an_earlier_datagram_is_for_one_channel(
    provider: SelectorProvider, near: DatagramChannel, far: DatagramChannel
) -> None:
    with bound(provider) as lonely, Selector.open(provider) as selector:
        lonely.connect(nobody())
        for channel in (near, far, lonely):
            channel.register(selector, R, channel)
        for text in (b"one", b"two", b"three"):  # the loop goes on, and so does the channel
            lonely.write(text)
            near.send(text, nobody())  # whoever is not connected hears of no answer
            near.send(text, address_of(far))
            answers: dict[object, object] = {}
            while len(answers) < 2:
                for key in selector.ready_keys(10):
                    answers[key.attachment] = answer_of(key)
            assert answers == {far: text, lonely: ConnectionRefusedError}
            assert near.receive(bytearray(8)) is None
            assert lonely.is_connected


def answer_of(key: SelectionKey) -> object:
    buffer = ByteBuffer.allocate(64)
    try:
        key.channel.receive(buffer)  # type: ignore[attr-defined]  # all channels here are DatagramChannels
    except OSError as error:
        return type(error)
    return bytes(buffer.flip())


def test_C16_an_answer_does_not_outlive_its_connection(near: DatagramChannel, far: DatagramChannel) -> None:
    for act in (partial(near.receive, bytearray(8)), partial(near.send, b"x", address_of(far))):
        near.connect(nobody())
        near.write(b"x")
        arrived(near)
        near.disconnect()
        assert act() in (None, 1)
        near.connect(address_of(far))
        assert near.read(bytearray(8)) == 0
        near.disconnect()
    assert received(far) == b"x"


class NoBuffers(SystemProvider):
    """The queue of the network card is full; Linux rarely tells, other systems do."""

    def open_datagram_socket(self, family: ProtocolFamily) -> socket.socket:
        class Refusing(socket.socket):
            def sendto(self, *_: object) -> int:
                raise OSError(errno.ENOBUFS, "No buffer space available")

            send = sendmsg = sendto

        sock = Refusing(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setblocking(False)
        return sock


@pytest.mark.parametrize("blocking", [False, True])
def test_C16_no_buffers_is_an_error_that_costs_nothing(far: DatagramChannel, blocking: bool) -> None:
    with DatagramChannel.open(provider=NoBuffers(SelectorProvider.available()[0])) as channel:
        channel.configure_blocking(blocking)
        source = ByteBuffer.wrap(b"hello")
        for act in (
            partial(channel.send, source, address_of(far)),
            partial(channel.write, source),
            partial(channel.write, [source, b"!"]),
        ):
            with pytest.raises(OSError, match=r"[56] bytes to .*127\.0\.0\.1") as caught:
                act()
            assert caught.value.errno == errno.ENOBUFS
            assert (source.position, channel.is_open) == (0, True)
            if not channel.is_connected:
                channel.connect(address_of(far))


def test_N09_an_echo_is_no_amplifier(provider: SelectorProvider, far: DatagramChannel) -> None:
    room = ByteBuffer.allocate(64)
    with Selector.open(provider) as selector, bound(provider) as server:
        assert address_of(server)[0] == "127.0.0.1"  # and is not to be reached from outside
        server.register(selector, R)
        for size in (0, 1, 64, 65, 1000):
            far.send(bytes(size), address_of(server))
            for _ in selector.ready_keys(10):
                client = server.receive(room.clear())
                assert client == address_of(far)
                server.send(room.flip(), client)
            assert len(received(far)) == min(size, 64)
