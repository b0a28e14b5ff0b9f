"""The results as JSON: what is measured of each work, by round, and on which machine.

A file holds the works of several runs, for one interpreter on one machine. What is measured again is replaced.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

from benchmarks._peers import PEERS
from benchmarks._rounds import Spread, ratios, spread
from benchmarks._tools import AbsentError, Tools
from benchmarks._works import Aim

FORMAT = 1
BUSY = 0.95  # a loader that is busier is the bottleneck
Result = dict[str, Any]


def machine() -> dict[str, Any]:
    """What figures depend on."""
    info = Path("/proc/cpuinfo")
    models = [line.partition(":")[2].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
    return {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "built": platform.python_compiler(),
        "kernel": f"{platform.system()} {platform.release().partition('-')[0]}",
        "processors": os.cpu_count(),
        "model": models[0] if models else platform.machine(),
    }


def versions(tools: Tools, names: set[str]) -> dict[str, str]:
    """Of the peers that have one of their own."""
    found: dict[str, str] = {}
    for name in sorted(names):
        peer = PEERS.get(name)
        try:
            if peer and peer.package:
                found[peer.package] = tools.version(peer.package)
        except AbsentError:
            pass  # it has no version, and says so where it is missing
    for command, options in (("java", ["-version"]), ("cc", ["--version"])):
        if path := shutil.which(command):
            told = subprocess.run([path, *options], capture_output=True, text=True, check=False, timeout=30)
            number = re.search(r"\d+(\.\d+)+", told.stdout + told.stderr)
            found[command] = number[0] if number else "of unknown version"
    return found


def load(path: Path) -> dict[str, Any]:
    """A file of results; ValueError if it is none."""
    results: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(results, dict) or results.get("format") != FORMAT:
        raise ValueError(f"{path} holds no results of this benchmark")
    return results


def begin(path: Path | None) -> tuple[dict[str, Any], str]:
    """Those of the file, if they are of this interpreter and machine; else empty ones, and a word why."""
    here = machine()
    empty: dict[str, Any] = {"format": FORMAT, "machine": here, "versions": {}, "works": {}}
    if path is None or not path.exists():
        return empty, ""
    old = load(path)
    if old["machine"] != here:
        return empty, f"{path} is of another interpreter or machine and is written anew"
    return old, ""


def save(results: dict[str, Any], path: Path) -> None:
    """A list of figures stands in one line; a reader finds the old file or the new one, never half a file."""
    text = json.dumps(results, indent=1, sort_keys=True)
    pieces = []
    for number, piece in enumerate(text.split("[")):
        inside, bracket, rest = piece.partition("]")
        pieces.append(" ".join(inside.split()) + bracket + rest if number and bracket else piece)
    draft = path.with_name(f"{path.name}.new")
    draft.write_text("[".join(pieces) + "\n", encoding="utf-8")
    draft.replace(path)


def column(result: Result, contender: str, measure: str) -> list[float]:
    """By round; empty if it was not measured."""
    values: list[float] = result["contenders"].get(contender, {}).get(measure, [])
    return values


def figure(result: Result, contender: str, measure: str) -> Spread | None:
    values = column(result, contender, measure)
    return spread(values) if values else None


def ratio(result: Result, ours: str, theirs: str, measure: str) -> Spread | None:
    """By round; None if either side was not measured."""
    one, other = column(result, ours, measure), column(result, theirs, measure)
    return ratios(one, other) if one and other and len(one) == len(other) else None


def reached(results: dict[str, Any], aim: Aim) -> Spread | None:
    """The ratio that an aim is about."""
    result = results["works"].get(aim.work)
    return ratio(result, aim.ours, aim.peer, aim.measure) if result else None


def is_bottleneck(result: Result, contender: str) -> bool:
    """Was the loader busier than the server could be?"""
    busy = figure(result, contender, "loader")
    return busy is not None and busy.median >= BUSY
