"""Instructions of the server per request, counted by callgrind: ``python3 -m benchmarks.instructions``.

Times of a shared machine move by a tenth; the number of instructions in user space moves by a hundredth, so it tells
what a change costs. The server is a process of its own under ``valgrind --tool=callgrind``; it serves a few requests
in one run and more in another, and the difference is what the requests between cost: start and end cancel each other.
With ``--against`` another tree's ``nio`` is served beside this one's.

The shapes: one connection (c1), a hundred at a time (c100), sixteen lines in one piece (p16, per line; the same with
``process_batch``, p16list, and with ``process_block``, p16block), a connection for each request (accept), and a hundred
connections with four workers (pooled).
"""

from __future__ import annotations

import argparse
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks._servers import HOST

HERE = Path(__file__).parent
LIMIT = 300.0  # seconds for one run
NAME, GREETING = b"name\n", b"Hello name\n"
CALLGRIND = ("valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null")


@dataclass(frozen=True)
class Shape:
    """What a client does in one round, and how many rounds the two runs have."""

    server: str
    connections: int
    names: int
    rounds: tuple[int, int]
    connects_anew: bool = False

    @property
    def requests(self) -> int:
        """Of one round."""
        return self.connections * self.names


SHAPES = {
    "c1": Shape("nio single", 1, 1, (200, 1200)),
    "c100": Shape("nio single", 100, 1, (20, 120)),
    "p16": Shape("nio single", 100, 16, (10, 40)),
    "p16list": Shape("nio list", 100, 16, (10, 40)),
    "p16block": Shape("nio block", 100, 16, (10, 40)),
    "accept": Shape("nio single", 1, 1, (50, 250), connects_anew=True),
    "pooled": Shape("nio pooled", 100, 1, (20, 120)),
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python3 -m benchmarks.instructions", description=__doc__)
    parser.add_argument("shapes", nargs="*", default=[], metavar="SHAPE", help=f"of {', '.join(SHAPES)} (default: all)")
    parser.add_argument("--against", type=Path, metavar="TREE", help="the directory in which another nio stands")
    options = parser.parse_args()
    if unknown := set(options.shapes) - set(SHAPES):
        parser.error(f"no such shape: {', '.join(sorted(unknown))}")
    trees = [HERE.parent, *([options.against.resolve()] if options.against else [])]
    for tree in trees:
        counted(SHAPES["c1"], tree, 1)  # which compiles the modules, once
    print(f"instructions per request, Python {sys.version.split()[0]}")
    for name in options.shapes or SHAPES:
        shape = SHAPES[name]
        figures = [per_request(shape, partial(counted, shape, tree)) for tree in trees]
        ratio = f"{figures[0] / figures[1]:>8.3f}" if len(figures) > 1 else ""
        print(f"{name:<10}" + "".join(f"{figure:>10,.0f}" for figure in figures) + ratio, flush=True)


def per_request(shape: Shape, count: Callable[[int], int]) -> float:
    """From two runs: ``count`` tells the instructions of one with so many rounds."""
    few, many = shape.rounds
    return (count(many) - count(few)) / ((many - few) * shape.requests)


def instructions(report: str) -> int:
    """What callgrind says at its end."""
    found = re.search(r"refs:\s+([\d,]+)", report)
    if found is None:
        raise ValueError(f"callgrind does not tell the instructions: {report[-500:]!r}")
    return int(found[1].replace(",", ""))


def counted(shape: Shape, tree: Path, rounds: int) -> int:
    """The instructions of a server that serves so many rounds."""
    environment = os.environ | {"PYTHONPATH": str(tree), "PYTHONHASHSEED": "0"}
    command = [*CALLGRIND, sys.executable, str(HERE / "_servers.py"), shape.server]
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as child:
        try:
            assert child.stdout is not None
            load(shape, (HOST, int(child.stdout.readline())), rounds)
            return instructions(child.communicate(timeout=LIMIT)[1].decode())
        finally:
            child.kill()


def load(shape: Shape, address: tuple[str, int], rounds: int) -> None:
    """Send, wait for all replies, and again."""
    clients = [socket.create_connection(address, LIMIT) for _ in range(shape.connections)]
    try:
        for left in reversed(range(rounds)):
            for client in clients:
                client.sendall(NAME * shape.names)
            for client in clients:
                assert client.recv(len(GREETING) * shape.names, socket.MSG_WAITALL) == GREETING * shape.names
            if shape.connects_anew and left:
                clients[0].close()
                clients[0] = socket.create_connection(address, LIMIT)
    finally:
        for client in clients:
            client.close()


if __name__ == "__main__":
    main()
