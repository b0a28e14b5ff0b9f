"""What a close gives back, when, and that nobody waits for it."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from nio.channels import (
    EOF,
    DatagramChannel,
    Pipe,
    SelectionKey,
    Selector,
    ServerSocketChannel,
    SocketChannel,
    StandardSocketOptions,
)
from nio.spi import Address, SelectorProvider
from tests.contract.conftest import Pair
from tests.contract.test_signals import when_asleep
from tests.contract.watched import WatchedProvider
from tests.helpers import LOOPBACK, A, Background, R, W, address_of, arrived, connected_pair, drain, fill, listening


def is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


# a close that lingers


@contextmanager
def linger_of(channel: SocketChannel) -> Iterator[Callable[[], tuple[int, int]]]:
    """Inside: whether the option is on and for how many seconds, also after the channel's close."""
    with socket.socket(fileno=os.dup(channel.socket.fileno())) as copy:
        yield lambda: struct.unpack("ii", copy.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8))


def registered(selector: Selector, channel: SocketChannel) -> None:
    channel.register(selector, R)
    selector.select_now()
    channel.close()


def unregistered(selector: Selector, channel: SocketChannel) -> None:
    channel.close()


def cancelled_and_blocking(selector: Selector, channel: SocketChannel) -> None:
    channel.register(selector, R).cancel()
    channel.configure_blocking(True).close()


def registered_nowhere_watched(selector: Selector, channel: SocketChannel) -> None:
    channel.register(selector, 0)
    channel.close()


QUICK = (registered, unregistered, cancelled_and_blocking, registered_nowhere_watched)


@pytest.mark.parametrize("close", QUICK)
def test_a_close_that_must_not_wait_switches_lingering_off(
    selector: Selector, pair: Pair, close: Callable[[Selector, SocketChannel], None]
) -> None:
    channel, _ = pair
    channel.set_option(StandardSocketOptions.SO_LINGER, 100)
    with linger_of(channel) as linger:
        assert linger() == (1, 100)
        close(selector, channel)
        selector.select_now()
        assert not linger()[0]


@pytest.mark.parametrize("close", QUICK)
def test_a_reset_is_still_a_reset(
    selector: Selector, pair: Pair, close: Callable[[Selector, SocketChannel], None]
) -> None:
    channel, peer = pair
    channel.set_option(StandardSocketOptions.SO_LINGER, 0)
    close(selector, channel)
    selector.select_now()
    arrived(peer)
    with pytest.raises(ConnectionResetError):
        peer.read(bytearray(1))


def test_in_blocking_mode_the_linger_time_is_kept(pair: Pair) -> None:
    channel, _ = pair
    channel.configure_blocking(True).set_option(StandardSocketOptions.SO_LINGER, 2)
    with linger_of(channel) as linger:
        channel.close()
        assert linger() == (1, 2)


@pytest.mark.parametrize("close", QUICK)
def test_a_close_with_unsent_data_waits_for_nobody_and_loses_nothing(
    selector: Selector, pair: Pair, close: Callable[[Selector, SocketChannel], None]
) -> None:
    channel, peer = pair
    count = fill(channel)
    channel.set_option(StandardSocketOptions.SO_LINGER, 1000)  # a close that keeps it outlasts the test
    close(selector, channel)
    selector.select_now()
    drain(peer, count)
    arrived(peer)
    assert peer.read(bytearray(1)) == EOF


def test_a_peer_that_is_gone_does_not_disturb_the_close(selector: Selector, pair: Pair) -> None:
    channel, peer = pair
    channel.set_option(StandardSocketOptions.SO_LINGER, 5)
    channel.register(selector, R)
    peer.set_option(StandardSocketOptions.SO_LINGER, 0)
    peer.close()
    arrived(channel)
    channel.close()
    assert selector.select_now() == 0
    assert len(selector.keys) == 0


# a listener's port


def bound_again(address: Address, provider: SelectorProvider) -> None:
    """OSError with EADDRINUSE while somebody listens there."""
    with ServerSocketChannel.open(provider=provider).bind(address):
        pass


def test_a_listener_s_port_is_free_between_two_selections(
    provider: SelectorProvider, selector: Selector, server: ServerSocketChannel
) -> None:
    address = address_of(server)
    key = server.register(selector, A)
    selector.select_now()
    server.close()
    bound_again(address, provider)
    assert list(selector.keys) == [key]  # as the JDK has it
    assert server.is_registered
    assert selector.select_now() == 0
    assert len(selector.keys) == 0
    assert not server.is_registered


def test_a_datagram_channel_s_port_is_free_between_two_selections(
    provider: SelectorProvider, selector: Selector
) -> None:
    with DatagramChannel.open(provider=provider).bind(LOOPBACK).configure_blocking(False) as channel:
        address = channel.local_address
        key = channel.register(selector, R)
        selector.select_now()
        channel.close()
        with DatagramChannel.open(provider=provider).bind(address):
            pass
        assert list(selector.keys) == [key]
        assert selector.select_now() == 0
        assert not channel.is_registered


def test_a_listener_that_was_never_watched(
    provider: SelectorProvider, selector: Selector, server: ServerSocketChannel
) -> None:
    address = address_of(server)
    server.register(selector, A)
    server.close()
    bound_again(address, provider)
    assert selector.select_now() == 0
    assert not server.is_registered


def test_a_listener_s_port_is_free_inside_an_action(
    provider: SelectorProvider, selector: Selector, server: ServerSocketChannel
) -> None:
    address = address_of(server)
    listening_key = server.register(selector, A)
    near, far = connected_pair(provider)
    with SocketChannel.open(address, provider=provider), near, far:
        arrived(server)
        other = near.register(selector, W)
        handed: list[SelectionKey] = []

        def act(key: SelectionKey) -> None:
            handed.append(key)
            server.close()
            bound_again(address, provider)

        selector.select(None, act)
        assert handed[-1] is other  # the listener's event, if it came second, reaches nobody
        assert listening_key in selector.keys
        assert selector.select_now(act) == 1
        assert list(selector.keys) == [other]


def test_a_number_that_is_free_early_serves_another_channel(
    provider: SelectorProvider, selector: Selector, server: ServerSocketChannel
) -> None:
    fd = server.socket.fileno()
    server.register(selector, A)
    selector.select_now()
    server.close()
    assert not is_open(fd)
    with Pipe.open(provider=provider) as pipe:
        assert fd in (pipe.source._fd, pipe.sink._fd)
        pipe.sink.write(b"x")
        keys = {end.configure_blocking(False).register(selector, end.valid_ops) for end in pipe}
        assert selector.select_now() == 2
        assert set(selector.keys) == set(selector.selected_keys) == keys


def test_a_selection_under_way_is_not_disturbed(watched: WatchedProvider) -> None:
    with Selector.open(watched) as selector, listening(watched) as server:
        fd, address = server.socket.fileno(), address_of(server)
        server.register(selector, A)
        selecting = Background(selector.select)
        watched.until_asleep()
        server.close()
        assert is_open(fd)
        selector.wakeup()
        assert selecting.result() == 0
        assert not is_open(fd)
        bound_again(address, watched)


def test_a_signal_handler_that_closes_a_listener_inside_the_wait(watched: WatchedProvider) -> None:
    with Selector.open(watched) as selector, listening(watched) as server:
        fd = server.socket.fileno()
        server.register(selector, A)

        def act() -> None:
            server.close()
            assert is_open(fd)
            selector.wakeup()

        with when_asleep(watched, act):
            assert selector.select() == 0
        assert not is_open(fd)
        assert len(selector.keys) == 0


def test_a_listener_of_two_selectors_waits_for_the_one_that_selects(watched: WatchedProvider) -> None:
    with Selector.open(watched) as one, Selector.open(watched) as other, listening(watched) as server:
        fd = server.socket.fileno()
        server.register(one, A)
        server.register(other, A)
        other.select_now()
        watched.forget()
        selecting = Background(one.select)
        watched.until_asleep()
        server.close()
        assert is_open(fd)
        one.wakeup()
        assert selecting.result() == 0
        assert is_open(fd)
        assert other.select_now() == 0
        assert not is_open(fd)


def test_a_closed_selector_is_in_nobody_s_way(provider: SelectorProvider, server: ServerSocketChannel) -> None:
    with Selector.open(provider) as other:
        selector = Selector.open(provider)
        address = address_of(server)
        server.register(selector, A)
        server.register(other, A)
        selector.close()
        server.close()
        bound_again(address, provider)
