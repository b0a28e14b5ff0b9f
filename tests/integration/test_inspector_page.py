"""The live page in a browser that nobody sees: what a person sees and does there, with the keyboard, too.

Skipped where there is no browser: see ``_browser.py``.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.integration import _browser
from tests.unit.doctor.classic import CLASSIC, changed
from tests.unit.inspector.support import serving

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "a-token-that-stays"
browser, page, expect = _browser.browser, _browser.page, _browser.expect


class Child:
    """A program with a page, in a process of its own: ``url`` is the page's, ``line`` the first it printed."""

    def __init__(self, *words: str, prints: bool = True, **environment: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, *words],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        seen = ""
        self.urls: list[str] = []
        while not self.urls:
            line = self._process.stderr.readline()
            seen += line
            assert line, seen
            self.urls = re.findall(r"http://\S+", line)
        self.line = self._process.stdout.readline() if prints else ""

    @property
    def url(self) -> str:
        return self.urls[0]

    def next_url(self) -> str:
        """The page of the next process that says so."""
        assert self._process.stderr is not None
        while not (found := re.findall(r"http://\S+", self._process.stderr.readline())):
            pass
        return str(found[0])

    @property
    def port(self) -> int:
        return int(re.findall(r"127\.0\.0\.1:(\d+)", self.line)[0])

    def client(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), _browser.PATIENCE / 1000)

    def end(self, number: int = signal.SIGTERM) -> None:
        self._process.send_signal(number)
        self._process.communicate(timeout=20)


@contextmanager
def child(*words: str, prints: bool = True, **environment: str) -> Iterator[Child]:
    running = Child(*words, prints=prints, **environment)
    try:
        yield running
    finally:
        running.end()


def hello(*words: str, **environment: Any) -> Any:
    return child("-m", "samples.hello_name", "server", "--port", "0", "--inspect", *words, **environment)


def figure(page: Any, name: str) -> int:
    text = page.locator(f"#figures li:has-text('{name}')").first.inner_text()
    return int(re.sub(r"\D", "", text))


def rows(page: Any) -> Any:
    return page.locator("#keyrows tr")


def cell(page: Any, column: int, row: str = "ConfiguredHandler") -> Any:
    """A cell of the first connection's row: 3 state, 4 interest, 7 to send."""
    return page.locator(f"#keyrows tr:has-text('{row}')").first.locator("td").nth(column)


@pytest.mark.parametrize("mode", ["single", "pooled", "multi", "prefork"])
def test_the_page_comes_up_on_each_reactor(page: Any, mode: str) -> None:
    with hello("--reactor", mode) as server:
        page.goto(server.next_url() if mode == "prefork" else server.url)
        expect(page.locator("#name")).to_have_text(f"hello_name {mode}")
        expect(page.locator("#when")).to_have_text("live")
        expect(rows(page).filter(has_text="listening")).to_have_count(1)
        assert page.complaints == []
        here = urlsplit(page.url).netloc
        assert {urlsplit(url).netloc for url in page.asked if not url.startswith("data:")} == {here}


def test_the_page_of_a_plain_selector_program(page: Any, tmp_path: Path) -> None:
    words = ("-m", "nio.trace", "--level", "teach", "--inspect", "samples/hello_java.py", "0")
    with child(*words, PYTHONPATH=str(ROOT)) as server:
        page.goto(server.url)
        expect(page.locator("#name")).to_have_text("hello_java.py")
        expect(rows(page)).to_have_count(1)
        with server.client() as client:
            client.sendall(b"Ann\n")
            assert client.recv(100) == b"Hello Ann\n"
            expect(rows(page)).to_have_count(2)
            rows(page).nth(1).locator("button").press("Enter")
            expect(page.locator("#marks")).to_contain_text("position")
            expect(page.locator("#cells li")).to_have_count(16)
        assert page.complaints == []


def test_keys_come_and_go(page: Any) -> None:
    with hello() as server:
        page.goto(server.url)
        clients = [server.client() for _ in range(12)]
        expect(rows(page)).to_have_count(13)
        expect(page.locator("#count")).to_have_text("13 of them")
        clients.pop().close()
        expect(rows(page)).to_have_count(12)
        for client in clients:
            client.close()
        expect(rows(page)).to_have_count(1)


def test_a_request_that_a_worker_has(page: Any) -> None:
    with hello("--reactor", "pooled", "--delay", "0.2") as server, server.client() as client:
        page.goto(server.url)
        expect(cell(page, 3)).to_have_text("○ reading")
        client.sendall(b"Ann\n" * 5)
        expect(cell(page, 3)).to_have_text("◆ processing")
        expect(cell(page, 4)).to_have_text("· · · ·")
        expect(cell(page, 3)).to_have_text("○ reading")
        expect(cell(page, 4)).to_have_text("R · · ·")
        expect(page.locator("#workerrows td").first).to_contain_text("worker")


def test_output_that_nobody_reads(page: Any) -> None:
    with serving() as server, server.client() as client:
        page.goto(server.page.url)
        client.sendall(b"big\n")
        expect(cell(page, 4, "Hello")).to_contain_text("W")
        expect(cell(page, 7, "Hello")).not_to_have_text("0")
        left = (8 << 20) + 1
        while left:
            left -= len(client.recv(1 << 20))
        expect(cell(page, 7, "Hello")).to_have_text("0")
        expect(cell(page, 4, "Hello")).to_have_text("R · · ·")


def test_pause_rewind_and_live_again_by_keyboard(page: Any) -> None:
    with serving() as server, server.client():
        page.goto(server.page.url)
        expect(rows(page)).to_have_count(2)
        page.wait_for_timeout(1300)
        with server.client(), server.client():
            expect(rows(page)).to_have_count(4)
            page.keyboard.press("p")
            expect(page.locator("#pause")).to_have_attribute("aria-pressed", "true")
            assert server.greets()
            with server.client():
                page.wait_for_timeout(300)
                assert rows(page).count() == 4
                page.keyboard.press("[")
                expect(page.locator("#when")).to_contain_text("paused")
                expect(rows(page)).to_have_count(2)
                page.keyboard.press("]")
                page.keyboard.press("]")
                page.keyboard.press(",")
                page.keyboard.press("s")
                page.locator("#at").focus()
                page.keyboard.press("Home")
                expect(page.locator("#when")).to_contain_text("−")
                page.keyboard.press("p")
                expect(page.locator("#when")).to_have_text("live")
                expect(rows(page)).to_have_count(5)


@pytest.mark.skipif("NIO_PROVIDER" in os.environ, reason="once is enough")
def test_each_classic_mistake_is_named_with_its_line(page: Any, tmp_path: Path) -> None:
    stays = "import atexit, signal, threading; atexit.register(signal.pause)"
    for name, (code, patch) in CLASSIC.items():
        text = changed(patch)
        [line] = [number for number, line in enumerate(text.splitlines(), 1) if line.endswith("# here")]
        program = tmp_path / f"{name.replace(' ', '_')}.py"
        program.write_text(text.replace("import threading", stays, 1), encoding="utf-8")
        words = ("-m", "nio.trace", "--level", "io", "--inspect", str(program))
        server = Child(*words, prints=False, NIO_STRICT="1", PYTHONPATH=str(ROOT))
        try:
            page.goto(server.url)
            expect(page.locator("#findings")).to_contain_text(f"✗ {code} {program.name}:{line}")
        finally:
            server.end(signal.SIGKILL)


def test_nothing_to_report_of_a_healthy_server(page: Any) -> None:
    with serving() as server:
        page.goto(server.page.url)
        for _ in range(200):
            assert server.greets()
        page.wait_for_timeout(300)
        expect(page.locator("#findings")).to_have_text("✓ nothing to report")


@pytest.mark.parametrize(
    ("scheme", "width", "size"),
    [("light", 1400, ""), ("dark", 1400, ""), ("light", 360, ""), ("dark", 720, "&size=32")],
)
def test_the_page_is_accessible(browser: Any, scheme: str, width: int, size: str) -> None:
    axe = pytest.importorskip("axe_playwright_python", reason="axe is not installed")
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    try:
        with serving("teach") as server, server.client() as client:
            page.goto(server.page.url + size)
            client.sendall(b"Ann\n")
            expect(rows(page)).to_have_count(2)
            page.evaluate(Path(axe.__file__).with_name("axe.min.js").read_text(encoding="utf-8"))
            found = page.evaluate("axe.run()")
            assert [(one["id"], one["nodes"][0]["html"]) for one in found["violations"]] == []
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    finally:
        context.close()


def test_everything_is_reached_by_keyboard(page: Any) -> None:
    with serving("teach") as server, server.client():
        page.goto(server.page.url)
        expect(rows(page)).to_have_count(2)
        expect(page.locator("#control")).to_be_visible()
        reached = set()
        for _ in range(60):
            page.keyboard.press("Tab")
            reached.add(page.evaluate("document.activeElement.id || document.activeElement.textContent.trim()"))
            has_focus = "document.activeElement !== document.body"
            outline = "getComputedStyle(document.activeElement).outlineStyle"
            assert not page.evaluate(has_focus) or page.evaluate(outline) != "none"
        for wanted in ("pause", "back", "on", "chrome", "html", "at", "window", "text", "Connect", "20 clients"):
            assert any(name.startswith(wanted) for name in reached), wanted
        page.keyboard.press("6")
        assert page.evaluate("document.activeElement.id") == "events"


def test_the_buttons_play_clients_and_hold_the_loop(page: Any) -> None:
    with serving("teach") as server:
        page.goto(server.page.url)
        page.get_by_role("button", name="20 clients").click()
        expect(rows(page)).to_have_count(21)
        page.get_by_role("button", name="End (FIN)").click()
        expect(rows(page)).to_have_count(20)
        page.keyboard.press("h")
        expect(page.locator("#held")).to_contain_text("held between two turns")
        page.keyboard.press("t")
        page.keyboard.press("r")
        expect(page.locator("#held")).to_have_text("")
        assert server.greets()


def test_a_server_that_is_killed_and_comes_back(page: Any) -> None:
    with hello(NIO_INSPECT_TOKEN=TOKEN) as first:
        page.goto(first.url)
        expect(rows(page)).to_have_count(1)
        port = str(urlsplit(first.url).port)
        first.end(signal.SIGKILL)
        expect(page.locator("#notice")).to_contain_text("The server has gone")
    with hello(port, NIO_INSPECT_TOKEN=TOKEN) as second, second.client():
        expect(page.locator("#notice")).to_have_text("")
        expect(rows(page)).to_have_count(2)
    with hello(port, NIO_INSPECT_TOKEN="another"):
        expect(page.locator("#notice")).to_contain_text("open the address that it has printed")


def greeted_until(client: socket.socket, is_over: threading.Event) -> None:
    while not is_over.is_set():
        client.sendall(b"Ann\n")
        client.recv(100)


def test_a_busy_server_is_not_drawn_whole(page: Any) -> None:
    with serving() as server, server.client() as client:
        page.goto(server.page.url)
        expect(rows(page)).to_have_count(2)
        is_over = threading.Event()
        load = threading.Thread(target=greeted_until, args=(client, is_over))
        load.start()
        try:
            expect(page.locator("#skipped")).to_contain_text("not shown")
        finally:
            is_over.set()
            load.join()
        began, ended = page.evaluate("[ticks[0].seq, ticks[ticks.length - 1].seq]")
        assert ended > began
        assert page.evaluate("Math.max(...ticks.map(tick => JSON.stringify(tick).length))") <= 64_000


def test_a_trace_opens_from_a_file_and_rewinds(page: Any, tmp_path: Path) -> None:
    with serving() as server, server.events() as events:
        events.until(lambda tick: len(tick["keys"]) == 1)
        with server.client():
            events.until(lambda tick: len(tick["keys"]) == 2)
            path = tmp_path / "trace.html"
            path.write_bytes(server.ask("/trace.html").body)
    page.goto(path.as_uri())
    expect(rows(page)).to_have_count(2)
    page.locator("#at").focus()
    page.keyboard.press("Home")
    expect(rows(page)).not_to_have_count(2)
    page.keyboard.press("s")
    assert page.complaints == []
    assert len([url for url in page.asked if not url.startswith("data:")]) == 1
