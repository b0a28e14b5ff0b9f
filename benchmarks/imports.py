"""What an import costs beside asyncio's: ``python3 -m benchmarks.imports``.

Fresh interpreters take turns: a bare one, one that imports ``nio``, ``nio.reactor``, ``asyncio``. What the bare one
needs is taken off the others. The figure is processor time, of the best of a few in each round.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
from collections.abc import Sequence

from benchmarks._rounds import arguments, median_ratio, pin
from benchmarks._tools import ROOT

SIDES = ("nio", "nio.reactor", "asyncio")
TRIES = 3
Round = dict[str, dict[str, float]]


def main(argv: Sequence[str] | None = None) -> None:
    parser = arguments("benchmarks.imports", __doc__, rounds=15)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(argv)
    pin()
    cost("nio.reactor")  # which compiles the modules, once
    rounds = [measured() for _ in range(options.rounds)]
    if options.json:
        print(json.dumps(rounds))
        return
    print(f"{options.rounds} rounds, medians, ms beyond a bare interpreter")
    for side in SIDES:
        own = statistics.median(each[side]["import"] for each in rounds)
        ratio = median_ratio((each[side]["import"], each["asyncio"]["import"]) for each in rounds)
        print(f"import {side:<14}{own:>8.1f}{ratio:>8.2f} of asyncio")


def measured() -> Round:
    """One round: milliseconds."""
    bare = cost("")
    return {side: {"import": cost(side) - bare} for side in SIDES}


def cost(module: str) -> float:
    return min(one(module) for _ in range(TRIES))


def one(module: str) -> float:
    """Milliseconds of processor time of an interpreter that imports the module and ends."""
    command = [sys.executable, "-c", f"import {module}" if module else "pass"]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, env=environment | {"PYTHONPATH": str(ROOT)}, stdin=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1e3


if __name__ == "__main__":
    main()
