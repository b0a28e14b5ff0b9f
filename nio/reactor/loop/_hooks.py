"""Hooks: what users want called when the loop starts and when it stops.

A stop has three moments, always in this order: it is taken up (``begin``), nothing is left to drain or the time for it
is over (``drained``), and ``run()`` is about to return (``end``). Each is called once in a stop. A stop that does not
drain, and a ``close()`` without a stop, come to all three at once. An exception that leaves ``run()`` is no stop: the
next ``run()`` goes on without calling ``start`` again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from nio.errors import IllegalArgumentError
from nio.reactor.loop._registry import Guarded, each

Moment = Literal["begin", "drained", "end"]
_MOMENTS: tuple[Moment, ...] = ("begin", "drained", "end")
_ALL = len(_MOMENTS)


class Hooks:
    """The hooks of one reactor; for its thread."""

    __slots__ = ("_calls", "_guarded", "_passed")

    def __init__(self, guarded: Guarded) -> None:
        self._guarded = guarded
        self._calls: dict[str, list[tuple[Callable[..., object], tuple[object, ...]]]] = {}
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
            self._passed = 0
            self._call("start")

    def begin(self) -> None:
        """A drain begins, also of a loop that is turned by hand."""
        self._passed %= _ALL
        self.reach("begin")

    def reach(self, moment: Moment) -> None:
        """Come to that moment, and to those before it that were left out."""
        while self._passed <= _MOMENTS.index(moment):
            self._passed += 1
            self._call(_MOMENTS[self._passed - 1])

    def _call(self, name: str) -> None:
        each(tuple(self._calls.get(name, ())), lambda call: self._guarded(call[0], *call[1]))
