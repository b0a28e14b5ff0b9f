"""WorkerPool: how it grows and shrinks, and what it is made with."""

from __future__ import annotations

from typing import Any

import pytest

from nio.errors import IllegalArgumentError, RejectedExecutionError
from nio.executors import Saturation, WorkerPool
from nio.spi import SelectorProvider
from tests.unit.executors.jobs import Held, ident
from tests.unit.executors.providers import PATIENCE, GatedTokens, LateTokens, TogetherTokens, Watched


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
    class Processors(SelectorProvider):
        count = 1

        def cpu_count(self) -> int:  # type: ignore[override]  # static in the base
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
