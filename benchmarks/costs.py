"""The figures of a docs page, from the committed results: ``python3 -m benchmarks.costs`` writes them anew.

``benchmarks/figures.json`` and ``benchmarks/instructions.json`` are what ``python3 -m benchmarks --json`` and
``python3 -m benchmarks.instructions --update`` write. What stands between the two marks in
``docs/what-costs-what.md`` is made from them, and so is the chart beside it; the rest of the page is written by hand.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from benchmarks._chart import chart
from benchmarks._markdown import aims, between, bounds, extra_table, head, missing, table, title_of, work_table
from benchmarks._results import figure, load, ratio
from benchmarks._tools import ROOT

FIGURES = ROOT / "benchmarks" / "figures.json"
COUNTS = ROOT / "benchmarks" / "instructions.json"
PAGE = ROOT / "docs" / "what-costs-what.md"
CHART = ROOT / "docs" / "what-costs-what.svg"
BEGIN, END = "<!-- generated: python3 -m benchmarks.costs -->", "<!-- end of what is generated -->"
OF = ("c", "java", "uvloop", "asyncio", "streams")
WORKS = (
    "hello-1",
    "hello-10",
    "hello-100",
    "hello-1000",
    "names-200",
    "names-1024",
    "pipeline-16",
    "connect",
    "echo-64k",
)
MODES = ("pool", "pool-sleep", "pool-hash", "groups")


def main() -> int:
    results = load(FIGURES)
    counts = json.loads(COUNTS.read_text(encoding="utf-8"))
    PAGE.write_text(placed(PAGE.read_text(encoding="utf-8"), generated(results, counts)), encoding="utf-8")
    CHART.write_text(chart(results), encoding="utf-8")
    return 0


def placed(page: str, text: str) -> str:
    """The page with this between its marks; ValueError if it has none."""
    above, begin, rest = page.partition(BEGIN)
    _, end, below = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{PAGE} has no marks")
    return f"{above}{begin}\n\n{text}\n{end}{below}"


def part_of(page: str) -> str:
    """What stands between the marks."""
    return page.partition(BEGIN)[2].partition(END)[0].strip("\n") + "\n"


def generated(results: dict[str, Any], counts: dict[str, Any]) -> str:
    """The sections whose works were measured."""
    works = results["works"]
    parts = ["## The figures", head(results), "### A request, by what it is", kinds(works)]
    parts += [f"### {works[name]['title']}\n\n{work_table(works[name])}" for name in MODES if name in works]
    if "idle" in works:
        parts += [f"### {works['idle']['title']}", work_table(works["idle"])]
    if "safety" in works:
        parts += ["### What each safety costs", safety(works)]
    for name in ("memory", "timers", "imports"):
        if name in works:
            parts += [f"### {works[name]['title']}", extra_table(name, works[name])]
    parts += [
        "### Instructions and system calls",
        counted(counts),
        "### Aims",
        aims(results),
        "### Bounds",
        bounds(results),
    ]
    told = [sentence for name in (*WORKS, *MODES, "idle") if name in works for sentence in missing(works[name])]
    return "\n\n".join([*parts, *dict.fromkeys(told)]) + "\n"


def kinds(works: dict[str, Any]) -> str:
    """CPU of ours, and its ratio to the peers."""
    rows = []
    for name in WORKS:
        result = works.get(name)
        if not result:
            continue
        for ours in ("nio", "nio-list", "nio-block"):
            if own := figure(result, ours, "cpu"):
                others = [between(ratio(result, ours, peer, "cpu")) for peer in OF]
                rows.append([result["title"], title_of(ours), f"{own.median:.2f}", *others])
    return table(["a request", "server", "CPU us", *(f"of {title_of(peer)}" for peer in OF)], rows)


def safety(works: dict[str, Any]) -> str:
    """Instructions of each part, and the time that all of it needs."""
    sides = works["safety"]["contenders"]
    whole = min(sides["nothing"]["instructions"])
    parts = {name: whole - min(side["instructions"]) for name, side in sides.items() if name != "nothing"}
    rows = [
        [name, f"{parts[name]:,.0f}", f"{parts[name] / whole:.1%}"] for name in sorted(parts, key=parts.__getitem__)
    ]
    text = table(["safety", "instructions of a request", f"of {whole:,.0f}"], rows)
    timed = works.get("safety-cpu")
    saved = timed and ratio(timed, "nio-bare", "nio", "cpu")
    if not saved:
        return text
    low, median, high = (f"{1 - value:.1%}" for value in reversed(saved))
    return f"{text}\n\nIn time, with what the kernel needs, all of it is {median} of a request ({low} to {high})."


def counted(counts: dict[str, Any]) -> str:
    """By build of Python: for one request."""
    shapes = list(dict.fromkeys(shape for build in counts.values() for shape in build["instructions"]))
    rows = []
    for build, figures in counts.items():
        rows.append(
            [
                build,
                *(
                    f"{figures['instructions'][shape]:,}" if shape in figures["instructions"] else "-"
                    for shape in shapes
                ),
            ]
        )
        calls = (figures["calls"].get(shape) for shape in shapes)
        rows.append(["its system calls", *("-" if count is None else f"{count:.2f}" for count in calls)])
    return table(["Python", *shapes], rows)


if __name__ == "__main__":
    sys.exit(main())
