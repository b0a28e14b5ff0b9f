"""Timers beside asyncio's: set a million, cancel nine of ten, let the rest fire: ``python3 -m benchmarks.timers``.

It is what deadlines are: nearly all are cancelled before they are due. The moments and the order of cancelling are
random, and all moments are past when the timers are to fire, so nobody waits. Everything is called on a running loop,
by ``call_at`` and ``cancel`` as any user calls them, with Python's garbage collector on. Each side is a process of its
own in each round, one after the other.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import statistics
import subprocess
import sys
import time
from array import array
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks._rounds import arguments, median_ratio
from nio.reactor import Reactor

FIRING = 10  # one of so many is not cancelled
SPACING = 100  # nanoseconds between two moments, on average
STEPS = ("add", "cancel", "fire", "whole life")
Times = dict[str, float]


def main(argv: Sequence[str] | None = None) -> None:
    parser = arguments("benchmarks.timers", __doc__, rounds=5)
    parser.add_argument("--timers", type=int, default=1_000_000, help="(default 1 000 000)")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.side:
        print(json.dumps(SIDES[options.side](options.timers)))
        return
    rounds = figures(options.timers, options.rounds)
    if options.json:
        print(json.dumps(rounds))
        return
    print(f"{options.timers:,} timers, 9 of 10 cancelled, {options.rounds} rounds, medians, ns a timer")
    print(f"{'':<12}" + "".join(f"{side:>10}" for side in SIDES) + f"{'ratio':>8}")
    for step in STEPS:
        ours, theirs = (statistics.median(each[side][step] for each in rounds) for side in SIDES)
        ratio = median_ratio((each["nio"][step], each["asyncio"][step]) for each in rounds)
        print(f"{step:<12}{ours:>10,.0f}{theirs:>10,.0f}{ratio:>8.2f}")


def figures(timers: int, rounds: int) -> list[dict[str, Times]]:
    """Of each round, by side and step: nanoseconds a timer."""
    return [{side: measured(side, timers) for side in SIDES} for _ in range(rounds)]


def measured(side: str, timers: int) -> Times:
    """By a process of its own."""
    command = [sys.executable, "-m", "benchmarks.timers", "--side", side, "--timers", str(timers)]
    times: Times = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return times


def nio_side(timers: int) -> Times:
    with Reactor.open() as reactor:
        life = Life(timers)
        clock = reactor.provider.clock
        reactor.execute(life.run, reactor.call_at, clock(), 1, reactor.stop)
        reactor.run()
        return life.times()


def asyncio_side(timers: int) -> Times:
    loop = asyncio.new_event_loop()
    life = Life(timers)
    loop.call_soon(life.run, loop.call_at, loop.time(), 1e-9, loop.stop)
    loop.run_forever()
    loop.close()
    return life.times()


SIDES = {"nio": nio_side, "asyncio": asyncio_side}


class Life:
    """Of so many timers; the loop fires what is due between ``run`` and the last ``fire``."""

    def __init__(self, timers: int) -> None:
        chance = random.Random(timers)
        self.moments = array("q", [chance.randrange(timers * SPACING) for _ in range(timers)])
        self.order = array("q", chance.sample(range(timers), timers - timers // FIRING))
        self.left = timers // FIRING
        self.at: list[float] = []

    def run(self, call_at: Callable[..., Any], now: float, unit: float, stop: Callable[[], object]) -> None:
        """Set all and cancel most; ``unit`` is a nanosecond of ``call_at``."""
        self.stop = stop
        moments, fire = array("q" if unit == 1 else "d", [now + moment * unit for moment in self.moments]), self.fire
        self.at.append(time.process_time())
        timers = [call_at(moment, fire) for moment in moments]
        self.at.append(time.process_time())
        for index in self.order:
            timers[index].cancel()
        timers.clear()
        self.at.append(time.process_time())

    def fire(self) -> None:
        self.left -= 1
        if not self.left:
            self.at.append(time.process_time())
            self.stop()

    def times(self) -> Times:
        """Nanoseconds a timer of each step."""
        each = 1e9 / len(self.moments)
        spans = [(end - start) * each for start, end in zip(self.at, self.at[1:], strict=False)]
        return dict(zip(STEPS, [*spans, sum(spans)], strict=True))


if __name__ == "__main__":
    main()
