"""Decoded requests to workers, replies back: the way out and the way home of the pooled reactor.

A connection has at most one record under way, so one :class:`Job` per connection serves for all its life. The jobs
that one selection brings travel together: a :class:`~nio.executors.WorkerPool` gets them in one queue operation, any
other executor one ``submit`` each. Whatever the pool's saturation policy says, the reactor itself never waits for
room: with *block* it is the connections that wait, with their reading off.

A worker sees a record and gives back a reply, and nothing else of the connection. It posts the reply to the reactor as
a completion; the reactor drops the reply when the connection is gone by then.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Protocol

from nio.errors import IllegalArgumentError
from nio.executors import Saturation, WorkerPool
from nio.reactor.loop._report import logger
from nio.spi import SelectorProvider

Process = Callable[[bytes], "bytes | None"]

CallLater = Callable[[float, Callable[[], None]], object]

_RETRY = 0.01  # seconds, when a pool shared with others is full of their work
_PATIENCE = 5.0  # seconds for the workers of a pool of ours to end


class Submitter(Protocol):
    """Whoever hands records off: a connection. Called on the reactor's thread."""

    def handle_reply(self, reply: bytes | None) -> None: ...

    def handle_failure(self, error: BaseException) -> None: ...

    def handle_rejection(self) -> None: ...


class Post(Protocol):
    """How a call travels to the reactor's thread, from any thread."""

    def __call__(self, fn: Callable[..., object], /, *args: object) -> None: ...


class Job:
    """One connection's current record, as a callable without arguments for a worker."""

    __slots__ = ("_post", "_submitter", "hand_off", "process", "record")

    def __init__(self, hand_off: HandOff, submitter: Submitter, process: Process) -> None:
        self._post = hand_off.post
        self.hand_off: HandOff = hand_off
        self._submitter = submitter
        self.process: Process = process
        self.record: bytes = b""

    def __call__(self) -> None:
        """In a worker thread: process the record, post the completion."""
        process, post = self.process, self._post
        try:
            reply = process(self.record)
        except BaseException as error:
            post(self._submitter.handle_failure, error)
        else:
            post(self._submitter.handle_reply, reply)

    def settle(self, future: Future[bytes | None]) -> None:
        """In whatever thread a future ends: post its result."""
        post = self._post
        if future.cancelled():
            self.cancel()
        elif (error := future.exception()) is not None:
            post(self._submitter.handle_failure, error)
        else:
            post(self._submitter.handle_reply, future.result())

    def cancel(self) -> None:
        """From any thread: nobody will process the record."""
        self._post(self._submitter.handle_rejection)


class HandOff:
    """Collects the jobs of one selection; ``flush()`` sends them off. For the reactor's thread.

    ``workers`` is an executor, or the number of threads of a pool of its own.
    """

    __slots__ = ("_call_later", "_executor", "_jobs", "_own_pool", "_retrying", "leaves_process", "post")

    def __init__(self, workers: int | Executor, provider: SelectorProvider, post: Post, call_later: CallLater) -> None:
        executor, self._own_pool = workers, None
        if not isinstance(executor, Executor):
            executor = WorkerPool(executor, saturation=Saturation.BLOCK, prestart=True, provider=provider)
            self._own_pool = executor
        self._executor: Executor = executor
        self.post: Post = post
        self._call_later = call_later
        self._jobs: deque[Job] = deque()
        self._retrying = False
        processes = sys.modules.get("concurrent.futures.process")
        self.leaves_process: bool = processes is not None and isinstance(executor, processes.ProcessPoolExecutor)

    def job(self, submitter: Submitter, process: Process) -> Job:
        """A connection's job for all its records; IllegalArgumentError when ``process`` cannot leave this process."""
        if not _is_plain(process):
            self.check_bound(type(submitter).__name__)
        return Job(self, submitter, process)

    def check_bound(self, owner: str) -> None:
        """Refuse a ``process`` that is bound to its handler where the executor is a pool of processes."""
        if self.leaves_process:
            raise IllegalArgumentError(
                f"{owner}.process is bound to its handler, and {type(self._executor).__name__} runs it in another "
                "process: make it a static method or a module's function (plain data in, plain data out)"
            )

    def add(self, job: Job) -> None:
        """Send the job off with the next ``flush()``."""
        self._jobs.append(job)

    def flush(self) -> None:
        """Send off what was added, as far as there is room; called behind the selection and behind the ticks."""
        if not self._jobs:
            return
        if isinstance(self._executor, WorkerPool):
            self._offer(self._executor)
        else:
            while self._jobs:
                self._submit(self._jobs.popleft())

    def close(self) -> None:
        """End the pool that was made from a number; any other executor is its owner's to end."""
        if self._own_pool is not None:
            self._own_pool.shutdown(wait=False, cancel_futures=True)
            if stuck := self._own_pool.join(_PATIENCE):
                logger.warning("workers still busy after %s s, left behind: %s", _PATIENCE, ", ".join(stuck))

    def _submit(self, job: Job) -> None:
        try:
            future = self._executor.submit(job.process, job.record)
        except Exception:  # shut down, broken, full: the executor's own way to say no
            job.cancel()
        else:
            future.add_done_callback(job.settle)

    def _offer(self, pool: WorkerPool) -> None:
        jobs = self._jobs
        try:
            while jobs:
                for _ in range(pool.offer(tuple(jobs))):
                    jobs.popleft()
                if jobs and not self._make_room(pool):
                    return
        except RuntimeError:  # shut down
            while jobs:
                jobs.popleft().cancel()

    def _make_room(self, pool: WorkerPool) -> bool:
        """The pool is full: do what its saturation policy says; False when the rest has to wait."""
        jobs = self._jobs
        if pool.saturation is Saturation.BLOCK:
            self._retry_later()
            return False
        if pool.saturation is Saturation.CALLER_RUNS:
            jobs.popleft()()
        elif pool.saturation is Saturation.DISCARD_OLDEST:
            pool.discard_oldest()  # which cancels it
        else:
            jobs.popleft().cancel()
        return True

    def _retry_later(self) -> None:
        """Our own completions bring the next turn; the timer is for a pool that is full of somebody else's work."""
        if not self._retrying:
            self._retrying = True
            self._call_later(_RETRY, self._retry)

    def _retry(self) -> None:
        self._retrying = False
        self.flush()


def _is_plain(process: object) -> bool:
    inner = getattr(process, "func", process)  # functools.partial
    name = getattr(inner, "__qualname__", "")
    return callable(inner) and getattr(inner, "__self__", None) is None and "<" not in name
