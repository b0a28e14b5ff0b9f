"""The workers of the pooled reactor: threads, processes, a cluster's, or whatever executor a factory makes.

**The end is bounded.** A job that still runs when the server ends is of a connection that is closed, and nobody waits
for it: threads of a WorkerPool are daemons and end with the interpreter, processes are killed.

**So is the beginning.** A cluster has to answer, and to greet once, before the server says READY.
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from operator import attrgetter
from typing import Any

from nio.executors import DaskExecutor, Saturation, WorkerPool
from samples.hello_name._console import Exit, Failure
from samples.hello_name.handler import HelloHandler

_CONNECT_LIMIT = 3.0  # seconds for a scheduler to answer
_TRIAL_LIMIT = 15.0  # seconds for a cluster to have a worker and to greet


@contextmanager
def started(kind: str, count: int | None) -> Iterator[Executor]:
    """One of the spellings of ``--executor``: ready to work inside the block, gone after it."""
    if kind in ("process", "loky"):
        from samples.hello_name import _processes  # multiprocessing takes its time to load

        with _processes.processes(count or 1) if kind == "process" else _processes.loky(count or 1) as workers:
            yield workers
        return
    pool: Executor
    if kind == "thread":
        pool = WorkerPool(count, saturation=Saturation.BLOCK, prestart=True)
    elif kind.startswith("dask:"):
        pool = _cluster(kind.partition(":")[2])
    else:
        pool = _made_by(kind, count)
    try:
        yield pool
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def imported(package: str, extra: str) -> Any:
    """The package of an extra; Failure with the way to get it."""
    try:
        return importlib.import_module(package)
    except ImportError as error:
        missing = f"--executor {extra} needs {package}: pip install 'nio-reactor[{extra}]' ({error})"
        raise Failure(Exit.USAGE, missing) from None


def _cluster(address: str) -> Executor:
    distributed = imported("distributed", "dask")
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # the server says itself what is lost
    try:
        importlib.import_module("distributed.comm").resolve_address(address)
        client = distributed.Client(address, timeout=_CONNECT_LIMIT, set_as_default=False)
    except (OSError, TimeoutError):
        within = f"within {_CONNECT_LIMIT:g} s"
        raise Failure(Exit.CANNOT_CONNECT, f"no dask scheduler answers at {address} {within}") from None
    except Exception as error:
        raise Failure(Exit.USAGE, f"--executor dask:{address}: {type(error).__name__}: {error}") from None
    executor = DaskExecutor(client)
    executor.owns_client = True
    try:
        executor.submit(HelloHandler.process, b"cluster").result(_TRIAL_LIMIT)
    except TimeoutError:
        executor.shutdown(wait=False)
        reason = f"the dask cluster at {address} has no worker that greets within {_TRIAL_LIMIT:g} s"
        raise Failure(Exit.CANNOT_CONNECT, reason) from None
    except Exception as error:
        executor.shutdown(wait=False)
        reason = f"the workers of the dask cluster at {address} cannot greet: {error}"
        raise Failure(Exit.UNEXPECTED, reason.partition("\n")[0]) from None
    return executor


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
