"""Many calls in one: who travels with whom, what one call's fault costs the others, cancelling, the end."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future
from typing import Any
from weakref import ref

import pytest

from nio.errors import IllegalArgumentError, ProtocolError, RejectedExecutionError, WorkerLostError
from nio.executors import BatchExecutor
from nio.executors._calls import Calls, outcome_of, run_calls


class Tasks(Executor):
    """Keeps the tasks; one is run as a process would run it, by pickles both ways."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Future[Any], Any]] = []
        self.refusal: BaseException | None = None
        self.shut: list[tuple[bool, bool]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        if self.refusal is not None:
            raise self.refusal
        assert fn is run_calls
        future: Future[Any] = Future()
        self.waiting.append((future, args[0]))
        return future

    def run(self) -> None:
        waiting, self.waiting = self.waiting, []
        for future, calls in waiting:
            if future.set_running_or_notify_cancel():
                outcomes = pickle.dumps(run_calls(pickle.loads(pickle.dumps(calls))))
                future.set_result(pickle.loads(outcomes))

    @property
    def sizes(self) -> list[int]:
        return [len(calls.calls) for _, calls in self.waiting]

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self.shut.append((wait, cancel_futures))


class Odd(Exception):
    """Its pickle cannot be read."""

    def __init__(self, one: str, two: str) -> None:
        super().__init__("odd words")


class Mute(Exception):
    def __str__(self) -> str:
        raise KeyError("mute")


def fail(kind: str) -> Any:
    if kind == "lock":
        return threading.Lock()
    if kind == "deep":
        return [[[[[[[[[[]]]]]]]]]]
    errors: dict[str, BaseException] = {
        "known": ValueError("bad", 7),
        "peer": ProtocolError("the peer's"),
        "odd": Odd("a", "b"),
        "mute": Mute(),
        "exit": SystemExit(3),
        "broken": BrokenExecutor("one of its own"),
        "laden": ValueError(threading.Lock()),
    }
    raise errors[kind]


def test_what_is_collected_goes_with_the_flush_in_tasks_of_the_batch_s_size() -> None:
    tasks = Tasks()
    executor = BatchExecutor(tasks, batch=3)
    futures = [executor.collect(bytes.upper, b"a%d" % number) for number in range(7)]
    assert tasks.sizes == []
    executor.flush()
    assert tasks.sizes == [3, 3, 1]
    executor.flush()
    assert tasks.sizes == [3, 3, 1]
    tasks.run()
    assert [future.result(0) for future in futures] == [b"A%d" % number for number in range(7)]


def test_submit_and_what_is_not_plain_go_alone_at_once() -> None:
    tasks = Tasks()
    executor = BatchExecutor(tasks)
    executor.collect(bytes.upper, b"a")
    number = executor.submit(int, "ff", base=16)
    shape = executor.collect(repr, complex(1, 2))
    assert tasks.sizes == [1, 1]
    tasks.run()
    assert (number.result(0), shape.result(0)) == (255, "(1+2j)")


@pytest.mark.parametrize(
    ("kind", "error", "words"),
    [
        ("known", ValueError, "bad"),
        ("peer", ProtocolError, "the peer's"),
        ("odd", RuntimeError, "Odd: odd words"),
        ("mute", RuntimeError, "Mute, which cannot be told"),
        ("exit", SystemExit, "3"),
        ("broken", RuntimeError, "BrokenExecutor: one of its own"),
        ("laden", RuntimeError, "ValueError: <unlocked"),
        ("lock", TypeError, "fail returned a lock: no plain data, it cannot travel"),
        ("deep", TypeError, "fail returned a list: no plain data"),
    ],
)
def test_a_fault_is_its_own_call_s(kind: str, error: type[BaseException], words: str) -> None:
    tasks = Tasks()
    executor = BatchExecutor(tasks)
    before, bad, after = (
        executor.collect(bytes.upper, b"a"),
        executor.collect(fail, kind),
        executor.collect(bytes.upper, b"b"),
    )
    executor.flush()
    tasks.run()
    assert (before.result(0), after.result(0)) == (b"A", b"B")
    told = bad.exception(0)
    assert type(told) is error
    assert words in str(told)
    if kind != "mute":
        assert "in the worker: " in told.__notes__[0]


def test_plain_data_travels() -> None:
    value = {"a": [1, 2.5, None, True, ("x", b"y")], b"b": {frozenset({1})}}
    assert outcome_of(dict, (value,), {}) == (True, value)
    assert outcome_of(type("Own", (dict,), {}), (), {})[0] is False
    assert outcome_of(dict, ({"a": object()},), {})[0] is False


def test_a_batch_is_cancelled_with_the_last_of_its_calls() -> None:
    tasks = Tasks()
    executor = BatchExecutor(tasks)
    futures = [executor.collect(bytes.upper, b"a") for _ in range(3)]
    executor.flush()
    (batch, _), *_ = tasks.waiting
    assert futures[0].cancel()
    assert futures[1].cancel()
    assert not batch.cancelled()
    assert futures[2].cancel()
    assert batch.cancelled()


def test_a_call_that_is_cancelled_is_left_out_of_the_outcome() -> None:
    tasks = Tasks()
    executor = BatchExecutor(tasks)
    gone, kept = executor.collect(bytes.upper, b"a"), executor.collect(bytes.upper, b"b")
    executor.flush()
    gone.cancel()
    tasks.run()
    assert kept.result(0) == b"B"
    assert gone.cancelled()


def test_a_batch_that_somebody_else_cancels_loses_its_calls() -> None:
    tasks = Tasks()
    executor = BatchExecutor(tasks)
    future = executor.submit(bytes.upper, b"a")
    tasks.waiting[0][0].cancel()
    assert isinstance(future.exception(0), WorkerLostError)


@pytest.mark.parametrize("answer", [7, [], [(True, b"A"), (True, b"B")], [True]])
def test_an_outcome_that_is_none_fails_the_calls(answer: Any) -> None:
    tasks = Tasks()
    executor = BatchExecutor(tasks)
    future = executor.submit(bytes.upper, b"a")
    tasks.waiting[0][0].set_result(answer)
    assert isinstance(future.exception(0), TypeError | ValueError) or future.result(0) == b"A"


def test_an_error_of_the_task_is_that_of_its_calls() -> None:
    tasks = Tasks()
    executor = BatchExecutor(tasks)
    future = executor.submit(bytes.upper, b"a")
    tasks.waiting[0][0].set_exception(OSError("no way"))
    with pytest.raises(OSError, match="no way"):
        future.result(0)
    executor.submit(bytes.upper, b"a")


def test_a_broken_executor_is_remembered() -> None:
    tasks = Tasks()
    executor = BatchExecutor(tasks)
    future = executor.submit(bytes.upper, b"a")
    tasks.waiting[0][0].set_exception(BrokenExecutor("killed"))
    with pytest.raises(BrokenExecutor, match="killed"):
        future.result(0)
    for give in (executor.submit, executor.collect):
        with pytest.raises(BrokenExecutor, match="killed"):
            give(bytes.upper, b"b")


def test_a_task_that_is_refused_fails_its_calls() -> None:
    tasks = Tasks()
    executor = BatchExecutor(tasks)
    future = executor.collect(bytes.upper, b"a")
    tasks.refusal = TypeError("cannot be pickled")
    executor.flush()
    with pytest.raises(TypeError, match="cannot be pickled"):
        future.result(0)


@pytest.mark.parametrize("leaving", [KeyboardInterrupt, SystemExit])
def test_ctrl_c_on_the_way_is_raised_and_loses_the_calls(leaving: type[BaseException]) -> None:
    tasks = Tasks()
    executor = BatchExecutor(tasks)
    future = executor.collect(bytes.upper, b"a")
    tasks.refusal = leaving()
    with pytest.raises(leaving):
        executor.flush()
    assert isinstance(future.exception(0), WorkerLostError)


def test_ctrl_c_while_a_batch_is_put_together_loses_what_was_taken() -> None:
    class Struck(list[Any]):
        def popleft(self) -> Any:
            if len(self) == 1:
                raise KeyboardInterrupt
            return self.pop(0)

    executor = BatchExecutor(Tasks())
    executor._collected = Struck()  # type: ignore[assignment]
    future, rest = executor.collect(bytes.upper, b"a"), executor.collect(bytes.upper, b"b")
    with pytest.raises(KeyboardInterrupt):
        executor.flush()
    assert isinstance(future.exception(0), WorkerLostError)
    assert not rest.done()


def test_another_thread_may_flush_what_this_one_has_collected() -> None:
    class Emptied(list[Any]):
        def popleft(self) -> Any:
            self.clear()
            raise IndexError

    tasks = Tasks()
    executor = BatchExecutor(tasks)
    executor._collected = Emptied()  # type: ignore[assignment]
    executor.collect(bytes.upper, b"a")
    executor.flush()
    assert tasks.sizes == []


def test_shutdown_sends_off_what_was_collected_and_takes_no_more() -> None:
    tasks = Tasks()
    executor = BatchExecutor(tasks)
    future = executor.collect(bytes.upper, b"a")
    executor.shutdown(wait=False, cancel_futures=True)
    assert tasks.shut == [(False, True)]
    tasks.run()
    assert future.result(0) == b"A"
    for give in (executor.submit, executor.collect):
        with pytest.raises(RejectedExecutionError, match="BatchExecutor is shut down"):
            give(bytes.upper, b"b")


@pytest.mark.parametrize("name", ["batch", "backlog"])
def test_bounds_are_counts(name: str) -> None:
    with pytest.raises(IllegalArgumentError, match=name):
        BatchExecutor(Tasks(), **{name: 0})


@pytest.mark.usefixtures("no_collector")
def test_no_garbage_collection_is_needed() -> None:
    tasks = Tasks()
    executor = BatchExecutor(tasks)
    future = executor.submit(bytes.upper, b"a")
    batch = ref(tasks.waiting[0][0])
    tasks.run()
    del future
    assert batch() is None


def test_calls_are_one_object_that_travels() -> None:
    calls = pickle.loads(pickle.dumps(Calls([(bytes.upper, (b"a",), {})])))
    assert run_calls(calls) == [(True, b"A")]
