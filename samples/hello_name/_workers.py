"""The workers of the pooled reactor: threads, processes, or whatever executor a factory makes.

**Processes** are spawned, never forked: a forked child would inherit every client's socket, and the client would not see
its connection end. All of them are up before the server says READY, so that no client pays for their start. They never
see SIGINT or SIGTERM, which a terminal or a supervisor sends to the whole group: those are the server's affair, and the
replies that are owed still have to be made. When the server is gone, however it went, they go too.

**The end is bounded.** A job still running when the server ends belongs to a connection that is closed: it is not waited
for. Threads of a WorkerPool are daemons and end with the interpreter; processes are killed.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing.synchronize import Barrier

from nio.executors import Saturation, WorkerPool
from samples.hello_name._console import Exit, Failure

_START_LIMIT = 60.0  # seconds
_END_LIMIT = 0.5
_STOPS = (signal.SIGINT, signal.SIGTERM)

_everybody: Barrier | None = None  # in a worker process: where all of them meet


@contextmanager
def started(kind: str, count: int | None) -> Iterator[Executor]:
    """``thread``, ``process`` or ``PKG:FACTORY``: ready to work inside the block, gone after it."""
    if kind == "thread":
        workers: Executor = WorkerPool(count, saturation=Saturation.BLOCK, prestart=True)
    elif kind == "process":
        workers = _processes(count or multiprocessing.cpu_count())
    else:
        workers = _made_by(kind, count)
    try:
        yield workers
    finally:
        if isinstance(workers, ProcessPoolExecutor):
            _end(workers)
        else:
            workers.shutdown(wait=False, cancel_futures=True)


def _made_by(spelling: str, count: int | None) -> Executor:
    package, _, name = spelling.partition(":")
    try:
        factory: Callable[..., object] = importlib.import_module(package)
        for part in name.split("."):
            factory = getattr(factory, part)
        made = factory() if count is None else factory(count)
    except Exception as error:
        raise Failure(Exit.USAGE, f"--executor {spelling}: {type(error).__name__}: {error}") from error
    if not isinstance(made, Executor):
        kind = type(made).__name__
        raise Failure(Exit.USAGE, f"--executor {spelling} made a {kind}, which is no concurrent.futures.Executor")
    return made


def _processes(count: int) -> ProcessPoolExecutor:
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(count, mp_context=context, initializer=_begin, initargs=(context.Barrier(count),))
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)
    try:
        meetings = [pool.submit(_meet) for _ in range(count)]
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    try:
        for meeting in meetings:
            meeting.result(_START_LIMIT)
    except BaseException as error:
        _end(pool)
        if isinstance(error, Exception):
            raise Failure(Exit.UNEXPECTED, f"the worker processes did not start: {error!r}") from error
        raise
    return pool


def _end(pool: ProcessPoolExecutor) -> None:
    """Give the processes a moment to end by themselves."""
    patience = threading.Timer(_END_LIMIT, _kill)
    patience.start()
    pool.shutdown(wait=True, cancel_futures=True)
    patience.cancel()


def _kill() -> None:
    for child in multiprocessing.active_children():
        child.kill()


# in the worker process


def _begin(everybody: Barrier) -> None:
    global _everybody
    _everybody = everybody
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()


def _meet() -> None:
    """Wait for all the others: that takes as many processes as there are jobs like this one."""
    if _everybody is not None:
        _everybody.wait(_START_LIMIT)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
