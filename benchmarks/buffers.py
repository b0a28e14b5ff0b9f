"""ByteBuffer beside ``struct`` and a memoryview, on the same work, in one run: ``python3 -m benchmarks.buffers``.

Which work is the same is open to choice; here it is the one that is harder on the buffer. It keeps position, limit and
byte order and checks value and room; ``struct`` is called with a constant format at a constant offset, as nobody can
who reads one number after the other. ``flip`` and ``compact`` are both counted against the slice assignment alone; with
nothing drained in between, either side moves 1 KiB to where it is. The calls stand in line, 16 a turn, so that no
loop's cost is in either side.
"""

from __future__ import annotations

import platform
import statistics
from timeit import Timer
from typing import NamedTuple

from benchmarks._rounds import arguments, median_ratio, pin

IN_LINE = 16
TURNS = 64
BOUND = 3

SETUP = """
from struct import pack_into, unpack_from
from nio.buffers import ByteBuffer
buffer = ByteBuffer.allocate(2048)
memory = memoryview(bytearray(2048))
"""
FILL = "buffer.clear().position = 1024"


class Pair(NamedTuple):
    """Two statements that do the same, and what makes the buffer ready for them (its cost counts)."""

    ours: str
    theirs: str
    ready: str = "buffer.clear()"
    is_bound: bool = False


PAIRS = (
    Pair("buffer.get_int()", "unpack_from('>i', memory, 8)[0]", is_bound=True),
    Pair("buffer.put_int(5)", "pack_into('>i', memory, 8, 5)", is_bound=True),
    Pair("buffer.flip().compact()", "memory[:1024] = memory[0:1024]", FILL, is_bound=True),
    Pair("buffer.get_int(8)", "unpack_from('>i', memory, 8)[0]"),
    Pair("buffer.put_int_at(8, 5)", "pack_into('>i', memory, 8, 5)"),
    Pair("buffer.get_double()", "unpack_from('>d', memory, 8)[0]"),
    Pair("buffer.put_double(0.5)", "pack_into('>d', memory, 8, 0.5)"),
)


def main() -> None:
    options = arguments("benchmarks.buffers", __doc__, 101).parse_args()
    pin()
    timers = [(timer(pair.ours, pair.ready), timer(pair.theirs)) for pair in PAIRS]
    rounds = [[(nanoseconds(ours), nanoseconds(theirs)) for ours, theirs in timers] for _ in range(options.rounds)]

    print(f"Python {platform.python_version()}, {options.rounds} rounds, medians: ns a call")
    print(f"{'ByteBuffer':<26}{'ns':>6}  {'without it':<34}{'ns':>6}{'ratio':>8}{'at best':>9}")
    ratios = {}
    for pair, times in zip(PAIRS, zip(*rounds, strict=True), strict=True):
        ours, theirs = (statistics.median(side) for side in zip(*times, strict=True))
        ratios[pair] = median_ratio(times)
        at_best = min(one for one, _ in times) / min(other for _, other in times)
        print(f"{pair.ours:<26}{ours:>6.0f}  {pair.theirs:<34}{theirs:>6.0f}{ratios[pair]:>8.2f}{at_best:>9.2f}")
    worst = max(ratio for pair, ratio in ratios.items() if pair.is_bound)
    verdict = "within" if worst <= BOUND else "NOT within"
    print(f"The first three take up to {worst:.2f} times as long as what they stand for: {verdict} {BOUND} times.")


def timer(statement: str, ready: str = "pass") -> Timer:
    return Timer("\n".join([ready, *[statement] * IN_LINE]), SETUP)


def nanoseconds(timer: Timer) -> float:
    return timer.timeit(TURNS) / (TURNS * IN_LINE) * 1e9


if __name__ == "__main__":
    main()
