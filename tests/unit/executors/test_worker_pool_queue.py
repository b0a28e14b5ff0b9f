"""The bulk entry, the order of the queue, and the wake-ups of a WorkerPool's threads."""

from __future__ import annotations

import random
import threading

import pytest

from nio.executors import Saturation, WorkerPool
from tests.unit.executors.jobs import Held, Told
from tests.unit.executors.providers import PATIENCE, GatedTokens, Watched


def test_offer_takes_what_the_bounds_allow_in_one_call_and_never_applies_the_policy(held: Held) -> None:
    for saturation in Saturation:
        pool = WorkerPool(2, minimum=1, queue=3, saturation=saturation)
        jobs = [Told() for _ in range(9)]
        assert pool.offer([held]) == 1
        held.wait_begun()
        assert pool.offer(jobs[:2]) == 2
        assert pool.offer([jobs[2], held, *jobs[3:]]) == 2  # one fits the queue, one has the second thread
        held.wait_begun()
        assert pool.offer(jobs[3:]) == 0
        assert (pool.statistics().queued, pool.statistics().threads, pool.statistics().rejected) == (3, 2, 0)
        held.go.set()
        pool.shutdown()
        held.go.clear()
        assert [job.fate for job in jobs] == [["run"]] * 3 + [[]] * 6


def test_offer_starts_threads_up_to_the_minimum_and_queues_the_rest(held: Held) -> None:
    with WorkerPool(3, queue=10) as pool:
        assert pool.offer(()) == 0
        assert pool.statistics().threads == 0
        assert pool.offer((held,) * 5) == 5
        held.wait_begun(3)
        assert (pool.statistics().threads, pool.statistics().queued) == (3, 2)
        held.go.set()


def test_queued_jobs_begin_in_order(held: Held) -> None:
    order: list[int] = []
    pool = WorkerPool(1)
    pool.execute(held)
    held.wait_begun()
    for base in (0, 100, 200):
        assert pool.offer([lambda n=n: order.append(n) for n in range(base, base + 100)]) == 100  # type: ignore[misc]  # lambda with default
    held.go.set()
    pool.shutdown()
    assert order == list(range(300))


def test_a_slow_job_of_a_batch_does_not_hold_the_others(held: Held) -> None:
    rest = threading.Semaphore(0)
    with WorkerPool(2, prestart=True) as pool:
        for _ in range(20):
            assert pool.offer([held, *[rest.release] * 15]) == 16
            for _ in range(15):
                assert rest.acquire(timeout=PATIENCE)
            held.wait_begun()
            held.go.set()
            pool.submit(int).result(PATIENCE)
            held.go.clear()
        held.go.set()


def test_every_slow_job_of_a_batch_has_a_worker_of_its_own() -> None:
    with WorkerPool(8, prestart=True) as pool:
        for _ in range(20):
            together = threading.Barrier(9)
            assert pool.offer([lambda b=together: b.wait(PATIENCE)] * 8) == 8  # type: ignore[misc]  # lambda with default
            together.wait(PATIENCE)


def test_sleepers_are_woken_one_at_a_time() -> None:
    tokens = GatedTokens()
    done = threading.Semaphore(0)
    pool = WorkerPool(4, prestart=True, provider=Watched(tokens=tokens))
    for _ in range(4):
        assert tokens.sleepers.acquire(timeout=PATIENCE)
    assert pool.statistics().idle == 4
    for _ in range(10):
        assert pool.offer([done.release] * 10) == 10
    assert (tokens.puts, pool.statistics().idle) == (1, 3)
    tokens.gate.set()
    for _ in range(100):
        assert done.acquire(timeout=PATIENCE)
    pool.shutdown()
    assert pool.statistics().completed == 100


@pytest.mark.usefixtures("eager_switches")
def test_no_wake_up_is_lost() -> None:
    chance = random.Random(7)
    done = threading.Semaphore(0)
    with WorkerPool(3, minimum=1, queue=8, keep_alive=0.0001) as pool:
        for _ in range(1500):
            sent = pool.offer([done.release] * chance.randrange(1, 9))
            sent += pool.offer([done.release] * chance.randrange(3))
            for _ in range(sent):
                assert done.acquire(timeout=PATIENCE)


def test_discard_oldest_hands_out_the_oldest_and_tells_its_owner(held: Held) -> None:
    with WorkerPool(1) as pool:
        assert pool.discard_oldest() is None
        pool.execute(held)
        held.wait_begun()
        first, second = Told(), Told()
        assert pool.offer([first, second]) == 2
        future = pool.submit(int)
        assert pool.discard_oldest() is first
        assert pool.discard_oldest() is second
        assert (first.fate, second.fate) == (["dropped"], ["dropped"])
        assert pool.discard_oldest() is not None
        assert future.cancelled()
        assert (pool.discard_oldest(), pool.statistics().discarded) == (None, 3)
        held.go.set()


def test_a_job_that_is_false_is_a_job() -> None:
    class Empty(Told):
        def __len__(self) -> int:
            return 0

    jobs = [Empty() for _ in range(5)]
    with WorkerPool(1) as pool:
        assert pool.offer(jobs) == 5
    assert [job.fate for job in jobs] == [["run"]] * 5


def test_a_future_cancelled_while_queued_is_not_run(held: Held) -> None:
    with WorkerPool(1) as pool:
        pool.execute(held)
        future = pool.submit(pytest.fail, "must not run")
        assert future.cancel()
        held.go.set()
        assert pool.submit(int).result(PATIENCE) == 0
    assert future.cancelled()
    assert pool.statistics().completed == 3
