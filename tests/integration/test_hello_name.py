"""What the hello-name server answers, on every kind of reactor: the same, whatever the bytes are cut into."""

from __future__ import annotations

import select
import socket
import struct
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.integration._hello_name import HOST, LIMIT, MODES, Server, lines, needs_proc, rest

MIB = 1024 * 1024

# The kernel holds little for the server's connections, which inherit the listener's buffers: it has to stop reading
# and waits for its readers where it might otherwise leave all to the kernel.
SMALL_BUFFERS = """
import nio, socket
bind = nio.ServerSocketChannel.bind
def bind_small(channel, address, backlog=0):
    for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
        channel.socket.setsockopt(socket.SOL_SOCKET, option, 65536)
    return bind(channel, address, backlog)
nio.ServerSocketChannel.bind = bind_small
"""


@pytest.fixture(scope="module", params=list(MODES.values()), ids=list(MODES))
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with Server(*request.param, first=SMALL_BUFFERS) as server:
        yield server
        ended = server.stop()
        assert ended.code == 0
        assert " ERROR " not in ended.log, ended.log


def test_one_name(server: Server) -> None:
    with server.connect() as client:
        client.sendall(b"ann\n")
        assert lines(client, 1) == [b"Hello ann"]


@pytest.mark.needs("nc")
def test_nc_gets_both_answers_and_the_end(server: Server) -> None:
    command = ["nc", "-N", HOST, str(server.address[1])]
    ended = subprocess.run(command, input=b"ann\r\nbob\n", capture_output=True, timeout=LIMIT)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"Hello ann\nHello bob\n", b"")


def test_byte_by_byte(server: Server) -> None:
    with server.connect() as client:
        for byte in b"ann\r\nbob\n":
            client.send(bytes([byte]))
        assert lines(client, 2) == [b"Hello ann", b"Hello bob"]


def test_conversation_goes_on(server: Server) -> None:
    with server.connect() as client:
        for number in range(100):
            client.sendall(b"%d\n" % number)
            assert lines(client, 1) == [b"Hello %d" % number]


@pytest.mark.parametrize("name", ["", " ", "Zoë", "李小龙", "a\rb", "x" * 256, "ë" * 128])
def test_names_come_back_as_they_are(server: Server, name: str) -> None:
    with server.connect() as client:
        client.sendall(name.encode() + b"\r\n")
        client.shutdown(socket.SHUT_WR)
        assert rest(client) == b"Hello " + name.encode() + b"\n"


def test_half_close_with_replies_owed(server: Server) -> None:
    names = [b"name %d" % number for number in range(500)]
    with server.connect() as client:
        client.sendall(b"".join(name + b"\n" for name in names))
        client.shutdown(socket.SHUT_WR)
        assert rest(client) == b"".join(b"Hello " + name + b"\n" for name in names)


def test_end_inside_a_name_is_no_name(server: Server) -> None:
    with server.connect() as client:
        client.sendall(b"ann\nbo")
        client.shutdown(socket.SHUT_WR)
        assert rest(client) == b"Hello ann\n"


def test_nobody_is_greeted_who_said_nothing(server: Server) -> None:
    with server.connect() as client:
        client.shutdown(socket.SHUT_WR)
        assert rest(client) == b""


def test_name_of_257_bytes_ends_the_connection_after_what_is_owed(server: Server) -> None:
    with server.connect() as client:
        client.sendall(b"ann\n" + b"x" * 256 + b"\n" + b"x" * 257 + b"\nbob\n")
        assert rest(client) == b"Hello ann\nHello " + b"x" * 256 + b"\n"


def test_bad_utf8_ends_the_connection_after_what_is_owed(server: Server) -> None:
    with server.connect() as client:
        client.sendall(b"ann\nbob\n\xff\xfe\nzoe\n")
        assert rest(client) == b"Hello ann\nHello bob\n"


def test_200_clients_at_once(server: Server) -> None:
    with ExitStack() as stack:
        clients = [stack.enter_context(server.connect()) for _ in range(200)]
        for number, client in enumerate(clients):
            client.sendall(b"%d\n" % number)
        for number, client in enumerate(clients):
            assert lines(client, 1) == [b"Hello %d" % number]


@pytest.mark.parametrize("sent", [b"", b"an", b"ann\n" * 1000], ids=["at once", "inside a name", "replies owed"])
def test_reset_costs_nobody_else_anything(server: Server, sent: bytes) -> None:
    with server.connect() as other:
        for _ in range(20):
            with server.connect() as client:
                client.sendall(sent)
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        other.sendall(b"bob\n")
        assert lines(other, 1) == [b"Hello bob"]


@needs_proc
def test_endless_line_costs_no_memory(server: Server) -> None:
    before = server.resident()
    with server.connect() as client, pytest.raises((ConnectionResetError, BrokenPipeError)):
        client.sendall(b"x" * (50 * MIB))
    assert server.resident() - before < MIB


class SlowReader:
    """Sends names as long as it may, and reads nothing before it is told to."""

    def __init__(self, server: Server, count: int) -> None:
        names = [b"%05d" % number + b"x" * 251 for number in range(count)]
        self.left = memoryview(b"".join(name + b"\n" for name in names))
        self.owed = b"".join(b"Hello " + name + b"\n" for name in names)
        self.got = bytearray()
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
        self.socket.connect(server.address)
        self.socket.setblocking(False)

    def send(self) -> None:
        self.left = self.left[self.socket.send(self.left[:65536]) :]

    def read(self) -> None:
        """In large pieces: it is readable again when many replies are there, or all that are left."""
        data = self.socket.recv(65536)
        assert data, f"the server has ended the connection after {len(self.got)} bytes"
        self.got += data
        piece = min(8192, len(self.owed) - len(self.got))
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, max(1, piece))


def read_all(readers: list[SlowReader]) -> None:
    """At the same time, until each has got what it is owed."""
    while waiting := {reader.socket: reader for reader in readers if len(reader.got) < len(reader.owed)}:
        senders = [sock for sock, reader in waiting.items() if reader.left]
        readable, writable, _ = select.select(waiting, senders, [], LIMIT)
        assert readable or writable
        for sock in writable:
            waiting[sock].send()
        for sock in readable:
            waiting[sock].read()


@needs_proc
def test_pipelined_names_to_readers_that_do_not_read_at_first(server: Server) -> None:
    """8 000 names: what is owed waits as bytes in the kernel and in the readers, not in the server.

    Only one name of a connection is with a worker at a time, and processes are far: there it takes some connections.
    """
    count = 4 if server.executor == "process" else 1
    with ExitStack() as stack:
        before = server.resident()
        readers = [SlowReader(server, 8_000 // count) for _ in range(count)]
        sockets = {stack.enter_context(reader.socket): reader for reader in readers}
        while writable := select.select([], sockets, [], 0.05)[1]:
            for sock in writable:
                sockets[sock].send()
        assert all(reader.left for reader in readers), "the server takes names without end"
        assert server.resident() - before < MIB + count * 65536
        read_all(readers)
        assert [reader.got for reader in readers] == [reader.owed for reader in readers]
