"""``samples/length_rpc.py`` with a client on a plain socket: calls, errors, limits, and calls that do not wait."""

from __future__ import annotations

import json
import signal
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from samples import length_rpc
from tests.faults.helpers import Client, Server
from tests.integration.conversation import Child, client

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
    assert caller.call("nothing") == {"error": "there is no method nothing"}
    assert "unsupported operand" in caller.call("add", "a")["error"]
    assert "unsupported operand" not in caller.call("upper")["error"]
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


def test_it_says_where_it_listens_and_ends_on_ctrl_c() -> None:
    child = Child("-m", "samples.length_rpc", "0")
    assert child.first_line == f"listening on 127.0.0.1:{child.address[1]}\n"
    call, result = b'{"id": 1, "method": "add", "params": [40]}', b'{"id": 1, "result": 40}'
    with client(child.address) as sock:
        sock.sendall(struct.pack(">I", len(call)) + call)
        assert sock.makefile("rb").read(4 + len(result)) == struct.pack(">I", len(result)) + result
    assert child.end(signal.SIGINT) == (0, "")
