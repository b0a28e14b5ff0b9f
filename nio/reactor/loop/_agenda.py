"""Agenda: what is to be called on the loop's thread, and when: ticks and timers.

**Ticks** are calls queued by ``execute`` (from any thread) and ``next_tick``, and the completions of workers. A turn
runs those that were queued when it came to them, 256 at most, in order. What a tick queues runs in the next turn.

**Timers** stand in ``_timers.py``. Those that are due when a turn begins run in it, earliest first.

Both queues keep what an exception that leaves ``run()`` has cut off: the next turn goes on with it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from nio._numbers import check_seconds
from nio.channels import Selector
from nio.errors import RejectedExecutionError
from nio.reactor.loop._checks import check_callable
from nio.reactor.loop._event_handler import EventHandler
from nio.reactor.loop._owner import Owner
from nio.reactor.loop._registry import LEAVING, Registry
from nio.reactor.loop._timers import Timer, TimerQueue
from nio.spi import SelectorProvider

_TICKS_PER_TURN = 256


class Agenda:
    """The part of a reactor that keeps calls for its thread."""

    provider: SelectorProvider
    owner: Owner
    _selector: Selector
    _registry: Registry[EventHandler]
    _closed: bool

    def _start_agenda(self) -> None:
        self._timers = TimerQueue()
        self._due: deque[Timer] = deque()  # out of the queue, to be called in this turn or, after a Ctrl-C, in the next
        self._ticks: deque[tuple[Callable[..., object], tuple[object, ...]]] = deque()

    # for users

    def execute(self, fn: Callable[..., object], /, *args: object) -> None:
        """Call ``fn(*args)`` on the reactor's thread, soon; from any thread or signal handler.

        Calls run in the order they came in, at most 256 in a turn. RejectedExecutionError once the reactor is closed.
        """
        check_callable("execute", fn)
        if self._closed:
            raise RejectedExecutionError("the reactor is closed")
        self.post(fn, *args)

    def call_later(self, delay: float, fn: Callable[..., object], /, *args: object) -> Timer:
        """Call ``fn(*args)`` in ``delay`` seconds or a little later, never earlier; the timer can be cancelled."""
        check_callable("call_later", fn)
        self.owner.check("call_later")
        return self.call_at(self.provider.clock() + int(check_seconds("delay", delay) * 1e9), fn, *args)

    def call_at(self, when: int, fn: Callable[..., object], /, *args: object) -> Timer:
        """Call ``fn(*args)`` when ``provider.clock()`` has reached ``when`` nanoseconds."""
        check_callable("call_at", fn)
        self.owner.check("call_at")
        return self._timers.schedule(when, fn, *args)

    # for handlers

    def post(self, fn: Callable[..., object], /, *args: object) -> None:
        """As ``execute``, for completions: after ``close()`` the call is dropped without an error."""
        self._ticks.append((fn, args))
        self._selector.wakeup()

    # one turn's parts

    def _run_timers(self) -> int:
        self._due.extend(self._timers.take_due(self.provider.clock()))
        count = 0
        while self._due and not self._closed:
            count += 1
            call = self._due.popleft().take()
            if call is not None:
                fn, args = call
                try:
                    fn(*args)
                except BaseException as error:
                    self._raised("timer", fn, error)
        return count

    def _run_ticks(self) -> int:
        queued = min(len(self._ticks), _TICKS_PER_TURN)
        count = 0
        while count < queued and self._ticks:  # close() in a tick takes all the others
            count += 1
            fn, args = self._ticks.popleft()
            try:
                fn(*args)
            except BaseException as error:
                self._raised("tick", fn, error)
        return count

    def _raised(self, kind: str, fn: Callable[..., object], error: BaseException) -> None:
        self._registry.blame(kind, fn, error)
        if isinstance(error, LEAVING):
            raise error

    def _drop_ticks(self) -> None:
        while self._ticks:
            fn, args = self._ticks.popleft()
            self._registry.guarded(fn, *args)
