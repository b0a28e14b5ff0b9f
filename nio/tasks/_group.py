"""TaskGroup: tasks that begin and end together.

**Nobody is left behind.** The block of the ``async with`` ends when all its tasks have. The first that fails, or the
block itself, cancels all others; what they raise is raised together, as an ExceptionGroup. KeyboardInterrupt and
SystemExit are in no group: they leave the loop at once, and whoever runs it again finds the group cancelled.

**Whose cancelling it is** stands in ``Cancelled.by``. What the group asked for ends here; what somebody else asked for
cancels the children, waits for them and goes on its way.
"""

from __future__ import annotations

from typing import Any, Self, TypeVar

from nio.errors import IllegalStateError
from nio.tasks._errors import Cancelled
from nio.tasks._task import LEAVING, Suspension, Task, current_task, pause
from nio.tasks._tasks import CoroutineFunction, coroutine_of, tasks_of

T = TypeVar("T")


class TaskGroup:
    """``async with TaskGroup() as group:`` joins what ``group.spawn`` has begun; for one block, on one reactor."""

    __slots__ = ("_children", "_errors", "_host", "_is_cancelled", "_is_left", "_is_over", "_join")

    def __init__(self) -> None:
        self._host: Task[Any] | None = None
        self._children: dict[Task[Any], None] = {}
        self._errors: list[BaseException] = []
        self._is_cancelled = self._is_left = self._is_over = False
        self._join: Suspension | None = None

    # for users

    def spawn(self, fn: CoroutineFunction[T], /, *args: object) -> Task[T]:
        """Have ``fn(*args)`` run as a task of this group.

        IllegalStateError outside of the block; inside of one that is ending by an error the task is cancelled at once.
        """
        host = self._host
        if host is None:
            when = "has ended" if self._is_over else "has not begun: async with TaskGroup() as group"
            raise IllegalStateError(f"this group {when}")
        host.reactor.owner.check("spawn")
        coro = coroutine_of("spawn", fn, args)
        name = getattr(fn, "__qualname__", type(fn).__name__)
        task = tasks_of(host.reactor).begin(coro, name, self._ended, spawned=False)
        self._children[task] = None
        task._soon(task._go, task._send)
        if self._is_cancelled:
            task._ask_to_end(self)
        return task

    def cancel(self) -> None:
        """End the block and all its tasks, without an error; from any thread."""
        if not self._is_cancelled and not self._is_over:
            self._is_cancelled = True
            for child in tuple(self._children):
                child._ask_to_end(self)
            host = self._host
            if host is not None:
                host._ask_to_end(self)

    def __repr__(self) -> str:
        state = "over" if self._is_over else "cancelled" if self._is_cancelled else "open"
        return f"TaskGroup({state}, tasks={len(self._children)})"

    # the block

    async def __aenter__(self) -> Self:
        if self._host is not None or self._is_over:
            raise IllegalStateError("a TaskGroup is good for one block: make another one")
        self._host = await current_task()
        return self

    async def __aexit__(self, kind: object, error: BaseException | None, traceback: object) -> bool:
        outer = self._note(error)
        try:
            while self._children:
                self._join = Suspension()
                try:
                    await pause(self._join)
                except Cancelled as another:
                    outer = self._note(another) or outer
        finally:
            self._is_over = True
            self._let_go()
        errors, self._errors = self._errors, []
        if errors:
            raise BaseExceptionGroup("tasks of a TaskGroup have failed", errors)
        if self._is_left and outer is None:
            outer = Cancelled()
        if outer is not None and outer is not error:
            raise outer
        return outer is None

    def _let_go(self) -> None:
        """The host may keep an error that keeps this group."""
        host, self._host, self._join = self._host, None, None
        if host is not None:
            host._forget_cancel(self)

    def _note(self, error: BaseException | None) -> BaseException | None:
        """What has ended the block, or its wait; returned if it goes on its way alone."""
        if error is None or (isinstance(error, Cancelled) and error.by is self):
            return None
        if isinstance(error, LEAVING):
            self._is_cancelled = False  # it may have struck in cancel()
        self.cancel()
        if isinstance(error, (Cancelled, GeneratorExit, *LEAVING)):
            return error
        self._errors.append(error)
        return None

    def _ended(self, child: Task[Any]) -> None:
        """A child has ended."""
        tasks_of(child.reactor).ended(child)
        self._children.pop(child, None)
        error = child._error
        if isinstance(error, LEAVING):
            self._is_left = True
            self.cancel()
        elif error is not None and not isinstance(error, (Cancelled, GeneratorExit)):
            self._errors.append(error)
            self.cancel()
        if not self._children and self._join is not None:
            self._join.resume()
