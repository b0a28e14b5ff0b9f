"""A client of the page: long answers go out as they are taken, whatever else it says means nothing."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from nio.channels import SelectionKey, ServerSocketChannel
from nio.inspector._client import MOST_UNSENT, Answer, Client, Stream
from nio.inspector._request import Request
from nio.reactor import Acceptor, ConnectionInfo, Reactor
from tests.helpers import until

PIECE = "x" * 20_000
PIECES = 500


class Site:
    """Answers with a lot, and notes how much of it was asked for."""

    def __init__(self) -> None:
        self.asked = self.most_unsent = 0
        self.client: Client | None = None
        self.left: list[Client] = []

    def answer(self, request: Request, here: str, port: int) -> Answer | Stream:
        return Stream(None) if request.path == "/events" else Answer(self._much(), "text/plain")

    def _much(self) -> Iterator[str]:
        for _ in range(PIECES):
            self.asked += 1
            yield PIECE

    def join(self, client: Client, after: int | None) -> Iterator[bytes]:
        self.client = client
        return (piece.encode() for piece in self._much())

    def leave(self, client: Client) -> None:
        self.left.append(client)


@contextmanager
def asked(site: Site, request: bytes) -> Iterator[tuple[socket.socket, Reactor]]:
    with Reactor.open() as reactor, ServerSocketChannel.open().bind(("127.0.0.1", 0)) as server:
        reactor.register(server, SelectionKey.OP_ACCEPT, Acceptor(lambda: Client(site)))
        with reactor.in_thread(), socket.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
            sock.connect(("127.0.0.1", server.port))
            sock.settimeout(10)
            sock.sendall(request)
            yield sock, reactor


def test_a_long_answer_waits_for_its_reader() -> None:
    site = Site()
    with asked(site, b"GET / HTTP/1.1\r\n\r\n") as (sock, reactor):
        assert sock.recv(8) == b"HTTP/1.1"
        until(lambda: any(info.queued >= 32_768 for info in connections(reactor)))
        assert site.asked < PIECES / 2
        assert max(info.queued for info in connections(reactor)) < MOST_UNSENT + 2 * len(PIECE)
        sock.sendall(b"a body that means nothing")
        data = 0
        while chunk := sock.recv(1 << 20):
            data += len(chunk)
        assert data > PIECES * len(PIECE)
        assert site.asked == PIECES


def connections(reactor: Reactor) -> tuple[ConnectionInfo, ...]:
    found: list[tuple[ConnectionInfo, ...]] = []
    reactor.execute(lambda: found.append(reactor.connections()))
    until(lambda: found)
    return found[0]


def test_a_stream_that_catches_up_or_does_not_read_skips_ticks() -> None:
    site = Site()
    with asked(site, b"GET /events HTTP/1.1\r\n\r\n") as (sock, reactor):
        assert sock.recv(8) == b"HTTP/1.1"
        until(lambda: any(info.queued >= 32_768 for info in connections(reactor)))
        client = site.client
        assert client is not None
        reactor.execute(client.tick, b"skipped")
        size = len(b"retry: 1000\n\n") + PIECES * len(PIECE)
        body = b""
        while not body:
            body = sock.recv(1 << 16).partition(b"\r\n\r\n")[2]
        while len(body) < size:
            body += sock.recv(1 << 20)
        assert b"skipped" not in body
        reactor.execute(client.tick, b"told")
        assert sock.recv(100) == b"told"
        sock.close()
        until(lambda: site.left == [client])


def test_who_leaves_in_the_middle_of_an_answer() -> None:
    site = Site()
    with asked(site, b"GET / HTTP/1.1\r\n\r\n") as (sock, reactor):
        assert sock.recv(8) == b"HTTP/1.1"
        sock.close()
        until(lambda: not connections(reactor))
        assert site.left == []


def test_it_goes_on_when_there_is_room_and_waits_when_there_is_none() -> None:
    class Clients:
        unsent = 1 << 30
        pumped = 0

        def _pump(self) -> None:
            self.pumped += 1

    client: Any = Clients()
    Client._pump_on(client)
    Client.on_writable(client, False)
    assert client.pumped == 0
    Client.on_writable(client, True)
    client.unsent = 0
    Client._pump_on(client)
    assert client.pumped == 2
