"""``release()``: a close by a reactor, of what the peer has ended; the key and the descriptor go in the call."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Callable

import pytest

from nio.channels import EOF, Pipe, SelectionKey, Selector, SocketChannel, StandardSocketOptions
from nio.spi import SelectorProvider
from tests.contract.conftest import Pair
from tests.contract.test_closing import is_open, linger_of
from tests.contract.test_fork import in_child
from tests.contract.watched import WatchedProvider
from tests.helpers import Background, R, W, address_of, arrived, connected_pair, listening


def end_of(peer: SocketChannel) -> int:
    arrived(peer)
    return peer.read(bytearray(1))


@pytest.mark.parametrize("selected", [True, False])
def test_the_key_and_the_descriptor_go_at_once(selector: Selector, pair: Pair, selected: bool) -> None:
    peer, channel = pair
    key = channel.register(selector, W)
    if selected:
        assert selector.select_now() == 1
    cancelled: list[SelectionKey] = []
    selector.on_cancel = cancelled.append
    channel.release()
    assert not channel.is_open
    assert not channel.is_registered
    assert not key.is_valid
    assert not is_open(key._fd)
    assert len(selector.keys) == len(selector.selected_keys) == 0
    assert cancelled == [key]
    assert end_of(peer) == EOF
    channel.release()
    assert selector.select_now() == 0
    assert cancelled == [key]


def test_inside_an_action_the_number_may_be_another_s_at_once(
    provider: SelectorProvider, selector: Selector, pair: Pair
) -> None:
    peer, channel = pair
    channel.register(selector, R)
    fd = channel._fd
    made: list[Pipe] = []
    peer.shutdown_output()
    arrived(channel)

    def act(key: SelectionKey) -> None:
        channel.release()
        while fd not in {end._fd for pipe in made for end in pipe}:
            made.append(Pipe.open(provider=provider))
        for pipe in made:
            for end in pipe:
                end.configure_blocking(False).register(selector, end.valid_ops)

    assert selector.select(None, act) == 1
    assert {key.channel for key in selector.keys} == {end for pipe in made for end in pipe}
    handed: list[object] = []
    assert selector.select_now(lambda key: handed.append(key.channel)) == len(made)
    assert set(handed) == {pipe.sink for pipe in made}
    for pipe in made:
        pipe.close()


def read_once(selector: Selector, channel: SocketChannel) -> None:
    channel.register(selector, R)
    channel.read(bytearray(1))


def written_once(selector: Selector, channel: SocketChannel) -> None:
    channel.register(selector, R)
    channel.write(b"x")


def cancelled_before(selector: Selector, channel: SocketChannel) -> None:
    channel.register(selector, R).cancel()


WAYS = (read_once, written_once, cancelled_before)


@pytest.mark.parametrize("before", WAYS)
def test_otherwise_it_is_a_close(
    selector: Selector, pair: Pair, before: Callable[[Selector, SocketChannel], None]
) -> None:
    peer, channel = pair
    before(selector, channel)
    channel.release()
    assert not channel.is_open
    assert channel.is_registered
    arrived(peer)
    selector.select_now()
    assert not channel.is_registered
    assert not is_open(channel._fd)


def test_without_a_key_and_with_two(provider: SelectorProvider, selector: Selector, pair: Pair) -> None:
    peer, channel = pair
    with Selector.open(provider) as another:
        channel.register(selector, R)
        channel.register(another, R)
        channel.release()
        assert end_of(peer) == EOF
        assert is_open(channel._fd)
        selector.select_now()
        another.select_now()
        assert not is_open(channel._fd)
    peer.release()
    assert not is_open(peer._fd)


def test_a_selection_under_way_in_another_thread_is_not_disturbed(watched: WatchedProvider) -> None:
    far, near = connected_pair(watched)
    watched.forget()
    with Selector.open(watched) as selector, near, far:
        near.register(selector, R)
        selecting = Background(selector.select)
        watched.until_asleep()
        near.release()
        assert end_of(far) == EOF
        selector.wakeup()
        selecting.result()
        selector.select_now()
        assert not is_open(near._fd)
        told = [name for name, *_ in watched.since_asleep()]
        assert told.index("awake") < told.index("remove")  # the shutdown may have woken it before the wake-up


def test_a_descriptor_that_somebody_has_closed(selector: Selector, pair: Pair) -> None:
    _, channel = pair
    channel.register(selector, R)
    selector.select_now()
    os.close(channel._fd)
    channel.release()
    assert not channel.is_registered
    assert len(selector.keys) == 0
    assert selector.select_now() == 0


def test_it_lingers_for_nobody(selector: Selector, pair: Pair) -> None:
    _, channel = pair
    channel.set_option(StandardSocketOptions.SO_LINGER, 100)
    channel.register(selector, R)
    with linger_of(channel) as linger:
        channel.release()
        assert not linger()[0]


def test_a_child_closes_its_copy_only(selector: Selector, pair: Pair) -> None:
    peer, channel = pair
    channel.register(selector, R)
    in_child(channel.release)
    peer.write(b"x")
    assert selector.select() == 1


# who is asked for SO_LINGER


class Asked(WatchedProvider):
    """Notes the kinds of the options that it is asked for."""

    def get_option(self, sock: socket.socket, spec: object) -> bool | int:
        self.log.append(("get", spec))
        return super().get_option(sock, spec)  # type: ignore[arg-type]


def test_nobody_is_asked_for_what_nobody_has_set(provider: SelectorProvider) -> None:
    asked = Asked(provider)
    with Selector.open(asked) as selector, listening(asked) as server:
        for _ in range(2):
            with SocketChannel.open(address_of(server), provider=asked) as near:
                arrived(server)
                far = server.accept()
                assert far is not None
                far.configure_blocking(False).register(selector, R)
                selector.select_now()
                asked.forget()
                far.close()
                selector.select_now()
                gets = [line for line in asked.log if line[0] == "get"]
                assert end_of(near.configure_blocking(False)) == EOF
            if server._is_strange:
                assert gets
                return
            assert not gets
            assert server.socket is not None  # from now on somebody may have set it
    pytest.fail("the listener did not notice that its socket was shown")


@pytest.mark.skipif(os.uname().sysname != "Linux", reason="only there a connection inherits the option")
def test_the_linger_time_of_a_listener_is_inherited_and_waits_for_nobody(
    provider: SelectorProvider, selector: Selector
) -> None:
    with listening(provider) as server:
        server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 1000))
        with SocketChannel.open(address_of(server), provider=provider):
            arrived(server)
            far = server.accept()
            assert far is not None
            with linger_of(far) as linger:
                assert linger() == (1, 1000)
                far.configure_blocking(False).register(selector, R)
                far.release()
                assert not linger()[0]
