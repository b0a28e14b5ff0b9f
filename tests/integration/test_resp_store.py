"""``samples/resp_store``: the framing, what Redis's own description says of each command, the tools, worse clients."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pytest

from nio.errors import FramingError, IllegalArgumentError, RecordTooLongError
from nio.reactor import CloseReason
from nio.testing import verify_framing
from samples import resp_store
from samples.resp_store import framing, handler, store, subscriber
from samples.resp_store.framing import Resp
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


class Client(handler.Client):
    reasons: list[CloseReason]

    def on_close(self, reason: CloseReason) -> None:
        super().on_close(reason)
        self.reasons = [reason]


@pytest.fixture
def shop() -> store.Store:
    return store.Store()


@pytest.fixture
def server(shop: store.Store) -> Iterator[Server]:
    with Server(lambda: Client(shop)) as server:
        yield server


@pytest.fixture
def ask(server: Server) -> Iterator[Asker]:
    with client(server.address) as sock:
        asker = Asker(sock)
        with asker.stream:
            yield asker


@pytest.mark.parametrize("path", sorted(Path(resp_store.__file__).parent.glob("*.py")), ids=lambda path: str(path.stem))
def test_each_file_is_short(path: Path) -> None:
    assert path.read_text(encoding="utf-8").count("\n") <= MOST_LINES


# the framing

MESSAGES = [
    command("GET", "k"),
    b"PING\r\n",
    b"get k\n",
    b"\n",
    command("SET", "k", b"\r\n*1\r\n$4\r\nPING\r\n"),
    b"*0\r\n",
    b"*-1\r\n",
    b"$-1\r\n",
    b"$0\r\n\r\n",
    b"*3\r\n$7\r\nmessage\r\n*2\r\n:1\r\n+a\r\n$-1\r\n",
    b"-ERR no\r\n",
    command("GET", "k"),
]


def test_the_framing_keeps_its_contract() -> None:
    verify_framing(Resp(), MESSAGES)
    verify_framing(Resp(max_length=64), MESSAGES)
    verify_framing(Resp(), [command("SET", "k", b"x" * 300), command("GET", "other"), command("GET", "other")])


@pytest.mark.parametrize(
    "asked", [b"", b"PING", b"+OK\r\n+OK\r\n", b"$3\r\nab\r\n", b"+a\nb\r\n", b"*2\r\n:1\r\n", b"*1\r\nx\r\n"]
)
def test_what_is_not_one_value_does_not_go_out(asked: bytes) -> None:
    with pytest.raises(IllegalArgumentError):
        Resp().encode(asked)


@pytest.mark.parametrize(
    ("stream", "error"),
    [
        (b"*1025\r\n", RecordTooLongError),
        (b"*1\r\n$1048577\r\n", RecordTooLongError),
        (b"*1\r\n$" + b"9" * 31, RecordTooLongError),
        (b"x" * 4096, RecordTooLongError),
        (b"*1000\r\n" + b"*1000\r\n", RecordTooLongError),
        (b"*one\r\n", FramingError),
        (b"*-2\r\n", FramingError),
        (b"*1\n", FramingError),
        (b"*\r\n", FramingError),
        (b"$ 1\r\n", FramingError),
        (b"*1\r\n$3\r\nabcd\r\n", FramingError),
        (b"*1\r\nPING\r\n", FramingError),
        (b"*1\r\n:1\n", FramingError),
    ],
)
def test_a_stream_that_breaks_the_rules_is_refused_before_its_body_comes(
    stream: bytes, error: type[FramingError]
) -> None:
    decoder = Resp().decoder()
    assert decoder.feed(command("GET", "k") + stream) == [command("GET", "k")]
    assert type(decoder.error) is error


def test_what_is_remembered_is_no_request_without_its_ends() -> None:
    decoder = Resp().decoder()
    assert decoder.feed(command("GET", "k")) == [command("GET", "k")]
    assert decoder.feed(command("GET", "k")[1:-2]) == [b"2\r\n", b"$3\r\nGET\r\n"]


def test_what_is_remembered_is_bounded() -> None:
    decoder = Resp().decoder()
    for number in range(framing.MANY + 10):
        sent = command("GET", number)
        assert decoder.feed(sent) == [Resp().encode(sent)] == [sent]
    assert len(framing.known) <= 2 * framing.MANY
    assert len(framing.sound) <= framing.MANY


# commands


def test_values(ask: Asker) -> None:
    assert ask("PING") == "PONG"
    assert ask("ping", "you") == b"you"
    assert ask("ECHO", b"\0\r\n") == b"\0\r\n"
    assert ask("GET", "k") is None
    assert ask("SET", "k", b"\r\n\xff") == "OK"
    assert ask("gEt", "k") == b"\r\n\xff"
    assert ask("EXISTS", "k", "l", "k") == 2
    assert ask("DBSIZE") == 1
    assert ask("DEL", "k", "l") == 1
    assert ask("GET", "k") is None
    assert ask("SET", "", "") == "OK"
    assert ask("GET", "") == b""


def test_counters(ask: Asker) -> None:
    assert [ask("INCR", "n"), ask("INCR", "n"), ask("GET", "n")] == [1, 2, b"2"]
    assert ask("SET", "n", 2**63 - 2) == "OK"
    assert ask("INCR", "n") == 2**63 - 1
    wrong = "ERR value is not an integer or out of range"
    assert ask("INCR", "n") == wrong
    for text in ("1.5", "", "1_000", "+1", " 1", "9" * 5000):
        assert ask("SET", "n", text) == "OK"
        assert ask("INCR", "n") == wrong


def test_errors_are_told_and_the_connection_goes_on(ask: Asker) -> None:
    assert ask("NOTHING\r\n") == "ERR unknown command 'NOTHING  '"
    assert ask(b"\xff" * 3000) == f"ERR unknown command '{chr(92)}xff{f'{chr(92)}xff' * 63}'"
    assert ask("GET") == "ERR wrong number of arguments for 'get' command"
    assert ask("GET", "a", "b") == "ERR wrong number of arguments for 'get' command"
    for options in (("EX",), ("EX", 1, 2), ("AB", 1), ("EX", "x"), ("EX", 0), ("EX", -1), ("PX", 10**10)):
        assert str(ask("SET", "k", "v", *options)).startswith("ERR ")
    assert ask("EXPIRE", "k", "soon") == "ERR value is not an integer or out of range"
    assert ask("GET", "k") is None


def test_a_key_expires() -> None:
    shop = store.Store()
    with World(lambda: Client(shop)) as world:
        peer = world.connect()

        def ask(*words: str | int) -> bytes:
            peer.send(command(*words))
            world.until(peer.pull)
            got, peer.got = peer.got, b""
            return got

        assert ask("SET", "k", "v", "EX", 10) == b"+OK\r\n"
        assert ask("TTL", "k") == b":10\r\n"
        world.advance(9)
        assert ask("GET", "k") == b"$1\r\nv\r\n"
        assert ask("EXPIRE", "k", 5) == b":1\r\n"
        world.advance(4.9)
        assert ask("GET", "k") == b"$1\r\nv\r\n"
        world.advance(0.2)
        assert ask("GET", "k") == b"$-1\r\n"
        assert ask("TTL", "k") == b":-2\r\n"
        assert ask("EXPIRE", "k", 5) == b":0\r\n"
        assert (
            ask("SET", "k", "v", "PX", 1500) == ask("SET", "l", "v", "px", 1500) == ask("SET", "k", "w") == b"+OK\r\n"
        )
        assert ask("TTL", "k") == b":-1\r\n"
        world.advance(2)
        assert (ask("GET", "k"), ask("GET", "l")) == (b"$1\r\nw\r\n", b"$-1\r\n")
        assert ask("EXPIRE", "k", -1) == b":1\r\n"
        assert ask("DBSIZE") == b":0\r\n"
        assert (shop.values, shop.timers, shop.memory) == ({}, {}, 0)


def test_the_store_is_bounded(ask: Asker, monkeypatch: pytest.MonkeyPatch, shop: store.Store) -> None:
    monkeypatch.setattr(store, "MEMORY", 1000)
    assert ask("SET", "k", "x" * 800) == "OK"
    assert str(ask("SET", "l", "x" * 100)).startswith("OOM ")
    assert ask("SET", "k", "x" * 100) == "OK"
    assert ask("SET", "l", "x" * 100) == "OK"
    assert shop.memory == 2 * (1 + 100 + store.EACH)


def test_replies_to_what_is_pipelined_keep_their_order(ask: Asker) -> None:
    requests = [command("INCR", "n") if number % 3 else command("NO", number) for number in range(1000)]
    ask.sock.sendall(b"".join(requests) + b"get n\r\n\r\nGET n\n")
    replies = [value(ask.stream) for _ in range(1002)]
    counted = iter(range(1, 1000))
    for number, reply in enumerate(replies[:1000]):
        if number % 3:
            assert reply == next(counted)
        else:
            assert str(reply) == "ERR unknown command 'NO'"
    assert replies[1000:] == [b"666", b"666"]


# publish and subscribe


def test_subscribers_hear_what_is_published(ask: Asker, server: Server, shop: store.Store) -> None:
    with client(server.address) as sock, sock.makefile("rb") as stream:
        sock.sendall(command("PING") + command("SUBSCRIBE", "news", "talk") + command("PING"))
        told = [value(stream) for _ in range(4)]
        assert told == ["PONG", [b"subscribe", b"news", 1], [b"subscribe", b"talk", 2], [b"pong", b""]]
        assert ask("PUBLISH", "news", b"\r\n") == 1
        assert ask("PUBLISH", "nobody", "x") == 0
        assert value(stream) == [b"message", b"news", b"\r\n"]
        sock.sendall(b"\r\n" + command("GET", "k") + command("UNSUBSCRIBE", "news"))
        assert str(value(stream)).startswith("ERR only")
        assert value(stream) == [b"unsubscribe", b"news", 1]
        assert (ask("PUBLISH", "news", "x"), ask("PUBLISH", "talk", "y")) == (0, 1)
        assert value(stream) == [b"message", b"talk", b"y"]
        sock.sendall(command("UNSUBSCRIBE") + command("UNSUBSCRIBE") + command("GET", "k"))
        assert [value(stream) for _ in range(3)] == [[b"unsubscribe", b"talk", 0], [b"unsubscribe", None, 0], None]
        sock.sendall(command("SUBSCRIBE", "news"))
        assert value(stream) == [b"subscribe", b"news", 1]
    server.until(lambda: not shop.channels)
    assert ask("PUBLISH", "news", "x") == 0


def test_a_client_has_so_many_channels(ask: Asker) -> None:
    for number in range(subscriber.CHANNELS):
        assert ask("SUBSCRIBE", number) == [b"subscribe", str(number).encode(), number + 1]
    assert ask("SUBSCRIBE", "more") == f"ERR a client has {subscriber.CHANNELS} channels at most"
    assert ask("SUBSCRIBE", 0) == [b"subscribe", b"0", subscriber.CHANNELS]


# who ends, and why


@pytest.mark.parametrize(
    ("sent", "told", "reason"),
    [
        (b"*1\r\n:1\r\n", b"-ERR Protocol error: expected a bulk string, got ':1'\r\n", CloseReason.PROTOCOL_ERROR),
        (b"*1\r\n$-1\r\n", b"-ERR Protocol error: expected a bulk string, got '$-1'\r\n", CloseReason.PROTOCOL_ERROR),
        (b"*1\r\n*0\r\n", b"-ERR Protocol error: expected a bulk string, got '*0'\r\n", CloseReason.PROTOCOL_ERROR),
        (
            b"GET / HTTP/1.1\r\nHost: a\r\nget k\r\n",
            b"-ERR wrong number of arguments for 'get' command\r\n-ERR Protocol error: this is no web server\r\n",
            CloseReason.PROTOCOL_ERROR,
        ),
        (b"*x\r\n", b"", CloseReason.PROTOCOL_ERROR),
        (b"*1\r\n$4\r\nPINGPONG\r\n", b"", CloseReason.PROTOCOL_ERROR),
        (b"*1\r\n$4\r\nPI", b"", CloseReason.PROTOCOL_ERROR),
        (b"*2000\r\n", b"", CloseReason.FRAME_TOO_LONG),
        (b"*1\r\n$999999999\r\n", b"", CloseReason.FRAME_TOO_LONG),
        (b"QUIT\r\nGET k\r\n", b"+OK\r\n", CloseReason.LOCAL),
        (b"", b"", CloseReason.PEER_FIN),
    ],
)
def test_an_end_has_its_reason_after_what_is_owed(
    server: Server, sent: bytes, told: bytes, reason: CloseReason
) -> None:
    with server.client() as asker:
        asker.send(b"PING\r\n" + sent)
        asker.half_close()
        assert asker.read_to_end() == b"+PONG\r\n" + told
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
        talk = "set greeting hello ex 60\nget greeting\nttl greeting\nincr n\nincr n\ndel n\nget n\nnothing\n"
        assert run("redis-cli", "-p", port, said=talk).splitlines() == [
            *("OK", "hello", "60", "1", "2", "1", "", "ERR unknown command 'nothing'", "")
        ]
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
