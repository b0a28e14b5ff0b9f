"""The workers of the pooled reactor: threads, processes, or whatever executor a factory makes.

**The end is bounded.** A job that still runs when the server ends is of a connection that is closed, and nobody waits
for it: threads of a WorkerPool are daemons and end with the interpreter, processes are killed.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from operator import attrgetter

from nio.executors import Saturation, WorkerPool
from samples.hello_name._console import Exit, Failure


@contextmanager
def started(kind: str, count: int | None) -> Iterator[Executor]:
    """``thread``, ``process`` or ``PKG:FACTORY``: ready to work inside the block, gone after it."""
    if kind == "process":
        from samples.hello_name._processes import processes  # multiprocessing takes its time to load

        with processes(count or 1) as workers:
            yield workers
        return
    pool = WorkerPool(count, saturation=Saturation.BLOCK, prestart=True) if kind == "thread" else _made_by(kind, count)
    try:
        yield pool
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _made_by(spelling: str, count: int | None) -> Executor:
    package, _, name = spelling.partition(":")
    try:
        factory = attrgetter(name)(importlib.import_module(package))
        made = factory() if count is None else factory(count)
    except Exception as error:
        raise Failure(Exit.USAGE, f"--executor {spelling}: {type(error).__name__}: {error}") from error
    if not isinstance(made, Executor):
        kind = type(made).__name__
        raise Failure(Exit.USAGE, f"--executor {spelling} made a {kind}, which is no concurrent.futures.Executor")
    return made
