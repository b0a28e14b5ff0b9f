"""Slips of whoever writes a task: each is told in words that say what to write instead."""

from __future__ import annotations

from typing import Any

import pytest

from nio.errors import IllegalStateError
from nio.framing import Lines
from nio.reactor import Reactor
from nio.tasks import (
    Listener,
    TaskGroup,
    block_on_all,
    current_task,
    listen,
    run,
    sleep,
    spawn,
    suspend,
    to_worker,
)
from tests.unit.reactor.support import World
from tests.unit.tasks.support import Diary, Greeting, Stage


async def for_ever() -> None:
    await suspend(lambda suspension: None)


async def one() -> int:
    return 1


def test_block_on_all_inside_a_task_is_refused_and_the_run_ends() -> None:
    async def main() -> str:
        with pytest.raises(
            IllegalStateError, match=r"block_on_all\(\) was called inside the reactor that it runs: await"
        ):
            block_on_all((await current_task()).reactor)
        return "gone on"

    assert run(main) == "gone on"


def test_block_on_all_in_another_thread_is_refused_and_the_run_ends() -> None:
    async def main() -> str:
        reactor = (await current_task()).reactor
        with pytest.raises(IllegalStateError, match=r"block_on_all\(\) belongs to the thread"):
            await to_worker(block_on_all, reactor)
        return "gone on"

    assert run(main) == "gone on"


def test_run_inside_a_task_is_refused() -> None:
    async def main() -> None:
        run(one)

    with pytest.raises(IllegalStateError, match=r"run\(\) was called inside a reactor that runs: await the function"):
        run(main)


def test_run_in_a_worker_of_a_task_is_none_of_its_reactors_business() -> None:
    async def main() -> int | None:
        return await to_worker(run, one)

    assert run(main) == 1


@pytest.mark.parametrize(
    ("record", "words"),
    [("ann", r"Talker.send\(\) takes bytes, not 'ann'; use .encode\(\)"), (5, r"send\(\) takes bytes, not 5$")],
)
@pytest.mark.parametrize("when", ["at once", "later"])
def test_what_is_no_bytes_cannot_be_sent(when: str, record: Any, words: str) -> None:
    class Talker(Diary):
        async def serve(self) -> None:
            await self.receive()
            if when == "later":
                await sleep(0)
            with pytest.raises(TypeError, match=words):
                await self.send(record)
            await self.send(b"told")

    with World(Talker) as world:
        peer = world.connect()
        peer.send(b"ann\n")
        world.until(lambda: peer.pull() or peer.got)
        assert peer.got == b"told\n"


def test_an_error_of_the_framing_itself_stays_what_it_is() -> None:
    class Odd(Lines):
        def encode(self, record: Any) -> bytes:
            raise TypeError("odd")

    class Talker(Diary):
        framing = Odd()

        async def serve(self) -> None:
            with pytest.raises(TypeError, match=r"^odd$"):
                await self.send(b"ann")
            self.seen.append("told")

    with World(Talker) as world:
        world.connect()
        world.until(lambda: world.handlers and world.handler.seen)


@pytest.mark.parametrize(
    ("fn", "words"),
    [
        (one, r"to_worker\(\) calls a function in a thread: write <function one.* with def, or await it here"),
        (5, r"to_worker\(fn, x\) and not to_worker\(fn\(x\)\); got 5"),
    ],
)
def test_to_worker_takes_a_function(fn: Any, words: str) -> None:
    with Stage() as stage, pytest.raises(TypeError, match=words):
        stage.ended(to_worker, fn)


def test_a_suspension_fails_by_an_exception() -> None:
    with Stage() as stage:
        held: list[Any] = []
        task = stage.begin(suspend, held.append)
        with pytest.raises(TypeError, match=r"fail\(\) takes an exception, fail\(OSError\('boom'\)\); got 'boom'"):
            held[0].fail("boom")
        stage.turns()
        assert not task.is_done


@pytest.mark.parametrize(("function", "args"), [(spawn, [one, 5]), (block_on_all, [one])])
def test_a_reactor_comes_first(function: Any, args: list[Any]) -> None:
    with pytest.raises(TypeError, match=rf"{function.__name__}\(\) takes a reactor first, .*got <function one"):
        function(*args)


def test_a_group_spawns_on_its_reactors_thread() -> None:
    async def main() -> str:
        async with TaskGroup() as group:
            with pytest.raises(IllegalStateError, match=r"spawn\(\) belongs to the thread .*use execute\(fn"):
                await to_worker(group.spawn, one)
        return "gone on"

    assert run(main) == "gone on"


def test_a_group_is_cancelled_from_any_thread() -> None:
    async def main() -> bool:
        async with TaskGroup() as group:
            child = group.spawn(for_ever)
            await to_worker(group.cancel)
        return child.is_done

    assert run(main)


def test_a_task_of_another_reactor_is_not_awaited() -> None:
    async def waiting(task: Any) -> None:
        await task

    with (
        Stage() as stage,
        Reactor.open() as other,
        pytest.raises(IllegalStateError, match=r"waiting awaits for_ever of"),
    ):
        stage.ended(waiting, spawn(other, for_ever))


@pytest.mark.parametrize(
    ("deed", "words"),
    [
        ("receive", "awaits a stream of another reactor"),
        ("send", r"send\(\) belongs to the thread"),
        ("wait_closed", r"wait_closed\(\) belongs to the thread"),
    ],
)
def test_a_stream_of_another_reactor_is_not_awaited(deed: str, words: str) -> None:
    class Idle(Diary):
        async def serve(self) -> None:
            await for_ever()

    async def using(*args: bytes) -> None:
        await getattr(world.handler, deed)(*args)

    with World(Idle) as world, Stage() as stage:
        world.connect()
        world.turns()
        with world.reactor.in_thread(), pytest.raises(IllegalStateError, match=words):
            stage.ended(using, *([b"ann"] if deed == "send" else []))


def test_a_listener_of_another_reactor_is_not_awaited() -> None:
    async def main() -> Listener:
        return await listen(("127.0.0.1", 0), Greeting)

    with Stage() as home, Stage() as stage:
        listener = home.ended(main)
        with home.reactor.in_thread(), pytest.raises(IllegalStateError, match=r"wait_closed\(\) belongs to the thread"):
            stage.ended(listener.wait_closed)
