"""A task: its steps, its end, how it is cancelled, what it may await."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import weakref
from collections.abc import AsyncIterator, Generator
from typing import Any

import pytest

from nio.errors import IllegalStateError
from nio.tasks import Cancelled, Suspension, Task, current_task, sleep, spawn, suspend
from nio.tasks._task import Join, pause
from tests.unit.reactor.support import in_a_thread
from tests.unit.tasks.support import Stage

WORD: contextvars.ContextVar[str] = contextvars.ContextVar("WORD", default="none")


async def for_ever() -> None:
    await suspend(lambda suspension: None)


async def value(result: Any) -> Any:
    return result


async def failing() -> None:
    raise ValueError("no")


def test_a_task_returns_to_whoever_awaits_it() -> None:
    async def main(reactor: Any) -> list[object]:
        child = spawn(reactor, value, 5)
        return [await child, await child, child.is_done, repr(child)]

    with Stage() as stage:
        assert stage.ended(main, stage.reactor) == [5, 5, True, "Task(value, ended)"]


def test_what_a_task_raises_is_raised_by_its_await_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def main(reactor: Any) -> None:
        await spawn(reactor, failing)

    with Stage() as stage:
        heard: list[object] = []
        stage.reactor.on_error(lambda error, kind: heard.append((repr(error), kind)))
        with pytest.raises(ValueError, match="no"):
            stage.ended(main, stage.reactor)
    assert caplog.records[0].getMessage() == "the task failing raised"
    assert heard[0] == ("ValueError('no')", "callback")


def test_the_first_step_is_a_tick_and_each_wake_is_one_step() -> None:
    steps: list[object] = []
    waits: list[Suspension] = []

    async def stepping() -> None:
        steps.append("begun")
        steps.append(await suspend(waits.append))
        steps.append(await suspend(waits.append))

    with Stage() as stage:
        task = spawn(stage.reactor, stepping)
        assert steps == []
        assert repr(task) == f"Task({stepping.__qualname__}, running)"
        stage.turns()
        assert steps == ["begun"]
        waits[0].resume(1)
        assert steps == ["begun"]
        stage.turns()
        waits[1].resume(2)
        stage.turns()
        assert steps == ["begun", 1, 2]
        assert task.is_done


def test_a_suspension_resumes_once_and_later_calls_are_nothing() -> None:
    waits: list[Suspension] = []

    async def waiting() -> list[object]:
        first = await suspend(waits.append)
        return [first, await suspend(waits.append)]

    with Stage() as stage:
        task = stage.begin(waiting)
        waits[0].resume("a")
        waits[0].resume("b")
        waits[0].fail(ValueError())
        stage.turns()
        assert not task.is_done
        waits[1].fail(KeyError("c"))
        stage.turns()
        assert isinstance(task._error, KeyError)
        waits[1].resume("d")
        stage.turns()
    Suspension().resume()  # of no task: nothing
    Suspension().fail(ValueError())


def test_a_suspension_is_resumed_from_another_thread() -> None:
    waits: list[Suspension] = []

    async def waiting() -> object:
        return await suspend(waits.append)

    with Stage() as stage:
        task = stage.begin(waiting)
        in_a_thread(waits[0].resume, 7)
        stage.until(lambda: task.is_done)
        assert task._value == 7


def test_what_arrange_raises_is_raised_by_the_await() -> None:
    def arrange(suspension: Suspension) -> None:
        raise KeyError("arranged")

    async def waiting() -> str:
        with pytest.raises(KeyError):
            await suspend(arrange)
        return "on"

    with Stage() as stage:
        assert stage.ended(waiting) == "on"


def test_a_keyboard_interrupt_of_arrange_leaves() -> None:
    def arrange(suspension: Suspension) -> None:
        raise KeyboardInterrupt

    with Stage() as stage:
        spawn(stage.reactor, suspend, arrange)
        with pytest.raises(KeyboardInterrupt):
            stage.turns()


# cancelling


def test_cancelled_is_raised_where_the_task_waits_and_the_clean_up_may_await() -> None:
    told: list[object] = []

    async def cleaning() -> None:
        try:
            await suspend(lambda suspension: None, on_cancel=lambda: told.append("let go"))
        except Cancelled as error:
            told.append(error.by)
            raise
        finally:
            await sleep(1)
            told.append("clean")

    with Stage() as stage:
        task = stage.begin(cleaning)
        task.cancel()
        assert told == []
        stage.turns()
        assert told == ["let go", None]
        stage.advance(1)
        assert told == ["let go", None, "clean"]
        assert task.is_done
        task.cancel()
        stage.turns()


def test_who_awaits_a_task_that_was_cancelled_is_told_so() -> None:
    async def main(child: Task[None]) -> None:
        with pytest.raises(IllegalStateError, match="for_ever was cancelled: it has no result"):
            await child

    with Stage() as stage:
        child = stage.begin(for_ever)
        task = stage.begin(main, child)
        child.cancel()
        stage.turns()
        assert task.is_done
        assert task._error is None
        assert "ended by Cancelled" in repr(child)


def test_a_cancel_before_the_first_step_ends_the_task_unbegun() -> None:
    begun: list[int] = []

    async def main() -> None:
        begun.append(1)

    with Stage() as stage:
        task = spawn(stage.reactor, main)
        task._pending.append(None)
        task._look_for_cancel()
        stage.turns()
        assert (task.is_done, begun) == (True, [])


def test_a_task_that_cancels_itself_hears_of_it_at_its_next_await() -> None:
    steps: list[object] = []

    async def main() -> None:
        (await current_task()).cancel()
        steps.append("goes on")
        try:
            await for_ever()
        except Cancelled:
            steps.append("cancelled")

    with Stage() as stage:
        stage.ended(main)
        assert steps == ["goes on", "cancelled"]


def test_a_task_that_swallows_its_cancelling_goes_on_and_is_asked_no_second_time() -> None:
    async def stubborn() -> str:
        try:
            await for_ever()
        except Cancelled:
            pass
        await sleep(1)
        return "still here"

    with Stage() as stage:
        task = stage.begin(stubborn)
        task.cancel()
        stage.turns()
        stage.advance(1)
        assert task._value == "still here"


def test_a_task_is_cancelled_from_another_thread() -> None:
    with Stage() as stage:
        task = stage.begin(for_ever)
        in_a_thread(task.cancel)
        stage.until(lambda: task.is_done)
        assert isinstance(task._error, Cancelled)


def test_two_cancels_are_two_awaits() -> None:
    seen: list[str] = []

    async def twice() -> None:
        for word in ("first", "second"):
            try:
                await for_ever()
            except Cancelled:
                seen.append(word)

    with Stage() as stage:
        task = stage.begin(twice)
        task.cancel()
        task.cancel()
        stage.turns()
        assert seen == ["first", "second"]


def test_the_await_of_a_task_is_cancelled_and_the_task_goes_on() -> None:
    async def main(child: Task[None]) -> None:
        await child

    with Stage() as stage:
        child = stage.begin(for_ever)
        first, second = stage.begin(main, child), stage.begin(main, child)
        first.cancel()
        stage.turns()
        assert (first.is_done, second.is_done, child.is_done) == (True, False, False)
        assert len(child._joins) == 1
        child.cancel()
        second._look_for_cancel()
        stage.turns()
        assert second.is_done


def test_an_await_of_a_task_that_ends_in_the_same_moment() -> None:
    """It is asked, and the other one ends before the wait has begun."""

    async def main(child: Task[Any]) -> Any:
        join = Join(child)
        child.is_done = True
        try:
            return await pause(join)
        finally:
            child.is_done = False

    with Stage() as stage:
        child = stage.begin(for_ever)
        assert stage.ended(main, child) is None


def test_a_join_that_was_told_and_is_cancelled_before_it_has_run() -> None:
    async def main(child: Task[None]) -> None:
        await child

    with Stage() as stage:
        child = stage.begin(for_ever)
        task = stage.begin(main, child)
        child.cancel()
        stage.reactor.next_tick(task.cancel)
        stage.turns()
        assert task.is_done


# what may be awaited


def test_a_task_may_not_await_its_own_end() -> None:
    async def main() -> None:
        with pytest.raises(IllegalStateError, match="main awaits its own end"):
            await (await current_task())

    with Stage() as stage:
        stage.ended(main)


class Strange:
    def __await__(self) -> Generator[Any, Any, None]:
        yield "whatever"


def foreign_cases() -> list[tuple[str, Any]]:
    async def of_asyncio() -> None:
        loop = asyncio.new_event_loop()
        try:
            await loop.create_future()
        finally:
            loop.close()

    async def bare_yield() -> None:
        await asyncio.sleep(0)

    async def strange() -> None:
        await Strange()

    return [("asyncio, a Future", of_asyncio), ("another framework", bare_yield), ("builtins, a str", strange)]


@pytest.mark.parametrize(("whose", "fn"), foreign_cases(), ids=["asyncio", "bare yield", "strange"])
def test_an_await_of_others_says_what_to_write(whose: str, fn: Any) -> None:
    with Stage() as stage, pytest.raises(TypeError, match=rf"{whose}.*write sleep\(\), connect\(\) or to_worker\(\)"):
        stage.ended(fn)


def test_a_task_may_go_on_after_such_an_await() -> None:
    async def main() -> str:
        with pytest.raises(TypeError):
            await Strange()
        await sleep(0)
        return "on"

    with Stage() as stage:
        assert stage.ended(main) == "on"


async def generator() -> AsyncIterator[int]:
    yield 1


@pytest.mark.parametrize(
    ("fn", "args", "words"),
    [
        (print, (), r"async def fn\(\.\.\.\); got <built-in function print>"),
        (5, (), "got 5"),
        (generator, (), "takes a coroutine function"),
        (lambda: asyncio, (), "takes a coroutine function"),
    ],
)
def test_what_is_no_coroutine_function_is_refused(fn: Any, args: tuple[Any, ...], words: str) -> None:
    with Stage() as stage, pytest.raises(TypeError, match=words):
        spawn(stage.reactor, fn, *args)


def test_a_coroutine_instead_of_a_function_is_closed_and_told() -> None:
    coro: Any = for_ever()
    with Stage() as stage, pytest.raises(TypeError, match=r"spawn\(fn, x\) and not spawn\(fn\(x\)\)"):
        spawn(stage.reactor, coro)
    with pytest.raises(RuntimeError, match="cannot reuse"):
        coro.send(None)


# context, memory


def test_context_variables_are_the_tasks_own() -> None:
    seen: list[str] = []

    async def child(word: str) -> None:
        seen.append(WORD.get())
        WORD.set(word)
        await sleep(0)
        seen.append(WORD.get())

    async def main(reactor: Any) -> None:
        WORD.set("parent")
        tasks = [spawn(reactor, child, "a"), spawn(reactor, child, "b")]
        for task in tasks:
            await task
        seen.append(WORD.get())

    with Stage() as stage:
        stage.ended(main, stage.reactor)
        assert seen == ["parent", "parent", "a", "b", "parent"]
        assert WORD.get() == "none"


def test_a_task_that_has_ended_is_freed_without_the_garbage_collector() -> None:
    gc.collect()
    gc.disable()
    try:
        with Stage() as stage:
            gone = weakref.ref(stage.begin(value, 1))
            stage.turns()
            assert gone() is None
            task = stage.begin(for_ever)
            task.cancel()
            stage.turns()
            gone = weakref.ref(task)
            task._error = None  # its traceback is the test's to keep
            del task
            assert gone() is None
    finally:
        gc.enable()


def test_spawn_from_another_thread_is_refused_while_the_reactor_runs() -> None:
    errors: list[BaseException] = []

    def elsewhere(stage: Stage) -> None:
        try:
            spawn(stage.reactor, for_ever)
        except IllegalStateError as error:
            errors.append(error)

    with Stage() as stage:
        stage.reactor.next_tick(lambda: in_a_thread(elsewhere, stage))
        stage.turns()
    assert "spawn() belongs to the thread that runs the reactor" in str(errors[0])
