"""Deferred calls: work that blocks goes to another thread or process, its outcome comes back to the loop.

They take the road of the records (``_hand_off.py``): one selection's calls and records travel together, and where the
pool has no room they wait; the loop never does. They go to the reactor's workers; a reactor without workers makes a
pool of four threads at the first deferred call. An executor that is given by name gets the call by ``submit``.

**No outcome is lost.** Every call ends in its future on the loop's thread: what it returned, what it raised, or
RejectedExecutionError when nobody made it or the reactor was closed before it ended. Then ``then`` is called with the
future. Without ``then`` an error is reported. After the future was cancelled nothing is called.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from functools import partial
from typing import Any, Protocol, TypeVar

from nio.errors import RejectedExecutionError
from nio.executors import WorkerPool
from nio.reactor.loop import _hand_off
from nio.reactor.loop._hand_off import HandOff
from nio.reactor.loop._job import Job
from nio.reactor.loop._owner import Owner
from nio.reactor.loop._registry import LEAVING, each, owner_of

T = TypeVar("T")
Then = Callable[["Future[T]"], object]

_THREADS = 4  # of the pool that a reactor without workers makes


class Loop(_hand_off.Loop, Protocol):
    """What a reactor does for deferred calls."""

    @property
    def owner(self) -> Owner: ...

    @property
    def hand_off(self) -> HandOff | None: ...

    def wakeup(self) -> None: ...


class Blame(Protocol):
    """Whose error it is."""

    def blame(self, kind: str, fn: Callable[..., object], error: BaseException) -> None: ...

    def unowned(self, kind: str, fn: Callable[..., object], error: BaseException) -> None: ...


class Deferred:
    """One call. It is its own submitter: the hand-off calls its ``handle_`` methods on the loop's thread."""

    __slots__ = ("_all", "_fn", "_then", "future")

    def __init__(self, calls: DeferredCalls, fn: Callable[..., object], then: Then[Any] | None) -> None:
        self._all = calls
        self._fn = fn
        self._then = then
        self.future: Future[Any] = Future()

    def handle_reply(self, reply: object) -> None:
        self._settle(reply, None)

    def handle_failure(self, error: BaseException) -> None:
        self._settle(None, error)

    def handle_loss(self, error: BaseException) -> None:
        self._settle(None, error)

    def handle_rejection(self) -> None:
        self._settle(None, RejectedExecutionError("nobody has made the deferred call"))

    def ended(self, future: Future[Any]) -> None:
        """In whatever thread an executor's own future ends."""
        post = self._all.loop.post
        try:
            if future.cancelled():
                post(self.handle_rejection)
            elif (error := future.exception()) is not None:
                post(self.handle_failure, error)
            else:
                post(self.handle_reply, future.result())
        except BaseException as error:  # a future that cannot tell
            post(self.handle_failure, error)

    def after_interrupt(self, fn: Callable[..., object], args: tuple[object, ...]) -> None:
        """A Ctrl-C has struck, maybe before the future was told: that is nothing if it was."""
        self._all.loop.post(fn, *args)

    def _settle(self, result: object, error: BaseException | None) -> None:
        self._all.unsettled.discard(self)
        if self.future.done() or not self.future.set_running_or_notify_cancel():
            return
        if error is None:
            self.future.set_result(result)
        else:
            self.future.set_exception(error)
        blame = self._all.blame
        if self._then is None:
            if isinstance(error, LEAVING):  # of a worker, which is no reason to leave here
                blame.unowned("deferred call", self._fn, error)
            elif error is not None:
                blame.blame("deferred call", self._fn, error)
            return
        try:
            self._then(self.future)
        except BaseException as another:
            blame.blame("then", self._then, another)
            if isinstance(another, LEAVING):
                make_up: Callable[..., object] | None = getattr(owner_of(self._then), "after_interrupt", None)
                if make_up is not None:
                    make_up(self._then, (self.future,))
                raise


class DeferredCalls:
    """The deferred calls of one reactor; for its thread."""

    __slots__ = ("_hand_offs", "_own", "blame", "loop", "unsettled")

    def __init__(self, loop: Loop, blame: Blame) -> None:
        self.loop: Loop = loop
        self.blame: Blame = blame
        self.unsettled: set[Deferred] = set()
        self._own: HandOff | None = None
        self._hand_offs: dict[WorkerPool, HandOff] = {}

    def begin(
        self, fn: Callable[..., T], args: tuple[object, ...], then: Then[T] | None, executor: Executor | None
    ) -> Future[T]:
        """Have ``fn(*args)`` called elsewhere."""
        if then is not None and not callable(then):
            raise TypeError(f"then is a function that takes the outcome, a Future; got {then!r:.200}")
        if executor is not None and not isinstance(executor, Executor):
            raise TypeError(f"executor is a concurrent.futures.Executor, not {executor!r:.200}")
        deferred = Deferred(self, fn, then)
        if executor is None or isinstance(executor, WorkerPool):
            self._hand_over(self._hand_off(executor), deferred, (fn, args))
        else:
            self._submit(executor, deferred, fn, args)
        self.unsettled.add(deferred)
        return deferred.future

    def close(self) -> None:
        """End the pool that was made here."""
        for hand_off in (*self._hand_offs.values(), self._own):
            if hand_off is not None:
                hand_off.close()

    def reject(self) -> None:
        """The reactor is closed: whoever waits for an outcome hears that."""
        error = RejectedExecutionError("the reactor was closed before the deferred call had ended")
        each(tuple(self.unsettled), lambda deferred: deferred.handle_failure(error))

    def _hand_off(self, pool: WorkerPool | None) -> HandOff:
        if pool is not None:
            if pool not in self._hand_offs:
                self._hand_offs[pool] = HandOff(pool, self.loop)
            return self._hand_offs[pool]
        if self.loop.hand_off is not None:
            return self.loop.hand_off
        if self._own is None:
            self._own = HandOff(_THREADS, self.loop)
        return self._own

    def _hand_over(self, hand_off: HandOff, deferred: Deferred, call: tuple[Callable[..., object], Any]) -> None:
        job = Job(hand_off, deferred, _make)
        job.record = call
        hand_off.add(job)
        deferred.future.add_done_callback(partial(self._ended, [(deferred, job)]))
        if hand_off is not self.loop.hand_off:
            hand_off.flush()
        elif self.loop.owner.thread is None:
            self.loop.wakeup()  # inside a turn there is a flush to come

    def _ended(self, call: list[tuple[Deferred, Job]], future: Future[Any]) -> None:
        """In whatever thread cancels: a call that has not begun is not made, so no completion will come.

        The future keeps this callback, which must not keep the future: so it lets go of the call.
        """
        deferred, job = call.pop()
        if future.cancelled():
            job.abandon()
            self.unsettled.discard(deferred)

    def _submit(self, executor: Executor, deferred: Deferred, fn: Callable[..., object], args: Any) -> None:
        try:
            future = executor.submit(fn, *args)
            future.add_done_callback(deferred.ended)
            deferred.future.add_done_callback(partial(_pass_on, [future]))
        except BaseException as error:  # shut down, full, or no executor at all
            self.loop.post(deferred.handle_failure, error)
            if isinstance(error, LEAVING):
                raise


def _pass_on(made: list[Future[Any]], outcome: Future[Any]) -> None:
    """A call that nobody waits for any more need not be made; nothing is kept of it, as in ``_ended``."""
    future = made.pop()
    if outcome.cancelled():
        future.cancel()


def _make(call: Any) -> Any:
    """In a worker, which may be another process: make the call."""
    fn, args = call
    return fn(*args)
