"""What a WorkerPool whose queue is full does with one more job."""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import CancelledError, as_completed, wait

import pytest

from nio.errors import RejectedExecutionError
from nio.executors import Saturation, WorkerPool
from tests.unit.executors.jobs import Held, full_pool, ident, messages, raise_it
from tests.unit.executors.providers import PATIENCE, CallbackConditions


def test_abort_refuses_the_job(held: Held) -> None:
    pool, queued = full_pool(held, Saturation.ABORT)
    with pytest.raises(RejectedExecutionError, match="1 threads, 2 jobs queued"):
        pool.submit(str, 9)
    held.go.set()
    assert [future.result(PATIENCE) for future in queued] == ["0", "1"]
    pool.shutdown()
    assert (pool.statistics().rejected, pool.statistics().completed) == (1, 3)


def test_discard_cancels_the_job(held: Held) -> None:
    pool, queued = full_pool(held, Saturation.DISCARD)
    dropped = pool.submit(str, 9)
    pool.execute(lambda: pytest.fail("must not run"))
    assert dropped.cancelled()
    assert wait([dropped], PATIENCE).not_done == set()
    with pytest.raises(CancelledError):
        dropped.result(0)
    held.go.set()
    assert [future.result(PATIENCE) for future in queued] == ["0", "1"]
    pool.shutdown()
    assert (pool.statistics().discarded, pool.statistics().completed) == (2, 3)


def test_discard_oldest_cancels_the_one_queued_longest(held: Held) -> None:
    pool, queued = full_pool(held, Saturation.DISCARD_OLDEST)
    queued += [pool.submit(str, n) for n in (2, 3, 4)]
    assert [future.cancelled() for future in queued] == [True, True, True, False, False]
    assert pool.statistics().queued == 2
    assert set(as_completed(queued[:3], PATIENCE)) == set(queued[:3])
    held.go.set()
    assert [future.result(PATIENCE) for future in queued[3:]] == ["3", "4"]
    pool.shutdown()
    assert (pool.statistics().discarded, pool.statistics().completed) == (3, 3)


def test_caller_runs_the_job_in_the_submitters_thread(held: Held, caplog: pytest.LogCaptureFixture) -> None:
    pool, queued = full_pool(held, Saturation.CALLER_RUNS)
    assert pool.submit(ident).result(0) == ident()
    assert isinstance(pool.submit(raise_it, MemoryError()).exception(0), MemoryError)
    pool.execute(raise_it, MemoryError())
    assert messages(caplog) == ["a job raised MemoryError"]
    held.go.set()
    assert [future.result(PATIENCE) for future in queued] == ["0", "1"]
    pool.shutdown()


def test_block_waits_for_room(held: Held) -> None:
    waiting = threading.Event()
    pool = WorkerPool(1, queue=1, saturation=Saturation.BLOCK, provider=CallbackConditions(waiting.set))
    pool.execute(held)
    held.wait_begun()
    order: list[str] = []
    pool.execute(order.append, "queued")
    submitter = threading.Thread(target=pool.execute, args=(order.append, "waited"))
    submitter.start()
    assert waiting.wait(PATIENCE)
    assert pool.statistics().queued == 1
    held.go.set()
    submitter.join(PATIENCE)
    pool.shutdown()
    assert order == ["queued", "waited"]


def test_block_never_loses_the_room_that_a_worker_makes() -> None:
    done: deque[int] = deque()
    pool = WorkerPool(2, queue=1, saturation=Saturation.BLOCK)

    def submit(base: int) -> None:
        for n in range(300):
            pool.execute(done.append, base + n)

    submitters = [threading.Thread(target=submit, args=(base,)) for base in (0, 1000, 2000)]
    for submitter in submitters:
        submitter.start()
    for submitter in submitters:
        submitter.join(PATIENCE)
        assert not submitter.is_alive()
    pool.shutdown()
    assert sorted(done) == [base + n for base in (0, 1000, 2000) for n in range(300)]


def test_block_lets_room_made_by_discard_oldest_be_used(held: Held) -> None:
    waiting = threading.Event()
    pool, queued = full_pool(held, Saturation.BLOCK, 1, CallbackConditions(waiting.set))
    order: list[str] = []
    submitter = threading.Thread(target=pool.execute, args=(order.append, "new"))
    submitter.start()
    assert waiting.wait(PATIENCE)
    assert pool.discard_oldest() is not None
    submitter.join(PATIENCE)  # the worker is still held
    assert not submitter.is_alive()
    held.go.set()
    pool.shutdown()
    assert queued[0].cancelled()
    assert order == ["new"]


def test_F15_a_worker_that_fills_its_own_pool_runs_the_job_itself() -> None:
    with WorkerPool(1, queue=1, saturation=Saturation.BLOCK) as pool:

        def fill() -> list[int]:
            pool.submit(ident)
            return [pool.submit(ident).result(0), ident()]

        first, second = pool.submit(fill).result(PATIENCE)
        assert first == second
