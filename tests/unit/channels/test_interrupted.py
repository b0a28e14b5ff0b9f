"""A signal handler raises in the middle of one step. ``contract/test_interrupted.py`` tries every bytecode."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator

import pytest

from nio.channels import Pipe, SelectionKey, Selector
from nio.spi import SelectorProvider
from nio.spi._pipe import SystemPipeEnd
from nio.spi._wakeup import SystemWakeup
from tests.contract.awake import AwakeProvider, WouldSleep
from tests.helpers import R, W


@pytest.fixture
def selector() -> Iterator[Selector]:
    with Selector.open(AwakeProvider(SelectorProvider.default())) as selector:
        yield selector


@pytest.fixture
def pipe(selector: Selector) -> Iterator[Pipe]:
    with Pipe.open(provider=selector.provider) as pipe:
        pipe.source.configure_blocking(False)
        pipe.sink.configure_blocking(False)
        yield pipe


class Interrupting(deque[SelectionKey]):
    """A queue whose first ``append`` is interrupted before it has appended."""

    def __init__(self) -> None:
        super().__init__()
        self.interrupted = False

    def append(self, key: SelectionKey) -> None:
        if not self.interrupted:
            self.interrupted = True
            raise KeyboardInterrupt
        super().append(key)


def test_D22_a_wake_up(selector: Selector, monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[int] = []
    set_it = SystemWakeup.set

    def interrupted(wakeup: SystemWakeup) -> None:
        tries.append(1)
        if len(tries) == 1:
            raise KeyboardInterrupt
        set_it(wakeup)

    monkeypatch.setattr(SystemWakeup, "set", interrupted)
    with pytest.raises(KeyboardInterrupt):
        selector.wakeup()
    assert selector.select() == 0
    with pytest.raises(WouldSleep):
        selector.select()
    selector.wakeup()
    assert selector.select() == 0


@pytest.mark.parametrize("how", ["interest_ops", "set_interest"])
def test_D22_a_change_of_interest(selector: Selector, pipe: Pipe, how: str) -> None:
    key = pipe.sink.register(selector, 0)
    selector.select_now()
    selector._watch.updates = selector._updates = Interrupting()
    with pytest.raises(KeyboardInterrupt):
        setattr(key, "interest_ops", W) if how == "interest_ops" else key.set_interest(W)
    key.set_interest(W)
    assert selector.select() == 1


def test_D22_a_cancellation(selector: Selector, pipe: Pipe) -> None:
    key = pipe.sink.register(selector, W)
    selector._cancelled = Interrupting()
    with pytest.raises(KeyboardInterrupt):
        key.cancel()
    assert selector.select_now() == 0
    assert len(selector.keys) == 0
    assert not pipe.sink.is_registered


def test_D22_a_registration(selector: Selector, pipe: Pipe) -> None:
    selector._watch.updates = selector._updates = Interrupting()
    with pytest.raises(KeyboardInterrupt):
        pipe.sink.register(selector, W)
    assert selector.select_now() == 0
    assert len(selector.keys) == 0
    pipe.sink.register(selector, W)
    assert selector.select() == 1


@pytest.mark.parametrize("slept", [False, True])
def test_D22_a_close(selector: Selector, pipe: Pipe, slept: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    key = pipe.sink.register(selector, W)
    if slept:
        pipe.sink._closing()
    tries: list[int] = []
    cancel = SelectionKey.cancel

    def interrupted(key: SelectionKey) -> None:
        tries.append(1)
        if len(tries) == 1:
            raise KeyboardInterrupt
        cancel(key)

    monkeypatch.setattr(SelectionKey, "cancel", interrupted)
    with pytest.raises(KeyboardInterrupt):
        pipe.sink.close()
    assert not key.is_valid
    assert selector.select_now() == 0
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(key._fd)


def test_D22_a_release(selector: Selector, pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    key = pipe.sink.register(selector, W)
    tries: list[int] = []
    close = SystemPipeEnd.close

    def interrupted(end: SystemPipeEnd) -> None:
        tries.append(1)
        if len(tries) == 1:
            raise KeyboardInterrupt
        close(end)

    monkeypatch.setattr(SystemPipeEnd, "close", interrupted)
    with pytest.raises(KeyboardInterrupt):
        pipe.sink.release()
    assert not key.is_valid
    assert not pipe.sink.is_open
    assert selector.select_now() == 0
    assert len(selector.keys) == 0
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(key._fd)


def test_D22_a_close_that_had_not_begun(selector: Selector, pipe: Pipe) -> None:
    key = pipe.source.register(selector, R)

    class Lock:
        def __enter__(self) -> None:
            raise KeyboardInterrupt

        def __exit__(self, *args: object) -> None: ...

    lock = pipe.source._state_lock
    pipe.source._state_lock = Lock()  # type: ignore[assignment]  # as much of one as is used
    with pytest.raises(KeyboardInterrupt):
        pipe.source.close()
    pipe.source._state_lock = lock
    assert pipe.source.is_open
    assert key.is_valid


def test_ctrl_c_before_a_signal_s_descriptor_is_watched_is_what_leaves() -> None:
    with Selector.open() as selector:
        poller = selector._waking._poller

        class Struck:
            remove = staticmethod(poller.remove)

            def add(self, fd: int, mask: int) -> None:
                raise KeyboardInterrupt

        selector._waking._poller = Struck()  # type: ignore[assignment]  # what is asked of a poller here
        with pytest.raises(KeyboardInterrupt), selector.waking_on_signals():
            pass
        selector._waking._poller = poller
        assert selector.select(0) == 0


def test_a_wake_up_that_comes_while_an_old_one_is_silenced_is_not_lost() -> None:
    with Selector.open() as selector:
        waking = selector._waking
        assert waking._wakeup is not None
        waking._wakeup.set()  # of one that was cleared before it was quite set
        waking.is_set = True  # and somebody raises the flag before the descriptor is cleared
        waking.silence(waking.fd)
        assert [fd for fd, _ in selector._poller.wait(0)] == [waking.fd]
        assert selector.select() == 0


def test_a_wake_up_that_is_closed_is_cleared_without_a_descriptor() -> None:
    selector = Selector.open()
    waking = selector._waking
    selector.close()
    waking.is_set = True
    waking.clear()
    assert not waking.is_set
