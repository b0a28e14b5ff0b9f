"""What each address answers."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import socket
from pathlib import Path

import pytest

import nio.inspector
from nio.inspector import inspect
from nio.reactor import Reactor
from nio.trace import TracingProvider
from tests.unit.inspector.support import Server, serving

PAGE = Path(nio.inspector.__file__).parent / "page.html"


def test_the_page_is_small_and_names_its_own_script_and_style() -> None:
    text = PAGE.read_text()
    assert len(PAGE.read_bytes()) <= 48 * 1024
    assert len(text.splitlines()) <= 1000
    with serving() as server:
        answer = server.ask("/")
    assert answer.status == 200
    assert answer.body.decode() == text
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    with serving() as server, server.connected() as sock:
        sock.sendall(server.request("/"))
        head = sock.makefile("rb").read().partition(b"\r\n\r\n")[0].decode()
    rules = dict(
        rule.strip().split(" ", 1)
        for rule in head.partition("Content-Security-Policy: ")[2].split("\r\n")[0].split(";")
    )
    assert rules["default-src"] == "'none'"
    assert rules["connect-src"] == "'self'"
    assert rules["frame-ancestors"] == "'none'"
    for tag, rule in (("script", "script-src"), ("style", "style-src")):
        inside = text.partition(f"<{tag}>")[2].partition(f"</{tag}>")[0]
        assert text.count(f"<{tag}>") == 1
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert rules[rule] == f"'sha256-{digest}'"


def test_the_page_asks_nobody_else() -> None:
    text = PAGE.read_text()
    for word in ("http:", "https:", "//cdn", "@import", "import(", 'onclick="', 'style="'):
        assert word not in text, word


def test_ticks_come_with_the_keys() -> None:
    with serving() as server, server.events() as events, server.client() as client:
        assert events.status == 200
        assert b"Content-Type: text/event-stream; charset=utf-8\r\n" in events.headers
        client.sendall(b"Ann\n")
        assert client.recv(100) == b"Hello Ann\n"
        tick = events.until(
            lambda tick: (
                (tick["stats"]["requests"], tick["stats"]["bytes_in"]) == (1, 4)
                and sorted(key["state"] for key in tick["keys"]) == ["", "reading"]
            )
        )
        listener, connection = sorted(tick["keys"], key=lambda key: key["handler"])
        assert listener["peer"] == f"127.0.0.1:{server.port} listening"
        assert (listener["handler"], listener["interest"]) == ("Acceptor", 16)
        own = client.getsockname()
        assert connection["peer"] == f"{own[0]}:{own[1]}"
        assert (connection["handler"], connection["state"], connection["interest"]) == ("Hello", "reading", 1)
        assert (tick["name"], tick["level"], tick["control"]) == ("hello", "io", False)
        client.close()
        events.until(lambda tick: len(tick["keys"]) == 1)


def test_a_tick_tells_what_was_recorded() -> None:
    with serving() as server, server.events() as events:
        assert server.greets()
        seen: list[list[object]] = []
        for _ in range(500):
            seen += events.tick()[1]["trace"]
            if any(record[0] == 13 for record in seen):
                break
        read = next(record for record in seen if record[0] == 13)
        assert read[3] == 4  # bytes


def test_a_stream_goes_on_where_it_was_cut() -> None:
    with serving() as server:
        with server.events() as events:
            numbers = [events.tick()[0] for _ in range(4)]
            assert numbers == list(range(numbers[0], numbers[0] + 4))
        with server.events(f"Last-Event-ID: {numbers[1]}") as events:
            again = [events.tick()[0] for _ in range(4)]
            assert again == list(range(numbers[1] + 1, numbers[1] + 5))
        with server.events("Last-Event-ID: 999999") as events:  # of a server that was here before
            assert events.tick()[0] == 1
        with server.events("Last-Event-ID: x") as events:
            assert events.tick()[0] == 1


def test_keys_findings_and_health() -> None:
    with serving() as server, server.client():
        keys = server.ask("/keys.json").json
        assert keys["name"] == "hello"
        assert 0 <= keys["stats"]["busy"] <= 1
        assert server.ask("/findings.json").json == {"findings": []}
        health = server.ask("/healthz", token="").json
        assert health["ok"] is True
        assert server.ask("/nothing").status == 404


def test_metrics_are_in_prometheus_form() -> None:
    with serving() as server, server.client() as client, server.events() as events:
        client.sendall(b"Ann\n")
        events.until(lambda tick: tick["stats"]["requests"] == 1 and sum(tick["lag_us"]))
        answer = server.ask("/metrics", f"Authorization: Bearer {server.token}", token="")
    assert answer.headers["content-type"].startswith("text/plain")
    values: dict[str, float] = {}
    explained: dict[str, set[str]] = {"HELP": set(), "TYPE": set()}
    for line in answer.body.decode().splitlines():
        if line.startswith("# "):
            _, kind, name, words = line.split(" ", 3)
            explained[kind].add(name)
            assert words != name.removeprefix("nio_").removesuffix("_total")
        else:
            name, value = line.rsplit(" ", 1)
            values[name] = float(value)
    told = {re.sub("_(bucket|sum|count)$", "", name.partition("{")[0]) for name in values}
    assert told <= explained["HELP"] == explained["TYPE"]
    assert values["nio_open"] == 1
    assert values["nio_requests_total"] == 1
    assert values["nio_bytes_in_total"] == 4
    assert values["nio_queued_bytes"] == 0
    assert values['nio_loop_lag_seconds_bucket{le="+Inf"}'] == values["nio_loop_lag_seconds_count"]
    buckets = [value for name, value in values.items() if name.startswith("nio_loop_lag_seconds_bucket")]
    assert buckets == sorted(buckets)
    assert 0 <= values["nio_busy_ratio"] <= 1


def test_the_trace_as_chrome_and_as_a_file() -> None:
    with serving() as server, server.events() as events:
        assert server.greets()
        events.until(lambda tick: any(record[0] == 13 for record in tick["trace"]))
        chrome = server.ask("/trace.json").json
        assert any(event.get("cat") == "READ" for event in chrome["traceEvents"])
        text = server.ask("/trace.html").body.decode()
    data = text.partition('<script type="application/json" id="data">')[2].partition("</script>")[0]
    ticks = json.loads(data)
    assert [tick["seq"] for tick in ticks] == list(range(1, len(ticks) + 1))
    assert "connect-src &#x27;none&#x27;" in text
    assert "<title>nio trace: hello</title>" in text


def test_what_is_queued_is_seen_and_gone_when_it_was_read() -> None:
    with serving() as server, server.events() as events, server.client() as client:
        client.sendall(b"big\n")
        events.until(lambda tick: any(key["unsent"] and key["interest"] & 4 for key in tick["keys"]))
        left = (8 << 20) + 1
        while left:
            left -= len(client.recv(1 << 20))
        events.until(lambda tick: not any(key["unsent"] or key["interest"] & 4 for key in tick["keys"]))


def test_a_reactor_that_is_not_recorded_shows_keys_and_counters() -> None:
    said: list[str] = []
    with Reactor.open() as reactor, inspect(reactor, say=said.append) as page:
        server = Server(page, reactor, TracingProvider(), 0)
        with server.events() as events:
            _, tick = events.tick()
        assert (tick["level"], tick["name"], tick["trace"]) == ("off", "Reactor", [])
        assert tick["stats"]["turns"] == 0
        assert b"nio_turns_total 0\n" in server.ask("/metrics").body
        assert "busy" not in server.ask("/keys.json").json["stats"]  # which only records tell
        assert repr(page).startswith("Inspector('http://127.0.0.1:")


def test_what_is_no_reactor_is_refused() -> None:
    with pytest.raises(TypeError, match="a reactor or a TracingProvider, not 'x'"):
        inspect("x")  # type: ignore[arg-type]


def test_a_port_that_is_taken_is_an_error_and_leaves_nothing() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        Reactor.open() as reactor,
        pytest.raises(OSError, match="in use"),
    ):
        inspect(reactor, taken.getsockname()[1])


def test_a_page_is_closed_twice() -> None:
    with serving() as server:
        server.page.close()
        server.page.close()
        with pytest.raises(ConnectionRefusedError):
            server.connected()
        assert server.greets()
