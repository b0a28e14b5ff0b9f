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
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from nio.spi import READABLE, Poller, SelectorProvider, Wakeup


class Waking:
    """The wake-up of one selector."""

    __slots__ = ("_poller", "_signals", "_wakeup", "event", "fd", "is_set", "signal_event")

    def __init__(self, provider: SelectorProvider, poller: Poller) -> None:
        self._poller = poller
        self._wakeup: Wakeup | None = provider.open_wakeup()
        self._signals: Wakeup | None = None
        self.fd = self._wakeup.fileno()
        self.event = (self.fd, READABLE)  # what a poller reports of the wake-up
        self.signal_event: tuple[int, int] | None = None  # and of a signal
        self.is_set = False

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

    def clear(self, events: list[tuple[int, int]]) -> None:
        """Clear what has ended this selection; whoever is interrupted here calls ``interrupted``."""
        if self.event in events and self._wakeup is not None:
            self._wakeup.clear()
            self.is_set = False
        if self.signal_event in events and self._signals is not None:
            self._signals.clear()

    def interrupted(self) -> None:
        """Be in a state that loses no wake-up, after an exception out of a selection."""
        self.is_set = False

    @contextmanager
    def on(self, signals: Wakeup | None, check: Callable[[int], object]) -> Iterator[None]:
        """Inside, ``signals``, if any, ends a selection, too; what did so before has its turn again afterwards."""
        if signals is None:
            yield
            return
        check(signals.fileno())
        previous = self._signals, self.signal_event
        try:
            self._poller.add(signals.fileno(), READABLE)
            self._signals, self.signal_event = signals, (signals.fileno(), READABLE)
            yield
        finally:
            self._signals, self.signal_event = previous
            if self._wakeup is not None:  # not closed meanwhile
                self._poller.remove(signals.fileno())

    def close(self) -> None:
        """Drop the descriptor; ``set()`` does nothing from now on."""
        self._wakeup = None
        self.is_set = False
