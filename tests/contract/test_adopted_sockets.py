"""Sockets of Python's own: adopted as channels and given back, with nothing left behind in a selector."""

from __future__ import annotations

import errno
import io
import os
import socket
import ssl
import struct
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from nio.buffers import ByteBuffer
from nio.channels import (
    DatagramChannel,
    DescriptorChannel,
    NetworkChannel,
    Selector,
    ServerSocketChannel,
    SocketChannel,
)
from nio.errors import AsynchronousCloseError, ClosedChannelError, IllegalArgumentError, IllegalStateError
from nio.spi import SelectorProvider
from tests.helpers import LOOPBACK, PATIENCE, Background, R, W, connected_pair, fill, reset, text_of, until

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def sockets() -> Iterator[Pair]:
    near, far = socket.socketpair()
    with near, far:
        far.settimeout(PATIENCE)
        yield near, far


def test_adopted_socket_is_a_connected_channel(provider: SelectorProvider, sockets: Pair) -> None:
    near, far = sockets
    with SocketChannel.adopt(near, provider=provider) as channel:
        assert channel.socket is near
        assert (channel.is_connected, channel.is_blocking, channel.is_registered) == (True, True, False)
        far.sendall(b"hello")
        assert text_of(channel) == b"hello"
        assert channel.write(ByteBuffer.wrap(b"you")) == 3
        assert far.recv(10) == b"you"
    assert near.fileno() == -1
    assert far.recv(10) == b""


def test_addresses_are_those_of_the_socket(provider: SelectorProvider) -> None:
    with socket.socket() as listener:
        listener.bind(LOOPBACK)
        listener.listen()
        with SocketChannel.adopt(socket.create_connection(listener.getsockname()), provider=provider) as channel:
            assert channel.remote_address == listener.getsockname()
            assert channel.local_address == channel.socket.getsockname()
            listener.accept()[0].close()
        with ServerSocketChannel.adopt(listener, provider=provider) as server:
            assert server.local_address == listener.getsockname()
            with SocketChannel.open(server.local_address, provider=provider):
                accepted = server.accept()
                assert accepted is not None
                accepted.close()


def test_unconnected_socket_is_an_unconnected_channel(provider: SelectorProvider) -> None:
    with SocketChannel.adopt(socket.socket(), provider=provider) as channel:
        assert (channel.is_connected, channel.local_address, channel.peer_has_ended) == (False, None, False)
    bound = socket.socket()
    bound.bind(LOOPBACK)
    with SocketChannel.adopt(bound, provider=provider) as channel:
        assert channel.local_address == bound.getsockname()
    with SocketChannel.adopt(socket.socket(socket.AF_UNIX), provider=provider) as channel:
        assert channel.local_address is None


@pytest.mark.parametrize("side", ["dialled", "accepted"])
@pytest.mark.skipif(sys.platform != "linux", reason="the order of what the kernel does at a close is Linux's")
def test_linger_time_that_somebody_has_set_before_keeps_no_selector_waiting(
    provider: SelectorProvider, selector: Selector, side: str
) -> None:
    """A close in non-blocking mode waits for nobody, whoever set the option: it comes with an adopted listener, too."""
    linger = struct.pack("ii", 1, 30)
    with socket.socket() as listener, socket.socket() as client:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        listener.bind(LOOPBACK)
        listener.listen()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        dialled = SocketChannel.adopt(client, provider=provider)
        with ServerSocketChannel.adopt(listener, provider=provider) as server:
            dialled.connect(listener.getsockname())
            accepted = server.accept()
        assert accepted is not None
        channel, other = (dialled, accepted) if side == "dialled" else (accepted, dialled)
        with other:
            assert channel.get_option("SO_LINGER") == 30
            channel.configure_blocking(False).register(selector, 0)
            fill(channel)
            began = time.monotonic()
            channel.close()
            selector.select_now()
            assert time.monotonic() - began < PATIENCE


def test_datagrams(provider: SelectorProvider) -> None:
    bound = socket.socket(type=socket.SOCK_DGRAM)
    bound.bind(LOOPBACK)
    with DatagramChannel.adopt(bound, provider=provider) as receiver:
        sender = socket.socket(type=socket.SOCK_DGRAM)
        sender.connect(bound.getsockname())
        with DatagramChannel.adopt(sender, provider=provider) as channel:
            assert channel.remote_address == bound.getsockname()
            channel.write(ByteBuffer.wrap(b"hello"))
            buffer = ByteBuffer.allocate(10)
            assert receiver.receive(buffer) == sender.getsockname()
            back = channel.detach()
            back.close()
    with DatagramChannel.adopt(socket.socket(type=socket.SOCK_DGRAM), provider=provider) as channel:
        assert channel.local_address is None


def test_what_cannot_be_adopted_is_as_it_was(provider: SelectorProvider) -> None:
    with socket.socket() as listener, socket.socket(type=socket.SOCK_DGRAM) as datagrams, socket.socket() as plain:
        listener.bind(LOOPBACK)
        listener.listen()
        with pytest.raises(IllegalArgumentError, match=r"for ServerSocketChannel\.adopt"):
            SocketChannel.adopt(listener, provider=provider)
        with pytest.raises(IllegalArgumentError, match=r"for DatagramChannel\.adopt"):
            SocketChannel.adopt(datagrams, provider=provider)
        with pytest.raises(IllegalArgumentError, match=r"call its listen\(\) first"):
            ServerSocketChannel.adopt(plain, provider=provider)
        with pytest.raises(IllegalArgumentError, match=r"for SocketChannel\.adopt"):
            DatagramChannel.adopt(plain, provider=provider)
        assert [sock.gettimeout() for sock in (listener, datagrams, plain)] == [None, None, None]
    with pytest.raises(OSError, match="the socket is closed") as failed:
        SocketChannel.adopt(plain, provider=provider)
    assert failed.value.errno == errno.EBADF
    with pytest.raises(TypeError, match=r"adopts a socket\.socket, not 5"):
        SocketChannel.adopt(5, provider=provider)
    unknown = pytest.raises(io.UnsupportedOperation, match="no channel for a AF_UNIX socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as strange, unknown:
        DatagramChannel.adopt(strange, provider=provider)
    wrapping = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).wrap_socket(socket.socket(), server_hostname="x")
    with wrapping as tls, pytest.raises(TypeError, match="a TLS socket cannot be adopted"):
        SocketChannel.adopt(tls, provider=provider)


# given back


def test_detach_gives_the_open_socket_back(provider: SelectorProvider, sockets: Pair) -> None:
    near, far = sockets
    channel = SocketChannel.adopt(near, provider=provider).configure_blocking(False)
    assert channel.detach() is near
    assert (channel.is_open, near.gettimeout(), channel.socket.fileno()) == (False, None, -1)
    far.sendall(b"hello")
    assert near.recv(10) == b"hello"
    channel.close()
    assert near.fileno() >= 0


def test_detach_twice_and_after_close(provider: SelectorProvider, sockets: Pair) -> None:
    channel = SocketChannel.adopt(sockets[0], provider=provider)
    channel.detach()
    with pytest.raises(ClosedChannelError):
        channel.detach()
    closed = SocketChannel.adopt(sockets[0], provider=provider)
    closed.close()
    with pytest.raises(ClosedChannelError):
        closed.detach()
    assert sockets[0].fileno() == -1


def test_channel_that_was_never_adopted_can_be_detached(provider: SelectorProvider) -> None:
    near, far = connected_pair(provider)
    with near.detach() as sock, far:
        sock.sendall(b"hello")
        far.configure_blocking(True)
        assert text_of(far) == b"hello"


def test_selector_knows_nothing_of_it_any_more(provider: SelectorProvider, selector: Selector, sockets: Pair) -> None:
    near, far = sockets
    channel = SocketChannel.adopt(near, provider=provider).configure_blocking(False)
    key = channel.register(selector, R)
    far.sendall(b"x")
    assert selector.select(PATIENCE) == 1
    selector.selected_keys.clear()
    channel.detach()
    assert not key.is_valid
    again = SocketChannel.adopt(near, provider=provider).configure_blocking(False)
    fresh = again.register(selector, R)  # the same number, before a selection has flushed the old key
    assert selector.select(PATIENCE) == 1
    assert set(selector.selected_keys) == set(selector.keys) == {fresh}
    again.detach()
    assert selector.select(0) == 0
    assert not selector.keys
    assert near.recv(10) == b"x"


def test_kernel_is_told_before_the_descriptor_goes(
    provider: SelectorProvider, selector: Selector, sockets: Pair
) -> None:
    """A duplicate keeps the open file: a poller that was not told would go on reporting it."""
    near, far = sockets
    channel = SocketChannel.adopt(near, provider=provider).configure_blocking(False)
    channel.register(selector, R | W)
    selector.select(PATIENCE)
    with socket.socket(fileno=os.dup(near.fileno())):
        taken = channel.detach()
        far.close()
        assert selector._poller.wait(0) == []
        taken.close()
        assert selector._poller.wait(0) == []
        assert selector.select(0) == 0


def test_from_an_action(provider: SelectorProvider, selector: Selector, sockets: Pair) -> None:
    near, far = sockets
    channel = SocketChannel.adopt(near, provider=provider).configure_blocking(False)
    channel.register(selector, R)
    far.sendall(b"x")
    taken: list[socket.socket] = []
    assert selector.select(PATIENCE, lambda key: taken.append(channel.detach())) == 1
    assert taken[0].recv(10) == b"x"
    assert selector.select_now() == 0
    assert not selector.keys


def test_from_another_thread_while_one_selects(provider: SelectorProvider, selector: Selector, sockets: Pair) -> None:
    near, far = sockets
    channel = SocketChannel.adopt(near, provider=provider).configure_blocking(False)
    channel.register(selector, R)
    end = threading.Event()

    def select() -> None:
        while not end.is_set():
            selector.select(PATIENCE)

    selecting = Background(select)
    try:
        until(lambda: selector._selecting)
        assert Background(channel.detach).result() is near
        assert near.fileno() not in selector._watch.by_fd
        far.sendall(b"x")
        assert near.recv(10) == b"x"
    finally:
        end.set()
        selector.wakeup()
        selecting.result()
    assert not selector.keys


def test_two_selectors_lose_it(provider: SelectorProvider, selector: Selector, sockets: Pair) -> None:
    near, far = sockets
    channel = SocketChannel.adopt(near, provider=provider).configure_blocking(False)
    with Selector.open(provider) as other:
        channel.register(selector, R)
        channel.register(other, R)
        channel.detach()
        far.sendall(b"x")
        assert (selector.select(0), other.select(0)) == (0, 0)


def test_thread_that_sleeps_inside_is_released(provider: SelectorProvider, sockets: Pair) -> None:
    channel = SocketChannel.adopt(sockets[0], provider=provider)
    reader = Background(channel.read, ByteBuffer.allocate(10))
    until(lambda: channel._wakeup is not None)
    channel.detach()
    with pytest.raises(AsynchronousCloseError):
        reader.result()


def test_signal_handler_in_the_middle_of_a_selection_is_refused(
    provider: SelectorProvider, selector: Selector, sockets: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel = SocketChannel.adopt(sockets[0], provider=provider).configure_blocking(False)
    channel.register(selector, R)

    class Interrupted:
        """A poller that a signal interrupts, whose handler gives the channel away."""

        def wait(self, timeout: float | None) -> list[tuple[int, int]]:
            with pytest.raises(IllegalStateError, match="in the middle of a selection"):
                channel.detach()
            return []

    real = selector._poller
    monkeypatch.setattr(selector, "_poller", Interrupted())
    selector.select(0)
    monkeypatch.setattr(selector, "_poller", real)
    assert channel.is_open
    channel.close()


def test_registered_again_meanwhile(
    provider: SelectorProvider, selector: Selector, sockets: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel = SocketChannel.adopt(sockets[0], provider=provider).configure_blocking(False)
    monkeypatch.setattr(
        "nio.channels._selectable_channel.leave_selectors", lambda channel: channel.register(selector, R)
    )
    with pytest.raises(IllegalStateError, match="was registered while it was to be given away"):
        channel.detach()
    channel.close()


def test_every_kind_of_channel_is_given_back(provider: SelectorProvider) -> None:
    channels: list[NetworkChannel] = [
        ServerSocketChannel.open(provider=provider).bind(LOOPBACK),
        DatagramChannel.open(provider=provider).bind(LOOPBACK),
    ]
    for channel in channels:
        name = channel.local_address
        with channel.detach() as sock:
            assert sock.getsockname() == name


# the peer's end


def test_peer_has_ended_whatever_waits_to_be_read(provider: SelectorProvider, sockets: Pair) -> None:
    near, far = sockets
    with SocketChannel.adopt(near, provider=provider) as channel:
        assert channel.peer_has_ended is False
        far.sendall(b"x")
        assert channel.peer_has_ended is False
        far.shutdown(socket.SHUT_WR)
        assert channel.peer_has_ended is True
        assert text_of(channel) == b"x"
    assert channel.peer_has_ended is True


def test_peer_has_ended_where_the_system_has_no_word_for_it(
    provider: SelectorProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then only an end with nothing before it can be seen."""
    monkeypatch.setattr("nio.spi._adoption._ENDED", 0)
    near, far = connected_pair(provider)
    with near, far:
        assert near.peer_has_ended is False
        far.write(ByteBuffer.wrap(b"x"))
        until(lambda: near.peer_has_ended is None)
        assert text_of(near) == b"x"
        far.shutdown_output()
        until(lambda: near.peer_has_ended)
        reset(near)
        until(lambda: far.peer_has_ended)
    reader, writer = os.pipe()
    with DescriptorChannel.adopt(reader, provider=provider) as source:
        assert source.peer_has_ended is None
        os.close(writer)
