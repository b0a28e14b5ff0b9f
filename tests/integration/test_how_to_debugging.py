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
ROW = re.compile(r"^\| `(.+?)` \| ([A-Z]+|as the lines) \|", re.MULTILINE)
CONVERSION = re.compile(r"%(?:\.\d+)?[srd]")
LEVELS = {"debug", "warning", "error", "critical"}


def logged(call: ast.Call) -> tuple[str, str] | None:
    """The message of a call that logs, with ... for what it is about, and its level."""
    name = getattr(call.func, "attr", getattr(call.func, "id", ""))
    messages = [each.value for each in call.args if isinstance(each, ast.Constant) and isinstance(each.value, str)]
    levels = [each.attr for each in call.args if isinstance(each, ast.Attribute) and each.attr.lower() in LEVELS]
    if name in ("report", "_report") and levels:
        return CONVERSION.sub("...", messages[-1]), levels[0]
    if name in LEVELS and messages:
        return CONVERSION.sub("...", messages[0]), name.upper()
    if name == "_log" and messages:
        return CONVERSION.sub("...", messages[0]), "as the lines"
    return None


def lines_of_the_reactor() -> Iterator[tuple[str, str]]:
    for path in Path(nio.reactor.__path__[0]).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and (line := logged(node)):
                yield line


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
        shown = output.readline()
        while shown.startswith("Echo("):
            if f"remote={sock.getsockname()!r}" in shown:
                assert shown.endswith(", reading, unsent=0)\n")
            shown = output.readline()
        assert shown.startswith("ReactorStatistics(connections=2, ")
        assert "requests=2, dropped=0, bytes_in=9, bytes_out=4" in shown
    code, log = child.end()
    assert code == 0
    assert "nio.reactor ERROR Echo raised; its connection ends\nTraceback" in log
    assert "ValueError: oops" in log
    assert " ended: HANDLER_ERROR, " in log
