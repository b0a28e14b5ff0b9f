"""Hooks: what users want called when the loop starts and when it stops.

A stop has three moments, always in this order: it is taken up (``begin``), nothing is left to drain or the time for it
is over (``drained``), and ``run()`` is about to return (``end``). Each is called once in a stop. A stop that does not
drain, and a ``close()`` without a stop, come to all three at once. An exception that leaves ``run()`` is no stop: the
next ``run()`` goes on without calling ``start`` again. Hooks that a Ctrl-C has kept from their call are called then.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from nio.errors import IllegalArgumentError
from nio.reactor.loop._registry import LEAVING, Guarded

Moment = Literal["begin", "drained", "end"]
_MOMENTS: tuple[Moment, ...] = ("begin", "drained", "end")
_ALL = len(_MOMENTS)
Call = tuple[Callable[..., object], tuple[object, ...]]


class Hooks:
    """The hooks of one reactor; for its thread."""

    __slots__ = ("_calls", "_due", "_guarded", "_passed")

    def __init__(self, guarded: Guarded) -> None:
        self._guarded = guarded
        self._calls: dict[str, list[Call]] = {}
        self._due: tuple[Call, ...] = ()
        self._passed = _ALL  # how many moments of a stop lie behind; all: it has not started

    def on_start(self, fn: Callable[..., object], args: tuple[object, ...]) -> None:
        """Call it at the next start, and at each after that."""
        self._calls.setdefault("start", []).append((fn, args))

    def on_stop(self, moment: Moment, fn: Callable[..., object], args: tuple[object, ...]) -> None:
        """Call it at that moment of the next stop, and of each after that."""
        if moment not in _MOMENTS:
            raise IllegalArgumentError(f"at must be one of {', '.join(map(repr, _MOMENTS))}, not {moment!r:.100}")
        self._calls.setdefault(moment, []).append((fn, args))

    def start(self) -> None:
        """``run()`` begins; nothing when the last one was left by an exception."""
        if self._passed == _ALL:
            calls = tuple(self._calls.get("start", ()))
            self._passed, self._due = 0, self._due + calls
        self._call()

    def begin(self) -> None:
        """A drain begins, also of a loop that is turned by hand."""
        self._passed %= _ALL
        self.reach("begin")

    def reach(self, moment: Moment) -> None:
        """Come to that moment, and to those before it that were left out."""
        last = _MOMENTS.index(moment)
        while self._passed <= last:
            calls = tuple(self._calls.get(_MOMENTS[self._passed], ()))
            self._passed, self._due = self._passed + 1, self._due + calls
        self._call()

    def _call(self) -> None:
        """What is LEAVING leaves when all had their turn."""
        leaving: BaseException | None = None
        while self._due:
            (fn, args), self._due = self._due[0], self._due[1:]
            try:
                self._guarded(fn, *args)
            except LEAVING as error:
                leaving = error
        if leaving is not None:
            raise leaving
