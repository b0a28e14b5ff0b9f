"""A trace as the page: the records of a file, cut into ticks, with the keys as the records tell of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from nio import trace
from nio.doctor import Diagnosis
from nio.inspector._buffers import Buffers
from nio.inspector._collector import as_json
from nio.inspector._figures import Figures
from nio.inspector._page import with_ticks
from nio.inspector._tick import Json, as_text, by_thread
from nio.trace import Record, in_order

_PERIOD = 100_000_000  # nanoseconds
_MOST = 6_000  # ticks: ten minutes; of a longer trace each tick is a longer time


def as_html(records: Iterable[Record], header: dict[str, Any]) -> str:
    """The page as one file with the records inside, to be opened from a disk, mailed or kept."""
    name = str(header.get("program", ""))
    return "".join(with_ticks(_ticks(list(records), header), f"nio trace: {name}"))


class _Channels:
    """The keys, as far as records tell."""

    def __init__(self) -> None:
        self._rows: dict[int, Json] = {}
        self._since: dict[int, int] = {}
        self.requests = self.turns = 0

    def feed(self, record: Record) -> None:
        """The next record of any thread."""
        kind, values = record[0], record[1:]
        if kind == trace.CHANNEL:
            self._channel(*values)
        elif kind == trace.CLOSED:
            self._rows.pop(int(values[1]), None)
        elif kind == trace.INTEREST:
            self._interest(*values)
        elif kind == trace.DISPATCH:
            self._dispatch(*values)
        elif kind == trace.READY:
            self._row(int(values[1]))["ready"] = values[2]
        elif kind == trace.WRITE:
            count, asked = int(values[2]), int(values[3])
            self._row(int(values[1]))["unsent"] = asked - max(0, count) if count > trace.WOULD_BLOCK - 1 else 0
        elif kind == trace.RECORD:
            self.requests += 1

    def rows(self, now: int) -> list[Json]:
        """The keys with a set of interest that was told, by descriptor."""
        told = [
            {**row, "age": round((now - self._since[ch]) / 1e9, 1)}
            for ch, row in self._rows.items()
            if row["fd"] >= 0 and row["kept"]
        ]
        return sorted(told, key=lambda row: int(row["fd"]))

    def _row(self, ch: int) -> Json:
        row = self._rows.get(ch)
        if row is None:
            row = {"ch": ch, "fd": -1, "peer": "", "handler": "", "state": "", "interest": 0, "ready": 0}
            row |= {"pending": 0, "unsent": 0, "kept": False}
            if ch:
                self._rows[ch] = row
                self._since.setdefault(ch, 0)
        return row

    def _channel(self, t: Any, ch: Any, fd: Any, what: Any, local: Any, peer: Any) -> None:
        row = self._row(ch)
        self._since[ch] = self._since.get(ch) or t
        row["fd"] = fd
        row["peer"] = f"{local} listening" if what == "listener" else peer or row["peer"] or what

    def _interest(self, t: Any, ch: Any, old: Any, new: Any, line: Any, asked: Any) -> None:
        row = self._row(ch)
        row["kept"] = True
        listens = row["peer"].endswith("listening")
        row["interest"] = new if asked or not listens or not new else 16

    def _dispatch(
        self,
        t: Any,
        ended: Any,
        ch: Any,
        ready: Any,
        before: Any,
        after: Any,
        came: Any,
        went: Any,
        cpu: Any,
        name: Any,
    ) -> None:
        row = self._row(ch)
        row |= {"handler": name, "state": after, "ready": ready, "kept": True}


def _ticks(records: list[Record], header: dict[str, Any]) -> Iterator[str]:
    """One tick for each tenth of a second in which something was recorded."""
    ordered = in_order(records)
    began = int(header.get("clock", 0)) or (int(ordered[0][1]) if ordered else 0)
    model = _Model(began, header)
    last = int(ordered[-1][1]) if ordered else began
    period = max(_PERIOD, (last - began) // _MOST)
    batch: list[Record] = []
    end, thread = began + period, list[Record]()
    for record in ordered:
        late = int(record[1]) - end
        if late >= 0 and record[0] != trace.THREAD:
            if len(batch) > len(thread):
                yield model.tick(batch, end)
            batch = list(thread)
            end += late // period * period + period
        if record[0] == trace.THREAD:
            thread = [record]
        batch.append(record)
    yield model.tick(batch, max(end, last))


class _Model:
    """What is known at each moment of the trace."""

    def __init__(self, began: int, header: dict[str, Any]) -> None:
        self._began, self._header = began, header
        self._figures, self._buffers, self._channels, self._diagnosis = Figures(), Buffers(), _Channels(), Diagnosis()
        self._number = 0

    def tick(self, records: list[Record], now: int) -> str:
        """The moment after these records."""
        figures, channels = self._figures, self._channels
        groups = by_thread(records)
        for group in groups:
            figures.feed(group.thread, group.records)
            self._buffers.feed(group.records)
        self._diagnosis.feed(records)
        for record in records:
            channels.feed(record)
        self._number += 1
        keys = channels.rows(now)
        requests = {"requests": channels.requests} if channels.requests else {}  # which few levels tell
        tick = {
            "seq": self._number,
            "t": (now - self._began) // 1_000_000,
            "name": str(self._header.get("program", "")),
            "level": str(self._header.get("level", "")),
            "process": self._header.get("process", 0),
            "stats": {"open": len(keys), **requests, "turns": figures.turns, "busy": figures.look()},
            "lag_us": figures.lag_us,
            "why": figures.why,
            "jobs": {"given": figures.given, "done": figures.done},
            "workers": figures.workers_as_json(),
            "keys": keys,
            "more_keys": 0,
            "buffers": self._buffers.as_json()[:8],
            "findings": [as_json(finding) for finding in self._diagnosis.findings],
            "skipped": 0,
        }
        return as_text(tick, groups, self._began)
