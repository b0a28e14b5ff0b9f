"""benchmarks.instructions: the arithmetic, the gate, what is read of callgrind and strace; nothing is counted here."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from benchmarks import instructions
from benchmarks._counting import SHAPES, Counted, CountError, Counts, Shape, per_request, phases, total
from benchmarks._without import EVERYTHING, SAFETY, Finder, replaced
from benchmarks.instructions import Figures, build, compared, plain, table, update, verdict, with_nio_of
from benchmarks.safety import SHAPE
from tests.test_readme import ROOT, locate

STEADY = locate(ROOT / "README.md", "nio/reactor/streams/_steady.py")
LOG = """\
7 sysinfo({uptime=1}) = 0
7 recvfrom(3, "x", 1, 0, NULL, NULL) = 1
8 futex(0x1, FUTEX_WAIT <unfinished ...>
7 <... futex resumed>) = 0
8 +++ exited with 0 +++
7 sysinfo({uptime=1}) = 0
epoll_wait(3, [], 1, -1) = 0
"""
FIGURES = Figures({"c1": 28_000.4, "accept": 90_000.0}, {"c1": Counts(3.0, 1.0, 0.0), "accept": Counts(12.0, 2.0, 2.0)})


def test_the_total_of_a_part(tmp_path: Path) -> None:
    part = tmp_path / "callgrind.1"
    with pytest.raises(CountError, match="has written no figures"):
        total(part)
    part.write_text("events: Ir\nsummary: 5\n")
    with pytest.raises(CountError, match="does not tell"):
        total(part)
    part.write_text("events: Ir\n\ntotals: 1234567\n")
    assert total(part) == 1_234_567


def test_calls_between_marks() -> None:
    assert phases(LOG) == [
        Counter(),
        Counter(sysinfo=1, recvfrom=1, futex=1),
        Counter(sysinfo=1, epoll_wait=1),
    ]


def test_calls_of_a_request_and_those_that_wait() -> None:
    shape = Shape("x", connections=2, names=5, rounds=10)
    assert shape.requests == 100
    counts = per_request(Counter(recvfrom=100, sendto=100, epoll_wait=50, futex=10, epoll_ctl=20), shape)
    assert counts == Counts(2.8, 0.6, 0.2)
    assert counts.working == pytest.approx(2.2)


def test_the_table_shows_what_was_counted_and_a_dash_for_the_rest() -> None:
    lines = table([SHAPES["c1"], SHAPES["p16list"]], {"nio": FIGURES, "other": Figures({"c1": 5.0}, {})}).splitlines()
    assert lines[2].split() == ["c1", "27,500", "28,000,", "2.00", "(+1.00)", "5"]
    assert lines[3].split() == ["p16list", "-", "-", "-"]


def test_what_is_above_the_committed_figure_is_a_sentence() -> None:
    then = {"instructions": {"c1": 27_000, "accept": 87_400}, "calls": {"c1": 1.85}, "epoll_ctl": {}}
    assert list(compared(plain(FIGURES), then)) == [
        "c1 needs 28,000 instructions for a request, 3.7% above 27,000.",
        "c1 needs 2.00 system calls for a request, not 1.85.",
    ]
    armed = Figures({}, {"c100": Counts(4.0, 0.0, 2.0), "accept": Counts(4.0, 0.0, 2.0)})
    assert list(compared(plain(armed), {"instructions": {}, "calls": {}, "epoll_ctl": {}})) == [
        "c100 calls epoll_ctl 2.00 times for a request: a steady connection has no need to."
    ]
    same = plain(FIGURES)
    assert list(compared(same, same)) == []


def test_how_often_workers_wake_the_selector_is_no_fault_and_once_for_every_request_is() -> None:
    then = {"instructions": {}, "calls": {"pooled": 2.02}, "epoll_ctl": {}}
    assert list(compared(plain(Figures({}, {"pooled": Counts(3.75, 1.48, 0.0)})), then)) == []
    assert list(compared(plain(Figures({}, {"pooled": Counts(5.5, 1.48, 0.0)})), then)) == [
        "pooled needs 4.02 system calls for a request, not 2.02."
    ]


def test_the_gate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "instructions.json"
    monkeypatch.setattr(instructions, "COMMITTED", path)
    assert verdict(FIGURES) == 0
    assert f"No figures are committed for {build()}" in capsys.readouterr().out
    update(path, "another build", FIGURES)
    update(path, build(), Figures({"c1": 20_000.0, "p16": 3_000.0}, {}))
    assert verdict(FIGURES) == 1
    assert capsys.readouterr().out == "c1 needs 28,000 instructions for a request, 40.0% above 20,000.\n"
    update(path, build(), FIGURES)
    assert instructions.committed(path)[build()]["instructions"] == {"c1": 28_000, "accept": 90_000, "p16": 3_000}
    assert verdict(FIGURES) == 0


def test_without_valgrind_the_check_passes_and_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert instructions.main(["--check"]) == 0
    assert instructions.main(["c1"]) == 2
    assert capsys.readouterr().out == "nothing is counted: there is no valgrind\n" * 2
    with pytest.raises(SystemExit):
        instructions.main(["c7"])


def test_a_tool_that_is_not_there_is_a_word() -> None:
    with pytest.raises(CountError, match="/no/such/tool does not start"):
        Counted(["/no/such/tool"], [])


def test_each_part_of_the_safety_stands_once_in_the_loop() -> None:
    source = STEADY.read_text(encoding="utf-8")
    for names in (*([name] for name in SAFETY), list(SAFETY)):
        changed = replaced(source, names)
        assert changed != source
        compile(changed, "changed", "exec")
    with pytest.raises(ValueError, match="stands 0 times"):
        replaced("", ["statistics"])
    assert Finder([]).find_spec("elsewhere", None) is None
    assert EVERYTHING not in SAFETY
    assert SHAPE.name == "c100"


def test_another_tree_is_served_by_these_servers(tmp_path: Path) -> None:
    other = tmp_path / "other"
    (other / "nio").mkdir(parents=True)
    (other / "benchmarks").mkdir()
    place = with_nio_of(other, tmp_path / "place")
    assert (place / "nio").resolve() == other / "nio"
    assert (place / "benchmarks").resolve() == ROOT / "benchmarks"
    assert not (with_nio_of(tmp_path, tmp_path / "installed") / "nio").exists()
