"""Providers that make the rare moment happen: every pool below stands on a real one, changed in one place."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any

from nio.spi import SystemProvider

PATIENCE = 10.0  # how long a test waits for an event that must come


class Watched(SystemProvider):
    """Keeps the threads it starts, except those numbered in ``fail`` (from 1), which cannot be started."""

    def __init__(self, *fail: int, tokens: queue.SimpleQueue[Any] | None = None) -> None:
        super().__init__(self.available()[0])
        self.fail = set(fail)
        self.asked = 0
        self.threads: list[threading.Thread] = []
        self.ended = threading.Semaphore(0)  # released once for each thread that is about to end
        self.tokens = tokens

    def start_thread(self, target: Callable[..., object], *args: object, name: str) -> threading.Thread:
        self.asked += 1
        if self.asked in self.fail:
            raise RuntimeError("can't start new thread")

        def body() -> None:
            target(*args)
            self.ended.release()

        self.threads.append(super().start_thread(body, name=name))
        return self.threads[-1]

    def queue(self) -> queue.SimpleQueue[object]:
        tokens, self.tokens = self.tokens, None  # one pool's, for its workers
        return super().queue() if tokens is None else tokens


class CallbackThreads(SystemProvider):
    """Calls ``before`` whenever a thread is to be started, in the thread and at the moment the pool asks for it."""

    def __init__(self, before: Callable[[], object]) -> None:
        super().__init__(self.available()[0])
        self.before = before

    def start_thread(self, target: Callable[..., object], *args: object, name: str) -> threading.Thread:
        self.before()
        return super().start_thread(target, *args, name=name)


class GatedTokens(queue.SimpleQueue[Any]):
    """Counts the sleepers and the tokens; a token that was got is kept back until ``gate`` is open."""

    def __init__(self) -> None:
        self.sleepers = threading.Semaphore(0)
        self.gate = threading.Event()
        self.puts = 0

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        self.puts += 1
        super().put(item)

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        self.sleepers.release()
        item = super().get(block, timeout)
        assert self.gate.wait(PATIENCE)
        return item


class LateTokens(queue.SimpleQueue[Any]):
    """The first patience to end does so just when a token has come."""

    def __init__(self) -> None:
        self.late = True
        self.asleep = threading.Event()

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        if timeout is None or not self.late:
            return super().get(block, timeout)
        self.asleep.set()
        item = super().get(timeout=PATIENCE)
        self.late = False
        self.put(item)
        raise queue.Empty


class TogetherTokens(queue.SimpleQueue[Any]):
    """The patience of the first ``count`` sleepers ends at the same moment."""

    def __init__(self, count: int) -> None:
        self.together = threading.Barrier(count)
        self.left = count

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        if timeout is None or not self.left:
            return super().get(block, timeout)
        self.left -= self.together.wait(PATIENCE) == 0 and self.left
        raise queue.Empty


class CallbackConditions(SystemProvider):
    """Calls ``before`` whenever a thread is about to wait for room, in that thread, and ``after`` when it was called.

    For one pool: the first queue that it asks for is that of its workers.
    """

    def __init__(
        self,
        before: Callable[[], object],
        after: Callable[[], object] = lambda: None,
        tokens: queue.SimpleQueue[Any] | None = None,
    ) -> None:
        super().__init__(self.available()[0])
        self.tokens = super().queue() if tokens is None else tokens
        self.asked = 0

        class Room(queue.SimpleQueue[object]):
            def get(self, block: bool = True, timeout: float | None = None) -> object:
                before()
                call = super().get(block, timeout)
                after()
                return call

        self.room = Room

    def queue(self) -> queue.SimpleQueue[object]:
        self.asked += 1
        return self.tokens if self.asked == 1 else self.room()
