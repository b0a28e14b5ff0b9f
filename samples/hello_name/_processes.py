"""Worker processes for a server with many clients.

They are spawned, never forked: a forked child would inherit every client's socket, and the client would not see its
connection end. All are up before the server says READY, so that no client pays for their start. They never see SIGINT
or SIGTERM, which a terminal or a supervisor sends to the whole group: those are the server's affair, and replies that
are owed still have to be made. When the server is gone, however it went, they go too.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing.synchronize import Barrier

from samples.hello_name._console import Exit, Failure
from samples.hello_name._workers import imported

_START_LIMIT = 60.0  # seconds
_END_LIMIT = 0.5
_STOPS = (signal.SIGINT, signal.SIGTERM)

_everybody: Barrier | None = None  # in a worker process: where all of them meet


@contextmanager
def processes(count: int) -> Iterator[ProcessPoolExecutor]:
    """``count`` processes that are up inside the block; after it they have a moment to end, then they are killed."""
    # A server that leaves at once leaves its semaphores to multiprocessing's tracker, which would complain about it.
    os.environ["PYTHONWARNINGS"] = os.environ.get("PYTHONWARNINGS", "") + ",ignore:resource_tracker:UserWarning"
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(count, mp_context=context, initializer=_begin, initargs=(context.Barrier(count),))
    try:
        _start(pool, count)
        yield pool
    finally:
        impatience = threading.Timer(_END_LIMIT, _kill)
        impatience.start()
        pool.shutdown(wait=True, cancel_futures=True)
        impatience.cancel()


def _start(pool: ProcessPoolExecutor, count: int) -> None:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)  # which the processes inherit
    try:
        meetings = [pool.submit(_meet) for _ in range(count)]
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    try:
        for meeting in meetings:
            meeting.result(_START_LIMIT)
    except Exception as error:
        raise Failure(Exit.UNEXPECTED, f"the worker processes did not start: {error!r}") from error


@contextmanager
def loky(count: int) -> Iterator[Executor]:
    """``count`` processes of loky's, the same way; one that dies breaks its pool, as those above do."""
    package = imported("loky", "loky")
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)  # which the processes inherit
    try:
        pool = package.ProcessPoolExecutor(count, initializer=_watch, initargs=(os.getpid(),))
        ready = [pool.submit(os.getpid) for _ in range(count)]
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    try:
        for each in ready:
            each.result(_START_LIMIT)
        yield pool
    finally:
        pool.shutdown(wait=True, kill_workers=True)


def _kill() -> None:
    for child in multiprocessing.active_children():
        child.kill()


# in the worker process


def _begin(everybody: Barrier) -> None:
    global _everybody
    _everybody = everybody
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()


def _meet() -> None:
    """Wait for all the others, so that it takes as many processes as there are jobs like this one."""
    if _everybody is not None:
        _everybody.wait(_START_LIMIT)


def _watch(parent: int) -> None:
    """Loky's processes know their parent by its number only."""
    threading.Thread(target=_end_without, args=(parent,), name="parent", daemon=True).start()


def _end_without(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.2)
    os._exit(1)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
