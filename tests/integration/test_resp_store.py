"""``samples/resp_store.py``: the framing, what Redis says of each command, its tools, worse clients."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from nio.errors import FramingError, RecordTooLongError
from nio.reactor import CloseReason, Group
from nio.testing import verify_framing
from samples import resp_store
from samples.resp_store import Resp
from tests.faults.helpers import Server
from tests.integration.conversation import PATIENCE, client
from tests.integration.test_small_samples import sample
from tests.unit.reactor.support import World

MOST_LINES = 150


class Error(Exception):
    """What the server says behind a minus sign."""


def command(*words: bytes | str | int) -> bytes:
    """As a client writes it."""
    parts = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%b\r\n" % (len(part), part) for part in parts)


def value(stream: BinaryIO) -> object:
    """One value of RESP2, read as the specification says."""
    line = stream.readline()
    assert line[-2:] == b"\r\n", f"the stream ended with {line!r}"
    kind, text = line[:1], line[1:-2]
    if kind == b"+":
        return text.decode()
    if kind == b"-":
        return Error(text.decode())
    if kind == b":":
        return int(text)
    if kind == b"$":
        return None if text == b"-1" else stream.read(int(text) + 2)[:-2]
    assert kind == b"*", line
    return [value(stream) for _ in range(int(text))]


class Asker:
    """A client that blocks."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock, self.stream = sock, sock.makefile("rb")

    def __call__(self, *words: bytes | str | int) -> object:
        self.sock.sendall(command(*words))
        reply = value(self.stream)
        return str(reply) if isinstance(reply, Error) else reply


class Client(resp_store.Client):
    reasons: list[CloseReason]

    def on_close(self, reason: CloseReason) -> None:
        super().on_close(reason)
        self.reasons = [reason]


@pytest.fixture(autouse=True)
def shop(monkeypatch: pytest.MonkeyPatch) -> None:
    """A store of the test's own."""
    for name, empty in (("values", {}), ("timers", {}), ("listeners", Group())):
        monkeypatch.setattr(resp_store.Client, name, empty)


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(Client) as server:
        yield server


@pytest.fixture
def ask(server: Server) -> Iterator[Asker]:
    with client(server.address) as sock:
        asker = Asker(sock)
        with asker.stream:
            yield asker


def test_it_is_short() -> None:
    assert Path(resp_store.__file__).read_text(encoding="utf-8").count("\n") <= MOST_LINES


# the framing


def words(*texts: bytes) -> Any:
    return texts


MESSAGES = [
    words(b"GET", b"k"),
    words(b"SET", b"k", b"\r\n*1\r\n$4\r\nPING\r\n"),
    words(),
    words(b""),
    words(b"SET", b"k", b"x" * 300),
    words(b"GET", b"k"),
    words(b"GET", b"other"),
]


def test_the_framing_keeps_its_contract() -> None:
    verify_framing(Resp(), MESSAGES)


def test_lines_are_requests_too() -> None:
    assert Resp().decoder().feed(b"PING\r\nget k\n\n" + command("GET", "k") + b" set  k v\r\n") == [
        *((b"PING",), (b"get", b"k"), (), (b"GET", b"k"), (b"set", b"k", b"v"))
    ]


@pytest.mark.parametrize(
    ("stream", "error"),
    [
        (b"*65\r\n", RecordTooLongError),
        (b"*1\r\n$131072\r\n", RecordTooLongError),
        (b"*1\r\n$" + b"9" * 31 + b"\r\n", RecordTooLongError),
        (b"*65\r\n" + b"$1\r\nx\r\n" * 65, RecordTooLongError),
        (b"x" * 4096, FramingError),
        (b"*1\r\n" + b"$" * 4096, FramingError),
        (b"*one\r\n", FramingError),
        (b"*-1\r\n", FramingError),
        (b"*1\n", FramingError),
        (b"*\r\n", FramingError),
        (b"*1\r\n$ 1\r\n", FramingError),
        (b"*1\r\n$-1\r\n", FramingError),
        (b"*1\r\n$3\r\nabcd\r\n", FramingError),
        (b"*1\r\nPING\r\n", FramingError),
        (b"*1\r\n:1\r\n", FramingError),
        (b"*2\r\n$4\r\nPING\r\n*1\r\n$4\r\nPING\r\n", FramingError),
    ],
)
def test_a_stream_that_breaks_the_rules_is_refused(stream: bytes, error: type[FramingError]) -> None:
    decoder = Resp().decoder()
    assert decoder.feed(command("GET", "k") + stream) == [(b"GET", b"k")]
    assert type(decoder.error) is error


def test_more_requests_than_are_asked_for_stay() -> None:
    decoder = Resp().decoder()
    assert decoder.feed(command("GET", "k") * 3, 2) == [(b"GET", b"k")] * 2
    assert decoder.feed(b"", 2) == [(b"GET", b"k")]


@pytest.mark.parametrize("cuts", [1, 2], ids=["at once", "in pieces"])
def test_nobody_can_change_the_words_that_the_next_client_gets(cuts: int) -> None:
    request, decoder = command("GET", "k"), Resp().decoder()
    pieces = [request] if cuts == 1 else [request[:9], request[9:]]
    (record,) = [record for piece in pieces for record in decoder.feed(piece)]
    assert (record, hash(record)) == (words(b"GET", b"k"), hash(words(b"GET", b"k")))


# commands


def test_values(ask: Asker) -> None:
    assert ask("PING") == "PONG"
    assert ask("ping", "you") == b"you"
    assert ask("GET", "k") is None
    assert ask("SET", "k", b"\r\n\xff") == "OK"
    assert ask("gEt", "k") == b"\r\n\xff"
    assert ask("DEL", "k", "l") == 1
    assert ask("GET", "k") is None
    assert ask("SET", "", "") == "OK"
    assert ask("GET", "") == b""
    assert ask("CONFIG", "GET", "save") == [b"save", b""]


def test_counters(ask: Asker) -> None:
    assert [ask("INCR", "n"), ask("INCR", "n"), ask("GET", "n")] == [1, 2, b"2"]
    assert ask("SET", "n", -1) == "OK"
    assert ask("INCR", "n") == 0
    for text in ("1.5", "", "1_000", "+1", " 1", "1\r\n", "9" * 5000):
        assert ask("SET", "n", text) == "OK"
        assert ask("INCR", "n") == "ERR value is not an integer or out of range"


def test_errors_are_told_and_the_connection_goes_on(ask: Asker) -> None:
    wrong = "ERR no such command, or not with these arguments: "
    assert ask("NOTHING\r\n") == f"{wrong}{b'NOTHING' + bytes([13, 10])!r}"
    assert str(ask(b"\xff" * 3000)).startswith(wrong)
    assert ask("") == f"{wrong}b''"
    assert ask("get") == ask("GET", "a", "b") == f"{wrong}b'GET'"
    assert ask("SUBSCRIBE") == f"{wrong}b'SUBSCRIBE'"
    for options in (("EX",), ("EX", 1, 2), ("AB", 1), ("EX", "x"), ("EX", -1), ("EX", 10**10)):
        assert ask("SET", "k", "v", *options) == f"{wrong}b'SET'"
    assert ask("GET", "k") is None


def test_a_key_expires() -> None:
    with World(Client) as world:
        peer = world.connect()

        def ask(*words: str | int) -> bytes:
            peer.send(command(*words))
            world.until(peer.pull)
            got, peer.got = peer.got, b""
            return got

        assert ask("SET", "k", "v", "EX", 10) == ask("SET", "l", "v", "ex", 10) == b"+OK\r\n"
        world.advance(9)
        assert ask("GET", "k") == b"$1\r\nv\r\n"
        assert ask("SET", "l", "w") == b"+OK\r\n"
        world.advance(2)
        assert (ask("GET", "k"), ask("GET", "l")) == (b"$-1\r\n", b"$1\r\nw\r\n")
        assert ask("SET", "l", "v", "EX", 10) == b"+OK\r\n"
        assert ask("DEL", "l") == b":1\r\n"
        assert (Client.values, Client.timers) == ({}, {})


def test_replies_to_what_is_pipelined_keep_their_order(ask: Asker) -> None:
    requests = [command("INCR", "n") if number % 3 else command("NO", number) for number in range(1000)]
    ask.sock.sendall(b"".join(requests) + b"get n\r\n\r\nGET n\n")
    replies = [value(ask.stream) for _ in range(1002)]
    counted = iter(range(1, 1000))
    for number, reply in enumerate(replies[:1000]):
        if number % 3:
            assert reply == next(counted)
        else:
            assert str(reply).startswith("ERR no such command")
    assert replies[1000:] == [b"666", b"666"]


# publish and subscribe


def test_subscribers_hear_what_is_published(ask: Asker, server: Server) -> None:
    with client(server.address) as sock, sock.makefile("rb") as stream:
        sock.sendall(command("PING") + command("SUBSCRIBE", "news", "talk") + command("PING"))
        assert [value(stream) for _ in range(4)] == [
            *("PONG", [b"subscribe", b"news", 1], [b"subscribe", b"talk", 2], "PONG")
        ]
        assert ask("PUBLISH", "news", b"\r\n") == 1
        assert ask("PUBLISH", "nobody", "x") == 0
        assert value(stream) == [b"message", b"news", b"\r\n"]
        assert ask("PUBLISH", "talk", "y") == 1
        assert value(stream) == [b"message", b"talk", b"y"]
    server.until(lambda: not Client.listeners)
    assert ask("PUBLISH", "news", "x") == 0


# who ends, and why


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (b"*x\r\n", CloseReason.PROTOCOL_ERROR),
        (b"*1\r\n$4\r\nPINGPONG\r\n", CloseReason.PROTOCOL_ERROR),
        (b"*1\r\n$4\r\nPI", CloseReason.PROTOCOL_ERROR),
        (b"*2000\r\n", CloseReason.FRAME_TOO_LONG),
        (b"*1\r\n$999999999\r\n", CloseReason.FRAME_TOO_LONG),
        (b"", CloseReason.PEER_FIN),
    ],
)
def test_an_end_has_its_reason_after_what_is_owed(server: Server, sent: bytes, reason: CloseReason) -> None:
    with server.client() as asker:
        asker.send(b"PING\r\n" + sent)
        asker.half_close()
        assert asker.read_to_end() == b"+PONG\r\n"
    server.until(lambda: all(hasattr(each, "reasons") for each in server.handlers))
    assert server.reasons() == [reason]


# the tools


def run(*words: str, said: str = "") -> str:
    done = subprocess.run(words, input=said, capture_output=True, text=True, timeout=PATIENCE, check=True)
    return done.stdout


@pytest.mark.needs("redis-cli", "redis-benchmark")
def test_the_tools_of_redis() -> None:
    with sample("resp_store") as server:
        port = str(server.address[1])
        talk = "set greeting hello ex 60\nget greeting\nincr n\nincr n\ndel n\nget n\n"
        assert run("redis-cli", "-p", port, said=talk).splitlines() == [*("OK", "hello", "1", "2", "1", "")]
        listener = subprocess.Popen(
            ["redis-cli", "-p", port, "subscribe", "news"], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True
        )
        with listener:
            assert listener.stdout is not None
            assert [listener.stdout.readline() for _ in range(3)] == ["subscribe\n", "news\n", "1\n"]
            assert run("redis-cli", "-p", port, "publish", "news", "it works") == "1\n"
            assert [listener.stdout.readline() for _ in range(3)] == ["message\n", "news\n", "it works\n"]
            listener.terminate()
        shape = ["-t", "ping,set,get,incr", "-c", "10", "-n", "1000", "-P", "16", "-r", "1000", "--csv"]
        rows = run("redis-benchmark", "-p", port, *shape).splitlines()
        assert [row.split(",")[0] for row in rows[1:]] == ['"PING_INLINE"', '"PING_MBULK"', '"SET"', '"GET"', '"INCR"']
        assert run("redis-cli", "-p", port, "get", "counter:__rand_int__") == "\n"
