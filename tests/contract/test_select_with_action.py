"""``select(timeout, action)``: statements 116 to 123."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from nio.channels import Pipe, SelectionKey, Selector
from nio.errors import ClosedSelectorError, IllegalArgumentError, IllegalStateError
from nio.spi import SelectorProvider
from tests.contract.conftest import Pair
from tests.helpers import R, W, arrived, connected_pair


class Seen:
    """An action that notes each key with its ready set, then does something."""

    def __init__(self, then: Callable[[SelectionKey], object] = lambda key: None) -> None:
        self.keys: list[SelectionKey] = []
        self.ready: list[int] = []
        self._then = then

    def __call__(self, key: SelectionKey) -> None:
        self.keys.append(key)
        self.ready.append(key.ready_ops)
        self._then(key)


# statements 116, 118
def test_each_ready_key_is_handed_over_each_time(provider: SelectorProvider, selector: Selector, pair: Pair) -> None:
    near, far = connected_pair(provider)
    with near, far:
        one, two = pair[0].register(selector, W), near.register(selector, R | W)
        pair[1].register(selector, R)
        far.write(b"x")
        arrived(near)
        calls: list[Callable[[Seen], int]] = [
            selector.select_now,
            lambda seen: selector.select(0, seen),
            lambda seen: selector.select(0.5, seen),
            lambda seen: selector.select(None, seen),
        ]
        for call in calls:
            seen = Seen()
            assert call(seen) == 2
            assert dict(zip(seen.keys, seen.ready, strict=True)) == {one: W, two: R | W}
            assert len(selector.selected_keys) == 0
        assert selector.select_now() == 2
        assert set(selector.selected_keys) == {one, two}


# statement 117
def test_the_ready_set_is_overwritten_also_of_a_selected_key(selector: Selector, pair: Pair) -> None:
    channel, peer = pair
    key = channel.register(selector, R | W)
    assert selector.select_now() == 1
    peer.write(b"x")
    arrived(channel)
    seen = Seen()
    assert selector.select_now(seen) == 1
    assert list(selector.selected_keys) == [key]
    assert channel.read(bytearray(8)) == 1
    assert selector.select_now(seen) == 1
    assert seen.ready == [R | W, W]
    assert list(selector.selected_keys) == [key]
    assert key.ready_ops == W


def test_a_key_of_which_the_kernel_says_nothing_of_interest_is_not_handed_over(selector: Selector, pair: Pair) -> None:
    channel, peer = pair
    key = channel.register(selector, R)
    selector.select_now()
    key.interest_ops = W  # seen by the next selection; the data is news for the old interest only
    peer.write(b"x")
    arrived(channel)
    seen = Seen()
    assert selector.select_now(seen) == 1
    assert seen.ready == [W]


# statement 119
def test_the_action_may_cancel_and_change_interest(selector: Selector, pair: Pair) -> None:
    channel, peer = pair
    gone, kept = channel.register(selector, W), peer.register(selector, W)

    def act(key: SelectionKey) -> None:
        if key is gone:
            key.cancel()
        else:
            key.interest_ops = R

    assert selector.select_now(act) == 2
    assert set(selector.keys) == {gone, kept}
    assert selector.select_now(act) == 0
    assert list(selector.keys) == [kept]


# statement 119
def test_the_action_may_close_channels(selector: Selector, pair: Pair) -> None:
    for end in pair:
        end.register(selector, W)
    seen = Seen(lambda key: key.channel.close())
    assert selector.select_now(seen) == 2
    assert len(selector.keys) == 2
    assert selector.select_now(seen) == 0
    assert len(selector.keys) == 0


# statement 119
@pytest.mark.parametrize("woken_before", [False, True])
def test_a_wake_up_from_the_action_is_the_next_selections(selector: Selector, pair: Pair, woken_before: bool) -> None:
    key = pair[0].register(selector, W)
    if woken_before:
        selector.wakeup()
    seen = Seen(lambda key: key.selector.wakeup())
    assert selector.select(None, seen) == 1
    assert seen.keys == [key]
    key.interest_ops = R
    assert selector.select(None) == 0  # at once
    begin = time.monotonic()
    assert selector.select(0.02) == 0  # one time
    assert time.monotonic() - begin >= 0.02


# statement 120
def test_a_selection_from_the_action_is_refused(selector: Selector, pair: Pair) -> None:
    pair[0].register(selector, W)
    with pytest.raises(IllegalStateError):
        selector.select_now(lambda key: key.selector.select_now())
    assert selector.select_now() == 1


# statement 121
def test_an_exception_from_the_action_ends_the_selection(selector: Selector, pair: Pair) -> None:
    for end in pair:
        end.register(selector, W)

    def fail(key: SelectionKey) -> None:
        raise LookupError(key)

    failing = Seen(fail)
    with pytest.raises(LookupError):
        selector.select(None, failing)
    assert len(failing.keys) == 1
    assert len(selector.selected_keys) == 0
    assert selector.select_now(Seen()) == 2


# statement 122
def test_closing_the_selector_in_the_action(provider: SelectorProvider, selector: Selector, pair: Pair) -> None:
    keys = [end.register(selector, W) for end in pair]

    def close(key: SelectionKey) -> None:
        selector.close()
        selector.close()
        assert not selector.is_open
        assert not any(each.is_valid for each in keys)

    seen = Seen(close)
    with pytest.raises(ClosedSelectorError):
        selector.select_now(seen)
    assert len(seen.keys) == 1
    assert not any(end.is_registered for end in pair)
    with Selector.open(provider) as other:
        assert pair[0].register(other, W).is_valid


# statement 123
def test_arguments_are_checked_as_without_an_action(selector: Selector) -> None:
    seen = Seen()
    for timeout in (-5, float("nan")):
        with pytest.raises(IllegalArgumentError):
            selector.select(timeout, seen)
    with pytest.raises(TypeError):
        selector.select(True, seen)
    selector.close()
    with pytest.raises(ClosedSelectorError):
        selector.select_now(seen)
    assert seen.keys == []


def test_B10_a_key_that_an_earlier_action_cancelled_is_passed_over(selector: Selector, pair: Pair) -> None:
    keys = [end.register(selector, W) for end in pair]

    def cancel_the_other(key: SelectionKey) -> None:
        for other in keys:
            if other is not key:
                other.cancel()

    seen = Seen(cancel_the_other)
    assert selector.select_now(seen) == 1
    assert len(seen.keys) == 1


def test_D14_the_first_of_a_batch_changes_from_selection_to_selection(
    provider: SelectorProvider, selector: Selector
) -> None:
    pipes = [Pipe.open(provider=provider) for _ in range(7)]
    served = {}
    for pipe in pipes:
        pipe.sink.write(b"x")
        served[pipe.source.configure_blocking(False).register(selector, R)] = 0
    for _ in range(70):
        seen = Seen()
        assert selector.select_now(seen) == 7
        assert set(seen.keys) == set(served)
        served[seen.keys[0]] += 1
    assert set(served.values()) == {10}
    for pipe in pipes:
        pipe.close()
