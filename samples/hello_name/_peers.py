"""Two servers to compare with, as commands: a thread per connection, and a Protocol of asyncio.

``python3 -m samples.hello_name._peers thread|asyncio DELAY KIND``: READY on stdout, SIGTERM ends it.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
import threading
from collections.abc import Callable

from samples.hello_name.handler import HelloHandler, configured

Greet = Callable[[bytes], bytes]
HOST = "127.0.0.1"


def thread_per_connection(greet: Greet) -> None:
    """Accept on the main thread; each connection has a thread, which reads, greets and sends in turn."""

    def serve(client: socket.socket) -> None:
        with client:
            held = b""
            while data := client.recv(65536):
                *names, held = (held + data).split(b"\n")
                client.sendall(b"".join([greet(name) + b"\n" for name in names]))

    with socket.create_server((HOST, 0), backlog=1024) as listener:
        ready(listener)
        while True:
            client, _ = listener.accept()
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=serve, args=(client,), daemon=True).start()


def asyncio_protocol(greet: Greet) -> None:
    """Everything on the thread of asyncio's loop."""

    class Hello(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            assert isinstance(transport, asyncio.Transport)
            self.transport = transport
            self.held = b""

        def data_received(self, data: bytes) -> None:
            *names, self.held = (self.held + data).split(b"\n")
            self.transport.write(b"".join([greet(name) + b"\n" for name in names]))

    async def serve() -> None:
        loop, stopped = asyncio.get_running_loop(), asyncio.Event()
        loop.add_signal_handler(signal.SIGTERM, stopped.set)  # an exit raised amid a callback leaves a loop that waits
        server = await loop.create_server(Hello, HOST, 0, backlog=1024)
        ready(server.sockets[0])
        await stopped.wait()

    asyncio.run(serve())


def ready(listener: socket.socket) -> None:
    print(f"READY {sys.argv[1]} {HOST}:{listener.getsockname()[1]}", flush=True)


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    kind, delay, how = sys.argv[1:]
    handler: type[HelloHandler] = configured(256, None, float(delay), "cpu" if how == "cpu" else "sleep")
    try:
        (thread_per_connection if kind == "thread" else asyncio_protocol)(handler.process)
    except SystemExit:
        pass


if __name__ == "__main__":
    main()
