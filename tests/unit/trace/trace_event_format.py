"""What the document "Trace Event Format" asks of a file in the JSON Object Format, as far as Perfetto reads it.

Written from the document alone; it knows nothing of what ``nio.trace`` writes. ``faults(text)`` is a list of sentences.
Two more rules are those of Perfetto's importer: numbers of processes and threads fit 32 bits, and complete events of
one thread nest, for it drops those that overlap.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

Event = dict[str, Any]
METADATA = {
    "process_name": ("name", str),
    "thread_name": ("name", str),
    "process_labels": ("labels", str),
    "process_sort_index": ("sort_index", int),
    "thread_sort_index": ("sort_index", int),
}
FLOW = {"s": 0, "t": 1, "f": 2}
ASYNC = ("b", "n", "e")


def faults(text: str) -> list[str]:
    try:
        whole = json.loads(text, parse_constant=_no_number)
    except ValueError as error:
        return [f"no JSON: {error}"]
    if not isinstance(whole, dict) or not isinstance(whole.get("traceEvents"), list):
        return ["no object with a list of traceEvents"]
    found = []
    if whole.get("displayTimeUnit", "ms") not in ("ms", "ns"):
        found.append("displayTimeUnit is ms or ns")
    events: list[Event] = whole["traceEvents"]
    for event in events:
        found += [f"{what}: {event}" for what in (*_common(event), *_own(event))]
    if not found:
        for rule in (_durations, _slices, _flows, _asynchronous):
            found += rule(events)
    return found


def _no_number(word: str) -> None:
    raise ValueError(f"{word} is no number of JSON")


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _common(event: Event) -> Iterator[str]:
    for key in ("ph", "name"):
        if not isinstance(event.get(key), str) or not event[key]:
            yield f"{key} is missing"
    for key in ("pid", "tid"):
        value = event.get(key)
        if type(value) is not int or not 0 <= value < 1 << 32:
            yield f"{key} is a number of 32 bits"
    if event.get("ph") != "M" and not _is_number(event.get("ts")):
        yield "ts is a number of microseconds"
    if not isinstance(event.get("args", {}), dict):
        yield "args is an object"
    if not isinstance(event.get("cat", ""), str):
        yield "cat is text"


def _own(event: Event) -> Iterator[str]:
    phase = event.get("ph")
    if phase == "X":
        if not _is_number(event.get("dur")) or event["dur"] < 0:
            yield "dur is a number of microseconds"
    elif phase in ("i", "I"):
        if event.get("s", "t") not in ("g", "p", "t"):
            yield "the scope is g, p or t"
    elif phase == "M":
        key, kind = METADATA.get(event.get("name", ""), ("", object))
        if not key or type(event.get("args", {}).get(key)) is not kind:
            yield "metadata of a known name with its one argument"
    elif phase == "C":
        if not event.get("args") or not all(_is_number(value) for value in event["args"].values()):
            yield "a counter has numbers"
    elif phase in FLOW or phase in ASYNC:
        if not isinstance(event.get("id"), (int, str)) or not event.get("cat"):
            yield "an event of several threads has an id and a category"
        if "bp" in event and (phase != "f" or event["bp"] != "e"):
            yield "bp is e, at the end of a flow"
    elif phase not in ("B", "E"):
        yield "a phase that is not in the document"


def _by(events: list[Event], phases: str, key: Callable[[Event], object]) -> dict[object, list[Event]]:
    groups = defaultdict(list)
    for event in events:
        if event["ph"] in phases:
            groups[key(event)].append(event)
    return groups


def _thread(event: Event) -> object:
    return event["pid"], event["tid"]


def _durations(events: list[Event]) -> Iterator[str]:
    """Each E ends the last B of its thread, and times go up."""
    for group in _by(events, "BE", _thread).values():
        depth, last = 0, -math.inf
        for event in group:
            depth += 1 if event["ph"] == "B" else -1
            if depth < 0 or event["ts"] < last:
                yield f"out of order: {event}"
                depth = max(depth, 0)
            last = event["ts"]
        if depth:
            yield f"not ended: {group[-1]}"


def _span(event: Event) -> tuple[int, int]:
    began = round(event["ts"] * 1000)
    return began, began + round(event["dur"] * 1000)


def _slices(events: list[Event]) -> Iterator[str]:
    for group in _by(events, "X", _thread).values():
        ends: list[int] = []
        for event in sorted(group, key=lambda event: (_span(event)[0], -_span(event)[1])):
            began, ended = _span(event)
            while ends and ends[-1] <= began:
                ends.pop()
            if ends and ended > ends[-1]:
                yield f"overlaps another: {event}"
            ends.append(ended)


def _flows(events: list[Event]) -> Iterator[str]:
    """One beginning, one end, steps between them in time; each in a slice of its thread, as "enclosing" has it."""
    slices = _by(events, "X", _thread)
    for flow, group in _by(events, "stf", lambda event: (event["cat"], event["name"], event["id"])).items():
        phases = [event["ph"] for event in sorted(group, key=lambda event: (event["ts"], FLOW[event["ph"]]))]
        if phases[0] != "s" or phases[-1] != "f" or set(phases[1:-1]) - {"t"}:
            yield f"flow {flow} goes {phases}"
        for event in group:
            now = round(event["ts"] * 1000)
            around = [span for span in map(_span, slices.get(_thread(event), ())) if span[0] <= now <= span[1]]
            if not around and (event["ph"] != "f" or "bp" in event):
                yield f"bound to no slice: {event}"


def _asynchronous(events: list[Event]) -> Iterator[str]:
    for group in _by(events, "bne", lambda event: (event["cat"], event["id"])).values():
        depth = 0
        for event in sorted(group, key=lambda event: (event["ts"], ASYNC.index(event["ph"]))):
            depth += {"b": 1, "n": 0, "e": -1}[event["ph"]]
            if depth < 0:
                yield f"ends what has not begun: {event}"
        if depth > 0:
            yield f"not ended: {group[-1]}"
