"""What the benchmarks share: two sides measured in turn, in rounds, and compared only within a round.

So what else the machine does hits both sides, and the median of the ratios is steady where the times are not.
"""

from __future__ import annotations

import argparse
import os
import statistics
from collections.abc import Iterable


def arguments(module: str, doc: str | None, rounds: int) -> argparse.ArgumentParser:
    """A parser with ``--rounds``."""
    parser = argparse.ArgumentParser(prog=f"python3 -m {module}", description=doc)
    parser.add_argument("--rounds", type=int, default=rounds, help=f"(default {rounds})")
    return parser


def pin() -> int:
    """Keep this process to its last processor; the first one, which is another where there are two."""
    processors = sorted(os.sched_getaffinity(0))
    if len(processors) > 1:
        os.sched_setaffinity(0, {processors[-1]})
    return processors[0]


def median_ratio(rounds: Iterable[tuple[float, float]]) -> float:
    """Of one side to the other, by round."""
    return statistics.median(ours / theirs for ours, theirs in rounds)
