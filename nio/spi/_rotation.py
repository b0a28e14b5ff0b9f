"""Fairness for kernels that report in a fixed order."""

from __future__ import annotations


class Rotation:
    """Starts each list one place later than the last one, so that the tail of a long list is not always the tail."""

    __slots__ = ("_start",)

    def __init__(self) -> None:
        self._start = 0

    def turn(self, events: list[tuple[int, int]]) -> list[tuple[int, int]]:
        if len(events) < 2:
            return events
        self._start += 1
        start = self._start % len(events)
        return events[start:] + events[:start]
