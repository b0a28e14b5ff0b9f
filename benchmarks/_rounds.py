"""What the benchmarks share: two sides measured in turn, in rounds, and compared only within a round.

So what else the machine does hits both sides, and the median of the ratios is steady where the times are not.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from benchmarks._children import ALLOCATOR


class Spread(NamedTuple):
    """A median between its quartiles."""

    low: float
    median: float
    high: float


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


def spread(values: Sequence[float]) -> Spread:
    """Of one value or more."""
    if len(values) == 1:
        return Spread(values[0], values[0], values[0])
    return Spread(*statistics.quantiles(values, n=4, method="inclusive"))


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> Spread:
    """Of one side to the other, by round."""
    return spread([one / other for one, other in zip(ours, theirs, strict=True)])


def median_ratio(rounds: Iterable[tuple[float, float]]) -> float:
    """Of one side to the other, by round."""
    return ratios(*zip(*rounds, strict=True)).median


@contextmanager
def served(module: str, *words: str, processor: int) -> Iterator[tuple[int, int]]:
    """``python3 -m module words`` as a child on that processor, which prints its port: the port and its process id."""
    command = [sys.executable, "-m", module, *words]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=os.environ | ALLOCATOR) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        os.sched_setaffinity(child.pid, {processor})
        try:
            yield int(child.stdout.readline()), child.pid
        finally:
            child.stdin.close()
            child.wait(10)
