"""Decoded requests to workers, replies back: the way out and the way home of the pooled reactor.

A connection has at most one record under way, so one :class:`Job` per connection serves for all its life. The jobs
that one selection brings travel together: a :class:`~nio.executors.WorkerPool` gets them in one queue operation, any
other executor one ``submit`` each, as long as it has room (``_strangers.py``). One that charges by the call has a
method ``collect``: it gets one each, and a ``flush`` behind the last. Whatever the pool's saturation policy says, the
reactor itself never waits for room: with *block* it is the connections that wait, with their reading off.

**Executors are strangers.** Whatever one raises or answers costs the records that it was given, never the reactor. A
broken one (a worker process was killed) takes no more work: where ``workers`` is a factory, it makes the next one, at
once at first, then after 0.1 s doubling to 5 s, and the records that were not begun wait. Making one may take its time
elsewhere: a factory may return a future of one. Where there is no factory, a server that cannot work says so: ``run()``
raises WorkersLostError.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future
from typing import Any, Protocol

from nio.errors import IllegalArgumentError, WorkersLostError, WorkerStartError
from nio.executors import Saturation, WorkerPool
from nio.reactor.loop._job import Job, Process, Submitter
from nio.reactor.loop._registry import LEAVING
from nio.reactor.loop._report import Report, logger
from nio.reactor.loop._strangers import BACKLOG, is_plain, leaves_process, room_of, ways_to
from nio.spi import SelectorProvider

Factory = Callable[[], Executor | Future[Executor]]
Workers = Executor | Factory

_RETRY = 0.01  # seconds, when a pool is full of somebody else's work or has no thread
_PATIENCE = 5.0  # seconds for the workers of a pool of ours to end
_START_LIMIT = 60.0  # seconds, when a reactor is opened, for a factory whose executor comes later
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0  # seconds between two executors that the factory makes
_LIFETIME = 60_000_000_000  # nanoseconds after which one that breaks is replaced at once again


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


class HandOff:
    """Collects the jobs of one selection; ``flush()`` sends them off. For the reactor's thread.

    ``workers`` is an executor, a factory of one, or the number of threads of a pool of its own.
    """

    __slots__ = (
        "_born",
        "_executor",
        "_factory",
        "_flush",
        "_most",
        "_owned",
        "_pause",
        "_retrying",
        "_room",
        "_submit",
        "add",
        "jobs",
        "leaves_process",
        "loop",
    )

    def __init__(self, workers: int | Workers, loop: Loop) -> None:
        self.loop: Loop = loop
        self._executor: Executor | None = None
        self._born = 0
        self._most = BACKLOG  # jobs that may wait before those of connections that are gone are looked for
        self.jobs: deque[Job] = deque()
        self.add: Callable[[Job], None] = self.jobs.append  # sends the job off with the next flush()
        self._retrying = False
        self._pause = 0.0  # before the factory is asked again
        self._factory: Factory | None = None
        self._owned = not isinstance(workers, Executor)
        if isinstance(workers, int):
            pool = WorkerPool(workers, saturation=Saturation.BLOCK, prestart=True, provider=loop.provider)
            self._adopt(pool)
        elif isinstance(workers, Executor):
            self._adopt(workers)
        else:
            self._factory = workers
            made = workers()
            self._adopt(made.result(_START_LIMIT) if isinstance(made, Future) else made)

    @property
    def executor(self) -> Executor | None:
        """What works now; None when it is broken or closed."""
        return self._executor

    def job(self, submitter: Submitter, process: Process) -> Job:
        """A connection's job for all its records; IllegalArgumentError when ``process`` cannot leave this process."""
        if not is_plain(process):
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
        if len(jobs) > self._most:
            self._forget()
        if not jobs or executor is None:
            return
        if isinstance(executor, WorkerPool):
            self._offer(executor)
        else:
            self._give(executor)

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
        self._discard(broken)

    def close(self) -> None:
        """End an executor of our own; any other is its owner's to end."""
        executor, self._executor, self._factory = self._executor, None, None
        self.jobs.clear()
        if executor is not None and self._owned:
            try:
                executor.shutdown(wait=False, cancel_futures=True)
            except TypeError:  # an executor of others that knows no cancel_futures
                executor.shutdown(wait=False)
            if isinstance(executor, WorkerPool) and (stuck := executor.join(_PATIENCE)):
                logger.warning("workers still busy after %s s, left behind: %s", _PATIENCE, ", ".join(stuck))

    def after_interrupt(self, fn: Callable[..., object], args: tuple[object, ...]) -> None:
        """A Ctrl-C has struck while work was to be tried again, which is needed all the same."""
        self.loop.post(fn, *args)

    # where the work goes

    def _adopt(self, executor: object) -> None:
        if not isinstance(executor, Executor):
            raise TypeError(
                f"workers are a number, an Executor or a factory of one; the factory made {executor!r:.200}"
            )
        self.leaves_process: bool = leaves_process(executor)
        self._room = room_of(executor)
        self._submit, self._flush = ways_to(executor)
        self._executor = executor
        self._born = self.loop.provider.clock()

    def _make_later(self) -> None:
        pause, self._pause = self._pause, min(max(_FIRST_PAUSE, 2 * self._pause), _LONGEST_PAUSE)
        self.loop.call_later(pause, self._make)

    def _make(self) -> None:
        if self._factory is not None:  # not closed meanwhile
            self._take(self._factory)

    def _take(self, make: Factory) -> None:
        try:
            made = make()
            if isinstance(made, Future):
                made.add_done_callback(lambda future: self.loop.post(self._take_late, future))
                return
            self._adopt(made)
        except LEAVING:
            raise
        except BaseException as error:
            self.loop.report("executor", logging.ERROR, "no executor could be made", error=error)
            self._make_later()
        else:
            self.flush()

    def _take_late(self, future: Future[Executor]) -> None:
        if self._factory is not None:
            self._take(future.result)
        elif not future.cancelled() and future.exception() is None:
            self._discard(future.result())  # closed meanwhile

    def _discard(self, executor: Executor) -> None:
        try:
            executor.shutdown(wait=False)
        except LEAVING:
            raise
        except BaseException as error:
            kind = type(executor).__name__
            self.loop.report("executor", logging.ERROR, "the %s cannot be shut down: %r", kind, error)

    def _give(self, executor: Executor) -> None:
        """To an executor of others, as far as it has room; what is left goes when a record comes home."""
        jobs, room, submit, flush = self.jobs, self._room, self._submit, self._flush
        try:
            while jobs and room and executor is self._executor:
                job = jobs[0]
                try:
                    if job.process is not None:
                        job.executor = executor
                        future: Any = submit(job.process, job.record)
                        room.pop()
                        job.room = room
                        future.add_done_callback(job.settle)
                        job.future = future
                    jobs.popleft()
                except BrokenExecutor as error:
                    self.replace(executor, error)  # it was not begun, and waits
                except LEAVING:
                    job.leave()
                    self._lose(1)
                    raise
                except BaseException as error:  # shut down, full, or no executor at all
                    job.leave()
                    job.cancel()
                    jobs.popleft()
                    kind = type(executor).__name__
                    self.loop.report("submit", logging.ERROR, "%s.submit took no record: %r", kind, error)
        finally:
            if flush is not None:
                flush()

    def _forget(self) -> None:
        """So many wait for room: those whose connection is gone need not."""
        jobs = self.jobs
        alive = [job for job in jobs if job.process is not None]
        jobs.clear()
        jobs.extend(alive)
        self._most = max(BACKLOG, 2 * len(alive))

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
