"""Traces as text, as Chrome's trace events, as a page."""

from __future__ import annotations

import json
import math
import os
from typing import Any

import pytest

from nio.reactor import Reactor
from nio.trace import (
    ACCEPT,
    BUFFER,
    CHANNEL,
    CLOSED,
    CONNECT,
    DISPATCH,
    DONE,
    FIELDS,
    FINDING,
    HANDOFF,
    INTEREST,
    READ,
    READY,
    RECORD,
    SIGNAL,
    SKIPPED,
    THREAD,
    TICK,
    TIMER,
    TURN,
    WAKEUP,
    WORK,
    WRITE,
    Record,
    as_chrome_json,
    as_html,
    as_lines,
    in_order,
    recording,
)
from tests.unit.trace.support import ask, client, serving
from tests.unit.trace.test_records import sample
from tests.unit.trace.trace_event_format import faults

LINES: list[tuple[Record, str]] = [
    ((TURN, 5, 9, -1, 2, 1), "select(for ever) = 2, woken"),
    ((TURN, 5, 9, 1500, 0, 0), "select(1.5 ms) = 0"),
    ((CHANNEL, 5, 3, 7, "bound", "127.0.0.1:80", ""), "channel 3 is bound, descriptor 7, at 127.0.0.1:80"),
    ((CHANNEL, 5, 3, 9, "stream", "", "1.2.3.4:5"), "channel 3 is a stream, descriptor 9, peer 1.2.3.4:5"),
    ((CHANNEL, 5, 3, 9, "listener", "1.2.3.4:5", ""), "channel 3 is a listener, descriptor 9, at 1.2.3.4:5"),
    ((CLOSED, 5, 3, ""), "close(3)"),
    ((CLOSED, 5, 3, "PEER_RST"), "connection 3 ended: PEER_RST"),
    ((INTEREST, 5, 3, 1, 5, "a.py:7", 1), "interest(3) asked: r -> rw  a.py:7"),
    ((INTEREST, 5, 3, 4, 0, "", 0), "interest(3) kernel: w -> -"),
    ((DISPATCH, 5, 9, 3, 1, "reading", "closed", 4, 10, 0, "Hello"), "Hello(3) r reading -> closed, 4 in, 10 out"),
    ((DISPATCH, 5, 9, 3, 16, "", "", 0, 0, 0, "Acceptor"), "Acceptor(3) a, 0 in, 0 out"),
    ((DISPATCH, 5, 9, 3, 1, "reading", "reading", -1, -1, 0, "Hello"), "Hello(3) r reading"),
    ((HANDOFF, 5, 3, 8), "job 8 of 3 handed off"),
    ((WORK, 5, 9, 2, 8), "job 8 worked on"),
    ((DONE, 5, 8, 1), "job 8 is back"),
    ((DONE, 5, 8, 0), "job 8 is back, failed"),
    ((WAKEUP, 5, 2, 0), "wakeup()"),
    ((WAKEUP, 5, 2, 1), "wakeup(), was awake"),
    ((TIMER, 5, 4, 2, 9), "2 timers"),
    ((TICK, 5, 300, 256, 9), "256 of 300 ticks"),
    ((SIGNAL, 5, 15, 2_500_000), "signal 15, 2.500 ms old"),
    ((READ, 5, 3, 4, 479), "read(3, 479) = 4"),
    ((READ, 5, 3, -1, 479), "read(3, 479) = end"),
    ((READ, 5, 3, -104, 479), "read(3, 479) = ECONNRESET"),
    ((WRITE, 5, 3, -2, 10), "write(3, 10) = would block"),
    ((WRITE, 5, 3, -99999, 10), "write(3, 10) = -99999"),
    ((ACCEPT, 5, 1, 1, 3), "accept(1) = channel 3"),
    ((ACCEPT, 5, 1, -24, 0), "accept(1) = EMFILE"),
    ((CONNECT, 5, 3, 0, 0), "connect(3) = connected"),
    ((CONNECT, 5, 3, -2, 0), "connect(3) = under way"),
    ((CONNECT, 5, 3, -111, 0), "connect(3) = ECONNREFUSED"),
    ((RECORD, 5, 3, 7), "record of 7 bytes from 3"),
    ((BUFFER, 5, 2, "flip", 0, 3, 8, "616263"), "buffer 2 flip: position 0, limit 3, capacity 8, 616263"),
    ((SKIPPED, 5, 12), "12 records were not kept"),
    ((FINDING, 5, "S01", 3, "512 turns"), "S01 on 3: 512 turns"),
    ((READY, 5, 3, 5, 0), "ready(3) r w"),
    ((READY, 5, 3, 24, 1), "ready(3) error hang-up, still selected"),
]


@pytest.mark.parametrize(("record", "words"), LINES)
def test_each_record_is_a_line(record: Record, words: str) -> None:
    moved = (record[0], 1_000_000_005, *record[2:])
    [line] = as_lines([(THREAD, 0, 1, "loop"), moved], clock=1_000_000)
    assert line == f"    0.999000 loop         {words}"


def test_there_is_a_line_for_every_kind() -> None:
    assert {record[0] for record, _ in LINES} | {THREAD} == FIELDS.keys()
    assert len(list(as_lines([sample(kind) for kind in FIELDS]))) == len(FIELDS) - 1


def test_the_records_of_all_threads_in_the_order_of_time() -> None:
    one, two = (THREAD, 0, 1, "one"), (THREAD, 0, 2, "two")
    a, b, c, d = ((READ, moment, 1, 1, 1) for moment in (10, 30, 20, 30))
    ordered = in_order([one, a, b, two, c, d])
    assert ordered == [
        (THREAD, 10, 1, "one"),
        a,
        (THREAD, 20, 2, "two"),
        c,
        (THREAD, 30, 1, "one"),
        b,
        (THREAD, 30, 2, "two"),
        d,
    ]
    assert in_order([]) == []


@pytest.fixture(scope="module")
def real() -> list[Record]:
    with (
        recording("io") as log,
        Reactor.open(workers=2) as reactor,
        serving(reactor) as port,
        client(port) as one,
        client(port) as two,
    ):
        for _ in range(5):
            ask(one, b"a\n")
            ask(two, b"b\n")
    return list(log.take())


def events_of(records: list[Record]) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = json.loads(as_chrome_json(records, int(records[0][1]), 7))["traceEvents"]
    return events


def span(event: dict[str, Any]) -> tuple[int, int]:
    """Beginning and end of a slice, in nanoseconds, as Perfetto reads them."""
    began = round(event["ts"] * 1000)
    return began, began + round(event["dur"] * 1000)


def test_slices_nest(real: list[Record]) -> None:
    slices = [event for event in events_of(real) if event["ph"] == "X"]
    assert {event["cat"] for event in slices} == {"TURN", "DISPATCH", "WORK", "TICK"}
    for thread in {event["tid"] for event in slices}:
        mine = [span(event) for event in slices if event["tid"] == thread]
        open_ends: list[int] = []
        for began, ended in sorted(mine, key=lambda one: (one[0], -one[1])):
            while open_ends and open_ends[-1] <= began:
                open_ends.pop()
            assert not open_ends or ended <= open_ends[-1]
            open_ends.append(ended)


def test_flows_pair_and_begin_and_end_in_slices(real: list[Record]) -> None:
    events = events_of(real)
    slices = [event for event in events if event["ph"] == "X"]
    flows = [event for event in events if event["ph"] in "stf"]
    assert len(flows) == 30
    by_job: dict[int, list[str]] = {}
    for event in sorted(flows, key=lambda one: float(one["ts"])):
        by_job.setdefault(event["id"], []).append(event["ph"])
        now = round(event["ts"] * 1000)
        around = [s["cat"] for s in slices if s["tid"] == event["tid"] and span(s)[0] <= now <= span(s)[1]]
        assert {"s": "DISPATCH", "t": "WORK", "f": "TICK"}[event["ph"]] in around
    assert set(map(tuple, by_job.values())) == {("s", "t", "f")}


def test_threads_have_names_and_every_event_its_place(real: list[Record]) -> None:
    events = events_of(real)
    named = {event["tid"]: event["args"]["name"] for event in events if event["ph"] == "M"}
    assert "reactor" in named.values()
    assert any(name.startswith("worker-") for name in named.values())  # whichever was awake first
    for event in events:
        assert event["pid"] == 7
        assert event["tid"] in named
        assert event["ph"] == "M" or event["ts"] >= -1e9
    instants = [event["name"] for event in events if event["ph"] == "i"]
    assert any(name.startswith("read(") for name in instants)


def test_the_file_is_what_the_document_of_the_format_asks_for(real: list[Record]) -> None:
    assert faults(as_chrome_json(real, int(real[0][1]), os.getpid())) == []
    every = [(THREAD, 0, 1, "loop"), *(sample(kind) for kind in FIELDS if kind != DONE)]
    assert faults(as_chrome_json(every)) == []
    assert faults(as_chrome_json([])) == []


COMMON = {"name": "x", "pid": 1, "tid": 1, "ts": 1.0, "cat": "c"}


@pytest.mark.parametrize(
    "events",
    [
        [{"ph": "i", "pid": 1, "tid": 1, "ts": 1}],
        [COMMON | {"ph": "i", "tid": "1"}],
        [COMMON | {"ph": "i", "tid": 1 << 40}],
        [COMMON | {"ph": "i", "s": "x"}],
        [COMMON | {"ph": "i", "ts": "1"}],
        [COMMON | {"ph": "i", "args": []}],
        [COMMON | {"ph": "X"}],
        [COMMON | {"ph": "X", "dur": -1}],
        [COMMON | {"ph": "X", "dur": 2}, COMMON | {"ph": "X", "ts": 2, "dur": 2}],
        [COMMON | {"ph": "B"}],
        [COMMON | {"ph": "E"}],
        [COMMON | {"ph": "M", "args": {"name": "x"}}],
        [COMMON | {"ph": "M", "name": "thread_name", "args": {"name": 1}}],
        [COMMON | {"ph": "?"}],
        [COMMON | {"ph": "X", "dur": 2}, COMMON | {"ph": "s", "id": 1}],
        [COMMON | {"ph": "X", "dur": 2}, COMMON | {"ph": "s"}, COMMON | {"ph": "f", "id": 1}],
        [
            COMMON | {"ph": "X", "dur": 2},
            COMMON | {"ph": "s", "id": 1},
            COMMON | {"ph": "f", "id": 1, "ts": 9, "bp": "e"},
        ],
        [COMMON | {"ph": "b", "id": 1}],
        [COMMON | {"ph": "C", "args": {"x": "y"}}],
    ],
)
def test_what_the_document_does_not_allow_is_found(events: list[dict[str, Any]]) -> None:
    assert faults(json.dumps({"traceEvents": events}))


def test_what_is_no_file_of_that_format_is_found() -> None:
    assert faults("[]")
    assert faults('{"traceEvents": [], "displayTimeUnit": "s"}')
    assert faults(json.dumps({"traceEvents": [COMMON | {"ph": "i", "ts": math.nan}]}))
    assert not faults(json.dumps({"traceEvents": [COMMON | {"ph": "B"}, COMMON | {"ph": "E"}]}))


def test_a_job_that_has_not_come_back_is_no_flow() -> None:
    records: list[Record] = [(THREAD, 0, 1, "loop"), (HANDOFF, 5, 3, 1), (HANDOFF, 6, 4, 2), (DONE, 9, 2, 1)]
    flows = [(event["ph"], event["id"]) for event in events_of(records) if event["ph"] in "stf"]
    assert flows == [("s", 2), ("f", 2)]
    again: list[Record] = [(THREAD, 0, 1, "loop"), (THREAD, 0, 1, "loop")]
    assert [event["ph"] for event in events_of(again)] == ["M"]
    timer = events_of([(THREAD, 0, 1, "loop"), (TIMER, 5, 4, 1, 2005)])[1]
    assert (timer["name"], timer["dur"]) == ("timers", 2.0)


def test_the_page_is_that_of_the_package_above(real: list[Record]) -> None:
    text = as_html(real, {"program": "a<b>.py", "clock": 0, "level": "io"})
    assert "<title>nio trace: a&lt;b&gt;.py</title>" in text
