"""The hello server on asyncio's interface: ``python3 -m benchmarks.peers.on_asyncio NAME KIND``.

``NAME`` is ``asyncio``, ``uvloop`` or ``rloop``, each a Protocol that keeps no bounds; ``asyncio-bounded``, which ends
who sends a name of more than 4 KiB, or nothing for a minute; ``streams``; or ``asyncio-executor`` and
``uvloop-executor``, which greet in four threads, one record of a connection at a time.
"""

from __future__ import annotations

import asyncio
import importlib
import sys
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from benchmarks._process import BACKLOG, HOST, IDLE, MAX_NAME, PROCESSES, WORKERS, announce

PROCESS = PROCESSES["hello"]


class Hello(asyncio.Protocol):
    """Lines in, greetings out, on the loop's thread."""

    def connection_made(self, transport: Any) -> None:  # not every loop's is an asyncio.Transport
        self.transport = transport
        self.write = transport.write
        self.held = b""

    def data_received(self, data: bytes) -> None:
        if self.held:
            data = self.held + data
            self.held = b""
        if data[-1] == 10 and b"\n" not in data[:-1]:
            self.write(b"Hello " + data)
            return
        *names, self.held = data.split(b"\n")
        self.write(b"".join([b"Hello " + name + b"\n" for name in names]))


class Echo(Hello):
    def data_received(self, data: bytes) -> None:
        self.write(data)


class BoundedHello(Hello):
    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.loop = asyncio.get_running_loop()
        self.heard_at = self.loop.time()
        self.timer = self.loop.call_at(self.heard_at + IDLE, self.check_idle)

    def check_idle(self) -> None:
        if self.loop.time() >= self.heard_at + IDLE:
            self.transport.close()
        else:
            self.timer = self.loop.call_at(self.heard_at + IDLE, self.check_idle)

    def connection_lost(self, error: Exception | None) -> None:
        self.timer.cancel()

    def data_received(self, data: bytes) -> None:
        self.heard_at = self.loop.time()
        if len(data) > MAX_NAME and max(map(len, data.split(b"\n"))) > MAX_NAME:
            self.transport.close()
            return
        super().data_received(data)
        if len(self.held) > MAX_NAME:
            self.transport.close()


class ExecutorHello(Hello):
    pool = ThreadPoolExecutor(WORKERS)

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.loop = asyncio.get_running_loop()
        self.names: deque[bytes] = deque()

    def data_received(self, data: bytes) -> None:
        is_busy = bool(self.names)
        *names, self.held = (self.held + data).split(b"\n")
        self.names.extend(names)
        if not is_busy and names:
            self.start()

    def start(self) -> None:
        self.loop.run_in_executor(self.pool, PROCESS, self.names[0]).add_done_callback(self.answer)

    def answer(self, done: asyncio.Future[bytes]) -> None:
        self.names.popleft()
        self.write(done.result() + b"\n")
        if self.names:
            self.start()


async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while name := await reader.readline():
        writer.write(b"Hello " + name)
        await writer.drain()
    writer.close()


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


async def serve(name: str, kind: str) -> None:
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    if name == "streams":
        server: asyncio.AbstractServer = await asyncio.start_server(
            echo if kind == "echo" else greet, HOST, 0, backlog=BACKLOG
        )
    else:
        server = await loop.create_server(protocol(name, kind), HOST, 0, backlog=BACKLOG)
    port = server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]  # of every loop's server
    announce(port, lambda: loop.call_soon_threadsafe(ended.set))
    await ended.wait()


def protocol(name: str, kind: str) -> type[Hello]:
    if name.endswith("-executor"):
        return ExecutorHello
    if name.endswith("-bounded"):
        return BoundedHello
    return Echo if kind == "echo" else Hello


def loop_of(name: str) -> Callable[[], asyncio.AbstractEventLoop] | None:
    first = name.partition("-")[0]
    if first in ("uvloop", "rloop"):
        factory: Callable[[], asyncio.AbstractEventLoop] = importlib.import_module(first).new_event_loop
        return factory
    return None


def main(name: str, kind: str) -> None:
    global PROCESS
    PROCESS = PROCESSES.get(kind, PROCESS)
    with asyncio.Runner(loop_factory=loop_of(name)) as runner:
        runner.run(serve(name, kind))


if __name__ == "__main__":
    main(*sys.argv[1:])
