"""What an exception that nobody caught says of a program."""

from __future__ import annotations

from pathlib import Path

import pytest

from nio.doctor import examine

LOOP = """
import nio
with nio.Selector.open() as selector, nio.Pipe.open() as (source, sink), nio.Pipe.open() as other:
    source.configure_blocking(False).register(selector, 1)
    other.source.configure_blocking(False).register(selector, 1)
    sink.write(b"\\xe2\\x82")
    for key in selector.ready_keys(1.0):
        inbox = nio.ByteBuffer.allocate(8)
        key.channel.read(inbox)
        {act}
"""
CASES = {
    "text that is cut": (LOOP.format(act="bytes(inbox.flip()).decode()"), "B07"),
    "text that is wrong": (LOOP.format(act="b'\\xff'.decode()"), "P09"),
    "a pipe that broke": (LOOP.format(act="raise BrokenPipeError(32, 'x')"), "I12"),
    "the handler's own": (LOOP.format(act="{}['x']"), "P09"),
    "not an error": (LOOP.format(act="raise GeneratorExit"), ""),
    "after another finding": (LOOP.format(act="inbox.compact(); {}['x']"), "B04"),
    "a client that is refused": ("raise ConnectionRefusedError(111, 'x')", ""),
    "a client that is reset": ("raise ConnectionResetError(104, 'x')", ""),
    "a script that reads a file": ("import nio\nb'\\xe2\\x82'.decode()", ""),
    "nothing with nio": ("{}['x']", ""),
    "a cancelled key without a place": ("import nio.errors\nraise nio.errors.CancelledKeyError('x')", "S10"),
    "None of somebody else": ("import nio\nNone.x", ""),
    "nobody waited": (
        "import nio\nserver = nio.ServerSocketChannel.open().bind(('127.0.0.1', 0)).configure_blocking(False)\n"
        "with server:\n    server.accept().close()",
        "I10",
    ),
    "the listener's key is still selected": (
        "import nio\nserver = nio.ServerSocketChannel.open().bind(('127.0.0.1', 0)).configure_blocking(False)\n"
        "with server, nio.Selector.open() as selector:\n    server.register(selector, 16)\n"
        "    with nio.SocketChannel.open(server.local_address):\n"
        "        for _ in range(2):\n"
        "            selector.select(0.01)\n"
        "            for key in selector.selected_keys:\n"
        "                key.channel.accept().close()",
        "S02",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_an_error_that_ends_a_program(name: str, tmp_path: Path) -> None:
    text, code = CASES[name]
    program = tmp_path / "program.py"
    program.write_text(text, encoding="utf-8")
    done = examine(str(program))
    assert [finding.code for finding in done.findings] == [code] * bool(code)
    assert " raised " in done.ended
