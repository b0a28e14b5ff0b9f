"""What it costs to be recorded: ``python3 -m benchmarks.trace``.

The hello server plain, with ``nio.trace`` imported and not used (off), and recorded at each level, on the same work in
one run. The servers are pinned to one processor and the clients to another, where there are two. They are loaded in
turn, for a twentieth of a second each, so that the machine's moods hit them alike. Compared is the server's processor
time per request. The records are dropped as newer ones come: to write a file costs more.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import nio.trace
from benchmarks._load import Load, Measurement, in_turn
from benchmarks._process import HOST, WORKERS
from benchmarks._rounds import arguments, median_ratio, pin
from benchmarks._servers import nio_server
from nio.inspector import inspect
from nio.spi import SelectorProvider

SLICE = 0.05  # seconds
LEVELS = ("plain", "off", "events", "io", "teach")
PAGE_SLICE = 1.0  # what is recorded in a slice is looked at by its end
WITH_A_PAGE = ("plain", "events", "page")  # at level events, with the live page open in a browser that reads it all


def main() -> None:
    if len(sys.argv) > 1 and sys.argv[1] == "serve":
        serve(sys.argv[2], int(sys.argv[3]))
        return
    parser = arguments("benchmarks.trace", __doc__, rounds=5)
    parser.add_argument("--connections", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=0.5, help="of load on each server in a round (default 0.5)")
    parser.add_argument("--pooled", action="store_true", help=f"with {WORKERS} workers")
    parser.add_argument("--page", action="store_true", help="what the live page costs; use --seconds 3")
    options = parser.parse_args()
    levels, length = (WITH_A_PAGE, PAGE_SLICE) if options.page else (LEVELS, SLICE)
    workers = WORKERS if options.pooled else 0
    processor = pin()
    rounds = [
        measured(levels, length, processor, workers, options.connections, options.seconds)
        for _ in range(options.rounds)
    ]
    print(f"{options.connections} connections, {options.rounds} rounds of {options.seconds:g} s, medians")
    print(f"{'level':<10}{'CPU us/request':>16}{'to plain':>10}")
    for level in levels:
        cpu = statistics.median(each[level].cpu_per_request for each in rounds)
        ratio = median_ratio((each[level].cpu_per_request, each["plain"].cpu_per_request) for each in rounds)
        print(f"{level:<10}{cpu:>16.2f}{ratio:>10.2f}")


def serve(level: str, workers: int) -> None:
    """One server, in a process of its own: its port is the first line of its output."""
    if level in ("plain", "off"):
        nio_server(workers)
        return
    if level != "page":
        with nio.trace.recording(level):
            nio_server(workers)
        return
    provider = nio.trace.TracingProvider(level="events")
    with SelectorProvider.use(provider), inspect(provider):
        nio_server(workers)


def measured(
    levels: tuple[str, ...], length: float, processor: int, workers: int, connections: int, seconds: float
) -> dict[str, Measurement]:
    """One round, with servers of its own."""
    with ExitStack() as stack:
        loads = {}
        for level in levels:
            port, pid = stack.enter_context(running(level, workers, processor))
            loads[level] = stack.enter_context(Load((HOST, port), pid, connections))
        return in_turn(loads, length, seconds)


@contextmanager
def running(level: str, workers: int, processor: int) -> Iterator[tuple[int, int]]:
    """A server in a child process: its port and process id."""
    own = [sys.executable, "-m", "benchmarks.trace", "serve", level, str(workers)]
    plain = [sys.executable, "-m", "benchmarks._servers", "nio-pooled" if workers else "nio", "hello"]
    command = plain if level == "plain" else own
    seen = subprocess.PIPE if level == "page" else None
    with ExitStack() as stack:
        child = stack.enter_context(
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=seen)
        )
        assert child.stdin is not None
        assert child.stdout is not None
        stack.callback(child.wait, 10)
        stack.callback(child.stdin.close)
        os.sched_setaffinity(child.pid, {processor})
        port = int(child.stdout.readline())
        if child.stderr is not None:
            url = child.stderr.readline().decode().split()[-1]
            page = subprocess.Popen(["curl", "-sNo", os.devnull, url.replace("/?", "/events?")])
            stack.callback(page.wait)
            stack.callback(page.terminate)
            stack.callback(child.stderr.close)
        yield port, child.pid


if __name__ == "__main__":
    main()
