"""Faults of a selector that several threads use, by the number each carries in the catalogue.

Where a fault shows only now and then, the test does the deed many times; what can be forced is forced in
``tests/contract`` and ``tests/unit/channels``.
"""

from __future__ import annotations

import os
import threading
import time
from collections import Counter, deque
from collections.abc import Callable

import pytest

from nio.channels import Pipe, SelectionKey, Selector, SocketChannel
from nio.channels import StandardSocketOptions as Options
from nio.errors import CancelledKeyError, ClosedChannelError, ClosedSelectorError
from nio.spi import SelectorProvider
from tests.faults.helpers import own_descriptors
from tests.helpers import PATIENCE, Background, R, W, connected_pair


def test_D01_wake_up_then_select(selector: Selector) -> None:
    for _ in range(1000):
        selector.wakeup()
        assert selector.select(None) == 0


@pytest.mark.usefixtures("eager_switches")
def test_D02_wake_ups_from_four_threads(selector: Selector) -> None:
    def wake() -> None:
        for _ in range(2000):
            selector.wakeup()

    selecting = Background(lambda: [selector.select(None) for _ in range(50)])
    while not selecting.is_done:
        for waking in [Background(wake) for _ in range(4)]:
            waking.result()
    assert selecting.result() == [0] * 50
    selector.select_now()
    begin = time.monotonic()
    assert selector.select(0.01) == 0
    assert time.monotonic() - begin >= 0.01


def test_D03_every_job_posted_before_a_wake_up_is_seen(selector: Selector) -> None:
    jobs: deque[int] = deque()

    def post() -> None:
        for job in range(1000):
            jobs.append(job)
            selector.wakeup()

    begin = time.monotonic()
    producers = [Background(post) for _ in range(2)]
    seen: Counter[int] = Counter()
    while seen.total() < 2000:
        selector.select(PATIENCE)
        while jobs:
            seen[jobs.popleft()] += 1
    for producer in producers:
        producer.result()
    assert seen == dict.fromkeys(range(1000), 2)
    assert time.monotonic() - begin < PATIENCE  # with a wake-up lost it would have slept that long


def test_D04_interest_turned_on_by_another_thread(provider: SelectorProvider, selector: Selector) -> None:
    with Pipe.open(provider=provider) as pipe:
        key = pipe.sink.configure_blocking(False).register(selector, 0)
        asked = threading.Semaphore(0)

        def turn_on() -> None:
            for _ in range(200):
                assert asked.acquire(timeout=PATIENCE)
                key.interest_ops = W
                selector.wakeup()

        turning = Background(turn_on)
        for _ in range(200):
            asked.release()
            begin = time.monotonic()
            while selector.select(PATIENCE, lambda key: None) == 0:
                assert time.monotonic() - begin < PATIENCE
            key.interest_ops = 0
        turning.result()


@pytest.mark.usefixtures("eager_switches")
def test_D05_cancels_racing_registrations_and_selections(provider: SelectorProvider, selector: Selector) -> None:
    with Pipe.open(provider=provider) as pipe:
        sink = pipe.sink.configure_blocking(False)
        keys: deque[SelectionKey] = deque(maxlen=1)
        cancelled: list[SelectionKey] = []
        done = threading.Event()

        def cancel() -> None:
            while not done.is_set():
                for key in tuple(keys):
                    if key.is_valid:
                        key.cancel()
                        cancelled.append(key)

        cancelling = Background(cancel)
        deadline = time.monotonic() + PATIENCE
        rounds = 0
        while rounds < 200 or len(cancelled) < 20:
            assert time.monotonic() < deadline
            rounds += 1
            try:
                keys.append(sink.register(selector, W))
            except CancelledKeyError:
                pass
            selector.select_now(lambda key: key.attach("seen"))
            assert len(selector.keys) <= 1
        done.set()
        cancelling.result()
        for key in keys:
            key.cancel()
        selector.select_now()
        assert len(selector.keys) == 0
        assert not sink.is_registered


def test_D06_registrations_while_another_thread_selects(provider: SelectorProvider, selector: Selector) -> None:
    stop = threading.Event()

    def select() -> int:
        handed = 0
        while not stop.is_set():
            handed += selector.select(None, lambda key: key.cancel())
        return handed

    selecting = Background(select)
    for _ in range(100):
        pipe = Pipe.open(provider=provider)
        key = pipe.sink.configure_blocking(False).register(selector, W)
        selector.wakeup()
        while key.is_valid:
            os.sched_yield()
        pipe.close()
    stop.set()
    selector.wakeup()
    assert selecting.result() == 100


@pytest.mark.usefixtures("eager_switches")
def test_D07_the_selector_is_closed_while_others_select_and_register(provider: SelectorProvider) -> None:
    with Pipe.open(provider=provider) as pipe:
        sink = pipe.sink.configure_blocking(False)
        for _ in range(40):
            selector = Selector.open(provider)
            selecting = Background(selector.select)
            registering = Background(sink.register, selector, W)
            begin = time.monotonic()
            selector.close()
            assert time.monotonic() - begin < PATIENCE
            try:
                assert selecting.result() in (0, 1)
            except ClosedSelectorError:
                pass
            try:
                assert not registering.result().is_valid
            except ClosedSelectorError:
                pass
            assert not sink.is_registered


def test_D08_channels_closed_by_another_thread(provider: SelectorProvider, selector: Selector) -> None:
    before = own_descriptors()
    for _ in range(40):
        near, far = connected_pair(provider)
        near.register(selector, R)
        far.write(b"x")
        closing = Background(near.close)
        key = near.key_for(selector)
        selector.select_now(lambda key: None)
        closing.result()
        selector.select_now(lambda key: None)
        assert key is None or not key.is_valid
        assert near.socket.fileno() == -1
        far.close()
        assert len(selector.keys) == 0
    assert own_descriptors() == before


@pytest.mark.parametrize(
    "operation",
    [
        lambda channel: channel.read(bytearray(4)),
        lambda channel: channel.write(b"x"),
        lambda channel: channel.configure_blocking(False),
        lambda channel: channel.local_address,
        lambda channel: channel.get_option(Options.SO_RCVBUF),
        lambda channel: channel.set_option(Options.TCP_NODELAY, True),
        lambda channel: channel.shutdown_output(),
        lambda channel: channel.finish_connect(),
        lambda channel: channel.close(),
    ],
    ids=["read", "write", "mode", "address", "get_option", "set_option", "shutdown", "finish_connect", "close"],
)
def test_D08_an_operation_during_a_close_is_done_or_refused(operation: Callable[[SocketChannel], object]) -> None:
    for _ in range(12):
        near, far = connected_pair()
        closing = Background(near.close)
        while not closing.is_done:
            try:
                operation(near)
            except ClosedChannelError:
                pass
        closing.result()
        assert near.socket.fileno() == -1
        far.close()
