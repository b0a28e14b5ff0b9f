"""The threads of a pool and the queue between them and those who submit.

Jobs wait in one deque. A worker that has run a job takes the next one from the deque, without a lock, until none is
left; then it sleeps for a token of ``_tokens``. What matters is who is woken, and when. One worker alone runs tiny jobs
fastest, because of the GIL. Slow jobs need a worker each, at once. Nobody knows beforehand which kind a job is. So
**one sleeper is woken at a time, and it wakes the next before it runs its first job**:

1. Whoever queues jobs wakes one sleeper, unless one is being woken already (``_waking``).
2. A woken worker looks at the deque. If more than its own job is there and somebody still sleeps, it wakes the next.

If the job blocks or releases the GIL, the next worker is up meanwhile: n slow jobs have n workers after n such steps.
If the jobs are tiny, the second worker waits for the GIL while the first empties the deque, and one wake too many is
all that a batch costs. Waking one for every job at once gains nothing; measured with 2 processors: 6.1 ms a round both
ways for 32 jobs of 5 ms, 0.9 million tiny jobs a second both ways in batches of 100. Guessing from past run times was
left out: waiting for the GIL looks like slowness, so a guess can be wrong and stay wrong; here nothing is remembered.

**No wake is lost.** A worker is in ``_sleepers`` from before it asks for a token until it has looked at the deque
again. Whenever the lock is free, this holds: *if a job is queued and somebody is in* ``_sleepers`` *, then* ``_waking``
*is set, or a worker is on its way to the deque*.

- Queuing keeps it by rule 1. Taking jobs away cannot break it. A worker enters ``_sleepers`` under the lock, and only
  when it sees the deque empty.
- The worker that got the token clears ``_waking``, under the lock. It follows rule 2, and is itself on its way to the
  deque. If another worker is faster there, it comes back and looks again.
- A worker whose patience ends leaves ``_sleepers``. If a token came just then, the next to fall asleep finds it.

**Shutdown** needs no lock, because a signal handler or a finalizer may call it while this very thread is inside the
pool. It sets a flag, puts one token and calls all who wait for room; every worker that leaves puts one token more,
so none sleeps on. (A token too many only costs a look.) A worker leaves only under the lock, with the flag set and the
deque empty; a submitter looks at the flag under the lock before it queues. Whichever comes first, what was accepted is
run. Any other call that re-enters the pool is refused instead of hanging.

**What strikes a worker between two jobs** is logged, and the worker goes on. Who works and who sleeps are sets, not
counts: the worker puts itself right in them without knowing where it was struck. A thread can also end without a word,
when it is struck before it reaches this code. The pool finds it when it is saturated, starts a thread or is shut down,
and those who wait for room look for it now and then; the job in its hands goes back to the queue.

The workers know this object and not the pool in front of it. So a pool that nobody refers to can be collected, which
shuts this down. A forked child has none of the threads: there everything that counts on them is forgotten, and nothing
is accepted any more.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from itertools import islice, repeat
from queue import Empty
from typing import Final, ParamSpec, TypeVar
from weakref import WeakSet

from nio.errors import IllegalStateError, RejectedExecutionError, WorkerStartError
from nio.executors._jobs import Job, report
from nio.executors._room import Room
from nio.executors._statistics import Tally
from nio.executors._worker import Worker
from nio.spi import SelectorProvider, Thread

P = ParamSpec("P")
T = TypeVar("T")

_LOOK: Final = 30.0  # seconds, of a submitter that waits for room: the last worker's thread may end without a word
_PAUSE: Final = 0.01  # seconds, of a worker that is struck again before it has run a job

_crews: WeakSet[Crew] = WeakSet()
_told: WeakSet[SelectorProvider] = WeakSet()  # providers that say when this process has been forked


class Crew:
    """The shared state of a pool; a method that says nothing of the lock is called with the lock held."""

    def __init__(
        self, provider: SelectorProvider, name: str, minimum: int, maximum: int, capacity: int, keep_alive: float | None
    ) -> None:
        self.name = name
        self.minimum = minimum
        self.maximum = maximum
        self.capacity = capacity
        self.keep_alive = keep_alive
        self.jobs: deque[Job] = deque()
        self.workers: set[Worker] = set()  # those that count
        self.tallies: list[Tally] = []
        self.largest = 0
        self.rejected = 0
        self.discarded = 0
        self.state = "open"
        self.refuses: str | None = None  # why no job is taken any more
        self.thread_id = provider.thread_id
        self._provider = provider
        self._lock = provider.lock()
        self._tokens = provider.queue()
        self.queued = map(deque.popleft, repeat(self.jobs))  # takes jobs, without the lock; in the end IndexError
        self._inside: set[int] = set()  # threads in a call that takes the lock
        self._threads: dict[Worker, Thread] = {}  # those that may still be alive
        self._spare: list[Tally] = []  # tallies of workers that have left
        self._sleepers: set[Worker] = set()
        self._waking = False
        self._room = Room()
        self._started = 0
        self._refusal: Exception | None = None  # why the system started no thread when it was last asked
        self._unlogged: Exception | None = None
        _crews.add(self)
        if provider not in _told:
            _told.add(provider)
            provider.after_fork(_leave_behind)

    def inside(self, act: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Take the lock, and act; IllegalStateError where this thread is in such a call already."""
        me = self.thread_id()
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
            if self._unlogged is not None:
                self._log_refusal()

    # for submitters

    def take(self, jobs: Sequence[Job]) -> int:
        """Take as many jobs as the bounds allow: by new threads up to the minimum, the queue, new threads again."""
        total = len(jobs)
        workers = self.workers
        if self.refuses is not None:
            self.rejected += total
            raise RejectedExecutionError(f"the pool {self.name!r} {self.refuses}")
        taken = 0
        if not workers or len(workers) < self.minimum:
            taken = self._hire(jobs, self.minimum or 1)
            if total and not workers:
                raise WorkerStartError(
                    f"the pool {self.name!r} has no worker and can start none: {self._refusal}"
                ) from self._refusal
        fits = min(total - taken, self.capacity - len(self.jobs))
        if fits > 0:
            if self._sleepers and not self._waking:
                self._wake()
            self.jobs.extend(jobs if fits == total else jobs[taken : taken + fits])
            taken += fits
        if taken < total:
            if self.minimum <= len(workers) < self.maximum:
                taken += self._hire(jobs[taken:], self.maximum)
            if taken < total and self._bury():
                taken += self.take(jobs[taken:])
        return taken

    def discard(self, into: list[Job]) -> None:
        """Move the job that has been queued longest to the list; nothing when no job is queued."""
        try:
            into.extend(islice(self.queued, 1))
        except IndexError:
            return
        self.discarded += 1
        self._room.call_next()

    def wait_for_room(self, job: Job) -> None:
        """Without the lock: wait until the job is taken."""
        me = self.thread_id()
        try:
            self._inside.add(me)
            while not self._taken_or_called(job):
                pass
        finally:
            self._inside.discard(me)
            self._room.call_next()

    def _taken_or_called(self, job: Job) -> bool:
        """Without the lock: False after a sleep, when there may be room."""
        call = self._provider.queue()
        waiting = self._room.waiting
        try:
            with self._lock:
                waiting[call] = None
                if self.take((job,)):
                    return True
            call.get(timeout=_LOOK)
            return False
        except Empty:
            return False
        finally:
            waiting.pop(call, None)

    def is_inside(self) -> bool:
        """Without the lock: whether this thread is in a call that takes it."""
        return self.thread_id() in self._inside

    def is_worker(self) -> bool:
        """Without the lock: whether this thread is one of the pool's."""
        me = self.thread_id()
        return any(worker.thread_id == me for worker in tuple(self._threads))

    @property
    def idle(self) -> int:
        """How many workers sleep and have not been woken; without the lock, so an estimate."""
        return max(0, len(self._sleepers) - self._waking)

    # the end

    def close(self) -> None:
        """Without the lock: take no more jobs; workers end when the queue is empty."""
        if self.refuses is None:
            self.state, self.refuses = "shut down", "is shut down"
        self._tokens.put(None)
        self._room.call_all()

    def settle(self, dropped: int) -> list[Job]:
        """After ``close()``: count what was dropped, and return jobs that no worker will ever come for."""
        self.discarded += dropped
        self._bury()
        lost: list[Job] = []
        if self.jobs and not self.workers and not self._start(None):
            lost.extend(self.jobs)
            self.jobs.clear()
            self.discarded += len(lost)
        return lost

    def threads(self) -> list[Thread]:
        """Without the lock: the threads that may still be alive, those of workers that have left included."""
        return list(self._threads.values())

    def leave_behind(self) -> None:
        """In a forked child: the workers are not here, nor is whoever held the lock."""
        self.state, self.refuses = "left behind by a fork", "belongs to the process that forked; make one in the child"
        self._lock = self._provider.lock()
        self._parents = list(self.jobs)  # not run, and not freed: that could run anybody's code in the middle of a fork
        for forgotten in (self.jobs, self.workers, self._sleepers, self._inside, self._threads):
            forgotten.clear()
        self.close()  # the forking thread may be a worker, or may wait for room

    # threads

    def start_minimum(self) -> None:
        """Start the minimum; what the system says when it starts no thread is raised."""
        while len(self.workers) < self.minimum:
            if not self._start(None):
                assert self._refusal is not None
                self._unlogged = None
                raise self._refusal

    def _hire(self, jobs: Sequence[Job], size: int) -> int:
        """Give a job each to new threads, until there are ``size`` or the system starts none; returns how many jobs."""
        given = 0
        while given < len(jobs) and len(self.workers) < size and self._start(jobs[given]):
            given += 1
        return given

    def _start(self, job: Job | None) -> bool:
        """Start a thread; False where the system refuses, which is logged once until it starts one again."""
        self._bury()
        if self._spare:
            tally = self._spare.pop()
        else:
            self.tallies.append(tally := Tally())
        worker = Worker(job, tally)
        try:
            thread = self._provider.start_thread(self._live, worker, name=f"{self.name}-{self._started + 1}")
        except BaseException as error:  # a thread that runs in spite of a Ctrl-C sees that it does not count
            self._spare.append(tally)
            if not isinstance(error, Exception):
                raise
            error.add_note(f"thread {len(self.workers) + 1} of at most {self.maximum} of the pool {self.name!r}")
            if self._refusal is None:
                self._unlogged = error
            self._refusal = error
            return False
        self._threads[worker] = thread
        self.workers.add(worker)
        self._refusal = None
        self._started += 1
        self.largest = max(self.largest, len(self.workers))
        return True

    def _bury(self) -> bool:
        """Forget the threads that have ended; True if one of them ended without a word: it was still counted."""
        silent = False
        for worker, thread in tuple(self._threads.items()):
            if not thread.is_alive():
                del self._threads[worker]
                if worker in self.workers:
                    silent = True
                    self._leave(worker)
                    if worker.job is not None:
                        self.jobs.appendleft(worker.job)
                    self._put_right(worker)
        return silent

    def _log_refusal(self) -> None:
        """Without the lock: a log handler may do anything."""
        error, self._unlogged = self._unlogged, None
        if error is not None:  # pragma: no branch  # another thread may just have logged it
            report(f"the pool {self.name!r} asks for a thread again with its next job; the system said", error)

    def _wake(self) -> None:
        self._tokens.put(None)
        self._waking = True

    def _wake_next(self) -> None:
        if self.jobs and self._sleepers and not self._waking:
            self._wake()

    def _put_right(self, worker: Worker) -> None:
        """The worker may have been struck while it slept, or when it had a token; if not, this does no harm."""
        self._sleepers.discard(worker)
        self._waking = False
        self._wake_next()

    # in the workers, without the lock

    def _live(self, worker: Worker) -> None:
        struck: BaseException | None = None
        try:
            while True:
                try:
                    if struck is not None:
                        self._recover(worker, struck)
                        struck = None
                    worker.thread_id = self.thread_id()
                    if self._counts(worker):
                        self._serve(worker)
                    return
                except BaseException as error:
                    struck = error
        finally:
            worker.thread_id = None  # another thread may get the number

    def _counts(self, worker: Worker) -> bool:
        with self._lock:  # whoever started this thread has let go of it, and has decided
            return worker in self.workers

    def _serve(self, worker: Worker) -> None:
        """Run jobs until the worker has left."""
        while worker.job is not None or self._wait_for_job(worker):
            try:
                if worker.job is not None:
                    worker.run()
                worker.run_queued(self.queued, self._room)
            except IndexError:  # no job is left
                pass

    def _wait_for_job(self, worker: Worker) -> bool:
        """Sleep until there is a job; False: the worker has left."""
        woken = expired = False
        while True:
            with self._lock:
                self._sleepers.discard(worker)
                if woken:
                    self._waking = False
                if self.jobs:
                    if len(self.jobs) > 1:
                        self._wake_next()
                    return True
                surplus = len(self.workers) > self.minimum
                if self.refuses is not None or (expired and surplus):
                    self._leave(worker)
                    return False
                self._sleepers.add(worker)
            try:
                self._tokens.get(timeout=self.keep_alive if surplus else None)
                woken, expired = True, False
            except Empty:
                woken, expired = False, True

    def _leave(self, worker: Worker) -> None:
        """With the lock."""
        if self.refuses is not None:
            self._tokens.put(None)
        self.workers.discard(worker)
        self._spare.append(worker.tally)

    def _recover(self, worker: Worker, error: BaseException) -> None:
        """The worker was struck between two jobs: log that once, and put right what it may have left undone."""
        completed = worker.tally.completed
        again, worker.completed_when_struck = completed == worker.completed_when_struck, completed
        with self._lock:
            self._put_right(worker)
        self._room.call_next()
        if again:
            self._provider.event().wait(_PAUSE)
            return
        try:
            report(f"a worker of the pool {self.name!r} goes on after", error)
        except BaseException:
            pass


def _leave_behind() -> None:
    for crew in tuple(_crews):
        crew.leave_behind()
