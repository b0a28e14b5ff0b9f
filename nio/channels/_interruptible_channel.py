"""What all channels over a descriptor have in common: a close, and a sleep that a close ends.

**Blocking is emulated.** The descriptor never blocks. A blocking operation tries; if the kernel says "not now", it
sleeps on the descriptor *and* on a wake-up that only ``close()`` sets. So a close in one thread releases another that
sleeps in the same channel; from a blocking system call it could not. A channel opens its wake-up when a thread first
has to sleep, so one that never waits has none.

**Closing has two halves.** The first half, under the state lock, takes no time: it marks the channel closed and wakes
the threads that sleep in it. The second half releases the descriptor; it does not wait for sleeping threads either.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Self, TypeVar

from nio.channels._per_kernel import shared_by_fork
from nio.errors import AsynchronousCloseError, ClosedChannelError
from nio.spi import READABLE, SelectorProvider, Wakeup

T = TypeVar("T")


def chosen(provider: SelectorProvider | None) -> SelectorProvider:
    """The provider given, or the default one."""
    if provider is None:
        return SelectorProvider.default()
    if not isinstance(provider, SelectorProvider):
        raise TypeError(f"a provider is a SelectorProvider, not {provider!r}")
    return provider


class InterruptibleChannel:
    """A channel that can be closed by any thread, whatever the others are doing in it."""

    __slots__ = ("__weakref__", "_fd", "_open", "_provider", "_state_lock", "_wakeup")

    def __init__(self, provider: SelectorProvider, fd: int) -> None:
        self._provider = provider
        self._fd = fd
        self._open = True
        self._wakeup: Wakeup | None = None
        self._state_lock = provider.rlock()

    @property
    def is_open(self) -> bool:
        """True until ``close()``."""
        return self._open

    @property
    def provider(self) -> SelectorProvider:
        """The provider that opened this channel."""
        return self._provider

    def close(self) -> None:
        """Close the channel; a thread that sleeps in it gets AsynchronousCloseError. A second call does nothing."""
        try:
            with self._state_lock:
                if not self._open:
                    return
                self._open = False
                if self._wakeup is not None:
                    self._wakeup.set()
            self._let_go()
        except BaseException:
            if not self._open:
                self._finish_close()
            raise

    def _finish_close(self) -> None:
        """After an interruption (KeyboardInterrupt, say) do again what may not have been done; nobody else would."""
        if self._wakeup is not None:
            self._wakeup.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def _let_go(self) -> None:
        """The second half of ``close()``: release what the channel holds, once no thread is inside."""

    def _ensure_open(self) -> None:
        if not self._open:
            raise ClosedChannelError(f"{self!r}")

    def _ensure_not_closed_meanwhile(self) -> None:
        if not self._open:
            raise AsynchronousCloseError(f"{self!r} was closed while a thread was inside")

    def _insist(self, mask: int, call: Callable[..., T], *args: object) -> T:
        """``call(*args)``; when the kernel says "not now", sleep and try again."""
        while True:
            try:
                return call(*args)
            except BlockingIOError:
                self._sleep(self._fd, mask)
            except OSError:
                self._ensure_not_closed_meanwhile()
                raise

    def _sleep(self, fd: int, mask: int, seconds: float | None = None) -> None:
        closing = self._closing()
        try:
            self._provider.wait_for(fd, mask, closing.fileno(), seconds)
        except OSError:  # a signal handler closed the channel, and the kernel misses the descriptor
            self._ensure_not_closed_meanwhile()
            raise
        self._ensure_not_closed_meanwhile()

    def _pause(self, seconds: float) -> None:
        """Sleep where there is no descriptor to wait on."""
        self._provider.wait_for(self._closing().fileno(), READABLE, None, seconds)
        self._ensure_not_closed_meanwhile()

    def _closing(self) -> Wakeup:
        with self._state_lock:
            self._ensure_not_closed_meanwhile()
            if self._wakeup is None:
                shared_by_fork(self._provider).add(self)
                self._wakeup = self._provider.open_wakeup()
            return self._wakeup

    def _forget(self) -> None:
        """In a forked child: the threads that sleep in here, and what ends their sleep, are the parent's."""
        self._state_lock = self._provider.rlock()
        self._wakeup = None
