"""The hello server beside asyncio's, on the same work, in one run: ``python3 -m benchmarks.hello``.

The servers are pinned to one processor and the clients to another, where there are two. All are there at the same time
and loaded in turn, for a twentieth of a second: the machine's moods hit them alike.

asyncio reads into 256 KiB; glibc, left alone, maps and unmaps that much memory for each request, or does not, depending
on what the process happened to allocate before. Its servers would take 8 us or 30 us by chance, so all get the setting
with which asyncio is at its best.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from benchmarks._load import Load, Measurement, total
from benchmarks._rounds import arguments, median_ratio, pin
from benchmarks._servers import HOST, SERVERS

SLICE = 0.05  # seconds
PAIRS = (("nio single", "asyncio"), ("nio pooled", "asyncio executor"), ("bare loop", "asyncio"))


def main() -> None:
    parser = arguments("benchmarks.hello", __doc__, rounds=6)
    parser.add_argument("--connections", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=0.8, help="of load on each server in a round (default 0.8)")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()

    processor = pin()
    rounds = [measured(processor, options.connections, options.seconds) for _ in range(options.rounds)]
    if options.json:
        print(json.dumps([{name: [m.rate, m.cpu_per_request] for name, m in each.items()} for each in rounds]))
        return
    print(f"{options.connections} connections, {options.rounds} rounds of {options.seconds:g} s, medians")
    print(f"{'server':<18}{'requests/s':>12}{'CPU us/request':>16}")
    for name in SERVERS:
        rate = statistics.median(each[name].rate for each in rounds)
        cpu = statistics.median(each[name].cpu_per_request for each in rounds)
        print(f"{name:<18}{rate:>12,.0f}{cpu:>16.2f}")
    for ours, theirs in PAIRS:
        cpu = median_ratio((each[ours].cpu_per_request, each[theirs].cpu_per_request) for each in rounds)
        rate = median_ratio((each[ours].rate, each[theirs].rate) for each in rounds)
        print(f"{ours} / {theirs}: {cpu:.2f} of the CPU per request, {rate:.2f} times the requests per second")


def measured(processor: int, connections: int, seconds: float) -> dict[str, Measurement]:
    """One round, with servers of its own."""
    with ExitStack() as stack:
        loads = {}
        for name in SERVERS:
            port, pid = stack.enter_context(running(name, processor))
            loads[name] = stack.enter_context(Load((HOST, port), pid, connections))
        slices = [{name: load.run(SLICE) for name, load in loads.items()} for _ in range(2 + round(seconds / SLICE))]
        return {name: total(each[name] for each in slices[2:]) for name in SERVERS}  # the first ones warm up


@contextmanager
def running(name: str, processor: int) -> Iterator[tuple[int, int]]:
    """A server in a child process: its port and process id."""
    command = [sys.executable, "-m", "benchmarks._servers", name]
    environment = os.environ | {"MALLOC_MMAP_THRESHOLD_": str(1 << 20), "MALLOC_TRIM_THRESHOLD_": str(1 << 22)}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as child:
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
