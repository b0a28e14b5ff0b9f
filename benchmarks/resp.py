"""samples.resp_store beside the hello server, one request at a time and 16: python3 -m benchmarks.resp

Both are loaded by redis-benchmark, with 50 clients: the store with SET and GET of 3 bytes, of one key and of keys by
chance out of 100 000; the hello server with PING as a line. The second row is a hello server under the loader of this
package, which costs a server less: names of 15 bytes, as many connections and requests in flight. Server and load have
a processor each where there are two. The servers stay up and are loaded in turn, so that whatever else the machine does
hits all; the table has the medians of the rounds, and the ratios to both hello servers, of requests per second and of
the servers' own processor time, which moves less when the machine is busy.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from statistics import median

from benchmarks._children import Contest, loader_command
from benchmarks._load import cpu_seconds
from benchmarks._process import BACKLOG, HOST, announce
from benchmarks._tools import Tools
from benchmarks._works import Work
from nio import SelectionKey, ServerSocketChannel
from nio.framing import Lines
from nio.reactor import Acceptor, Reactor, StreamHandler
from samples.resp_store import Client

CONNECTIONS, KEYS = 50, 100_000
SECONDS, PATIENCE = 1.0, 120.0
PIPELINES = (1, 16)
SIDES = ("hello", "hello, our loader", "SET, one key", "GET, one key", "SET, any key", "GET, any key")
Figures = dict[str, list[tuple[float, float]]]  # requests per second, microseconds of processor time for one


def store_command(port: int, side: str, pipeline: int, requests: int) -> list[str]:
    command, _, keys = side.replace("hello", "PING_INLINE").partition(", ")
    spread = ["-r", str(KEYS)] if keys == "any key" else []
    shape = ["-c", str(CONNECTIONS), "-P", str(pipeline), "-n", str(requests)]
    return ["redis-benchmark", "-p", str(port), "-t", command.lower(), "-q", "--csv", *shape, *spread]


def load_store(contest: Contest, side: str, pipeline: int, requests: int, processors: set[int]) -> tuple[float, float]:
    pid, command = contest.pid, store_command(contest.port, side, pipeline, requests)
    before = cpu_seconds(pid)
    done = subprocess.run(
        ["taskset", "-c", ",".join(map(str, processors)), *command],
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE,
    )
    cpu = cpu_seconds(pid) - before
    rate = float(done.stdout.strip().splitlines()[-1].split(",")[1].strip('"'))
    return rate, cpu / requests * 1e6


class SameLoad(StreamHandler):
    """The hello server for redis-benchmark, which ends its PING with CRLF and wants a plus sign before the answer."""

    framing = Lines(max_length=4096, ending=b"\r\n")

    def process(self, name: bytes) -> bytes:
        return b"+Hello " + name


def rounds(pipeline: int, count: int, requests: int) -> Figures:
    """Both servers under their loads, in turn."""
    processors = sorted(os.sched_getaffinity(0))
    servers, load = {processors[0]}, {processors[-1]}
    work = Work("resp", "", connections=CONNECTIONS, pipeline=pipeline)
    figures: Figures = {side: [] for side in SIDES}
    hello = Contest([sys.executable, "-m", "benchmarks._servers", "nio", "hello"], servers)
    try:
        hello.load(loader_command(Tools()), work, 0, load)
        store = Contest([sys.executable, "-m", "benchmarks.resp", "--serve", "store"], servers)
        same = Contest([sys.executable, "-m", "benchmarks.resp", "--serve", "hello"], servers)
        try:
            for _ in range(count):
                part = hello.run(SECONDS)
                figures[SIDES[1]].append((part.requests / part.seconds, part.server_cpu / part.requests * 1e6))
                for side in (SIDES[0], *SIDES[2:]):
                    contest = same if side == SIDES[0] else store
                    figures[side].append(load_store(contest, side, pipeline, requests * pipeline, load))
        finally:
            store.close()
            same.close()
    finally:
        hello.close()
    return figures


def show(pipeline: int, figures: Figures) -> None:
    """Medians; of each hello server the requests per second and, by processor time, its requests in that of one."""
    print(f"\n{pipeline} at a time{'':11}requests/s  us of CPU  of hello  by CPU  of our loader's  by CPU")
    for side, rows in figures.items():
        rates, costs = zip(*rows, strict=True)
        ratios = ""
        for base, width in zip(SIDES[:2], (10, 17), strict=True):
            pairs = [*zip(rows, figures[base], strict=True)]
            rate, cpu = (median(own[0] / other[0] for own, other in pairs), median(o[1] / own[1] for own, o in pairs))
            ratios += f"{rate:>{width}.2f}{cpu:>8.2f}"
        print(f"{side:<22}{median(rates):>10,.0f}{median(costs):>11.2f}{ratios}")


def serve(name: str) -> None:
    """The store, or that hello server, as the other servers of this package are run."""
    handler: Callable[[], StreamHandler] = SameLoad if name == "hello" else Client
    with Reactor.open() as reactor:
        listener = ServerSocketChannel.open().bind((HOST, 0), BACKLOG)
        assert listener.port is not None
        reactor.register(listener, SelectionKey.OP_ACCEPT, Acceptor(handler))
        announce(listener.port, reactor.stop)
        reactor.run()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python3 -m benchmarks.resp", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="(default 5)")
    parser.add_argument("--requests", type=int, default=20_000, help="of a load, times the pipeline (default 20000)")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve)
        return
    if missing := [tool for tool in ("redis-benchmark", "taskset") if shutil.which(tool) is None]:
        sys.exit(f"{' and '.join(missing)} must be installed: apt-get install redis-tools util-linux")
    began = time.monotonic()
    for pipeline in PIPELINES:
        show(pipeline, rounds(pipeline, options.rounds, options.requests))
    print(f"\n{time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
