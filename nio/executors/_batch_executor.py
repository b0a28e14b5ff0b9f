"""BatchExecutor: many calls in one, for an executor that charges by the call.

A task of a cluster costs about the same whether it holds one record or fifty: the scheduler, two or three sockets and
several threads have to be asked. So the reactor, which finds the records of all clients that are ready in one
selection, gives them away by ``collect`` and says ``flush`` behind the last one; one task takes them all. Nobody waits
for a batch to fill up: what one selection brings goes at once.

**A batch is one task**: its calls are made one after the other by one worker, and come home together. Where a call
takes longer than the way, a small ``batch`` keeps more workers busy.

**Each call has a future of its own**, which can be cancelled. The batch is cancelled when all of its calls are, which
is what can be said to an executor that knows one task only.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future
from functools import partial
from typing import Any, Final, ParamSpec, TypeVar

from nio._numbers import check_count
from nio.errors import RejectedExecutionError, WorkerLostError
from nio.executors._calls import Call, Calls, Outcome, is_plain, run_calls

P = ParamSpec("P")
T = TypeVar("T")
Entry = tuple[Call, "Future[Any]"]

_INTERRUPTED = "interrupted on the way to a worker"


class BatchExecutor(Executor):
    """``executor`` with up to ``batch`` calls in one of its own; it works in other processes.

    ``backlog`` is how many records a reactor has here at a time; more wait, and their connections are not read.
    A call's function and arguments must be able to travel, its reply must be plain data: bytes, text, numbers, None,
    and lists, tuples, sets and dicts of them. An error that is no builtin comes home as a RuntimeError.

    Concurrency: every method may be called from any thread. The end: ``shutdown()`` ends ``executor`` too.
    """

    leaves_process: Final = True  # a reactor refuses a ``process`` that is bound to its handler

    def __init__(self, executor: Executor, *, batch: int = 64, backlog: int = 1024) -> None:
        self.executor: Final = executor
        self.batch: Final = check_count("batch", batch, 1)
        self.backlog: Final = check_count("backlog", backlog, 1)
        self._collected: deque[Entry] = deque()
        self._is_shut = False
        self._broken: BaseException | None = None

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Send ``fn(*args, **kwargs)`` off alone, at once; BrokenExecutor and RejectedExecutionError as ``collect``."""
        self._check()
        future: Future[T] = Future()
        self._send([((fn, args, kwargs), future)])
        return future

    def collect(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Have ``fn(*args, **kwargs)`` called with the next ``flush()``; alone and at once if ``args`` are not plain.

        Raises ``RejectedExecutionError`` after ``shutdown()``, ``BrokenExecutor`` when the executor is lost.
        """
        if not (is_plain(args) and is_plain(kwargs)):
            return self.submit(fn, *args, **kwargs)
        self._check()
        future: Future[T] = Future()
        self._collected.append(((fn, args, kwargs), future))
        return future

    def flush(self) -> None:
        """Send off what was collected; what cannot be sent is told by the futures."""
        collected = self._collected
        while collected:
            entries: list[Entry] = []
            try:
                while len(entries) < self.batch:
                    entries.append(collected.popleft())
            except IndexError:  # that was all, or another thread has the rest
                pass
            except (KeyboardInterrupt, SystemExit):
                self._fail([future for _, future in entries], WorkerLostError(_INTERRUPTED))
                raise
            self._send(entries)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls, then ``executor.shutdown``."""
        self._is_shut = True
        self.flush()
        self.executor.shutdown(wait=wait, cancel_futures=cancel_futures)

    # what an executor of others may do otherwise

    def check(self) -> None:
        """Raise BrokenExecutor when no call would ever be made."""

    def translate(self, error: BaseException | None) -> BaseException:
        """What a batch's error, None for one that somebody else cancelled, means to each of its calls."""
        return WorkerLostError("the executor has cancelled the batch") if error is None else error

    def cancel(self, batch: Future[Any]) -> None:
        """Nobody waits for any of the batch's calls."""
        batch.cancel()

    # the way there and back

    def _check(self) -> None:
        if self._is_shut:
            raise RejectedExecutionError(f"the {type(self).__name__} is shut down")
        if self._broken is None:
            try:
                self.check()
            except BrokenExecutor as error:
                self._broken = error
        if self._broken is not None:
            raise BrokenExecutor(str(self._broken)) from self._broken

    def _send(self, entries: Sequence[Entry]) -> None:
        if not entries:
            return
        futures = [future for _, future in entries]
        try:
            batch = self.executor.submit(run_calls, Calls([call for call, _ in entries]))
            waiting = set(futures)
            for future in futures:
                future.add_done_callback(partial(self._leave, batch, waiting))
            batch.add_done_callback(partial(self._land, futures))
        except (KeyboardInterrupt, SystemExit):
            self._fail(futures, WorkerLostError(_INTERRUPTED))
            raise
        except BaseException as error:
            self._fail(futures, error)

    def _fail(self, futures: Sequence[Future[Any]], error: BaseException) -> None:
        if isinstance(error, BrokenExecutor):
            self._broken = error
        for future in futures:
            if not future.done() and future.set_running_or_notify_cancel():
                future.set_exception(error)

    def _leave(self, batch: Future[Any], waiting: set[Future[Any]], future: Future[Any]) -> None:
        """A call has ended; if it was cancelled, and was the last one of its batch, so is the batch."""
        waiting.discard(future)
        if not waiting and future.cancelled() and not batch.done():
            self.cancel(batch)

    def _land(self, futures: list[Future[Any]], batch: Future[list[Outcome]]) -> None:
        """In whatever thread a batch ends; it knows its calls no more, since they know it."""
        try:
            error = None if batch.cancelled() else batch.exception()
            if batch.cancelled() or error is not None:
                self._fail(futures, self.translate(error))
                return
            for future, (is_good, value) in zip(futures, batch.result(), strict=True):
                if not future.set_running_or_notify_cancel():
                    continue
                if is_good:
                    future.set_result(value)
                else:
                    future.set_exception(value)
        except BaseException as another:  # an answer that is none
            self._fail(futures, another)
        finally:
            futures.clear()
