"""A signal handler raises, at every bytecode there is: the selector loses nothing that was done before."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from nio.channels import Pipe, SelectionKey, Selector
from nio.errors import CancelledKeyError
from nio.spi import SelectorProvider
from tests.contract.awake import AwakeProvider, WouldSleep, in_own_thread, interrupted
from tests.helpers import R, W

MOST = 5000  # bytecodes

pytestmark = pytest.mark.skipif(
    sys.version_info >= (3, 12), reason="from 3.12 on a trace function is not told of each opcode of the first frames"
)


def is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


def steps(call: Callable[[], object], meanwhile: Callable[[], object] = lambda: None) -> Iterator[int]:
    """Interrupt one call after the other, each a bytecode later than the one before, until one comes to its end.

    What stands in the loop looks at what is left of each.
    """
    for step in range(1, MOST):
        was_interrupted = interrupted(call, step, meanwhile)
        yield step
        if not was_interrupted:
            assert step > 5
            return
    pytest.fail(f"no end after {MOST} bytecodes")


class Rig:
    """Keys in every state that a selection changes, over pipes that are always ready."""

    def __init__(self, selector: Selector) -> None:
        self.selector = selector
        self.pipes = [Pipe.open(provider=selector.provider) for _ in range(7)]
        for pipe in self.pipes:
            pipe.source.configure_blocking(False)
            pipe.sink.configure_blocking(False)
        self.changed, self.dropped, self.cancelled, self.closed, self.kept, self.stale = (
            pipe.sink.register(selector, W) for pipe in self.pipes[:6]
        )
        self.stale.cancel()
        self.changed.interest_ops = 0
        selector.select_now()
        selector.selected_keys.clear()
        self.stale = self.pipes[5].source.register(selector, R)
        selector.select_now()
        selector.selected_keys.clear()
        self.changed.interest_ops = W
        self.dropped.interest_ops = 0
        self.cancelled.cancel()
        self.closed.channel.close()
        self.stale.interest_ops = 0
        self.pipes[5].sink.write(b"x")
        self.fresh = self.pipes[6].sink.register(selector, W)
        selector.wakeup()

    def check(self) -> None:
        selector = self.selector
        left = {self.changed, self.dropped, self.kept, self.stale, self.fresh}
        ready: set[SelectionKey] = set()
        selector.dispatch(0, lambda key, attachment, ops: ready.add(key))
        assert ready == {self.changed, self.kept, self.fresh}
        assert set(selector.keys) == left
        assert not is_open(self.closed._fd)
        assert not self.cancelled.channel.is_registered
        for key in left:
            key.interest_ops = 0
        selector.dispatch(0, lambda key, attachment, ops: pytest.fail(f"{key!r} is interested in nothing"))
        with pytest.raises(WouldSleep):
            selector.select()
        selector.wakeup()
        assert selector.select() == 0
        self.dropped.interest_ops = W
        self.stale.interest_ops = R
        selector.selected_keys.clear()
        assert selector.select() == 2

    def close(self) -> None:
        for pipe in self.pipes:
            pipe.close()
        self.selector.select_now()
        self.selector.selected_keys.clear()
        assert len(self.selector.keys) == 0


@in_own_thread
def test_D22_an_interrupted_selection(provider: SelectorProvider) -> None:
    with Selector.open(AwakeProvider(provider)) as selector:
        rig = Rig(selector)
        for _ in steps(lambda: selector.dispatch(0, lambda *_: None)):
            rig.check()
            rig.close()
            rig = Rig(selector)
        rig.close()


# What follows is the same on every back end.


@contextmanager
def opened() -> Iterator[tuple[Selector, Pipe]]:
    """Inside the test's thread: an exception at the end of a ``with`` leaves it the owner of a lock."""
    provider = AwakeProvider(SelectorProvider.default())
    with Selector.open(provider) as selector, Pipe.open(provider=provider) as pipe:
        pipe.source.configure_blocking(False)
        pipe.sink.configure_blocking(False)
        yield selector, pipe


@in_own_thread
def test_D22_an_interrupted_selection_without_an_action() -> None:
    with opened() as (single, _):
        rig = Rig(single)
        for _ in steps(single.select_now):
            rig.check()
            rig.close()
            rig = Rig(single)
        rig.close()


@in_own_thread
def test_D03_a_wake_up_that_is_interrupted_loses_nobody_s() -> None:
    with opened() as (single, _):
        for _ in steps(single.wakeup, meanwhile=single.wakeup):
            assert single.select() == 0  # the other thread's
            with pytest.raises(WouldSleep):
                single.select()
            single.wakeup()
            assert single.select() == 0


CHANGES: dict[str, Callable[[SelectionKey, int], object]] = {
    "interest_ops =": lambda key, ops: setattr(key, "interest_ops", ops),
    "set_interest": lambda key, ops: key.set_interest(ops),
    "or": lambda key, ops: key.interest_ops_or(ops),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@in_own_thread
def test_an_interrupted_change_of_interest_loses_no_later_one(change: Callable[[SelectionKey, int], object]) -> None:
    with opened() as (single, pipe):
        key = pipe.sink.register(single, 0)
        for _ in steps(lambda: change(key, W)):
            change(key, W)
            assert single.select_now(lambda key: None) == 1
            key.interest_ops = 0
            assert single.select_now(lambda key: None) == 0


@in_own_thread
def test_a_change_of_interest_is_made_or_not_however_it_is_interrupted() -> None:
    with opened() as (single, pipe):
        key = pipe.sink.register(single, 0)
        seen: set[int] = set()
        for _ in steps(lambda: key.interest_ops_or(W)):
            seen.add(key.interest_ops)
            assert single.select_now(lambda key: None) == (1 if key.interest_ops == W else 0)
            key.interest_ops = 0
            single.select_now()
        assert seen == {0, W}


@in_own_thread
def test_an_interrupted_cancel_leaves_a_key_that_can_be_cancelled() -> None:
    with opened() as (single, pipe):
        key = pipe.sink.register(single, W)
        for _ in steps(lambda: key.cancel()):  # noqa: B023  # the key of each round
            single.select_now()
            assert key.is_valid or key not in single.keys
            key.cancel()
            single.select_now()
            assert len(single.keys) == len(single.selected_keys) == 0
            assert not pipe.sink.is_registered
            key = pipe.sink.register(single, W)
            assert single.select_now(lambda key: None) == 1


@in_own_thread
def test_an_interrupted_registration_is_one_or_none() -> None:
    with opened() as (single, pipe):
        for _ in steps(lambda: pipe.sink.register(single, W)):
            try:
                key = pipe.sink.register(single, W)
            except CancelledKeyError:
                single.select_now()
                key = pipe.sink.register(single, W)
            assert set(single.keys) == {key}
            assert single.select_now(lambda key: None) == 1
            key.cancel()
            single.select_now()
            assert len(single.keys) == 0
            assert not pipe.sink.is_registered


@in_own_thread
def test_an_interrupted_close_of_a_channel_is_a_close_or_none() -> None:
    with opened() as (single, _):
        pipe = Pipe.open(provider=single.provider)
        key = pipe.sink.configure_blocking(False).register(single, W)
        for _ in steps(lambda: pipe.sink.close()):  # noqa: B023  # the pipe of each round
            if pipe.sink.is_open:
                pipe.sink.close()
            single.select_now()
            assert len(single.keys) == 0
            assert not is_open(key._fd)
            pipe.source.close()
            pipe = Pipe.open(provider=single.provider)
            key = pipe.sink.configure_blocking(False).register(single, W)
            single.select_now()
        pipe.close()


@in_own_thread
def test_an_interrupted_release_is_a_close_or_none() -> None:
    with opened() as (single, _):
        pipe = Pipe.open(provider=single.provider)
        key = pipe.sink.configure_blocking(False).register(single, W)
        for _ in steps(lambda: pipe.sink.release()):  # noqa: B023  # the pipe of each round
            if pipe.sink.is_open:  # the exception came before anything else
                pipe.sink.release()
            single.select_now()
            assert not key.is_valid
            assert not pipe.sink.is_registered
            assert len(single.keys) == len(single.selected_keys) == 0
            assert not is_open(key._fd)
            pipe.source.close()
            pipe = Pipe.open(provider=single.provider)
            key = pipe.sink.configure_blocking(False).register(single, W)
            single.select_now()
        pipe.close()


@in_own_thread
def test_an_interrupted_close_of_a_selector_can_be_done_again() -> None:
    with opened() as (single, pipe):
        provider = single.provider
        selector = Selector.open(provider)
        gone = Pipe.open(provider=provider)
        for _ in steps(lambda: selector.close()):  # noqa: B023  # the selector of each round
            selector.close()
            assert not selector.is_open
            assert not pipe.sink.is_registered
            gone.sink.close()
            assert not is_open(gone.sink._fd)
            gone.source.close()
            selector, gone = Selector.open(provider), Pipe.open(provider=provider)
            pipe.sink.register(selector, W)
            gone.sink.configure_blocking(False).register(selector, W)
            selector.select_now()
            gone.sink.close()
        selector.close()
        gone.close()
