"""What the reactors of a group have in common: places for connections, and one sum of their counters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import fields
from types import MappingProxyType

from nio.reactor.loop._admission import Admission
from nio.reactor.loop._close_reason import CloseReason
from nio.reactor.loop._progress import ReactorStatistics
from nio.spi import SelectorProvider


class SharedAdmission(Admission):
    """Places that several threads take and give back.

    A thread may see that all places are taken just before the last of them is given back. So whoever waits for room
    looks once more.
    """

    __slots__ = ("_lock",)

    def __init__(self, wanted: int | None, provider: SelectorProvider) -> None:
        super().__init__(wanted, provider)
        self._lock = provider.rlock()

    def enter(self) -> None:
        with self._lock:
            super().enter()

    def leave(self) -> None:
        with self._lock:
            super().leave()

    def when_room(self, fn: Callable[[], object]) -> None:
        with self._lock:
            super().when_room(fn)
            super().enter()
            super().leave()


def total(parts: Iterable[ReactorStatistics]) -> ReactorStatistics:
    """The sum of all counters."""
    parts = tuple(parts)
    numbers = {field.name for field in fields(ReactorStatistics)} - {"closed"}
    closed: Counter[CloseReason] = Counter()
    for part in parts:
        closed.update(part.closed)
    sums = {name: sum(getattr(part, name) for part in parts) for name in numbers}
    return ReactorStatistics(**sums, closed=MappingProxyType(dict(closed)))
