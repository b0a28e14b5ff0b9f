"""Urgent data as an event: the signal that tells of it (``nio/spi/_urgent.py``), and a look at each channel watched."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from nio.errors import ClosedChannelError, IllegalArgumentError
from nio.reactor.loop._registry import each
from nio.reactor.loop._signals import Raised, SignalWatch
from nio.spi import SelectorProvider


class OnSignal(Protocol):
    """How a signal is caught."""

    def __call__(self, signum: int, fn: Callable[..., object], /, *args: object) -> SignalWatch: ...


class UrgentWatch:
    """A function to be called when urgent data has come, made by ``reactor.watch_urgent``."""

    __slots__ = ("_args", "_fn", "_watches", "channel")

    def __init__(
        self, watches: UrgentWatches, channel: Any, fn: Callable[..., object], args: tuple[object, ...]
    ) -> None:
        self._watches = watches
        self._fn: Callable[..., object] | None = fn
        self._args = args
        self.channel: Any = channel

    @property
    def is_active(self) -> bool:
        """True until it was cancelled, or its channel found closed."""
        return self._fn is not None

    def cancel(self) -> None:
        """Never call it again; at any time, also twice; for the reactor's thread."""
        self._fn, self._args = None, ()
        self._watches.sweep()

    def look(self, provider: SelectorProvider, raised: Raised) -> None:
        """Make the call if there is urgent data now."""
        fn = self._fn
        if fn is None or not self.channel.is_open:
            return
        try:
            if provider.has_urgent(self.channel.socket):
                fn(*self._args)
        except BaseException as error:
            raised("urgent data", fn, error)


class UrgentWatches:
    """The channels of one reactor that are watched for urgent data; for its thread."""

    __slots__ = ("_all", "_on_signal", "_post", "_provider", "_raised", "_signal")

    def __init__(
        self, provider: SelectorProvider, on_signal: OnSignal, post: Callable[..., object], raised: Raised
    ) -> None:
        self._provider = provider
        self._on_signal = on_signal
        self._post = post
        self._raised = raised
        self._signal: SignalWatch | None = None
        self._all: list[UrgentWatch] = []

    def watch(self, channel: Any, fn: Callable[..., object], args: tuple[object, ...]) -> UrgentWatch:
        """Call ``fn(*args)`` when there is urgent data, also if it is there already."""
        if not hasattr(channel, "socket") or not hasattr(channel, "is_connected"):
            raise IllegalArgumentError(f"only a SocketChannel has urgent data, not {channel!r:.100}")
        if not channel.is_open:
            raise ClosedChannelError(f"{channel!r}")
        self._provider.announce_urgent(channel.socket)
        if self._signal is None:
            self._signal = self._on_signal(self._provider.urgent_signal, self._look)
        watch = UrgentWatch(self, channel, fn, args)
        self._all.append(watch)
        self.sweep()
        self._post(watch.look, self._provider, self._raised)
        return watch

    def sweep(self) -> None:
        """Forget the watches that have ended, and the signal with the last."""
        for watch in self._all:
            if not watch.channel.is_open:
                watch._fn = None
        self._all = [watch for watch in self._all if watch.is_active]
        if not self._all and self._signal is not None:
            self._signal.cancel()
            self._signal = None

    def _look(self) -> None:
        each(tuple(self._all), lambda watch: watch.look(self._provider, self._raised))
        self.sweep()
