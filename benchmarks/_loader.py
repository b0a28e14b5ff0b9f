"""The loader in Python, where there is no C compiler; the same arguments and answers as ``benchmarks/peers/loader.c``.

``python3 -m benchmarks._loader PORT KIND CONNECTIONS PIPELINE LENGTH IDLE PATIENCE``. It costs several times as much as
the servers do, so it is the bottleneck for most of them, and the CPU per request is the only figure that means much.
"""

from __future__ import annotations

import select
import socket
import sys
import time
from collections.abc import Sequence

HOST = "127.0.0.1"
SOURCES = 250
FILLING = bytes(range(97, 123))


class LoadError(Exception):
    """The server answers wrongly or not."""


def texts(kind: str, number: int, pipeline: int, length: int) -> tuple[bytes, bytes]:
    """What connection ``number`` sends, and what it expects."""
    names = []
    for place in range(pipeline):
        head = b"%06d-%02d-" % (number, place)
        pattern = FILLING * (length // len(FILLING) + 1)
        names.append((head + pattern[len(head) : length])[:length])
    if kind == "echo":
        return names[0], names[0]
    return b"".join(name + b"\n" for name in names), b"".join(b"Hello " + name + b"\n" for name in names)


class Client:
    """One connection: what it still has to send, and how much of the reply has come."""

    def __init__(self, load: Load, number: int) -> None:
        self.load = load
        self.request, self.reply = texts(load.kind, number, load.pipeline, load.length)
        self.unsent, self.got = b"", 0
        self.sock = load.connected()
        self.ask_once()

    def ask_once(self) -> None:
        try:
            self.got = 0
            self.sock.sendall(self.request)
            while not self.take():
                pass
        except OSError:
            raise LoadError("the server does not answer") from None
        self.sock.setblocking(False)
        self.load.poll.register(self.sock, select.EPOLLIN)

    def ask(self) -> None:
        self.unsent, self.got = self.request, 0
        self.push()

    def push(self) -> None:
        was_waiting = len(self.unsent) != len(self.request)
        try:
            self.unsent = self.unsent[self.sock.send(self.unsent) :]
        except BlockingIOError:
            pass
        if self.unsent:
            self.load.poll.modify(self.sock, select.EPOLLIN | select.EPOLLOUT)
        elif was_waiting:
            self.load.poll.modify(self.sock, select.EPOLLIN)

    def take(self) -> bool:
        """Is the reply whole?"""
        try:
            data = self.sock.recv(1 << 18)
        except BlockingIOError:
            return False
        if not data:
            raise LoadError("the server has ended a connection")
        if self.reply[self.got : self.got + len(data)] != data:
            told = data[:60].split(b"\n")[0].decode(errors="replace")
            raise LoadError(f"the server answers wrongly: {told}")
        self.got += len(data)
        return self.got == len(self.reply)

    def connect_anew(self) -> None:
        self.load.poll.unregister(self.sock)
        del self.load.clients[self.sock.fileno()]
        self.sock.close()
        self.sock = self.load.connected()
        self.sock.setblocking(False)
        self.load.clients[self.sock.fileno()] = self
        self.load.poll.register(self.sock, select.EPOLLIN)


class Load:
    """So many connections, beside so many idle ones."""

    def __init__(
        self, port: int, kind: str, connections: int, pipeline: int, length: int, idle: int, patience: float
    ) -> None:
        self.port, self.kind, self.patience, self.turn = port, kind, patience, 0
        self.pipeline, self.length = 1 if kind == "echo" else pipeline, length
        self.poll = select.epoll()
        self.idle = [Client(self, 999_999) for _ in range(idle)]
        for client in self.idle:
            self.poll.unregister(client.sock)
        made = [Client(self, number) for number in range(connections)]
        self.clients = {client.sock.fileno(): client for client in made}

    def connected(self) -> socket.socket:
        self.turn += 1
        try:
            sock = socket.create_connection(
                (HOST, self.port), self.patience, source_address=(f"127.0.0.{1 + self.turn % SOURCES}", 0)
            )
        except OSError:
            raise LoadError("the server does not accept connections") from None
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock

    def run(self, seconds: float) -> str:
        """Load the server for so long, then until it owes nothing: requests, seconds, own processor time."""
        began, cpu, requests, owed = time.perf_counter(), time.process_time(), 0, len(self.clients)
        for client in list(self.clients.values()):
            client.ask()
        while owed:
            ready = self.poll.poll(self.patience)
            if not ready:
                raise LoadError("the server does not answer")
            is_time = time.perf_counter() < began + seconds
            for fd, mask in ready:
                client = self.clients[fd]
                if mask & select.EPOLLOUT:
                    client.push()
                if not mask & ~select.EPOLLOUT or not client.take():
                    continue
                requests += self.pipeline
                if self.kind == "anew":
                    client.connect_anew()
                if is_time:
                    client.ask()
                else:
                    owed -= 1
        return f"{requests} {time.perf_counter() - began:.9f} {time.process_time() - cpu:.9f}"

    def close(self) -> None:
        for client in (*self.idle, *self.clients.values()):
            client.sock.close()
        self.poll.close()


def main(arguments: Sequence[str]) -> int:
    port, kind, connections, pipeline, length, idle, patience = arguments
    try:
        load = Load(int(port), kind, int(connections), int(pipeline), int(length), int(idle), float(patience))
        print("ready", flush=True)
        for line in sys.stdin:
            print(load.run(float(line)), flush=True)
    except LoadError as error:
        print(error, flush=True)
        return 1
    except OSError:
        print("the server has ended a connection", flush=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
