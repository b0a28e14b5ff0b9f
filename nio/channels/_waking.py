"""What ends a selection that sleeps: a wake-up by anybody, or a signal.

**Wake-up** is a flag and a descriptor, without a lock, so that a signal handler may call it. ``set()`` sets the flag
and then the descriptor; the selecting thread clears the descriptor and then the flag. A caller that finds the flag set
can leave: the selection that will clear it has not returned yet, and whatever the caller queued before calling is seen
after that selection. In the other order, a caller between the two steps would set a flag that nobody clears, and every
later wake-up would be lost.

**An interruption** (a signal handler that raises KeyboardInterrupt, say) may come between the two steps. A descriptor
that is set without the flag ends one selection for nothing; a flag without the descriptor would lose every later
wake-up. So whoever is interrupted leaves the flag cleared. An interrupted ``set()`` sets the descriptor all the same:
another caller may have found the flag set and left.

**What is looked at in each selection is the flag**, not the kernel's answer: to search that for our two descriptors
would cost more than all the rest, the more is ready. A descriptor that the answer names and that has no key is one of
ours, and is silenced then: a signal's, or that of a wake-up which was cleared before it was quite set. In the second
case somebody may raise the flag in between, and has his descriptor cleared: so it is set again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from nio.spi import READABLE, Poller, SelectorProvider, Wakeup


class Waking:
    """The wake-up of one selector."""

    __slots__ = ("_poller", "_signals", "_wakeup", "fd", "is_set", "was_set")

    def __init__(self, provider: SelectorProvider, poller: Poller) -> None:
        self._poller = poller
        self._wakeup: Wakeup | None = provider.open_wakeup()
        self._signals: Wakeup | None = None
        self.fd = self._wakeup.fileno()
        self.is_set = False
        self.was_set = False  # when the last answer came

    @property
    def is_open(self) -> bool:
        """True until ``close()``."""
        return self._wakeup is not None

    def set(self) -> bool:
        """End the selection under way, or else the next one; from any thread, or a signal handler. False if closed."""
        wakeup = self._wakeup
        if wakeup is None:
            return False
        try:
            self.is_set = True
            wakeup.set()
        except BaseException:
            self.is_set = False
            wakeup.set()
            raise
        return True

    def clear(self) -> None:
        """Clear the wake-up that has ended this selection; whoever is interrupted here lowers the flag, too."""
        self.was_set = True
        if self._wakeup is not None:
            self._wakeup.clear()
        self.is_set = False

    def silence(self, fd: int) -> None:
        """The kernel's answer names a descriptor that has no key."""
        if self._signals is not None and fd == self._signals.fileno():
            self._signals.clear()
        elif self._wakeup is not None and fd == self.fd and not self.was_set:
            self._wakeup.clear()
            if self.is_set:
                self._wakeup.set()

    @contextmanager
    def on_signals(self, provider: SelectorProvider, check_limit: Callable[[int], None]) -> Iterator[None]:
        """Inside, a signal ends a selection, too; what did so before has its turn again afterwards."""
        with provider.signal_wakeup() as signals:
            if signals is None:
                yield
                return
            check_limit(signals.fileno())
            previous = self._signals
            try:
                self._poller.add(signals.fileno(), READABLE)
                self._signals = signals
                yield
            finally:
                self._signals = previous
                if self._wakeup is not None:  # not closed meanwhile
                    try:
                        self._poller.remove(signals.fileno())
                    except (OSError, LookupError):
                        pass  # a Ctrl-C has come before it was watched

    def close(self) -> None:
        """Drop the descriptor; ``set()`` does nothing from now on."""
        self._wakeup = None
        self.is_set = False
