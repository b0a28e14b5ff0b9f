"""DaskExecutor with a client that is none: what a lost scheduler means, who closes what, and what waits where.

A cluster of processes: ``tests/contract/test_executors.py``.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future
from typing import Any

import pytest

from nio.errors import RejectedExecutionError, WorkerLostError
from nio.executors import DaskExecutor

PATIENCE = 10.0


class Tasks(Executor):
    """What a client's ``get_executor`` gives, as far as it is used."""

    def __init__(self, options: dict[str, Any]) -> None:
        self.options = options
        self.futures: list[Future[Any]] = []
        self.threads: list[int] = []
        self.waited: list[bool] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.add_done_callback(lambda _: self.threads.append(threading.get_ident()))
        self.futures.append(future)
        return future

    def shutdown(self, wait: bool = True) -> None:  # type: ignore[override]  # dask's knows no cancel_futures
        self.waited.append(wait)


class Client:
    def __init__(self) -> None:
        self.status = "running"
        self.closed = 0
        self.made: list[Tasks] = []

    def get_executor(self, **options: Any) -> Tasks:
        self.made.append(Tasks(options))
        return self.made[-1]

    def close(self) -> None:
        self.closed += 1


class KilledWorker(Exception):
    """As dask's is called."""


def test_options_go_to_each_task_and_no_task_is_taken_for_another() -> None:
    client = Client()
    executor = DaskExecutor(client, batch=8, backlog=9, retries=2)
    assert client.made[0].options == {"pure": False, "retries": 2}
    assert (executor.batch, executor.backlog, executor.leaves_process) == (8, 9, True)
    executor.shutdown()


def test_a_lost_scheduler_breaks_it_for_what_is_under_way_and_what_comes() -> None:
    client = Client()
    executor = DaskExecutor(client)
    future = executor.submit(bytes.upper, b"a")
    client.status = "connecting"
    client.made[0].futures[0].cancel()
    with pytest.raises(BrokenExecutor, match="the scheduler is lost, the client is connecting"):
        future.result(0)
    client.status = "running"  # it has come back, too late
    with pytest.raises(BrokenExecutor, match="the scheduler is lost"):
        executor.submit(bytes.upper, b"b")
    executor.shutdown()


def test_a_scheduler_that_is_lost_is_noticed_before_a_task_is_made() -> None:
    client = Client()
    executor = DaskExecutor(client)
    client.status = "closed"
    with pytest.raises(BrokenExecutor, match="the client is closed"):
        executor.collect(bytes.upper, b"a")
    assert client.made[0].futures == []
    executor.shutdown(wait=True)
    assert client.made[0].waited == []  # nobody would answer


def test_a_dead_worker_or_a_cancelled_task_costs_its_calls() -> None:
    client = Client()
    executor = DaskExecutor(client)
    futures = [executor.submit(bytes.upper, b"a") for _ in range(3)]
    killed, cancelled, failed = client.made[0].futures
    killed.set_exception(KilledWorker("attempted to run on 4 workers"))
    cancelled.cancel()
    failed.set_exception(OSError("other"))
    assert [type(future.exception(0)) for future in futures] == [WorkerLostError, WorkerLostError, OSError]
    executor.shutdown()


def test_cancelling_waits_for_the_scheduler_in_another_thread() -> None:
    client = Client()
    executor = DaskExecutor(client)
    assert executor.submit(bytes.upper, b"a").cancel()
    executor.shutdown(wait=True)
    assert client.made[0].futures[0].cancelled()
    assert client.made[0].threads != [threading.get_ident()]


def test_cancelling_after_the_end_is_nothing() -> None:
    client = Client()
    executor = DaskExecutor(client)
    future = executor.submit(bytes.upper, b"a")
    executor.shutdown(wait=True)
    assert future.cancel()
    assert not client.made[0].futures[0].cancelled()  # its own shutdown did that


@pytest.mark.parametrize("owns", [False, True])
def test_shutdown_closes_a_client_that_it_owns(owns: bool) -> None:
    client = Client()
    executor = DaskExecutor(client)
    executor.owns_client = owns
    executor.shutdown(wait=True, cancel_futures=True)
    executor.shutdown(wait=True)
    assert client.made[0].waited == [True]
    assert client.closed == owns
    with pytest.raises(RejectedExecutionError):
        executor.submit(bytes.upper, b"a")


def test_a_factory_connects_in_another_thread() -> None:
    clients: list[Client] = []
    threads: list[int] = []

    def connect() -> Client:
        threads.append(threading.get_ident())
        clients.append(Client())
        return clients[-1]

    factory = DaskExecutor.factory(connect, batch=5)
    one, two = factory().result(PATIENCE), factory().result(PATIENCE)
    assert isinstance(one, DaskExecutor)
    assert one.batch == 5
    assert threading.get_ident() not in threads
    for executor in (one, two):
        executor.shutdown(wait=True)
    assert [client.closed for client in clients] == [1, 1]


def test_a_factory_whose_settings_are_wrong_leaves_no_client_open() -> None:
    client = Client()
    with pytest.raises(ValueError, match="batch"):
        DaskExecutor.factory(lambda: client, batch=0)().result(PATIENCE)
    assert client.closed == 1
