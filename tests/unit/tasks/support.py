"""Tasks on a reactor that is turned by hand, on a clock that stands still."""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine
from typing import Any

from nio.framing import Framing, Lines
from nio.reactor import CloseReason, Reactor
from nio.tasks import Stream, Task, sleep, spawn
from nio.tasks._tasks import tasks_of
from tests.unit.reactor.support import PATIENCE, Kernel, Peer, World


class Stage:
    """A reactor, and the tasks that a test begins on it."""

    def __init__(self, *, workers: Any = 0) -> None:
        self.kernel = Kernel()
        self.reactor = Reactor.open(workers=workers, provider=self.kernel)

    def __enter__(self) -> Stage:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.reactor.close()

    def begin(self, fn: Callable[..., Coroutine[Any, Any, Any]], *args: object) -> Task[Any]:
        """A task that has come to its first await."""
        task = spawn(self.reactor, fn, *args)
        self.turns()
        return task

    def turns(self, count: int = 4) -> None:
        for _ in range(count):
            self.reactor.turn(0)

    def until(self, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, f"waited {PATIENCE} s in vain"
            self.reactor.turn(0.005)

    def advance(self, seconds: float) -> None:
        """Let time pass, and the reactor see it."""
        self.kernel.now += round(seconds * 1e9)
        self.turns()

    def ended(self, fn: Callable[..., Coroutine[Any, Any, Any]], *args: object) -> Any:
        """What a task returns, or raises, which turns until it has."""
        task = self.begin(fn, *args)
        self.until(lambda: task.is_done)
        if task._error is not None:
            raise task._error
        return task._value

    @property
    def live(self) -> list[Task[Any]]:
        return list(tasks_of(self.reactor).live)


class Diary(Stream):
    """Part of every stream here: why it has ended, and what its task was told."""

    framing: Framing = Lines(max_length=256)

    def __init__(self) -> None:
        self.seen: list[Any] = []
        self.reasons: list[CloseReason] = []

    def on_close(self, reason: CloseReason) -> None:
        self.reasons.append(reason)


class Greeting(Diary):
    """The hello server as a task."""

    async def serve(self) -> None:
        try:
            async for name in self:
                self.seen.append(name)
                await self.send(b"Hello " + name)
            self.seen.append("end")
        except BaseException as error:
            self.seen.append(error)
            raise


def gone(world: World, peer: Peer) -> list[CloseReason]:
    """The reasons of the last stream, which ends by itself; its peer reads to the end and goes."""
    peer.read_to_end()
    peer.close()
    world.until(lambda: world.handler.reasons)
    reasons: list[CloseReason] = world.handler.reasons
    return reasons


class Resting(Diary):
    """Sleeps with each record, and notes what ends it."""

    async def serve(self) -> None:
        try:
            async for name in self:
                self.seen.append(name)
                await sleep(5)
                await self.send(b"Hello " + name)
        except BaseException as error:
            self.seen.append(error)
            raise
