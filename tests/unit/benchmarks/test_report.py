"""benchmarks: tables, chart and JSON, of figures that are given."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

from benchmarks import _results
from benchmarks._chart import chart
from benchmarks._markdown import aims, between, page, section, work_table
from benchmarks._results import begin, is_bottleneck, load, ratio, save
from benchmarks._rounds import Spread, median_ratio, ratios, spread
from benchmarks._works import Aim

CONTENDERS = {
    "nio": {"cpu": [6.0, 6.0, 9.0], "rate": [100.0, 100.0, 60.0], "loader": [0.5, 0.5, 0.5]},
    "uvloop": {"cpu": [6.0, 5.0, 8.0], "rate": [100.0, 120.0, 70.0], "loader": [0.5, 0.96, 0.96]},
    "c": {"cpu": [4.0, 4.0, 6.0], "rate": [150.0, 150.0, 90.0], "loader": [0.7, 0.7, 0.7]},
}
RESULT: dict[str, Any] = {
    "title": "hello, 100 connections",
    "date": "2026-01-02",
    "prime": "cpu",
    "pinned": True,
    "loader": "C",
    "seconds": 0.2,
    "idle": {},
    "contenders": CONTENDERS,
    "absent": {"trio": "pip does not install trio"},
    "failed": {"gevent": "the server answers wrongly: x"},
}
RESULTS: dict[str, Any] = {
    "format": 1,
    "machine": {"python": "CPython 3.0", "built": "cc", "kernel": "Linux 1", "processors": 2, "model": "a & b"},
    "versions": {"uvloop": "0.1"},
    "works": {"hello-100": RESULT},
}


def test_medians_quartiles_and_ratios_by_round() -> None:
    assert spread([5.0]) == (5.0, 5.0, 5.0)
    assert spread([1.0, 2.0, 3.0, 4.0, 5.0]) == (2.0, 3.0, 4.0)
    assert ratios([1.0, 4.0, 9.0], [1.0, 2.0, 3.0]) == (1.5, 2.0, 2.5)
    assert median_ratio([(1.0, 2.0), (3.0, 2.0), (2.0, 2.0)]) == 1.0
    assert ratio(RESULT, "nio", "uvloop", "cpu") == pytest.approx((1.0625, 1.125, 1.1625))
    assert ratio(RESULT, "nio", "nobody", "cpu") is None


def test_the_table_of_a_work() -> None:
    lines = work_table(RESULT).splitlines()
    assert lines[0] == "| server | CPU us/request | CPU of uvloop, Protocol | CPU of C, epoll | requests/s | loader |"
    assert lines[2:] == [
        "| C, epoll | 4.00 (4.00-5.00) | 0.75 (0.71-0.78) | 1.00 | 150 | 70% |",
        "| nio, single | 6.00 (6.00-7.50) | 1.12 (1.06-1.16) | 1.50 | 100 | 50% |",
        "| uvloop, Protocol | 6.00 (5.50-7.00) | 1.00 | 1.33 (1.29-1.42) | 100 | 96% * |",
    ]


def test_who_is_missing_and_who_was_limited_by_the_load_is_said() -> None:
    text = section("hello-100", RESULT)
    assert "trio is not here: pip does not install trio." in text
    assert "gevent, StreamServer is left out: the server answers wrongly: x." in text
    assert is_bottleneck(RESULT, "uvloop")
    assert not is_bottleneck(RESULT, "nio")
    assert "* The loader was busy" in text
    idle = RESULT | {"idle": {"nio@10000": 500}, "absent": {}, "failed": {}}
    assert "nio, single, 10,000 idle: 500 in truth" in section("idle", idle)
    assert "may use all processors" in section("hello-100", RESULT | {"pinned": False})


def test_aims_are_met_or_missed_as_printed() -> None:
    rows = [line for line in aims(RESULTS).splitlines() if "uvloop" in line or "| C, epoll, CPU" in line]
    assert rows == [
        "| hello, 100 connections | nio, single | uvloop, Protocol, CPU | 1.12 (1.06-1.16) | at most 1.00 | missed "
        "| 4.00 | 6.00 | 6.00 |",
        "| hello, 100 connections | nio, single | C, epoll, CPU | 1.50 | at most 1.35 | missed | 4.00 | 6.00 | 4.00 |",
    ]
    assert Aim("", "", "", 1.0).is_met(1.004)
    assert not Aim("", "", "", 1.0).is_met(1.006)
    assert Aim("", "", "", 4.0, at_least=True).is_met(4.0)


def test_a_spread_is_written_once_where_it_is_none() -> None:
    assert between(Spread(1.0, 2.0, 3.0)) == "2.00 (1.00-3.00)"
    assert between(Spread(1.001, 1.002, 1.003)) == "1.00"
    assert between(None) == "-"


def test_an_extra_has_a_column_for_each_side() -> None:
    extra = {"title": "timers", "date": "2026-01-03", "prime": "value", "absent": {}, "failed": {}}
    both = extra | {"contenders": {"nio": {"add": [1.0]}, "asyncio": {"add": [4.0]}}}
    assert "| add | 1.0 | 4.0 | 0.25 |" in section("timers", both)
    assert "| add | 1.0 |\n" in section("timers", extra | {"contenders": {"nio": {"add": [1.0]}}})
    text = page(RESULTS | {"works": {"hello-100": RESULT, "timers": both}})
    assert text.startswith("2026-01-02 to 2026-01-03, CPython 3.0 (cc), Linux 1, 2 processors (a & b); uvloop 0.1.")


def test_the_chart_is_svg_with_a_bar_for_each_server_and_both_schemes() -> None:
    drawing = chart(RESULTS)
    root = ElementTree.fromstring(drawing)
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"C, epoll", "nio, single", "uvloop, Protocol", "1.00", "1.50"} <= set(texts)
    bars = [each for each in root.iter("{http://www.w3.org/2000/svg}rect") if each.get("class") in ("ours", "peer")]
    assert len(bars) == 3
    assert "prefers-color-scheme: dark" in drawing


def test_a_file_keeps_its_other_works_and_each_list_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_results, "machine", lambda: RESULTS["machine"])
    path = tmp_path / "figures.json"
    assert begin(path) == (RESULTS | {"versions": {}, "works": {}}, "")
    save(RESULTS, path)
    assert '"cpu": [6.0, 6.0, 9.0]' in path.read_text()
    assert json.loads(path.read_text()) == RESULTS == load(path)
    assert begin(path) == (RESULTS, "")
    monkeypatch.setattr(_results, "machine", lambda: {"python": "another"})
    results, word = begin(path)
    assert results["works"] == {}
    assert "another interpreter or machine" in word
    path.write_text("[]")
    with pytest.raises(ValueError, match="holds no results"):
        load(path)
