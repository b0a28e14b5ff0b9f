"""The hello server as a task beside StreamHandler, asyncio's streams and trio: ``python3 -m benchmarks.tasks``.

All servers are there at the same time and loaded in turn, for a twentieth of a second each, so that the machine's moods
hit them alike. What is told is the server's own processor time per request. ``--only`` leaves servers out; trio takes
part where it is installed.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import os
import select
import socket
import statistics
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from benchmarks._rounds import arguments, median_ratio, pin, served
from nio import SelectionKey, ServerSocketChannel
from nio.framing import Lines
from nio.reactor import Acceptor, Reactor, StreamHandler
from nio.tasks import Stream

HOST, BACKLOG, MAX_NAME = "127.0.0.1", 1024, 256
REQUEST, REPLY = b"name-0123456789\n", b"Hello name-0123456789\n"
SLICE, WARM_UP, PATIENCE = 0.05, 2, 10.0


class HelloHandler(StreamHandler):
    framing = Lines(max_length=MAX_NAME)

    def process(self, record: bytes) -> bytes:
        return b"Hello " + record


class HelloStream(Stream):
    async def serve(self) -> None:
        async with self.framed(Lines(max_length=MAX_NAME)) as names:
            async for name in names:
                await names.send(b"Hello " + name)


def on_nio(handler: type[StreamHandler]) -> None:
    with Reactor.open() as reactor:
        listener = ServerSocketChannel.open().bind((HOST, 0), BACKLOG)
        reactor.register(listener, SelectionKey.OP_ACCEPT, Acceptor(handler))
        announce(listener.socket.getsockname()[1])
        reactor.run()


async def on_streams() -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while name := await reader.readline():
            writer.write(b"Hello " + name)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(greet, HOST, 0, backlog=BACKLOG)
    announce(server.sockets[0].getsockname()[1])
    await server.serve_forever()


async def on_trio() -> None:
    trio = importlib.import_module("trio")

    async def greet(stream: Any) -> None:
        held = b""
        async for data in stream:
            *names, held = (held + data).split(b"\n")
            await stream.send_all(b"".join([b"Hello " + name + b"\n" for name in names]))

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(
            lambda task_status: trio.serve_tcp(greet, 0, host=HOST, backlog=BACKLOG, task_status=task_status)
        )
        announce(listeners[0].socket.getsockname()[1])


SERVERS: dict[str, Callable[[], None]] = {
    "handler": lambda: on_nio(HelloHandler),
    "task": lambda: on_nio(HelloStream),
    "streams": lambda: asyncio.run(on_streams()),
    "trio": lambda: importlib.import_module("trio").run(on_trio),
}


def announce(port: int) -> None:
    """Print the port; end with whoever started this process."""
    print(port, flush=True)
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()


class Load:
    """So many connections to one server: each sends a name, checks the reply, sends the next."""

    def __init__(self, port: int, pid: int, connections: int) -> None:
        self._pid = pid
        self._poll = select.epoll()
        self._socks: dict[int, socket.socket] = {}
        for _ in range(connections):
            sock = socket.create_connection((HOST, port))
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socks[sock.fileno()] = sock
            self._poll.register(sock, select.EPOLLIN)

    def run(self, seconds: float) -> tuple[int, float]:
        """The requests, and the seconds of the server's processor that they took."""
        end, cpu, requests = time.perf_counter() + seconds, cpu_seconds(self._pid), 0
        for sock in self._socks.values():
            sock.send(REQUEST)
        owed = len(self._socks)
        while owed:
            is_time = time.perf_counter() < end
            ready = self._poll.poll(PATIENCE)
            assert ready, f"no reply in {PATIENCE} s"
            for fd, _ in ready:
                assert self._socks[fd].recv(4096) == REPLY
                requests += 1
                if is_time:
                    self._socks[fd].send(REQUEST)
                else:
                    owed -= 1
        return requests, cpu_seconds(self._pid) - cpu


def cpu_seconds(pid: int) -> float:
    """The processor time of another process (Linux: the clock of a process is named by its id)."""
    return time.clock_gettime((~pid << 3) | 2)


def measured(names: list[str], connections: int, seconds: float, processor: int) -> dict[str, float]:
    """One round, with servers of its own: microseconds of processor time a request."""
    sums = {name: [0.0, 0.0] for name in names}
    with ExitStack() as stack:
        loads = {}
        for name in names:
            port, pid = stack.enter_context(served("benchmarks.tasks", "--serve", name, processor=processor))
            loads[name] = Load(port, pid, connections)
        for number in range(WARM_UP + round(seconds / SLICE)):
            for name, load in loads.items():
                requests, cpu = load.run(SLICE)
                if number >= WARM_UP:
                    sums[name][0] += requests
                    sums[name][1] += cpu
    return {name: cpu / requests * 1e6 for name, (requests, cpu) in sums.items()}


def main() -> None:
    parser = arguments("benchmarks.tasks", __doc__, rounds=5)
    parser.add_argument("--connections", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=0.6, help="of load on each server in a round (default 0.6)")
    parser.add_argument("--only", nargs="+", choices=SERVERS, default=list(SERVERS))
    parser.add_argument("--serve", choices=SERVERS, help="be that server")
    options = parser.parse_args()
    if options.serve:
        SERVERS[options.serve]()
        return
    names = [name for name in options.only if name != "trio" or importlib.util.find_spec("trio")]
    processor = pin()
    rounds = [measured(names, options.connections, options.seconds, processor) for _ in range(options.rounds)]
    for name in names:
        print(f"{name:<10}{statistics.median(each[name] for each in rounds):>8.2f} us of processor time a request")
    for other in names:
        if "task" in names and other != "task":
            print(f"task / {other}: {median_ratio((each['task'], each[other]) for each in rounds):.2f}")


if __name__ == "__main__":
    main()
