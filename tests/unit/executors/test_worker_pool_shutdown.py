"""The end of a WorkerPool: its queue, its submitters, signal handlers and stuck threads."""

from __future__ import annotations

import itertools
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from types import FrameType

import pytest

from nio.errors import IllegalStateError, RejectedExecutionError
from nio.executors import Saturation, WorkerPool
from tests.unit.executors.jobs import Held, Told, full_pool, messages
from tests.unit.executors.providers import PATIENCE, CallbackConditions, CallbackThreads, Watched


def test_F05_nothing_is_taken_after_shutdown() -> None:
    for saturation in Saturation:
        pool = WorkerPool(1, saturation=saturation)
        pool.submit(int).result(PATIENCE)
        pool.shutdown()
        calls: list[Callable[[], object]] = [
            lambda p=pool: p.submit(int),  # type: ignore[misc]  # lambda with default
            lambda p=pool: p.execute(int),  # type: ignore[misc]  # lambda with default
            lambda p=pool: p.offer([int, int]),  # type: ignore[misc]  # lambda with default
        ]
        for call in calls:
            with pytest.raises(RejectedExecutionError, match="'worker' is shut down"):
                call()
        assert pool.statistics().rejected == 4


@pytest.mark.usefixtures("eager_switches")
def test_F05_in_a_race_with_shutdown_each_job_is_run_or_refused() -> None:
    for n in range(100):
        pool = WorkerPool(2, minimum=n % 3, queue=4)
        taken: list[Future[int]] = []
        started = threading.Event()

        def submit(pool: WorkerPool, taken: list[Future[int]], started: threading.Event, turns: int) -> None:
            for turn in itertools.count():
                try:
                    taken.append(pool.submit(int))
                except RejectedExecutionError as error:
                    if "shut down" in str(error):
                        return
                if turn == turns:
                    started.set()

        submitter = threading.Thread(target=submit, args=(pool, taken, started, n % 7))
        submitter.start()
        assert started.wait(PATIENCE)
        pool.shutdown()
        submitter.join(PATIENCE)
        assert all(future.done() and future.result(0) == 0 for future in taken)
        assert pool.statistics().completed == len(taken)


@pytest.mark.parametrize("wait_for_it", [True, False])
def test_J05_what_is_queued_at_shutdown_is_run(held: Held, wait_for_it: bool) -> None:
    pool, queued = full_pool(held, Saturation.ABORT)
    told = Told()
    assert pool.discard_oldest() is not None
    assert pool.offer([told]) == 1
    if wait_for_it:
        closer = threading.Thread(target=pool.shutdown)
        closer.start()
        held.go.set()
        closer.join(PATIENCE)
        assert not closer.is_alive()
    else:
        pool.shutdown(wait=False)
        assert not queued[1].done()
        held.go.set()
    assert queued[1].result(PATIENCE) == "1"
    assert pool.join(PATIENCE) == []
    assert told.fate == ["run"]
    figures = pool.statistics()
    assert (figures.completed, figures.discarded, figures.queued, figures.threads) == (3, 1, 0, 0)


def test_J05_what_is_queued_can_be_dropped_at_shutdown_and_its_owners_are_told(
    held: Held, caplog: pytest.LogCaptureFixture
) -> None:
    class Sore(Told):
        def cancel(self) -> None:
            super().cancel()
            raise KeyError("owner")

    pool, queued = full_pool(held, Saturation.ABORT, queue=6)
    told, sore, mute = Told(), Sore(), Held()
    assert pool.discard_oldest() is not None
    assert pool.discard_oldest() is not None
    assert pool.discard_oldest() is not None
    assert pool.offer([sore, mute, told]) == 3
    pool.shutdown(wait=False, cancel_futures=True)
    assert all(future.cancelled() for future in queued)
    assert wait(queued, PATIENCE).not_done == set()
    assert (told.fate, sore.fate, mute.threads) == (["dropped"], ["dropped"], [])
    assert messages(caplog) == ["cancel() of a dropped job raised KeyError"]
    held.go.set()
    pool.shutdown()
    assert (pool.statistics().completed, pool.statistics().discarded) == (1, 9)


def test_F06_shutdown_of_a_pool_that_never_ran_and_twice() -> None:
    for prestart in (False, True):
        provider = Watched()
        pool = WorkerPool(3, prestart=prestart, provider=provider)
        pool.shutdown()
        pool.shutdown(wait=False)
        pool.shutdown(cancel_futures=True)
        assert len(provider.threads) == 3 * prestart
        assert not any(thread.is_alive() for thread in provider.threads)


def test_F06_shutdown_from_workers_does_not_wait_for_themselves() -> None:
    for prestart in (False, True):
        pool = WorkerPool(2, prestart=prestart)
        together = threading.Barrier(2)

        def stop(pool: WorkerPool, together: threading.Barrier) -> None:
            together.wait(PATIENCE)
            pool.shutdown(wait=True)
            with pytest.raises(IllegalStateError, match="a thread that the pool waits for"):
                pool.join()

        futures = [pool.submit(stop, pool, together) for _ in range(2)]
        assert [future.result(PATIENCE) for future in futures] == [None, None]
        assert pool.join(PATIENCE) == []


def test_F06_shutdown_with_a_full_queue_releases_a_waiting_submitter(held: Held) -> None:
    for cancel in (False, True):
        waiting = threading.Event()
        pool, _ = full_pool(held, Saturation.BLOCK, 1, CallbackConditions(waiting.set))
        outcome: list[object] = []

        def submit(pool: WorkerPool, outcome: list[object]) -> None:
            try:
                outcome.append(pool.submit(int))
            except RejectedExecutionError as error:
                outcome.append(error)

        submitter = threading.Thread(target=submit, args=(pool, outcome))
        submitter.start()
        assert waiting.wait(PATIENCE)
        pool.shutdown(wait=False, cancel_futures=cancel)
        submitter.join(PATIENCE)  # the worker is still held: shutdown itself let the submitter go
        assert isinstance(outcome[0], RejectedExecutionError)
        held.go.set()
        assert pool.join(PATIENCE) == []
        held.go.clear()


@pytest.fixture
def on_signal() -> Iterator[Callable[[Callable[[], object]], Callable[[], None]]]:
    """Install a handler; what is returned raises its signal, in the main thread, at once."""
    before = signal.getsignal(signal.SIGUSR1)

    def install(handler: Callable[[], object]) -> Callable[[], None]:
        def handle(number: int, frame: FrameType | None) -> None:
            handler()

        signal.signal(signal.SIGUSR1, handle)
        return lambda: signal.raise_signal(signal.SIGUSR1)

    yield install
    signal.signal(signal.SIGUSR1, before)


Install = Callable[[Callable[[], object]], Callable[[], None]]


@pytest.mark.parametrize("cancel", [False, True])
def test_F06_shutdown_in_a_signal_handler_inside_the_pool(on_signal: Install, cancel: bool) -> None:
    # The signal arrives while the main thread holds the pool's lock, in the middle of starting a thread.
    pools: list[WorkerPool] = []
    calls: list[str] = []

    def handler() -> None:
        for call in (pools[0].discard_oldest, lambda: pools[0].submit(int), lambda: pools[0].offer([int])):
            with pytest.raises(IllegalStateError, match="interrupted the pool"):
                call()
            calls.append("refused")
        pools[0].shutdown(cancel_futures=cancel)
        with pytest.raises(IllegalStateError, match=r"join\(\)"):
            pools[0].join()
        calls.append(repr(pools[0].statistics().threads))

    strike = on_signal(handler)
    armed: list[int] = []
    held = Held()
    provider = CallbackThreads(lambda: strike() if armed else None)
    pool = WorkerPool(2, minimum=1, queue=1, provider=provider)
    pools.append(pool)
    pool.execute(held)
    held.wait_begun()
    queued = pool.submit(int)
    armed.append(1)
    last = pool.submit(str, "accepted before the signal")
    assert calls == ["refused"] * 3 + ["1"]
    assert last.result(PATIENCE) == "accepted before the signal"
    assert queued.cancelled() is cancel
    held.go.set()
    pool.shutdown()
    assert (pool.statistics().discarded, pool.statistics().completed) == (int(cancel), 3 - cancel)


@pytest.mark.parametrize("cancel", [False, True])
def test_F06_shutdown_in_a_signal_handler_while_submitters_wait_for_room(
    on_signal: Install, held: Held, cancel: bool
) -> None:
    # Two wait: a thread, then the main thread, whose handler must not take the lock to tell them.
    waiting = threading.Event()
    pools: list[WorkerPool] = []
    outcomes: list[str] = []
    strike = on_signal(lambda: pools[0].shutdown(cancel_futures=cancel))

    def before_waiting() -> None:
        waiting.set()
        if threading.current_thread() is threading.main_thread():
            strike()
            held.go.set()

    def submit() -> None:
        with pytest.raises(RejectedExecutionError, match="shut down"):
            pools[0].submit(int)
        outcomes.append("refused")

    pool, queued = full_pool(held, Saturation.BLOCK, 1, CallbackConditions(before_waiting))
    pools.append(pool)
    submitter = threading.Thread(target=submit)
    submitter.start()
    assert waiting.wait(PATIENCE)
    submit()
    submitter.join(PATIENCE)
    assert outcomes == ["refused"] * 2
    assert queued[0].cancelled() is cancel
    assert pool.join(PATIENCE) == []


def test_J07_join_names_the_threads_that_are_stuck(held: Held) -> None:
    pool = WorkerPool(3, prestart=True, name="w")
    pool.execute(held)
    held.wait_begun()
    with pytest.raises(IllegalStateError, match="before shutdown"):
        pool.join()
    pool.shutdown(wait=False)
    assert pool.join(0) != []
    while len(stuck := pool.join(0.05)) > 1:
        pass
    assert stuck == held.threads
    held.go.set()
    assert pool.join() == []


def test_J07_a_stuck_job_does_not_keep_the_interpreter_from_ending() -> None:
    program = (
        "import threading, nio.executors\n"
        "began = threading.Event()\n"
        "pool = nio.executors.WorkerPool(2, prestart=True)\n"
        "pool.execute(lambda: (began.set(), threading.Event().wait()))\n"
        "assert began.wait(10)\n"
        "pool.shutdown(wait=False)\n"
        "print('end')\n"
    )
    done = subprocess.run([sys.executable, "-X", "dev", "-W", "error", "-c", program], capture_output=True, timeout=30)
    assert (done.stdout, done.stderr, done.returncode) == (b"end\n", b"", 0)
