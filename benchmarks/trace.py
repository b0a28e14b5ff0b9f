"""What it costs to be recorded: ``python3 -m benchmarks.trace``.

The hello server plain, with ``nio.trace`` imported and not used (off), and recorded at each level, on the same work in
one run. The servers are pinned to one processor and the clients to another, where there
are two, and loaded in turn, for a twentieth of a second each, so that the machine's moods hit them alike. Compared is
the server's processor time per request. The records are dropped as newer ones come: to write a file costs more.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import nio.trace
from benchmarks._load import Load, Measurement, total
from benchmarks._rounds import arguments, median_ratio, pin
from benchmarks._servers import HOST, WORKERS, nio_server

SLICE = 0.05  # seconds
LEVELS = ("plain", "off", "events", "io", "teach")


def main() -> None:
    if len(sys.argv) > 1 and sys.argv[1] == "serve":
        serve(sys.argv[2], int(sys.argv[3]))
        return
    parser = arguments("benchmarks.trace", __doc__, rounds=5)
    parser.add_argument("--connections", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=0.5, help="of load on each server in a round (default 0.5)")
    parser.add_argument("--pooled", action="store_true", help=f"with {WORKERS} workers")
    options = parser.parse_args()
    workers = WORKERS if options.pooled else 0
    processor = pin()
    rounds = [measured(processor, workers, options.connections, options.seconds) for _ in range(options.rounds)]
    print(f"{options.connections} connections, {options.rounds} rounds of {options.seconds:g} s, medians")
    print(f"{'level':<10}{'CPU us/request':>16}{'to plain':>10}")
    for level in LEVELS:
        cpu = statistics.median(each[level].cpu_per_request for each in rounds)
        ratio = median_ratio((each[level].cpu_per_request, each["plain"].cpu_per_request) for each in rounds)
        print(f"{level:<10}{cpu:>16.2f}{ratio:>10.2f}")


def serve(level: str, workers: int) -> None:
    """One server, in a process of its own: its port is the first line of its output."""
    if level in ("plain", "off"):
        nio_server(workers)
        return
    with nio.trace.recording(level):
        nio_server(workers)


def measured(processor: int, workers: int, connections: int, seconds: float) -> dict[str, Measurement]:
    """One round, with servers of its own."""
    with ExitStack() as stack:
        loads = {}
        for level in LEVELS:
            port, pid = stack.enter_context(running(level, workers, processor))
            loads[level] = stack.enter_context(Load((HOST, port), pid, connections))
        slices = [{level: load.run(SLICE) for level, load in loads.items()} for _ in range(2 + round(seconds / SLICE))]
        return {level: total(each[level] for each in slices[2:]) for level in LEVELS}  # the first ones warm up


@contextmanager
def running(level: str, workers: int, processor: int) -> Iterator[tuple[int, int]]:
    """A server in a child process: its port and process id."""
    own = [sys.executable, "-m", "benchmarks.trace", "serve", level, str(workers)]
    plain = [sys.executable, "-m", "benchmarks._servers", "nio pooled" if workers else "nio single"]
    with subprocess.Popen(plain if level == "plain" else own, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        os.sched_setaffinity(child.pid, {processor})
        try:
            yield int(child.stdout.readline()), child.pid
        finally:
            child.stdin.close()
            child.wait(10)


if __name__ == "__main__":
    main()
