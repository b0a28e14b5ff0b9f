"""A Prefork whose processes are numbers: a test says what they tell and how they end, and sees what they are told."""

from __future__ import annotations

import errno
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from nio.channels import SelectionKey
from nio.reactor import Prefork
from nio.reactor.groups._reports import NOTHING, Order, Word, orders, report
from nio.reactor.loop._progress import ReactorStatistics
from nio.spi import PipeEnd
from nio.spi._pipe import SystemPipeEnd
from nio.spi._wakeup import SystemWakeup
from tests.unit.reactor.support import Kernel

SECOND = 1_000_000_000
ACCEPT = int(SelectionKey.OP_ACCEPT)


def again() -> OSError:
    """The error of a fork when there are too many processes."""
    return OSError(errno.EAGAIN, "Resource temporarily unavailable")


def nothing() -> None:
    """A step in which something was told already."""


class Exited(BaseException):
    """The process has ended, in a test."""


class Ordered(SystemPipeEnd):
    """A writing end that notes what is written."""

    def __init__(self, end: PipeEnd) -> None:
        real: Any = end
        super().__init__(real._fd)
        real._fd = -1
        self.said: list[tuple[Order, float]] = []
        self.is_closed = False

    def send(self, source: memoryview, flags: int = 0) -> int:
        self.said += orders(bytes(source))
        return len(source)

    def close(self) -> None:
        self.is_closed = True
        super().close()


class Processes(Kernel):
    """Forks are numbers from 101 on, signals are calls, and a wait is the next step of the test."""

    def __init__(self) -> None:
        super().__init__()
        self.threads = 1
        self.forks: deque[int | OSError] = deque()  # what to answer; 0 is the child's side
        self.made: list[int] = []
        self.ends: dict[int, tuple[int, str]] = {}
        self.killed: list[tuple[int, str]] = []
        self.steps: deque[Callable[[], object]] = deque()
        self.orders: dict[int, Ordered] = {}
        self.handler: Callable[[str], object] = lambda name: None
        self.overrules = False
        self.exits: list[int] = []
        self.shared: list[object] = []
        self.waits_for_children: list[float | None] = []
        self.is_main = True
        self._last: Ordered | None = None
        self._own_pipes = 2  # reports, lifeline

    def process_id(self) -> int:
        return 100

    def thread_count(self) -> int:
        return self.threads

    def open_pipe(self) -> Any:
        reader, writer = super().open_pipe()
        if self._own_pipes:
            self._own_pipes -= 1
            return reader, writer
        self._last = Ordered(writer)
        return reader, self._last

    def fork(self) -> int:
        answer = self.forks.popleft() if self.forks else 101 + len(self.made)
        if isinstance(answer, OSError):
            raise answer
        self.made.append(answer)
        assert self._last is not None
        self.orders[answer] = self._last
        return answer

    def exit_process(self, code: int) -> NoReturn:
        self.exits.append(code)
        raise Exited(code)

    def ended_child(self, pid: int) -> tuple[int, str] | None:
        return self.ends.get(pid)

    def signal_process(self, pid: int, name: str) -> None:
        self.killed.append((pid, name))
        self.ends[pid] = (-9, name)

    def share_listener(self, listener: object) -> None:
        self.shared.append(listener)

    @contextmanager
    def signal_wakeup(self) -> Iterator[SystemWakeup | None]:
        yield self.open_wakeup() if self.is_main else None

    @contextmanager
    def handling_signals(
        self, names: Iterable[str], handler: Callable[[str], object], *, overrule: bool = False
    ) -> Iterator[None]:
        self.handler, self.overrules = handler, overrule
        yield

    def wait_for(self, fd: int, mask: int, wakeup: int | None, timeout: float | None) -> bool:
        if wakeup is None:
            return super().wait_for(fd, mask, None, 0)
        self.waits_for_children.append(timeout)
        if self.steps:
            self.steps.popleft()()
        else:
            raise Exited("no step is left")
        return True


class Parent:
    """A Prefork on such processes, and the words of a test."""

    def __init__(self, **options: Any) -> None:
        self.kernel = Processes()
        options.setdefault("processes", 2)
        self.prefork = Prefork(provider=self.kernel, **options)

    def run(self, *steps: Callable[[], object]) -> None:
        """Run through these steps, one for each wait."""
        self.kernel.steps.extend(steps)
        self.prefork.run()
        assert not self.kernel.steps

    def run_and_leave(self, *steps: Callable[[], object]) -> None:
        """The same, but the last step does not end it."""
        try:
            self.run(*steps)
        except Exited:
            return
        raise AssertionError("it ended")

    def say(self, pid: int, word: Word, counts: ReactorStatistics = NOTHING, drain: float | None = None) -> None:
        self.prefork._nursery._writer.send(memoryview(report(word, pid, counts, drain)))

    def ready(self, *pids: int) -> None:
        for pid in pids:
            self.say(pid, Word.READY)

    def end(self, *pids: int, how: str = "exit code 0") -> None:
        for pid in pids:
            self.kernel.ends[pid] = (0, how)

    def advance(self, seconds: float) -> None:
        self.kernel.now += round(seconds * SECOND)

    def reload_and(self, act: Callable[..., object], *args: object) -> None:
        act(*args)
        self.prefork.reload()

    def told(self, pid: int) -> list[tuple[Order, float]]:
        return self.kernel.orders[pid].said

    def finish(self) -> None:
        """Nobody is left."""
        for pid in self.prefork.pids:
            self.end(pid)
        self.prefork.close()
