"""``docs/how-to/debugging.md``: its table has every line the reactor logs, its program shows what is there."""

from __future__ import annotations

import ast
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import nio.reactor
from tests.integration._how_to import PAGES, program, started
from tests.integration.conversation import client, receive, receive_all

TEXT = (PAGES / "debugging.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `(.+?)` \| ([A-Z]+|as the lines|any) \|", re.MULTILINE)
CONVERSION = re.compile(r"%(?:\.\d+)?[srdf]")
LEVELS = {"debug", "warning", "error", "critical"}


def messages(argument: ast.expr, scope: ast.FunctionDef) -> list[str]:
    """What the argument may be: a text, or a name that texts are assigned to."""
    if isinstance(argument, ast.Name):
        assigned = [node for node in ast.walk(scope) if isinstance(node, ast.Assign)]
        values = [each.value for each in assigned if ast.unparse(each.targets[0]) == argument.id]
        return [text for value in values for text in messages(value, scope)]
    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
        return [CONVERSION.sub("...", argument.value)]
    return []


def logged(call: ast.Call, scope: ast.FunctionDef) -> Iterator[tuple[str, str]]:
    """The messages of a call that logs, with ... for what they are about, and their level."""
    name = getattr(call.func, "attr", getattr(call.func, "id", ""))
    if name in ("report", "_report") and len(call.args) > 2:
        level, text = getattr(call.args[1], "attr", "any"), call.args[2]
    elif name in LEVELS and call.args:
        level, text = name.upper(), call.args[0]
    elif name == "_log":
        level, text = "as the lines", call.args[1]
    else:
        return
    for message in messages(text, scope):
        yield message, level


def lines_of_the_reactor() -> Iterator[tuple[str, str]]:
    for path in Path(nio.reactor.__path__[0]).rglob("*.py"):
        functions = [each for each in ast.walk(ast.parse(path.read_text())) if isinstance(each, ast.FunctionDef)]
        for function in functions:
            for node in ast.walk(function):
                if isinstance(node, ast.Call):
                    yield from logged(node, function)


def test_every_line_of_the_log_is_in_the_table() -> None:
    assert set(ROW.findall(TEXT)) == set(lines_of_the_reactor())


def test_every_logger_is_named() -> None:
    source = Path(nio.__path__[0])
    there = set()
    for path in source.rglob("*.py"):
        there |= set(re.findall(r'getLogger\("([\w.]+)"\)', path.read_text(encoding="utf-8")))
    assert there == set(re.findall(r"^\| `(nio\.\w+)` \|", TEXT, re.MULTILINE))


def test_the_program_shows_its_connections(tmp_path: Path) -> None:
    child = started(program("debugging"), tmp_path)
    assert child.first_line.startswith(f"process {child.process.pid} ")
    output = child.process.stdout
    assert output
    with client(child.address) as sock, client(child.address) as other:
        sock.sendall(b"ann\n")
        assert receive(sock, 4) == b"ann\n"
        other.sendall(b"oops\n")
        assert receive_all(other) == b""
        child.process.send_signal(signal.SIGUSR1)
        assert re.fullmatch(r"Reactor\(open, provider=\w+, connections=\d, turns=\d+\)\n", output.readline())
        assert output.readline().split() == ["handler", "peer", "state", "interest", "queued", "age", "idle"]
        host, port = sock.getsockname()
        shown = output.readline()
        while shown.startswith("Echo "):
            if shown.split()[1] == f"{host}:{port}":
                assert shown.split()[2:5] == ["reading", "R...", "0"]
            shown = output.readline()
        assert shown.startswith("ReactorStatistics(connections=2, ")
        assert "requests=2, dropped=0, bytes_in=9, bytes_out=4" in shown
    code, log = child.end()
    assert code == 0
    assert "nio.reactor ERROR Echo raised; its connection ends\nTraceback" in log
    assert "ValueError: oops" in log
    assert " ended: HANDLER_ERROR, " in log
