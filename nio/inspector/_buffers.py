"""Which buffer belongs to which channel, and what it has been through: from the records of level ``teach``.

A record of a buffer does not say what it is used for. But a thread that reads into a buffer moves its position next: so
the first step of a buffer after a READ or WRITE tells whose it is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any

from nio.trace import BUFFER, READ, WRITE, Record

_MOST = 64  # buffers
_STEPS = 12


class Buffers:
    """The buffers that were used last."""

    def __init__(self) -> None:
        self._all: dict[int, dict[str, Any]] = {}

    def feed(self, records: Iterable[Record]) -> None:
        """Add records of one thread."""
        ch = 0
        for record in records:
            kind: Any = record[0]
            if kind in (READ, WRITE):
                ch = int(record[2]) if int(record[3]) > 0 else 0
            elif kind == BUFFER:
                self._step(ch, *record[2:])
                ch = 0

    def _step(self, ch: int, number: Any, op: Any, position: Any, limit: Any, capacity: Any, first: Any) -> None:
        buffer = self._all.pop(number, None)
        if buffer is None:
            buffer = {"buffer": number, "ch": 0, "steps": deque(maxlen=_STEPS)}
        self._all[number] = buffer  # the last one used stands last
        buffer["ch"] = ch or buffer["ch"]
        buffer.update(position=position, limit=limit, capacity=capacity, first=first)
        buffer["steps"].append(op)
        if len(self._all) > _MOST:
            del self._all[next(iter(self._all))]

    def as_json(self) -> list[dict[str, Any]]:
        """The buffers, those used last in front."""
        return [{**buffer, "steps": list(buffer["steps"])} for buffer in reversed(self._all.values())]
