"""A forked child that unwinds through what its parent opened: the parent notices nothing."""

from __future__ import annotations

import os
import signal
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from nio.channels import (
    DatagramChannel,
    Pipe,
    SelectionKey,
    Selector,
    SocketChannel,
    StandardSocketOptions,
)
from nio.errors import ForkedSelectorError
from nio.spi import SelectorProvider
from tests.contract.awake import AwakeProvider, WouldSleep
from tests.contract.conftest import Pair
from tests.contract.watched import WatchedProvider
from tests.helpers import PATIENCE, Background, R, W, arrived, connected_pair, listening, text_of

pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # some have threads, as servers have


def in_child(*calls: Callable[[], object]) -> None:
    """Call each in a forked child, which then ends; its error fails the test."""
    reader, writer = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            signal.alarm(int(PATIENCE))
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            for call in calls:
                call()
            os._exit(0)
        except BaseException:
            os.write(writer, traceback.format_exc().encode()[-4000:])
        finally:
            os._exit(1)
    os.close(writer)
    with os.fdopen(reader, "rb") as report:
        text = report.read().decode()
    _, status = os.waitpid(pid, 0)
    assert (status, text) == (0, ""), f"the child ended with {status}: {text}"


@pytest.fixture
def selector(provider: SelectorProvider) -> Iterator[Selector]:
    with Selector.open(AwakeProvider(provider)) as selector:
        yield selector


@pytest.fixture
def pair(selector: Selector) -> Iterator[Pair]:
    near, far = connected_pair(selector.provider)
    with near, far:
        yield near, far


ENDS = ("cancel", "channel", "selector", "channel selector", "selector channel")


@pytest.mark.parametrize("ends", ENDS)
def test_D21_what_ends_in_a_child_goes_on_in_the_parent(selector: Selector, pair: Pair, ends: str) -> None:
    near, far = pair
    key = near.register(selector, R)
    assert selector.select_now() == 0
    in_child(*({"cancel": key.cancel, "channel": near.close, "selector": selector.close}[end] for end in ends.split()))
    assert far.read(bytearray(1)) == 0  # no end of the stream
    far.write(b"x")
    arrived(near)
    assert selector.select() == 1
    assert text_of(near) == b"x"
    key.cancel()
    assert selector.select_now() == 0
    assert len(selector.keys) == 0


def test_D21_the_child_s_descriptors_are_closed(selector: Selector, pair: Pair) -> None:
    near, _ = pair
    near.register(selector, R)
    selector.select_now()
    poller = getattr(selector._poller._inner, "_epoll", None)  # type: ignore[attr-defined]
    kept = {near.socket.fileno()} | ({poller.fileno()} if poller is not None else set())

    def child() -> None:
        near.close()
        selector.close()
        for fd in kept:
            with pytest.raises(OSError, match="Bad file descriptor"):
                os.fstat(fd)

    in_child(child)
    for fd in kept:
        os.fstat(fd)


USES: dict[str, Callable[[Selector, SelectionKey, SocketChannel], object]] = {
    "select": lambda selector, key, other: selector.select(),
    "select_now": lambda selector, key, other: selector.select_now(),
    "dispatch": lambda selector, key, other: selector.dispatch(0, print),
    "wakeup": lambda selector, key, other: selector.wakeup(),
    "keys": lambda selector, key, other: selector.keys,
    "selected_keys": lambda selector, key, other: selector.selected_keys,
    "register": lambda selector, key, other: other.register(selector, R),
    "register again": lambda selector, key, other: key.channel.register(selector, R),
    "interest_ops": lambda selector, key, other: key.interest_ops,
    "interest_ops =": lambda selector, key, other: setattr(key, "interest_ops", W),
    "interest_ops_or": lambda selector, key, other: key.interest_ops_or(W),
    "set_interest": lambda selector, key, other: key.set_interest(W),
    "ready_ops": lambda selector, key, other: key.ready_ops,
    "waking_on_signals": lambda selector, key, other: selector.waking_on_signals().__enter__(),
}


def test_D21_all_other_uses_in_a_child_say_whose_it_is(selector: Selector, pair: Pair) -> None:
    key = pair[0].register(selector, R)
    selector.wakeup()

    def child() -> None:
        assert not selector.is_open
        assert not key.is_valid
        assert repr(selector) == "Selector(of the parent process)"
        for name, use in USES.items():
            try:
                use(selector, key, pair[1])
            except ForkedSelectorError:
                continue
            raise AssertionError(f"{name} raised nothing")
        assert not pair[0].is_registered

    in_child(child)
    assert selector.is_open
    assert selector.select() == 0  # the wake-up is there


def test_D21_a_child_may_use_a_channel_of_its_parent_s(selector: Selector, provider: SelectorProvider) -> None:
    """As a server that forks for each connection, or for each processor."""
    near, far = connected_pair(selector.provider)
    server = listening(selector.provider)
    with near, far, server:
        near.register(selector, R)
        server.register(selector, 16)
        selector.select_now()
        far.write(b"to the child")

        def child() -> None:
            assert near.configure_blocking(True).read(bytearray(6)) == 6
            near.configure_blocking(False)
            with Selector.open(selector.provider) as own:
                key = near.register(own, R | W)
                assert own.select() == 1
                assert key.ready_ops == R | W
                assert near.write(b"from the child") == 14

        in_child(child)
        arrived(far)
        assert text_of(far) == b"from the child"


def test_D21_a_fork_inside_an_action(selector: Selector, pair: Pair) -> None:
    for end in pair:
        end.register(selector, W)
    counts: list[int] = []

    def act(key: SelectionKey) -> None:
        counts.append(1)

        def child() -> None:
            """Goes on where the parent was: in the action, out of the selection and of everything around it."""
            with pytest.raises(ForkedSelectorError):
                selector.keys  # noqa: B018  # the property raises
            selector.close()

        in_child(child)

    assert selector.select_now(act) == 2
    assert len(counts) == 2


def test_D21_a_child_that_returns_out_of_its_parent_s_selection(selector: Selector, pair: Pair) -> None:
    for end in pair:
        end.register(selector, W)
    handed: list[SelectionKey] = []
    parent = os.getpid()
    pids: list[int] = []

    def fork(key: SelectionKey) -> None:
        handed.append(key)
        if not pids:
            pids.append(os.fork())

    try:
        count = selector.select_now(fork)
    except ForkedSelectorError:
        os._exit(0 if os.getpid() != parent and len(handed) == 1 else 1)
    except BaseException:
        os._exit(2)
    if os.getpid() != parent:
        os._exit(3)
    assert os.waitpid(pids[0], 0)[1] == 0
    assert count == len(handed) == 2


def test_D21_a_thread_of_the_parent_s_is_in_the_selection(watched: WatchedProvider) -> None:
    near, far = connected_pair(watched)
    watched.forget()
    with near, far, Selector.open(watched) as selector:
        key = near.register(selector, R)
        selecting = Background(selector.select, None)
        watched.until_asleep()
        in_child(key.channel.close, selector.close)
        assert not selecting.is_done
        far.write(b"x")
        assert selecting.result() == 1


def test_D21_a_thread_of_the_parent_s_is_in_the_channel(watched: WatchedProvider) -> None:
    with Pipe.open(provider=watched) as pipe:
        reading = Background(pipe.source.read, bytearray(4))
        watched.until_asleep()
        in_child(pipe.source.close)
        pipe.sink.write(b"x")
        assert reading.result() == 1
        assert [line[0] for line in watched.log].count("sleep") == 1  # the child's close woke nobody


@pytest.mark.parametrize("seconds", [0, 5])
def test_D21_the_linger_time_stays_the_parent_s(selector: Selector, pair: Pair, seconds: int) -> None:
    near, far = pair
    near.set_option(StandardSocketOptions.SO_LINGER, seconds)
    near.register(selector, R)
    in_child(near.close)
    assert near.get_option(StandardSocketOptions.SO_LINGER) == seconds
    assert far.read(bytearray(1)) == 0


def test_D21_the_ends_of_a_pipe_and_datagrams(selector: Selector) -> None:
    provider = selector.provider
    with Pipe.open(provider=provider) as pipe, DatagramChannel.open(provider=provider) as datagrams:
        pipe.source.configure_blocking(False).register(selector, R)
        pipe.sink.configure_blocking(False).register(selector, 0)
        datagrams.bind(("127.0.0.1", 0)).configure_blocking(False).register(selector, R)
        selector.select_now()
        in_child(pipe.close, datagrams.close, selector.close)
        with pytest.raises(WouldSleep):
            selector.select()
        pipe.sink.write(b"x")
        assert selector.select() == 1
        with DatagramChannel.open(provider=provider) as sender:
            assert datagrams.local_address is not None
            sender.send(b"x", datagrams.local_address)
        arrived(datagrams)
        assert selector.select() == 1


def test_D21_a_signal_to_the_child_wakes_only_the_child(selector: Selector) -> None:
    previous = signal.signal(signal.SIGUSR1, lambda *_: None)
    try:
        with selector.waking_on_signals():

            def child() -> None:
                os.kill(os.getpid(), signal.SIGUSR1)

            in_child(child)
            with pytest.raises(WouldSleep):
                selector.select()
            os.kill(os.getpid(), signal.SIGUSR1)
            assert selector.select() == 0
    finally:
        signal.signal(signal.SIGUSR1, previous)


def test_D21_a_child_leaves_the_block_that_wakes_on_signals(selector: Selector) -> None:
    with selector.waking_on_signals():

        @contextmanager
        def outer() -> Iterator[None]:
            with selector.waking_on_signals():
                yield

        block = outer()
        block.__enter__()
        in_child(lambda: block.__exit__(None, None, None))
        block.__exit__(None, None, None)
        os.kill(os.getpid(), signal.SIGWINCH)
    assert selector.is_open
