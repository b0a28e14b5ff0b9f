"""``samples/websocket_echo.py`` with the WebSocket of a browser. Skipped where there is none: see ``_browser.py``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration import _browser
from tests.integration.test_small_samples import sample

pytest.importorskip("wsproto", reason="wsproto is not installed")
browser, page = _browser.browser, _browser.page

# What the server says is waited for in order; an end is told as its code, its reason and whether it was a clean one.
CLIENT = """
async port => {
    window.socket = new WebSocket(`ws://127.0.0.1:${port}`);
    socket.binaryType = "arraybuffer";
    const heard = [], waiting = [];
    const tell = what => waiting.length ? waiting.shift()(what) : heard.push(what);
    socket.onmessage = event => tell(event.data);
    socket.onclose = event => tell([event.code, event.reason, event.wasClean]);
    window.hear = () => heard.length ? heard.shift() : new Promise(resolve => waiting.push(resolve));
    await new Promise((resolve, reject) => { socket.onopen = resolve; socket.onerror = reject; });
}
"""
ASK = "what => { socket.send(what); return hear(); }"


@pytest.fixture
def socket_page(page: Any) -> Iterator[Any]:
    """A page with a socket to the server."""
    with sample("websocket_echo") as server:
        page.evaluate(CLIENT, server.address[1])
        yield page
    assert page.complaints == []


def test_text_and_bytes_come_back(socket_page: Any) -> None:
    for text in ("hello", "", "Grüße, 世界 🎉"):
        assert socket_page.evaluate(ASK, text) == text
    echo = "async () => { socket.send(new Uint8Array([0, 255, 128])); return [...new Uint8Array(await hear())]; }"
    assert socket_page.evaluate(echo) == [0, 255, 128]


def test_a_megabyte_comes_back_and_a_byte_more_ends_it(socket_page: Any) -> None:
    same = "async () => { const text = 'x'.repeat(1 << 20); socket.send(text); return await hear() === text; }"
    assert socket_page.evaluate(same)
    bits = """async () => {
        const sent = Uint8Array.from({length: 1 << 20}, (_, at) => at % 251);
        socket.send(sent);
        const got = new Uint8Array(await hear());
        return got.length === sent.length && got.every((byte, at) => byte === sent[at]);
    }"""
    assert socket_page.evaluate(bits)
    code, reason, _ = socket_page.evaluate("() => { socket.send('x'.repeat((1 << 20) + 1)); return hear(); }")
    assert (code, reason) == (1009, "more than 1048576 bytes")


def test_many_messages_keep_their_order(socket_page: Any) -> None:
    many = """async () => {
        for (let at = 0; at < 500; at++) socket.send(String(at));
        const got = [];
        while (got.length < 500) got.push(Number(await hear()));
        return got;
    }"""
    assert socket_page.evaluate(many) == list(range(500))


def test_the_code_of_an_end_comes_back(socket_page: Any) -> None:
    assert socket_page.evaluate("() => { socket.close(3001, 'enough'); return hear(); }") == [3001, "enough", True]
