"""The hello server on each contender, as a child process: ``python3 -m benchmarks._servers NAME``.

Each prints its port when it listens and ends when its standard input does. The work is the same everywhere: split
lines, answer ``Hello NAME``, write the replies of one read together; end connections that send a name of more than 256
bytes or nothing for a minute. The bare loop alone keeps no bounds and takes each read for a name: below it no server in
Python gets.
"""

from __future__ import annotations

import asyncio
import os
import select
import socket
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from nio import SelectionKey, ServerSocketChannel
from nio.framing import Lines
from nio.reactor import Acceptor, Reactor, StreamHandler

HOST = "127.0.0.1"
WORKERS = 4
MAX_NAME = 256
IDLE = 60.0


class HelloHandler(StreamHandler):
    framing = Lines(max_length=MAX_NAME)
    idle_timeout = IDLE

    def process(self, record: bytes) -> bytes:
        return b"Hello " + record


def nio_server(workers: int) -> None:
    with Reactor.open(workers=workers) as reactor:
        listener = ServerSocketChannel.open().bind((HOST, 0))
        reactor.register(listener, SelectionKey.OP_ACCEPT, Acceptor(HelloHandler))
        address = listener.local_address
        assert isinstance(address, tuple)
        announce(address[1], reactor.stop)
        reactor.run()


class HelloProtocol(asyncio.Protocol):
    """Lines in, greetings out, on the loop's thread."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.held = b""
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

    def names(self, data: bytes) -> list[bytes]:
        self.heard_at = self.loop.time()
        if self.held:
            data = self.held + data
        *names, self.held = data.split(b"\n")
        if len(data) > MAX_NAME and max(map(len, (*names, self.held))) > MAX_NAME:
            self.transport.close()
            return []
        return names

    def data_received(self, data: bytes) -> None:
        self.transport.write(b"".join([greet(name) for name in self.names(data)]))


class PooledHelloProtocol(HelloProtocol):
    """The same with ``run_in_executor``, one request of a connection at a time."""

    pool = ThreadPoolExecutor(WORKERS)

    def data_received(self, data: bytes) -> None:
        self.task = self.loop.create_task(self.answer(self.names(data)))

    async def answer(self, names: list[bytes]) -> None:
        for name in names:
            self.transport.write(await self.loop.run_in_executor(self.pool, greet, name))


def greet(name: bytes) -> bytes:
    return b"Hello " + name.removesuffix(b"\r") + b"\n"


def asyncio_server(protocol: type[asyncio.Protocol]) -> None:
    async def serve() -> None:
        loop = asyncio.get_running_loop()
        ended = asyncio.Event()
        server = await loop.create_server(protocol, HOST, 0)
        announce(server.sockets[0].getsockname()[1], lambda: loop.call_soon_threadsafe(ended.set))
        await ended.wait()

    asyncio.run(serve())


def bare_server() -> None:
    listener = socket.create_server((HOST, 0), backlog=1024)
    connections: dict[int, socket.socket] = {}
    poll = select.epoll()
    poll.register(listener, select.EPOLLIN)
    announce(listener.getsockname()[1], lambda: os._exit(0))
    while True:
        for fd, _ in poll.poll():
            if fd == listener.fileno():
                sock, _ = listener.accept()
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                poll.register(sock, select.EPOLLIN)
                connections[sock.fileno()] = sock
                continue
            try:
                data = connections[fd].recv(65536)
            except ConnectionResetError:
                data = b""
            if data:
                connections[fd].send(b"Hello " + data)
            else:
                connections.pop(fd).close()


def announce(port: int, stop: Callable[[], object]) -> None:
    """Print the port; call ``stop`` when whoever started this process closes its end or dies."""
    print(port, flush=True)
    threading.Thread(target=lambda: (sys.stdin.read(), stop()), daemon=True).start()


SERVERS: dict[str, Callable[[], None]] = {
    "nio single": lambda: nio_server(0),
    "asyncio": lambda: asyncio_server(HelloProtocol),
    "nio pooled": lambda: nio_server(WORKERS),
    "asyncio executor": lambda: asyncio_server(PooledHelloProtocol),
    "bare loop": bare_server,
}

if __name__ == "__main__":
    SERVERS[sys.argv[1]]()
