"""Ctrl-C and sys.exit() on the caller's thread: they reach the caller, and leave the pool as it should be."""

from __future__ import annotations

import itertools
import logging
import sys
import threading
from collections.abc import Callable
from functools import partial
from types import FrameType

import pytest

from nio.errors import RejectedExecutionError
from nio.executors import Saturation, WorkerPool
from nio.spi import SystemProvider
from tests.unit.executors.jobs import Held, Told, full_pool, messages, raise_it
from tests.unit.executors.providers import PATIENCE, CallbackConditions

EXECUTORS = "/nio/executors/"


# what a job raises


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_what_is_meant_for_the_caller_who_runs_the_job_reaches_the_caller(
    held: Held, caplog: pytest.LogCaptureFixture, kind: type[BaseException]
) -> None:
    pool, queued = full_pool(held, Saturation.CALLER_RUNS)
    error = kind()
    for call in (pool.submit, pool.execute):
        with pytest.raises(kind) as caught:
            call(raise_it, error)
        assert caught.value is error
    assert messages(caplog) == []
    held.go.set()
    assert [future.result(PATIENCE) for future in queued] == ["0", "1"]
    pool.shutdown()


@pytest.mark.parametrize("policy", [Saturation.CALLER_RUNS, Saturation.BLOCK])
def test_a_worker_that_runs_a_job_for_its_own_pool_at_once_keeps_what_it_raises(
    caplog: pytest.LogCaptureFixture, policy: Saturation
) -> None:
    with WorkerPool(1, queue=1, saturation=policy) as pool:

        def fill() -> BaseException | None:
            pool.submit(int)
            pool.execute(raise_it, KeyboardInterrupt())
            return pool.submit(raise_it, SystemExit(3)).exception(0)

        assert isinstance(pool.submit(fill).result(PATIENCE), SystemExit)
    assert messages(caplog) == ["a job raised KeyboardInterrupt"]


def test_what_a_future_s_callback_raises_is_not_taken_for_the_outcome(
    held: Held, caplog: pytest.LogCaptureFixture
) -> None:
    def shout(future: object) -> None:
        raise SystemExit("callback")

    pool, _ = full_pool(held, Saturation.ABORT, 1)
    assert pool.discard_oldest() is not None
    future = pool.submit(str, "outcome")
    future.add_done_callback(shout)
    held.go.set()
    pool.shutdown()
    assert future.result(0) == "outcome"
    assert messages(caplog) == ["a job raised SystemExit"]


class Interrupting(Told):
    """Its owner is interrupted as it is told."""

    def cancel(self) -> None:
        super().cancel()
        raise KeyboardInterrupt


def test_an_interrupt_while_a_job_is_dropped_reaches_the_caller(held: Held) -> None:
    pool, _ = full_pool(held, Saturation.DISCARD_OLDEST, 1)
    jobs = [Interrupting(), Interrupting(), Interrupting()]
    assert pool.discard_oldest() is not None
    drops: list[Callable[[], object]] = [
        pool.discard_oldest,
        partial(pool.execute, int),
        partial(pool.shutdown, cancel_futures=True),
    ]
    for job, call in zip(jobs, drops, strict=True):
        while pool.offer([job]) == 0:
            pool.discard_oldest()
        with pytest.raises(KeyboardInterrupt):
            call()
        assert job.fate == ["dropped"]
    held.go.set()
    assert pool.join(PATIENCE) == []
    assert (pool.statistics().discarded, pool.statistics().queued) == (5, 0)


def test_an_interrupt_while_an_error_is_logged_reaches_the_caller_and_no_worker(held: Held) -> None:
    class Interrupted(logging.Filter):
        def filter(self, record: logging.LogRecord) -> bool:
            raise KeyboardInterrupt

    pool, queued = full_pool(held, Saturation.CALLER_RUNS)
    logger, interrupted = logging.getLogger("nio.executors"), Interrupted()
    logger.addFilter(interrupted)
    try:
        with pytest.raises(KeyboardInterrupt):
            pool.execute(raise_it, ValueError())
        held.go.set()
        assert queued[1].result(PATIENCE) == "1"
        pool.execute(raise_it, ValueError())
        assert pool.submit(int).result(PATIENCE) == 0
        pool.shutdown()
        assert pool.statistics().completed == 5
    finally:
        logger.removeFilter(interrupted)


# an interrupt in the pool's own code


class InterruptedStart(SystemProvider):
    """The thread is started, and whoever asked for it is interrupted."""

    def __init__(self) -> None:
        super().__init__(self.available()[0])
        self.threads: list[threading.Thread] = []

    def start_thread(self, target: Callable[..., object], *args: object, name: str) -> threading.Thread:
        self.threads.append(SystemProvider.start_thread(self, target, *args, name=name))
        if len(self.threads) == 1:
            raise KeyboardInterrupt
        return self.threads[-1]


def test_a_thread_whose_start_was_interrupted_does_not_count_and_ends() -> None:
    provider = InterruptedStart()
    with WorkerPool(1, provider=provider) as pool:
        with pytest.raises(KeyboardInterrupt):
            pool.submit(pytest.fail, "must not run")
        provider.threads[0].join(PATIENCE)
        assert not provider.threads[0].is_alive()
        assert (pool.statistics().threads, pool.statistics().completed) == (0, 0)
        assert pool.submit(int).result(PATIENCE) == 0


class Interrupt:
    """Raises KeyboardInterrupt the ``at``-th time the interpreter looks for signals in the pool's code.

    It looks as a function begins, and as a call into C returns. ``drop`` is left out: whoever is interrupted on the
    way into somebody's ``cancel()`` cannot know whether it was called. The collector is off: it may close the pool of
    another test meanwhile.
    """

    def __init__(self, at: int) -> None:
        self.left = at

    def look(self, frame: FrameType, event: str, argument: object) -> None:
        code = frame.f_code
        if event in ("call", "c_return") and EXECUTORS in code.co_filename and code.co_name != "drop":
            self.left -= 1
            if self.left == 0:
                raise KeyboardInterrupt

    def strike(self, call: Callable[[], object]) -> bool:
        """Call, be interrupted; False when it was over before."""
        previous = sys.getprofile()
        sys.setprofile(self.look)
        try:
            call()
        except KeyboardInterrupt:
            pass
        finally:
            sys.setprofile(previous)
        return self.left <= 0


def busy(pool: WorkerPool, held: Held, fill: list[Told]) -> None:
    pool.execute(held)
    held.wait_begun()
    assert pool.offer(fill) == len(fill)


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize("policy", [policy for policy in Saturation if policy is not Saturation.BLOCK])
@pytest.mark.parametrize("full", [False, True])
def test_wherever_a_submitter_is_interrupted_the_pool_stays_whole(policy: Saturation, full: bool) -> None:
    for at in itertools.count(1):
        held, old, new = Held(), [Told() for _ in range(2 if full else 1)], Told()
        pool = WorkerPool(2, minimum=1, queue=2, saturation=policy)
        busy(pool, held, old)
        if full:
            pool.execute(held)  # a second thread
            held.wait_begun()
        interrupt = Interrupt(at)

        def call(pool: WorkerPool = pool, new: Told = new) -> None:
            try:
                pool.execute(new)
            except RejectedExecutionError:
                pass

        struck = interrupt.strike(call)
        assert pool.statistics().threads == 1 + full
        held.go.set()
        end(pool, [*old, new] if not struck and not full else old, at)
        assert len(new.fate) <= 1
        if not struck:
            break
    assert at > 5


def end(pool: WorkerPool, accepted: list[Told], at: int) -> None:
    """The pool still works; what it accepted is run or dropped once."""
    works = threading.Event()
    while not pool.offer([works.set]):
        pass
    assert works.wait(PATIENCE)
    pool.shutdown(wait=False)
    assert pool.join(PATIENCE) == []
    assert (pool.statistics().threads, pool.statistics().queued, pool.statistics().idle) == (0, 0, 0)
    for job in accepted:
        assert len(job.fate) == 1, at


def operations(pool: WorkerPool, jobs: list[Told]) -> dict[str, Callable[[], object]]:
    return {
        "offer": lambda: pool.offer(jobs),
        "discard_oldest": pool.discard_oldest,
        "shutdown": lambda: pool.shutdown(wait=False),
        "cancel": lambda: pool.shutdown(wait=False, cancel_futures=True),
        "statistics": pool.statistics,
    }


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize("name", ["offer", "discard_oldest", "shutdown", "cancel", "statistics"])
def test_wherever_a_call_is_interrupted_every_accepted_job_has_its_fate(name: str) -> None:
    for at in itertools.count(1):
        held, old, new = Held(), [Told(), Told()], [Told() for _ in range(3)]
        pool = WorkerPool(2, minimum=1, queue=4)
        busy(pool, held, old)
        struck = Interrupt(at).strike(operations(pool, new)[name])
        held.go.set()
        pool.shutdown(wait=False)
        assert pool.join(PATIENCE) == []
        assert all(len(job.fate) == 1 for job in old), (at, [job.fate for job in old])
        assert all(len(job.fate) <= 1 for job in new), at
        assert (pool.statistics().threads, pool.statistics().queued) == (0, 0)
        if not struck:
            break
    assert at > 3


@pytest.mark.usefixtures("no_collector")
def test_wherever_a_submitter_that_waits_for_room_is_interrupted_the_next_one_gets_it() -> None:
    for at in itertools.count(1):
        held, waiting, turn = Held(), threading.Semaphore(0), threading.Event()
        others: list[threading.Thread] = []
        pools: list[WorkerPool] = []

        def before(
            held: Held = held,
            waiting: threading.Semaphore = waiting,
            others: list[threading.Thread] = others,
            pools: list[WorkerPool] = pools,
        ) -> None:
            if threading.current_thread() is not threading.main_thread():
                waiting.release()
            elif not others:
                others.append(threading.Thread(target=lambda: pools[0].execute(int), daemon=True))
                others[0].start()
                assert waiting.acquire(timeout=PATIENCE)
                held.go.set()

        pool, queued = full_pool(held, Saturation.BLOCK, 1, CallbackConditions(before))
        pools.append(pool)
        struck = Interrupt(at).strike(partial(pool.execute, int))
        held.go.set()
        for other in others:
            other.join(PATIENCE)
            assert not other.is_alive(), at
        assert queued[0].result(PATIENCE) == "0"
        pool.execute(turn.set)
        assert turn.wait(PATIENCE)
        pool.shutdown(wait=False)
        assert pool.join(PATIENCE) == []
        if not struck:
            break
    assert at > 10
