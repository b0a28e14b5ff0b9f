"""Collector: makes a tick of what has been recorded since the last one, and of what there is right now.

**The doctor gets a part** where there is a lot: 3 000 records in a row, once a second, and of the rest what says which
channels come, go and change. That is enough to name what happens all the time, and leaves the processor to the program.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from nio import doctor, trace
from nio.doctor import Diagnosis, Finding
from nio.inspector._buffers import Buffers
from nio.inspector._figures import Figures
from nio.inspector._tick import MOST_KEYS, Group, Json, as_text, by_thread
from nio.inspector._view import counters_of, keys_of
from nio.reactor import Reactor
from nio.spi import SelectorProvider

_MOST_WAITING = 300_000  # records that have come and were not looked at
_FOR_THE_DOCTOR = 3_000
_PARTS_EVERY = 10  # ticks
_MOST_FINDINGS = 20
_LIFE = {trace.CHANNEL, trace.CLOSED, trace.INTEREST, trace.HANDOFF, trace.DONE}

Records = list[trace.Record]


class Collector:
    """Whom it watches: a provider, the recording of it if there is one, and what has counters."""

    def __init__(
        self, provider: SelectorProvider, recording: trace.Recording | None, count: Callable[[], Json] | None, name: str
    ) -> None:
        self.provider: SelectorProvider = provider
        self.recording: trace.Recording | None = recording
        self.name: str = name
        self.figures = Figures()
        self._buffers = Buffers()
        self._diagnosis = Diagnosis()
        self._count = count
        self._batches: deque[Records] = deque()
        self._waiting = self._lost = self._number = self._next_part = 0
        self._began: int = provider.clock() if recording is None else recording.began

    @property
    def level(self) -> str:
        """``off`` where nothing is recorded."""
        return "off" if self.recording is None else self.recording.level_name

    def put(self, records: Records) -> None:
        """Records have come; from any thread."""
        self._batches.append(records)
        self._waiting += len(records)

    def counters(self) -> Json:
        """The reactors' counters, added up; empty where there is no reactor."""
        if self._count is not None:
            return self._count()
        loops = () if self.recording is None else tuple(self.recording.loops)
        return counters_of(_Own(loop) for loop in loops if isinstance(loop, Reactor))

    def keys(self, most: int = MOST_KEYS) -> tuple[list[Json], int]:
        """The first keys, and how many more there are."""
        return keys_of(self.provider, {} if self.recording is None else self.recording.channels, most)

    def findings(self) -> list[Json]:
        """What is wrong, in the doctor's words: those of strict mode where it is on, which knows more than records."""
        strict = doctor.current()
        found = self._diagnosis.findings if strict is None else strict.findings
        return [as_json(finding) for finding in found[-_MOST_FINDINGS:]]

    def tick(self, more: Json) -> str:
        """The next tick, as text; ``more`` are fields of it."""
        groups = by_thread(self._taken())
        for group in groups:
            self.figures.feed(group.thread, group.records)
            if self.level == "teach":
                self._buffers.feed(group.records)
        if doctor.current() is None:
            self._examine(groups)
        lost, self._lost = self._lost, 0
        return self._tick_of(groups, lost, more)

    def _examine(self, groups: list[Group]) -> None:
        """Let the doctor see all, or once a second a part of what there is much of."""
        is_much = sum(len(group.records) for group in groups) > _FOR_THE_DOCTOR
        share = 0 if self._number < self._next_part else _FOR_THE_DOCTOR // max(1, len(groups))
        for group in groups:
            own, thread = group.records, group.thread
            if is_much:
                own = [*own[:share], (trace.SKIPPED, int(thread[1]), 1), *_living(own[share:])]
            self._diagnosis.feed([thread, *own])
        if is_much and share:
            self._next_part = self._number + _PARTS_EVERY

    def _tick_of(self, groups: list[Group], lost: int, more: Json) -> str:
        keys, more_keys = self.keys()
        figures = self.figures
        self._number += 1
        tick = {
            "seq": self._number,
            "t": (self.provider.clock() - self._began) // 1_000_000,
            "name": self.name,
            "level": self.level,
            "stats": {"turns": figures.turns, **self.counters(), "busy": round(figures.look(), 3)},
            "lag_us": figures.lag_us,
            "why": figures.why,
            "jobs": {"given": figures.given, "done": figures.done},
            "workers": figures.workers_as_json(),
            "keys": keys,
            "more_keys": more_keys,
            "buffers": self._buffers.as_json()[:8],
            "findings": self.findings(),
            "skipped": lost,
            **more,
        }
        return as_text(tick, groups, self._began)

    def _taken(self) -> Records:
        records: Records = []
        batches = self._batches
        while self._waiting > _MOST_WAITING and len(batches) > 1:
            dropped = len(batches.popleft())
            self._waiting -= dropped
            self._lost += dropped
        for _ in range(len(batches)):
            records += batches.popleft()
        self._waiting -= min(self._waiting, len(records))
        return records


class _Own:
    """A reactor's own counters; one of a group would tell those of all."""

    def __init__(self, loop: Reactor) -> None:
        self._loop = loop

    def statistics(self) -> Any:
        return Reactor.statistics(self._loop)


def as_json(finding: Finding) -> Json:
    """A finding as the page gets it."""
    return {
        "code": finding.code,
        "evidence": finding.evidence,
        "place": str(finding.place),
        "fix": finding.fix,
        "lesson": finding.lesson,
        "times": finding.times,
    }


def _living(records: Records) -> Records:
    """Of records that the doctor does not get, those that tell which channels come, go and change."""
    return [record for record in records if record[0] in _LIFE]
