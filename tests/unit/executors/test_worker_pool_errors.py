"""Jobs that raise, what a worker keeps of its jobs, and threads that cannot be started."""

from __future__ import annotations

import contextvars
import logging
import threading
import weakref
from collections import deque
from concurrent.futures import wait

import pytest

from nio.errors import RejectedExecutionError, WorkerStartError
from nio.executors import Saturation, WorkerPool
from tests.unit.executors.jobs import Held, Told, full_pool, ident, messages, raise_it
from tests.unit.executors.providers import PATIENCE, Watched

# errors in jobs


def test_F02_ten_thousand_raising_jobs_cost_no_worker(caplog: pytest.LogCaptureFixture) -> None:
    with WorkerPool(4, queue=10_000, prestart=True) as pool:
        futures = [pool.submit(raise_it, ValueError(n)) for n in range(9_900)]
        for _ in range(100):
            pool.execute(raise_it, ValueError("peer"))
        assert all(isinstance(future.exception(PATIENCE), ValueError) for future in futures)
        assert pool.statistics().threads == 4
    assert messages(caplog) == ["a job raised ValueError"] * 100
    assert all(record.exc_info is not None for record in caplog.records)
    assert pool.statistics().completed == 10_000


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, GeneratorExit, MemoryError, RecursionError])
def test_F03_no_exception_ends_a_worker_or_the_process(
    kind: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    with WorkerPool(1) as pool:
        worker = pool.submit(ident).result(PATIENCE)
        assert isinstance(pool.submit(raise_it, kind()).exception(PATIENCE), kind)
        assert messages(caplog) == []
        pool.execute(raise_it, kind())
        assert pool.offer([lambda: raise_it(kind())]) == 1
        assert pool.submit(ident).result(PATIENCE) == worker
    assert messages(caplog) == [f"a job raised {kind.__name__}"] * 2


def test_F03_a_log_filter_that_raises_costs_no_worker() -> None:
    class Broken(logging.Filter):
        def filter(self, record: logging.LogRecord) -> bool:
            raise RuntimeError("broken filter")

    logger, broken = logging.getLogger("nio.executors"), Broken()
    logger.addFilter(broken)
    try:
        with WorkerPool(1) as pool:
            pool.execute(raise_it, ValueError())
            assert pool.submit(int).result(PATIENCE) == 0
            assert pool.statistics().threads == 1
    finally:
        logger.removeFilter(broken)


def test_F16_every_job_has_a_fresh_context(held: Held) -> None:
    user: contextvars.ContextVar[str] = contextvars.ContextVar("user", default="nobody")
    user.set("submitter")

    def visit(name: str) -> str:
        before = user.get()
        user.set(name)
        return before

    with WorkerPool(2, queue=10_000, saturation=Saturation.CALLER_RUNS) as pool:
        assert {f.result(PATIENCE) for f in [pool.submit(visit, str(n)) for n in range(5_000)]} == {"nobody"}
        seen: deque[str] = deque()
        assert pool.offer([lambda: seen.append(visit("offered"))] * 5_000) == 5_000
    assert set(seen) == {"nobody"}
    assert len(seen) == 5_000
    pool, _ = full_pool(held, Saturation.CALLER_RUNS)
    assert pool.submit(visit, "caller").result(0) == "nobody"
    assert user.get() == "submitter"
    held.go.set()
    pool.shutdown()


class Payload:
    """What a job holds; weakly referable."""


def freed_by(payload: Payload) -> tuple[threading.Event, object]:
    freed = threading.Event()
    return freed, weakref.ref(payload, lambda _: freed.set())


@pytest.mark.usefixtures("no_collector")
def test_K06_a_sleeping_worker_keeps_nothing_of_its_jobs() -> None:
    with WorkerPool(1) as pool:
        for _ in range(3):  # the first job reaches the thread another way than those after it
            payload = Payload()
            freed, watch = freed_by(payload)
            pool.execute(id, payload)
            del payload
            assert freed.wait(PATIENCE)
            assert watch is not None


@pytest.mark.usefixtures("no_collector")
def test_K06_a_logged_exception_keeps_no_frames() -> None:
    def fail(payload: Payload) -> None:
        raise kept

    kept = ValueError("kept by its raiser")
    logger = logging.getLogger("nio.executors")
    null = logging.NullHandler()
    logger.addHandler(null)
    logger.propagate = False
    try:
        with WorkerPool(1) as pool:
            payload = Payload()
            freed, watch = freed_by(payload)
            pool.execute(fail, payload)
            del payload
            assert freed.wait(PATIENCE)
            assert watch is not None
        assert kept.__traceback__ is None
    finally:
        logger.propagate = True
        logger.removeHandler(null)


@pytest.mark.usefixtures("no_collector")
def test_K06_a_failed_future_is_freed_without_the_collector() -> None:
    def fail(payload: Payload) -> None:
        raise ValueError(len(str(payload)))

    with WorkerPool(1) as pool:
        payload = Payload()
        freed, watch = freed_by(payload)
        future = pool.submit(fail, payload)
        del payload
        assert wait([future], PATIENCE).done
        assert not freed.is_set()  # the traceback is the owner's as long as he keeps the future
        del future
        pool.submit(int).result(PATIENCE)
        assert freed.wait(PATIENCE)
        assert watch is not None


# threads that cannot be started


def test_F04_prestart_fails_loudly_and_leaves_no_thread_behind(caplog: pytest.LogCaptureFixture) -> None:
    provider = Watched(3)
    with pytest.raises(RuntimeError, match="can't start new thread") as caught:
        WorkerPool(4, prestart=True, name="w", provider=provider)
    assert caught.value.__notes__ == ["thread 3 of at most 4 of the pool 'w'"]
    assert messages(caplog) == []
    assert len(provider.threads) == 2
    assert not any(thread.is_alive() for thread in provider.threads)


def test_F04_without_a_worker_a_thread_that_cannot_be_started_is_the_submitters_error() -> None:
    with WorkerPool(2, name="w", provider=Watched(1)) as pool:
        with pytest.raises(WorkerStartError, match="'w' has no worker and can start none: can't start new") as caught:
            pool.submit(int)
        assert isinstance(caught.value.__cause__, RuntimeError)
        assert not isinstance(caught.value, RejectedExecutionError)
        assert (pool.statistics().threads, pool.statistics().queued) == (0, 0)
        assert pool.submit(int).result(PATIENCE) == 0


def test_F04_jobs_go_to_the_workers_that_are_there_when_no_thread_can_be_started(held: Held) -> None:
    jobs = [Told() for _ in range(3)]
    with WorkerPool(3, queue=2, provider=Watched(2, 3)) as pool:
        pool.execute(held)
        held.wait_begun()
        assert pool.offer(jobs) == 2
        assert (pool.statistics().threads, pool.statistics().queued) == (1, 2)
        with pytest.raises(RejectedExecutionError, match="1 threads, 2 jobs queued"):
            pool.submit(int)
        held.go.set()
    assert [job.fate for job in jobs] == [["run"], ["run"], []]


def test_F04_the_next_job_asks_for_the_thread_again_and_a_series_of_refusals_is_logged_once(
    held: Held, caplog: pytest.LogCaptureFixture
) -> None:
    refused = "the pool 'w' asks for a thread again with its next job; the system said RuntimeError"
    with WorkerPool(3, name="w", provider=Watched(2, 3, 5)) as pool:
        pool.execute(held)
        held.wait_begun()
        futures = [pool.submit(ident), pool.submit(ident)]
        assert (pool.statistics().threads, messages(caplog)) == (1, [refused])
        assert pool.submit(ident).result(PATIENCE) == futures[0].result(PATIENCE)  # by the second thread
        assert pool.submit(ident).result(PATIENCE) == futures[1].result(PATIENCE)
        assert (pool.statistics().threads, messages(caplog)) == (2, [refused, refused])
        held.go.set()
