"""WorkerPool: what is asked of a pool, and what becomes of a job that finds the pool full.

How threads and the queue work together stands in ``_crew.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from functools import partial
from typing import Final, ParamSpec, TypeVar
from weakref import finalize

from nio._numbers import LONGEST, check_count
from nio.errors import IllegalArgumentError, IllegalStateError, RejectedExecutionError
from nio.executors._crew import Crew
from nio.executors._jobs import FutureJob, Job, drop, run_at_once
from nio.executors._saturation import Saturation
from nio.executors._statistics import PoolStatistics
from nio.spi import SelectorProvider

P = ParamSpec("P")
T = TypeVar("T")


class WorkerPool(Executor):
    """Lea's PooledExecutor: bounds on threads and queue, keep-alive, warm start, and a policy for saturation.

    A job gets a new thread while there are fewer than ``minimum`` threads, or none, even if others idle. Otherwise it
    is queued. If ``queue`` jobs wait already, it gets a new thread, up to ``maximum``. Otherwise the pool is saturated.
    Queued jobs are begun in order. ``maximum`` is min(32, processors + 4) unless given, ``minimum`` is ``maximum``.
    Threads beyond the minimum end after ``keep_alive`` idle seconds (None: never). ``prestart=True`` starts the minimum
    in the constructor, which raises what the system says when it starts none.

    When the system starts no thread later, jobs go to the workers that are there and to the queue, and the pool asks
    again with the next job; the log has one line. Without any worker the job is not taken and ``WorkerStartError`` is
    raised.

    Every job runs in a fresh, empty ``contextvars`` context. What it raises, SystemExit and the like included, goes to
    its future, or else once to the log ``nio.executors``; no worker and no process ends by it. Only where the policy
    has the caller run the job, KeyboardInterrupt and SystemExit are also raised to the caller. A queued job that is
    dropped (by a policy, ``discard_oldest()`` or ``shutdown(cancel_futures=True)``) has its ``cancel()`` called, if it
    has one; that of ``submit`` cancels the future.

    Concurrency: every method may be called from any thread, workers included. A call from a signal handler or a
    finalizer that interrupted a call of the same thread raises ``IllegalStateError``, except ``shutdown`` and
    ``statistics``, which are always legal.

    The end: ``shutdown()``, or the end of a ``with`` block. A pool that is garbage collected runs what is queued and
    ends its threads. Threads are daemons: a stuck job does not keep the interpreter from ending, and a job that is
    still queued then is not run. In a forked child the pool is shut down at once, with nothing queued: whoever wants
    one there makes one there.
    """

    def __init__(
        self,
        maximum: int | None = None,
        *,
        minimum: int | None = None,
        queue: int = 1024,
        keep_alive: float | None = 60.0,
        prestart: bool = False,
        saturation: Saturation = Saturation.ABORT,
        name: str = "worker",
        provider: SelectorProvider | None = None,
    ) -> None:
        provider = SelectorProvider.default() if provider is None else provider
        self.maximum: Final = check_count(
            "maximum", min(32, provider.cpu_count() + 4) if maximum is None else maximum, 1
        )
        self.minimum: Final = check_count("minimum", self.maximum if minimum is None else minimum, 0)
        if self.minimum > self.maximum:
            raise IllegalArgumentError(f"minimum {self.minimum} is above the maximum {self.maximum}")
        self.capacity: Final = check_count("queue", queue, 1)
        if keep_alive is not None and not 0 <= keep_alive <= LONGEST:
            raise IllegalArgumentError(
                f"keep_alive {keep_alive} is not within 0 and {LONGEST} seconds; None is for ever"
            )
        self.keep_alive: Final = keep_alive
        if not isinstance(saturation, Saturation):
            raise TypeError(f"saturation must be a Saturation, not {saturation!r}")
        self.saturation: Final = saturation
        self._clock = provider.clock
        self._crew = crew = Crew(provider, name, self.minimum, self.maximum, self.capacity, keep_alive)
        finalize(self, crew.close).atexit = False
        if prestart:
            try:
                crew.inside(crew.start_minimum)
            except BaseException:
                self.shutdown()
                raise

    def __repr__(self) -> str:
        crew = self._crew
        return (
            f"WorkerPool({crew.name!r}, {crew.state}, threads={len(crew.workers)} of {self.minimum} to "
            f"{self.maximum}, queued={len(crew.jobs)} of {self.capacity})"
        )

    # for submitters

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Run ``fn(*args, **kwargs)`` in a worker; the future has the outcome.

        Raises ``RejectedExecutionError`` after ``shutdown()``, in a forked child, and when the pool is saturated under
        ABORT; ``WorkerStartError`` when there is no worker and the system starts no thread.
        """
        if not callable(fn):
            raise TypeError(f"a job must be callable, not {fn!r}")
        job = FutureJob(fn, args, kwargs)
        self._accept(job)
        return job.future

    def execute(self, fn: Callable[..., object], /, *args: object) -> None:
        """Run ``fn(*args)`` in a worker and forget it, as Java's ``Executor.execute``; errors as for ``submit``."""
        self._accept(partial(fn, *args))

    def offer(self, jobs: Sequence[Job]) -> int:
        """Take as many of the jobs, from the first, as the bounds allow, and return how many: one operation for all.

        Never blocks and never applies the saturation policy: what is to become of the rest is the caller's business.
        Raises ``RejectedExecutionError`` when no job will ever be taken again: after ``shutdown()``, and in a forked
        child. Raises ``WorkerStartError`` when there is no worker and the system starts no thread: a later call may
        succeed.
        """
        crew = self._crew
        return crew.inside(crew.take, jobs)

    def discard_oldest(self) -> Job | None:
        """Drop the job that has been queued longest, and return it; None when none is queued."""
        oldest: list[Job] = []
        try:
            self._crew.inside(self._crew.discard, oldest)
        finally:
            for job in oldest:
                drop(job)
        return oldest[0] if oldest else None

    def statistics(self) -> PoolStatistics:
        """The figures as they are now; taken without a lock, so two of them may be of different moments."""
        crew = self._crew
        threads = len(crew.workers)
        return PoolStatistics(
            threads=threads,
            idle=min(crew.idle, threads),
            queued=len(crew.jobs),
            completed=sum(tally.completed for tally in tuple(crew.tallies)),
            rejected=crew.rejected,
            discarded=crew.discarded,
            largest=crew.largest,
        )

    # the end

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more jobs, run those accepted or drop those queued (``cancel_futures``), wait for the threads to end.

        Legal at any time, from anywhere, and more than once. It does not wait where waiting could not end: in a worker
        of this pool, and in a signal handler that interrupted a call of the same thread into this pool.
        """
        crew = self._crew
        crew.close()
        dropped = 0
        try:
            for job in crew.queued if cancel_futures else ():
                dropped += 1
                drop(job)
        except IndexError:  # none is left
            pass
        finally:
            if crew.is_inside():
                crew.discarded += dropped
            else:
                self._settle(dropped)
        if wait and not crew.is_inside() and not crew.is_worker():
            self.join()

    def join(self, timeout: float | None = None) -> list[str]:
        """Wait, after ``shutdown()``, for the threads to end; returns the names of those that have not in time."""
        crew = self._crew
        if crew.refuses is None or crew.is_worker() or crew.is_inside():
            raise IllegalStateError("join() comes before shutdown() or from a thread that the pool waits for")
        end = None if timeout is None else self._clock() + round(timeout * 1e9)
        while True:
            threads = crew.threads()
            for thread in threads:
                thread.join(None if end is None else max(0, end - self._clock()) / 1e9)
            alive = [thread.name for thread in threads if thread.is_alive()]
            if alive or not crew.workers:
                return alive
            self._settle(0)  # a thread ended without a word, and may have left jobs behind

    def _settle(self, dropped: int) -> None:
        for job in self._crew.inside(self._crew.settle, dropped):
            drop(job)

    # what becomes of a job

    def _accept(self, job: Job) -> None:
        displaced: list[Job] = []
        try:
            rest = self._crew.inside(self._admit, job, displaced)
        finally:
            for other in displaced:
                drop(other)
        if rest is not None:
            rest()

    def _admit(self, job: Job, displaced: list[Job]) -> Callable[[], object] | None:
        """Take the job, or apply the policy. Returns what the policy has to do without the lock, if anything."""
        crew, policy = self._crew, self.saturation
        while not crew.take((job,)):
            if policy is Saturation.ABORT:
                crew.rejected += 1
                raise RejectedExecutionError(
                    f"the pool {crew.name!r} is full: {len(crew.workers)} threads, {len(crew.jobs)} jobs queued"
                )
            if policy is Saturation.DISCARD:
                crew.discarded += 1
                return partial(drop, job)
            if policy is Saturation.DISCARD_OLDEST:
                crew.discard(displaced)
            elif (in_worker := crew.is_worker()) or policy is Saturation.CALLER_RUNS:
                return partial(run_at_once, job, in_worker)
            else:
                return partial(crew.wait_for_room, job)
        return None
