"""How a reactor stops, and is ready to run again.

**A stop is asked for by a flag**, which the loop's thread takes up before its ticks. ``stop()`` may be called by any
thread and any signal handler; were it to set the state itself, it could overwrite what the loop's thread sets at the
same time. So only that thread moves the state on, and nobody takes a lock.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from nio._numbers import check_seconds
from nio.reactor.loop._close_reason import CloseReason
from nio.reactor.loop._connecting import Connects
from nio.reactor.loop._drain import Drain
from nio.reactor.loop._registry import each
from nio.reactor.loop._state import ReactorState
from nio.reactor.loop._timers import Timer
from nio.reactor.loop._undertakings import Undertakings

_OPEN, _DRAINING, _STOPPING = ReactorState.OPEN, ReactorState.DRAINING, ReactorState.STOPPING


class Stopping(Connects):
    """The part of a reactor that ends ``run()``."""

    undertakings: Undertakings

    def _start_stopping(self, drain: Drain) -> None:
        self._drain = drain
        self._cut: Timer | None = None  # when the drain's time is over
        self._is_begun = False  # everybody was told to drain
        self._runs = 0  # that are over: a drain that was asked of one of them is no affair of the next
        self._failure: Exception | None = None  # why it cannot work any more

    # for users

    def stop(self, drain: float | None = None) -> None:
        """End ``run``: at once, or with ``drain`` when what was received is answered, after so many seconds at most.

        While nobody runs it, the next ``run`` is ended. Between ``run`` and ``run`` everything is as it was.

        Draining accepts what the kernel has already accepted, listens no more, answers and flushes, and closes each
        connection when nothing is owed to it. Connections cut at the end of that time are counted as ``abandoned``.
        From any thread or signal handler, at any time, any number of times; stopping at once overrules draining.
        """
        if drain is None:
            self._is_asked_to_stop = True
            self.post(_nothing)
            return
        self.post(self._begin_drain, check_seconds("drain", drain), self._runs)

    def drain(self, deadline: float) -> None:
        """``stop(drain=deadline)``: end ``run`` when what was received is answered, in ``deadline`` seconds at most."""
        self.stop(check_seconds("deadline", deadline))

    # for handlers

    def fail(self, error: Exception) -> None:
        """Stop, and have ``run()`` raise ``error``."""
        self._failure = error
        self._stop_now()

    # the end

    def _begin_drain(self, seconds: float, runs: int) -> None:
        if self._state is _OPEN and runs == self._runs:
            self._state, self._is_begun = _DRAINING, False
        if self._state is _DRAINING and not self._is_begun:
            if self._cut is None:
                self._cut = self.call_later(seconds, self._cut_drain)
            steps: list[Callable[[], None]] = [
                self._hooks.begin,
                partial(self.undertakings.end_all, CloseReason.DRAIN),
                self._drain.begin,
            ]
            each(steps, lambda step: step())  # whatever leaves, all three are done
            self._is_begun = True

    def _cut_drain(self) -> None:
        self._drain.end()

    def after_interrupt(self, fn: Callable[..., object], args: tuple[object, ...]) -> None:
        """A Ctrl-C has struck: a step of the end, of which each may be taken twice, is taken again."""
        if fn in (self._begin_drain, self._cut_drain, self._drained):
            self.post(fn, *args)

    def _drained(self) -> None:
        """As a tick, so that the last handler has ended altogether."""
        if self._state is _DRAINING and (self._drain.is_over or self._registry.is_empty):
            self._state = _STOPPING
            self._hooks.reach("drained")

    def _take_stop(self) -> None:
        if self._is_asked_to_stop:
            self._is_asked_to_stop = False
            self._stop_now()

    def _stop_now(self) -> None:
        if self._state < _STOPPING:
            self._state = _STOPPING

    def _reopen(self) -> None:
        """``run()`` is over: a stop that has come meanwhile was this one, and a drain that was overruled is over."""
        self._take_stop()
        self._runs += 1
        if self._cut is not None:
            self._cut.cancel()
            self._cut = None
        self._drain.forsake()
        self.undertakings.reopen()
        if self._state is _STOPPING:
            self._state = _OPEN


def _nothing() -> None:
    """The tick of a stop."""
