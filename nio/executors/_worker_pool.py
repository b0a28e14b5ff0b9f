"""A bounded pool of threads, and how its sleepers are woken.

Jobs wait in one deque. A worker that has run a job takes the next one with ``popleft``, without a lock, until none is
left; then it sleeps for a token of ``_tokens``. No job of a batch can be stuck behind a slow one of the same batch as
long as another worker is awake, so all that matters is who is woken, and when. Two wishes pull apart: under the GIL
tiny jobs are run fastest by one worker, slow ones need a worker each, at once; and nobody knows beforehand which a job
is. So **one sleeper is woken at a time, and it hands the wake on before it runs its first job**:

1. Whoever queues jobs wakes one sleeper, unless one is being woken already (``_waking``).
2. A woken worker takes a job; if it leaves others behind and somebody still sleeps, it wakes the next. Then it runs.

If the job blocks or releases the GIL, the next worker is up meanwhile: n slow jobs have n workers after n hand-ons. If
the jobs are tiny, the second worker waits for the GIL while the first empties the deque, and one wake too many is all
that a batch costs. Waking one for every job at once gains nothing; measured with 2 processors: 6.1 ms a round both
ways for 32 jobs of 5 ms, 0.9 million tiny jobs a second both ways in batches of 100. Guessing from past run times was
left out: waiting for the GIL looks like slowness, so a guess can be wrong and stay wrong; here nothing is remembered.

**No wake is lost.** Let S be the workers that sleep and T the tokens in the queue. Under the lock:

- ``_idle`` = S - T: falling asleep adds one to both sides, putting a token takes one from both, getting one changes
  neither; a worker whose patience ends counts itself out. (If a token came just then, it stays for the next to fall
  asleep, and ``_idle`` may be -1 until then.)
- Whenever the lock is free, *jobs queued and _idle > 0* implies *_waking*. Queuing keeps it by rule 1; a worker falls
  asleep only when it sees the deque empty, under the lock; ``popleft`` only takes jobs away. ``_waking`` ends only in
  the hands of the worker that got the token, which keeps it by rule 2 before it lets go of the lock.
- So at most one token is under way, a sleeper gets it if there is one, and its worker comes to look at the deque.

**Waiting for room** (BLOCK) meets a ``popleft`` without a lock: the submitter first raises ``_blocked``, then looks for
room, then waits; the worker first takes the job, then looks at ``_blocked``. One of the two sees the other.

**Shutdown** needs no lock, because it may be called by a signal handler (or a finalizer) that interrupted this very
thread inside the pool: it sets a flag and puts one token; every worker that leaves puts one more, so none sleeps on.
(``_idle`` is then too high by those tokens, which can only wake too often.) A worker leaves only under the lock, with
the flag set and the deque empty; a submitter looks at the flag under the lock before it queues. Whichever comes first,
what was accepted is run. Any other call that re-enters the pool is refused instead of hanging.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from functools import partial
from queue import Empty
from typing import Final, ParamSpec, TypeVar

from nio._numbers import LONGEST, check_count
from nio.errors import IllegalArgumentError, IllegalStateError, RejectedExecutionError
from nio.executors._jobs import FutureJob, Job, drop, run
from nio.executors._saturation import Saturation
from nio.executors._statistics import PoolStatistics, Tally
from nio.spi import SelectorProvider, Thread

P = ParamSpec("P")
T = TypeVar("T")


class WorkerPool(Executor):
    """Lea's PooledExecutor: bounds on threads and queue, keep-alive, warm start, and a policy for saturation.

    A job is given to a new thread while there are fewer than ``minimum`` (even if others idle), or none; else it is
    queued; if ``queue`` jobs wait already, it is given to a new thread up to ``maximum``; else the pool is saturated.
    Queued jobs are begun in order. ``maximum`` is min(32, processors + 4) unless given, ``minimum`` is ``maximum``.
    Threads beyond the minimum end after ``keep_alive`` idle seconds (None: never). ``prestart=True`` starts the minimum
    in the constructor. A thread that cannot be started raises what the system says, and the job is not taken.

    Every job runs in a fresh, empty ``contextvars`` context. What it raises, SystemExit and the like included, goes to
    its future, or else once to the log ``nio.executors``; no worker and no process ends by it. A queued job that is
    dropped (by a policy, ``discard_oldest()`` or ``shutdown(cancel_futures=True)``) has its ``cancel()`` called, if it
    has one; that of ``submit`` cancels the future.

    Concurrency: every method may be called from any thread, workers included. A call from a signal handler or a
    finalizer that interrupted a call of the same thread raises ``IllegalStateError``, except ``shutdown`` and
    ``statistics``, which are always legal. Threads are daemons: a stuck job does not keep the interpreter from ending.
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
        self._provider = provider = SelectorProvider.default() if provider is None else provider
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
        self._name = name

        self._thread_id = provider.thread_id
        self._lock = provider.lock()
        self._room = provider.condition(self._lock)
        self._tokens = provider.queue()
        self._jobs: deque[Job] = deque()
        self._inside: set[int] = set()  # threads in a call that takes the lock
        self._workers: set[int] = set()  # ids of the workers' threads
        self._threads: list[Thread] = []
        self._tallies: list[Tally] = []
        self._spare: list[Tally] = []  # tallies of workers that have left
        self._size = 0
        self._idle = 0
        self._waking = False
        self._blocked = 0
        self._shutdown = False
        self._started = 0
        self._largest = 0
        self._rejected = 0
        self._discarded = 0
        if prestart:
            self._prestart()

    def __repr__(self) -> str:
        state = "shut down" if self._shutdown else "open"
        return (
            f"WorkerPool({self._name!r}, {state}, threads={self._size} of {self.minimum} to {self.maximum}, "
            f"queued={len(self._jobs)} of {self.capacity})"
        )

    # for submitters

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Run ``fn(*args, **kwargs)`` in a worker; the future has the outcome.

        Raises ``RejectedExecutionError`` after ``shutdown()``, and when the pool is saturated under ABORT.
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
        Raises ``RejectedExecutionError`` after ``shutdown()``.
        """
        return self._guarded(self._take, jobs)

    def discard_oldest(self) -> Job | None:
        """Drop the job that has been queued longest, and return it; None when none is queued."""
        job = self._guarded(self._discard)
        if job is not None:
            drop(job)
        return job

    def statistics(self) -> PoolStatistics:
        """The figures as they are now; taken without a lock, so that each is right but they may be of two moments."""
        return PoolStatistics(
            threads=self._size,
            idle=max(0, min(self._idle, self._size)),
            queued=len(self._jobs),
            completed=sum(tally.completed for tally in tuple(self._tallies)),
            rejected=self._rejected,
            discarded=self._discarded,
            largest=self._largest,
        )

    # the end

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more jobs, run those accepted or drop those queued (``cancel_futures``), wait for the threads to end.

        Legal at any time, from anywhere, and more than once. It does not wait where waiting could not end: in a worker
        of this pool, and in a signal handler that interrupted a call of the same thread into this pool.
        """
        self._shutdown = True
        self._tokens.put(None)
        dropped = 0
        while cancel_futures and (job := self._pop()) is not None:
            drop(job)
            dropped += 1
        if self._thread_id() in self._inside:
            self._discarded += dropped
            return
        self._guarded(self._dismiss, dropped)
        if wait and self._thread_id() not in self._workers:
            self.join()

    def join(self, timeout: float | None = None) -> list[str]:
        """Wait, after ``shutdown()``, for the threads to end; returns the names of those that have not in time."""
        me = self._thread_id()
        if not self._shutdown or me in self._workers or me in self._inside:
            raise IllegalStateError("join() comes before shutdown() or from a thread that the pool waits for")
        clock = self._provider.clock
        end = None if timeout is None else clock() + round(timeout * 1e9)
        for thread in self._threads:
            thread.join(None if end is None else max(0, end - clock()) / 1e9)
        return [thread.name for thread in self._threads if thread.is_alive()]

    def _accept(self, job: Job) -> None:
        rest = self._guarded(self._admit, job)
        if rest is not None:
            rest()

    # under the lock

    def _guarded(self, act: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        me = self._thread_id()
        if me in self._inside:
            raise IllegalStateError(
                "a signal handler or finalizer interrupted the pool and called it; only shutdown may"
            )
        try:
            self._inside.add(me)
            with self._lock:
                return act(*args, **kwargs)
        finally:
            self._inside.discard(me)

    def _take(self, jobs: Sequence[Job]) -> int:
        total = len(jobs)
        if self._shutdown:
            self._rejected += total
            raise RejectedExecutionError(f"the pool {self._name!r} is shut down")
        taken = 0
        try:
            while taken < total and self._size < (self.minimum or 1):
                self._start(jobs[taken])
                taken += 1
            fits = min(total - taken, self.capacity - len(self._jobs))
            if fits > 0:
                if self._idle > 0 and not self._waking:
                    self._wake()
                self._jobs.extend(jobs if fits == total else jobs[taken : taken + fits])
                taken += fits
            while taken < total and self._size < self.maximum:
                self._start(jobs[taken])
                taken += 1
        except Exception:
            if not taken:
                raise
        return taken

    def _admit(self, job: Job) -> Callable[[], object] | None:
        """Take the job, or apply the policy and return what of it is to be done without the lock."""
        policy = self.saturation
        oldest = None
        while not self._take((job,)):
            if policy is Saturation.ABORT:
                self._rejected += 1
                raise RejectedExecutionError(
                    f"the pool {self._name!r} is full: {self._size} threads, {len(self._jobs)} jobs queued"
                )
            if policy is Saturation.DISCARD:
                self._discarded += 1
                return partial(drop, job)
            if policy is Saturation.DISCARD_OLDEST:
                oldest = self._discard()
            elif policy is Saturation.CALLER_RUNS or self._thread_id() in self._workers:
                return partial(run, job)
            else:
                self._wait_for_room(job)
                return None
        return None if oldest is None else partial(drop, oldest)

    def _wait_for_room(self, job: Job) -> None:
        self._blocked += 1
        try:
            while not self._take((job,)):
                self._room.wait()
        finally:
            self._blocked -= 1

    def _discard(self) -> Job | None:
        job = self._pop()
        if job is not None:
            self._discarded += 1
            self._room.notify()
        return job

    def _dismiss(self, dropped: int) -> None:
        self._discarded += dropped
        self._room.notify_all()

    def _wake(self) -> None:
        self._tokens.put(None)
        self._idle -= 1
        self._waking = True

    def _prestart(self) -> None:
        try:
            with self._lock:
                for _ in range(self.minimum):
                    self._start()
        except BaseException:
            self.shutdown()
            raise

    def _start(self, *first: Job) -> None:
        tally = self._spare[-1] if self._spare else Tally()
        try:
            thread = self._provider.start_thread(self._work, [*first], tally, name=f"{self._name}-{self._started + 1}")
        except Exception as error:
            error.add_note(f"thread {self._size + 1} of at most {self.maximum} of the pool {self._name!r}")
            raise
        if self._spare:
            self._spare.pop()
        else:
            self._tallies.append(tally)
        self._threads = [*(other for other in self._threads if other.is_alive()), thread]
        self._started += 1
        self._size += 1
        self._largest = max(self._largest, self._size)

    # in the workers

    def _work(self, first: list[Job], tally: Tally) -> None:
        me = self._thread_id()
        self._workers.add(me)
        job = first.pop() if first else self._next(tally)
        while job is not None:
            run(job)
            tally.completed += 1
            job = self._pop()
            if job is None:
                job = self._next(tally)
            if self._blocked:
                self._make_room()
        self._workers.discard(me)

    def _pop(self) -> Job | None:
        try:
            return self._jobs.popleft()
        except IndexError:
            return None

    def _make_room(self) -> None:
        with self._lock:
            self._room.notify()

    def _next(self, tally: Tally) -> Job | None:
        """The next job, after a sleep if there is none; None: this worker is no longer counted, and ends."""
        woken = expired = False
        while True:
            with self._lock:
                if woken:
                    self._waking = False
                elif expired:
                    self._idle -= 1
                job = self._pop()
                if job is not None:
                    if self._jobs and self._idle > 0 and not self._waking:
                        self._wake()
                    return job
                surplus = self._size > self.minimum
                if self._shutdown or (expired and surplus):
                    self._leave(tally)
                    return None
                self._idle += 1
            try:
                self._tokens.get(timeout=self.keep_alive if surplus else None)
                woken, expired = True, False
            except Empty:
                woken, expired = False, True

    def _leave(self, tally: Tally) -> None:
        self._size -= 1
        self._spare.append(tally)
        if self._shutdown:
            self._tokens.put(None)
            self._room.notify_all()
