"""A trace as the page: the same ticks, made from records alone."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest

from nio.channels import SelectionKey, ServerSocketChannel
from nio.inspector._replay import as_html
from nio.reactor import Acceptor, Reactor
from nio.trace import CHANNEL, CLOSED, DISPATCH, INTEREST, READY, RECORD, THREAD, TURN, WRITE, Record, recording
from tests.helpers import until
from tests.unit.inspector.support import Hello

S = 1_000_000_000
LOOP: Record = (THREAD, 0, 0, "loop")


def ticks(records: list[Record], **header: Any) -> list[Any]:
    text = as_html(records, header)
    data = text.partition('<script type="application/json" id="data">')[2].partition("</script>")[0]
    found: list[Any] = json.loads(data)
    return found


def test_keys_come_change_and_go() -> None:
    records: list[Record] = [
        LOOP,
        (CHANNEL, 0, 1, 5, "stream", "", ""),
        (CHANNEL, 1, 1, 5, "listener", "127.0.0.1:80", ""),
        (INTEREST, 2, 1, 0, 1, "", 0),
        (CHANNEL, S, 2, 6, "stream", "", "127.0.0.1:9"),
        (INTEREST, S, 2, 0, 1, "a.py:3", 1),
        (READY, S, 2, 1, 0),
        (RECORD, S, 2, 4),
        (WRITE, S, 2, 100, 300),
        (DISPATCH, S, S + 5, 2, 5, "reading", "sending", 4, 100, 0, "Hello"),
        (INTEREST, 2 * S, 0, 0, 1, "", 0),
        (WRITE, 2 * S, 2, -104, 200),
        (CLOSED, 3 * S, 2, "PEER_RST"),
        (INTEREST, 3 * S, 1, 1, 0, "", 0),
    ]
    first, second, third, last = ticks(records, program="x.py", clock=0, level="io", process=7)
    [listener] = first["keys"]
    assert (listener["fd"], listener["peer"], listener["interest"]) == (5, "127.0.0.1:80 listening", 16)
    connection = second["keys"][1]
    assert connection == {
        "ch": 2,
        "fd": 6,
        "peer": "127.0.0.1:9",
        "handler": "Hello",
        "state": "sending",
        "interest": 1,
        "ready": 5,
        "pending": 0,
        "unsent": 200,
        "kept": True,
        "age": 0.1,
    }
    assert (second["stats"]["requests"], second["name"], second["level"], second["process"]) == (1, "x.py", "io", 7)
    assert third["keys"][1]["unsent"] == 0
    assert [key["fd"] for key in last["keys"]] == [5]
    assert last["keys"][0]["interest"] == 0
    assert [tick["seq"] for tick in (first, second, third, last)] == [1, 2, 3, 4]
    assert first["t"] == 100
    assert last["t"] == 3100


def test_a_real_trace() -> None:
    with (
        recording("teach") as log,
        Reactor.open() as reactor,
        ServerSocketChannel.open().bind(("127.0.0.1", 0)) as server,
    ):
        reactor.register(server, SelectionKey.OP_ACCEPT, Acceptor(Hello))
        with reactor.in_thread(), socket.create_connection(("127.0.0.1", server.port or 0)) as client:
            client.sendall(b"Ann\n")
            assert client.recv(100) == b"Hello Ann\n"
            records: list[Record] = []

            def is_told() -> bool:
                records.extend(log.take())
                return any("Hello" in record for record in records)

            until(is_told)
    last = ticks(records, clock=log.began, program="a</script>.py")[-1]
    handlers = {key["handler"]: key for key in last["keys"]}
    assert set(handlers) == {"Acceptor", "Hello"}
    assert handlers["Hello"]["state"] == "reading"
    assert last["stats"]["requests"] == 1
    assert last["findings"] == []


@pytest.mark.parametrize("records", [[], [LOOP]])
def test_a_trace_of_nothing(records: list[Record]) -> None:
    [tick] = ticks(records)
    assert tick["keys"] == []
    assert tick["trace"] == []


def test_a_long_trace_has_longer_ticks() -> None:
    day = 24 * 3600 * S
    records: list[Record] = [LOOP, *((TURN, n * day // 10_000, n * day // 10_000 + 5, -1, 1, 0) for n in range(10_000))]
    found = ticks(records)
    assert 5_000 < len(found) <= 6_001
    assert found[-1]["stats"]["turns"] == 10_000


def test_a_period_without_a_record_is_no_tick() -> None:
    """The first record of a thread, and then nothing for a long time."""
    late: Record = (TURN, 60 * S, 60 * S + 1, -1, 0, 0)
    [tick] = ticks([LOOP, late], clock=1)
    assert tick["stats"]["turns"] == 1
