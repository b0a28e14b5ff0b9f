"""Jobs that are held on events, so that how many run and how many wait is known exactly at every step."""

from __future__ import annotations

import threading
from concurrent.futures import Future

import pytest

from nio.executors import Saturation, WorkerPool
from nio.spi import SelectorProvider
from tests.unit.executors.providers import PATIENCE


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


def ident() -> int:
    return threading.get_ident()


def raise_it(error: BaseException) -> None:
    raise error


def messages(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "nio.executors"]


def full_pool(
    held: Held, saturation: Saturation, queue: int = 2, provider: SelectorProvider | None = None
) -> tuple[WorkerPool, list[Future[str]]]:
    """One worker, busy, and a full queue."""
    pool = WorkerPool(1, queue=queue, saturation=saturation, provider=provider)
    pool.execute(held)
    held.wait_begun()
    return pool, [pool.submit(str, n) for n in range(queue)]
