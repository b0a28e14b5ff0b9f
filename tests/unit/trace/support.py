"""A hello server that is recorded, and what tests of traces share."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from nio.channels import SelectionKey, ServerSocketChannel
from nio.reactor import Acceptor, Reactor, StreamHandler
from nio.trace import THREAD, Record, fits

PATIENCE = 10.0


class Hello(StreamHandler):
    def process(self, record: bytes) -> bytes:
        if record == b"raise":
            raise ValueError("as asked")
        return b"Hello " + record


@contextmanager
def serving(reactor: Reactor, handler: type[StreamHandler] = Hello) -> Iterator[int]:
    """The port of a listener, while the reactor runs in a thread."""
    listener = ServerSocketChannel.open().bind(("127.0.0.1", 0))
    reactor.register(listener, SelectionKey.OP_ACCEPT, Acceptor(handler))
    port = listener.port
    assert port is not None
    with reactor.in_thread():
        yield port


@contextmanager
def client(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as sock:
        yield sock


def ask(sock: socket.socket, line: bytes) -> bytes:
    """The reply to a line; what there is when the peer ends."""
    sock.sendall(line)
    reply = b""
    while not reply.endswith(b"\n"):
        data = sock.recv(100)
        if not data:
            break
        reply += data
    return reply


def ended(sock: socket.socket) -> None:
    """End, and wait until the server has done so, too."""
    sock.shutdown(socket.SHUT_WR)
    assert sock.recv(1) == b""


def by_kind(records: Iterable[Record]) -> dict[int, list[Record]]:
    """What was recorded, each of it as it should be, by its kind."""
    found: dict[int, list[Record]] = {}
    for record in records:
        assert fits(record), record
        found.setdefault(int(record[0]), []).append(record)
    return found


def names(records: Iterable[Record]) -> dict[int | str, int | str]:
    """Threads by their numbers."""
    return {record[2]: record[3] for record in records if record[0] == THREAD}
