"""A tick: all that the page shows of a moment, as one JSON object of at most 64 kB.

Records go into it as arrays with their times since the recording began. 400 of them at most, the newest; how many there
were besides is ``skipped``.
"""

from __future__ import annotations

import json
from typing import Any

from nio.trace import DISPATCH, SKIPPED, THREAD, TICK, TIMER, TURN, WORK, Record

MOST_RECORDS = 400
MOST_BYTES = 64_000
MOST_KEYS = 150
_FLOOR = 2_000  # bytes for records, whatever else there is
_OF_A_THREAD = 60  # bytes

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


class Group:
    """The records of one thread; some of them say that others were lost: ``marks`` of them, ``lost`` records."""

    __slots__ = ("lost", "marks", "records", "thread")

    def __init__(self, thread: Record) -> None:
        self.thread: Record = thread
        self.records: list[Record] = []
        self.marks = self.lost = 0


def by_thread(records: list[Record]) -> list[Group]:
    """What ``take()`` gave, several times maybe, as a group for each thread."""
    groups: dict[int, Group] = {}
    starts = [index for index, record in enumerate(records) if record[0] == THREAD]
    for start, end in zip(starts, [*starts[1:], len(records)], strict=False):
        thread = records[start]
        group = groups.setdefault(int(thread[2]), Group(thread))
        group.records += records[start + 1 : end]
        if end > start + 1 and records[start + 1][0] == SKIPPED:  # it can stand there alone
            group.marks += 1
            group.lost += int(records[start + 1][2])
    return list(groups.values())


def as_text(tick: Json, groups: list[Group], began: int) -> str:
    """The tick with as many of the records as fit in, on one line."""
    keys = tick["keys"]
    if len(keys) > MOST_KEYS:
        tick = {**tick, "keys": keys[:MOST_KEYS], "more_keys": tick["more_keys"] + len(keys) - MOST_KEYS}
    text = dumps({**tick, "skipped": 0, "trace": []})
    room = max(_FLOOR, MOST_BYTES - len(text) - 40) // max(1, len(groups))
    share = MOST_RECORDS // max(1, len(groups))
    rows, skipped = [], tick["skipped"]
    for group in groups:
        told, count = _newest(group, share, room, began)
        skipped += count
        if told:
            rows += [dumps(since(group.thread, began)), told]
    text = text.replace('"skipped":0', f'"skipped":{skipped}', 1)
    return text.replace('"trace":[]', f'"trace":[{",".join(rows)}]', 1)


def _newest(group: Group, share: int, room: int, began: int) -> tuple[str, int]:
    """The newest records of a thread that fit, as JSON, and how many there are besides or were lost."""
    newest = [since(record, began) for record in group.records[-share:] if record[0] != SKIPPED]
    text = dumps(newest)
    while newest and len(text) > room - _OF_A_THREAD:
        newest = newest[len(newest) // 4 + 1 :]
        text = dumps(newest)
    return text[1:-1], group.lost + len(group.records) - group.marks - len(newest)
