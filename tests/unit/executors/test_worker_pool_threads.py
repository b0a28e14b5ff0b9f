"""Threads that are struck from outside, that end without a word, or whose pool is forgotten."""

from __future__ import annotations

import gc
import itertools
import queue
import sys
import threading
import tracemalloc
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Any

import pytest

from nio.errors import WorkerStartError
from nio.executors import Saturation, WorkerPool
from nio.spi import SystemProvider
from tests.unit.executors.jobs import Held, Told, ident, messages
from tests.unit.executors.providers import PATIENCE, GatedTokens, Watched

EXECUTORS = "/nio/executors/"


class StrikingTokens(queue.SimpleQueue[Any]):
    """The first ``strikes`` sleepers are struck, before they have a token or as they get one."""

    def __init__(self, strikes: int, with_token: bool) -> None:
        self.strikes = strikes
        self.with_token = with_token
        self.asleep = threading.Semaphore(0)

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        self.asleep.release()
        if self.strikes and not self.with_token:
            self.strikes -= 1
            raise SystemExit("struck")
        token = super().get(block, timeout)
        if self.strikes:
            self.strikes -= 1
            raise SystemExit("struck")
        return token


@pytest.mark.parametrize("with_token", [False, True])
def test_a_worker_that_is_struck_in_its_sleep_goes_on(caplog: pytest.LogCaptureFixture, with_token: bool) -> None:
    tokens = StrikingTokens(1, with_token)
    provider = Watched(tokens=tokens)
    with WorkerPool(1, prestart=True, name="w", provider=provider) as pool:
        for _ in range(1 if with_token else 2):
            assert tokens.asleep.acquire(timeout=PATIENCE)
        assert pool.submit(ident).result(PATIENCE) == provider.threads[0].ident
        assert tokens.asleep.acquire(timeout=PATIENCE)
        assert (pool.statistics().threads, pool.statistics().idle, len(provider.threads)) == (1, 1, 1)
        assert pool.submit(ident).result(PATIENCE) == provider.threads[0].ident
    assert messages(caplog) == ["a worker of the pool 'w' goes on after SystemExit"]
    assert pool.statistics().completed == 2


def test_a_worker_that_is_struck_again_and_again_logs_once_and_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    pauses: list[float | None] = []

    class Pauses(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            pauses.append(timeout)
            return super().wait(timeout)

    tokens = StrikingTokens(5, False)
    provider = Watched(tokens=tokens)
    provider.event = Pauses
    with WorkerPool(1, prestart=True, name="w", provider=provider) as pool:
        for _ in range(6):
            assert tokens.asleep.acquire(timeout=PATIENCE)
        assert pool.submit(int).result(PATIENCE) == 0
    assert messages(caplog) == ["a worker of the pool 'w' goes on after SystemExit"]
    assert pauses == [0.01] * 4  # so that a loop that cannot succeed leaves the processor to others


class Striking(SystemProvider):
    """The first thread is struck where the interpreter looks for what others want of it, at the ``strike``-th time.

    It does so as a function of the pool begins, and as a call that it makes into C returns. Tests that use it keep the
    collector off, which may close the pool of another test in the thread that is to be struck.
    """

    def __init__(self, strike: int) -> None:
        super().__init__(self.available()[0])
        self.strike = strike
        self.threads: list[threading.Thread] = []

    def start_thread(self, target: Callable[..., object], *args: object, name: str) -> threading.Thread:
        def body() -> None:
            sys.setprofile(self.look)
            try:
                target(*args)
            except SystemExit:  # it was struck before it got anywhere
                pass

        self.threads.append(
            SystemProvider.start_thread(self, target, *args, name=name)
            if self.threads
            else SystemProvider.start_thread(self, body, name=name)
        )
        return self.threads[-1]

    def look(self, frame: FrameType, event: str, argument: object) -> None:
        if event in ("call", "c_return") and EXECUTORS in frame.f_code.co_filename:
            self.strike -= 1
            if self.strike == 0:
                raise SystemExit("struck")


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize("prestart", [False, True])
def test_wherever_a_worker_is_struck_each_job_is_run_once(prestart: bool) -> None:
    for strike in itertools.count(1):
        provider = Striking(strike)
        done: list[int] = []
        pool = WorkerPool(1, prestart=prestart, provider=provider)
        assert pool.offer([partial(done.append, n) for n in range(3)]) == 3
        assert pool.offer([partial(done.append, n) for n in range(3, 5)]) == 2
        pool.shutdown(wait=False)
        assert pool.join(PATIENCE) == []
        assert sorted(done) == list(range(5)), strike
        assert (pool.statistics().threads, pool.statistics().completed) == (0, 5), strike
        if provider.strike > 0:
            break
    assert strike > 20


@pytest.mark.usefixtures("no_collector")
def test_wherever_a_worker_is_struck_it_hands_the_wake_on() -> None:
    for strike in itertools.count(2):  # the first is the thread's first step: it ends without a word
        provider = Striking(strike)
        pool = WorkerPool(2, prestart=True, provider=provider)
        for _ in range(3):
            together = threading.Barrier(3)
            assert pool.offer([partial(together.wait, PATIENCE)] * 2) == 2
            together.wait(PATIENCE)  # both workers run a job at the same time
        assert pool.statistics().threads == 2
        pool.shutdown(wait=False)
        assert pool.join(PATIENCE) == []
        assert (pool.statistics().threads, pool.statistics().completed) == (0, 6), strike
        if provider.strike > 0:
            break
    assert strike > 20


@pytest.mark.usefixtures("no_collector")
def test_wherever_a_worker_is_struck_whoever_waits_for_room_gets_it() -> None:
    for strike in itertools.count(2):
        provider = Striking(strike)
        pool = WorkerPool(1, queue=1, prestart=True, saturation=Saturation.BLOCK, provider=provider)
        done: list[int] = []
        submitters = [
            threading.Thread(target=lambda n, p=pool, d=done: p.execute(d.append, n), args=(n,), daemon=True)
            for n in range(4)
        ]
        for submitter in submitters:
            submitter.start()
        for submitter in submitters:
            submitter.join(PATIENCE)
            assert not submitter.is_alive(), strike
        pool.shutdown(wait=False)
        assert pool.join(PATIENCE) == []
        assert sorted(done) == list(range(4)), strike
        if provider.strike > 0:
            break
    assert strike > 20


class LateThread(threading.Thread):
    """Ends in ``join()``."""

    ended = False

    def is_alive(self) -> bool:
        return not self.ended

    def join(self, timeout: float | None = None) -> None:
        self.ended = True


class Silent(SystemProvider):
    """The threads numbered in ``fail`` cannot be started; those in ``silent`` end before they get anywhere."""

    def __init__(self, silent: set[int], fail: set[int], late: bool = False) -> None:
        super().__init__(self.available()[0])
        self.silent, self.fail, self.asked, self.late = silent, fail, 0, late
        self.started: list[threading.Thread] = []

    def start_thread(self, target: Callable[..., object], *args: object, name: str) -> threading.Thread:
        self.asked += 1
        if self.asked in self.fail:
            raise RuntimeError("can't start new thread")
        if self.asked not in self.silent:
            return SystemProvider.start_thread(self, target, *args, name=name)
        if self.late:  # it ends when somebody waits for that
            self.started.append(LateThread(target=int, name=name))
            return self.started[-1]
        thread = SystemProvider.start_thread(self, int, name=name)
        thread.join(PATIENCE)
        return thread


def test_a_thread_that_ended_without_a_word_is_found_when_the_pool_is_full() -> None:
    with WorkerPool(1, queue=1, provider=Silent({1}, {2})) as pool:
        futures = [pool.submit(int), pool.submit(int)]  # one in the hands of the dead, one in the queue
        with pytest.raises(WorkerStartError):
            pool.submit(int)
        assert (pool.statistics().threads, pool.statistics().queued) == (0, 2)
        futures.append(pool.submit(int))
        assert [future.result(PATIENCE) for future in futures] == [0, 0, 0]
        assert pool.statistics().threads == 1


def test_a_thread_that_ended_without_a_word_is_found_when_a_thread_is_started() -> None:
    with WorkerPool(2, provider=Silent({1}, set())) as pool:
        first = pool.submit(int)
        assert pool.submit(int).result(PATIENCE) == 0
        assert first.result(PATIENCE) == 0
        assert pool.statistics().threads == 1


def test_the_job_of_a_thread_that_ended_without_a_word_wakes_a_sleeper(held: Held) -> None:
    class Provider(Silent):
        def queue(self) -> queue.SimpleQueue[object]:
            return tokens

    tokens = GatedTokens()
    tokens.gate.set()
    with WorkerPool(3, provider=Provider({2}, set())) as pool:
        sleeper = pool.submit(ident).result(PATIENCE)
        assert tokens.sleepers.acquire(timeout=PATIENCE)
        lost = pool.submit(ident)
        pool.execute(held)  # a third thread, busy from then on
        assert lost.result(PATIENCE) == sleeper
        held.go.set()


def test_whoever_waits_for_room_finds_a_thread_that_ended_meanwhile_without_a_word() -> None:
    class Impatient(Silent):
        asked_queues = 0

        def queue(self) -> queue.SimpleQueue[object]:
            self.asked_queues += 1
            return queue.SimpleQueue() if self.asked_queues == 1 else Room()

    class Room(queue.SimpleQueue[object]):
        def get(self, block: bool = True, timeout: float | None = None) -> object:
            assert timeout == 30
            provider.started[0].join()  # it ends as the submitter waits
            raise queue.Empty

    provider = Impatient({1}, set(), late=True)
    with WorkerPool(1, queue=1, saturation=Saturation.BLOCK, provider=provider) as pool:
        futures = [pool.submit(str, n) for n in range(4)]
        assert [future.result(PATIENCE) for future in futures] == ["0", "1", "2", "3"]


@pytest.mark.parametrize(("late", "wait"), [(False, True), (False, False), (True, True)])
def test_what_nobody_will_ever_run_is_dropped_at_shutdown(late: bool, wait: bool) -> None:
    for fail, fate in ((set[int](), "run"), ({2}, "dropped")):
        pool = WorkerPool(1, provider=Silent({1}, fail, late=late))
        jobs = [Told(), Told()]
        assert pool.offer(jobs) == 2
        pool.shutdown(wait)
        if not fail:
            assert pool.join(PATIENCE) == []
        assert [job.fate for job in jobs] == [[fate], [fate]]
        assert (pool.statistics().queued, pool.statistics().threads) == (0, 0)
        assert pool.statistics().discarded == (2 if fail else 0)


def test_a_pool_that_is_forgotten_ends_its_threads(held: Held) -> None:
    tokens = GatedTokens()
    tokens.gate.set()
    provider = Watched(tokens=tokens)
    pool = WorkerPool(3, prestart=True, saturation=Saturation.BLOCK, provider=provider)
    for _ in range(3):
        assert tokens.sleepers.acquire(timeout=PATIENCE)
    pool.submit(int).result(PATIENCE)
    del pool
    gc.collect()
    for thread in provider.threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()


def test_a_pool_that_is_forgotten_runs_what_is_queued(held: Held) -> None:
    provider = Watched()

    class Owner:
        """Pool and owner refer to each other: only the collector gets them."""

        def __init__(self) -> None:
            self.pool = WorkerPool(1, provider=provider)
            self.pool.__dict__["owner"] = self

    owner = Owner()
    futures = [owner.pool.submit(held), *(owner.pool.submit(str, n) for n in range(3))]
    held.wait_begun()
    del owner
    gc.collect()
    assert not futures[1].done()
    held.go.set()
    assert [future.result(PATIENCE) for future in futures] == ["held", "0", "1", "2"]
    provider.threads[0].join(PATIENCE)
    assert not provider.threads[0].is_alive()


def test_threads_that_the_system_refuses_cost_no_memory(held: Held) -> None:
    provider = Watched(*range(2, 2002))
    with WorkerPool(2, queue=1, saturation=Saturation.DISCARD, provider=provider) as pool:
        pool.execute(held)
        held.wait_begun()

        def refuse(times: int) -> int:
            for _ in range(times):
                pool.execute(int)
            return tracemalloc.get_traced_memory()[0]

        tracemalloc.start()
        try:
            before = refuse(200)
            assert refuse(1000) - before < 4000  # four bytes each, where a reference takes eight
        finally:
            tracemalloc.stop()
        assert pool.statistics().threads == 1
        held.go.set()


class Lingering(Watched):
    """Threads have the numbers that a test gives them, by their names, and linger on after their work."""

    def __init__(self, **numbers: int) -> None:
        super().__init__()
        self.numbers = numbers
        self.left, self.go = threading.Event(), threading.Event()

    def thread_id(self) -> int:
        return self.numbers[threading.current_thread().name]

    def start_thread(self, target: Callable[..., object], *args: object, name: str) -> threading.Thread:
        def linger() -> None:
            target(*args)
            self.left.set()
            assert self.go.wait(PATIENCE)

        return super().start_thread(linger, name=name)


def test_a_thread_with_the_number_of_one_that_has_left_the_pool_is_no_worker() -> None:
    here = threading.current_thread().name
    provider = Lingering(**{here: 1, "worker-1": 2})
    pool = WorkerPool(1, provider=provider)
    pool.submit(int).result(PATIENCE)
    pool.shutdown(wait=False)
    assert provider.left.wait(PATIENCE)
    provider.go.set()
    provider.numbers[here] = 2
    assert pool.join(PATIENCE) == []
