"""Watches jobs: exceptions that nobody looks at, jobs that wait for their own pool, and for whom a job runs."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar
from weakref import WeakKeyDictionary, finalize, ref

from nio.doctor._patches import Patches
from nio.doctor._place import Place, here, is_users
from nio.doctor._ward import Ward
from nio.executors import WorkerPool

T = TypeVar("T")


class WatchedFuture(Future[T]):
    """A future that knows whether anybody has asked for its outcome."""

    watch: JobWatch
    pool: Any
    looked_at: list[bool]

    def result(self, timeout: float | None = None) -> T:
        self.looked_at.append(True)
        with self.watch.waiting_for(self):
            return super().result(timeout)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        self.looked_at.append(True)
        with self.watch.waiting_for(self):
            return super().exception(timeout)

    def add_done_callback(self, fn: Callable[[Future[T]], object]) -> None:
        self.looked_at.append(True)
        super().add_done_callback(fn)


class _Waiting:
    """A thread waits for a future, inside the block."""

    def __init__(self, crew: dict[int, bool]) -> None:
        self._crew, self._me = crew, threading.get_ident()

    def __enter__(self) -> None:
        if self._me in self._crew:
            self._crew[self._me] = True

    def __exit__(self, *exc_info: object) -> None:
        if self._me in self._crew:
            self._crew[self._me] = False


class JobWatch:
    """Strict mode's eyes on executors."""

    def __init__(self, ward: Ward, current: threading.local) -> None:
        self._ward, self._current = ward, current
        self._crews: WeakKeyDictionary[Any, dict[int, bool]] = WeakKeyDictionary()  # threads: does it wait?
        self._finalizers: dict[int, finalize[..., Any]] = {}

    def install(self, patches: Patches) -> None:
        """Put the watching functions in place."""
        patches.put(WorkerPool, "submit", self._submit)
        patches.put(ThreadPoolExecutor, "submit", self._submit)

    def finish(self) -> None:
        """The program is over: who has not looked will not look."""
        for finalizer in tuple(self._finalizers.values()):
            alive = finalizer.detach()  # a call does nothing while the interpreter ends
            if alive is not None:
                _, call, args, _ = alive
                call(*args)

    def waiting_for(self, future: WatchedFuture[Any]) -> _Waiting:
        """The calling thread is about to wait for ``future``; T07 if it is the last worker of that pool to do so."""
        pool = future.pool()
        crew = {} if pool is None else self._crews.get(pool, {})
        me = threading.get_ident()
        if me in crew and not future.done() and not future.running():
            others = sum(1 for thread, waits in crew.items() if thread != me and waits)
            size = getattr(pool, "_max_workers", 0) or getattr(pool, "maximum", 0) or len(crew)
            if others + 1 >= size:
                text = f"All {size} workers of the pool wait for jobs that only they could run."
                self._ward.tell("T07", text, here())
        return _Waiting(crew)

    def _submit(self, plain: Callable[..., Any]) -> Callable[..., Any]:
        def submit(pool: Any, fn: Callable[..., Any], /, *args: Any, **named: Any) -> Any:
            place = here()
            if not is_users(place.path) or not callable(fn):
                return plain(pool, fn, *args, **named)
            crew = self._crews.setdefault(pool, {})

            def job(*args: Any, **named: Any) -> Any:
                me = threading.get_ident()
                crew[me] = False
                try:
                    return fn(*args, **named)
                finally:
                    crew.pop(me, None)

            future = plain(pool, job, *args, **named)
            self._watch(future, pool, place)
            return future

        return submit

    def _watch(self, future: Any, pool: Any, place: Place) -> None:
        if future.__class__ is not Future:
            return
        looked_at: list[bool] = []
        failure: list[BaseException] = []
        number = id(looked_at)
        facts = getattr(self._current, "channel", None)
        if facts is not None:
            facts.jobs.add(number)

        def done(future: Any) -> None:
            if facts is not None:
                facts.jobs.discard(number)
            if not future.cancelled() and (error := Future.exception(future)) is not None:
                failure.append(error)

        future.add_done_callback(done)
        watched: Any = future
        watched.watch, watched.pool, watched.looked_at = self, ref(pool), looked_at
        watched.__class__ = WatchedFuture
        ending = finalize(future, self._gone, number, looked_at, failure, place)
        ending.atexit = False
        self._finalizers[number] = ending

    def _gone(self, number: int, looked_at: list[bool], failure: list[BaseException], place: Place) -> None:
        self._finalizers.pop(number, None)
        if failure and not looked_at:
            text = (
                f"A job raised {type(failure[0]).__name__} ({str(failure[0])[:80]}), and nobody has "
                "looked at its future."
            )
            self._ward.tell("T06", text, place)
        failure.clear()
