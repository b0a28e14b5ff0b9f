"""What stands in a pool's queue: callables without arguments; and how a pool runs, reports and drops one."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextvars import Context
from typing import Generic, TypeAlias, TypeVar

T = TypeVar("T")
Job: TypeAlias = Callable[[], object]

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
        if not future.set_running_or_notify_cancel():
            return
        try:
            result = self._fn(*self._args, **self._kwargs)
        except BaseException as error:
            future.set_exception(error)
            # The traceback holds this frame, the future holds the error: the frame must not hold the future.
            del self, future
        else:
            future.set_result(result)

    def cancel(self) -> None:
        """The job is dropped: cancel the future, and tell those who wait for several futures."""
        self.future.cancel()
        self.future.set_running_or_notify_cancel()


def run(job: Job) -> None:
    """Run the job in a fresh context; what it raises, whatever it is, is logged once and ends here."""
    try:
        Context().run(job)
    except BaseException as error:
        report("a job raised", error)
    finally:
        del job  # a traceback kept by a future reaches this frame


def drop(job: Job) -> None:
    """Call the job's ``cancel()``, if it has one, so that its owner learns that it will not run."""
    cancel = getattr(job, "cancel", None)
    if cancel is not None:
        try:
            cancel()
        except BaseException as error:
            report("cancel() of a dropped job raised", error)


def report(what: str, error: BaseException) -> None:
    """Log the error once, then release its frames; a handler or filter that raises must not cost a worker."""
    try:
        _logger.error("%s %s", what, type(error).__name__, exc_info=error)
    except BaseException:
        pass
    error.__traceback__ = None
