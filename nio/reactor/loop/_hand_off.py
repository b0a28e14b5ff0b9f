"""Decoded requests to workers, replies back: the way out and the way home of the pooled reactor.

A connection has at most one record under way, so one :class:`Job` per connection serves for all its life. The jobs
that one selection brings travel together: a :class:`~nio.executors.WorkerPool` gets them in one queue operation, any
other executor one ``submit`` each. Whatever the pool's saturation policy says, the reactor itself never waits for
room: with *block* it is the connections that wait, with their reading off.

A worker sees a record and gives back a reply, and nothing else of the connection. It posts the reply to the reactor as
a completion; the reactor drops the reply when the connection is gone by then.

**Executors are strangers.** Whatever one raises or answers costs the records that it was given, never the reactor. A
broken one (a worker process was killed) takes no more work: where ``workers`` is a factory, it makes the next one, at
once at first, then after 0.1 s doubling to 5 s, and the records that were not begun wait. Where it is not, a server
that cannot work says so: ``run()`` raises WorkersLostError.
"""

from __future__ import annotations

import logging
import sys
from collections import deque
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future
from typing import Any, Protocol

from nio.errors import IllegalArgumentError, WorkersLostError, WorkerStartError
from nio.executors import Saturation, WorkerPool
from nio.reactor.loop._registry import LEAVING
from nio.reactor.loop._report import Report, logger
from nio.spi import SelectorProvider

Reply = bytes | None | Future[Any]  # a future is a late one: the submitter waits for it
Process = Callable[[Any], Any]  # of a record, or of many; what is returned is a Reply, or that to many
Workers = Executor | Callable[[], Executor]

_RETRY = 0.01  # seconds, when a pool is full of somebody else's work or has no thread
_PATIENCE = 5.0  # seconds for the workers of a pool of ours to end
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0  # seconds between two executors that the factory makes
_LIFETIME = 60_000_000_000  # nanoseconds after which one that breaks is replaced at once again


class Submitter(Protocol):
    """Whoever hands records off: a connection. Called on the reactor's thread."""

    def handle_reply(self, reply: Reply) -> None: ...

    def handle_failure(self, error: BaseException) -> None: ...

    def handle_loss(self, error: BaseException) -> None: ...

    def handle_rejection(self) -> None: ...


class Loop(Protocol):
    """What a reactor does for the hand-off."""

    @property
    def provider(self) -> SelectorProvider: ...

    @property
    def report(self) -> Report: ...

    def post(self, fn: Callable[..., object], /, *args: object) -> None:
        """How a call travels to the reactor's thread, from any thread."""

    def call_later(self, delay: float, fn: Callable[..., object], /, *args: object) -> object: ...

    def fail(self, error: Exception) -> None:
        """Stop, and have ``run()`` raise ``error``."""


class Job:
    """One connection's current record, as a callable without arguments for a worker."""

    __slots__ = ("_post", "executor", "future", "hand_off", "has_begun", "process", "record", "submitter")

    def __init__(self, hand_off: HandOff, submitter: Submitter, process: Process) -> None:
        self._post = hand_off.loop.post
        self.hand_off: HandOff = hand_off
        self.submitter: Submitter = submitter  # what is raised in a tick of this job is its error
        self.process: Process | None = process  # None: the connection is gone
        self.record: Any = b""
        self.executor: Executor | None = None
        self.has_begun: bool = False
        self.future: Future[Reply] | None = None

    def __call__(self) -> None:
        """In a worker thread: process the record, post the completion."""
        process, post = self.process, self._post
        if process is None:
            return
        self.has_begun = True
        try:
            reply = process(self.record)
        except BaseException as error:
            post(self.submitter.handle_failure, error)
        else:
            post(self.submitter.handle_reply, reply)

    def run_here(self) -> None:
        """On the reactor's thread, where the pool's policy has the caller run the job: there Ctrl-C is no record's."""
        process = self.process
        try:
            reply = None if process is None else process(self.record)
        except BaseException as error:
            self._post(self.submitter.handle_failure, error)
            if isinstance(error, LEAVING):
                raise
        else:
            self._post(self.submitter.handle_reply, reply)

    def settle(self, future: Future[Reply]) -> None:
        """In whatever thread a future ends: post its result. A future that cannot tell it has failed."""
        post = self._post
        try:
            error = None if future.cancelled() else future.exception()
            if error is not None:
                post(self.fail, error)
            elif future.cancelled():
                self.cancel()
            else:
                post(self.submitter.handle_reply, future.result())
        except BaseException as error:
            post(self.submitter.handle_failure, error)

    def fail(self, error: BaseException) -> None:
        """On the reactor's thread: was it the record, or is the executor broken?"""
        executor = self.executor
        if isinstance(error, BrokenExecutor) and executor is not None and self.hand_off.has_lost(executor, error):
            self.submitter.handle_loss(error)
        else:
            self.submitter.handle_failure(error)

    def cancel(self) -> None:
        """From any thread: nobody will process the record."""
        self._post(self.submitter.handle_rejection)

    def lose(self) -> None:
        """On the reactor's thread: nobody knows whether a worker has the record."""
        self._post(self.submitter.handle_loss, WorkersLostError("interrupted on the way to a worker"))

    def abandon(self) -> bool:
        """The connection is gone: a record that is not begun is not processed. True if a worker has it all the same."""
        self.process, future, self.future = None, self.future, None  # which knows this job by its callback
        if future is None:
            return self.has_begun
        try:
            return not (future.cancel() or future.done())
        except Exception:
            return True  # a future that cannot tell


class HandOff:
    """Collects the jobs of one selection; ``flush()`` sends them off. For the reactor's thread.

    ``workers`` is an executor, a factory of one, or the number of threads of a pool of its own.
    """

    __slots__ = (
        "_born",
        "_executor",
        "_factory",
        "_owned",
        "_pause",
        "_retrying",
        "add",
        "jobs",
        "leaves_process",
        "loop",
    )

    def __init__(self, workers: int | Workers, loop: Loop) -> None:
        self.loop: Loop = loop
        self._executor: Executor | None = None
        self._born = 0
        self.jobs: deque[Job] = deque()
        self.add: Callable[[Job], None] = self.jobs.append  # sends the job off with the next flush()
        self._retrying = False
        self._pause = 0.0  # before the factory is asked again
        self._factory: Callable[[], Executor] | None = None
        self._owned = not isinstance(workers, Executor)
        if isinstance(workers, int):
            pool = WorkerPool(workers, saturation=Saturation.BLOCK, prestart=True, provider=loop.provider)
            self._adopt(pool)
        elif isinstance(workers, Executor):
            self._adopt(workers)
        else:
            self._factory = workers
            self._adopt(workers())

    @property
    def executor(self) -> Executor | None:
        """What works now; None when it is broken or closed."""
        return self._executor

    def job(self, submitter: Submitter, process: Process) -> Job:
        """A connection's job for all its records; IllegalArgumentError when ``process`` cannot leave this process."""
        if not _is_plain(process):
            self.check_bound(f"{type(submitter).__name__}.{getattr(process, '__name__', 'process')}")
        return Job(self, submitter, process)

    def check_bound(self, process: str) -> None:
        """Refuse a ``process`` that is bound to its handler where the executor is a pool of processes."""
        if self.leaves_process:
            raise IllegalArgumentError(
                f"{process} is bound to its handler, and {type(self._executor).__name__} runs it in another "
                "process: make it a static method or a module's function (plain data in, plain data out)"
            )

    def flush(self) -> None:
        """Send off what was added, as far as there is room; called behind the selection and behind the ticks."""
        jobs, executor = self.jobs, self._executor
        if executor is None and self._factory is None:
            self._cancel_all()  # the executor is lost for good
        if not jobs or executor is None:
            return
        if isinstance(executor, WorkerPool):
            self._offer(executor)
        else:
            self._submit(executor)

    def has_lost(self, executor: Executor, error: BaseException) -> bool:
        """A record's future says that this executor is broken: is it, or was that an executor of ``process``'s own?

        Python's own pools note it; of others, only a broken one refuses more work that way. A pool of processes cannot
        be asked by ``submit``: while it ends its other workers, that waits.
        """
        broken: object = getattr(executor, "_broken", None)
        if executor is self._executor and broken is not None:
            if broken:
                self.replace(executor, error)
        elif executor is self._executor:
            try:
                executor.submit(int)
            except BrokenExecutor:
                self.replace(executor, error)
            except BaseException as another:
                if isinstance(another, LEAVING):
                    raise
        return executor is not self._executor

    def replace(self, broken: Executor, error: BaseException) -> None:
        """That executor takes no more work: ask the factory for another one, or end the reactor."""
        if broken is not self._executor:
            return  # told by another of its records before
        self._executor = None
        kind = type(broken).__name__
        if self._factory is None:
            self.loop.report("executor", logging.CRITICAL, "the %s is broken, the reactor stops: %s", kind, error)
            self._cancel_all()
            self.loop.fail(WorkersLostError(f"the {kind} is broken and there is no factory for another: {error}"))
            return
        if self.loop.provider.clock() - self._born > _LIFETIME:
            self._pause = 0.0
        self.loop.report("executor", logging.ERROR, "the %s is broken, another is made: %s", kind, error)
        self._make_later()
        try:
            broken.shutdown(wait=False)
        except LEAVING:
            raise
        except BaseException as another:
            self.loop.report("executor", logging.ERROR, "the %s cannot be shut down: %r", kind, another)

    def close(self) -> None:
        """End an executor of our own; any other is its owner's to end."""
        executor, self._executor, self._factory = self._executor, None, None
        self.jobs.clear()
        if executor is not None and self._owned:
            executor.shutdown(wait=False, cancel_futures=True)
            if isinstance(executor, WorkerPool) and (stuck := executor.join(_PATIENCE)):
                logger.warning("workers still busy after %s s, left behind: %s", _PATIENCE, ", ".join(stuck))

    def after_interrupt(self, fn: Callable[..., object], args: tuple[object, ...]) -> None:
        """A Ctrl-C has struck while work was to be tried again, which is needed all the same."""
        self.loop.post(fn, *args)

    # where the work goes

    def _adopt(self, executor: Executor) -> None:
        if not isinstance(executor, Executor):
            raise TypeError(
                f"workers are a number, an Executor or a factory of one; the factory made {executor!r:.200}"
            )
        processes = sys.modules.get("concurrent.futures.process")
        self.leaves_process: bool = processes is not None and isinstance(executor, processes.ProcessPoolExecutor)
        if self.leaves_process:
            _check_start_method(executor)
        self._executor = executor
        self._born = self.loop.provider.clock()

    def _make_later(self) -> None:
        pause, self._pause = self._pause, min(max(_FIRST_PAUSE, 2 * self._pause), _LONGEST_PAUSE)
        self.loop.call_later(pause, self._make)

    def _make(self) -> None:
        if self._factory is None:
            return  # closed meanwhile
        try:
            self._adopt(self._factory())
        except LEAVING:
            raise
        except BaseException as error:
            self.loop.report("executor", logging.ERROR, "no executor could be made", error=error)
            self._make_later()
        else:
            self.flush()

    def _submit(self, executor: Executor) -> None:
        jobs = self.jobs
        while jobs and executor is self._executor:
            job = jobs[0]
            try:
                if job.process is not None:
                    job.executor = executor
                    future: Any = executor.submit(job.process, job.record)
                    future.add_done_callback(job.settle)
                    job.future = future
                jobs.popleft()
            except BrokenExecutor as error:
                self.replace(executor, error)  # it was not begun, and waits
            except LEAVING:
                self._lose(1)
                raise
            except BaseException as error:  # shut down, full, or no executor at all
                job.cancel()
                jobs.popleft()
                kind = type(executor).__name__
                self.loop.report("submit", logging.ERROR, "%s.submit took no record: %r", kind, error)

    def _offer(self, pool: WorkerPool) -> None:
        jobs = self.jobs
        while jobs:
            try:
                taken = pool.offer(tuple(jobs))
                for _ in range(taken):
                    jobs.popleft()
            except WorkerStartError as error:
                self.loop.report("submit", logging.ERROR, "records wait for a worker: %s", error)
                self._retry_later()
                return
            except LEAVING:
                self._lose(len(jobs))
                raise
            except BaseException as error:  # shut down, for one
                self._cancel_all()
                self.loop.report("submit", logging.ERROR, "no worker takes a record: %s", error)
                return
            if jobs and not self._make_room(pool):
                return

    def _lose(self, count: int) -> None:
        """Ctrl-C in the middle of handing over so many: nobody knows whether they are under way, so they end."""
        for _ in range(min(count, len(self.jobs))):
            self.jobs[0].lose()
            self.jobs.popleft()

    def _make_room(self, pool: WorkerPool) -> bool:
        """The pool is full: do what its saturation policy says; False when the rest has to wait."""
        jobs = self.jobs
        if pool.saturation is Saturation.BLOCK:
            self._retry_later()
            return False
        if pool.saturation is Saturation.CALLER_RUNS:
            jobs.popleft().run_here()
        elif pool.saturation is Saturation.DISCARD_OLDEST:
            pool.discard_oldest()  # which cancels it
        else:
            jobs.popleft().cancel()
        return True

    def _cancel_all(self) -> None:
        while self.jobs:
            self.jobs.popleft().cancel()

    def _retry_later(self) -> None:
        """Our own completions bring the next turn; the timer is for a pool that is full of somebody else's work."""
        if not self._retrying:
            self._retrying = True
            self.loop.call_later(_RETRY, self._retry)

    def _retry(self) -> None:
        self._retrying = False
        self.flush()


def _is_plain(process: object) -> bool:
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
