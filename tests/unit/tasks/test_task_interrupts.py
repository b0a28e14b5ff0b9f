"""A Ctrl-C that strikes beside a task's coroutine."""

from __future__ import annotations

from typing import Any

import pytest

from nio.reactor import CloseReason
from nio.tasks import Cancelled, Stream, Suspension, Task, connect, sleep, spawn, suspend, to_worker
from nio.tasks._resumed import Resumed
from nio.tasks._timing import Sleep
from tests.unit.reactor.support import World
from tests.unit.tasks.support import Greeting, Stage


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


@pytest.mark.parametrize("waits", [False, True], ids=["first step", "sleep"])
@pytest.mark.parametrize("before", [True, False])
def test_a_step_that_is_struck_before_it_begins_is_taken_again(
    waits: bool, before: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    go, errors = Task._go, [KeyboardInterrupt()]

    def struck(task: Task[Any], how: Any, value: Any = None) -> None:
        if not errors:
            go(task, how, value)
            return
        if not before:
            task._op = None
        raise errors.pop()

    async def sleeping() -> int:
        await sleep(1)
        return 5

    with Stage() as stage:
        if not waits:
            monkeypatch.setattr(Task, "_go", struck)
        task = spawn(stage.reactor, sleeping)
        if waits:
            stage.turns()
            assert isinstance(task._op, Sleep)
            monkeypatch.setattr(Task, "_go", struck)
        with pytest.raises(KeyboardInterrupt):
            stage.advance(1)
        for _ in range(4):
            stage.advance(1)
        assert task.is_done
        assert task._value == (5 if before else None)


def test_a_coroutine_whose_end_nobody_has_noted_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = Resumed._waiter_ended

    def struck(stream: Resumed, task: Task[Any], error: BaseException) -> None:
        monkeypatch.setattr(Resumed, "_waiter_ended", ended)
        raise KeyboardInterrupt

    with World(Greeting) as world:
        peer = world.connect()

        async def once() -> None:
            stream: Any = await connect(world.address)
            stream.write(b"ann\n")
            await stream.receive()

        task = spawn(world.reactor, once)
        world.until(lambda: len(world.handlers) == 2)
        monkeypatch.setattr(Resumed, "_waiter_ended", struck)
        with pytest.raises(KeyboardInterrupt):
            world.until(lambda: task.is_done)
        world.turns()
        assert task.is_done
        assert isinstance(task._error, Cancelled)
        task._note_end()  # again is nothing
        peer.close()


def test_what_is_let_go_of_by_a_close_is_let_go_of_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    let_go = Resumed._let_go

    def struck(stream: Resumed, reason: CloseReason) -> None:
        monkeypatch.setattr(Resumed, "_let_go", let_go)
        raise KeyboardInterrupt

    with World(Greeting) as world:
        world.connect()
        task = spawn(world.reactor, world.handler.wait_closed)
        world.turns()
        monkeypatch.setattr(Resumed, "_let_go", struck)
        with pytest.raises(KeyboardInterrupt):
            world.handler.close()
        world.turns()
        assert task._value is CloseReason.LOCAL


def test_a_close_that_is_struck_before_it_knows_anything() -> None:
    def raising(stream: object) -> None:
        raise KeyboardInterrupt

    stream: Any = type("Struck", (Stream,), {"_state": property(raising)})()
    with pytest.raises(KeyboardInterrupt):
        stream.close()
