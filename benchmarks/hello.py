"""The hello server beside asyncio's, on the same work, in one run: ``python3 -m benchmarks.hello``.

Each server is pinned to one processor and the clients to another, where there are two.

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
from contextlib import contextmanager

from benchmarks._load import Measurement, measure
from benchmarks._rounds import arguments, median_ratio, pin
from benchmarks._servers import HOST, SERVERS

PAIRS = (("nio single", "asyncio"), ("nio pooled", "asyncio executor"), ("bare loop", "asyncio"))


def main() -> None:
    parser = arguments("benchmarks.hello", __doc__, rounds=15)
    parser.add_argument("--connections", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=0.4, help="of each measurement (default 0.4)")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()

    servers_processor = pin()
    rounds = [
        {name: measure_server(name, servers_processor, options.connections, options.seconds) for name in SERVERS}
        for _ in range(options.rounds)
    ]
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


def measure_server(name: str, processor: int, connections: int, seconds: float) -> Measurement:
    with running(name, processor) as (port, pid):
        return measure((HOST, port), pid, connections, seconds)


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
