"""Workers that have ended leave nothing behind: no memory, and not the number of their thread."""

from __future__ import annotations

import threading
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

import nio.executors
from nio.executors import WorkerPool
from tests.unit.executors.providers import PATIENCE, Watched

PACKAGE = Path(nio.executors.__file__).parent


@pytest.fixture
def traced() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


@pytest.mark.usefixtures("traced")
def test_workers_that_come_and_go_cost_no_memory() -> None:
    provider = Watched()

    def come_and_go(times: int) -> int:
        for _ in range(times):
            pool.submit(int).result(PATIENCE)
            provider.threads.pop().join(PATIENCE)
        snapshot = tracemalloc.take_snapshot().filter_traces([tracemalloc.Filter(True, f"{PACKAGE}/*")])
        return sum(trace.size for trace in snapshot.traces)

    with WorkerPool(1, minimum=0, keep_alive=0, provider=provider) as pool:
        before = come_and_go(200)
        assert come_and_go(1000) - before < 4000  # four bytes each, where a reference takes eight
        assert pool.statistics().completed == 1200


class Numbered(Watched):
    """Threads have the numbers that a test gives them, by their names."""

    def __init__(self, **numbers: int) -> None:
        super().__init__()
        self.numbers = numbers

    def thread_id(self) -> int:
        return self.numbers[threading.current_thread().name]


def test_a_thread_that_gets_the_number_of_an_ended_worker_is_a_stranger() -> None:
    here = threading.current_thread().name
    provider = Numbered(**{here: 1, "ended-1": 2})
    pool = WorkerPool(1, minimum=0, keep_alive=0, name="ended", provider=provider)
    assert pool.submit(int).result(PATIENCE) == 0
    provider.threads[0].join(PATIENCE)
    pool.shutdown()
    provider.numbers[here] = 2
    assert pool.join(PATIENCE) == []
