"""benchmarks: servers under their load, each a process: honest ones, one that lies, one that is silent, none at all."""

from __future__ import annotations

import json
import os
import resource
import sys
import textwrap
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest

from benchmarks import __main__ as command
from benchmarks import _children, _measure, _peers
from benchmarks._children import Contest, FaultError
from benchmarks._loader import texts
from benchmarks._measure import Plan, idle_of, measure
from benchmarks._peers import PEERS, Peer
from benchmarks._tools import AbsentError, Tools
from benchmarks._works import EXTRAS, Extra, Work

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the benchmark needs Linux, and says so")

# Says its port, answers with {reply}, and ends when its standard input does.
SERVER = """
import socket, sys, threading
listener = socket.create_server(("127.0.0.1", 0))
def talk(client):
    with client:
        while data := client.recv(65536):
            {reply}
def accept():
    while True:
        threading.Thread(target=talk, args=(listener.accept()[0],), daemon=True).start()
threading.Thread(target=accept, daemon=True).start()
print(listener.getsockname()[1], flush=True)
sys.stdin.read()
"""
HONEST = "client.sendall(b''.join(b'Hello ' + line + b'\\n' for line in data.splitlines()))"
LIAR = "client.sendall(b'Good bye\\n')"
CHATTERBOX = "client.sendall(b''.join(b'Hello ' + line + b'\\n' for line in data.splitlines()) * 2)"
SILENT = "pass"
QUITTER = "return"
BREAKS = "sys.stderr.write('out of order'); sys.stderr.flush(); __import__('os')._exit(1)"


class Made(Peer):
    """A server that is a text."""

    def command(self, tools: Tools, kind: str) -> list[str]:
        return [sys.executable, "-c", self.source]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(params=["C", "Python"])
def tools(request: pytest.FixtureRequest, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Tools:
    """With either loader; the one in C where there is a compiler."""
    made = Tools(cache)
    if request.param == "Python":
        monkeypatch.setattr(_measure, "loader_command", lambda tools: [sys.executable, "-m", "benchmarks._loader"])
    else:
        try:
            made.program("loader.c")
        except AbsentError as error:
            pytest.skip(str(error))
    return made


def plan(rounds: int = 2) -> Plan:
    return Plan(rounds, 0.01, sorted(os.sched_getaffinity(0)))


def enter(monkeypatch: pytest.MonkeyPatch, **replies: str) -> None:
    for name, reply in replies.items():
        source = SERVER.format(reply=reply)
        monkeypatch.setitem(PEERS, name, Made(name, name, "none", source=source, warm_up=0.01))


def test_each_server_is_measured_or_named_with_what_it_did(tools: Tools, monkeypatch: pytest.MonkeyPatch) -> None:
    enter(monkeypatch, honest=HONEST, liar=LIAR, chatterbox=CHATTERBOX, quitter=QUITTER, breaks=BREAKS)
    monkeypatch.setitem(PEERS, "gone", Peer("gone", "gone", "none", source="no_such.c"))
    monkeypatch.setattr(tools, "program", _program_of(tools))
    said: list[str] = []
    names = ["honest", "liar", "chatterbox", "quitter", "breaks", "gone"]
    result = measure(Work("w", "a work", connections=3, pipeline=2), names, tools, plan(), said.append)
    assert list(result["contenders"]) == ["honest"]
    assert {measure: len(values) for measure, values in result["contenders"]["honest"].items()} == {
        "cpu": 2,
        "rate": 2,
        "loader": 2,
    }
    assert result["absent"] == {"gone": "no such source"}
    assert result["failed"]["liar"] == "the server answers wrongly: Good bye"
    assert "wrongly" in result["failed"]["chatterbox"]
    assert result["failed"]["quitter"] == "the server has ended a connection"
    assert "ended" in result["failed"]["breaks"]
    assert any("liar is left out" in text for text in said)


def test_a_server_that_is_silent_is_given_up(tools: Tools, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_children, "PATIENCE", 0.2)
    enter(monkeypatch, silent=SILENT)
    result = measure(Work("w", "a work", connections=1), ["silent"], tools, plan(), lambda text: None)
    assert result["failed"] == {"silent": "the server does not answer"}


def _program_of(tools: Tools) -> object:
    program = tools.program

    def found(source: str) -> Path:
        if source == "no_such.c":
            raise AbsentError("no such source")
        return program(source)

    return found


@pytest.mark.parametrize("shape", [{"anew": True}, {"kind": "echo", "length": 300_000}, {"length": 5}])
def test_the_loads(tools: Tools, monkeypatch: pytest.MonkeyPatch, shape: dict[str, int | str | bool]) -> None:
    enter(monkeypatch, one="client.sendall(data)" if "kind" in shape else HONEST)
    work = Work("w", "a work", connections=2, contenders=("one@3",), **shape)  # type: ignore[arg-type]  # by name
    result = measure(work, work.contenders, tools, plan(1), lambda text: None)
    assert result["failed"] == {}
    assert result["idle"] == {"one@3": 3}
    assert result["contenders"]["one@3"]["rate"][0] > 0


class Noted(Contest):
    made: ClassVar[list[Contest]] = []

    def __init__(self, command: list[str], servers: set[int]) -> None:
        super().__init__(command, servers)
        self.made.append(self)


def test_an_interrupt_ends_all_children(tools: Tools, monkeypatch: pytest.MonkeyPatch) -> None:
    enter(monkeypatch, one=HONEST, two=HONEST)
    Noted.made.clear()
    monkeypatch.setattr(_measure, "Contest", Noted)

    def say(text: str) -> None:
        if "round 1" in text:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        measure(Work("w", "a work", connections=1), ["one", "two"], tools, plan(), say)
    assert len(Noted.made) == 2
    for contest in Noted.made:
        assert contest._server.process.poll() is not None
        assert contest._loader is not None
        assert contest._loader.process.poll() is not None


def test_a_server_without_a_port_and_one_that_cannot_start() -> None:
    processors = os.sched_getaffinity(0)
    with pytest.raises(FaultError, match="says 'hello' instead of its port"):
        Contest([sys.executable, "-c", "print('hello')"], processors)
    with pytest.raises(FaultError, match="ZeroDivisionError"):
        Contest([sys.executable, "-c", "1 / 0"], processors)
    with pytest.raises(FaultError, match="does not start"):
        Contest(["/no/such/program"], processors)


def test_names_differ_by_connection_and_place() -> None:
    request, reply = texts("hello", 7, 2, 15)
    assert request == b"000007-00-klmno\n000007-01-klmno\n"
    assert reply == b"Hello 000007-00-klmno\nHello 000007-01-klmno\n"
    assert texts("echo", 1, 1, 4) == (b"0000", b"0000")


def test_idle_connections_are_as_many_as_the_limit_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda which: (256, 1024))
    assert idle_of("nio", 100, 1000) == 0
    assert idle_of("nio@500", 100, 1000) == 500
    assert idle_of("nio@5000", 100, 1000) == 1024 - 100 - _measure.SPARE
    assert idle_of("nio@500", 100, 20) == 20


def test_a_package_that_cannot_be_installed_is_a_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = tmp_path / "venv"
    (environment / "bin").mkdir(parents=True)
    python = environment / "bin" / "python"
    python.write_text("#!/bin/sh\necho 'no network' >&2\nexit 1\n")
    python.chmod(0o755)
    tools = Tools(tmp_path, environment, lambda text: None)
    for _ in range(2):  # the second time from memory
        with pytest.raises(AbsentError, match=r"pip does not install trio: no network"):
            _peers.PEERS["trio"].command(tools, "hello")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(AbsentError, match="java is not installed"):
        PEERS["java"].command(tools, "hello")
    with pytest.raises(AbsentError, match="cc is not installed"):
        PEERS["c"].command(tools, "hello")


def test_the_command(
    tmp_path: Path, cache: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "QUICK", (1, 0.01, 5))
    monkeypatch.setattr(command, "CACHE", cache)
    for name in ("nio", "raw"):
        monkeypatch.setitem(PEERS, name, replace(PEERS[name], warm_up=0.01))
    figures, tables, drawing = (tmp_path / name for name in ("f.json", "f.md", "f.svg"))
    words = ["--quick", "--peers", "nio,raw", "--json", str(figures), "--markdown", str(tables), "--svg", str(drawing)]
    assert command.main([*words, "--only", "hello-1"]) == 0
    assert command.main([*words, "--only", "hello-10"]) == 0
    assert set(json.loads(figures.read_text())["works"]) == {"hello-1", "hello-10"}
    assert "| nio, single |" in capsys.readouterr().out
    assert "select.epoll, a bare loop" in tables.read_text()
    assert drawing.read_text().startswith("<svg")


def test_what_the_command_refuses_and_lists(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--list"]) == 0
    assert "hello-100" in capsys.readouterr().out
    (tmp_path / "other.json").write_text("{}")
    for words, text in (
        (["--only", "nothing"], "no such work: nothing"),
        (["--peers", "nobody"], "no such peer: nobody"),
        (["--rounds", "0"], "1 to 101 rounds"),
        (["--json", str(tmp_path / "other.json")], "holds no results"),
    ):
        with pytest.raises(SystemExit):
            command.main(words)
        assert text in capsys.readouterr().err


def test_an_extra_is_a_list_of_rounds(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    extra = EXTRAS["timers"]
    result = command.from_rounds(extra, [{"nio": {"add": 1.0}, "asyncio": {"add": 2.0}}] * 2)
    assert result["contenders"] == {"nio": {"add": [1.0, 1.0]}, "asyncio": {"add": [2.0, 2.0]}}
    module = textwrap.dedent("print('no figures')")
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks" / "broken.py").write_text(module)
    monkeypatch.setattr(command, "ROOT", tmp_path)
    assert command.extra_result(Extra("broken", "x", "y"), Tools(tmp_path), quick=True) is None
    assert command.extra_result(Extra("absent", "x", "y"), Tools(tmp_path), quick=False) is None
