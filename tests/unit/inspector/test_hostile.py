"""Who must not be answered, and what must not grow: the server that is observed serves on, each time."""

from __future__ import annotations

import socket

import pytest

from nio.inspector import _client
from nio.spi import SelectorProvider
from tests.unit.inspector.support import PATIENCE, Server, reply, serving


def test_a_wrong_token_a_strange_host_and_a_strange_origin_are_refused() -> None:
    with serving() as server:
        host, port = server.place
        assert server.ask("/", token="wrong").status == 403
        assert server.ask("/", token="").status == 403
        assert server.ask("/events", token="wrong").status == 403
        for name in ("evil.example", f"evil.example:{port}", host, f"{host}:1", ""):
            assert server.ask("/", f"Host: {name}").status == 403, name
            assert server.ask("/healthz", f"Host: {name}").status == 403, name
        for name in ("localhost", "LOCALHOST", "127.0.0.1", "[::1]"):
            assert server.ask("/", f"Host: {name}:{port}").status == 200, name
        assert server.ask("/", "Origin: http://evil.example").status == 403
        assert server.ask("/", "Origin: null").status == 403
        assert server.ask("/", f"Origin: http://{host}:{port}").status == 200
        assert server.ask("/", f"X-Nio-Token: {server.token}", token="").status == 200
        assert server.greets()


def test_nothing_is_done_without_the_token_in_its_header_and_the_pages_own_origin() -> None:
    with serving("teach") as server:
        site, token = "Sec-Fetch-Site: same-origin", f"X-Nio-Token: {server.token}"
        for headers in ((), (token,), (site,), (token, "Sec-Fetch-Site: cross-site"), (site, "X-Nio-Token: wrong")):
            assert server.ask("/do/pause", *headers, method="POST").status == 403, headers
        assert server.ask("/do/pause").status == 404  # GET does nothing
        assert server.greets()
    with serving("io") as server:
        assert server.do("pause").status == 403
        assert server.greets()


@pytest.mark.parametrize(
    "head",
    [
        b"\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/2.0\r\n\r\n",
        b"GET http://x/ HTTP/1.1\r\n\r\n",
        b"GET //[ HTTP/1.1\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\n: no name\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost : x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
        b"GET /?" + b"&".join([b"a=1"] * 17) + b" HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
    ],
)
def test_what_is_no_request_is_told_so(head: bytes) -> None:
    with serving() as server, server.connected() as sock:
        sock.sendall(head)
        assert reply(sock).status == 400
        assert server.greets()


def test_too_much_of_a_head_is_refused() -> None:
    with serving() as server:
        assert server.ask("/", *(f"X-{number}: 1" for number in range(80))).status == 431
        with server.connected() as sock:
            sock.sendall(b"GET / HTTP/1.1\r\nX: " + b"x" * 9000)
            assert reply(sock).status == 431
        assert server.ask("/", method="PUT").status == 405
        assert server.greets()


def test_a_request_that_does_not_come_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_client, "PATIENCE", 0.05)
    with serving() as server, server.connected() as silent, server.connected() as slow:
        slow.sendall(b"GET / HT")
        assert reply(silent).status == 408
        assert reply(slow).status == 408


def test_a_body_and_a_second_request_mean_nothing() -> None:
    with serving() as server, server.connected() as sock:
        sock.sendall(server.request("/healthz") + b"GET /nothing HTTP/1.1\r\n\r\n")
        answer = reply(sock)
        assert answer.status == 200
        assert answer.json["ok"] is True


def test_a_thousand_streams_are_bounded() -> None:
    with serving() as server:
        socks = []
        try:
            for _ in range(1000 if SelectorProvider.default().watch_limit is None else 300):
                sock = socket.create_connection(server.place, PATIENCE)
                socks.append(sock)
                sock.sendall(server.request("/events"))
            statuses = []
            for sock in socks[:40]:
                head = sock.recv(12)
                statuses.append(int(head.split()[1]))
            assert statuses.count(200) == 16
            assert statuses.count(503) == 24
            assert server.greets()
        finally:
            for sock in socks:
                sock.close()
        assert server.greets()


def test_a_page_that_does_not_read_is_skipped() -> None:
    with serving() as server, deaf(server) as sock, server.events() as events:
        assert sock.fileno() >= 0
        while events.tick()[0] < 12:  # who reads is not kept waiting
            assert server.greets()


def deaf(server: Server) -> socket.socket:
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    sock.connect(server.place)
    sock.sendall(server.request("/events"))
    return sock


def test_who_leaves_in_the_middle_is_forgotten() -> None:
    with serving() as server:
        for path in ("/events", "/", "/trace.html"):
            with server.connected() as sock:
                sock.sendall(server.request(path))
        with server.events() as events:
            events.tick()
        assert server.greets()
