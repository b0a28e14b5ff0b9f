"""The hello servers of the README, and the classic one, hold the same conversations as the stages by hand."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from nio import SelectionKey, Selector, ServerSocketChannel, SocketChannel
from samples import hello_java
from tests.integration.conversation import (
    CONVERSATIONS,
    PATIENCE,
    ROOT,
    Address,
    Child,
    ask,
    client,
    nothing_is_left_of_clients_that_are_gone,
    receive_all,
)

SERVERS = {
    "hello_java": "runpy.run_module('samples.hello_java', run_name='__main__')",
    "hello_tasks": "runpy.run_module('samples.hello_tasks', run_name='__main__')",
    "hello_classic": "runpy.run_module('samples.hello_classic', run_name='__main__')",
    "hello_lea": "runpy.run_module('samples.hello_lea', run_name='__main__')",
    "hello_lea, pooled": "from samples import hello_lea; hello_lea.main(workers=2)",
}
SCRIPTS = ("hello_java", "hello_tasks", "hello_classic", "hello_lea")
CTRL_C = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "  # also where a shell ignores it


@pytest.fixture(scope="module", params=list(SERVERS))
def server(request: pytest.FixtureRequest) -> Iterator[Child]:
    child = Child.launched(SERVERS[request.param])
    yield child
    code, errors = child.end(signal.SIGTERM)
    assert code in (0, -signal.SIGTERM)
    assert errors == ""


@pytest.mark.parametrize("conversation", CONVERSATIONS, ids=lambda conversation: str(conversation.__name__))
def test_conversation(server: Child, conversation: Callable[[Address], None]) -> None:
    conversation(server.address)


def test_nothing_is_left_of_clients_that_are_gone(server: Child) -> None:
    nothing_is_left_of_clients_that_are_gone(server)


def test_the_port_is_the_one_of_the_readme(server: Child) -> None:
    assert server.first_line.startswith("asked for 9900,")


@pytest.mark.parametrize("name", SCRIPTS)
def test_it_says_where_it_listens_and_ends_on_ctrl_c_in_silence(name: str) -> None:
    child = Child.launched(CTRL_C + SERVERS[name])
    assert child.process.stdout
    assert child.process.stdout.readline() == f"listening on 127.0.0.1:{child.address[1]}\n"
    assert child.end(signal.SIGINT) == (0, "")


def script(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", f"samples.{name}", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=False)


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_second_start_names_the_address_in_use_and_the_way_out(name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as first:
        port = first.getsockname()[1]
        done = script(name, str(port))
    assert (done.returncode, done.stdout) == (1, "")
    error, usage = done.stderr.splitlines()
    assert error.endswith(f"Address already in use: ('127.0.0.1', {port})")
    assert f"python3 -m samples.{name} [port" in usage


@pytest.mark.parametrize("name", SCRIPTS)
@pytest.mark.parametrize(
    ("argument", "error"),
    [("--port", "invalid literal .*'--port'"), ("65536", "a port must be 0 to 65535, not 65536"), ("-1", ".*not -1")],
)
def test_what_is_no_port_is_refused_in_words(name: str, argument: str, error: str) -> None:
    done = script(name, argument)
    assert (done.returncode, done.stdout) == (1, "")
    told, usage = done.stderr.splitlines()
    assert re.fullmatch(error, told)
    assert f"python3 -m samples.{name} [port" in usage


@pytest.mark.parametrize(
    ("name", "more"), [("hello_java", []), ("hello_tasks", []), ("hello_classic", []), ("hello_lea", ["2"])]
)
def test_a_port_may_be_given(name: str, more: list[str]) -> None:
    child = Child("-m", f"samples.{name}", "0", *more)
    assert child.address[1] not in (0, 9900)
    with client(child.address) as sock:
        ask(sock, b"ann")
    assert child.end(signal.SIGTERM) == (-signal.SIGTERM, "")


def test_hello_java_sends_what_is_owed_before_it_closes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name, one that is too long, and a channel that takes nothing at first."""
    with Selector.open() as selector, ServerSocketChannel.open() as server, ExitStack() as stack:
        server.bind(("127.0.0.1", 0))
        sock = stack.enter_context(client(server.socket.getsockname()))
        accepted = server.accept()
        assert accepted
        key = accepted.configure_blocking(False).register(selector, SelectionKey.OP_READ, hello_java.Session())
        sock.sendall(b"ann\n" + b"x" * 257 + b"\n")
        assert list(selector.ready_keys(PATIENCE)) == [key]
        with monkeypatch.context() as full:
            full.setattr(SocketChannel, "write", lambda channel, sources: 0)
            hello_java.advance(key)
        assert key.interest_ops == SelectionKey.OP_WRITE
        assert list(selector.ready_keys(PATIENCE)) == [key]
        hello_java.advance(key)
        assert not key.is_valid
        assert receive_all(sock) == b"Hello ann\n"
