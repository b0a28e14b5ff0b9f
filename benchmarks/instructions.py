"""What a request costs, counted: ``python3 -m benchmarks.instructions``.

Times of a shared machine move by a tenth; the number of instructions in user space moves by a hundredth, and that of
system calls, where no worker is woken, not at all. So they tell what a change costs. callgrind counts the former and
strace the latter, for us, for asyncio and for uvloop, or with ``--against`` for another tree's ``nio``.

The shapes: one connection (c1), a hundred at a time (c100), sixteen lines in one piece (p16, per line; p16list and
p16block with the hooks for many records), a connection for each request (accept), and a hundred connections with four
workers (pooled).

``--check`` compares ours with the figures of ``benchmarks/instructions.json``, which ``--update`` writes: more than 3 %
above is an error. The figures are those of one build of Python. For another build there is nothing to compare with, and
the check says so and passes.
"""

from __future__ import annotations

import argparse
import json
import platform
import re
import shutil
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks._counting import SHAPES, CountError, Counts, Shape, can_trace, instructions, system_calls
from benchmarks._peers import PEERS
from benchmarks._tools import CACHE, ROOT, AbsentError, Tools

COMMITTED = ROOT / "benchmarks" / "instructions.json"
TOLERANCE = 0.03
CALLS = 0.1  # system calls for one request
# Where workers answer, a write and a read for each time one finds the selector asleep: the machine decides how often.
# Waking it for every request would add two.
WAKES = 1.0
GOALS = {"c1": 27_500, "c100": 9_600, "p16": 3_050, "accept": 80_000, "pooled": 21_500}  # on Python 3.11
SERVERS = {
    "nio": {"single": "nio", "list": "nio-list", "block": "nio-block", "pooled": "nio-pooled"},
    "asyncio": {"single": "asyncio", "pooled": "asyncio-executor"},
    "uvloop": {"single": "uvloop", "pooled": "uvloop-executor"},
}


class Figures(NamedTuple):
    """Of one server, for one request, by shape."""

    instructions: dict[str, float]
    calls: dict[str, Counts]


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python3 -m benchmarks.instructions",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("shapes", nargs="*", metavar="SHAPE", help=f"of {', '.join(SHAPES)} (default: all)")
    parser.add_argument("--servers", default=",".join(SERVERS), metavar="A,B", help=f"(default {','.join(SERVERS)})")
    parser.add_argument("--against", type=Path, metavar="TREE", help="the directory in which another nio stands")
    parser.add_argument("--check", action="store_true", help="fail where ours is above the committed figure")
    parser.add_argument("--update", action="store_true", help="commit to ours, for this build of Python")
    parser.add_argument("--json", type=Path, metavar="FILE", help="the figures")
    parser.add_argument("--venv", type=Path, metavar="DIR", help="the environment that has uvloop")
    options = parser.parse_args(argv)
    shapes = [SHAPES[name] for name in chosen(parser, options.shapes or list(SHAPES), SHAPES)]
    names = chosen(parser, options.servers.split(","), SERVERS)
    if options.check or options.update or options.against:
        names = ["nio"]
    if not shutil.which("valgrind"):
        print("nothing is counted: there is no valgrind")
        return 0 if options.check else 2
    if not can_trace():
        print("system calls are not counted: there is no strace, or it may not trace")
    tools = Tools(CACHE, options.venv, lambda text: print(text, file=sys.stderr))
    trees = {"nio": ROOT} | ({str(options.against): options.against.resolve()} if options.against else {})
    try:
        figures = {name: counted("nio", tree, shapes, tools) for name, tree in trees.items() if "nio" in names}
        figures |= {name: counted(name, ROOT, shapes, tools) for name in names if name != "nio"}
    except (AbsentError, CountError) as error:
        print(f"nothing is counted: {error}")
        return 2
    print(table(shapes, figures))
    if options.json:
        options.json.write_text(json.dumps(document(figures), indent=1) + "\n", encoding="utf-8")
    if options.update:
        update(COMMITTED, build(), figures["nio"])
    return verdict(figures["nio"]) if options.check else 0


def chosen(parser: argparse.ArgumentParser, wanted: Iterable[str], there: Iterable[str]) -> list[str]:
    known, names = list(there), list(wanted)
    if unknown := [name for name in names if name not in known]:
        parser.error(f"no such thing: {', '.join(unknown)}; there are {', '.join(known)}")
    return [name for name in known if name in names]


def counted(name: str, tree: Path, shapes: list[Shape], tools: Tools) -> Figures:
    """By callgrind and strace, two servers at a time; what such a server does not have is left out."""
    jobs: list[Callable[[], Figures]] = []
    for kind, server in SERVERS[name].items():
        served = [shape for shape in shapes if shape.server == kind]
        try:
            if served:
                jobs.append(partial(_counted, PEERS[server].command(tools, "hello"), served, tree))
        except AbsentError as error:
            if kind == "single":
                raise
            print(f"{kind} is left out: {error}")
    found = Figures({}, {})
    with ThreadPoolExecutor(2) as pool:
        for part in [pool.submit(job) for job in jobs]:
            found.instructions.update(part.result().instructions)
            found.calls.update(part.result().calls)
    return found


def _counted(command: list[str], shapes: list[Shape], tree: Path) -> Figures:
    with tempfile.TemporaryDirectory() as directory:
        scratch = Path(directory)
        place = with_nio_of(tree, scratch / "tree")
        calls = system_calls(command, shapes, scratch, place) if can_trace() else {}
        return Figures(instructions(command, shapes, scratch, place), calls)


def with_nio_of(tree: Path, place: Path) -> Path:
    """A directory in which that tree's ``nio`` stands beside these servers."""
    place.mkdir()
    for name, origin in (("nio", tree / "nio"), ("benchmarks", ROOT / "benchmarks")):
        if origin.exists():  # nio may be installed
            (place / name).symlink_to(origin)
    return place


def table(shapes: list[Shape], figures: dict[str, Figures]) -> str:
    """Instructions, and system calls with those that only wait in brackets, by shape and server."""
    lines = [f"for one request, {build()}", f"{'':<8}{'goal':>10}" + "".join(f"{name:>26.26}" for name in figures)]
    for shape in shapes:
        goal = f"{GOALS[shape.name]:,}" if shape.name in GOALS else "-"
        lines.append(f"{shape.name:<8}{goal:>10}" + "".join(f"{cell(each, shape):>26}" for each in figures.values()))
    return "\n".join([*lines, "instructions, system calls (and those that wait)"])


def cell(figures: Figures, shape: Shape) -> str:
    if shape.name not in figures.instructions:
        return "-"
    calls = figures.calls.get(shape.name)
    told = f", {calls.working:.2f} (+{calls.waiting:.2f})" if calls else ""
    return f"{figures.instructions[shape.name]:,.0f}{told}"


def build() -> str:
    """What the figures depend on beside the code: the version, and how it was built."""
    flags = f"{sysconfig.get_config_var('PY_CFLAGS') or ''} {sysconfig.get_config_var('CONFIG_ARGS') or ''}"
    level = re.findall(r"-O\w", flags)
    how = [level[-1] if level else "-O?"]
    how += [word for word, option in (("PGO", "--enable-optimizations"), ("LTO", "--with-lto")) if option in flags]
    compiler = " ".join(platform.python_compiler().split()[:2])
    libc = " ".join(platform.libc_ver())
    name = f"{platform.python_implementation()} {platform.python_version()}"
    return ", ".join([name, compiler, " ".join(how), platform.machine(), libc])


def document(figures: dict[str, Figures]) -> dict[str, Any]:
    """As JSON has it."""
    return {"build": build(), "servers": {name: plain(each) for name, each in figures.items()}}


def plain(figures: Figures) -> dict[str, Any]:
    return {
        "instructions": {name: round(count) for name, count in figures.instructions.items()},
        "calls": {name: round(counts.working, 2) for name, counts in figures.calls.items()},
        "epoll_ctl": {name: round(counts.epoll_ctl, 2) for name, counts in figures.calls.items()},
    }


def committed(path: Path) -> dict[str, Any]:
    builds: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return builds


def update(path: Path, key: str, figures: Figures) -> None:
    """Other builds, and shapes that were not counted, keep their figures."""
    builds = committed(path)
    old = builds.get(key, {})
    builds[key] = {kind: old.get(kind, {}) | new for kind, new in plain(figures).items()}
    path.write_text(json.dumps(builds, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def verdict(figures: Figures) -> int:
    """0, or 1 and a sentence for each figure that is above its own."""
    builds, key = committed(COMMITTED), build()
    if key not in builds:
        print(f"No figures are committed for {key}: there is nothing to compare with (--update writes them).")
        return 0
    faults = list(compared(plain(figures), builds[key]))
    for sentence in faults or ["All figures are within 3 % of the committed ones, or below."]:
        print(sentence)
    return 1 if faults else 0


def compared(now: dict[str, Any], then: dict[str, Any]) -> Iterable[str]:
    """What is above: a sentence each."""
    for shape, count in now["instructions"].items():
        limit = then["instructions"].get(shape)
        if limit and count > limit * (1 + TOLERANCE):
            yield f"{shape} needs {count:,} instructions for a request, {count / limit - 1:.1%} above {limit:,}."
    for shape, calls in now["calls"].items():
        limit = then["calls"].get(shape)
        if limit and calls > limit + (WAKES if SHAPES[shape].server == "pooled" else CALLS):
            yield f"{shape} needs {calls:.2f} system calls for a request, not {limit:.2f}."
    for shape, count in now["epoll_ctl"].items():
        if not SHAPES[shape].connects_anew and count > then["epoll_ctl"].get(shape, 0) + 0.01:
            yield f"{shape} calls epoll_ctl {count:.2f} times for a request: a steady connection has no need to."


if __name__ == "__main__":
    sys.exit(main())
