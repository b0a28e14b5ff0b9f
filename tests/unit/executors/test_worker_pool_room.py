"""Waiting for room (BLOCK): whoever waits gets the room there is, or an error, whatever happens meanwhile."""

from __future__ import annotations

import queue
import random
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from nio.errors import RejectedExecutionError
from nio.executors import Saturation, WorkerPool
from tests.unit.executors.jobs import Held, full_pool
from tests.unit.executors.providers import PATIENCE, CallbackConditions, GatedTokens


class Submitter:
    """A thread in one call; ``outcome`` is what that came to."""

    def __init__(self, call: Callable[[], object]) -> None:
        self.outcome: object = "still waiting"
        self.thread = threading.Thread(target=self._run, args=(call,), daemon=True)
        self.thread.start()

    def _run(self, call: Callable[[], object]) -> None:
        try:
            self.outcome = call()
        except Exception as error:
            self.outcome = error

    def end(self) -> object:
        self.thread.join(PATIENCE)
        return self.outcome


@pytest.mark.parametrize(("workers", "capacity"), [(1, 1), (2, 1), (2, 2), (4, 2)])
def test_a_full_queue_that_warm_workers_empty_has_room(workers: int, capacity: int) -> None:
    pause = threading.Event()
    pool = WorkerPool(workers, queue=capacity, saturation=Saturation.BLOCK, prestart=True)
    submitter = Submitter(lambda: [pool.submit(pause.wait, 0.002) for _ in range(40)][-1].result(PATIENCE))
    assert submitter.end() is False
    pool.shutdown()
    assert pool.statistics().completed == 40


def test_the_first_job_that_a_woken_worker_takes_makes_room() -> None:
    waiting = threading.Event()
    tokens = GatedTokens()
    provider = CallbackConditions(waiting.set, tokens=tokens)
    pool = WorkerPool(1, queue=1, saturation=Saturation.BLOCK, prestart=True, provider=provider)
    assert tokens.sleepers.acquire(timeout=PATIENCE)
    pool.execute(int)  # the worker has its token, and is kept from looking at the queue
    submitter = Submitter(lambda: pool.submit(str, 1).result(PATIENCE))
    assert waiting.wait(PATIENCE)
    tokens.gate.set()
    assert submitter.end() == "1"
    pool.shutdown()


class ImpatientTokens(queue.SimpleQueue[Any]):
    """The patience of the first sleeper ends at once; those after it have plenty."""

    def __init__(self) -> None:
        self.first = True

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        if self.first:
            self.first = False
            raise queue.Empty
        return super().get(block, timeout)


def test_room_in_the_queue_is_told_to_the_next_when_the_first_got_a_thread(held: Held) -> None:
    waiting = threading.Semaphore(0)
    gone = threading.Event()
    provider = CallbackConditions(waiting.release, lambda: gone.wait(PATIENCE), ImpatientTokens())
    pool = WorkerPool(1, minimum=0, queue=1, saturation=Saturation.BLOCK, provider=provider)
    pool.execute(held)
    held.wait_begun()
    last = pool.submit(threading.current_thread)
    submitters = [Submitter(lambda: pool.submit(int).result(PATIENCE)) for _ in range(2)]
    for _ in submitters:
        assert waiting.acquire(timeout=PATIENCE)
    held.go.set()  # the worker empties the queue and ends; the one it has called finds no worker and an empty queue
    last.result(PATIENCE).join(PATIENCE)
    gone.set()
    assert [submitter.end() for submitter in submitters] == [0, 0]
    pool.shutdown()


def test_whoever_is_interrupted_as_it_is_called_passes_the_call_on(held: Held) -> None:
    waiting = threading.Semaphore(0)

    def interrupt() -> None:
        if threading.current_thread() is threading.main_thread():
            raise KeyboardInterrupt

    started: list[Submitter] = []

    def before() -> None:
        if threading.current_thread() is threading.main_thread():  # it is the first, and then the second waits, too
            started.append(Submitter(lambda: pool.submit(int).result(PATIENCE)))
            assert waiting.acquire(timeout=PATIENCE)
            held.go.set()
        else:
            waiting.release()

    pool, queued = full_pool(held, Saturation.BLOCK, 1, CallbackConditions(before, interrupt))
    with pytest.raises(KeyboardInterrupt):
        pool.submit(pytest.fail, "must not run")
    assert started[0].end() == 0
    assert queued[0].result(PATIENCE) == "0"
    assert pool.submit(int).result(PATIENCE) == 0  # not taken for a call inside a call
    pool.shutdown()
    assert pool.statistics().completed == 4


@pytest.fixture
def restored_handler() -> Iterator[None]:
    before = signal.getsignal(signal.SIGUSR1)
    yield
    signal.signal(signal.SIGUSR1, before)


@pytest.mark.usefixtures("restored_handler")
def test_shutdown_in_a_signal_handler_ends_the_wait_though_every_worker_is_stuck(held: Held) -> None:
    waiting = threading.Event()
    pool, _ = full_pool(held, Saturation.BLOCK, 1, CallbackConditions(waiting.set))
    signal.signal(signal.SIGUSR1, lambda number, frame: pool.shutdown(wait=False))

    def strike() -> None:
        assert waiting.wait(PATIENCE)
        for _ in range(200):  # one that comes just before the interpreter sleeps is looked at after the sleep
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)
            if ended.wait(PATIENCE / 200):
                return
        held.go.set()

    ended = threading.Event()
    striker = Submitter(strike)
    with pytest.raises(RejectedExecutionError, match="shut down"):
        pool.submit(int)
    assert not held.go.is_set()
    ended.set()
    striker.end()
    held.go.set()
    assert pool.join(PATIENCE) == []


@pytest.mark.usefixtures("eager_switches")
@pytest.mark.parametrize("seed", range(24))
def test_in_every_shape_of_pool_each_job_is_run_or_dropped_once(seed: int) -> None:
    chance = random.Random(seed)
    maximum = chance.choice((1, 2, 5))
    pool = WorkerPool(
        maximum,
        minimum=chance.randrange(maximum + 1),
        queue=chance.choice((1, 2, 7)),
        keep_alive=chance.choice((0, 0.0005, 60.0)),
        saturation=Saturation.BLOCK,
        prestart=chance.random() < 0.5,
    )
    done: deque[int] = deque()
    dropped: deque[int] = deque()
    slow = threading.Event()

    class Job:
        def __init__(self, number: int) -> None:
            self.number = number

        def __call__(self) -> None:
            if self.number % 7 == 0:
                slow.wait(0.0005)  # gives the interpreter away
            try:
                if self.number % 11 == 0:
                    pool.execute(done.append, self.number)  # a worker that submits to its own pool
                    return
            except RejectedExecutionError:  # shut down meanwhile
                pass
            done.append(self.number)

        def cancel(self) -> None:
            dropped.append(self.number)

    def submit(base: int) -> None:
        for number in range(base, base + 60):
            pool.execute(Job(number))

    def offer(base: int) -> None:
        jobs = deque(Job(number) for number in range(base, base + 60))
        while jobs:
            for _ in range(pool.offer(tuple(jobs)[:8])):
                jobs.popleft()

    def discard() -> None:
        for _ in range(20):
            oldest = pool.discard_oldest()
            if isinstance(oldest, partial):  # what execute() makes has no owner
                dropped.append(oldest.func.number if isinstance(oldest.func, Job) else oldest.args[0])

    calls: list[Callable[[], object]] = [partial(submit, base) for base in (0, 60, 120)]
    calls += [partial(offer, 180), discard]
    submitters = [Submitter(call) for call in calls]
    assert [submitter.end() for submitter in submitters] == [None] * 5
    closer = Submitter(pool.shutdown)
    assert closer.end() is None
    assert sorted([*done, *dropped]) == list(range(240))
    assert (pool.statistics().threads, pool.statistics().queued) == (0, 0)
