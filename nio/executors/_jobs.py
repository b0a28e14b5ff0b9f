"""What stands in a pool's queue: callables without arguments, and how one is run, reported and dropped.

**Whose exception is it?** In a worker every exception is the job's: its future has it, or else the log, and the worker
goes on. On the caller's own thread (*caller runs*, or the ``cancel()`` of a job that is dropped) a KeyboardInterrupt or
a SystemExit is meant for the caller, who may be the main thread under Ctrl-C: its future has it too, and it is raised.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextvars import Context
from typing import Final, Generic, TypeAlias, TypeVar

T = TypeVar("T")
Job: TypeAlias = Callable[[], object]

_CALLERS: Final = (KeyboardInterrupt, SystemExit)

_logger = logging.getLogger("nio.executors")


class FutureJob(Generic[T]):
    """A call whose outcome goes to a future."""

    __slots__ = ("_args", "_fn", "_kwargs", "future")

    def __init__(self, fn: Callable[..., T], args: tuple[object, ...], kwargs: Mapping[str, object]) -> None:
        self.future: Future[T] = Future()
        self._fn = fn
        self._args = args
        self._kwargs = kwargs

    def __call__(self) -> None:
        future = self.future
        try:
            if not future.set_running_or_notify_cancel():
                return
            future.set_result(self._fn(*self._args, **self._kwargs))
        except BaseException as error:
            if future.done():  # a callback of the future raised
                raise
            future.set_exception(error)
            # The traceback holds this frame, the future holds the error: the frame must not hold the future.
            del self, future

    def cancel(self) -> None:
        """The job is dropped: cancel the future, and tell those who wait for several futures."""
        self.future.cancel()
        self.future.set_running_or_notify_cancel()


def run_at_once(job: Job, in_worker: bool) -> None:
    """Run the job in a fresh context on the thread of whoever submitted it; in a worker nothing it raises gets out."""
    try:
        Context().run(job)
    except BaseException as error:
        if not in_worker and isinstance(error, _CALLERS):
            raise
        report("a job raised", error)
    if isinstance(job, FutureJob) and not in_worker:
        error_of_job = job.future.exception()
        if isinstance(error_of_job, _CALLERS):
            raise error_of_job


def drop(job: Job) -> None:
    """Call the job's ``cancel()``, if it has one, so that its owner learns that it will not run."""
    try:
        cancel = getattr(job, "cancel", None)
        if cancel is not None:
            cancel()
    except _CALLERS:
        raise
    except BaseException as error:
        report("cancel() of a dropped job raised", error)


def report(what: str, error: BaseException) -> None:
    """Log the error once, then let go of its frames; a log handler or filter that fails is ignored."""
    try:
        _logger.error("%s %s", what, type(error).__name__, exc_info=error)
    except _CALLERS:
        raise
    except BaseException:
        pass
    finally:
        error.__traceback__ = None
