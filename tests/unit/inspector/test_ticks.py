"""A tick is small, whatever there is; the doctor gets a part of much; a minute is kept."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nio.inspector import _collector
from nio.inspector._collector import Collector
from nio.inspector._history import KEPT, History
from nio.inspector._tick import as_text, by_thread
from nio.spi import SelectorProvider
from nio.trace import CHANNEL, DISPATCH, READ, SKIPPED, THREAD, TICK, TIMER, TURN, WORK, Record, Recording

LOOP: Record = (THREAD, 1000, 0, "loop")
WORKER: Record = (THREAD, 1000, 1, "worker")


def told(records: list[Record], keys: int = 0, skipped: int = 0) -> Any:
    tick = {"seq": 1, "keys": [{"fd": n, "peer": "x" * 100} for n in range(keys)], "more_keys": 2, "skipped": skipped}
    text = as_text(tick, by_thread(records), 1000)
    assert len(text) <= 64_000
    return json.loads(text)


def test_records_are_arrays_with_times_since_the_beginning() -> None:
    tick = told(
        [
            LOOP,
            (READ, 1500, 3, 4, 512),
            (TURN, 1001, 1009, -1, 2, 1),
            (DISPATCH, 1002, 1010, 3, 1, "a", "b", 0, 0, 0, "Hello"),
            (TIMER, 1003, 1001, 1, 1004),
            (TICK, 1003, 5, 5, 1004),
            WORKER,
            (WORK, 1005, 1006, 1, 9),
            (CHANNEL, 0, 3, 9, "stream", "", ""),
        ]
    )
    assert tick["trace"] == [
        [THREAD, 0, 0, "loop"],
        [READ, 500, 3, 4, 512],
        [TURN, 1, 9, -1, 2, 1],
        [DISPATCH, 2, 10, 3, 1, "a", "b", 0, 0, 0, "Hello"],
        [TIMER, 3, 1, 1, 4],
        [TICK, 3, 5, 5, 4],
        [THREAD, 0, 1, "worker"],
        [WORK, 5, 6, 1, 9],
        [CHANNEL, 0, 3, 9, "stream", "", ""],
    ]
    assert tick["skipped"] == 0


def test_the_newest_records_are_told_and_the_others_counted() -> None:
    many: list[Record] = [(READ, 1000 + n, 3, 4, 512) for n in range(1000)]
    tick = told([LOOP, (SKIPPED, 1000, 7), *many], skipped=5)
    assert len(tick["trace"]) == 401
    assert tick["trace"][-1][1] == 999
    assert tick["skipped"] == 600 + 7 + 5
    both = told([LOOP, *many, WORKER, *many, LOOP, *many])
    assert [record[3] for record in both["trace"] if record[0] == THREAD] == ["loop", "worker"]
    assert len(both["trace"]) == 402


def test_what_is_long_is_told_as_far_as_there_is_room() -> None:
    long: list[Record] = [(CHANNEL, 1000, 3, 9, "stream", "x" * 1000, "") for _ in range(300)]
    tick = told([LOOP, *long], keys=200)
    assert 0 < len(tick["trace"]) < 60
    assert tick["skipped"] == 300 - (len(tick["trace"]) - 1)
    assert len(tick["keys"]) == 150
    assert tick["more_keys"] == 52
    assert told([LOOP, (CHANNEL, 1000, 3, 9, "stream", "x" * 70_000, "")])["trace"] == []


def test_nothing_in_a_tick_ends_an_element_of_a_page() -> None:
    text = as_text(
        {"keys": [], "more_keys": 0, "skipped": 0}, by_thread([LOOP, (CHANNEL, 1000, 3, 9, "</script>", "", "")]), 0
    )
    assert "<" not in text
    assert json.loads(text)["trace"][1][4] == "</script>"


def test_the_doctor_gets_a_part_of_much_and_all_that_comes_and_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    provider = SelectorProvider.default()
    collector = Collector(provider, Recording("io", provider.clock), None, "x")
    got: list[Record] = []
    monkeypatch.setattr(collector._diagnosis, "feed", got.extend)
    few: list[Record] = [LOOP, (READ, 1000, 3, 4, 512)]
    collector.put(few)
    collector.tick({})
    assert got == few
    many: list[Record] = [(READ, n, 3, 4, 512) for n in range(5000)]
    opened: Record = (CHANNEL, 1, 4, 9, "stream", "", "")
    for reads in (3000, 0):  # once a second
        got.clear()
        collector.put([LOOP, *many, opened, *many, WORKER, *many])
        collector.tick({})
        kinds = [record[0] for record in got]
        assert (kinds.count(CHANNEL), kinds.count(READ), kinds.count(SKIPPED)) == (1, reads, 2)


def test_records_that_nobody_looks_at_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_collector, "_MOST_WAITING", 10)
    provider = SelectorProvider.default()
    collector = Collector(provider, Recording("io", provider.clock), None, "x")
    for n in range(5):
        collector.put([LOOP, *((READ, n, 3, 4, 512) for _ in range(4))])
    tick = json.loads(collector.tick({}))
    assert tick["skipped"] == 15
    assert len([record for record in tick["trace"] if record[0] == READ]) == 8
    assert tick["stats"]["turns"] == 0
    assert json.loads(collector.tick({}))["seq"] == 2


def test_a_minute_is_kept() -> None:
    history = History()
    assert list(history.after(0)) == []
    for number in range(1, KEPT + 11):
        history.add(f"tick {number}")
    assert (history.oldest, history.newest) == (11, KEPT + 10)
    assert next(history.after(0)) == (11, "tick 11")
    assert list(history.after(KEPT + 8)) == [(KEPT + 9, f"tick {KEPT + 9}"), (KEPT + 10, f"tick {KEPT + 10}")]
