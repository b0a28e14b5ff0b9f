"""Ctrl-C wherever Python looks for signals while tasks are resumed, suspended, cancelled and joined."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import nio
from nio.tasks import Task, TaskGroup, connect, sleep, spawn, timeout, to_worker
from nio.tasks._tasks import tasks_of
from tests.faults import interrupts
from tests.faults.interrupts import Interrupt, every_moment, struck
from tests.faults.test_task_faults import Greeting
from tests.unit.reactor.support import Manual, World

pytestmark = [
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning"),
    pytest.mark.usefixtures("no_collector"),
]


@pytest.fixture(autouse=True)
def in_the_code_of_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    """And of streams; what is below them is struck in other tests."""
    package = Path(nio.__file__).parent
    monkeypatch.setattr(interrupts, "CODE", (str(package / "tasks"), str(package / "reactor" / "streams")))


def nobody_is_lost(world: World) -> None:
    """Every task has ended, or somebody can still resume it; none outlives the reactor."""
    world.turns(6)
    tasks = list(tasks_of(world.reactor).live)
    assert [task for task in tasks if task._op is None and not task.is_done] == []
    world.reactor.close()
    assert [task for task in tasks if not task.is_done] == []


def has_ended(world: World, task: Task[Any]) -> None:
    """When all limits are over, and whatever slept is awake: it has not waited in vain."""
    for _ in range(4):
        with suppress(KeyboardInterrupt):  # which a group passes on when all its tasks have ended
            world.turns(12)
            world.advance(61)
    assert task.is_done


def is_served(world: World) -> None:
    peer = world.connect()
    peer.send(b"bob\n")
    assert peer.read(10) == b"Hello bob\n"


@pytest.mark.parametrize("data", [b"ann\n", b"ann\nbob\ncarl\n"])
def test_a_client_is_served(data: bytes) -> None:
    def scene(interrupt: Interrupt) -> None:
        with World(Greeting) as world:
            peer = world.connect()
            world.turns()
            peer.send(data)
            struck(interrupt, world.turns, 3)
            is_served(world)
            nobody_is_lost(world)

    every_moment(scene)


def test_a_client_comes_and_goes() -> None:
    def scene(interrupt: Interrupt) -> None:
        with World(Greeting) as world:
            peer = world.dial()
            peer.send(b"ann\n")
            peer.half_close()
            struck(interrupt, world.turns, 5)
            is_served(world)
            nobody_is_lost(world)

    every_moment(scene)


async def resting(seconds: float) -> None:
    await sleep(seconds)


async def in_a_group() -> None:
    async with TaskGroup() as group:
        group.spawn(resting, 0)
        group.spawn(resting, 5)
        await sleep(0)
        group.cancel()


async def in_a_hurry() -> None:
    try:
        async with timeout(0):
            await sleep(5)
    except TimeoutError:
        await sleep(0)


async def asking(address: Any) -> None:
    async with await connect(address) as stream:
        await stream.send(b"ann\n")
        await stream.receive()


async def working() -> None:
    await to_worker(int)


@pytest.mark.parametrize("fn", [in_a_group, in_a_hurry, working])
def test_a_task_runs_to_its_end(fn: Any) -> None:
    def scene(interrupt: Interrupt) -> None:
        manual = Manual()
        with World(Greeting, workers=manual) as world:
            task = spawn(world.reactor, fn)
            struck(interrupt, world.turns, 2)
            while manual.waiting:
                manual.run_one()
            struck(interrupt, world.turns, 5)
            is_served(world)
            while manual.waiting:  # of a first step that came late
                manual.run_one()
            has_ended(world, task)
            nobody_is_lost(world)

    every_moment(scene)


def test_a_task_connects_and_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interrupts, "CODE", interrupts.CODE[:1])  # it is long

    def scene(interrupt: Interrupt) -> None:
        with World(Greeting) as world:
            task = spawn(world.reactor, asking, world.address)
            struck(interrupt, world.turns, 12)
            is_served(world)
            has_ended(world, task)
            nobody_is_lost(world)

    every_moment(scene)
