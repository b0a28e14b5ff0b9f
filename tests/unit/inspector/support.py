"""A page and whoever asks it, with plain sockets."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from nio.channels import SelectionKey, ServerSocketChannel
from nio.inspector import Inspector, inspect
from nio.reactor import Acceptor, Reactor, StreamHandler
from nio.trace import TracingProvider

PATIENCE = 10.0


class Hello(StreamHandler):
    """Greets, through a kernel that keeps little; ``big`` is answered with 8 MiB."""

    max_output = 16 * 1024 * 1024

    def on_open(self) -> None:
        self.channel.set_option("SO_SNDBUF", 262144)

    def process(self, record: bytes) -> bytes:
        return b"x" * (8 << 20) if record == b"big" else b"Hello " + record


class Server(NamedTuple):
    """A hello server with a page."""

    page: Inspector
    reactor: Reactor
    provider: TracingProvider
    port: int

    def client(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), PATIENCE)

    def greets(self) -> bool:
        """It answers."""
        with self.client() as sock:
            sock.sendall(b"Ann\n")
            return sock.recv(100) == b"Hello Ann\n"

    @property
    def place(self) -> tuple[str, int]:
        """Where the page is."""
        parts = urlsplit(self.page.url)
        assert parts.hostname is not None
        assert parts.port is not None
        return parts.hostname, parts.port

    @property
    def token(self) -> str:
        return self.page.url.partition("token=")[2]

    def ask(self, path: str, *headers: str, method: str = "GET", token: str | None = None) -> Reply:
        """One request with the right token, unless another is given."""
        with self.connected() as sock:
            sock.sendall(self.request(path, *headers, method=method, token=token))
            return reply(sock)

    def request(self, path: str, *headers: str, method: str = "GET", token: str | None = None) -> bytes:
        host, port = self.place
        host = f"[{host}]" if ":" in host else host
        known = {header.partition(":")[0].lower() for header in headers}
        lines = [] if "host" in known else [f"Host: {host}:{port}"]
        target = path + ("&" if "?" in path else "?") + f"token={self.token if token is None else token}"
        return "\r\n".join([f"{method} {target} HTTP/1.1", *lines, *headers, "", ""]).encode()

    def do(self, what: str) -> Reply:
        """What a button of the page does."""
        return self.ask(
            f"/do/{what}", f"X-Nio-Token: {self.token}", "Sec-Fetch-Site: same-origin", method="POST", token=""
        )

    def connected(self) -> socket.socket:
        return socket.create_connection(self.place, PATIENCE)

    @contextmanager
    def events(self, *headers: str) -> Iterator[Events]:
        with self.connected() as sock:
            sock.sendall(self.request("/events", *headers))
            events = Events(sock)
            try:
                yield events
            finally:
                events.file.close()


class Reply(NamedTuple):
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Events:
    """A stream of events that is read."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.file = sock.makefile("rb")
        self.status = int(self.file.readline().split()[1])
        self.headers = []
        while (line := self.file.readline()) not in (b"\r\n", b""):
            self.headers.append(line)

    def tick(self) -> tuple[int, Any]:
        """The next one: its number and what it says."""
        number = -1
        while line := self.file.readline():
            if line.startswith(b"id: "):
                number = int(line[4:])
            elif line.startswith(b"data: "):
                assert len(line) < 66_000
                return number, json.loads(line[6:])
        raise AssertionError("the stream has ended")

    def until(self, wanted: Any) -> Any:
        """The first tick of which ``wanted(tick)`` is true."""
        for _ in range(1000):
            _, tick = self.tick()
            if wanted(tick):
                return tick
        raise AssertionError("no such tick")


def reply(sock: socket.socket) -> Reply:
    data = b""
    while chunk := sock.recv(65536):
        data += chunk
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    return Reply(int(first.split()[1]), dict(line.lower().split(": ", 1) for line in lines), body)


@contextmanager
def serving(level: str = "io", workers: int = 0, **options: Any) -> Iterator[Server]:
    """A hello server that runs, and its page."""
    provider = TracingProvider(level=level)
    said: list[str] = []
    with (
        Reactor.open(provider=provider, workers=workers) as reactor,
        ServerSocketChannel.open(provider=provider).bind(("127.0.0.1", 0)) as listener,
    ):
        reactor.register(listener, SelectionKey.OP_ACCEPT, Acceptor(Hello))
        with inspect(reactor, name="hello", say=said.append, **options) as page, reactor.in_thread():
            assert page.url in said[0]
            assert listener.port is not None
            yield Server(page, reactor, provider, listener.port)
