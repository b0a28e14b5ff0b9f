"""What a selection answers and what it does to the three sets: statements 66 to 80 and 115."""

from __future__ import annotations

import io
import time

import pytest

from nio.channels import Pipe, SelectableChannel, SelectionKey, Selector, SocketChannel
from nio.errors import IllegalArgumentError
from nio.spi import SelectorProvider
from tests.contract.conftest import Pair
from tests.contract.watched import WatchedProvider
from tests.helpers import C, R, W, arrived, connected_pair, drain, fill, listening, reset

Sets = tuple[dict[SelectableChannel, int | None], dict[SelectableChannel, int | None]]


def sets_of(selector: Selector) -> Sets:
    """The interest set of each registered channel and the ready set of each selected one; None when cancelled."""
    return (
        {key.channel: key.interest_ops if key.is_valid else None for key in selector.keys},
        {key.channel: key.ready_ops if key.is_valid else None for key in selector.selected_keys},
    )


def seconds_of(selector: Selector, timeout: float) -> float:
    begin = time.monotonic()
    assert selector.select(timeout) == 0
    return time.monotonic() - begin


# statement 66
def test_a_new_selector(selector: Selector, pair: Pair) -> None:
    keys, selected = selector.keys, selector.selected_keys
    assert selector.is_open
    assert len(keys) == len(selected) == selector.select_now() == 0
    key = pair[0].register(selector, W)
    assert selector.select_now() == 1
    assert selector.keys is keys
    assert selector.selected_keys is selected
    assert list(keys) == list(selected) == [key]
    assert key in keys
    assert key in selected


# statement 67
def test_what_the_sets_let_be_changed(selector: Selector, pair: Pair) -> None:
    key = pair[0].register(selector, W)
    assert selector.select_now() == 1
    for refused in (selector.keys.add, selector.keys.remove, selector.selected_keys.add):
        with pytest.raises(io.UnsupportedOperation):
            refused(key)
    with pytest.raises(io.UnsupportedOperation):
        selector.keys.clear()
    assert list(selector.keys) == list(selector.selected_keys) == [key]
    selector.selected_keys.remove(key)
    with pytest.raises(KeyError):
        selector.selected_keys.remove(key)
    selector.selected_keys.discard(key)
    assert list(selector.keys) == [key]
    assert selector.select_now() == 1
    for each in tuple(selector.selected_keys):
        selector.selected_keys.discard(each)
    assert len(selector.selected_keys) == 0
    assert selector.select_now() == 1
    selector.selected_keys.clear()
    assert len(selector.selected_keys) == 0
    assert list(selector.keys) == [key]


def test_what_set_operators_give_is_no_view(selector: Selector, pair: Pair) -> None:
    near, far = (end.register(selector, ops) for end, ops in zip(pair, (W, R), strict=True))
    assert selector.select_now() == 1
    assert selector.keys - selector.selected_keys == {far}
    assert selector.keys & selector.selected_keys == {near}
    both = selector.keys | selector.selected_keys
    assert len(both) == 2
    near.cancel()
    selector.select_now()
    assert both == {near, far}
    assert set(selector.keys) == {far}


# statements 69, 132
def test_the_count_is_of_updated_keys(selector: Selector, pair: Pair) -> None:
    pair[0].register(selector, W)
    assert selector.select_now() == 1
    assert selector.select_now() == 0
    assert sets_of(selector) == ({pair[0]: W}, {pair[0]: W})
    selector.selected_keys.clear()
    assert selector.select_now() == 1
    assert sets_of(selector) == ({pair[0]: W}, {pair[0]: W})


# statement 69
def test_the_count_with_many_keys(provider: SelectorProvider, selector: Selector) -> None:
    pipes = [Pipe.open(provider=provider) for _ in range(20)]
    keys = [pipe.source.configure_blocking(False).register(selector, R) for pipe in pipes]
    for count in (3, 7, 20):
        for pipe in pipes[:count]:
            pipe.sink.write(b"x")
        old = len(selector.selected_keys)
        assert selector.select_now() == count - old
        assert set(selector.selected_keys) == set(keys[:count])
    assert selector.select_now() == 0
    for pipe in pipes:
        pipe.close()


# statements 70, 71
def test_ready_sets_of_selected_keys_only_grow(selector: Selector, pair: Pair) -> None:
    channel, peer = pair
    key = channel.register(selector, R | W)
    assert selector.select_now() == 1
    assert sets_of(selector) == ({channel: R | W}, {channel: W})
    peer.write(b"hello")
    arrived(channel)
    assert selector.select_now() == 1
    assert sets_of(selector) == ({channel: R | W}, {channel: R | W})
    assert channel.read(bytearray(16)) == 5
    assert selector.select_now() == 0
    assert sets_of(selector) == ({channel: R | W}, {channel: R | W})
    key.interest_ops = R
    assert selector.select_now() == 0
    assert sets_of(selector) == ({channel: R}, {channel: R | W})
    selector.selected_keys.clear()
    assert selector.select_now() == 0
    assert sets_of(selector) == ({channel: R}, {})


# statement 70
def test_the_ready_set_of_a_key_that_is_not_selected_is_overwritten(selector: Selector, pair: Pair) -> None:
    channel, peer = pair
    peer.write(b"x")
    arrived(channel)
    key = channel.register(selector, R | W)
    assert selector.select_now() == 1
    assert key.ready_ops == R | W
    assert channel.read(bytearray(8)) == 1
    selector.selected_keys.remove(key)
    assert selector.select_now() == 1
    assert key.ready_ops == W


# statement 71
def test_ready_bits_stay_when_the_interest_goes(selector: Selector, pair: Pair) -> None:
    key = pair[0].register(selector, W)
    assert selector.select_now() == 1
    key.interest_ops = 0
    assert selector.select_now() == 0
    assert sets_of(selector) == ({pair[0]: 0}, {pair[0]: W})


# statements 72, 73
def test_the_ready_set_is_a_hint_that_only_a_selection_changes(selector: Selector, pair: Pair) -> None:
    channel, peer = pair
    key = channel.register(selector, R)
    assert key.ready_ops == 0
    peer.write(b"x")
    assert selector.select(1) == 1
    assert channel.read(bytearray(8)) == 1
    assert key.is_readable
    assert channel.read(bytearray(8)) == 0
    selector.selected_keys.remove(key)
    assert key.ready_ops == R
    assert selector.select_now() == 0
    assert key.ready_ops == R
    key.interest_ops = W
    assert selector.select_now() == 1
    assert key.ready_ops == W
    assert (key.is_readable, key.is_writable) == (False, True)


# statement 74
def test_D13_a_key_that_is_not_removed_hides_the_next_event(selector: Selector, pair: Pair) -> None:
    channel, peer = pair
    channel.register(selector, R)
    peer.write(b"one")
    assert selector.select(None) == 1
    assert channel.read(bytearray(8)) == 3
    peer.write(b"two")
    arrived(channel)
    assert selector.select_now() == 0
    assert sets_of(selector) == ({channel: R}, {channel: R})
    assert selector.select(None) == 0  # at once, again and again
    selector.selected_keys.clear()
    assert selector.select(None) == 1


# statement 75
def test_readiness_is_level_triggered(selector: Selector, pair: Pair) -> None:
    channel, peer = pair
    channel.register(selector, R)
    peer.write(b"hello")
    assert selector.select(None) == 1
    assert channel.read(bytearray(2)) == 2
    selector.selected_keys.clear()
    assert selector.select_now() == 1
    assert channel.read(bytearray(8)) == 3
    selector.selected_keys.clear()
    assert selector.select_now() == 0


# statement 75
def test_connections_left_waiting_are_reported_again(provider: SelectorProvider, selector: Selector) -> None:
    with listening(provider) as server:
        server.register(selector, SelectionKey.OP_ACCEPT)
        address = server.local_address
        with SocketChannel.open(address, provider=provider), SocketChannel.open(address, provider=provider):
            accepted = []
            for expected in (1, 1, 0):
                if expected:
                    arrived(server)
                assert selector.select_now() == expected
                accepted.append(server.accept())
                selector.selected_keys.clear()
            assert accepted[2] is None
            for channel in accepted[:2]:
                assert channel is not None
                channel.close()


# statement 76
@pytest.mark.parametrize("end", ["close", "reset"])
def test_B06_a_key_with_no_interest_is_never_selected(watched: WatchedProvider, end: str) -> None:
    near, far = connected_pair(watched)
    with near, far, Selector.open(watched) as selector:
        key = near.register(selector, R)
        assert selector.select_now() == 0
        key.interest_ops = 0
        far.write(b"x")
        arrived(near)
        assert selector.select_now() == 0
        if end == "reset":
            reset(far)
            arrived(near, 0)
        else:
            far.close()
        watched.log.clear()
        assert selector.select_now() == 0
        assert seconds_of(selector, 0.02) >= 0.02
        assert watched.log == [("sleep",), ("awake", [])]  # the kernel was not even asked about it
        assert sets_of(selector) == ({near: 0}, {})
        key.interest_ops = R
        assert selector.select_now() == 1


# statement 77
def test_with_nothing_registered_a_selection_lasts_its_timeout(selector: Selector) -> None:
    seconds = [seconds_of(selector, 0.03) for _ in range(3)]
    assert min(seconds) >= 0.03
    assert min(seconds) < 1  # one of the three is not held up that long by whatever else the machine does


# statement 78: there 0 waits for ever; here None does, and 0 polls
def test_timeouts(selector: Selector) -> None:
    for timeout in (-1, -0.001, float("-inf"), float("nan")):
        with pytest.raises(IllegalArgumentError, match="timeout must be 0 or more seconds"):
            selector.select(timeout)
    for wrong in (True, "1", b"1", object()):
        with pytest.raises(TypeError):
            selector.select(wrong)  # type: ignore[arg-type]  # what is refused
    assert selector.select(0) == selector.select(0.0) == 0
    selector.wakeup()
    assert selector.select(None) == 0


@pytest.mark.parametrize("timeout", [86_401, 3e6, 1e300, float("inf"), 10**400])
def test_G05_a_huge_timeout_is_a_long_one(selector: Selector, pair: Pair, timeout: float) -> None:
    selector.wakeup()
    assert selector.select(timeout) == 0
    pair[0].register(selector, W)
    assert selector.select(timeout) == 1


# statement 79
def test_a_selection_that_changes_the_selected_set_makes_its_iteration_fail(
    provider: SelectorProvider, selector: Selector, pair: Pair
) -> None:
    channel, peer = pair
    channel.register(selector, W)
    assert selector.select_now() == 1
    iteration = iter(selector.selected_keys)
    peer.register(selector, W)
    assert selector.select_now() == 1
    with pytest.raises(RuntimeError):
        next(iteration)
    with Pipe.open(provider=provider) as pipe:
        every_key = iter(selector.keys)
        pipe.sink.configure_blocking(False).register(selector, W)
        assert len(list(every_key)) == 2
        assert len(selector.keys) == 3


# statement 79
def test_a_key_gone_and_another_come_make_the_iteration_fail(provider: SelectorProvider, selector: Selector) -> None:
    pipes = [Pipe.open(provider=provider) for _ in range(4)]
    sinks = [pipe.sink.configure_blocking(False) for pipe in pipes]
    for sink in sinks[:3]:
        sink.register(selector, W)
    assert selector.select_now() == 3
    iteration = iter(selector.selected_keys)
    next(iteration).cancel()
    sinks[3].register(selector, W)
    assert selector.select_now() == 1
    assert len(selector.selected_keys) == 3
    with pytest.raises(RuntimeError):
        next(iteration)
    assert len(list(selector.selected_keys)) == 3
    for pipe in pipes:
        pipe.close()


# statement 80
def test_closing_channels_while_iterating_the_selected_keys(selector: Selector, pair: Pair) -> None:
    for end in pair:
        end.register(selector, W)
    assert selector.select_now() == 2
    for key in selector.selected_keys:
        key.channel.close()
    assert sets_of(selector) == (dict.fromkeys(pair), dict.fromkeys(pair))
    assert selector.select_now() == 0
    assert sets_of(selector) == ({}, {})


# statement 115
def test_only_cancelled_keys(selector: Selector, pair: Pair) -> None:
    pair[0].register(selector, W).cancel()
    assert seconds_of(selector, 0.02) >= 0.02
    assert sets_of(selector) == ({}, {})


# statement 129: a fault overwrites, where plain news is OR-ed in
def test_a_fault_of_a_selected_key(selector: Selector, pair: Pair) -> None:
    channel, peer = pair
    key = channel.register(selector, R | W)
    assert selector.select_now() == 1
    reset(peer)
    arrived(channel)
    assert selector.select_now() == 1
    assert key.ready_ops == R | W
    key.interest_ops = R
    assert selector.select_now() == 0
    assert key.ready_ops == R


# statements 130, 132
def test_write_readiness_of_a_full_connection(selector: Selector, pair: Pair) -> None:
    channel, peer = pair
    channel.register(selector, W)
    assert selector.select_now() == 1
    size = fill(channel)
    assert channel.write(b"more") == 0
    selector.selected_keys.clear()
    assert selector.select_now() == 0
    assert drain(peer, size) == bytes(size)
    assert selector.select(None) == 1
    assert sets_of(selector) == ({channel: W}, {channel: W})


# statement 129
def test_a_hang_up_reports_the_whole_interest_set(selector: Selector, pair: Pair) -> None:
    channel, peer = pair
    channel.register(selector, R | W)
    fill(channel)
    assert selector.select_now() == 0
    reset(peer)
    arrived(channel)
    assert selector.select_now() == 1
    assert sets_of(selector) == ({channel: R | W}, {channel: R | W})


# statements 129, 148: so Linux has it; on a kernel with kqueue such a channel is not reported
def test_a_channel_that_was_never_connected(provider: SelectorProvider, selector: Selector) -> None:
    for interest in (R, W, C, R | W | C):
        with SocketChannel.open(provider=provider).configure_blocking(False) as channel:
            key = channel.register(selector, interest)
            if provider.name == "kqueue":
                assert selector.select_now() == 0
            else:
                assert selector.select_now() == 1
                assert key.ready_ops == interest
            selector.selected_keys.clear()


# ready_keys, which the JDK has not


def test_ready_keys_takes_each_key_out(selector: Selector, pair: Pair) -> None:
    keys = {end.register(selector, W) for end in pair}
    seen = []
    for key in selector.ready_keys():
        assert key not in selector.selected_keys
        seen.append(key)
    assert len(seen) == 2
    assert set(seen) == keys
    assert len(selector.selected_keys) == 0
    assert set(selector.ready_keys(0)) == keys
    for key in keys:
        key.interest_ops = R
    assert list(selector.ready_keys(0.001)) == []


def test_B10_ready_keys_passes_over_what_was_cancelled_meanwhile(selector: Selector, pair: Pair) -> None:
    for end in pair:
        end.register(selector, W)
    seen = []
    for key in selector.ready_keys():
        seen.append(key)
        for other in tuple(selector.keys - {key}):
            other.channel.close()
    assert len(seen) == 1


def test_ready_keys_that_were_not_taken_stay_selected(selector: Selector, pair: Pair) -> None:
    for end in pair:
        end.register(selector, W)
    first = next(selector.ready_keys())
    assert len(selector.selected_keys) == 1
    assert first not in selector.selected_keys
    assert len(list(selector.ready_keys())) == 2


def test_ready_keys_ends_when_the_selector_is_closed(selector: Selector, pair: Pair) -> None:
    for end in pair:
        end.register(selector, W)
    for count, _ in enumerate(selector.ready_keys()):
        assert count == 0
        selector.close()
    assert not selector.is_open
