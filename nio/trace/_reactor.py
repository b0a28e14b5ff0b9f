"""TracedReactor: another loop class, which tells what only a reactor knows: handler, state, hand-off, timers, ticks.

A reactor becomes one when it is opened over a provider that records. Nothing in it asks whether it is recorded: what is
told is told by methods that stand before the plain ones, and in a plain reactor they are not there.

How dispatches are told stands in ``_dispatches.py``.

**A job** gets a number when it is handed off. The worker tells when it began and ended it. That the reactor has the
reply is told when its turn comes to the completions, just before they are called.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from nio.channels import SelectionKey
from nio.errors import IllegalStateError
from nio.reactor import CloseReason, EventHandler, Reactor
from nio.trace._dispatches import Serve, telling_along, telling_one_by_one
from nio.trace._recording import Recording
from nio.trace._records import CLOSED, DONE, HANDOFF, IO, RECORD, SIGNAL, TEACH, TICK, TIMER, WORK

_TICKS_PER_TURN = 256  # of a reactor
_MOST_JOBS = 10_000
_ENDS_OF_JOBS = {"handle_reply": 1, "handle_failure": 0, "handle_loss": 0, "handle_rejection": 0, "fail": 0}

_traced: dict[type[Reactor], type[TracedReactor]] = {}


class TracedReactor(Reactor):
    """A reactor over a provider that records: what every Reactor becomes that is opened over one.

    IllegalStateError over any other provider: ``TracedReactor.open(provider=TracingProvider())``.
    """

    _recording: Recording
    _sees_records: bool

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if not hasattr(self, "_recording"):
            self.close()
            raise IllegalStateError(f"{self.provider!r} records nothing: give open() provider=TracingProvider()")

    def serve_by(self, make: Callable[..., Any]) -> None:
        super().serve_by(make)
        self._take = self._telling(self._take)

    def forget(self, key: SelectionKey, reason: CloseReason) -> None:
        if self._registry.of(key) is not None:
            recording = self._recording
            ch = recording.channels.get(key._fd, 0)
            recording.put((CLOSED, recording.clock(), ch, reason.name))
        super().forget(key, reason)

    def _begin_telling(self, recording: Recording) -> None:
        self._recording = recording
        self._take = self._telling(self._take)
        hand_off: Any = self.hand_off
        self._sees_records = recording.level >= TEACH and hand_off is None
        self._jobs: dict[int, int] = {}  # who waits for a job (by id, so that nobody is kept), to its number
        if hand_off is not None:
            hand_off.add = _adding(hand_off.add, hand_off, recording, self._jobs)

    # one turn's parts

    def _turn(self, timeout: float | None) -> None:
        if self._arrived:
            recording = self._recording
            now = recording.clock()
            for number in tuple(self._arrived):
                since = recording.arrivals.pop(number, now)
                recording.put((SIGNAL, now, number, now - since))
        super()._turn(timeout)

    def _run_timers(self) -> int:
        recording = self._recording
        due, now = self._timers.next_due() or 0, recording.clock()
        fired = super()._run_timers()
        if fired:
            recording.put((TIMER, now, due, fired, recording.clock()))
        return fired

    def _run_ticks(self) -> int:
        recording = self._recording
        now, waiting = recording.clock(), len(self._ticks)
        if self._jobs:
            self._tell_completions(min(waiting, _TICKS_PER_TURN), now)
        ran = super()._run_ticks()
        recording.put((TICK, now, waiting, ran, recording.clock()))
        return ran

    def _tell_completions(self, count: int, now: int) -> None:
        """Which jobs' ends are among the first so many ticks."""
        jobs, put = self._jobs, self._recording.put
        for index in range(count):
            fn: Any = self._ticks[index][0]
            ok = _ENDS_OF_JOBS.get(getattr(fn, "__name__", ""))
            if ok is None:
                continue
            owner = getattr(fn, "__self__", None)
            job = jobs.pop(id(getattr(owner, "submitter", owner)), 0)
            if job:
                put((DONE, now, job, ok))

    def _open(self, handler: EventHandler, key: SelectionKey) -> None:
        super()._open(handler, key)
        if self._sees_records:
            try:
                self._see_records(handler, key)
            except BaseException:
                handler.close(CloseReason.HANDLER_ERROR)  # it is open, and whoever called would only forget it
                raise

    def _see_records(self, connection: Any, key: SelectionKey) -> None:
        process = getattr(connection, "_process", None)
        if process is not None:
            connection._process = _processing(process, self._recording, self._recording.channels.get(key._fd, 0))

    def _telling(self, serve: Serve) -> Serve:
        one_by_one = not self.serves or self._recording.level >= TEACH
        make = telling_one_by_one if one_by_one else telling_along
        return make(serve, self._recording, self.tally, self.provider.thread_time)


def trace_loop(loop: object, recording: Recording) -> None:
    """Make a reactor one that tells of itself; for ``loop_opened`` of a provider."""
    if not isinstance(loop, Reactor):
        return
    poller: Any = loop._selector._poller
    poller.tell_less()
    traced = traced_class(type(loop))
    loop.__class__ = traced
    traced._begin_telling(loop, recording)  # type: ignore[arg-type]  # it is one now
    recording.loops.add(loop)


def traced_class(plain: type[Reactor]) -> type[TracedReactor]:
    """The class of a reactor of class ``plain`` that is recorded; itself if it is one already."""
    if issubclass(plain, TracedReactor):
        return plain
    if plain is Reactor:
        return TracedReactor
    found = _traced.get(plain)
    if found is None:
        found = _traced.setdefault(plain, type(f"Traced{plain.__name__}", (TracedReactor, plain), {}))
    return found


def _processing(process: Callable[[Any, Any], Any], recording: Recording, ch: int) -> Callable[[Any, Any], Any]:
    """``process`` of a connection without workers."""
    here, clock = recording.here, recording.clock

    def process_and_tell(handler: Any, record: Any) -> Any:
        here.put((RECORD, clock(), ch, len(record)))
        return process(handler, record)

    return process_and_tell


def _adding(
    add: Callable[[Any], None], hand_off: Any, recording: Recording, jobs: dict[int, int]
) -> Callable[[Any], None]:
    """How a job comes to the hand-off."""
    numbers = itertools.count(1)
    here, clock, channels = recording.here, recording.clock, recording.channels

    def add_and_tell(job: Any) -> None:
        number, now = next(numbers), clock()
        key = getattr(job.submitter, "key", None)  # a deferred call has none
        ch = 0 if key is None else channels.get(key._fd, 0)
        if len(jobs) > _MOST_JOBS:
            jobs.clear()  # of connections that have ended before a worker had begun
        jobs[id(job.submitter)] = number
        if ch and recording.level >= IO:
            here.put((RECORD, now, ch, len(job.record)))
        here.put((HANDOFF, now, ch, number))
        if not hand_off.leaves_process:
            _watch_work(job, recording, number)
        add(job)

    return add_and_tell


class _Work:
    """``process`` in a worker."""

    __slots__ = ("_process", "_recording", "number")

    def __init__(self, process: Callable[[Any], Any], recording: Recording) -> None:
        self._process = process
        self._recording = recording
        self.number = 0

    def __call__(self, record: Any) -> Any:
        recording, number = self._recording, self.number
        here, began = recording.here, recording.clock()
        try:
            return self._process(record)
        finally:
            here.put((WORK, began, recording.clock(), here.number, number))


def _watch_work(job: Any, recording: Recording, number: int) -> None:
    process = job.process
    if process is None:
        return  # the connection is gone
    if type(process) is not _Work:
        job.process = process = _Work(process, recording)
    process.number = number
