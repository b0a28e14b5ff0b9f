"""Task: a coroutine on a reactor: a handler that is resumed instead of called.

**What an await is.** A coroutine that has to wait yields an *operation*, an object with two methods, and is suspended.
``_park(task)`` is called then, and sees to it that somebody resumes the task; ``_withdraw(task)`` is called when the
task is cancelled while it waits, and lets go of that. There is no future in between: the operation of a stream is the
stream itself, which resumes its task with a record from the loop that would call a handler's ``process``.

**One** ``coro.send`` **a wake.** Whatever belongs to the loop (a timer, a record) resumes the task there and then. What
may happen inside another task (the end of a child, a close, a cancel) resumes by a tick, so a task never runs inside
another one, and a chain of wakes is no recursion.

**Cancelling** is a tick, too. The task is resumed by ``Cancelled`` at the await where it is suspended, once for each
time it was asked. What comes for it after that is given back: a connection that stands too late is closed. A task that
catches ``Cancelled`` and goes on is asked no second time; the end of its reactor ends it all the same, see
``_tasks.py``.

**Context variables** are a task's own: it begins with a copy of what its maker has.
"""

from __future__ import annotations

import contextvars
import types
from collections.abc import Callable, Generator
from types import CoroutineType
from typing import Any, Generic, Protocol, TypeVar

from nio.errors import IllegalStateError
from nio.reactor import Reactor, ReactorState
from nio.tasks._errors import Cancelled, elsewhere, foreign

T = TypeVar("T")

LEAVING = (KeyboardInterrupt, SystemExit)


class Operation(Protocol):
    """What a coroutine yields to be suspended."""

    def _park(self, task: Task[Any]) -> None: ...

    def _withdraw(self, task: Task[Any]) -> None: ...


class Start:
    """What a task waits for that has not begun."""

    def _park(self, task: Task[Any]) -> None:
        """Nobody yields it."""

    def _withdraw(self, task: Task[Any]) -> None:
        """Its first step is on its way, and finds that the task has ended."""


CURRENT = object()  # yielded by whoever wants to know the task it runs in
START = Start()


class Task(Generic[T]):
    """A coroutine under way on a reactor; made by ``spawn``. ``await task`` waits for its end and returns its result.

    Concurrency: ``cancel`` from any thread; everything else on the reactor's thread.
    """

    __slots__ = (
        "__weakref__",
        "_coro",
        "_error",
        "_joins",
        "_on_end",
        "_op",
        "_pending",
        "_run",
        "_send",
        "_value",
        "is_done",
        "name",
        "reactor",
    )

    def __init__(
        self, reactor: Reactor, coro: CoroutineType[Any, Any, T], name: str, on_end: Callable[[Task[Any]], object]
    ) -> None:
        self._coro: CoroutineType[Any, Any, T] = coro
        self._send: Callable[[Any], Any] = coro.send
        self._run: Callable[..., Any] = contextvars.copy_context().run
        self._op: Operation | None = START  # None while it runs, and while a value is on its way to it
        self._pending: list[object] = []  # who wants it cancelled
        self._joins: list[Suspension] = []
        self._on_end: Callable[[Task[Any]], object] | None = on_end
        self._value: Any = None
        self._error: BaseException | None = None
        self.reactor: Reactor = reactor
        self.name: str = name
        self.is_done: bool = False

    # for users

    def cancel(self) -> None:
        """Have ``Cancelled`` raised in the task, at its await, soon; nothing once it has ended. From any thread."""
        self._ask_to_end(None)

    def __await__(self) -> Generator[Any, Any, T]:
        if not self.is_done:
            yield Join(self)
        return self._outcome()

    def __repr__(self) -> str:
        state = "running" if not self.is_done else "ended" if self._error is None else f"ended by {self._error!r:.60}"
        return f"Task({self.name}, {state})"

    # for the loop

    def _ask_to_end(self, by: object) -> None:
        if not self.is_done:
            self._pending.append(by)
            self._soon(self._look_for_cancel)

    def _look_for_cancel(self) -> None:
        """Cancel it where it waits; if it is on its way, its next await looks again."""
        op = self._op
        if op is not None and self._pending:
            op._withdraw(self)
            self._op = None
            self._go(self._coro.throw, Cancelled(self._pending.pop(0)))

    def _forget_cancel(self, by: object) -> None:
        """Whoever asked does not want it any more."""
        while by in self._pending:
            self._pending.remove(by)

    def after_interrupt(self, fn: Callable[..., object] | None = None, args: tuple[object, ...] = ()) -> None:
        """A Ctrl-C has struck beside the coroutine. Where nobody knows what it waits for any more, it is to end."""
        if self.is_done:
            self._soon(self._tell_end)
        elif self._op is START and fn is not None:
            self._soon(fn, *args)  # its first step has not begun
        elif self._op is None and self._coro.cr_frame is None:
            self._soon(self._note_end)
        elif self._op is None:
            self._soon(self._go, self._coro.throw, Cancelled())
        elif self._pending:
            self._soon(self._look_for_cancel)

    def _soon(self, fn: Callable[..., object], *args: object) -> None:
        """As a tick, without the system call of a wake-up where none is needed."""
        reactor = self.reactor
        if reactor.owner.is_elsewhere or reactor.state is ReactorState.CLOSED:
            reactor.post(fn, *args)
        else:
            reactor.next_tick(fn, *args)

    def _arrive(self, how: Callable[[Any], Any], value: Any = None) -> None:
        """What it waited for is there: resume it soon, by ``_send`` or ``_coro.throw``."""
        self._op = None
        try:
            self._soon(self._go, how, value)
        except LEAVING:
            self.after_interrupt()
            raise

    def _fail(self, error: BaseException) -> None:
        self._arrive(self._coro.throw, error)

    def _go(self, how: Callable[[Any], Any], value: Any = None) -> None:
        """Resume it now; at loop level only, where no task runs."""
        if self.is_done:
            return
        self._op = None
        try:
            try:
                op = self._run(how, value)
                while op is CURRENT:
                    op = self._run(self._send, self)
            except BaseException as error:
                value = None  # this frame is in the traceback: it must not keep the error
                self._ended(error)
            else:
                self._suspend(op)
        except LEAVING:
            self.after_interrupt()
            raise

    def _suspend(self, op: Any) -> None:
        """It has yielded this, and is suspended."""
        if self.reactor.state is ReactorState.CLOSED:
            self._abandon()
            return
        park = getattr(op, "_park", None)
        if park is None:
            self._fail(foreign(op))
            return
        self._op = op
        if self._pending:
            self._soon(self._look_for_cancel)
        try:
            park(self)
        except LEAVING:
            self._op = None
            op._withdraw(self)
            raise
        except BaseException as error:
            self._fail(error)

    def _ended(self, error: BaseException) -> None:
        """The coroutine has ended by this; what is LEAVING leaves."""
        if isinstance(error, StopIteration):
            self._value = error.value
        else:
            self._error = error.with_traceback(None) if isinstance(error, Cancelled) else error
        self.is_done, self._op = True, None
        self._tell_end()
        if isinstance(error, LEAVING):
            raise error

    def _note_end(self) -> None:
        """Its coroutine has come to its end, and a Ctrl-C was between that and us."""
        if not self.is_done:
            self._ended(Cancelled())

    def _tell_end(self) -> None:
        while self._joins:
            self._joins[-1].resume()
            self._joins.pop()
        on_end = self._on_end
        if on_end is not None:
            on_end(self)
            self._on_end = None

    def _abandon(self) -> None:
        """Nobody will resume it any more: let its ``finally`` blocks run now, as far as they do not await."""
        if self._coro.cr_running:
            return  # whoever closes the reactor is this task: its next await comes here
        op, self._op = self._op, None
        if op is not None:
            op._withdraw(self)
        try:
            self._run(self._coro.throw, Cancelled())
            self._run(self._coro.close)
        except BaseException as error:
            self._ended(error)
        else:
            self._ended(Cancelled())

    def _outcome(self) -> T:
        if isinstance(self._error, Cancelled):
            raise IllegalStateError(f"{self.name} was cancelled: it has no result")
        if self._error is not None:
            raise self._error
        return self._value  # type: ignore[no-any-return]


class Suspension:
    """A task that waits for something of yours: whoever holds this resumes it, once; later calls are nothing.

    Concurrency: from any thread.
    """

    __slots__ = ("_is_over", "_task")

    def __init__(self) -> None:
        self._task: Task[Any] | None = None
        self._is_over = False

    # for users

    def resume(self, value: object = None) -> None:
        """Let the task go on with ``value``, soon."""
        if self._task is not None:
            self._task._soon(self._settle, value, None)

    def fail(self, error: BaseException) -> None:
        """Let ``error`` be raised where the task waits, soon. TypeError for what is no exception."""
        if not isinstance(error, BaseException):
            raise TypeError(f"fail() takes an exception, fail(OSError({error!r:.60})); got {error!r:.60}")
        if self._task is not None:
            self._task._soon(self._settle, None, error)

    # for the task

    def after_interrupt(self, fn: Callable[..., object], args: tuple[object, ...]) -> None:
        """A Ctrl-C has struck: the task is resumed again, or ends."""
        task = self._task
        if task is not None and task._op is self:
            self._is_over = False
            task.reactor.post(fn, *args)
        elif task is not None:
            task.after_interrupt()

    def _settle(self, value: object, error: BaseException | None) -> None:
        task = self._task
        if self._is_over or task is None:
            self._too_late(value)
            return
        self._is_over = True
        if error is not None:
            task._go(task._coro.throw, error)
        else:
            task._go(task._send, value)

    def _park(self, task: Task[Any]) -> None:
        self._task = task
        self._begin(task)

    def _withdraw(self, task: Task[Any]) -> None:
        self._is_over = True
        self._give_up()

    def _begin(self, task: Task[Any]) -> None:
        """The task is suspended: see to it that somebody calls ``resume`` or ``fail``."""

    def _give_up(self) -> None:
        """The task waits no more."""

    def _too_late(self, value: object) -> None:
        """The value that nobody waits for."""


class Waiting(Suspension):
    """The await of what several may wait for: it is in their list as long as it waits."""

    __slots__ = ("_all",)

    def __init__(self, all_of_them: list[Any]) -> None:
        super().__init__()
        self._all = all_of_them

    def _begin(self, task: Task[Any]) -> None:
        self._all.append(self)

    def _give_up(self) -> None:
        if self in self._all:
            self._all.remove(self)


class Join(Waiting):
    """The await of another task's end."""

    __slots__ = ("_other",)

    def __init__(self, other: Task[Any]) -> None:
        super().__init__(other._joins)
        self._other = other

    def _begin(self, task: Task[Any]) -> None:
        if self._other is task:
            raise IllegalStateError(f"{task.name} awaits its own end")
        if self._other.reactor is not task.reactor:
            raise elsewhere(task.name, self._other.name)
        if self._other.is_done:
            self.resume()
        else:
            super()._begin(task)


class Arranged(Suspension):
    """The await of ``suspend``."""

    __slots__ = ("_arrange", "_on_cancel")

    def __init__(self, arrange: Callable[[Suspension], object], on_cancel: Callable[[], object] | None) -> None:
        super().__init__()
        self._arrange = arrange
        self._on_cancel = on_cancel

    def _begin(self, task: Task[Any]) -> None:
        self._arrange(self)

    def _give_up(self) -> None:
        task, on_cancel = self._task, self._on_cancel
        if on_cancel is not None and task is not None:
            task.reactor.guarded(on_cancel)


@types.coroutine
def pause(op: object) -> Generator[Any, Any, Any]:
    """Suspend the task that runs; what it is resumed with."""
    return (yield op)


async def current_task() -> Task[Any]:
    """The task that runs."""
    task: Task[Any] = await pause(CURRENT)
    return task


async def suspend(arrange: Callable[[Suspension], object], *, on_cancel: Callable[[], object] | None = None) -> Any:
    """Suspend this task until somebody resumes it, and return the value it is resumed with.

    ``arrange(suspension)`` is called when the task is suspended; whoever gets it calls ``suspension.resume(value)`` or
    ``suspension.fail(error)``, in any thread. ``on_cancel()`` is called if the task is cancelled first.
    """
    return await pause(Arranged(arrange, on_cancel))
