"""One thread of a pool, and the job in its hands.

An exception can strike a thread from outside, after any call that it makes: another thread sets one
(``PyThreadState_SetAsyncExc``), or memory runs out. So **a job is always in somebody's hands**: in the queue, in
``Worker.job``, or inside the code that runs it. Two steps of the interpreter lie between two places, and it raises
nothing between those two:

- ``for worker.job in queued`` takes from the queue and stores, without a call in between.
- ``run`` makes the context first, then lets go of the job and calls it, without a call in between. ``run_queued`` does
  the same in place: tiny jobs cost little more than such a call.

What strikes later is the job's own: its future has it, or else the log.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextvars import Context

from nio.executors._jobs import Job, report
from nio.executors._room import Room
from nio.executors._statistics import Tally


class Worker:
    """What the pool knows of one thread."""

    __slots__ = ("completed_when_struck", "job", "tally", "thread_id")

    def __init__(self, job: Job | None, tally: Tally) -> None:
        self.job = job
        self.tally = tally
        self.thread_id: int | None = None
        self.completed_when_struck: int | None = None

    def run(self) -> None:
        """Run the job in these hands in a fresh context; what it raises is logged once and ends here."""
        context = Context()
        try:
            job, self.job = self.job, None
            context.run(job)  # type: ignore[arg-type]  # called with a job only
        except BaseException as error:
            report("a job raised", error)
        finally:
            self.tally.completed += 1
            del job  # a traceback kept by a future reaches this frame

    def run_queued(self, queued: Iterator[Job], room: Room) -> None:
        """Take jobs and run them, until ``queued`` raises IndexError because there is none."""
        tally = self.tally
        for self.job in queued:  # pragma: no branch  # it ends with IndexError
            if room.waiting:
                room.call_next()
            context = Context()
            try:
                job, self.job = self.job, None
                context.run(job)
            except BaseException as error:
                report("a job raised", error)
            finally:
                tally.completed += 1
                del job
