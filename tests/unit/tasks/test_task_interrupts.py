"""A Ctrl-C that strikes beside a task's coroutine."""

from __future__ import annotations

from typing import Any

import pytest

from nio.tasks import Cancelled, Suspension, Task, connect, sleep, spawn, suspend, to_worker
from tests.unit.tasks.support import Stage


async def for_ever() -> None:
    await suspend(lambda suspension: None)


async def connecting() -> None:
    await connect(("127.0.0.1", 9))


async def working() -> None:
    await to_worker(print)


@pytest.mark.parametrize(
    ("method", "fn"),
    [("connect", connecting), ("defer", working), ("schedule", lambda: sleep(1))],
    ids=["connect", "defer", "schedule"],
)
def test_a_keyboard_interrupt_while_a_wait_begins(method: str, fn: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*args: object, **options: object) -> None:
        raise KeyboardInterrupt

    with Stage() as stage:
        monkeypatch.setattr(stage.reactor, method, interrupted)
        task = spawn(stage.reactor, fn)
        with pytest.raises(KeyboardInterrupt):
            stage.turns()
        assert not task.is_done
        task.cancel()
        stage.turns()
        assert isinstance(task._error, Cancelled)


@pytest.mark.parametrize("before", [True, False])
def test_a_tick_that_is_struck_makes_up_for_it(before: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the task was taken from its wait it is resumed; after that nobody knows, and it is cancelled."""
    waits: list[Suspension] = []
    go = Task._go

    def struck(task: Task[Any], how: Any, value: Any = None) -> None:
        monkeypatch.setattr(Task, "_go", go)
        if not before:
            task._op = None
        raise KeyboardInterrupt

    async def waiting() -> object:
        return await suspend(waits.append)

    with Stage() as stage:
        task = stage.begin(waiting)
        waits[0].resume(5)
        monkeypatch.setattr(Task, "_go", struck)
        with pytest.raises(KeyboardInterrupt):
            stage.turns()
        stage.turns()
        assert task.is_done
        if before:
            assert task._value == 5
        else:
            assert isinstance(task._error, Cancelled)


def test_a_first_step_that_is_struck_is_no_step(monkeypatch: pytest.MonkeyPatch) -> None:
    with Stage() as stage:
        task = stage.begin(for_ever)
        task.after_interrupt(task._go, ())  # it waits: nothing
        stage.turns()
        assert not task.is_done
        Suspension().after_interrupt(print, ())
        task.cancel()
        stage.turns()
        task.after_interrupt(task._go, ())
