"""Signals as events: what a signal starts is called on the loop's thread, when a turn begins.

Python calls a signal's handler in the main thread, between any two steps of whatever runs there. So the handler does
the least: it notes the number and wakes the selection, without a lock. A signal that comes again before it is taken up
counts once, as the kernel counts its own, so a storm of them costs one call a turn.

**A Ctrl-C in between** loses the call that it strikes and no other: see ``_agenda.py``. What is still to be called is
kept, and ``arrived`` holds 0 then, which is no signal's number, so that the next turn goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from nio.reactor.loop._registry import LEAVING
from nio.spi import SelectorProvider


class Raised(Protocol):
    """What is done about an exception of a call."""

    def __call__(self, kind: str, fn: Callable[..., object], error: BaseException, /) -> None: ...


class SignalWatch:
    """A function to be called when a signal has come, made by ``reactor.on_signal``."""

    __slots__ = ("_args", "_fn", "_signals", "signum")

    def __init__(self, signals: Signals, signum: int, fn: Callable[..., object], args: tuple[object, ...]) -> None:
        self._signals = signals
        self._fn: Callable[..., object] | None = fn
        self._args = args
        self.signum: int = signum

    @property
    def is_active(self) -> bool:
        """True until it was cancelled, or the reactor closed."""
        return self._fn is not None

    def cancel(self) -> None:
        """Never call it again; at any time, also twice. With the last one, the handler from before is put back."""
        self._signals.forget(self)

    def call(self, raised: Raised) -> None:
        """Make the call, on the loop's thread."""
        fn = self._fn
        if fn is not None:
            try:
                fn(*self._args)
            except BaseException as error:
                raised("signal", fn, error)


class Signals:
    """The signals that one reactor watches; ``arrived`` holds those that have come and were not taken up yet."""

    __slots__ = ("_due", "_lock", "_provider", "_raised", "_releases", "_wakeup", "_watches", "arrived")

    def __init__(self, provider: SelectorProvider, wakeup: Callable[[], object], raised: Raised) -> None:
        self._provider = provider
        self._lock = provider.rlock()
        self._wakeup = wakeup
        self._raised = raised
        self._releases: dict[int, Callable[[], object]] = {}
        self._watches: dict[int, tuple[SignalWatch, ...]] = {}
        self._due: tuple[SignalWatch, ...] = ()  # to be called in this turn
        self.arrived: dict[int, None] = {}

    def watch(self, signum: int, fn: Callable[..., object], args: tuple[object, ...]) -> SignalWatch:
        """Call ``fn(*args)`` when the signal has come."""
        with self._lock:
            if not self._watches.get(signum):
                self._let_go(signum)  # a Ctrl-C has kept the last one from doing so
                self._releases[signum] = self._provider.catch_signal(signum, self._note)
            watch = SignalWatch(self, signum, fn, args)
            self._watches[signum] = (*self._watches.get(signum, ()), watch)
            return watch

    def forget(self, watch: SignalWatch) -> None:
        """Call it no more."""
        with self._lock:
            watch._fn, watch._args = None, ()
            others = tuple([other for other in self._watches.get(watch.signum, ()) if other is not watch])
            self._watches[watch.signum] = others
            if not others:
                self._let_go(watch.signum)

    def deliver(self) -> int:
        """Make the calls for all that has come; how many. What is LEAVING leaves when all had their turn."""
        count, leaving = 0, None
        try:
            for signum in tuple(self.arrived):
                watches = self._watches.get(signum, ())
                self._due += tuple([watch for watch in watches if watch not in self._due])
                del self.arrived[signum]
            while self._due:
                watch, self._due = self._due[0], self._due[1:]
                count += 1
                try:
                    watch.call(self._raised)
                except LEAVING as error:
                    leaving = error
        finally:
            if self._due:
                self.arrived[0] = None
        if leaving is not None:
            raise leaving
        return count

    def close(self) -> None:
        """Call nothing any more, and put all handlers back."""
        self._due = ()
        for watches in tuple(self._watches.values()):
            for watch in watches:
                self.forget(watch)
        for signum in tuple(self._releases):
            self._let_go(signum)

    def _let_go(self, signum: int) -> None:
        release = self._releases.get(signum)
        if release is not None:
            release()  # again is nothing
            self._releases.pop(signum, None)

    def _note(self, signum: int) -> bool:
        """In the main thread, anywhere."""
        is_news = signum not in self.arrived
        self.arrived[signum] = None
        self._wakeup()
        return is_news
