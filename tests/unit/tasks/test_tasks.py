"""The tasks of a reactor: run, block_on_all, the drain, the close, generators that were left half-way."""

from __future__ import annotations

import gc
import signal
import socket
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest

from nio.errors import ClosedSelectorError
from nio.reactor import CloseReason, Reactor, ReactorState
from nio.tasks import Cancelled, Stream, block_on_all, current_task, listen, run, sleep, spawn, suspend
from nio.tasks._tasks import _ALL, tasks_of
from tests.unit.reactor.support import Kernel
from tests.unit.tasks.support import Stage

LOG = list[Any]


async def for_ever() -> None:
    await suspend(lambda suspension: None)


async def value(result: Any) -> Any:
    await sleep(0)
    return result


async def cleaning(log: LOG, seconds: float | None = None) -> None:
    try:
        await for_ever()
    finally:
        log.append("begun to clean")
        if seconds is not None:
            await sleep(seconds)
        log.append("clean")


# run


def test_run_returns_what_the_function_returns() -> None:
    assert run(value, 5) == 5


def test_run_raises_what_the_function_raises() -> None:
    async def main() -> None:
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        run(main)


def test_run_takes_a_reactors_settings() -> None:
    async def main() -> tuple[int, bool, object]:
        reactor = (await current_task()).reactor
        return reactor.max_connections, reactor.hand_off is not None, reactor.provider

    kernel = Kernel(real_time=True)
    assert run(main, workers=1, max_connections=7, provider=kernel) == (7, True, kernel)


def test_run_refuses_what_is_no_coroutine_function() -> None:
    with pytest.raises(TypeError, match=r"run\(\) takes a coroutine function"):
        run(print)  # type: ignore[arg-type]


@pytest.mark.parametrize("drain", [None, 1.0])
def test_run_returns_none_when_somebody_stops_the_reactor(drain: float | None) -> None:
    log: LOG = []

    async def main() -> int:
        (await current_task()).reactor.stop(drain)
        await cleaning(log)
        return 1

    assert run(main) is None
    assert log == ["begun to clean", "clean"]


def test_what_is_left_when_the_function_returns_is_cancelled_and_may_clean_up() -> None:
    log: LOG = []

    async def main() -> str:
        spawn((await current_task()).reactor, cleaning, log, 0.01)
        await sleep(0)
        return "done"

    assert run(main) == "done"
    assert log == ["begun to clean", "clean"]


def test_whoever_does_not_end_in_time_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nio.tasks._tasks._GRACE", 0.01)
    log: LOG = []

    async def main() -> None:
        spawn((await current_task()).reactor, cleaning, log, 3600)
        await sleep(0)

    run(main)
    assert log == ["begun to clean"]


def test_an_interrupt_leaves_run_at_once() -> None:
    log: LOG = []

    async def main() -> None:
        spawn((await current_task()).reactor, cleaning, log, 3600)
        await sleep(0)
        await sleep(0)
        signal.raise_signal(signal.SIGINT)
        await for_ever()

    with pytest.raises(KeyboardInterrupt):
        run(main)
    assert log == ["begun to clean"]


def test_connections_that_are_left_get_what_they_are_owed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nio.tasks._tasks._GRACE", 0.1)  # which the client's end would cut short
    log: LOG = []

    async def serve(client: Stream) -> None:
        assert await client.receive() == b"?"
        await sleep(0.01)
        await client.send(b"the reply")
        log.append(await client.receive())

    async def main() -> socket.socket:
        server = await listen(("127.0.0.1", 0), serve)
        client = socket.create_connection(("127.0.0.1", server.port or 0))
        client.sendall(b"?")
        while not (await current_task()).reactor.statistics().bytes_in:
            await sleep(0)
        return client

    client = run(main)
    assert client is not None
    with client:
        assert client.recv(100) == b"the reply"
        assert client.recv(100) == b""
    assert log == []


# block_on_all


def test_block_on_all_runs_until_every_task_has_ended() -> None:
    with Reactor.open() as reactor:
        tasks = [spawn(reactor, value, number) for number in range(3)]
        block_on_all(reactor)
        assert [task._value for task in tasks] == [0, 1, 2]
        block_on_all(reactor)
        task = spawn(reactor, value, 4)
        block_on_all(reactor)
        assert task._value == 4


def test_block_on_all_ends_when_somebody_stops_the_reactor_and_goes_on_later() -> None:
    async def main() -> str:
        (await current_task()).reactor.stop()
        await sleep(0)
        await sleep(0)
        return "later"

    with Reactor.open() as reactor:
        task = spawn(reactor, main)
        block_on_all(reactor)
        assert not task.is_done
        block_on_all(reactor)
        assert task._value == "later"


# the end of the reactor


def test_a_drain_cancels_what_was_spawned() -> None:
    log: LOG = []
    with Stage() as stage:
        task = stage.begin(cleaning, log)
        stage.reactor.drain(5)
        stage.turns()
        assert (task.is_done, log) == (True, ["begun to clean", "clean"])


def test_a_task_that_is_spawned_while_the_reactor_drains_is_cancelled() -> None:
    async def serve(client: Stream) -> None:
        await for_ever()

    with Stage() as stage:
        stage.ended(listen, ("127.0.0.1", 0), serve)
        block: LOG = []
        stage.reactor.on_stop(lambda: block.append(spawn(stage.reactor, for_ever)), at="drained")
        stage.reactor.drain(5)
        stage.turns()
        assert stage.reactor.state is not ReactorState.OPEN
        stage.turns()
        assert block[0].is_done


def test_the_close_ends_every_task_whatever_it_awaits_in_its_clean_up(caplog: pytest.LogCaptureFixture) -> None:
    log: LOG = []

    async def stubborn() -> None:
        for _ in range(2):
            try:
                await for_ever()
            except BaseException as error:
                log.append(type(error))
        try:
            await for_ever()
        finally:
            log.append("when Python drops it")

    with Stage() as stage:
        tasks = [stage.begin(cleaning, log), stage.begin(cleaning, log, 5), stage.begin(stubborn)]
        unbegun = spawn(stage.reactor, for_ever)
        stage.reactor.close()
        assert all(task.is_done for task in (*tasks, unbegun))
        assert log == ["begun to clean", "clean", "begun to clean", Cancelled, GeneratorExit]
    assert "coroutine ignored GeneratorExit" in caplog.text


def test_what_leaves_a_task_that_is_ended_leaves_the_close_when_all_have_ended() -> None:
    log: LOG = []

    async def interrupted() -> None:
        try:
            await for_ever()
        finally:
            raise KeyboardInterrupt

    with Stage() as stage:
        stage.begin(interrupted)
        stage.begin(cleaning, log)
        with pytest.raises(KeyboardInterrupt):
            stage.reactor.close()
        assert log == ["begun to clean", "clean"]


def test_a_task_that_closes_its_own_reactor_ends_at_its_next_await() -> None:
    log: LOG = []

    async def closing(reactor: Reactor) -> None:
        reactor.close()
        log.append("closed")
        try:
            await sleep(0)
        finally:
            log.append("ended")

    with Stage() as stage:
        task = spawn(stage.reactor, closing, stage.reactor)
        stage.reactor.run()
        assert (task.is_done, log) == (True, ["closed", "ended"])


def test_a_resume_after_the_close_is_nothing() -> None:
    waits: LOG = []

    async def waiting() -> None:
        await suspend(waits.append)

    with Stage() as stage:
        task = stage.begin(waiting)
        stage.reactor.close()
        waits[0].resume(1)
        task.cancel()
        assert isinstance(task._error, Cancelled)
        with pytest.raises(ClosedSelectorError, match="it resumes no task"):
            spawn(stage.reactor, for_ever)


def test_the_tasks_of_a_reactor_are_gone_with_it() -> None:
    with Reactor.open() as reactor:
        task = spawn(reactor, value, 1)
        block_on_all(reactor)
        key = id(reactor)
        assert tasks_of(reactor) is tasks_of(reactor)
    del reactor, task
    gc.collect()
    assert key not in _ALL


# generators


def half_way(log: LOG) -> Any:
    async def counting() -> AsyncIterator[int]:
        try:
            yield 1
            yield 2
        finally:
            await sleep(0)
            log.append("closed")

    async def main() -> None:
        async for _ in counting():
            break
        await sleep(0)
        await sleep(0)
        await sleep(0)
        log.append("main")

    return main


def test_a_generator_that_is_left_half_way_is_closed_by_a_task() -> None:
    log: LOG = []
    run(half_way(log))
    assert sorted(log) == ["closed", "main"]
    assert sys.get_asyncgen_hooks() == (None, None)


def test_a_generator_that_is_held_at_the_end_is_closed_with_the_reactor() -> None:
    log: LOG = []

    async def counting() -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            log.append("closed")

    async def awaiting() -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            await sleep(0)

    async def main() -> Any:
        held = counting(), awaiting()
        for generator in held:
            async for _ in generator:
                break
        return held

    held = run(main)
    assert log == ["closed"]
    assert held is not None


def test_generators_that_are_dropped_when_the_reactor_is_closed() -> None:
    log: LOG = []

    async def counting() -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            log.append("closed")

    with Stage() as stage:
        tasks = tasks_of(stage.reactor)
        generator = counting()
        with pytest.raises(StopIteration):
            generator.__anext__().__await__().send(None)
        stage.reactor.close()
        tasks._close_generator(generator)  # type: ignore[arg-type]
        assert log == ["closed"]


def test_an_interrupt_while_a_generator_is_closed_leaves() -> None:
    async def counting() -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            raise KeyboardInterrupt

    async def main() -> Any:
        generator = counting()
        async for _ in generator:
            break
        return generator

    with pytest.raises(KeyboardInterrupt):
        run(main)


def test_hooks_are_set_while_the_reactor_runs_and_not_those_of_others() -> None:
    seen: LOG = []

    def of_others(generator: object) -> None:
        """Of a loop that turns ours."""

    def look() -> None:
        seen.append(sys.get_asyncgen_hooks().finalizer is not None)

    with Reactor.open() as reactor:
        tasks_of(reactor)
        reactor.next_tick(look)
        reactor.next_tick(reactor.stop)
        reactor.run()
        look()
        sys.set_asyncgen_hooks(None, of_others)
        reactor.next_tick(reactor.stop)
        reactor.run()
        assert sys.get_asyncgen_hooks().finalizer is of_others
        sys.set_asyncgen_hooks(None, None)
    with Reactor.open() as reactor:
        reactor.next_tick(tasks_of, reactor)
        reactor.next_tick(look)
        reactor.next_tick(reactor.stop)
        reactor.run()
        look()
    assert seen == [True, False, True, False]


def test_close_reasons_of_ends_other_than_a_drain_end_the_tasks_for_good() -> None:
    with Stage() as stage:
        task = stage.begin(for_ever)
        tasks_of(stage.reactor).end(CloseReason.LOCAL)
        assert task.is_done
