"""The executors that the contract is tested with, each as a context; a dask cluster on loopback; the table's figures.

``python -m tests.contract.executors`` prints the figures of ``docs/how-to/executors.md``: the time that one client
waits for a reply, and a reply's share of the time when 64 clients ask at once.
"""

from __future__ import annotations

import importlib.util
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Self

from nio.executors import BatchExecutor, DaskExecutor, WorkerPool
from tests.contract.executor_jobs import Worker

ROOT = Path(__file__).resolve().parents[2]
START = 30.0  # seconds for a cluster to be there
CLIENTS = 64
WORKERS = 2


class Kind(NamedTuple):
    """An executor to test: who makes it, whether its work leaves the process, what has to be installed, and which
    record of the contract is beyond it, with the reason."""

    make: Callable[[], AbstractContextManager[Executor]]
    leaves: bool
    needs: str = ""
    beyond: tuple[str, str] = ("", "")

    @property
    def missing(self) -> str:
        """Why it cannot be had here."""
        if self.needs == "interpreters":
            return "" if sys.version_info >= (3, 14) else "needs Python 3.14"
        if self.needs and importlib.util.find_spec(self.needs) is None:
            return f"{self.needs} is not installed"
        return ""


def processes(method: str, count: int = WORKERS) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(count, mp_context=multiprocessing.get_context(method))


def batches() -> Executor:
    return BatchExecutor(processes("spawn"))


def interpreters() -> Executor:
    futures: Any = importlib.import_module("concurrent.futures")
    pool: Executor = futures.InterpreterPoolExecutor(WORKERS)
    return pool


def loky() -> Executor:
    pool: Executor = importlib.import_module("loky").ProcessPoolExecutor(WORKERS)
    return pool


class Cluster:
    """A scheduler and worker processes, all on loopback with ports that the kernel gives."""

    def __init__(self, *, workers: int = WORKERS, deaths: int = 3) -> None:
        self._stack = ExitStack()
        self._settings = os.environ | {
            "PYTHONPATH": str(ROOT),
            "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": str(deaths),
            "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "False",
        }
        self._directory = self._stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
        self._file = Path(self._directory) / "scheduler.json"
        try:
            self.scheduler = self._start("scheduler", "--port", "0", "--no-show")
            self.address = self._await_address()
            self.workers = [self._start("worker", "--no-nanny", "--nthreads", "1") for _ in range(workers)]
        except BaseException:
            self.close()
            raise

    def _start(self, what: str, *options: str) -> subprocess.Popen[bytes]:
        module = f"distributed.cli.dask_{what}"
        shared = ("--scheduler-file", str(self._file), "--no-dashboard", "--host", "127.0.0.1")
        process = subprocess.Popen(
            [sys.executable, "-m", module, *shared, *options],
            env=self._settings,
            cwd=self._directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._stack.callback(_end, process)
        return process

    def _await_address(self) -> str:
        end = time.monotonic() + START
        while time.monotonic() < end and self.scheduler.poll() is None:
            try:
                return str(json.loads(self._file.read_text(encoding="utf-8"))["address"])
            except (FileNotFoundError, json.JSONDecodeError):
                time.sleep(0.01)
        raise AssertionError("no dask scheduler has started")

    def connect(self) -> Any:
        """A client that has seen all the workers."""
        client = importlib.import_module("distributed").Client(self.address, timeout=START, set_as_default=False)
        client.wait_for_workers(len(self.workers), timeout=START)
        return client

    def close(self) -> None:
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


@contextmanager
def dask() -> Iterator[Executor]:
    with Cluster() as cluster, cluster.connect() as client, DaskExecutor(client) as executor:
        yield executor


@contextmanager
def dask_bare() -> Iterator[Executor]:
    with Cluster() as cluster, cluster.connect() as client:
        yield client.get_executor(pure=False)


UNREAD = ("error", "an error that cannot be read at home breaks such a pool")
FOR_EVER = ("lock", "dask's own executor never ends the future of a reply that cannot be read")

KINDS = {
    "WorkerPool": Kind(partial(WorkerPool, WORKERS), False),
    "ThreadPoolExecutor": Kind(partial(ThreadPoolExecutor, WORKERS), False),
    "spawn": Kind(partial(processes, "spawn"), True, beyond=UNREAD),
    "forkserver": Kind(partial(processes, "forkserver"), True, beyond=UNREAD),
    "batches": Kind(batches, True),
    "interpreters": Kind(interpreters, True, "interpreters"),
    "loky": Kind(loky, True, "loky", UNREAD),
    "dask": Kind(dask, True, "distributed"),
    "dask, one task each": Kind(dask_bare, True, "distributed", FOR_EVER),
}


def measured(executor: Executor) -> tuple[float, float]:
    """Microseconds: the median time of a reply to one client, and a reply's share when 64 clients ask at once."""
    from tests.unit.reactor.support import World

    with World(Worker, workers=executor) as world:
        peers = [world.connect() for _ in range(CLIENTS)]

        def ask(count: int) -> float:
            begin = time.perf_counter()
            for peer in peers[:count]:
                peer.send(b"ann\n")
            for peer in peers[:count]:
                assert peer.read(4) == b"ANN\n"
            return (time.perf_counter() - begin) * 1e6 / count

        for count in (CLIENTS, 1):
            ask(count)
        return statistics.median(ask(1) for _ in range(100)), statistics.median(ask(CLIENTS) for _ in range(15))


def main() -> None:
    print("| executor | round trip, us | share of 64 at once, us | batch gain |\n|---|---|---|---|")
    for name, kind in KINDS.items():
        if kind.missing:
            print(f"| {name} | {kind.missing} | | |")
            continue
        with kind.make() as executor:
            alone, together = measured(executor)
        print(f"| {name} | {alone:,.0f} | {together:,.0f} | {alone / together:.1f} |", flush=True)


if __name__ == "__main__":
    main()
