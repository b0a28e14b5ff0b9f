"""How a reactor's connections come into a selector and leave it, inside its actions: as by register() and release()."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from nio import SelectionKey, Selector, ServerSocketChannel, SocketChannel
from nio.errors import ClosedSelectorError
from nio.spi import BROKEN, READABLE

HOST = "127.0.0.1"


class Disturbed:
    """A poller of which one call raises."""

    def __init__(self, inner: Any, name: str, error: BaseException) -> None:
        self._inner, self._name, self._error = inner, name, error

    def __getattr__(self, name: str) -> Any:
        if name == self._name:
            return self._raise
        return getattr(self._inner, name)

    def _raise(self, *args: int) -> None:
        raise self._error


class Pair:
    """A selector whose action is run once, and a connection accepted in non-blocking mode."""

    def __init__(self) -> None:
        self.selector = Selector.open()
        self.listener = ServerSocketChannel.open().bind((HOST, 0))
        self.listener.configure_blocking(False)
        self.listener.register(self.selector, SelectionKey.OP_ACCEPT)
        self.selector.select_now()
        self.peer = SocketChannel.open((HOST, self.listener.port or 0))
        self.near: SocketChannel | None = None

    def accepted(self) -> SocketChannel:
        if self.near is None:
            self.near = self.listener.accept(blocking=False)
        assert self.near is not None
        return self.near

    def inside(self, act: Callable[[SocketChannel], object]) -> None:
        self.selector.select(5, lambda key: act(self.accepted()))

    @contextmanager
    def disturbed(self, name: str, error: BaseException) -> Iterator[None]:
        plain = self.selector._poller
        self.selector._poller = self.selector._watch.poller = Disturbed(plain, name, error)
        yield
        self.selector._poller = self.selector._watch.poller = plain

    def close(self) -> None:
        for each in (self.near, self.peer, self.listener, self.selector):
            if each is not None:
                each.close()


@pytest.fixture
def pair() -> Iterator[Pair]:
    made = Pair()
    yield made
    made.close()


def test_a_connection_comes_and_goes_in_an_action(pair: Pair) -> None:
    gone: list[SelectionKey] = []
    pair.selector.on_cancel = gone.append

    def act(near: SocketChannel) -> None:
        key = pair.selector._enroll(near, 1, "attached")
        assert (key.channel, key.attachment, key.interest_ops, key.ready_ops) == (near, "attached", 1, 0)
        assert key in pair.selector.keys
        assert near.key_for(pair.selector) is key
        assert not pair.selector.has_changes
        pair.selector._dismiss(near)
        assert not near.is_open
        assert not key.is_valid
        assert not near.is_registered
        assert gone == []

    pair.inside(act)
    assert pair.peer.read(memoryview(bytearray(1))) == -1
    assert len(pair.selector.keys) == 1


def test_outside_an_action_both_do_as_the_channel(pair: Pair) -> None:
    pair.selector.select(5)
    near = pair.accepted()
    key = pair.selector._enroll(near, 1, None)
    assert pair.selector.has_changes
    pair.selector._dismiss(near)
    assert not key.is_valid
    assert not near.is_open


def test_one_that_is_registered_already_is_registered_anew(pair: Pair) -> None:
    def act(near: SocketChannel) -> None:
        first = pair.selector._enroll(near, 1, "one")
        assert pair.selector._enroll(near, 4, "two") is first
        assert (first.attachment, first.interest_ops) == ("two", 4)

    pair.inside(act)


def test_a_kernel_that_refuses_is_told_of_at_the_next_selection(pair: Pair) -> None:
    lost: list[tuple[SelectionKey, int | None]] = []
    pair.selector.on_lost_key = lambda key, error: lost.append((key, error.errno))
    keys: list[SelectionKey] = []
    with pair.disturbed("add", OSError(errno.ENOSPC, "no room")):
        pair.inside(lambda near: keys.append(pair.selector._enroll(near, 1, None)))
        assert keys[0].is_valid
        pair.selector.select_now()
    assert lost == [(keys[0], errno.ENOSPC)]
    assert not pair.accepted().is_open


@pytest.mark.parametrize("step", ["add", "remove"])
def test_a_ctrl_c_while_the_kernel_is_told(pair: Pair, step: str) -> None:
    def act(near: SocketChannel) -> None:
        pair.selector._enroll(near, 1, None)
        pair.selector._dismiss(near)

    with pair.disturbed(step, KeyboardInterrupt()), pytest.raises(KeyboardInterrupt):
        pair.inside(act)
    pair.selector.select_now()
    assert not pair.accepted().is_registered
    assert len(pair.selector.keys) == 1


def test_a_selector_that_was_closed_in_the_action(pair: Pair) -> None:
    def act(near: SocketChannel) -> None:
        pair.selector.close()
        pair.selector._enroll(near, 1, None)

    with pytest.raises(ClosedSelectorError, match=r"the selector (is|was) closed"):
        pair.inside(act)
    assert pair.accepted().is_open
    assert not pair.accepted().is_registered


def test_one_whose_key_was_cancelled_or_whose_descriptor_was_closed(pair: Pair) -> None:
    def act(near: SocketChannel) -> None:
        pair.selector._enroll(near, 1, None).cancel()
        pair.selector._dismiss(near)

    pair.inside(act)
    pair.selector.select_now()
    assert not pair.accepted().is_open
    assert not pair.accepted().is_registered


def test_one_whose_descriptor_somebody_has_closed(pair: Pair) -> None:
    def act(near: SocketChannel) -> None:
        key = pair.selector._enroll(near, READABLE, None)
        near._end.close()
        pair.selector._dismiss(near)
        assert not key.is_valid

    pair.inside(act)


class Shut:
    """A descriptor that cannot be closed a second time."""

    def close(self) -> None:
        raise OSError(errno.EBADF, "closed")


def test_one_that_another_channel_has_the_number_of(pair: Pair) -> None:
    def act(near: SocketChannel) -> None:
        key = pair.selector._enroll(near, READABLE, None)
        end, near._end = near._end, Shut()  # type: ignore[assignment]
        del pair.selector._watch.by_fd[key._fd]
        pair.selector._dismiss(near)
        assert not near.is_registered
        pair.selector._poller.remove(end.fileno())
        end.close()

    pair.inside(act)


def test_a_number_that_the_poller_cannot_watch(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    def act(near: SocketChannel) -> None:
        pair.selector._enrolls = False
        monkeypatch.setattr(type(pair.selector._poller), "limit", 1)
        with pytest.raises(ValueError, match="beyond the 1"):
            pair.selector._enroll(near, READABLE, None)
        monkeypatch.setattr(type(pair.selector._poller), "limit", 1 << 20)
        assert pair.selector._enroll(near, READABLE, None).is_valid

    pair.inside(act)


def test_a_descriptor_s_fault_is_not_that_of_the_next_connection_with_its_number(pair: Pair) -> None:
    """The answer at hand names a descriptor that an action has closed, and another action has accepted anew."""
    faults: list[SelectionKey] = []
    pair.selector.watch_faults(faults.append)
    keys: list[SelectionKey] = []

    def take(events: Any, watch: Any) -> int:
        keys.append(pair.selector._enroll(pair.accepted(), 1, None))
        keys[0].set_interest(0)  # its handler has suspended it in on_open()
        return int(watch.hand_over([(keys[0]._fd, BROKEN)], print))

    pair.selector.serve(5, take)
    pair.selector.serve(0, lambda events, watch: watch.hand_over(events, print))
    assert not faults
    pair.peer.set_option("SO_LINGER", 0)
    pair.peer.close()
    pair.selector.serve(5, lambda events, watch: watch.hand_over(events, print))
    assert faults == keys  # one of its own is told
