"""to_worker: what blocks, awaited."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from nio.errors import RejectedExecutionError
from nio.tasks import Cancelled, to_worker
from tests.unit.reactor.support import Manual
from tests.unit.tasks.support import Stage


def fail(error: BaseException) -> None:
    raise error


@pytest.mark.parametrize("workers", [0, 2])
def test_what_the_call_returns_and_in_which_thread(workers: int) -> None:
    with Stage(workers=workers) as stage:
        ident = stage.ended(to_worker, threading.get_ident)
        assert ident != threading.get_ident()


def test_an_executor_of_ones_own() -> None:
    def name() -> str:
        return threading.current_thread().name

    async def main(pool: Any) -> str:
        return await to_worker(name, executor=pool)

    with ThreadPoolExecutor(1, "mine") as pool, Stage() as stage:
        assert stage.ended(main, pool).startswith("mine")


def test_what_the_call_raises_is_raised_by_the_await() -> None:
    with Stage() as stage, pytest.raises(KeyError):
        stage.ended(to_worker, fail, KeyError("worker"))


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_what_leaves_a_worker_does_not_leave_the_loop(kind: type[BaseException]) -> None:
    manual = Manual()
    with Stage(workers=manual) as stage:
        task = stage.begin(to_worker, fail, kind())
        manual.run_one()
        stage.until(lambda: task.is_done)
        assert isinstance(task._error, RuntimeError)
        assert str(task._error) == f"the call raised {kind.__name__} in its worker"
        assert isinstance(task._error.__cause__, kind)


def test_a_call_that_has_not_begun_is_not_made_when_the_task_is_cancelled() -> None:
    manual = Manual()
    with Stage(workers=manual) as stage:
        task = stage.begin(to_worker, fail, KeyError())
        task.cancel()
        stage.turns()
        assert isinstance(task._error, Cancelled)
        assert manual.waiting[0][0].cancelled()


def test_the_outcome_of_one_that_has_begun_is_dropped() -> None:
    manual = Manual()
    with Stage(workers=manual) as stage:
        task = stage.begin(to_worker, fail, KeyError())
        manual.begin()
        task.cancel()
        stage.turns()
        assert isinstance(task._error, Cancelled)
        manual.run_one()
        stage.turns()


def test_a_call_that_nobody_makes() -> None:
    pool = ThreadPoolExecutor(1)
    pool.shutdown()

    async def main() -> None:
        await to_worker(print, executor=pool)

    with Stage() as stage, pytest.raises((RejectedExecutionError, RuntimeError)):
        stage.ended(main)


def test_what_is_no_function_is_told() -> None:
    with Stage() as stage, pytest.raises(TypeError, match="takes a function and its arguments"):
        stage.ended(to_worker, 5)
