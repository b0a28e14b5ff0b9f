"""The tasks of one reactor: how they begin, and that none of them outlives it.

**The end comes in two ways.** A drain cancels every task that was spawned; a task that serves a connection goes on with
that, as a handler does, until the drain has closed it. The close of a reactor, after which nobody would resume a task,
raises ``Cancelled`` in each, and closes the coroutine of whoever awaits again: ``finally`` blocks run, awaits in them
do not. So the end of the tasks takes no time of its own.

**Asynchronous generators** that a task leaves half-way are closed by a task of their own when Python finds that nobody
has them, or at the end of the reactor. Python asks whoever has set its hooks in that thread: here that is a reactor
that runs, unless it is turned by a loop that has set them.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import AsyncGenerator, Callable, Coroutine
from concurrent.futures import Executor
from typing import Any, TypeVar
from weakref import WeakSet, WeakValueDictionary

from nio.errors import ClosedSelectorError
from nio.reactor import CloseReason, Reactor, ReactorState
from nio.spi import SelectorProvider
from nio.tasks._errors import Cancelled, no_coroutine_function
from nio.tasks._task import LEAVING, Task

T = TypeVar("T")

CoroutineFunction = Callable[..., Coroutine[Any, Any, T]]

_GRACE = 2.0  # seconds that run() gives to what is left when its function has returned
_ALL: WeakValueDictionary[int, Tasks] = WeakValueDictionary()  # by the id of a reactor, which keeps its Tasks


class Tasks:
    """The executor of one reactor: what is suspended there; for its thread."""

    __slots__ = ("__weakref__", "_generators", "_reactor", "_until", "live", "spawned")

    def __init__(self, reactor: Reactor) -> None:
        self._reactor = reactor
        self.live: dict[Task[Any], None] = {}
        self.spawned: dict[Task[Any], None] = {}  # and are not a connection's
        self._until: Callable[[], bool] = _never  # when block() is over
        self._generators: WeakSet[AsyncGenerator[Any, Any]] = WeakSet()
        reactor.undertakings.add(self)
        reactor.on_start(self._set_hooks)
        reactor.on_stop(self._reset_hooks, at="end")
        if reactor.owner.thread is not None:
            self._set_hooks()

    def begin(self, coro: Any, name: str, on_end: Callable[[Task[Any]], object], *, spawned: bool) -> Task[Any]:
        """A task that has not taken its first step."""
        task: Task[Any] = Task(self._reactor, coro, name, on_end)
        self.live[task] = None
        if spawned:
            self.spawned[task] = None
            if self._reactor.undertakings.reason is not None:
                task.cancel()  # a drain is under way
        return task

    def ended(self, task: Task[Any]) -> None:
        """Nothing of it is left."""
        self.live.pop(task, None)
        self.spawned.pop(task, None)
        if self._until():
            self._until = _never
            self._reactor.stop()

    def end(self, reason: CloseReason) -> None:
        """The reactor is stopping, or closed."""
        if reason is CloseReason.DRAIN:
            for task in tuple(self.spawned):
                task.cancel()
            return
        leaving: BaseException | None = None
        while self.live:
            task = next(iter(self.live))
            self.live.pop(task)
            try:
                task._abandon()
            except LEAVING as error:
                leaving = error
        self._reset_hooks()
        for generator in tuple(self._generators):
            _drive(generator)
        if leaving is not None:
            raise leaving

    def block(self, until: Callable[[], bool]) -> None:
        """Run the reactor until that is true when a task has ended, or somebody stops the reactor."""
        if not until():
            self._until = until
            try:
                self._reactor.run()
            finally:
                self._until = _never

    # generators

    def _set_hooks(self) -> None:
        if sys.get_asyncgen_hooks() == (None, None):  # else another loop turns this one
            sys.set_asyncgen_hooks(self._generators.add, self._finalise)

    def _reset_hooks(self) -> None:
        if sys.get_asyncgen_hooks().finalizer == self._finalise:
            sys.set_asyncgen_hooks(None, None)

    def _finalise(self, generator: AsyncGenerator[Any, Any]) -> None:
        """Python is about to drop it: in any thread, at any time."""
        self._generators.discard(generator)
        self._reactor.post(self._close_generator, generator)

    def _close_generator(self, generator: AsyncGenerator[Any, Any]) -> None:
        if self._reactor.state is ReactorState.CLOSED:
            _drive(generator)
        else:
            task = self.begin(_closing(generator), "aclose", _report, spawned=False)
            task._go(task._send)


def tasks_of(reactor: Reactor) -> Tasks:
    """The tasks of that reactor, on its thread."""
    tasks = _ALL.get(id(reactor))
    if tasks is None:
        tasks = _ALL[id(reactor)] = Tasks(reactor)
    return tasks


def coroutine_of(what: str, fn: Callable[..., Any], args: tuple[object, ...]) -> Any:
    """What ``fn(*args)`` returns, which must be a coroutine."""
    if not callable(fn):
        raise no_coroutine_function(what, fn)
    coro = fn(*args)
    if not inspect.iscoroutine(coro):
        raise no_coroutine_function(what, fn)
    return coro


def spawn(reactor: Reactor, fn: CoroutineFunction[T], /, *args: object) -> Task[T]:
    """Have ``fn(*args)`` run as a task on that reactor; its first step is a tick.

    On the reactor's thread, or while nobody runs it; from another one ``reactor.execute(spawn, reactor, fn)``. What the
    task raises is logged, and raised by ``await task``, too. A drain of the reactor cancels it. TypeError for what is
    no coroutine function, ClosedSelectorError once the reactor is closed.
    """
    reactor.owner.check("spawn")
    if reactor.state is ReactorState.CLOSED:
        raise ClosedSelectorError("the reactor is closed: it resumes no task")
    tasks = tasks_of(reactor)
    task = tasks.begin(coroutine_of("spawn", fn, args), _name(fn), _report, spawned=True)
    task._soon(task._go, task._send)
    return task


def block_on_all(reactor: Reactor) -> None:
    """Run the reactor until every spawned task has ended, or somebody stops it."""
    tasks = tasks_of(reactor)
    tasks.block(lambda: not tasks.spawned)


def run(
    fn: CoroutineFunction[T],
    /,
    *args: object,
    workers: int | Executor = 0,
    max_connections: int | None = None,
    provider: SelectorProvider | None = None,
) -> T | None:
    """Run ``fn(*args)`` on a reactor of its own, and return what it returns; None if somebody stops the reactor first.

    What is left then is drained: tasks are cancelled, connections get what they are owed, all in two seconds at most.
    What ``fn`` raises is raised here. A KeyboardInterrupt or SystemExit leaves at once. The other arguments are those
    of :class:`~nio.reactor.Reactor`.
    """
    with Reactor.open(workers=workers, max_connections=max_connections, provider=provider) as reactor:
        tasks = tasks_of(reactor)
        main = tasks.begin(coroutine_of("run", fn, args), _name(fn), tasks.ended, spawned=True)
        main._soon(main._go, main._send)
        tasks.block(lambda: main.is_done)
        _wind_up(reactor, tasks)
        if not main.is_done or isinstance(main._error, Cancelled):
            return None
        result: T = main._outcome()
        return result


def _wind_up(reactor: Reactor, tasks: Tasks) -> None:
    if not (tasks.live or reactor.connections()):
        return
    reactor.stop(drain=_GRACE)
    reactor.run()
    if tasks.live:  # the drain has not waited for those that have no connection
        reactor.call_later(_GRACE, reactor.stop)
        tasks.block(lambda: not tasks.live)


def _report(task: Task[Any]) -> None:
    """A task that nobody joins has ended."""
    tasks_of(task.reactor).ended(task)
    error = task._error
    if error is not None and not isinstance(error, (Cancelled, *LEAVING)):

        def fail() -> None:
            raise error

        fail.__qualname__ = f"the task {task.name}"  # which is how the log names it
        task.reactor.guarded(fail)


def _name(fn: Callable[..., object]) -> str:
    return str(getattr(fn, "__qualname__", None) or type(fn).__name__)


def _never() -> bool:
    return False


async def _closing(generator: AsyncGenerator[Any, Any]) -> None:
    await generator.aclose()


def _drive(generator: AsyncGenerator[Any, Any]) -> None:
    """Close it where nothing can be awaited any more."""
    try:
        generator.aclose().__await__().send(None)
    except LEAVING:
        raise
    except BaseException:
        pass
