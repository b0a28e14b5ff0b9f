"""A provider that tells what goes on behind it: when a thread is about to sleep, and what the poller is told."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import TypeVar

from nio.spi import Poller, SelectorProvider, SystemProvider
from nio.spi._wakeup import SystemWakeup
from tests.helpers import PATIENCE

T = TypeVar("T")


class WatchedProvider(SystemProvider):
    """Another provider, with a log: what its pollers were told, and each time a thread is about to sleep.

    ``log`` holds tuples, in order: ``("add", fd, mask)``, ``("modify", fd, mask)``, ``("remove", fd)``, ``("sleep",)``
    and ``("awake", events)`` around a wait that may sleep, ``("wakeup", fd)`` for each ``Wakeup.set``.
    """

    def __init__(self, inner: SelectorProvider) -> None:
        self.name = inner.name
        self.log: list[tuple[object, ...]] = []
        self._sleepers = threading.Semaphore(0)
        self._queued = threading.Semaphore(0)
        self._inner = inner
        self.wait_for = self._wait_for
        self.rlock = lambda: _WatchedLock(self._queued)

    def open_poller(self) -> Poller:
        return _WatchedPoller(self._inner.open_poller(), self)

    def open_wakeup(self) -> SystemWakeup:
        return _WatchedWakeup(self.log)

    def forget(self) -> None:
        """Begin anew: empty the log, and count sleepers from here."""
        self.log.clear()
        for semaphore in (self._sleepers, self._queued):
            while semaphore.acquire(blocking=False):
                pass

    def until_asleep(self) -> None:
        """Return when one more thread than before is about to sleep in a selection or in a channel."""
        assert self._sleepers.acquire(timeout=PATIENCE), "no thread went to sleep"

    def until_queued(self) -> None:
        """Return when one more thread than before found a lock of a channel or selector taken."""
        assert self._queued.acquire(timeout=PATIENCE), "no thread had to wait for a lock"

    def slept(self, call: Callable[[], T], timeout: float | None) -> T:
        if timeout == 0:
            return call()
        self.log.append(("sleep",))
        self._sleepers.release()
        result = call()
        self.log.append(("awake", result))
        return result

    def since_asleep(self) -> list[tuple[object, ...]]:
        """The log from the last sleep on, without that line."""
        return self.log[len(self.log) - self.log[::-1].index(("sleep",)) :]

    def _wait_for(self, fd: int, mask: int, wakeup: int | None, timeout: float | None) -> bool:
        return self.slept(lambda: self._inner.wait_for(fd, mask, wakeup, timeout), timeout)


class _WatchedPoller:
    def __init__(self, inner: Poller, provider: WatchedProvider) -> None:
        self._inner = inner
        self._provider = provider
        self.limit = inner.limit
        self.close = inner.close

    def add(self, fd: int, mask: int) -> None:
        self._provider.log.append(("add", fd, mask))
        self._inner.add(fd, mask)

    def modify(self, fd: int, mask: int) -> None:
        self._provider.log.append(("modify", fd, mask))
        self._inner.modify(fd, mask)

    def remove(self, fd: int) -> None:
        self._provider.log.append(("remove", fd))
        self._inner.remove(fd)

    def wait(self, timeout: float | None) -> list[tuple[int, int]]:
        return self._provider.slept(lambda: self._inner.wait(timeout), timeout)


class _WatchedWakeup(SystemWakeup):
    def __init__(self, log: list[tuple[object, ...]]) -> None:
        super().__init__()
        self._log = log

    def set(self) -> None:
        self._log.append(("wakeup", self.fileno()))
        super().set()


class _WatchedLock:
    def __init__(self, queued: threading.Semaphore) -> None:
        self._lock = threading.RLock()
        self._queued = queued

    def acquire(self, blocking: bool = True, /) -> bool:
        if not self._lock.acquire(blocking=False):
            if not blocking:
                return False
            self._queued.release()
            self._lock.acquire()
        return True

    def release(self) -> None:
        self._lock.release()

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.release()
