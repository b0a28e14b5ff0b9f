"""samples.resp_store beside the hello server, one request at a time and 16: python3 -m benchmarks.resp

The store is loaded by redis-benchmark (50 clients, SET and GET of 3 bytes; one key, and keys by chance out of 100 000),
the hello server by the loader of this package: as many connections and requests in flight, names of 15 bytes. That load
costs a server less than redis-benchmark's, so the second row has a hello server that redis-benchmark loads, too. Server
and load have a processor each where there are two. Both servers stay up and are loaded in turn, so that whatever else
the machine does hits both; the table has the medians of the rounds, and the ratios of requests per second and of the
servers' own processor time, which moves less when the machine is busy.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from statistics import median

from benchmarks._children import Contest, loader_command
from benchmarks._load import cpu_seconds
from benchmarks._process import BACKLOG, HOST, announce
from benchmarks._tools import Tools
from benchmarks._works import Work
from nio import SelectionKey, ServerSocketChannel
from nio.framing import Lines
from nio.reactor import Acceptor, Reactor, StreamHandler
from samples.resp_store.handler import Client
from samples.resp_store.store import Store

CONNECTIONS, KEYS = 50, 100_000
SECONDS, PATIENCE = 1.0, 120.0
PIPELINES = (1, 16)
SIDES = ("hello", "hello, same load", "SET, one key", "GET, one key", "SET, any key", "GET, any key")
Figures = dict[str, list[tuple[float, float]]]  # requests per second, microseconds of processor time for one


def store_command(port: int, side: str, pipeline: int, requests: int) -> list[str]:
    command, _, keys = side.replace("hello, same load", "PING_INLINE").partition(", ")
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
    """The hello server, for a client that ends its lines with CRLF and wants a plus sign: PING as a line."""

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
                figures["hello"].append((part.requests / part.seconds, part.server_cpu / part.requests * 1e6))
                for side in SIDES[1:]:
                    figures[side].append(
                        load_store(same if side == SIDES[1] else store, side, pipeline, requests * pipeline, load)
                    )
        finally:
            store.close()
            same.close()
    finally:
        hello.close()
    return figures


def show(pipeline: int, figures: Figures) -> None:
    """Medians; the last two columns are how many requests the server does in the time of one of a hello server."""
    print(f"\n{pipeline} at a time{'':11}requests/s  of hello   us of CPU  hello's by it  same load's by it")
    for side, rows in figures.items():
        rate = median(own[0] / other[0] for own, other in zip(rows, figures["hello"], strict=True))
        hello, same = (
            median(other[1] / own[1] for own, other in zip(rows, figures[base], strict=True)) for base in SIDES[:2]
        )
        rates, costs = zip(*rows, strict=True)
        print(f"{side:<22}{median(rates):>10,.0f}{rate:>10.2f}{median(costs):>12.2f}{hello:>15.2f}{same:>18.2f}")


def serve(name: str) -> None:
    """The store, or that hello server, as the other servers of this package are run."""
    handler: Callable[[], StreamHandler] = SameLoad if name == "hello" else partial(Client, Store())
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
