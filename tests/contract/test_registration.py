"""Registration, keys and their ends: statements 81 to 102."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable

import pytest

from nio.channels import (
    EOF,
    Pipe,
    SelectableChannel,
    SelectionKey,
    Selector,
    ServerSocketChannel,
    SocketChannel,
    StandardSocketOptions,
)
from nio.errors import (
    CancelledKeyError,
    ClosedChannelError,
    ClosedSelectorError,
    IllegalArgumentError,
    IllegalBlockingModeError,
    IllegalSelectorError,
)
from nio.spi import SelectorProvider
from tests.contract.conftest import Pair
from tests.contract.watched import WatchedProvider
from tests.helpers import A, C, R, W, arrived, connected_pair


def is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


# statement 81
def test_register_checks_in_this_order(provider: SelectorProvider) -> None:
    selector = Selector.open(provider)
    with SocketChannel.open(provider=provider) as channel, pytest.raises(IllegalArgumentError):
        channel.register(selector, A)
    with pytest.raises(IllegalArgumentError):
        channel.register(selector, A)
    with pytest.raises(ClosedChannelError):
        channel.register(selector, R)
    near, far = connected_pair(provider)
    with near, far:
        near.register(selector, R).cancel()
        near.configure_blocking(True)
        with pytest.raises(IllegalBlockingModeError):
            near.register(selector, R)
        near.configure_blocking(False)
        with pytest.raises(CancelledKeyError):
            near.register(selector, R)
        far.configure_blocking(True)
        selector.close()
        with pytest.raises(IllegalBlockingModeError):
            far.register(selector, R)
        far.configure_blocking(False)
        with pytest.raises(ClosedSelectorError):
            far.register(selector, R)
        assert not far.is_registered


def channels_of(provider: SelectorProvider) -> dict[int, SelectableChannel]:
    source, sink = Pipe.open(provider=provider)
    server = ServerSocketChannel.open(provider=provider)
    stream = SocketChannel.open(provider=provider)
    return {A: server, R | W | C: stream, R: source, W: sink}


# statement 82
def test_valid_operations_by_kind(provider: SelectorProvider, selector: Selector) -> None:
    for valid, channel in channels_of(provider).items():
        with channel.configure_blocking(False):
            assert channel.valid_ops == valid
            for ops in range(-2, 64):
                if ops & ~valid:
                    with pytest.raises(IllegalArgumentError, match=f"interest set {ops}: this channel has .*, not "):
                        channel.register(selector, ops)
            assert len(selector.keys) == 0
            key = channel.register(selector, SelectionKey.OP_READ & valid)
            assert key.interest_ops == R & valid
            assert type(key.interest_ops) is int
            for wrong in (True, "1", None, 1.0):
                with pytest.raises(TypeError):
                    channel.register(selector, wrong)  # type: ignore[arg-type]  # what is refused
            assert key.interest_ops == R & valid
        selector.select_now()


# statement 83
def test_a_blocking_channel_is_not_registered(provider: SelectorProvider, selector: Selector) -> None:
    with SocketChannel.open(provider=provider) as channel:
        assert channel.is_blocking
        with pytest.raises(IllegalBlockingModeError, match=r"configure_blocking\(False\)"):
            channel.register(selector, C)
        assert channel.configure_blocking(False).register(selector, C).is_valid


# statements 84, 102
def test_registering_again_replaces_interest_and_attachment(selector: Selector, pair: Pair) -> None:
    channel, _ = pair
    key = channel.register(selector, R, "first")
    assert key.attachment == "first"
    assert channel.register(selector, W) is key
    assert key.attachment is None
    assert key.interest_ops == W
    assert channel.register(selector, R, "second") is key
    assert (key.interest_ops, key.attachment) == (R, "second")
    assert list(selector.keys) == [key]
    assert selector.select_now() == 0
    channel.register(selector, W)
    assert selector.select_now() == 1


# statements 85, 88, 92
def test_one_channel_with_two_selectors(provider: SelectorProvider, selector: Selector, pair: Pair) -> None:
    channel, _ = pair
    with Selector.open(provider) as other:
        here, there = channel.register(selector, W), channel.register(other, W)
        assert here is not there
        assert (channel.key_for(selector), channel.key_for(other)) == (here, there)
        assert (selector.select_now(), other.select_now()) == (1, 1)
        here.cancel()
        assert other.select_now() == 0
        assert here in selector.keys
        assert selector.select_now() == 0
        assert channel.is_registered
        assert there.is_valid
        assert list(other.selected_keys) == [there]
        channel.close()
        assert not there.is_valid
        assert channel.is_registered
        assert other.select_now() == 0
        assert not channel.is_registered
        assert len(other.keys) == len(other.selected_keys) == 0


# statement 86
def test_key_for(selector: Selector, pair: Pair) -> None:
    channel, other = pair
    assert channel.key_for(selector) is None
    key = channel.register(selector, R)
    assert channel.key_for(selector) is key
    assert other.key_for(selector) is None
    key.cancel()
    assert channel.key_for(selector) is key
    selector.select_now()
    assert channel.key_for(selector) is None


# statements 87, 91
def test_a_cancelled_key_stays_in_the_sets_until_the_next_selection(selector: Selector, pair: Pair) -> None:
    channel, _ = pair
    key = channel.register(selector, R | W)
    assert selector.select_now() == 1
    key.cancel()
    assert not key.is_valid
    assert list(selector.keys) == list(selector.selected_keys) == [key]
    key.cancel()
    assert channel.is_open
    begin = time.monotonic()
    assert selector.select(0.02) == 0
    assert time.monotonic() - begin >= 0.02
    assert len(selector.keys) == len(selector.selected_keys) == 0
    assert channel.is_open
    assert selector.select_now() == 0


# statement 89
def test_registering_while_a_cancelled_key_waits(selector: Selector, pair: Pair) -> None:
    channel, _ = pair
    old = channel.register(selector, R)
    old.cancel()
    with pytest.raises(CancelledKeyError):
        channel.register(selector, W)
    assert channel.is_registered
    selector.select_now()
    assert not channel.is_registered
    new = channel.register(selector, W)
    assert new is not old
    assert not old.is_valid
    assert selector.select_now() == 1
    assert list(selector.selected_keys) == [new]


USES: dict[str, Callable[[SelectionKey], object]] = {
    "interest_ops": lambda key: key.interest_ops,
    "interest_ops =": lambda key: setattr(key, "interest_ops", R),
    "interest_ops_or": lambda key: key.interest_ops_or(R),
    "interest_ops_and": lambda key: key.interest_ops_and(R),
    "ready_ops": lambda key: key.ready_ops,
    "is_readable": lambda key: key.is_readable,
    "is_writable": lambda key: key.is_writable,
    "is_connectable": lambda key: key.is_connectable,
    "is_acceptable": lambda key: key.is_acceptable,
}


# statement 90
@pytest.mark.parametrize("use", USES.values(), ids=USES)
@pytest.mark.parametrize("end", ["cancel", "close channel", "close selector"])
def test_what_an_invalid_key_refuses_and_still_gives(
    selector: Selector, pair: Pair, use: Callable[[SelectionKey], object], end: str
) -> None:
    channel, _ = pair
    key = channel.register(selector, R)
    use(key)
    ends = {"cancel": key.cancel, "close channel": channel.close, "close selector": selector.close}
    ends[end]()
    assert not key.is_valid
    with pytest.raises(CancelledKeyError):
        use(key)
    assert key.attach("x") is None
    assert key.attachment == "x"
    assert (key.channel, key.selector) == (channel, selector)
    key.cancel()


# statement 92
def test_closing_a_channel_cancels_its_keys_at_once(selector: Selector, pair: Pair) -> None:
    channel, _ = pair
    key = channel.register(selector, W)
    assert selector.select_now() == 1
    channel.close()
    assert not key.is_valid
    assert list(selector.keys) == list(selector.selected_keys) == [key]
    assert selector.select_now() == 0
    assert len(selector.keys) == len(selector.selected_keys) == 0


# statement 93
def test_the_peer_of_a_registered_channel_sees_its_close_at_once(selector: Selector, pair: Pair) -> None:
    channel, peer = pair
    fd = channel.socket.fileno()
    channel.register(selector, R)
    channel.close()
    arrived(peer)
    assert peer.read(bytearray(8)) == EOF
    assert is_open(fd)
    selector.select_now()
    assert not is_open(fd)


# statement 93
def test_the_peer_of_an_unregistered_channel_sees_its_close_at_once(pair: Pair) -> None:
    channel, peer = pair
    fd = channel.socket.fileno()
    channel.close()
    assert not is_open(fd)
    arrived(peer)
    assert peer.read(bytearray(8)) == EOF


# statement 93
def test_with_linger_0_the_peer_of_a_registered_channel_sees_nothing_until_the_selection(
    selector: Selector, pair: Pair
) -> None:
    channel, peer = pair
    channel.register(selector, R)
    channel.set_option(StandardSocketOptions.SO_LINGER, 0)
    channel.close()
    assert peer.read(bytearray(8)) == 0
    selector.select_now()
    arrived(peer)
    with pytest.raises(ConnectionResetError):
        peer.read(bytearray(8))


# statement 94
@pytest.mark.parametrize("cancel_first", [False, True])
def test_a_descriptor_number_used_again_is_another_key(
    provider: SelectorProvider, selector: Selector, pair: Pair, cancel_first: bool
) -> None:
    channel, peer = pair
    fd = channel.socket.fileno()
    old = channel.register(selector, R)
    selector.select_now()
    if cancel_first:
        old.cancel()
    channel.close()
    assert peer.write(b"for the old one") > 0
    early = connected_pair(provider)
    for end in early:
        assert end.socket.fileno() != fd  # the number is not given back yet
        end.close()
    assert selector.select_now() == 0
    with contextlib.ExitStack() as stack:
        new = None
        while new is None:
            for end in connected_pair(provider):
                stack.enter_context(end)
                new = end if end.socket.fileno() == fd else new
        key = new.register(selector, W)
        assert selector.select_now() == 1
        assert list(selector.keys) == list(selector.selected_keys) == [key]
        assert key.ready_ops == W
        assert not old.is_valid


# statement 95
def test_closing_a_selector_leaves_its_channels_open(
    provider: SelectorProvider, selector: Selector, pair: Pair
) -> None:
    channel, peer = pair
    key = channel.register(selector, R)
    cancelled = peer.register(selector, R)
    cancelled.cancel()
    selector.close()
    assert channel.is_open
    assert not key.is_valid
    assert not channel.is_registered
    assert not peer.is_registered
    assert channel.write(b"hi") == 2
    arrived(peer)
    assert peer.read(bytearray(8)) == 2
    with Selector.open(provider) as other:
        assert channel.register(other, W).is_valid
        assert other.select_now() == 1


# statement 95
def test_closing_a_selector_gives_back_the_descriptors_of_closed_channels(selector: Selector, pair: Pair) -> None:
    channel, _ = pair
    fd = channel.socket.fileno()
    channel.register(selector, R)
    channel.close()
    assert is_open(fd)
    selector.close()
    assert not is_open(fd)


# statements 68, 96
def test_a_closed_selector(selector: Selector, pair: Pair) -> None:
    channel, _ = pair
    selector.close()
    selector.close()
    assert not selector.is_open
    uses: list[Callable[[], object]] = [
        selector.select,
        selector.select_now,
        lambda: selector.select(1),
        lambda: selector.select_now(print),
        lambda: list(selector.ready_keys()),
        lambda: selector.keys,
        lambda: selector.selected_keys,
        lambda: channel.register(selector, R),
    ]
    for use in uses:
        with pytest.raises(ClosedSelectorError):
            use()
    assert selector.wakeup() is selector
    assert not channel.is_registered


# statements 97, 98
def test_blocking_mode_while_registered(selector: Selector, pair: Pair) -> None:
    channel, _ = pair
    key = channel.register(selector, R)
    assert channel.configure_blocking(False) is channel
    with pytest.raises(IllegalBlockingModeError):
        channel.configure_blocking(True)
    assert not channel.is_blocking
    key.cancel()
    assert channel.configure_blocking(True).is_blocking
    assert channel.is_registered
    with pytest.raises(IllegalBlockingModeError):
        channel.register(selector, R)
    selector.select_now()
    assert not channel.is_registered


# statement 98
def test_the_mode_of_a_closed_channel(pair: Pair) -> None:
    channel, _ = pair
    channel.close()
    for blocking in (True, False):
        with pytest.raises(ClosedChannelError):
            channel.configure_blocking(blocking)
    assert not channel.is_blocking
    for wrong in (0, 1, None):
        with pytest.raises(TypeError):
            channel.configure_blocking(wrong)  # type: ignore[arg-type]  # what is refused


# statement 99
def test_an_interest_outside_the_valid_operations_changes_nothing(selector: Selector, pair: Pair) -> None:
    key = pair[0].register(selector, R)
    for ops in (A, R | A, 2, -1):
        with pytest.raises(IllegalArgumentError):
            key.interest_ops = ops
        with pytest.raises(IllegalArgumentError):
            key.interest_ops_or(ops)
    assert key.interest_ops == R
    assert key.interest_ops_and(~W) == R
    assert key.interest_ops_and(A | R | 2) == R
    assert key.interest_ops == R
    for wrong in (True, "1", None):
        with pytest.raises(TypeError):
            key.interest_ops_and(wrong)  # type: ignore[arg-type]  # what is refused


# statement 100
def test_or_and_and_return_the_previous_interest(selector: Selector, pair: Pair) -> None:
    key = pair[0].register(selector, R)
    assert key.interest_ops_or(W) == R
    assert key.interest_ops_or(W) == R | W
    assert key.interest_ops_and(W) == R | W
    assert key.interest_ops == W
    assert selector.select_now() == 1
    assert key.interest_ops_and(0) == W
    assert key.interest_ops_or(SelectionKey.OP_READ) == 0
    assert type(key.interest_ops) is int
    selector.selected_keys.clear()
    assert selector.select_now() == 0


# statement 101
def test_of_many_changes_between_two_selections_the_last_counts(watched: WatchedProvider) -> None:
    near, far = connected_pair(watched)
    with near, far, Selector.open(watched) as selector:
        key = near.register(selector, R)
        for ops in (W, R | W, 0, W, R):
            key.interest_ops = ops
        fd = near.socket.fileno()
        del watched.log[:]
        assert selector.select_now() == 0
        assert watched.log == [("add", fd, 1)]
        for ops in (W, R):
            key.interest_ops = ops
        assert selector.select_now() == 0
        assert watched.log == [("add", fd, 1)]


# statement 102
def test_attach_returns_the_previous_attachment(selector: Selector, pair: Pair) -> None:
    key = pair[0].register(selector, R)
    assert key.attachment is None
    assert key.attach("first") is None
    assert key.attach("second") == "first"
    assert key.attach(None) == "second"
    assert key.attachment is None


def test_D19_a_selector_of_another_provider(provider: SelectorProvider, pair: Pair) -> None:
    with Selector.open(WatchedProvider(provider)) as selector:
        with pytest.raises(IllegalSelectorError):
            pair[0].register(selector, R)
        assert not pair[0].is_registered
        assert len(selector.keys) == 0
