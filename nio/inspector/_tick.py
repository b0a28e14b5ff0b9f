"""A tick: all that the page shows of a moment, as one JSON object of at most 64 kB.

Records go into it as arrays with their times since the recording began. 400 of them at most, the newest; how many there
were besides is ``skipped``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from nio.trace import DISPATCH, SKIPPED, THREAD, TICK, TIMER, TURN, WORK, Record

MOST_RECORDS = 400
MOST_BYTES = 64_000
MOST_KEYS = 150
_FLOOR = 2_000  # bytes for records, whatever else there is

Json = dict[str, Any]
_TIMES = {TURN: (1, 2), DISPATCH: (1, 2), WORK: (1, 2), TIMER: (1, 2, 4), TICK: (1, 4)}


def since(record: Record, began: int) -> list[int | str]:
    """The record as an array, with times since ``began``."""
    values = list(record)
    for index in _TIMES.get(int(record[0]), (1,)):
        time = values[index]
        if time and isinstance(time, int):  # 0: no time was told
            values[index] = time - began
    return values


def dumps(value: object) -> str:
    """As short as JSON can be; nothing in it ends an element of HTML."""
    return json.dumps(value, separators=(",", ":")).replace("<", "\\u003c")


def as_text(tick: Json, records: list[Record], began: int) -> str:
    """The tick with as many of the records as fit in, on one line."""
    skipped = tick["skipped"] + sum(int(record[2]) for record in records if record[0] == SKIPPED)
    told = [record for record in records if record[0] != SKIPPED]
    count = sum(record[0] != THREAD for record in told)
    keys = tick["keys"]
    if len(keys) > MOST_KEYS:
        tick = {**tick, "keys": keys[:MOST_KEYS], "more_keys": tick["more_keys"] + len(keys) - MOST_KEYS}
    room = max(_FLOOR, MOST_BYTES - len(dumps(tick)) - 40)
    lines, shown = _newest(told, room, began)
    tick = {**tick, "skipped": skipped + count - shown, "trace": []}
    return dumps(tick).replace('"trace":[]', f'"trace":[{",".join(lines)}]')


def _newest(records: list[Record], room: int, began: int) -> tuple[list[str], int]:
    """The newest records of every thread that fit, in their order, each thread's behind its THREAD record."""
    groups = _by_thread(records)
    share = MOST_RECORDS // max(1, len(groups))
    room //= max(1, len(groups))
    lines, shown = [], 0
    for thread, own in groups:
        newest: list[str] = []
        left = room - 60
        for record in reversed(own[-share:] if len(groups) > 1 else own[-MOST_RECORDS:]):
            line = dumps(since(record, began))
            left -= len(line) + 1
            if left < 0:
                break
            newest.append(line)
        if newest:
            lines += [dumps(since(thread, began)), *reversed(newest)]
            shown += len(newest)
    return lines, shown


def _by_thread(records: Iterable[Record]) -> list[tuple[Record, list[Record]]]:
    groups: dict[int, tuple[Record, list[Record]]] = {}
    own: list[Record] = []
    for record in records:
        if record[0] == THREAD:
            own = groups.setdefault(int(record[2]), (record, []))[1]
        else:
            own.append(record)
    return list(groups.values())
