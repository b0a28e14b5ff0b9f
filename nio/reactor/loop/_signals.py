"""Signals as events: what a signal starts is called on the loop's thread, when a turn begins.

Python calls a signal's handler in the main thread, between any two steps of whatever runs there. So the handler does
the least: it notes the number and wakes the selection, without a lock. A signal that comes again before it is taken up
counts once, as the kernel counts its own, so a storm of them costs one call a turn.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from nio.reactor.loop._registry import each
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

    __slots__ = ("_lock", "_provider", "_raised", "_releases", "_wakeup", "_watches", "arrived")

    def __init__(self, provider: SelectorProvider, wakeup: Callable[[], object], raised: Raised) -> None:
        self._provider = provider
        self._lock = provider.rlock()
        self._wakeup = wakeup
        self._raised = raised
        self._releases: dict[int, Callable[[], object]] = {}
        self._watches: dict[int, list[SignalWatch]] = {}
        self.arrived: dict[int, None] = {}

    def watch(self, signum: int, fn: Callable[..., object], args: tuple[object, ...]) -> SignalWatch:
        """Call ``fn(*args)`` when the signal has come."""
        with self._lock:
            if signum not in self._releases:
                self._releases[signum] = self._provider.catch_signal(signum, self._note)
            watch = SignalWatch(self, signum, fn, args)
            self._watches.setdefault(signum, []).append(watch)
            return watch

    def forget(self, watch: SignalWatch) -> None:
        """Call it no more."""
        with self._lock:
            watches = self._watches.get(watch.signum, [])
            if watch.is_active:
                watch._fn, watch._args = None, ()
                watches.remove(watch)
                if not watches:
                    self._releases.pop(watch.signum)()

    def deliver(self) -> int:
        """Make the calls for all that has come; how many."""
        calls: list[SignalWatch] = []
        for signum in tuple(self.arrived):
            del self.arrived[signum]
            calls += self._watches.get(signum, ())
        each(calls, lambda watch: watch.call(self._raised))
        return len(calls)

    def close(self) -> None:
        """Call nothing any more, and put all handlers back."""
        for watches in tuple(self._watches.values()):
            for watch in tuple(watches):
                self.forget(watch)

    def _note(self, signum: int) -> bool:
        """In the main thread, anywhere."""
        is_news = signum not in self.arrived
        self.arrived[signum] = None
        self._wakeup()
        return is_news
