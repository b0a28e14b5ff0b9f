"""The hello-name demo and its comparison, as a person runs them."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import pytest

from nio.reactor import CloseReason
from samples.hello_name import _options, compare
from samples.hello_name.__main__ import main
from samples.hello_name.handler import HelloHandler
from tests.integration._hello_name import LIMIT, ROOT

LOOPS = compare._LOOPS
Capture = pytest.CaptureFixture[str]


def test_demo_as_the_readme_has_it() -> None:
    started = time.monotonic()
    arguments = [sys.executable, "-m", "samples.hello_name", "demo"]
    ended = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert time.monotonic() - started < LIMIT
    told = ended.stdout
    assert told.count("Hello ann") == 4 * 4
    assert told.count("1000 greetings, in order") == 4
    for reason in (CloseReason.FRAME_TOO_LONG, CloseReason.PROTOCOL_ERROR):
        assert told.count(f"end: {reason.name}") == 4
    assert max(map(len, told.splitlines())) <= 80


def test_demo_tells_what_went_wrong(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HelloHandler, "process", staticmethod(lambda name: b"Goodbye " + name))
    assert main(["demo"]) == 1
    assert capsys.readouterr().err == "hello_name demo: expected b'Hello ann', got b'Goodbye ann'\n"


def test_demo_does_not_wait_for_ever(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HelloHandler, "process", staticmethod(lambda name: None))
    monkeypatch.setattr("samples.hello_name.demo._LIMIT", 0.05)
    assert main(["demo"]) == 5
    assert capsys.readouterr().err == "hello_name demo: no answer for 0.05 s\n"


def test_compare_prints_a_table(capsys: Capture) -> None:
    assert main(["compare", "--connections", "3", "--repeat", "4"]) == 0
    told = capsys.readouterr()
    lines = told.out.splitlines()
    assert told.err == ""
    assert lines[0] == "3 connections, 4 names each; every reply was checked."
    titles = ["reactor", "single", "pooled, 4 threads", f"multi, {LOOPS} reactors", f"prefork, {LOOPS} processes"]
    titles += ["thread per client", "asyncio Protocol"]
    assert [line[:20].rstrip() for line in lines[2:9]] == titles
    assert max(line.count("#") for line in lines) == compare._BAR
    assert "\nTake the " in told.out
    assert max(map(len, lines)) <= 80


def test_compare_shows_when_workers_win(capsys: Capture) -> None:
    assert main(["compare", "--connections", "4", "--repeat", "2", "--delay", "0.01", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert (figures["connections"], figures["repeat"], figures["delay"]) == (4, 2, 0.01)
    single, pooled, multi, prefork, thread, coroutines = figures["rows"]
    assert (single["reactor"], single["requests"], single["workers"]) == ("single", 8, 0)
    assert (pooled["reactor"], pooled["requests"], pooled["workers"]) == ("pooled", 8, 4)
    assert 0 < single["per_second"] <= 100
    assert 0 < pooled["per_second"] <= 400
    assert (multi["workers"], multi["executor"], prefork["executor"]) == (LOOPS, "reactors", "processes")
    assert (thread["reactor"], coroutines["reactor"]) == ("thread per client", "asyncio Protocol")
    assert single["p50_ms"] <= single["p99_ms"]


def test_compare_checks_every_reply(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    def mislead(caller: compare._Caller) -> bytes:
        caller._name = b"somebody else"
        return b"ann"

    monkeypatch.setattr(compare._Caller, "_next", mislead)
    assert main(["compare", "--connections", "1", "--repeat", "1"]) == 6
    assert capsys.readouterr().err == "hello_name compare: wrong reply: b'Hello ann' to b'somebody else'\n"


@pytest.mark.parametrize(
    ("arguments", "figures", "sentence"),
    [
        ([], [100, 50], "Take the single reactor: a greeting costs less than handing it to a worker."),
        (["--delay", "1"], [1, 4], "Take the pooled reactor: 4.0 times the requests per second, because its 4 threads"),
        (["--delay", "1"], [1, 1.1], "Take the single reactor: workers do not speed up this work"),
        (["--delay", "1", "--delay-kind", "cpu"], [1, 1, 2], "because its 4 processes compute on several processors."),
    ],
)
def test_verdict(arguments: list[str], figures: list[float], sentence: str) -> None:
    executors = ["", "threads", "processes"]
    rows = [
        compare.Row("pooled" if executor else "single", 4 if executor else 0, executor, 100, rate, 1.0, 2.0, None)
        for executor, rate in zip(executors, figures, strict=False)
    ]
    assert sentence in compare.verdict(rows, _options.parse(["compare", *arguments]))


@pytest.mark.parametrize(
    ("best", "arguments", "sentence"),
    [
        (2, [], "Take the group of reactors: 3.0 times the requests per second, because its 2 reactors compute on"),
        (3, ["--delay", "1", "--delay-kind", "cpu"], "Take the preforked reactors: 3.0 times the requests per second"),
        (2, ["--delay", "1"], "because its 2 reactors wait at the same time."),
        (4, ["--delay", "1"], "Take the single reactor"),
        (4, [], "Take the single reactor"),
    ],
)
def test_verdict_on_several_reactors(
    best: int, arguments: list[str], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compare, "_PARALLEL", True)
    assert sentence in verdict_where_one_is_best(best, arguments)


@pytest.mark.parametrize(
    ("best", "arguments", "sentence"),
    [
        (1, ["--delay", "1", "--delay-kind", "cpu"], "Take the single reactor"),
        (2, ["--delay", "1", "--delay-kind", "cpu"], "Take the single reactor"),
        (2, [], "Take the single reactor"),
        (2, ["--delay", "1"], "Take the group of reactors"),
        (3, ["--delay", "1", "--delay-kind", "cpu"], "Take the preforked reactors"),
    ],
)
def test_threads_that_compute_gain_nothing_under_a_gil(
    best: int, arguments: list[str], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compare, "_PARALLEL", False)
    assert sentence in verdict_where_one_is_best(best, arguments)


@pytest.mark.parametrize(("threads", "told"), [(1200.0, True), (350.0, False)])
def test_work_that_waits_wants_more_workers(threads: float, told: bool) -> None:
    rows = [
        compare.Row("single", 0, "", 100, 100.0, 1.0, 2.0, 3.0),
        compare.Row("pooled", 4, "threads", 100, 400.0, 1.0, 2.0, 3.0),
        compare.Row("thread per client", 0, "", 100, threads, 1.0, 2.0, 3.0),
    ]
    sentence = " A thread per client did 3.0 times as much as that: so will more workers."
    waiting = _options.parse(["compare", "--delay", "1"])
    assert compare.verdict(rows, waiting).endswith(sentence) is told
    computing = _options.parse(["compare", "--delay", "1", "--delay-kind", "cpu"])
    assert "per client" not in compare.verdict(rows, computing)


def verdict_where_one_is_best(best: int, arguments: list[str]) -> str:
    kinds = [("single", 0, ""), ("pooled", 4, "threads"), ("multi", 2, "reactors"), ("prefork", 2, "processes")]
    kinds.append(("thread per client", 0, ""))
    rows = [
        compare.Row(*kind, 100, 300.0 if number == best else 100.0, 1.0, 2.0, 3.0) for number, kind in enumerate(kinds)
    ]
    return compare.verdict(rows, _options.parse(["compare", *arguments]))
