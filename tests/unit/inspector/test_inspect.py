"""Ways in, forks, groups, and what a look from outside may meet."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from nio.channels import Pipe, SelectionKey, Selector, ServerSocketChannel
from nio.inspector import inspect
from nio.inspector._inspect import _PageOfChild, page_of
from nio.inspector._view import keys_of, listeners_of
from nio.reactor import Reactor, ReactorGroup
from nio.spi import ProtocolFamily
from nio.trace import TracingProvider
from nio.trace._keeper import Keeper
from tests.unit.inspector.support import Server

ROOT = Path(__file__).resolve().parents[3]


def read(url: str, path: str) -> Any:
    base, query = url.split("/?")
    with urllib.request.urlopen(f"{base}{path}?{query}", timeout=10) as answer:
        return json.loads(answer.read())


def test_a_group_is_one_page_with_the_sums() -> None:
    provider = TracingProvider()
    with ReactorGroup.open(reactors=2, provider=provider) as group:
        for target in (group, provider):
            with inspect(target, say=str) as page:
                assert read(page.url, "/keys.json")["stats"]["connections"] == 0


def test_a_provider_is_told_of_the_threads_that_are_not_the_programs() -> None:
    provider = TracingProvider()
    before = provider.thread_count()
    with Reactor.open(provider=provider) as reactor, inspect(reactor, say=str):
        assert provider.thread_count() == before
    assert provider.thread_count() == before


def test_the_token_of_the_environment(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("NIO_INSPECT_TOKEN", "mine")
    with Reactor.open() as reactor:
        with inspect(reactor) as page:
            assert page.url.endswith("/?token=mine")
        assert page.url in capsys.readouterr().err
        with inspect(reactor, token="yours", say=str) as page:
            assert page.url.endswith("/?token=yours")
        with inspect(reactor, token="a+b/c=", say=str) as page:  # as base64 has it
            assert read(page.url, "/keys.json")["keys"] == []
        monkeypatch.setattr(sys, "stderr", None)
        inspect(reactor).close()


def test_the_page_of_a_command_and_of_its_children(capsys: pytest.CaptureFixture[str]) -> None:
    provider = TracingProvider(level="teach")
    page = page_of(provider, 0, "/x/server.py")
    page.write([])
    assert "the page of server.py" in capsys.readouterr().err
    page.close()
    assert provider.own_threads == 0
    child = page.in_child(1)
    child.close()
    assert child.in_child(2) is child
    child.write([])  # opens it
    assert "the page of server.py" in capsys.readouterr().err
    child.write([])
    child.close()
    assert isinstance(child.in_child(2), _PageOfChild)


def test_each_process_of_a_prefork_has_a_page() -> None:
    words = (sys.executable, "-m", "samples.hello_name", "server", "--port", "0", "--reactor", "prefork")
    server = subprocess.Popen(
        [*words, "--processes", "2", "--inspect"],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stderr is not None
        urls: list[str] = []
        while len(urls) < 3:
            urls += re.findall(r"http://\S+", server.stderr.readline())
        assert len({url.partition("?")[0] for url in urls}) == 3
        processes = [read(url, "/healthz")["process"] for url in urls]
        assert processes[0] == server.pid
        assert len(set(processes)) == 3
        parent, *children = (read(url, "/keys.json")["keys"] for url in urls)
        assert parent == []
        for keys in children:
            assert "Acceptor" in [key["handler"] for key in keys]
    finally:
        server.send_signal(signal.SIGTERM)
        server.communicate(timeout=20)
    assert server.returncode == 0


def test_a_page_that_cannot_be_shown_is_told_by_the_hello_server() -> None:
    with ServerSocketChannel.open().bind(("127.0.0.1", 0)) as taken:
        port = str(taken.port)
        words = [sys.executable, "-m", "samples.hello_name", "server", "--port", "0", "--inspect", port]
        done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 3
    assert f"cannot show a page on port {port}: Address already in use" in done.stderr


class Strange:
    """An attachment that tells of itself in its own way, or not at all."""

    unsent = "many"

    @property
    def _state(self) -> object:
        raise ValueError("not now")


def test_keys_of_any_kind_are_shown_as_far_as_they_tell(tmp_path: Path) -> None:
    provider = TracingProvider()
    with (
        Selector.open(provider) as selector,
        Pipe.open(provider=provider) as pipe,
        ServerSocketChannel.open(ProtocolFamily.UNIX, provider=provider).bind(tmp_path / "s") as unix,
        ServerSocketChannel.open(ProtocolFamily.INET6, provider=provider).bind(("::1", 0)) as inet6,
    ):
        pipe.source.configure_blocking(False).register(selector, SelectionKey.OP_READ, Strange())
        for listener in (unix, inet6):
            listener.configure_blocking(False).register(selector, SelectionKey.OP_ACCEPT)
        keys, more = keys_of(provider, {}, 10)
        assert more == 0
        rows = {key["peer"]: key for key in keys}
        assert set(rows) == {"PipeSourceChannel", f"{tmp_path / 's'} listening", f"[::1]:{inet6.port} listening"}
        row = rows["PipeSourceChannel"]
        assert (row["handler"], row["state"], row["unsent"], row["ch"]) == ("Strange", "", 0, 0)
        assert keys_of(provider, {}, 1)[1] == 2
        assert len(listeners_of(provider)) == 2
        for key in selector.keys:
            key.cancel()
        assert keys_of(provider, {}, 10)[0] == []
        assert listeners_of(provider) == []


def test_many_keys_are_not_put_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nio.inspector._view._SORTED", 0)
    provider = TracingProvider()
    with Selector.open(provider) as selector, Pipe.open(provider=provider) as pipe:
        pipe.source.configure_blocking(False).register(selector, SelectionKey.OP_READ)
        assert len(keys_of(provider, {}, 10)[0]) == 1


def test_the_end_of_the_pages_own_thread_is_logged(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Reactor.open() as reactor:
        monkeypatch.setattr(Reactor, "run", lambda self: 1 / 0)
        inspect(reactor, say=str).close()
    assert "the page has ended" in caplog.text


def test_a_page_that_fails_says_so(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    with Reactor.open() as reactor, inspect(reactor, say=str) as page:
        server = Server(page, reactor, TracingProvider(), 0)
        with monkeypatch.context() as patched:
            patched.setattr("nio.inspector._site.page", lambda: 1 / 0)
            answer = server.ask("/")
        assert (answer.status, answer.body) == (500, b"this has failed: see the log\n")
        assert "the page could not answer" in caplog.text
        assert server.ask("/").status == 200


def test_a_page_whose_address_cannot_be_told_is_closed() -> None:
    def fails(line: str) -> None:
        raise BrokenPipeError

    provider = TracingProvider()
    with Reactor.open(provider=provider) as reactor, pytest.raises(BrokenPipeError):
        inspect(reactor, say=fails)
    assert provider.own_threads == 0


def test_a_ctrl_c_while_a_page_is_closed_is_raised_when_it_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    struck = [KeyboardInterrupt()]
    finish = Keeper._finish

    def interrupted(keeper: Keeper) -> None:
        if struck:
            raise struck.pop()
        finish(keeper)

    provider = TracingProvider()
    with Reactor.open(provider=provider) as reactor:
        page = inspect(reactor, say=str)
        monkeypatch.setattr(Keeper, "_finish", interrupted)
        with pytest.raises(KeyboardInterrupt):
            page.close()
    assert provider.own_threads == 0
