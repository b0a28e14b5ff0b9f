"""Calls that are made elsewhere, and how their outcome comes back to the loop."""

from __future__ import annotations

import gc
import multiprocessing
import threading
import time
import weakref
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

import pytest

from nio.errors import IllegalStateError, RejectedExecutionError, WorkerStartError
from nio.executors import Saturation, WorkerPool
from nio.reactor import CloseReason, Reactor
from tests.unit.reactor.support import PATIENCE, Gate, Greeter, Kernel, Manual, World, in_a_thread

Place = tuple[Reactor, Executor | None]


def turn_until(reactor: Reactor, condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        reactor.turn(0.005)


class Outcomes:
    """What ``then`` was called with, and in which thread."""

    def __init__(self) -> None:
        self.futures: list[Future[Any]] = []
        self.threads: set[int] = set()

    def __call__(self, future: Future[Any]) -> None:
        self.futures.append(future)
        self.threads.add(threading.get_ident())

    def results(self) -> list[Any]:
        return [future.exception() or future.result() for future in self.futures]


@pytest.fixture(params=["no workers", "workers", "threads", "pool", "executor=", "executor=pool"])
def place(request: pytest.FixtureRequest) -> Any:
    """A reactor, and the ``executor`` for its deferred calls."""
    with ThreadPoolExecutor(2) as threads, WorkerPool(2) as pool:
        workers: Any = {"workers": 2, "threads": threads, "pool": pool}.get(request.param, 0)
        executor = {"executor=": threads, "executor=pool": pool}.get(request.param)
        with Reactor.open(workers=workers) as reactor:
            yield reactor, executor


def test_an_outcome_is_freed_without_the_garbage_collector(place: Place) -> None:
    reactor, executor = place
    gc.collect()
    gc.disable()
    try:
        kept = [Outcomes()]
        future = reactor.defer(bytes, 1, then=kept[0], executor=executor)
        turn_until(reactor, lambda: kept[0].futures)
        gone = weakref.ref(kept.pop()), weakref.ref(future)
        del future
        turn_until(reactor, lambda: [ref() for ref in gone] == [None, None])
    finally:
        gc.enable()


def test_the_outcome_comes_back_to_the_loop(place: Place) -> None:
    reactor, executor = place
    outcomes = Outcomes()
    seen: list[int] = []

    def work(word: str) -> str:
        seen.append(threading.get_ident())
        return word * 2

    future = reactor.defer(work, "ab", then=outcomes, executor=executor)
    turn_until(reactor, lambda: outcomes.futures)
    assert outcomes.futures == [future]
    assert future.result(0) == "abab"
    assert outcomes.threads == {threading.get_ident()}
    assert seen != [threading.get_ident()]


def test_what_it_raises_is_the_outcome(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    reactor, executor = place
    outcomes = Outcomes()
    reactor.defer(int, "no number", then=outcomes, executor=executor)
    turn_until(reactor, lambda: outcomes.futures)
    assert isinstance(outcomes.futures[0].exception(0), ValueError)
    assert caplog.records == []


def test_without_then_an_error_is_reported(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    reactor, executor = place
    errors: list[tuple[type[BaseException], str]] = []
    reactor.on_error(lambda error, kind: errors.append((type(error), kind)))
    reactor.defer(int, "no number", executor=executor)
    turn_until(reactor, lambda: errors)
    assert errors == [(ValueError, "deferred call")]
    assert "a deferred call raised" in caplog.text
    done = reactor.defer(int, "7", executor=executor)
    turn_until(reactor, done.done)
    assert done.result(0) == 7


def test_from_a_handler_a_timer_and_a_tick_with_workers() -> None:
    outcomes = Outcomes()

    class Defers(Greeter):
        def on_open(self) -> None:
            self.reactor.defer(int, "1", then=outcomes)
            self.reactor.call_later(0, self.reactor.defer, int, "2")
            self.reactor.execute(lambda: self.reactor.defer(int, "3", then=outcomes))

    with World(Defers, workers=1) as world:
        world.connect()
        world.until(lambda: len(outcomes.futures) == 2)
        assert outcomes.results() == [1, 3]


def test_outside_a_turn_the_next_one_does_not_sleep() -> None:
    outcomes = Outcomes()
    with Reactor.open(workers=1) as reactor:
        reactor.defer(int, "1", then=outcomes)
        begin = time.monotonic()
        while not outcomes.futures:
            reactor.turn(PATIENCE)
        assert time.monotonic() - begin < PATIENCE


def test_a_full_pool_makes_calls_wait_and_not_the_loop() -> None:
    outcomes, gate = Outcomes(), Gate()
    with WorkerPool(1, queue=1, saturation=Saturation.BLOCK) as pool, Reactor.open() as reactor, gate:
        reactor.defer(gate, then=outcomes, executor=pool)
        assert gate.begun.acquire(timeout=PATIENCE)
        for number in range(20):
            reactor.defer(int, number, then=outcomes, executor=pool)
        reactor.turn(0)
        assert outcomes.futures == []
        gate.release.set()
        turn_until(reactor, lambda: len(outcomes.futures) == 21)
        assert outcomes.results() == [None, *range(20)]


def test_a_pool_that_takes_no_more_calls_refuses_by_the_outcome() -> None:
    outcomes, gate = Outcomes(), Gate()
    with WorkerPool(1, queue=1, saturation=Saturation.ABORT) as pool, Reactor.open() as reactor, gate:
        reactor.defer(gate, then=outcomes, executor=pool)
        assert gate.begun.acquire(timeout=PATIENCE)
        for _ in range(2):
            reactor.defer(int, then=outcomes, executor=pool)
        turn_until(reactor, lambda: outcomes.futures)
        assert [type(result) for result in outcomes.results()] == [RejectedExecutionError]


def test_an_executor_that_is_shut_down_refuses_by_the_outcome(reactor: Reactor) -> None:
    outcomes = Outcomes()
    pool = ThreadPoolExecutor(1)
    pool.shutdown()
    reactor.defer(int, then=outcomes, executor=pool)
    assert outcomes.futures == []  # not before the next turn
    reactor.turn(0)
    assert [type(result) for result in outcomes.results()] == [RuntimeError]


def test_executors_are_strangers(reactor: Reactor) -> None:
    class Odd(Manual):
        answer: Any = None

        def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
            return self.answer

    class Mute(Future[Any]):
        def exception(self, timeout: float | None = None) -> BaseException | None:
            raise KeyError("it does not tell")

    outcomes, odd = Outcomes(), Odd()
    reactor.defer(int, then=outcomes, executor=odd)
    odd.answer = mute = Mute()
    reactor.defer(int, then=outcomes, executor=odd)
    mute.set_result(1)
    reactor.turn(0)
    assert [type(result) for result in outcomes.results()] == [AttributeError, KeyError]


def test_an_executor_that_leaves_leaves(reactor: Reactor) -> None:
    class Rude(Manual):
        def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
            raise SystemExit(3)

    outcomes = Outcomes()
    with pytest.raises(SystemExit):
        reactor.defer(int, then=outcomes, executor=Rude())
    reactor.turn(0)
    assert [type(result) for result in outcomes.results()] == [SystemExit]


def test_a_broken_executor_of_the_reactor_is_the_outcome_of_its_calls() -> None:
    class Pool(Manual):
        _broken = False

    outcomes, pool = Outcomes(), Pool()
    with Reactor.open(workers=lambda: pool) as reactor:
        reactor.defer(int, then=outcomes)
        reactor.turn(0)
        pool._broken = True
        pool.waiting.popleft()[0].set_exception(BrokenExecutor("a worker was killed"))
        reactor.turn(0)
        assert [type(result) for result in outcomes.results()] == [BrokenExecutor]


def test_it_may_be_made_in_another_process() -> None:
    outcomes = Outcomes()
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn) as pool, Reactor.open(workers=pool) as reactor:
        reactor.defer(divmod, 17, 5, then=outcomes)
        reactor.defer(divmod, 17, 5, then=outcomes, executor=pool)
        turn_until(reactor, lambda: len(outcomes.futures) == 2)
    assert outcomes.results() == [(3, 2)] * 2


# whose error it is


def test_what_then_raises_is_reported_and_a_handler_s_is_the_handler_s(caplog: pytest.LogCaptureFixture) -> None:
    class Curious(Greeter):
        def on_open(self) -> None:
            self.reactor.defer(int, "1", then=self.answer)

        def answer(self, future: Future[int]) -> None:
            raise KeyError(future.result())

    kinds: list[str] = []
    with World(Curious, workers=1) as world:
        world.reactor.on_error(lambda error, kind: kinds.append(kind))
        peer = world.connect()
        assert peer.read_to_end() == b""
        peer.close()
        world.until(lambda: world.handler.reasons)
        assert world.handler.reasons == [CloseReason.HANDLER_ERROR]
        assert kinds == []
        world.reactor.defer(int, "1", then=[].__getitem__)  # type: ignore[arg-type]  # it is to raise
        world.until(lambda: kinds)
        assert kinds == ["then"]


@pytest.mark.parametrize("leaving", [KeyboardInterrupt, SystemExit])
def test_what_leaves_in_a_worker_is_an_outcome_and_in_then_it_leaves(
    reactor: Reactor, leaving: type[BaseException]
) -> None:
    def leave(*args: object) -> None:
        raise leaving

    kinds: list[str] = []
    reactor.on_error(lambda error, kind: kinds.append(f"{type(error).__name__} in a {kind}"))
    reactor.defer(leave)
    turn_until(reactor, lambda: kinds)
    assert kinds == [f"{leaving.__name__} in a deferred call"]
    reactor.defer(int, then=leave)
    with pytest.raises(leaving):
        turn_until(reactor, lambda: False)


# the future


def test_cancelled_before_it_began_it_is_not_made_and_nobody_hears(reactor: Reactor) -> None:
    manual, outcomes, calls = Manual(), Outcomes(), list[int]()
    with Reactor.open(workers=manual) as pooled:
        for place, executor in ((pooled, None), (reactor, manual)):
            future = place.defer(calls.append, 1, then=outcomes, executor=executor)
            place.turn(0)
            assert future.cancel()
            manual.run_one()
            place.turn(0)
            place.turn(0)
            assert future.cancelled()
    assert calls == []
    assert outcomes.futures == []


@pytest.mark.parametrize("workers", [0, 1])
def test_a_cancelled_call_that_waits_for_a_thread_is_not_kept(workers: int) -> None:
    gate, calls = Gate(), list[int]()
    with Reactor.open(workers=workers) as reactor, gate:
        blocked = [reactor.defer(gate) for _ in range(workers or 4)]
        futures = [reactor.defer(calls.append, 1) for _ in range(10)]
        reactor.turn(0)
        for _ in blocked:
            assert gate.begun.acquire(timeout=PATIENCE)
        in_a_thread(lambda: [future.cancel() for future in futures])
        gate.release.set()
        turn_until(reactor, lambda: all(future.done() for future in blocked))
        assert not reactor._deferred.unsettled
    assert calls == []


def test_cancelled_while_it_is_made_nobody_hears(reactor: Reactor) -> None:
    outcomes, gate = Outcomes(), Gate()
    with gate:
        future = reactor.defer(gate, then=outcomes)
        assert gate.begun.acquire(timeout=PATIENCE)
        in_a_thread(future.cancel)
        gate.release.set()
        turn_until(reactor, lambda: not reactor._deferred.unsettled)
    assert outcomes.futures == []


def test_a_cancel_by_the_executor_is_a_rejection(reactor: Reactor) -> None:
    manual, outcomes = Manual(), Outcomes()
    reactor.defer(int, then=outcomes, executor=manual)
    manual.waiting.popleft()[0].cancel()
    reactor.turn(0)
    assert [type(result) for result in outcomes.results()] == [RejectedExecutionError]


# the end


def test_close_tells_whoever_waits() -> None:
    outcomes, manual = Outcomes(), Manual()
    with Reactor.open(workers=manual) as reactor:
        reactor.defer(int, then=outcomes)
        reactor.turn(0)
        reactor.defer(int, then=outcomes, executor=manual)
        manual.run_one()
    assert [str(result) for result in outcomes.results()] == [
        "0",  # its completion was there
        "the reactor was closed before the deferred call had ended",
    ]
    manual.run_one()
    assert len(outcomes.futures) == 2
    with pytest.raises(RejectedExecutionError, match="the reactor is closed"):
        reactor.defer(int)


def test_the_pool_of_its_own_ends_with_the_reactor() -> None:
    before = threading.active_count()
    with Reactor.open() as reactor, WorkerPool(1) as pool:
        reactor.turn(0)
        assert threading.active_count() == before
        for _ in range(2):
            reactor.defer(int)
            reactor.defer(int, executor=pool)
        assert threading.active_count() >= before + 4
        turn_until(reactor, lambda: not reactor._deferred.unsettled)
    assert threading.active_count() == before


def test_no_thread_for_the_pool() -> None:
    class Poor(Kernel):
        def start_thread(self, target: Callable[..., object], *args: object, name: str) -> threading.Thread:
            raise RuntimeError("can't start new thread")

    with Reactor.open(provider=Poor()) as reactor, pytest.raises((RuntimeError, WorkerStartError)):
        reactor.defer(int)


# what is refused


def test_what_is_no_function_and_no_executor_is_refused(reactor: Reactor) -> None:
    wrong: Any = 7
    with pytest.raises(TypeError, match=r"defer\(\) takes a function"):
        reactor.defer(wrong)
    with pytest.raises(TypeError, match="then is a function that takes the outcome"):
        reactor.defer(int, then=wrong)
    with pytest.raises(TypeError, match=r"executor is a concurrent\.futures\.Executor, not 7"):
        reactor.defer(int, executor=wrong)
    assert not reactor._deferred.unsettled


def test_from_another_thread_it_is_refused_while_the_reactor_runs(reactor: Reactor) -> None:
    errors: list[str] = []

    def call() -> None:
        try:
            reactor.defer(int)
        except IllegalStateError as error:
            errors.append(str(error))

    reactor.next_tick(in_a_thread, call)
    reactor.turn(0)
    assert "execute(fn, *args)" in errors[0]
