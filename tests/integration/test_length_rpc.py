"""``samples/length_rpc.py``: the server with a client on a plain socket, the client with it and with worse servers."""

from __future__ import annotations

import json
import re
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from nio.reactor import Reactor
from samples import length_rpc
from tests.faults.helpers import Client, Server
from tests.integration.conversation import PATIENCE, ROOT, Child

MOST_LINES = 100


class Caller:
    """A client that blocks."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.number = 0

    def send(self, method: object, *params: object) -> int:
        self.number += 1
        message = json.dumps({"id": self.number, "method": method, "params": params}).encode()
        self.client.send(struct.pack(">I", len(message)) + message)
        return self.number

    def receive(self) -> Any:
        (size,) = struct.unpack(">I", self.client.read(4))
        return json.loads(self.client.read(size))

    def call(self, method: object, *params: object) -> Any:
        number = self.send(method, *params)
        reply = self.receive()
        assert reply.pop("id") == number
        return reply


class RpcServer(length_rpc.RpcServer):
    def __init__(self) -> None:
        self.reasons: list[Any] = []

    def on_close(self, reason: Any) -> None:
        self.reasons.append(reason)


@pytest.fixture(params=[0, 2], ids=["single", "pooled"])
def caller(request: pytest.FixtureRequest) -> Iterator[Caller]:
    with Server(RpcServer, workers=request.param) as server, server.client() as client:
        yield Caller(client)


def test_it_is_short() -> None:
    assert Path(length_rpc.__file__).read_text().count("\n") <= MOST_LINES


def test_calls_are_answered(caller: Caller) -> None:
    assert caller.call("add", 2, 3) == {"result": 5}
    assert caller.call("upper", "grüße\n\0") == {"result": "GRÜSSE\n\0"}
    assert caller.call("sort", [3, 1, 2]) == {"result": [1, 2, 3]}
    assert caller.call("add") == {"result": 0}


def test_errors_are_told_and_the_connection_goes_on(caller: Caller) -> None:
    assert caller.call("nothing") == {"error": "KeyError('nothing')"}
    assert "unsupported operand" in caller.call("add", "a")["error"]
    assert "unsupported operand" not in caller.call("upper")["error"]
    assert caller.call([]) == {"error": "TypeError(\"unhashable type: 'list'\")"}
    assert caller.call("add", 1) == {"result": 1}


def test_calls_that_do_not_wait_are_answered_in_order(caller: Caller) -> None:
    numbers = [caller.send("add", n, n) for n in range(500)]
    assert [caller.receive() for _ in numbers] == [{"id": n, "result": 2 * (n - 1)} for n in numbers]


@pytest.mark.parametrize(
    "message", [b"", b"x", b"{}", b"[]", b"\xff", b'{"id": 1, "method": "add", "params": 5}', b"[" * 60_000, b"null"]
)
def test_what_is_no_call_ends_the_connection_behind_the_answers_that_are_owed(caller: Caller, message: bytes) -> None:
    caller.send("add", 1)
    caller.client.send(struct.pack(">I", len(message)) + message)
    assert caller.receive() == {"id": 1, "result": 1}
    assert caller.client.read_to_end() == b""


def test_M04_M05_a_call_of_the_longest_size_is_answered_and_a_longer_one_refused_from_its_header(
    caller: Caller,
) -> None:
    head = b'{"id": 1, "method": "upper", "params": ["'
    message = head + b"a" * (65536 - len(head) - 3) + b'"]}'
    caller.client.send(struct.pack(">I", 65536) + message)
    assert len(caller.receive()["result"]) == 65536 - len(head) - 3
    caller.client.send(struct.pack(">I", 65537))
    assert caller.client.read_to_end() == b""


@pytest.fixture(scope="module")
def child() -> Iterator[Child]:
    """The server from a shell; it says where it listens and ends on Ctrl-C."""
    child = Child("-m", "samples.length_rpc", "0")
    assert child.first_line == f"listening on 127.0.0.1:{child.address[1]}\n"
    yield child
    assert child.end(signal.SIGINT) == (0, "")


def shell(port: int, *call: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-m", "samples.length_rpc", str(port), *call]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=False)


@pytest.mark.parametrize(
    ("call", "answer"),
    [
        (("add", "2", "3"), "{'id': 1, 'result': 5}\n"),
        (("sort", '["b", "a"]'), "{'id': 1, 'result': ['a', 'b']}\n"),
        (("nothing",), "{'id': 1, 'error': \"KeyError('nothing')\"}\n"),
    ],
)
def test_server_and_client_from_a_shell(child: Child, call: tuple[str, ...], answer: str) -> None:
    done = shell(child.address[1], *call)
    assert (done.returncode, done.stdout, done.stderr) == (0, answer, "")


def test_a_server_that_is_not_there_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    done = shell(port, "add", "1")
    assert done.returncode == 1
    assert re.fullmatch(rf"ConnectionRefusedError: .*127.0.0.1', {port}\)", done.stderr.splitlines()[-1])


def test_a_thousand_calls_at_once_and_more_from_their_answers(child: Child) -> None:
    with Reactor.open() as reactor:
        caller = length_rpc.RpcClient()
        first = [caller.call("add", n, n) for n in range(1000)]  # before there is a connection
        later: list[Future[Any]] = []
        first[-1].add_done_callback(lambda _: later.append(caller.call("upper", "done")))
        reactor.connect(child.address, caller)
        until(reactor, lambda: later and later[0].done())
        assert [each.result()["result"] for each in first] == [2 * n for n in range(1000)]
        assert later[0].result() == {"id": 1001, "result": "DONE"}


def test_what_is_owed_when_the_server_goes_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, Reactor.open() as reactor:
        caller = length_rpc.RpcClient()
        owed = caller.call("add", 1)
        reactor.connect(server.getsockname(), caller)
        until(reactor, lambda: not caller.early)
        accepted, _ = server.accept()
        with accepted:
            accepted.settimeout(PATIENCE)
            assert b"add" in accepted.recv(1000)
        until(reactor, owed.done)
        with pytest.raises(ConnectionError, match="the server has gone: PEER_FIN"):
            owed.result()


def until(reactor: Reactor, condition: Callable[[], object]) -> None:
    """Turn the reactor until it is so."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        reactor.turn(timeout=1)
