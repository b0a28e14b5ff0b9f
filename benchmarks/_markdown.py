"""The results as Markdown: a table for each work, and one of all that is aimed at."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from benchmarks._peers import PEERS
from benchmarks._results import BUSY, Result, figure, is_bottleneck, ratio, reached
from benchmarks._rounds import Spread
from benchmarks._works import AIMS, EXTRAS, Aim

COLUMNS = ("uvloop", "asyncio", "java", "c")


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """With its line under the head; numbers stand at the right."""
    titles = list(head)
    rule = ["---" if number == 0 else "---:" for number in range(len(titles))]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (titles, rule, *rows))


def between(found: Spread | None, digits: int = 2) -> str:
    """A median and its quartiles."""
    if found is None:
        return "-"
    low, median, high = (f"{value:,.{digits}f}" for value in found)
    return median if low == median == high else f"{median} ({low}-{high})"


def title_of(contender: str) -> str:
    name, _, idle = contender.partition("@")
    title = PEERS[name].title if name in PEERS else name
    return f"{title}, {int(idle):,} idle" if idle else title


def work_table(result: Result) -> str:
    """Each server: CPU per request, its ratio to the peers, requests per second, how busy the loader was."""
    measure = result["prime"]
    bases = [base for base in bases_of(result) if base in result["contenders"]]
    what = "requests/s" if measure == "rate" else "CPU"
    head = ["server", "CPU us/request", *(f"{what} of {title_of(base)}" for base in bases), "requests/s", "loader"]
    rows = []
    for name in sorted(result["contenders"], key=lambda each: _order(result, each)):
        rate, busy = figure(result, name, "rate"), figure(result, name, "loader")
        assert rate is not None
        assert busy is not None
        flag = " *" if is_bottleneck(result, name) else ""
        compared = [between(ratio(result, name, base, measure)) for base in bases]
        own = between(figure(result, name, "cpu"))
        rows.append([title_of(name), own, *compared, f"{rate.median:,.0f}", f"{busy.median:.0%}{flag}"])
    return table(head, rows)


def bases_of(result: Result) -> list[str]:
    """The peers that the others are compared with."""
    if result.get("idle"):
        return ["nio", *(name for name in result["idle"] if name.startswith(("uvloop", "c@")))]
    executors = [name for name in result["contenders"] if name.endswith("-executor")]
    if executors:
        return ["nio", *executors]
    return ["nio"] if result["prime"] == "rate" or "nio-bare" in result["contenders"] else list(COLUMNS)


def _order(result: Result, contender: str) -> float:
    found = figure(result, contender, result["prime"])
    assert found is not None
    return -found.median if result["prime"] == "rate" else found.median


def extra_table(name: str, result: Result) -> str:
    """Each figure, by side."""
    sides = list(result["contenders"])
    figures = list(result["contenders"][sides[0]])
    unit = EXTRAS[name].unit
    compared = [side for side in sides if side != "asyncio"] if "asyncio" in sides else []
    head = [unit, *sides, *(f"{side} of asyncio" for side in compared)]
    rows = []
    for each in figures:
        own = [between(figure(result, side, each), 1) for side in sides]
        others = [between(ratio(result, side, "asyncio", each)) for side in compared]
        rows.append([each, *own, *others])
    return table(head, rows)


def missing(result: Result) -> list[str]:
    """A sentence for each server that is not in the table, or not as its name says."""
    found = [f"{title_of(name)} is not here: {reason}." for name, reason in sorted(result["absent"].items())]
    found += [f"{title_of(name)} is left out: {reason}." for name, reason in sorted(result["failed"].items())]
    for name, count in sorted(result.get("idle", {}).items()):
        if count != int(name.partition("@")[2]):
            found.append(f"{title_of(name)}: {count:,} in truth (--quick, or the limit of open files).")
    return found


def section(name: str, result: Result) -> str:
    """A work with its table and what is to be said of it."""
    if result["prime"] == "value":
        return f"### {result['title']}\n\n{extra_table(name, result)}\n"
    said = [] if result["pinned"] else ["The servers may use all processors."]
    said += missing(result)
    if any(is_bottleneck(result, each) for each in result["contenders"]):
        said.append(f"* The loader was busy for {BUSY:.0%} of the time or more, and so the bottleneck.")
    lines = "".join(f"{sentence}\n" for sentence in said)
    return f"### {result['title']}\n\n{work_table(result)}\n" + (f"\n{lines}" if lines else "")


def aims(results: dict[str, Any]) -> str:
    """What is aimed at, and what was reached; what was not measured is left out."""
    rows = [_aim(results, aim) for aim in AIMS if reached(results, aim)]
    head = ["work", "server", "of", "ratio", "aim", "", "C, CPU us", "CPU us", "peer's"]
    return table(head, rows)


def _aim(results: dict[str, Any], aim: Aim) -> list[str]:
    result, found = results["works"][aim.work], reached(results, aim)
    assert found is not None
    word = "at least" if aim.at_least else "at most"
    c = next(
        (figure(result, name, "cpu") for name in result["contenders"] if name.startswith("c@") or name == "c"), None
    )
    sides = [figure(result, name, "cpu") for name in (aim.ours, aim.peer)]
    is_extra = result["prime"] == "value"
    what = aim.measure if is_extra else "requests/s" if aim.measure == "rate" else "CPU"
    ours, peer = (name if is_extra else title_of(name) for name in (aim.ours, aim.peer))
    return [
        result["title"],
        ours,
        f"{peer}, {what}",
        between(found),
        f"{word} {aim.limit:.2f}",
        "met" if aim.is_met(found.median) else "missed",
        *(f"{each.median:.2f}" if each else "-" for each in (c, *sides)),
    ]


def bounds(results: dict[str, Any]) -> str:
    """What each server that was measured keeps."""
    names = {name.partition("@")[0] for result in results["works"].values() for name in result["contenders"]}
    return table(["server", "bounds"], [[peer.title, peer.bounds] for peer in PEERS.values() if peer.name in names])


def head(results: dict[str, Any]) -> str:
    """When, where, and with which versions."""
    here = results["machine"]
    dates = sorted({result["date"] for result in results["works"].values()})
    told = "".join(f"; {name} {version}" for name, version in sorted(results["versions"].items()))
    return (
        f"{' to '.join(dict.fromkeys((dates[0], dates[-1])))}, {here['python']} ({here['built']}), {here['kernel']}, "
        f"{here['processors']} processors ({here['model']}){told}.\n"
        "Medians of the rounds, quartiles in brackets; ratios are made within a round. CPU is the server's own."
    )


def page(results: dict[str, Any]) -> str:
    """All of it."""
    sections = [section(name, result) for name, result in results["works"].items()]
    return "\n".join(
        [head(results), "", *sections, "### Aims\n", aims(results), "", "### Bounds\n", bounds(results), ""]
    )
