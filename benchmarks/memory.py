"""Memory of an idle connection beside asyncio's and uvloop's, in one run: ``python3 -m benchmarks.memory``.

Each server is a process of its own. So many clients connect, ask for one greeting each and say nothing any more; what
the server's resident memory has grown by since its first hundred clients is shared among them. The kernel's memory is
not in it. Ours has all its bounds, a minute of silence and 256 bytes for a name among them; the peers' Protocol has
none. uvloop is left out where it cannot be imported.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import socket
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks._load import PATIENCE, REPLY, REQUEST
from benchmarks._process import HOST, announce
from benchmarks._rounds import arguments, median_ratio
from nio import SelectionKey, ServerSocketChannel
from nio.framing import Lines
from nio.reactor import Acceptor, Reactor, StreamHandler

FIRST = 100  # connections that are there before memory is looked at
SPARE = 100  # descriptors for all else
PAGE = resource.getpagesize()


def main(argv: Sequence[str] | None = None) -> None:
    parser = arguments("benchmarks.memory", __doc__, rounds=3)
    parser.add_argument("--connections", type=int, default=9000, help="fewer if ulimit -n says so (default 9000)")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--serve", choices=CONTENDERS, help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.serve:
        CONTENDERS[options.serve]()
        return
    connections = min(options.connections, most())
    rounds = figures(connections, options.rounds)
    if options.json:
        print(json.dumps(rounds))
        return
    print(f"{connections} idle connections, {options.rounds} rounds, medians, bytes of resident memory a connection")
    for name in rounds[0]:
        size = statistics.median(each[name]["bytes"] for each in rounds)
        ratio = median_ratio((each["nio"]["bytes"], each[name]["bytes"]) for each in rounds)
        print(f"{name:<10}{size:>8,.0f}{ratio:>8.2f} of it is nio's")
    if "uvloop" not in rounds[0]:
        print("uvloop cannot be imported and is left out")


def figures(connections: int, rounds: int) -> list[dict[str, dict[str, float]]]:
    """Of each round, by server: bytes of resident memory for each connection."""
    names = [name for name in CONTENDERS if name != "uvloop" or find_spec("uvloop")]
    return [{name: {"bytes": measured(name, connections)} for name in names} for _ in range(rounds)]


def most() -> int:
    """Connections that the limit of descriptors leaves room for, after raising it as far as it goes."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard - FIRST - SPARE


def measured(name: str, connections: int) -> float:
    """Bytes of resident memory for each connection to a new server."""
    with running(name) as (port, pid), ExitStack() as stack:
        for _ in range(FIRST):
            stack.enter_context(served(port))
        before = resident(pid)
        for _ in range(connections):
            stack.enter_context(served(port))
        return (resident(pid) - before) / connections


def served(port: int) -> socket.socket:
    """A client that has been greeted."""
    client = socket.create_connection((HOST, port), PATIENCE)
    client.sendall(REQUEST)
    answer = client.recv(len(REPLY), socket.MSG_WAITALL)
    assert answer == REPLY, answer
    return client


def resident(pid: int) -> int:
    """Bytes of a process's memory that are in the machine's (Linux)."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE


@contextmanager
def running(name: str) -> Iterator[tuple[int, int]]:
    """A server in a child process: its port and process id."""
    command = [sys.executable, "-m", "benchmarks.memory", "--serve", name]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            yield int(child.stdout.readline()), child.pid
        finally:
            child.stdin.close()
            child.wait(PATIENCE)


# the servers


class Hello(StreamHandler):
    framing = Lines(max_length=256)
    idle_timeout = 60.0

    def process(self, record: bytes) -> bytes:
        return b"Hello " + record


def nio_server() -> None:
    with Reactor.open() as reactor:
        listener = ServerSocketChannel.open().bind((HOST, 0))
        reactor.register(listener, SelectionKey.OP_ACCEPT, Acceptor(Hello))
        announce(listener.socket.getsockname()[1], reactor.stop)
        reactor.run()


class HelloProtocol(asyncio.Protocol):
    """Lines in, greetings out."""

    def connection_made(self, transport: Any) -> None:  # uvloop's is no asyncio.Transport
        self.transport = transport
        self.held = b""

    def data_received(self, data: bytes) -> None:
        *names, self.held = (self.held + data).split(b"\n")
        self.transport.write(b"".join([b"Hello " + name + b"\n" for name in names]))


def asyncio_server() -> None:
    async def serve() -> None:
        loop = asyncio.get_running_loop()
        ended = asyncio.Event()
        server = await loop.create_server(HelloProtocol, HOST, 0)
        announce(server.sockets[0].getsockname()[1], lambda: loop.call_soon_threadsafe(ended.set))
        await ended.wait()

    asyncio.run(serve())


def uvloop_server() -> None:
    import_module("uvloop").install()
    asyncio_server()


CONTENDERS: dict[str, Callable[[], None]] = {"nio": nio_server, "asyncio": asyncio_server, "uvloop": uvloop_server}

if __name__ == "__main__":
    main()
