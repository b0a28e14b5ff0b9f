"""TaskGroup: joins its tasks, cancels them together, raises what they raise together."""

from __future__ import annotations

from typing import Any

import pytest

from nio.errors import IllegalStateError
from nio.tasks import Cancelled, TaskGroup, current_task, sleep, suspend, timeout
from nio.tasks._tasks import tasks_of
from tests.unit.tasks.support import Stage

LOG = list[Any]


async def working(log: LOG, seconds: float, error: BaseException | None = None) -> float:
    try:
        await sleep(seconds)
        if error is not None:
            raise error
    except Cancelled:
        log.append(f"{seconds} cancelled")
        raise
    log.append(seconds)
    return seconds


def test_the_block_waits_for_its_tasks_and_they_have_results() -> None:
    log: LOG = []

    async def main() -> list[float]:
        async with TaskGroup() as group:
            tasks = [group.spawn(working, log, seconds) for seconds in (2, 1)]
            log.append(repr(group))
        log.append(repr(group))
        return [await task for task in tasks]

    with Stage() as stage:
        task = stage.begin(main)
        stage.advance(1)
        assert (log, task.is_done) == (["TaskGroup(open, tasks=2)", 1], False)
        stage.advance(1)
        assert task._value == [2, 1]
        assert log[1:] == [1, 2, "TaskGroup(over, tasks=0)"]
        assert stage.live == []


def test_an_empty_group_is_over_at_once() -> None:
    async def main() -> None:
        async with TaskGroup():
            pass

    with Stage() as stage:
        stage.ended(main)


def test_the_first_failure_cancels_the_siblings_and_the_block() -> None:
    log: LOG = []

    async def main() -> None:
        async with TaskGroup() as group:
            group.spawn(working, log, 1, ValueError("first"))
            group.spawn(working, log, 5)
            await sleep(9)
            log.append("never")

    with Stage() as stage:
        task = stage.begin(main)
        stage.advance(1)
        assert isinstance(task._error, ExceptionGroup)
        assert [repr(error) for error in task._error.exceptions] == ["ValueError('first')"]
        assert log == ["5 cancelled"]


def test_what_several_raise_is_raised_together() -> None:
    async def stubborn() -> None:
        try:
            await sleep(9)
        finally:
            raise KeyError("in its clean-up")

    async def main() -> None:
        async with TaskGroup() as group:
            group.spawn(working, [], 1, ValueError())
            group.spawn(stubborn)

    with Stage() as stage:
        task = stage.begin(main)
        stage.advance(1)
        assert isinstance(task._error, ExceptionGroup)
        assert {type(error) for error in task._error.exceptions} == {ValueError, KeyError}


def test_an_error_of_the_block_cancels_the_tasks() -> None:
    log: LOG = []

    async def main() -> None:
        async with TaskGroup() as group:
            group.spawn(working, log, 5)
            await sleep(0)
            raise LookupError("block")

    with Stage() as stage:
        with pytest.raises(ExceptionGroup) as raised:
            stage.ended(main)
        assert [type(error) for error in raised.value.exceptions] == [LookupError]
        assert log == ["5 cancelled"]


def test_a_child_that_was_cancelled_alone_is_no_failure() -> None:
    log: LOG = []

    async def main() -> None:
        async with TaskGroup() as group:
            group.spawn(working, log, 1)
            group.spawn(working, log, 2).cancel()

    with Stage() as stage:
        task = stage.begin(main)
        stage.advance(1)
        assert (task.is_done, task._error, log) == (True, None, ["2 cancelled", 1])


def test_cancel_ends_the_block_and_its_tasks_without_an_error() -> None:
    log: LOG = []

    async def main() -> str:
        async with TaskGroup() as group:
            group.spawn(working, log, 5)
            await sleep(0)
            group.cancel()
            group.cancel()
            log.append(repr(group))
            await sleep(9)
        log.append("after")
        await sleep(0)
        group.cancel()
        return "on"

    with Stage() as stage:
        assert stage.ended(main) == "on"
        assert log == ["TaskGroup(cancelled, tasks=1)", "5 cancelled", "after"]


def test_the_last_statement_may_cancel_and_nothing_is_left_of_that() -> None:
    async def main() -> str:
        async with TaskGroup() as group:
            group.cancel()
        await sleep(0)
        return "on"

    with Stage() as stage:
        assert stage.ended(main) == "on"


def test_whoever_cancels_the_host_cancels_the_children_and_is_heard_of() -> None:
    log: LOG = []

    async def main() -> None:
        async with TaskGroup() as group:
            group.spawn(working, log, 5)

    with Stage() as stage:
        task = stage.begin(main)
        task.cancel()
        stage.turns()
        assert log == ["5 cancelled"]
        assert isinstance(task._error, Cancelled)
        assert stage.live == []


def test_a_cancel_while_the_children_clean_up() -> None:
    async def slow() -> None:
        try:
            await sleep(9)
        finally:
            await sleep(1)

    async def main() -> None:
        async with TaskGroup() as group:
            group.spawn(slow)
            await sleep(9)

    with Stage() as stage:
        task = stage.begin(main)
        task.cancel()
        stage.turns()
        assert not task.is_done
        task.cancel()  # heard while the group waits
        stage.turns()
        assert not task.is_done
        stage.advance(1)
        assert isinstance(task._error, Cancelled)


def test_errors_count_for_more_than_a_cancel() -> None:
    async def failing() -> None:
        try:
            await sleep(9)
        finally:
            raise ValueError

    async def main() -> None:
        async with TaskGroup() as group:
            group.spawn(failing)

    with Stage() as stage:
        task = stage.begin(main)
        task.cancel()
        stage.turns()
        assert isinstance(task._error, ExceptionGroup)


def test_groups_may_be_nested_and_each_has_its_own() -> None:
    log: LOG = []

    async def inner() -> None:
        async with TaskGroup() as group:
            group.spawn(working, log, 1, ValueError("deep"))
            group.spawn(working, log, 5)

    async def main() -> None:
        async with TaskGroup() as group:
            group.spawn(inner)
            group.spawn(working, log, 7)

    with Stage() as stage:
        task = stage.begin(main)
        stage.advance(1)
        assert isinstance(task._error, ExceptionGroup)
        assert task._error.subgroup(ValueError) is not None
        assert sorted(log) == ["5 cancelled", "7 cancelled"]


def test_a_timeout_around_a_group_cancels_it() -> None:
    log: LOG = []

    async def main() -> None:
        with pytest.raises(TimeoutError):
            async with timeout(1), TaskGroup() as group:
                group.spawn(working, log, 5)

    with Stage() as stage:
        task = stage.begin(main)
        stage.advance(1)
        assert (task.is_done, log) == (True, ["5 cancelled"])


def test_a_task_that_comes_while_the_group_ends_is_cancelled_at_once() -> None:
    log: LOG = []

    async def late(group: TaskGroup) -> None:
        try:
            await sleep(9)
        finally:
            group.spawn(working, log, 3)

    async def main() -> None:
        async with TaskGroup() as group:
            group.spawn(late, group)
            await sleep(0)
            group.cancel()

    with Stage() as stage:
        stage.ended(main)
        assert log == ["3 cancelled"]


def test_a_group_is_good_for_one_block() -> None:
    async def main() -> None:
        group = TaskGroup()
        with pytest.raises(IllegalStateError, match=r"has not begun: async with TaskGroup\(\) as group"):
            group.spawn(working, [], 1)
        async with group:
            with pytest.raises(TypeError, match="takes a coroutine function"):
                group.spawn(print)  # type: ignore[arg-type]
        with pytest.raises(IllegalStateError, match="this group has ended"):
            group.spawn(working, [], 1)
        with pytest.raises(IllegalStateError, match="good for one block"):
            await group.__aenter__()
        assert await TaskGroup().__aexit__(None, None, None)

    with Stage() as stage:
        stage.ended(main)


def test_a_group_that_was_never_entered_can_be_cancelled() -> None:
    TaskGroup().cancel()


# what leaves


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_of_a_child_leaves_at_once_and_the_group_is_cancelled(kind: type[BaseException]) -> None:
    log: LOG = []

    async def main() -> None:
        async with TaskGroup() as group:
            group.spawn(working, log, 1, kind())
            group.spawn(working, log, 5)

    with Stage() as stage:
        task = stage.begin(main)
        with pytest.raises(kind):
            stage.advance(1)
        assert log == []
        stage.turns()  # whoever runs the reactor again
        assert log == ["5 cancelled"]
        assert isinstance(task._error, Cancelled)


def test_an_interrupt_of_the_block_leaves() -> None:
    log: LOG = []

    async def main() -> None:
        async with TaskGroup() as group:
            group.spawn(working, log, 5)
            await sleep(0)
            raise KeyboardInterrupt

    with Stage() as stage:
        with pytest.raises(KeyboardInterrupt):
            stage.ended(main)
        stage.turns()
        assert log == ["5 cancelled"]


def test_the_close_of_the_reactor_ends_a_group_without_waiting() -> None:
    log: LOG = []

    async def main() -> None:
        try:
            async with TaskGroup() as group:
                group.spawn(working, log, 5)
                await suspend(lambda suspension: None)
        finally:
            log.append("closed")

    with Stage() as stage:
        stage.begin(main)
        tasks = tasks_of(stage.reactor)
        stage.reactor.close()
        assert sorted(log) == ["5 cancelled", "closed"]
        assert not tasks.live


def test_the_current_task_is_the_one_that_runs() -> None:
    async def child() -> str:
        return (await current_task()).name

    async def main() -> list[str]:
        async with TaskGroup() as group:
            task = group.spawn(child)
        return [(await current_task()).name, await task]

    with Stage() as stage:
        names = stage.ended(main)
        assert [name.rpartition(".")[2] for name in names] == ["main", "child"]
