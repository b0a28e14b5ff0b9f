"""Our servers beside their peers, on the same work, in one run: ``python3 -m benchmarks``.

Needs Linux, and Python alone: the loader is built with cc where there is one, and who is not here is named and left
out. A peer that is a Python package is installed, on first use, into an environment of the benchmark's own.

All servers of a work are up at the same time and take their turns in rounds; ratios are made within a round. They run
on one processor and the loader on another, where there are two. CPU per request is the server's own: it does not move
when the loader is the slower side.

Examples: python3 -m benchmarks --quick; python3 -m benchmarks --only hello-100,connect --json figures.json
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks._chart import chart
from benchmarks._markdown import page, section
from benchmarks._measure import Plan, measure
from benchmarks._peers import PEERS
from benchmarks._results import begin, save, versions
from benchmarks._tools import CACHE, ROOT, AbsentError, Tools
from benchmarks._works import EXTRAS, WORKS, Extra, Work

EXTRA = 600.0  # seconds
QUICK = (2, 0.05, 200)  # rounds, seconds, idle connections


def main(argv: Sequence[str] | None = None) -> int:
    parser = options_parser()
    options = parser.parse_args(argv)
    if options.list:
        print(listing())
        return 0
    if sys.platform != "linux":
        parser.error("the benchmark reads the clock of another process, which only Linux lets it")
    names = chosen(parser, "work", options.only, [*WORKS, *EXTRAS])
    peers = chosen(parser, "peer", options.peers, list(PEERS))
    if not (1 <= options.rounds <= 101 and 0 < options.seconds <= 10):
        parser.error("1 to 101 rounds, of at most 10 seconds")
    try:
        results, word = begin(options.json)
    except (OSError, ValueError) as error:
        parser.error(str(error))
    if word:
        say(word)
    try:
        run(options, names, peers, results)
    except KeyboardInterrupt:
        say("interrupted; what was measured until then is kept")
        return 130
    finally:
        write(options, results)
    return 0


def options_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python3 -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--list", action="store_true", help="the works and the peers, and no measurement")
    parser.add_argument("--only", metavar="WORK,...", help="these works (default: all)")
    parser.add_argument("--peers", metavar="PEER,...", help="these servers (default: all)")
    parser.add_argument("--rounds", type=int, default=9, help="(default 9)")
    parser.add_argument("--seconds", type=float, default=0.2, help="of load on a server in a round (default 0.2)")
    parser.add_argument("--quick", action="store_true", help="little of everything: does it work?")
    parser.add_argument("--json", type=Path, metavar="FILE", help="the figures; other works in it are kept")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="all tables")
    parser.add_argument("--svg", type=Path, metavar="FILE", help="a chart")
    parser.add_argument("--venv", type=Path, metavar="DIR", help="the environment of the peers")
    return parser


def chosen(parser: argparse.ArgumentParser, what: str, wanted: str | None, there: list[str]) -> list[str]:
    """In the order of the table."""
    if wanted is None:
        return there
    names = [name.strip() for name in wanted.split(",")]
    if unknown := [name for name in names if name not in there]:
        parser.error(f"no such {what}: {', '.join(unknown)}; there are {', '.join(there)}")
    return [name for name in there if name in names]


def listing() -> str:
    """Works, extras and peers, with a line each."""
    works = [f"  {work.name:<18}{work.title}" for work in WORKS.values()]
    extras = [f"  {extra.name:<18}{extra.title}" for extra in EXTRAS.values()]
    peers = [f"  {peer.name:<18}{peer.title}; bounds: {peer.bounds}" for peer in PEERS.values()]
    return "\n".join(["works", *works, *extras, "peers", *peers])


def run(options: argparse.Namespace, names: list[str], peers: list[str], results: dict[str, Any]) -> None:
    """Each work, which is printed and saved when it is done."""
    tools = Tools(CACHE, options.venv, say)
    rounds, seconds, idle = QUICK if options.quick else (options.rounds, options.seconds, 1 << 30)
    plan = Plan(rounds, seconds, sorted(os.sched_getaffinity(0)), idle)
    results["versions"] |= versions(tools, set())
    for name in names:
        if name in WORKS:
            contenders = [each for each in WORKS[name].contenders if each.partition("@")[0] in peers]
            result = measured(WORKS[name], contenders, tools, plan)
            results["versions"] |= versions(tools, set(result["contenders"] if result else ()))
        else:
            result = extra_result(EXTRAS[name], tools, options.quick)
        if result:
            results["works"][name] = result
            print(section(name, result), flush=True)
            if options.json:
                save(results, options.json)


def measured(work: Work, contenders: Iterable[str], tools: Tools, plan: Plan) -> dict[str, Any] | None:
    """None, and a word, where nobody could be measured."""
    result = measure(work, contenders, tools, plan, say)
    if result["contenders"]:
        return result
    for name, reason in {**result["absent"], **result["failed"]}.items():
        say(f"{work.name}: {name}: {reason}")
    return None


def extra_result(extra: Extra, tools: Tools, quick: bool) -> dict[str, Any] | None:
    """What that module prints; None, and a word, where it fails."""
    say(f"{extra.name}: {extra.title}")
    try:
        python = tools.python(extra.package)
    except AbsentError as error:
        say(f"{extra.name}: {error}")
        python = sys.executable
    command = [python, "-m", f"benchmarks.{extra.name}", "--json", *(extra.quick if quick else ())]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=EXTRA)
        rounds: list[dict[str, dict[str, float]]] = json.loads(done.stdout)
    except (subprocess.TimeoutExpired, ValueError):
        say(f"{extra.name} is left out: it does not end, or prints no figures")
        return None
    return from_rounds(extra, rounds)


def from_rounds(extra: Extra, rounds: list[dict[str, dict[str, float]]]) -> dict[str, Any]:
    """As the works have it: a list, one figure a round, by side and figure."""
    sides = {
        side: {figure: [round(each[side][figure], 3) for each in rounds] for figure in rounds[0][side]}
        for side in rounds[0]
    }
    today = datetime.now(UTC).date().isoformat()
    return {"title": extra.title, "date": today, "prime": "value", "contenders": sides, "absent": {}, "failed": {}}


def write(options: argparse.Namespace, results: dict[str, Any]) -> None:
    """The files that were asked for, of all that was measured."""
    if not results["works"]:
        return
    if options.markdown:
        options.markdown.write_text(page(results), encoding="utf-8")
    if options.svg:
        options.svg.write_text(chart(results), encoding="utf-8")


BEGAN = time.monotonic()


def say(text: str) -> None:
    """Progress, beside the tables."""
    print(f"[{time.monotonic() - BEGAN:5.0f} s] {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
