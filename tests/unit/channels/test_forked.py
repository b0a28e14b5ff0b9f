"""What a selector and its channels do in a forked child, without one; with one it is in ``contract/test_fork.py``."""

from __future__ import annotations

import os
import signal

import pytest

from nio.channels import DatagramChannel, Selector, ServerSocketChannel, SocketChannel
from nio.errors import ForkedSelectorError
from nio.spi import SelectorProvider, _system
from tests.contract.awake import AwakeProvider
from tests.helpers import A, R


def is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


@pytest.mark.parametrize("kind", [SocketChannel, ServerSocketChannel, DatagramChannel])
def test_D21_a_selector_that_is_the_parent_s(
    kind: type[SocketChannel] | type[ServerSocketChannel] | type[DatagramChannel],
) -> None:
    selector = Selector.open()
    with kind.open() as channel:
        channel.configure_blocking(False)
        key = channel.register(selector, A if kind is ServerSocketChannel else R)
        selector.select_now()
        locks = {channel._state_lock, channel._read_lock, channel._write_lock}
        selector._forget()
        assert not locks & {channel._state_lock, channel._read_lock, channel._write_lock}
        assert not key.is_valid
        assert not channel.is_registered
        assert channel.is_open
        with pytest.raises(ForkedSelectorError, match="forked"):
            key.interest_ops = 0
        fd = key._fd
        channel.close()
        assert not is_open(fd)
    selector.close()
    with pytest.raises(ForkedSelectorError):
        selector.wakeup()
    with pytest.raises(ForkedSelectorError):
        selector.select()
    assert repr(selector) == "Selector(of the parent process)"


def test_D21_what_a_listener_of_the_parent_s_accepts_in_the_child_has_another_lock() -> None:
    with Selector.open() as selector, ServerSocketChannel.open().bind(("127.0.0.1", 0)) as server:
        server.configure_blocking(False)
        selector.select_now()
        channels = []
        for _ in range(3):
            channels += [SocketChannel.open(server.local_address), server.accept(blocking=False)]
            if len(channels) == 4:
                server._forget()  # as in a child: a thread that only the parent has may hold the old one
        first, second, third = (channel._state_lock for channel in channels[1::2] if channel is not None)
        assert first is second
        assert third is not first
        for channel in channels:
            assert channel is not None
            channel.close()


def test_D21_a_poller_that_is_not_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    selector = Selector.open(AwakeProvider(SelectorProvider.default()))
    close = selector._poller.close

    def refuse() -> None:
        close()
        raise OSError("no such descriptor")

    monkeypatch.setattr(selector._poller, "close", refuse)
    selector._forget()
    assert not selector.is_open
    selector.close()


def test_D21_no_signal_of_a_child_s_is_the_parent_s() -> None:
    provider = SelectorProvider.default()
    before = signal.set_wakeup_fd(-1)
    try:
        _system._tell_nobody_of_signals()
        with provider.signal_wakeup():
            _system._tell_nobody_of_signals()
            assert signal.set_wakeup_fd(-1) == -1
        assert signal.set_wakeup_fd(-1) == -1
    finally:
        signal.set_wakeup_fd(before)
