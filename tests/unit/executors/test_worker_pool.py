"""WorkerPool: growth, policies, wake-ups, errors and the end.

Jobs are held on events, so that how many run and how many wait is known exactly at every step.
"""

from __future__ import annotations

import contextvars
import gc
import itertools
import logging
import random
import signal
import subprocess
import sys
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future, as_completed, wait
from typing import Any

import pytest

from nio.errors import IllegalArgumentError, IllegalStateError, RejectedExecutionError
from nio.executors import Saturation, WorkerPool
from nio.spi import SelectorProvider, SystemProvider
from tests.unit.executors.providers import (
    PATIENCE,
    CallbackConditions,
    CallbackThreads,
    GatedTokens,
    LateTokens,
    TogetherTokens,
    Watched,
)


class Held:
    """A job that says when it runs and ends when it is let go."""

    def __init__(self) -> None:
        self.began = threading.Semaphore(0)
        self.go = threading.Event()
        self.threads: list[str] = []

    def __call__(self) -> str:
        self.threads.append(threading.current_thread().name)
        self.began.release()
        assert self.go.wait(PATIENCE)
        return "held"

    def wait_begun(self, count: int = 1) -> None:
        for _ in range(count):
            assert self.began.acquire(timeout=PATIENCE)


class Told:
    """A queued job with an owner: says whether it was run or dropped."""

    def __init__(self) -> None:
        self.fate: list[str] = []

    def __call__(self) -> None:
        self.fate.append("run")

    def cancel(self) -> None:
        self.fate.append("dropped")


@pytest.fixture
def held() -> Iterator[Held]:
    job = Held()
    yield job
    job.go.set()


def ident() -> int:
    return threading.get_ident()


def raise_it(error: BaseException) -> None:
    raise error


def messages(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "nio.executors"]


# growth and shrinking


def test_below_the_minimum_each_job_has_a_new_thread_and_the_next_is_queued(held: Held) -> None:
    with WorkerPool(3, minimum=2, queue=2, name="w") as pool:
        assert pool.statistics().threads == 0
        pool.execute(held)
        held.wait_begun()
        pool.execute(held)
        held.wait_begun()
        pool.execute(int)
        assert (pool.statistics().threads, pool.statistics().queued) == (2, 1)
        assert held.threads == ["w-1", "w-2"]
        held.go.set()


def test_below_the_minimum_a_new_thread_is_started_though_another_idles() -> None:
    tokens = GatedTokens()
    tokens.gate.set()
    with WorkerPool(2, provider=Watched(tokens=tokens)) as pool:
        first = pool.submit(ident).result(PATIENCE)
        assert tokens.sleepers.acquire(timeout=PATIENCE)
        assert pool.submit(ident).result(PATIENCE) != first
        assert tokens.sleepers.acquire(timeout=PATIENCE)
        assert (pool.statistics().threads, pool.statistics().idle) == (2, 2)


def test_beyond_the_minimum_threads_are_added_only_when_the_queue_is_full(held: Held) -> None:
    with WorkerPool(3, minimum=1, queue=2) as pool:
        for threads, queued in [(1, 0), (1, 1), (1, 2), (2, 2), (3, 2)]:
            pool.execute(held)
            assert (pool.statistics().threads, pool.statistics().queued) == (threads, queued)
        held.wait_begun(3)
        with pytest.raises(RejectedExecutionError, match="3 threads, 2 jobs queued"):
            pool.execute(held)
        assert (pool.statistics().largest, pool.statistics().rejected) == (3, 1)
        held.go.set()
    assert (pool.statistics().completed, pool.statistics().threads) == (5, 0)


def test_without_a_minimum_the_first_job_still_has_a_thread() -> None:
    provider = Watched()
    with WorkerPool(2, minimum=0, keep_alive=0, provider=provider) as pool:
        for n in range(1, 4):
            assert pool.submit(ident).result(PATIENCE) == provider.threads[-1].ident
            provider.threads[-1].join(PATIENCE)
            assert (pool.statistics().threads, len(provider.threads)) == (0, n)
    assert (pool.statistics().completed, pool.statistics().largest) == (3, 1)
    assert len(pool._tallies) == 1  # a new thread takes over the tally of one that has ended


@pytest.mark.parametrize("keep_alive", [0, 0.001])
def test_threads_beyond_the_minimum_end_when_they_have_idled(held: Held, keep_alive: float) -> None:
    provider = Watched()
    with WorkerPool(4, minimum=1, queue=1, keep_alive=keep_alive, provider=provider) as pool:
        assert pool.offer([held] * 5) == 5
        held.wait_begun(4)
        held.go.set()
        for _ in range(3):
            assert provider.ended.acquire(timeout=PATIENCE)
        assert (pool.statistics().threads, pool.statistics().largest) == (1, 4)
        assert pool.submit(ident).result(PATIENCE) in {thread.ident for thread in provider.threads}
        assert pool.statistics().threads == 1


def test_threads_whose_patience_ends_together_leave_the_minimum_behind(held: Held) -> None:
    provider = Watched(tokens=TogetherTokens(4))
    with WorkerPool(4, minimum=2, queue=1, provider=provider) as pool:
        assert pool.offer([held] * 5) == 5
        held.go.set()
        for _ in range(2):
            assert provider.ended.acquire(timeout=PATIENCE)
        assert pool.submit(int).result(PATIENCE) == 0
        assert pool.statistics().threads == 2


def test_a_thread_that_has_ended_is_not_woken(held: Held) -> None:
    tokens = GatedTokens()
    tokens.gate.set()
    provider = Watched(tokens=tokens)
    with WorkerPool(2, minimum=1, queue=1, keep_alive=0, provider=provider) as pool:
        other = Held()
        pool.execute(held)
        assert pool.offer([int, other]) == 2
        other.go.set()
        assert provider.ended.acquire(timeout=PATIENCE)
        assert pool.offer([int]) == 1
        assert (tokens.puts, pool.statistics().idle) == (0, 0)
        held.go.set()


def test_without_a_keep_alive_threads_stay(held: Held) -> None:
    tokens = GatedTokens()
    tokens.gate.set()
    with WorkerPool(2, minimum=1, queue=1, keep_alive=None, provider=Watched(tokens=tokens)) as pool:
        assert pool.offer([held] * 3) == 3
        held.go.set()
        for _ in range(2):
            assert tokens.sleepers.acquire(timeout=PATIENCE)
        assert pool.statistics().threads == 2


def test_a_token_that_comes_as_patience_ends_is_not_lost(held: Held) -> None:
    tokens = LateTokens()
    with WorkerPool(2, minimum=1, queue=1, keep_alive=1, provider=Watched(tokens=tokens)) as pool:
        other = Held()
        pool.execute(held)
        held.wait_begun()
        assert pool.offer([int, other]) == 2  # the queue is full with int: a second thread
        other.wait_begun()
        other.go.set()
        assert tokens.asleep.wait(PATIENCE)
        assert pool.submit(ident).result(PATIENCE) != ident()
        assert not tokens.late
        held.go.set()


def test_prestart_starts_the_minimum_in_the_constructor() -> None:
    provider = Watched()
    with WorkerPool(4, minimum=3, prestart=True, name="warm", provider=provider) as pool:
        assert [thread.name for thread in provider.threads] == ["warm-1", "warm-2", "warm-3"]
        assert all(thread.daemon for thread in provider.threads)
        assert pool.statistics().threads == 3
        assert pool.submit(ident).result(PATIENCE) in {thread.ident for thread in provider.threads}
        assert pool.statistics().threads == 3


def test_the_defaults_are_bounded_and_follow_the_processors() -> None:
    class Processors(SystemProvider):
        count = 1

        def cpu_count(self) -> int:
            return self.count

    provider = Processors(SelectorProvider.available()[0])
    for count, threads in [(1, 5), (8, 12), (28, 32), (64, 32)]:
        provider.count = count
        pool = WorkerPool(provider=provider)
        assert (pool.maximum, pool.minimum, pool.capacity, pool.keep_alive) == (threads, threads, 1024, 60.0)
        assert pool.saturation is Saturation.ABORT
        pool.shutdown()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"maximum": 0}, IllegalArgumentError, "maximum 0 is below 1"),
        ({"maximum": True}, TypeError, "maximum must be an int, not bool"),
        ({"maximum": 2.0}, TypeError, "maximum must be an int, not float"),
        ({"maximum": 2, "minimum": 3}, IllegalArgumentError, "minimum 3 is above the maximum 2"),
        ({"minimum": -1}, IllegalArgumentError, "minimum -1 is below 0"),
        ({"queue": 0}, IllegalArgumentError, "queue 0 is below 1"),
        ({"keep_alive": -0.5}, IllegalArgumentError, "keep_alive -0.5"),
        ({"keep_alive": float("nan")}, IllegalArgumentError, "keep_alive nan"),
        ({"keep_alive": 1e10}, IllegalArgumentError, "keep_alive 10000000000.0"),
        ({"saturation": "block"}, TypeError, "saturation must be a Saturation, not 'block'"),
    ],
)
def test_bad_arguments_are_refused(arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        WorkerPool(**arguments)


def test_what_cannot_be_called_is_refused_at_once() -> None:
    with WorkerPool(1) as pool:
        with pytest.raises(TypeError):
            pool.submit(5)  # type: ignore[arg-type]  # the mistake is the test
        with pytest.raises(TypeError):
            pool.execute(5)  # type: ignore[arg-type]  # the mistake is the test
        assert pool.statistics().threads == 0


def test_the_pool_shows_its_state(held: Held) -> None:
    pool = WorkerPool(2, minimum=1, queue=5, name="w")
    pool.execute(held)
    held.wait_begun()
    pool.execute(int)
    assert repr(pool) == "WorkerPool('w', open, threads=1 of 1 to 2, queued=1 of 5)"
    held.go.set()
    pool.shutdown()
    assert repr(pool) == "WorkerPool('w', shut down, threads=0 of 1 to 2, queued=0 of 5)"


def test_it_is_an_executor() -> None:
    with WorkerPool(2) as pool:
        future = pool.submit(lambda a, b: (a, b), 1, b=2)
        assert future.result(PATIENCE) == (1, 2)
        assert list(pool.map(len, ["a", "bc", ""])) == [1, 2, 0]


# saturation


def full_pool(
    held: Held, saturation: Saturation, queue: int = 2, provider: SelectorProvider | None = None
) -> tuple[WorkerPool, list[Future[str]]]:
    """One worker, busy, and a full queue."""
    pool = WorkerPool(1, queue=queue, saturation=saturation, provider=provider)
    pool.execute(held)
    held.wait_begun()
    return pool, [pool.submit(str, n) for n in range(queue)]


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
    assert isinstance(pool.submit(raise_it, SystemExit(3)).exception(0), SystemExit)
    pool.execute(raise_it, KeyboardInterrupt())
    assert messages(caplog) == ["a job raised KeyboardInterrupt"]
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


# the bulk entry


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


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


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


def test_F04_prestart_fails_loudly_and_leaves_no_thread_behind() -> None:
    provider = Watched(3)
    with pytest.raises(RuntimeError, match="can't start new thread") as caught:
        WorkerPool(4, prestart=True, name="w", provider=provider)
    assert caught.value.__notes__ == ["thread 3 of at most 4 of the pool 'w'"]
    assert len(provider.threads) == 2
    assert not any(thread.is_alive() for thread in provider.threads)


def test_F04_a_thread_that_cannot_be_started_on_demand_is_the_submitters_error() -> None:
    with WorkerPool(2, provider=Watched(1, 3)) as pool:
        with pytest.raises(RuntimeError, match="can't start new thread"):
            pool.submit(int)
        assert (pool.statistics().threads, pool.statistics().queued) == (0, 0)
        assert pool.submit(int).result(PATIENCE) == 0
        with pytest.raises(RuntimeError, match="can't start new thread"):
            pool.execute(int)
        assert pool.submit(int).result(PATIENCE) == 0
        assert pool.statistics().threads == 2


def test_F04_offer_says_how_many_it_took_before_a_thread_could_not_be_started() -> None:
    jobs = [Told() for _ in range(3)]
    with WorkerPool(3, provider=Watched(2, 3)) as pool:
        assert pool.offer(jobs) == 1
        with pytest.raises(RuntimeError, match="can't start new thread"):
            pool.offer(jobs[1:])
        assert pool.offer(jobs[1:]) == 2
    assert [job.fate for job in jobs] == [["run"]] * 3


# the end


def test_F05_nothing_is_taken_after_shutdown() -> None:
    for saturation in Saturation:
        pool = WorkerPool(1, saturation=saturation)
        pool.submit(int).result(PATIENCE)
        pool.shutdown()
        calls: list[Callable[[], object]] = [
            lambda p=pool: p.submit(int),  # type: ignore[misc]  # lambda with default
            lambda p=pool: p.execute(int),  # type: ignore[misc]  # lambda with default
            lambda p=pool: p.offer([int, int]),  # type: ignore[misc]  # lambda with default
        ]
        for call in calls:
            with pytest.raises(RejectedExecutionError, match="'worker' is shut down"):
                call()
        assert pool.statistics().rejected == 4


@pytest.mark.usefixtures("eager_switches")
def test_F05_in_a_race_with_shutdown_each_job_is_run_or_refused() -> None:
    for n in range(100):
        pool = WorkerPool(2, minimum=n % 3, queue=4)
        taken: list[Future[int]] = []
        started = threading.Event()

        def submit(pool: WorkerPool, taken: list[Future[int]], started: threading.Event, turns: int) -> None:
            for turn in itertools.count():
                try:
                    taken.append(pool.submit(int))
                except RejectedExecutionError as error:
                    if "shut down" in str(error):
                        return
                if turn == turns:
                    started.set()

        submitter = threading.Thread(target=submit, args=(pool, taken, started, n % 7))
        submitter.start()
        assert started.wait(PATIENCE)
        pool.shutdown()
        submitter.join(PATIENCE)
        assert all(future.done() and future.result(0) == 0 for future in taken)
        assert pool.statistics().completed == len(taken)


@pytest.mark.parametrize("wait_for_it", [True, False])
def test_J05_what_is_queued_at_shutdown_is_run(held: Held, wait_for_it: bool) -> None:
    pool, queued = full_pool(held, Saturation.ABORT)
    told = Told()
    assert pool.discard_oldest() is not None
    assert pool.offer([told]) == 1
    if wait_for_it:
        closer = threading.Thread(target=pool.shutdown)
        closer.start()
        held.go.set()
        closer.join(PATIENCE)
        assert not closer.is_alive()
    else:
        pool.shutdown(wait=False)
        assert not queued[1].done()
        held.go.set()
    assert queued[1].result(PATIENCE) == "1"
    assert pool.join(PATIENCE) == []
    assert told.fate == ["run"]
    figures = pool.statistics()
    assert (figures.completed, figures.discarded, figures.queued, figures.threads) == (3, 1, 0, 0)


def test_J05_what_is_queued_can_be_dropped_at_shutdown_and_its_owners_are_told(
    held: Held, caplog: pytest.LogCaptureFixture
) -> None:
    class Sore(Told):
        def cancel(self) -> None:
            super().cancel()
            raise KeyError("owner")

    pool, queued = full_pool(held, Saturation.ABORT, queue=6)
    told, sore, mute = Told(), Sore(), Held()
    assert pool.discard_oldest() is not None
    assert pool.discard_oldest() is not None
    assert pool.discard_oldest() is not None
    assert pool.offer([sore, mute, told]) == 3
    pool.shutdown(wait=False, cancel_futures=True)
    assert all(future.cancelled() for future in queued)
    assert wait(queued, PATIENCE).not_done == set()
    assert (told.fate, sore.fate, mute.threads) == (["dropped"], ["dropped"], [])
    assert messages(caplog) == ["cancel() of a dropped job raised KeyError"]
    held.go.set()
    pool.shutdown()
    assert (pool.statistics().completed, pool.statistics().discarded) == (1, 9)


def test_F06_shutdown_of_a_pool_that_never_ran_and_twice() -> None:
    for prestart in (False, True):
        provider = Watched()
        pool = WorkerPool(3, prestart=prestart, provider=provider)
        pool.shutdown()
        pool.shutdown(wait=False)
        pool.shutdown(cancel_futures=True)
        assert len(provider.threads) == 3 * prestart
        assert not any(thread.is_alive() for thread in provider.threads)


def test_F06_shutdown_from_workers_does_not_wait_for_themselves() -> None:
    for prestart in (False, True):
        pool = WorkerPool(2, prestart=prestart)
        together = threading.Barrier(2)

        def stop(pool: WorkerPool, together: threading.Barrier) -> None:
            together.wait(PATIENCE)
            pool.shutdown(wait=True)
            with pytest.raises(IllegalStateError, match="a thread that the pool waits for"):
                pool.join()

        futures = [pool.submit(stop, pool, together) for _ in range(2)]
        assert [future.result(PATIENCE) for future in futures] == [None, None]
        assert pool.join(PATIENCE) == []


def test_F06_shutdown_with_a_full_queue_releases_a_waiting_submitter(held: Held) -> None:
    for cancel in (False, True):
        waiting = threading.Event()
        pool, _ = full_pool(held, Saturation.BLOCK, 1, CallbackConditions(waiting.set))
        outcome: list[object] = []

        def submit(pool: WorkerPool, outcome: list[object]) -> None:
            try:
                outcome.append(pool.submit(int))
            except RejectedExecutionError as error:
                outcome.append(error)

        submitter = threading.Thread(target=submit, args=(pool, outcome))
        submitter.start()
        assert waiting.wait(PATIENCE)
        pool.shutdown(wait=False, cancel_futures=cancel)
        submitter.join(PATIENCE)  # the worker is still held: shutdown itself let the submitter go
        assert isinstance(outcome[0], RejectedExecutionError)
        held.go.set()
        assert pool.join(PATIENCE) == []
        held.go.clear()


@pytest.fixture
def on_signal() -> Iterator[Callable[[Callable[[], object]], Callable[[], None]]]:
    """Install a handler; what is returned raises its signal, in the main thread, at once."""
    before = signal.getsignal(signal.SIGUSR1)

    def install(handler: Callable[[], object]) -> Callable[[], None]:
        signal.signal(signal.SIGUSR1, lambda number, frame: (handler(), None)[1])
        return lambda: signal.raise_signal(signal.SIGUSR1)

    yield install
    signal.signal(signal.SIGUSR1, before)


Install = Callable[[Callable[[], object]], Callable[[], None]]


@pytest.mark.parametrize("cancel", [False, True])
def test_F06_shutdown_in_a_signal_handler_inside_the_pool(on_signal: Install, cancel: bool) -> None:
    # The signal arrives while the main thread holds the pool's lock, in the middle of starting a thread.
    pools: list[WorkerPool] = []
    calls: list[str] = []

    def handler() -> None:
        for call in (pools[0].discard_oldest, lambda: pools[0].submit(int), lambda: pools[0].offer([int])):
            with pytest.raises(IllegalStateError, match="interrupted the pool"):
                call()
            calls.append("refused")
        pools[0].shutdown(cancel_futures=cancel)
        with pytest.raises(IllegalStateError, match=r"join\(\)"):
            pools[0].join()
        calls.append(repr(pools[0].statistics().threads))

    strike = on_signal(handler)
    armed: list[int] = []
    held = Held()
    provider = CallbackThreads(lambda: strike() if armed else None)
    pool = WorkerPool(2, minimum=1, queue=1, provider=provider)
    pools.append(pool)
    pool.execute(held)
    held.wait_begun()
    queued = pool.submit(int)
    armed.append(1)
    last = pool.submit(str, "accepted before the signal")
    assert calls == ["refused"] * 3 + ["1"]
    assert last.result(PATIENCE) == "accepted before the signal"
    assert queued.cancelled() is cancel
    held.go.set()
    pool.shutdown()
    assert (pool.statistics().discarded, pool.statistics().completed) == (int(cancel), 3 - cancel)


@pytest.mark.parametrize("cancel", [False, True])
def test_F06_shutdown_in_a_signal_handler_while_submitters_wait_for_room(
    on_signal: Install, held: Held, cancel: bool
) -> None:
    # Two wait: a thread, then the main thread, whose handler must not take the lock to tell them.
    waiting = threading.Event()
    pools: list[WorkerPool] = []
    outcomes: list[str] = []
    strike = on_signal(lambda: pools[0].shutdown(cancel_futures=cancel))

    def before_waiting() -> None:
        waiting.set()
        if threading.current_thread() is threading.main_thread():
            strike()
            held.go.set()

    def submit() -> None:
        with pytest.raises(RejectedExecutionError, match="shut down"):
            pools[0].submit(int)
        outcomes.append("refused")

    pool, queued = full_pool(held, Saturation.BLOCK, 1, CallbackConditions(before_waiting))
    pools.append(pool)
    submitter = threading.Thread(target=submit)
    submitter.start()
    assert waiting.wait(PATIENCE)
    submit()
    submitter.join(PATIENCE)
    assert outcomes == ["refused"] * 2
    assert queued[0].cancelled() is cancel
    assert pool.join(PATIENCE) == []


def test_J07_join_names_the_threads_that_are_stuck(held: Held) -> None:
    pool = WorkerPool(3, prestart=True, name="w")
    pool.execute(held)
    held.wait_begun()
    with pytest.raises(IllegalStateError, match="before shutdown"):
        pool.join()
    pool.shutdown(wait=False)
    assert pool.join(0) != []
    while len(stuck := pool.join(0.05)) > 1:
        pass
    assert stuck == held.threads
    held.go.set()
    assert pool.join() == []


def test_J07_a_stuck_job_does_not_keep_the_interpreter_from_ending() -> None:
    program = (
        "import threading, nio.executors\n"
        "began = threading.Event()\n"
        "pool = nio.executors.WorkerPool(2, prestart=True)\n"
        "pool.execute(lambda: (began.set(), threading.Event().wait()))\n"
        "assert began.wait(10)\n"
        "pool.shutdown(wait=False)\n"
        "print('end')\n"
    )
    done = subprocess.run([sys.executable, "-X", "dev", "-W", "error", "-c", program], capture_output=True, timeout=30)
    assert (done.stdout, done.stderr, done.returncode) == (b"end\n", b"", 0)
