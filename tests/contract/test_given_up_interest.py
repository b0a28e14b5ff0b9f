"""Interest in input that is given up: the kernel is told when input comes, not before, and nobody else sees that."""

from __future__ import annotations

import pytest

from nio.channels import SelectionKey, Selector
from tests.contract.conftest import Pair
from tests.contract.watched import WatchedProvider
from tests.helpers import Background, R, W, connected_pair, reset


@pytest.fixture
def selector(watched_selector: Selector) -> Selector:
    return watched_selector


@pytest.fixture
def pair(watched_pair: Pair) -> Pair:
    return watched_pair


@pytest.fixture
def key(selector: Selector, watched: WatchedProvider, pair: Pair) -> SelectionKey:
    """Watched for input, which was given up and so told to the selector, but no input has come."""
    key = pair[0].register(selector, R)
    assert selector.select_now() == 0
    key.interest_ops = 0
    watched.forget()
    assert selector.select_now() == 0
    return key


def test_the_kernel_is_not_told(key: SelectionKey, watched: WatchedProvider) -> None:
    assert watched.log == []


def test_taken_back_it_costs_nothing_and_input_is_found(
    key: SelectionKey, selector: Selector, watched: WatchedProvider, pair: Pair
) -> None:
    key.interest_ops = R
    assert selector.select_now() == 0
    assert watched.log == []
    pair[1].write(b"x")
    assert selector.select(10.0) == 1
    assert key.ready_ops == R


@pytest.mark.parametrize("action", [False, True])
def test_input_that_comes_ends_no_selection(
    key: SelectionKey, selector: Selector, watched: WatchedProvider, pair: Pair, action: bool
) -> None:
    handed: list[SelectionKey] = []
    selecting = Background(selector.select, 3600.0, handed.append if action else None)
    watched.until_asleep()
    pair[1].write(b"x")
    watched.until_asleep()
    assert [line for line in watched.since_asleep() if line[0] != "wakeup"] == []
    assert ("remove", pair[0].socket.fileno()) in watched.log
    selector.wakeup()
    assert selecting.result() == 0
    assert handed == []
    assert set(selector.selected_keys) == set()


@pytest.mark.parametrize("action", [False, True])
def test_the_ready_set_stays_what_it_was(selector: Selector, pair: Pair, action: bool) -> None:
    key = pair[0].register(selector, R)
    pair[1].write(b"x")
    assert selector.select(10.0) == 1
    key.interest_ops = 0
    assert selector.select(0, (lambda key: None) if action else None) == 0
    assert key.ready_ops == R
    assert set(selector.selected_keys) == {key}


def test_input_that_comes_ends_no_selection_early(key: SelectionKey, selector: Selector, pair: Pair) -> None:
    clock = selector.provider.clock
    pair[1].write(b"x")
    began = clock()
    assert selector.select(0.02) == 0
    assert clock() - began >= 0.02e9


def test_input_that_waited_is_found_when_interest_comes_back(key: SelectionKey, selector: Selector, pair: Pair) -> None:
    pair[1].write(b"x")
    assert selector.select_now() == 0
    assert selector.select_now() == 0
    key.interest_ops_or(R)
    assert selector.select_now() == 1
    assert key.ready_ops == R


def test_a_reset_is_nobodys_news(key: SelectionKey, selector: Selector, watched: WatchedProvider, pair: Pair) -> None:
    reset(pair[1])
    assert selector.select(0.01) == 0
    watched.forget()
    assert selector.select(0.01) == 0
    assert [line[0] for line in watched.log] == ["sleep", "awake"]


def test_others_that_are_ready_with_it_are_handed_over(key: SelectionKey, selector: Selector, pair: Pair) -> None:
    near, far = connected_pair(pair[0].provider)
    with near, far:
        other = near.register(selector, R)
        for peer in (pair[1], far):
            peer.write(b"x")
        assert selector.select(10.0) == 1
        assert set(selector.selected_keys) == {other}
        key.interest_ops = R
        assert selector.select(10.0) == 1
        assert set(selector.selected_keys) == {key, other}


# statement 110
def test_interest_in_output_that_is_given_up_is_told_at_once(
    selector: Selector, watched: WatchedProvider, pair: Pair
) -> None:
    for ops in (W, R | W):
        key = pair[0].register(selector, ops)
        assert selector.select_now() == 1
        key.interest_ops = 0
        selector.selected_keys.clear()
        assert selector.select_now() == 0
        assert watched.log[-1] == ("remove", pair[0].socket.fileno())
