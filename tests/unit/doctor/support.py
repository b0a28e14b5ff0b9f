"""What strict mode has found; and records of a trace, made by hand."""

from __future__ import annotations

from nio import trace
from nio.doctor import Strict

MS = 1_000_000


def codes(watching: Strict) -> list[str]:
    """What it has found, when the program is over."""
    watching.finish()
    return [finding.code for finding in watching.findings]


class Tape:
    """Records of one thread after another, by a clock that goes on a millisecond with each."""

    def __init__(self) -> None:
        self.records: list[trace.Record] = []
        self.now = 0

    def put(self, kind: int, *fields: int | str) -> None:
        """A record whose first field is the time."""
        self.now += MS
        self.records.append((kind, self.now, *fields))

    def thread(self, number: int, name: str) -> None:
        """What follows is of that thread."""
        self.records.append((trace.THREAD, self.now, number, name))

    def turn(self, slept: int = 0, woken: int = 0, ready: int = 1) -> None:
        """A selection that has slept so long."""
        began = self.now
        self.now += slept or MS
        self.records.append((trace.TURN, began, self.now, -1, ready, woken))

    def dispatch(self, ch: int, ready: int, before: str = "READING", took: int = MS, cpu: int = 0) -> None:
        """A dispatch of a reactor."""
        began = self.now
        self.now += took
        self.records.append((trace.DISPATCH, began, self.now, ch, ready, before, before, 0, 0, cpu, "Handler"))
