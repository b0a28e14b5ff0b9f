"""Wake-up, close and changes from other threads while one selects: statements 103 to 114.

Statement 109 (Thread.interrupt) has no counterpart: Python's threads cannot be interrupted.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import pytest

from nio.channels import Pipe, Selector
from nio.errors import ClosedSelectorError
from nio.spi import SelectorProvider
from tests.contract.conftest import Pair
from tests.contract.watched import WatchedProvider
from tests.helpers import Background, R, W, arrived

T = TypeVar("T")


@pytest.fixture
def selector(watched_selector: Selector) -> Selector:
    return watched_selector


@pytest.fixture
def pair(watched_pair: Pair) -> Pair:
    return watched_pair


def lasts_its_timeout(selector: Selector) -> bool:
    begin = time.monotonic()
    return selector.select(0.02) == 0 and time.monotonic() - begin >= 0.02


# statement 103
def test_D01_a_wake_up_before_the_selection_ends_it_one_time(selector: Selector) -> None:
    assert selector.wakeup() is selector
    assert selector.select(None) == 0
    assert lasts_its_timeout(selector)


# statement 104
def test_several_wake_ups_count_as_one(selector: Selector, watched: WatchedProvider) -> None:
    for _ in range(3):
        selector.wakeup()
    assert watched.log.count(("wakeup", selector._waking.fd)) == 1
    assert selector.select(None) == 0
    assert lasts_its_timeout(selector)


# statement 105
def test_select_now_uses_up_a_wake_up(selector: Selector) -> None:
    selector.wakeup()
    assert selector.select_now() == 0
    assert lasts_its_timeout(selector)


# statement 105
def test_a_selection_with_ready_keys_uses_up_a_wake_up(selector: Selector, pair: Pair) -> None:
    key = pair[0].register(selector, W)
    assert selector.select_now() == 1
    selector.wakeup()
    assert selector.select_now() == 0
    selector.selected_keys.clear()
    assert selector.select_now() == 1
    key.interest_ops = R
    assert lasts_its_timeout(selector)


# statement 106
def test_a_wake_up_ends_the_selection_of_another_thread(selector: Selector, watched: WatchedProvider) -> None:
    selecting = Background(selector.select)
    watched.until_asleep()
    selector.wakeup()
    assert selecting.result() == 0
    assert lasts_its_timeout(selector)


# statement 107
def test_a_wake_up_hides_no_readiness(selector: Selector, pair: Pair) -> None:
    key = pair[0].register(selector, W)
    selector.wakeup()
    assert selector.select(None) == 1
    assert list(selector.selected_keys) == [key]


# statement 108
def test_D07_closing_the_selector_ends_the_selection_of_another_thread(
    selector: Selector, watched: WatchedProvider, pair: Pair
) -> None:
    key = pair[0].register(selector, R)
    selecting = Background(selector.select)
    watched.until_asleep()
    selector.close()
    assert selecting.result() == 0
    assert not selector.is_open
    assert not key.is_valid
    assert not pair[0].is_registered
    with pytest.raises(ClosedSelectorError):
        selector.select()


# statements 108, 113
def test_threads_waiting_to_select_find_the_selector_closed(selector: Selector, watched: WatchedProvider) -> None:
    first = Background(selector.select)
    watched.until_asleep()
    second = Background(selector.select)
    watched.until_queued()
    selector.close()
    assert first.result() == 0
    with pytest.raises(ClosedSelectorError):
        second.result()


# statement 110
def test_D04_a_change_of_interest_is_seen_by_the_next_selection(
    selector: Selector, watched: WatchedProvider, pair: Pair
) -> None:
    channel, _ = pair
    key = channel.register(selector, R)
    selecting = Background(selector.select)
    watched.until_asleep()
    key.interest_ops = W
    assert key.interest_ops_or(R) == W
    assert watched.since_asleep() == []
    selector.wakeup()
    assert selecting.result() == 0
    assert [line[0] for line in watched.since_asleep()] == ["wakeup", "awake"]
    assert selector.select_now() == 1
    assert key.ready_ops == W
    assert watched.log[-1] == ("modify", channel.socket.fileno(), R | W)


# statement 110
def test_the_running_selection_still_waits_for_the_old_interest(
    selector: Selector, watched: WatchedProvider, pair: Pair
) -> None:
    channel, peer = pair
    key = channel.register(selector, R)
    selecting = Background(selector.select)
    watched.until_asleep()
    key.interest_ops = W
    peer.write(b"x")
    assert selecting.result() == 0
    assert len(selector.selected_keys) == 0
    assert selector.select_now() == 1
    assert key.ready_ops == W


# statement 111
def test_D06_registering_returns_at_once_and_is_seen_by_the_next_selection(
    selector: Selector, watched: WatchedProvider, pair: Pair
) -> None:
    channel, _ = pair
    selecting = Background(selector.select)
    watched.until_asleep()
    key = channel.register(selector, W)
    assert list(selector.keys) == [key]
    assert len(selector.selected_keys) == 0
    assert channel.register(selector, R | W) is key
    key.interest_ops = W
    assert watched.since_asleep() == []
    selector.wakeup()
    assert selecting.result() == 0
    assert not {"add", "modify"} & {line[0] for line in watched.since_asleep()}
    assert selector.select_now() == 1
    assert list(selector.selected_keys) == [key]


# statement 112
@pytest.mark.parametrize("end", ["cancel", "close"])
def test_D05_D08_cancelling_and_closing_do_not_end_the_selection(
    selector: Selector, watched: WatchedProvider, pair: Pair, end: str
) -> None:
    channel, _ = pair
    key = channel.register(selector, R)
    fd = channel.socket.fileno()
    selecting = Background(selector.select)
    watched.until_asleep()
    key.cancel() if end == "cancel" else channel.close()
    assert not key.is_valid
    assert list(selector.keys) == [key]
    assert channel.is_registered
    assert ("wakeup", selector._waking.fd) not in watched.since_asleep()
    assert {line[0] for line in watched.since_asleep()} <= {"wakeup"}  # the channel's own, for whom it blocks
    selector.wakeup()
    assert selecting.result() == 0
    assert watched.log[-1] == ("remove", fd)
    assert len(selector.keys) == 0
    assert not channel.is_registered


# statement 112
def test_a_selection_whose_time_is_over_flushes_what_was_cancelled_meanwhile(
    selector: Selector, watched: WatchedProvider, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = pair[0].register(selector, R)
    slept = watched.slept

    def slept_and_cancelled(call: Callable[[], T], timeout: float | None) -> T:
        result = slept(call, timeout)
        key.cancel()
        return result

    monkeypatch.setattr(watched, "slept", slept_and_cancelled)
    assert selector.select(0.001) == 0
    assert len(selector.keys) == 0


# statements 111, 112
def test_registered_and_cancelled_during_one_selection(
    selector: Selector, watched: WatchedProvider, pair: Pair
) -> None:
    selecting = Background(selector.select)
    watched.until_asleep()
    key = pair[0].register(selector, W)
    key.cancel()
    assert list(selector.keys) == [key]
    selector.wakeup()
    assert selecting.result() == 0
    assert len(selector.keys) == 0
    assert selector.select_now() == 0
    assert not {"add", "remove"} & {line[0] for line in watched.since_asleep()}


# statement 113
def test_a_second_selecting_thread_waits_for_the_first(
    selector: Selector, watched: WatchedProvider, pair: Pair
) -> None:
    pair[0].register(selector, R)
    first = Background(selector.select)
    watched.until_asleep()
    second = Background(selector.select_now)
    watched.until_queued()
    assert not second.is_done
    pair[1].write(b"x")
    assert first.result() == 1
    assert second.result() == 0  # the key is still selected
    assert len(selector.selected_keys) == 1


# statement 113
def test_one_thread_hands_over_at_a_time(selector: Selector, watched: WatchedProvider, pair: Pair) -> None:
    pair[0].register(selector, W)

    def act(_: object) -> None:
        order.append("first")
        others.append(Background(selector.select_now, lambda _: order.append("second")))
        watched.until_queued()
        order.append("still first")

    order: list[str] = []
    others: list[Background[int]] = []
    assert selector.select_now(act) == 1
    assert others[0].result() == 1
    assert order == ["first", "still first", "second"]


# statements 79, 114
def test_the_keys_may_be_looked_at_from_any_thread(
    provider: SelectorProvider, selector: Selector, watched: WatchedProvider
) -> None:
    selecting = Background(selector.select)
    watched.until_asleep()
    pipes = [Pipe.open(provider=watched) for _ in range(50)]
    sources = [pipe.source.configure_blocking(False) for pipe in pipes]
    registering = Background(lambda: [source.register(selector, R) for source in sources])
    while not registering.is_done:
        looked = list(selector.keys)
        assert len(looked) <= len(selector.keys)
        assert repr(selector.keys).startswith("KeySet(")
    assert set(registering.result()) == set(selector.keys)
    for pipe in pipes:
        pipe.close()
    selector.wakeup()
    assert selecting.result() == 0
    assert len(selector.keys) == 0


def test_data_that_comes_while_a_thread_sleeps(selector: Selector, watched: WatchedProvider, pair: Pair) -> None:
    channel, peer = pair
    key = channel.register(selector, R)
    selecting = Background(selector.select, None, lambda key: channel.read(bytearray(8)))
    watched.until_asleep()
    peer.write(b"x")
    assert selecting.result() == 1
    assert key.ready_ops == R
    arrived(peer, W)
    assert selector.select_now() == 0
