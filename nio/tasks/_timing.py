"""Time: a task that sleeps, and one that has only so much of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

from nio._numbers import check_seconds
from nio.errors import IllegalStateError
from nio.reactor import Timer
from nio.tasks._errors import Cancelled
from nio.tasks._task import Task, current_task, pause


class Sleep:
    """The await of a moment."""

    __slots__ = ("_nanoseconds", "_timer")

    def __init__(self, nanoseconds: int) -> None:
        self._nanoseconds = nanoseconds
        self._timer: Timer | None = None

    def _park(self, task: Task[Any]) -> None:
        reactor = task.reactor
        self._timer = reactor.schedule(reactor.provider.clock() + self._nanoseconds, self._wake, task)

    def _withdraw(self, task: Task[Any]) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _wake(self, task: Task[Any]) -> None:
        task._go(task._send)

    def after_interrupt(self, fn: Callable[..., object], args: tuple[Task[Any]]) -> None:
        """A Ctrl-C has struck in ``_wake``, maybe before that has begun."""
        task = args[0]
        if task._op is self:
            task.reactor.post(fn, task)
        else:
            task.after_interrupt()


async def sleep(seconds: float) -> None:
    """Suspend this task for so long, or a little longer; 0 lets everybody else have a turn."""
    await pause(Sleep(int(check_seconds("seconds", seconds) * 1e9)))


class Timeout:
    """``async with timeout(seconds):`` the block is cancelled when they are over, and raises TimeoutError then.

    ``has_expired`` says whether it was. Blocks may be nested: each converts only the cancelling that it has asked for.
    """

    __slots__ = ("_is_used", "_seconds", "_task", "_timer", "has_expired")

    def __init__(self, seconds: float | None) -> None:
        self._seconds = None if seconds is None else check_seconds("seconds", seconds)
        self._is_used = False
        self._task: Task[Any] | None = None
        self._timer: Timer | None = None
        self.has_expired: bool = False

    async def __aenter__(self) -> Self:
        if self._is_used:
            raise IllegalStateError("a timeout is good for one block: write timeout(seconds) anew")
        self._is_used = True
        self._task = task = await current_task()
        if self._seconds is not None:
            self._timer = task.reactor.call_later(self._seconds, self._expire, task)
        return self

    async def __aexit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if self._timer is not None:
            self._timer.cancel()
        task, self._task = self._task, None  # which may keep an error that keeps this
        if task is not None:
            task._forget_cancel(self)
        if isinstance(error, Cancelled) and error.by is self:
            error.__traceback__ = None
            raise TimeoutError(f"the block took more than {self._seconds} s") from None

    def after_interrupt(self, fn: object, args: tuple[Task[Any]]) -> None:
        """A Ctrl-C has struck in ``_expire``."""
        args[0].after_interrupt()

    def _expire(self, task: Task[Any]) -> None:
        self.has_expired = True
        task._pending.append(self)
        task._look_for_cancel()


def timeout(seconds: float | None) -> Timeout:
    """At most so many seconds for the block of an ``async with``; None for any time."""
    return Timeout(seconds)
