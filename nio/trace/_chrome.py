"""A trace as Chrome's trace events in JSON, for Perfetto (https://ui.perfetto.dev) or ``chrome://tracing``.

Selections, dispatches, timers, ticks and work are slices, which nest. A job is a flow: arrows from the dispatch that
handed it off to the worker, and back to the ticks in which its reply came. All else is a point in time.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from nio.trace._records import (
    DISPATCH,
    DONE,
    HANDOFF,
    NAMES,
    THREAD,
    TICK,
    TIMER,
    TURN,
    WORK,
    Record,
    as_dict,
)
from nio.trace._text import as_words, letters

Event = dict[str, Any]


def as_chrome_json(records: Iterable[Record], clock: int = 0, process: int = 0) -> str:
    """The whole file as text."""
    events = list(as_events(records, clock, process))
    return json.dumps({"traceEvents": events, "displayTimeUnit": "ms"}, separators=(",", ":"))


def as_events(records: Iterable[Record], clock: int = 0, process: int = 0) -> Iterator[Event]:
    """One event a record, sometimes two: times in microseconds since ``clock``."""
    records = list(records)
    done = {int(record[2]) for record in records if record[0] == DONE}
    thread, named = 0, set[int]()
    for record in records:
        if record[0] != THREAD:
            common = {"pid": process, "tid": thread, "ts": (int(record[1]) - clock) / 1000}
            yield _slice_or_point(record, common)
            yield from _flow(record, common, done)
            continue
        thread = int(record[2])
        if thread not in named:
            named.add(thread)
            yield {"ph": "M", "name": "thread_name", "pid": process, "tid": thread, "args": {"name": record[3]}}


def _slice_or_point(record: Record, common: Event) -> Event:
    kind, values = int(record[0]), as_dict(record)
    if "ended" in values:
        length = (int(values["ended"]) - int(record[1])) / 1000
        return common | {"ph": "X", "dur": length, "cat": NAMES[kind], "name": _name(kind, values), "args": values}
    return common | {"ph": "i", "s": "t", "name": as_words(record), "cat": NAMES[kind], "args": values}


def _name(kind: int, values: dict[str, Any]) -> str:
    if kind == DISPATCH:
        return f"{values['handler']} {values['ch']} {letters(values['ready'])}"
    return {TURN: "select", TICK: "ticks", TIMER: "timers"}.get(kind) or f"job {values['job']}"


def _flow(record: Record, common: Event, done: set[int]) -> Iterator[Event]:
    """A job's way; one that has not come back is not begun, as flows come in pairs."""
    phase = {HANDOFF: "s", WORK: "t", DONE: "f"}.get(int(record[0]))
    if phase is None:
        return
    job = int(record[{HANDOFF: 3, WORK: 4, DONE: 2}[int(record[0])]])
    if job in done:
        yield common | {"ph": phase, "id": job, "name": "job", "cat": "job"} | ({"bp": "e"} if phase == "f" else {})
