"""Many keys, many changes, many threads: what a recording cannot show, so each test ends in what must hold.

Full numbers are for the back ends that bear them: 10 000 keys for epoll, poll and a real kqueue, as many as it takes
for select, a tenth for the fake kqueue, which asks poll(2) about each filter; 1 000 000 changes of interest for the
first back end, a fiftieth for the others, whose part in it is the same.

Others of this kind are in ``tests/faults``. In ``test_selector_thread_faults.py``: wake-ups from four threads (D02),
jobs posted with wake-ups (D03), cancel against register (D05), register against select (D06), close of a selector
against select and register (D07), close of a channel against select and against each operation (D08). In
``test_selector_key_faults.py``: cancelled keys that pile up (D10).
"""

from __future__ import annotations

import random
import resource
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from nio.channels import EOF, Pipe, SelectionKey, Selector
from nio.errors import CancelledKeyError, ClosedSelectorError
from nio.spi import SelectorProvider
from tests.contract.watched import WatchedProvider
from tests.helpers import PATIENCE, PROVIDERS, Background, R, W, connected_pair

KEYS = {"select": 900} if "kqueue" in SelectorProvider.available() else {"select": 900, "kqueue": 1000}
SPARE = 200  # descriptors that the process has open otherwise, and more


@contextmanager
def room_for(descriptors: int) -> Iterator[int]:
    """Raise the limit of the process; how many of ``descriptors`` there is room for."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = descriptors + SPARE
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft == resource.RLIM_INFINITY or soft >= allowed:
        yield min(descriptors, allowed - SPARE)
        return
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    try:
        yield allowed - SPARE
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def nothing_is_kept_of(selector: Selector) -> bool:
    return not any((selector._keys, selector._selected, selector._updates, selector._cancelled, selector._watch.by_fd))


# statements 69, 87, 92
def test_ten_thousand_keys(provider: SelectorProvider, selector: Selector) -> None:
    with room_for(KEYS.get(provider.name, 10_000)) as room:
        pipes = [Pipe.open(provider=provider) for _ in range(room // 2)]
        count = len(pipes)
        sources = [pipe.source.configure_blocking(False).register(selector, R) for pipe in pipes]
        sinks = [pipe.sink.configure_blocking(False).register(selector, W) for pipe in pipes]
        assert len(selector.keys) == 2 * count

        # a kernel may report a part at a time, but it must get round: here with room for as much again
        served: Counter[SelectionKey] = Counter()
        handed = 0
        while handed < 2 * count:
            handed += selector.select_now(lambda key: served.update((key,)))
        assert served.keys() == set(sinks)

        for key in sinks:
            key.interest_ops = 0
        assert selector.select_now() == 0
        chosen = random.Random(1).sample(range(count), count // 100)
        for number in chosen:
            pipes[number].sink.write(b"x")
        assert selector.select_now() == len(chosen)
        assert set(selector.selected_keys) == {sources[number] for number in chosen}

        for key in sources[::2]:
            key.cancel()
        assert len(selector.keys) == 2 * count
        assert selector.select_now() == 0
        assert set(selector.keys) == {*sinks, *sources[1::2]}
        assert set(selector.selected_keys) == {sources[number] for number in chosen if number % 2}

        for pipe in pipes:
            pipe.close()
        assert not any(key.is_valid for key in selector.keys)
        assert selector.select_now() == 0
        assert nothing_is_kept_of(selector)


# statement 101
def test_a_million_changes_of_interest_between_two_selections(watched: WatchedProvider) -> None:
    changes = 1_000_000 if watched.name == PROVIDERS[0] else 20_000
    pipes = [Pipe.open(provider=watched) for _ in range(10)]
    with Selector.open(watched) as selector:
        keys = [pipe.sink.configure_blocking(False).register(selector, W) for pipe in pipes]
        assert selector.select_now() == 10
        selector.selected_keys.clear()
        watched.forget()
        for key in keys:
            for _ in range(changes // 20):
                key.interest_ops = 0
                key.interest_ops = W
            assert len(selector._updates) <= len(keys)
        for key in keys[:4]:
            key.interest_ops = 0
        assert len(selector._updates) <= len(keys)
        assert watched.log == []
        assert selector.select_now() == 6
        assert set(selector.selected_keys) == set(keys[4:])
        assert watched.log == [("remove", pipe.sink._fd) for pipe in pipes[:4]]  # a change that is none costs no call
        assert len(selector._updates) == 0
    for pipe in pipes:
        pipe.close()


class Changer:
    """Changes the interest of keys that somebody else closes, until told to stop."""

    def __init__(self, keys: list[SelectionKey], seed: int) -> None:
        self.keys = keys
        self.choice = random.Random(seed)
        self.stop = threading.Event()
        self.changed = self.refused = 0

    def run(self) -> None:
        while not self.stop.is_set():
            key = self.choice.choice(self.keys)
            try:
                if self.choice.random() < 0.5:
                    key.interest_ops = self.choice.choice((0, W))
                else:
                    key.interest_ops_or(W)
                self.changed += 1
            except CancelledKeyError:
                assert not key.is_valid
                self.refused += 1


@contextmanager
def changing(keys: list[SelectionKey]) -> Iterator[list[Changer]]:
    changers = [Changer(keys, seed) for seed in range(2)]
    threads = [Background(changer.run) for changer in changers]
    try:
        yield changers
    finally:
        for changer in changers:
            changer.stop.set()
        for thread in threads:
            thread.result()


# statements 92, 94, 112
def test_changes_of_interest_against_closes_of_channels(provider: SelectorProvider, selector: Selector) -> None:
    pipes = [Pipe.open(provider=provider) for _ in range(8)]
    keys = [pipe.sink.configure_blocking(False).register(selector, W) for pipe in pipes]
    choice = random.Random(8)
    handed: list[SelectionKey] = []
    deadline = time.monotonic() + PATIENCE
    with changing(keys) as changers:
        rounds = 0
        while rounds < 20 or not all(changer.refused and changer.changed for changer in changers):
            assert time.monotonic() < deadline
            rounds += 1
            slot = choice.randrange(len(pipes))
            pipes[slot].close()
            handed.clear()
            selector.select_now(handed.append)
            assert keys[slot] not in selector.keys
            assert set(handed) <= set(keys) - {keys[slot]}
            pipes[slot] = Pipe.open(provider=provider)  # with a descriptor number of before
            keys[slot] = pipes[slot].sink.configure_blocking(False).register(selector, W)
    for key in keys:
        key.interest_ops = W
    assert selector.select_now() == len(keys)
    assert set(selector.keys) == set(selector.selected_keys) == set(keys)
    assert selector._watch.by_fd == {key._fd: key for key in keys}
    for pipe in pipes:
        pipe.close()
    assert selector.select_now() == 0
    assert nothing_is_kept_of(selector)


# statements 95, 96
def test_changes_of_interest_against_closes_of_the_selector(provider: SelectorProvider) -> None:
    with Pipe.open(provider=provider) as pipe:
        sink = pipe.sink.configure_blocking(False)
        selector = Selector.open(provider)
        keys = [sink.register(selector, W)]
        deadline = time.monotonic() + PATIENCE
        with changing(keys) as changers:
            rounds = 0
            while rounds < 15 or not all(changer.refused and changer.changed for changer in changers):
                assert time.monotonic() < deadline
                rounds += 1
                assert selector.select_now(lambda key: None) <= 1
                selector.close()
                assert not keys[0].is_valid
                assert not sink.is_registered
                assert not selector._watch.by_fd
                with pytest.raises(ClosedSelectorError):
                    selector.select_now()
                selector = Selector.open(provider)
                keys[0] = sink.register(selector, W)
        keys[0].interest_ops = W
        assert selector.select_now() == 1
        selector.close()


class Reader:
    """Selects in a thread of its own and reads what it can get, until each channel has ended."""

    def __init__(self, selector: Selector, pipes: list[Pipe]) -> None:
        self.selector = selector
        self.keys = [pipe.source.register(selector, R) for pipe in pipes]
        self.records: dict[SelectionKey, list[int]] = {key: [] for key in self.keys}

    def run(self) -> None:
        while any(key.is_valid for key in self.keys):
            assert self.selector.select(PATIENCE, self.read) > 0, "nothing more came"
        self.selector.select_now()

    def read(self, key: SelectionKey) -> None:
        assert isinstance(key.channel, Pipe.SourceChannel)
        record = bytearray(4)
        count = key.channel.read(record)
        assert count in (0, 4, EOF)  # the other one may have been faster
        if count == EOF:
            key.cancel()
        elif count:
            self.records[key].append(int.from_bytes(record))


# statements 85, 88
def test_two_selectors_share_their_channels(provider: SelectorProvider) -> None:
    pipes = [Pipe.open(provider=provider) for _ in range(10)]
    for pipe in pipes:
        pipe.source.configure_blocking(False)
    with Selector.open(provider) as first, Selector.open(provider) as second:
        readers = [Reader(first, pipes), Reader(second, pipes)]
        threads = [Background(reader.run) for reader in readers]
        choice = random.Random(2)
        for record in range(1000):
            choice.choice(pipes).sink.write(record.to_bytes(4))
        for pipe in pipes:
            pipe.sink.close()
        for thread in threads:
            thread.result()
        every = [records for reader in readers for records in reader.records.values()]
        assert sorted(record for records in every for record in records) == list(range(1000))  # each one time
        assert all(records == sorted(records) for records in every)  # and in the order of its channel
        for selector in (first, second):
            assert nothing_is_kept_of(selector)
    for pipe in pipes:
        assert pipe.source.is_open
        assert not pipe.source.is_registered
        pipe.close()


# statements 85, 92, 112
def test_a_channel_closed_while_two_selectors_sleep_is_given_back_by_the_second(watched: WatchedProvider) -> None:
    near, far = connected_pair(watched)
    watched.forget()
    with near, far, Selector.open(watched) as first, Selector.open(watched) as second:
        keys = [near.register(selector, R) for selector in (first, second)]
        threads = []
        for selector in (first, second):
            threads.append(Background(selector.select))
            watched.until_asleep()
        near.close()
        assert [key.is_valid for key in keys] == [False, False]
        assert [thread.is_done for thread in threads] == [False, False]
        for selector, thread, left in ((first, threads[0], True), (second, threads[1], False)):
            assert near.socket.fileno() != -1
            selector.wakeup()
            assert thread.result() == 0
            assert near.is_registered is left
            assert nothing_is_kept_of(selector)
        assert near.socket.fileno() == -1
