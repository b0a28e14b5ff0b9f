"""A handler written for one reactor runs on the other three without a changed line, and its clients see no difference.

One server for each mode serves all tests of this file. In ``multi`` two connections that follow each other are on two
reactors, so what one does to the other crosses threads. In ``prefork`` those of one process are put together.
"""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.integration._every_mode import Caller, EveryHandler
from tests.integration._every_mode_cases import CASES, ENDS, LEAVES, RESETS, WAITS, Case
from tests.integration._every_mode_handlers import (
    MODES,
    Flooding,
    Large,
    Late,
    Mirror,
    Sociable,
    Stopping,
    TaskLarge,
    Telling,
)
from tests.integration.conversation import reset


@pytest.fixture(scope="module", params=MODES)
def server(request: pytest.FixtureRequest) -> Iterator[EveryHandler]:
    with EveryHandler(request.param) as running:
        yield running
        assert running.end() == 0


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_what_a_client_sees(server: EveryHandler, case: Case) -> None:
    with server.dial(case.handler) as client:
        port = client.port
        for piece in case.pieces:
            client.sock.sendall(piece)
        if case.client in (LEAVES, RESETS):
            assert client.read(len(case.reads)) == case.reads
        if case.client == RESETS:
            reset(client.sock)
        elif case.client == LEAVES:
            client.sock.shutdown(socket.SHUT_WR)
            assert client.rest() == (b"", case.how)
        else:
            assert case.client in (ENDS, WAITS)
            if case.client == ENDS:
                client.sock.shutdown(socket.SHUT_WR)
            assert client.rest() == (case.reads, case.how)
    assert server.reason(port) == case.reason.name


@pytest.mark.parametrize("handler", [Large, TaskLarge])
def test_a_slow_reader_gets_every_byte_of_large_replies(server: EveryHandler, handler: type[Telling]) -> None:
    with server.dial(handler, buffer=4096) as slow, server.dial(handler) as other:
        ports = slow.port, other.port
        slow.sock.sendall(b"a\nb\nc\n")
        slow.sock.shutdown(socket.SHUT_WR)
        for _ in range(2):  # meanwhile the others are served
            other.sock.sendall(b"d\n")
            assert other.read(600_001) == b"d" * 600_000 + b"\n"
        assert slow.rest() == (b"".join(letter * 600_000 + b"\n" for letter in (b"a", b"b", b"c")), "fin")
    assert [server.reason(port) for port in ports] == ["PEER_FIN", "PEER_FIN"]


def test_more_output_than_the_bound_ends_the_connection(server: EveryHandler) -> None:
    with server.dial(Flooding, buffer=4096) as client:
        port = client.port
        client.sock.sendall(b"a\n")
        heard, _ = client.rest()
    assert heard in (b"a" * 50_000 + b"\n") * 1000  # whole records but for the last
    assert server.reason(port) == "OVERLOAD"


# handlers that do something to each other


def together(server: EveryHandler, stack: ExitStack, count: int) -> list[Caller]:
    """So many clients whose connections are in one process."""
    by_process: dict[bytes, list[Caller]] = {}
    while True:
        client = stack.enter_context(server.dial(Sociable))
        mates = by_process.setdefault(client.line(), [])
        mates.append(client)
        if len(mates) == count:
            return mates


@pytest.fixture
def friends(server: EveryHandler) -> Iterator[list[Caller]]:
    """Three of them, who know each other; none is left when the test has ended."""
    with ExitStack() as stack:
        made = together(server, stack, 3)
        ports = [client.port for client in made]
        yield made
    for port in ports:
        server.reason(port)


def say(client: Caller, word: bytes, to: Caller | None = None, text: bytes = b"-") -> None:
    client.sock.sendall(b"%s %d %s\n" % (word, to.port if to else 0, text))


def test_a_record_to_another_connection(friends: list[Caller]) -> None:
    ann, bob, _ = friends
    for number in range(20):
        say(ann, b"send", bob, b"%d" % number)
    assert bob.lines(20) == [b"%d" % number for number in range(20)]
    assert ann.lines(20) == [b"sent"] * 20
    say(bob, b"send", bob, b"to myself")
    assert bob.lines(2) == [b"to myself", b"sent"]


def test_a_broadcast_reaches_every_member_once(friends: list[Caller]) -> None:
    ann, bob, cid = friends
    say(ann, b"all", text=b"hello")
    assert [client.line() for client in friends] == [b"hello"] * 3
    say(bob, b"others", text=b"not me")
    assert [ann.line(), bob.line(), cid.line()] == [b"not me", b"told", b"not me"]


@pytest.mark.parametrize("word", [b"finish", b"close"])
def test_another_connection_is_ended(server: EveryHandler, friends: list[Caller], word: bytes) -> None:
    ann, bob, cid = friends
    say(ann, word, bob)
    assert ann.line() == b"done"
    assert bob.rest() == (b"", "fin")
    say(cid, b"send", ann, b"we go on")
    assert ann.line() == b"we go on"


def test_a_late_reply_that_another_connection_gives(friends: list[Caller]) -> None:
    ann, bob, _ = friends
    say(ann, b"wait")
    assert ann.line() == b"waits"
    say(ann, b"send", ann, b"behind it")
    say(bob, b"answer", ann, b"here it is")
    assert ann.lines(3) == [b"here it is", b"behind it", b"sent"]
    assert bob.line() == b"done"


# the end of all


@pytest.mark.parametrize("asked_by", ["SIGTERM", "a handler"])
@pytest.mark.parametrize("mode", MODES)
def test_a_drain_answers_what_was_received(mode: str, asked_by: str) -> None:
    with EveryHandler(mode) as server, ExitStack() as stack:
        waiting, silent, halfway = (stack.enter_context(server.dial(handler)) for handler in (Late, Mirror, Mirror))
        waiting.sock.sendall(b"now\nslow\nfast\nslow 2\n")
        halfway.sock.sendall(b"ab\ncd")
        assert (waiting.read(4), halfway.read(3)) == (b"now\n", b"ba\n")
        ports = [client.port for client in (waiting, silent, halfway)]
        if asked_by == "SIGTERM":
            server.process.send_signal(signal.SIGTERM)
        else:
            stopping = stack.enter_context(server.dial(Stopping))
            ports.append(stopping.port)
            stopping.sock.sendall(b"a\nstop\nb\n")
            assert stopping.rest() == (b"a\nstop\nb\n", "fin")
            stopping.sock.close()
        assert waiting.rest() == (b"slow\nfast\nslow 2\n", "fin")
        assert silent.rest() == halfway.rest() == (b"", "fin")
        for client in (waiting, silent, halfway):
            client.sock.close()
        assert [server.reason(port) for port in sorted(ports)] == ["DRAIN"] * len(ports)
        assert server.end(None) == 0


@pytest.mark.parametrize("mode", MODES)
def test_a_chat_loses_nothing(mode: str) -> None:
    """Eight clients, 3 200 messages, told in two ways: each hears all of them, those of one sender in their order."""
    each, count = 400, 8
    with EveryHandler(mode, **({"processes": 1} if mode == "prefork" else {})) as server, ExitStack() as stack:
        clients = together(server, stack, count)
        for word in (b"everybody", b"all"):
            for number, client in enumerate(clients):
                client.sock.sendall(b"".join(b"%s 0 %d %d\n" % (word, number, serial) for serial in range(each)))
            for client in clients:
                heard = client.lines(each * count)
                for number in range(count):
                    mine = [line for line in heard if line.startswith(b"%d " % number)]
                    assert mine == [b"%d %d" % (number, serial) for serial in range(each)]
        assert server.end() == 0
