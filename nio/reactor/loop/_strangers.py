"""What is to be known of an executor of others before it gets a record.

**Does the work leave this interpreter?** Then ``process`` must be plain: a handler cannot travel, nor can its
connection. An executor may say so itself, by an attribute ``leaves_process``. For those that do not know of it there is
a table of classes; whoever derives from one of them is meant too. It goes by names, because nothing is imported here to
find out. Any other executor is taken for one that works in this process. To ask it, by a job that tells its process,
would start its workers and wait for them, and one that is busy would not answer.

**Does it charge by the call?** Then it has ``collect`` and ``flush``, as BatchExecutor has.

**How many records may it hold?** An attribute ``backlog``, or 1024. The queue of an executor of others has no bound,
and what stands in it cannot be taken back for sure, so the rest waits on this side.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any

from nio.errors import IllegalArgumentError

BACKLOG = 1024  # records under way in an executor that names no number of its own

_ELSEWHERE = frozenset(
    {
        "concurrent.futures.process.ProcessPoolExecutor",
        "concurrent.futures.interpreter.InterpreterPoolExecutor",
        "loky.process_executor.ProcessPoolExecutor",
        "distributed.cfexecutor.ClientExecutor",
    }
)

Room = deque[None]  # one entry for each record that may come; any thread may give one back


def leaves_process(executor: Executor) -> bool:
    """Whether its jobs run in another process or interpreter; IllegalArgumentError when those would be forked."""
    told = getattr(executor, "leaves_process", None)
    if told is not None:
        return bool(told)
    leaves = any(f"{kind.__module__}.{kind.__qualname__}" in _ELSEWHERE for kind in type(executor).__mro__)
    if leaves:
        _check_start_method(executor)
    return leaves


def room_of(executor: Executor) -> Room:
    """Room for as many records as it may have at a time."""
    backlog = getattr(executor, "backlog", BACKLOG)
    if not isinstance(backlog, int) or isinstance(backlog, bool) or backlog < 1:
        raise IllegalArgumentError(f"{type(executor).__name__}.backlog is a number of records, not {backlog!r:.60}")
    return deque([None] * backlog)


def ways_to(executor: Executor) -> tuple[Callable[..., Any], Callable[[], object] | None]:
    """How it takes a record, and what it is told behind the last one of a selection."""
    collect, flush = getattr(executor, "collect", None), getattr(executor, "flush", None)
    if callable(collect) and callable(flush):
        return collect, flush
    return executor.submit, None


def is_plain(process: object) -> bool:
    """Whether a worker elsewhere can find it by its name: it is bound to no object and stands in a module or class."""
    inner = getattr(process, "func", process)  # functools.partial
    name = getattr(inner, "__qualname__", "")
    return callable(inner) and getattr(inner, "__self__", None) is None and "<" not in name


def _check_start_method(executor: object) -> None:
    """Refuse worker processes that would be forked out of this one at the first request."""
    context = getattr(executor, "_mp_context", None)
    if context is not None and context.get_start_method() == "fork" and not getattr(executor, "_processes", None):
        raise IllegalArgumentError(
            "the worker processes would be forked at the first request and hold the port and the clients' connections: "
            "use ProcessPoolExecutor(mp_context=multiprocessing.get_context('spawn'))"
        )
