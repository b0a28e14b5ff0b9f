"""What a signal handler may do to a selection or a channel that it interrupts: everything another thread may."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import Empty, SimpleQueue

import pytest

from nio.channels import Pipe, Selector, ServerSocketChannel, SocketChannel
from nio.errors import AsynchronousCloseError, ClosedSelectorError, IllegalStateError
from nio.spi import SelectorProvider
from tests.contract.watched import WatchedProvider
from tests.helpers import LOOPBACK, Background, R, W


@contextmanager
def when_asleep(watched: WatchedProvider, act: Callable[[], object]) -> Iterator[None]:
    """The handler runs ``act``, one time, while this thread, the main one, sleeps or is about to.

    A signal that comes between Python's last look for one and the system call is handled after that call only, so it
    is sent until it is handled; whoever needs the first one to count uses ``signal.set_wakeup_fd``.
    """
    main = threading.get_ident()
    to_do = [act]
    handled: SimpleQueue[bool] = SimpleQueue()

    def handle(*_: object) -> None:
        """A further signal may come in the middle of this, so nothing here takes a lock: an Event would."""
        try:
            do = to_do.pop()
        except IndexError:
            return
        handled.put(True)
        do()

    def interrupt() -> None:
        watched.until_asleep()
        while True:
            signal.pthread_kill(main, signal.SIGUSR1)
            try:
                handled.get(timeout=0.005)
            except Empty:
                continue
            return

    previous = signal.signal(signal.SIGUSR1, handle)
    interrupting = Background(interrupt)
    try:
        yield
    finally:
        interrupting.result()
        signal.signal(signal.SIGUSR1, previous)


def test_H01_a_signal_whose_handler_does_nothing_changes_nothing(watched: WatchedProvider) -> None:
    seen = []
    with Selector.open(watched) as selector, when_asleep(watched, lambda: seen.append(1)):
        assert selector.select(0.05) == 0
    assert seen == [1]


def test_H01_a_handler_may_wake_the_selection_up(watched: WatchedProvider) -> None:
    with Selector.open(watched) as selector, when_asleep(watched, selector.wakeup):
        assert selector.select() == 0


def test_a_handler_may_close_the_selector(watched: WatchedProvider) -> None:
    with Selector.open(watched) as selector, Pipe.open(provider=watched) as pipe:
        key = pipe.source.configure_blocking(False).register(selector, R)
        with when_asleep(watched, selector.close):
            assert selector.select() == 0
        assert not key.is_valid
        assert not pipe.source.is_registered
        with pytest.raises(ClosedSelectorError):
            selector.select()


def test_a_handler_may_change_keys_and_channels(watched: WatchedProvider) -> None:
    with Selector.open(watched) as selector, Pipe.open(provider=watched) as pipe:
        source = pipe.source.configure_blocking(False).register(selector, R)
        sink = pipe.sink.configure_blocking(False).register(selector, 0)

        def act() -> None:
            pipe.source.close()
            sink.interest_ops = W
            selector.wakeup()

        with when_asleep(watched, act):
            assert selector.select() == 0
        assert not source.is_valid
        assert list(selector.keys) == [sink]
        assert selector.select_now() == 1


def test_a_handler_may_not_select(watched: WatchedProvider) -> None:
    with (
        Selector.open(watched) as selector,
        when_asleep(watched, selector.select_now),
        pytest.raises(IllegalStateError),
    ):
        selector.select()


def test_a_handler_may_raise_out_of_a_selection(watched: WatchedProvider) -> None:
    def act() -> None:
        raise KeyboardInterrupt

    with Selector.open(watched) as selector:
        with when_asleep(watched, act), pytest.raises(KeyboardInterrupt):
            selector.select()
        assert selector.select_now() == 0


@pytest.mark.parametrize("use", ["read", "write", "accept"])
def test_a_handler_may_close_the_channel_that_sleeps(watched: WatchedProvider, use: str) -> None:
    with Pipe.open(provider=watched) as pipe, ServerSocketChannel.open(provider=watched).bind(LOOPBACK) as server:
        calls: dict[str, tuple[Callable[[], object], Callable[[], None]]] = {
            "read": (lambda: pipe.source.read(bytearray(4)), pipe.source.close),
            "write": (lambda: pipe.sink.write(bytes(1_000_000)), pipe.sink.close),
            "accept": (server.accept, server.close),
        }
        call, close = calls[use]
        with when_asleep(watched, close), pytest.raises(AsynchronousCloseError):
            call()


def test_a_handler_may_close_a_channel_just_before_it_sleeps(provider: SelectorProvider) -> None:
    with Pipe.open(provider=provider) as pipe:
        source = pipe.source
        inner, ask = provider.wait_for, []

        def wait_for(fd: int, mask: int, wakeup: int | None, timeout: float | None) -> bool:
            ask.append(fd)
            source.close()  # this thread's, as a handler's is: nobody is left inside, the descriptor goes
            return inner(fd, mask, wakeup, timeout)

        watched = WatchedProvider(provider)
        watched.wait_for = wait_for
        source._provider = watched
        with pytest.raises(AsynchronousCloseError):
            source.read(bytearray(4))
        assert len(ask) == 1


def test_what_the_kernel_says_of_an_open_channel_is_not_hidden(provider: SelectorProvider) -> None:
    def wait_for(fd: int, mask: int, wakeup: int | None, timeout: float | None) -> bool:
        raise OSError("out of memory")

    with SocketChannel.open(provider=provider) as channel, Pipe.open(provider=provider) as pipe:
        watched = WatchedProvider(provider)
        watched.wait_for = wait_for
        pipe.source._provider = watched
        with pytest.raises(OSError, match="out of memory"):
            pipe.source.read(bytearray(4))
        assert pipe.source.is_open
        assert channel.is_open


def test_a_signal_ends_a_selection_that_wakes_on_signals(watched: WatchedProvider) -> None:
    with Selector.open(watched) as selector, selector.waking_on_signals():
        with when_asleep(watched, lambda: None):
            assert selector.select() == 0  # the handler does nothing, and nothing else would end it
        selector.select_now()  # a second signal may have come before the first was handled
        assert selector.select_now() == 0


def test_H03_whoever_had_the_signals_wakeup_has_it_again(provider: SelectorProvider) -> None:
    with Pipe.open() as pipe, Selector.open(provider) as selector:
        mine = pipe.sink.configure_blocking(False)._fd
        previous = signal.set_wakeup_fd(mine)
        try:
            with selector.waking_on_signals():
                pass
        finally:
            assert signal.set_wakeup_fd(previous) == mine


def test_a_block_inside_a_block_that_wakes_on_signals(watched: WatchedProvider) -> None:
    with Selector.open(watched) as selector, selector.waking_on_signals():
        with selector.waking_on_signals(), when_asleep(watched, lambda: None):
            assert selector.select() == 0
        with when_asleep(watched, lambda: None):
            assert selector.select() == 0
        selector.select_now()
        assert selector.select_now() == 0
        assert selector._poller.wait(0) == []  # the outer one is cleared, too


def test_closing_a_selector_that_wakes_on_signals(provider: SelectorProvider) -> None:
    with Selector.open(provider) as selector:
        with selector.waking_on_signals():
            selector.close()
        assert not selector.is_open


def test_waking_on_signals_outside_the_main_thread_changes_nothing(provider: SelectorProvider) -> None:
    def other() -> int:
        with Selector.open(provider) as selector, selector.waking_on_signals():
            return selector.select_now()

    assert Background(other).result() == 0
