"""to_worker: what blocks or computes, awaited."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, TypeVar

from nio.tasks._errors import not_for_workers
from nio.tasks._task import LEAVING, Suspension, Task, pause

T = TypeVar("T")


class Work(Suspension):
    """The await of a deferred call."""

    __slots__ = ("_args", "_executor", "_fn", "_future")

    def __init__(self, fn: Callable[..., Any], args: tuple[object, ...], executor: Executor | None) -> None:
        super().__init__()
        self._fn = fn
        self._args = args
        self._executor = executor
        self._future: Future[Any] | None = None

    def _begin(self, task: Task[Any]) -> None:
        if inspect.iscoroutinefunction(self._fn) or not callable(self._fn):
            raise not_for_workers(self._fn)
        self._future = task.reactor.defer(self._fn, *self._args, then=self._done, executor=self._executor)

    def _give_up(self) -> None:
        future, self._future, self._task = self._future, None, None
        if future is not None:
            future.cancel()

    def _done(self, future: Future[Any]) -> None:
        """On the loop's thread, outside of any task."""
        self._future = None
        error = future.exception()
        if isinstance(error, LEAVING):  # of the worker, which is no reason to leave here
            lost = RuntimeError(f"the call raised {type(error).__name__} in its worker")
            lost.__cause__ = error
            error = lost
        result = None if error is not None else future.result()
        self._settle(result, error)
        self._task = None  # whoever keeps the call keeps no task


async def to_worker(fn: Callable[..., T], /, *args: object, executor: Executor | None = None) -> T:
    """Call ``fn(*args)`` where it may block, and return what it returns, or raise what it raises.

    It runs in the reactor's workers, or in four threads where there are none, or in an ``executor`` of yours: see
    ``reactor.defer``. When the task is cancelled, a call that has not begun is not made, and the outcome of one that
    has is dropped. RejectedExecutionError when nobody has made the call.
    """
    result: T = await pause(Work(fn, args, executor))
    return result
