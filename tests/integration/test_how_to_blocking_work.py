"""``docs/how-to/blocking-work.md``: notes in a database, by workers, with replies that say what went wrong."""

from __future__ import annotations

import re
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from nio.executors import Saturation
from tests.integration._how_to import PAGES, program, started
from tests.integration.conversation import Child, client
from tests.unit.reactor import test_overload

MOST_LINES = 35


@pytest.fixture
def child(tmp_path: Path) -> Iterator[Child]:
    child = started(program("blocking-work"), tmp_path, str(tmp_path / "notes.db"))
    yield child
    if child.process.returncode is None:
        assert child.end(signal.SIGINT) == (0, "")


def test_it_is_short() -> None:
    assert program("blocking-work").code.count("\n") <= MOST_LINES


def test_notes_are_kept(child: Child, tmp_path: Path) -> None:
    with client(child.address) as sock, sock.makefile("rb") as replies:
        for line, reply in (
            (b"add buy milk", b"buy milk\n"),
            (b"add wake ann", b"wake ann\n"),
            (b"list", b"buy milk; wake ann\n"),
            (b"find milk", b"buy milk\n"),
        ):
            sock.sendall(line + b"\n")
            assert replies.readline() == reply
    with closing(sqlite3.connect(tmp_path / "notes.db")) as database:
        assert database.execute("select text from notes").fetchall() == [("buy milk",), ("wake ann",)]


def test_many_clients_write_at_once(child: Child, tmp_path: Path) -> None:
    with ExitStack() as stack:
        socks = [stack.enter_context(client(child.address)) for _ in range(20)]
        for number, sock in enumerate(socks):
            sock.sendall(b"add note %d.\n" % number * 2)
        for number, sock in enumerate(socks):
            note = b"note %d." % number
            expected = note + b"\n" + note + b"; " + note + b"\n"
            assert stack.enter_context(sock.makefile("rb")).read(len(expected)) == expected
    with closing(sqlite3.connect(tmp_path / "notes.db")) as database:
        assert database.execute("select count(*) from notes").fetchone() == (40,)


def test_an_error_is_a_reply_and_the_connection_goes_on(child: Child, tmp_path: Path) -> None:
    with client(child.address) as sock, sock.makefile("rb") as replies:
        sock.sendall(b"add \xff\n")
        assert replies.readline().startswith(b"error: 'utf-8' codec can't decode")
        (tmp_path / "notes.db").write_bytes(b"this is no database" * 100)
        sock.sendall(b"list\nlist\n")
        assert replies.readline() == b"error: file is not a database\n"
        assert replies.readline() == b"error: file is not a database\n"


def test_the_page_names_every_saturation_policy() -> None:
    text = (PAGES / "blocking-work.md").read_text(encoding="utf-8")
    assert set(re.findall(r"`Saturation\.(\w+)`", text)) == {policy.name for policy in Saturation}


def test_each_rule_of_the_page_has_its_test() -> None:
    text = (PAGES / "blocking-work.md").read_text(encoding="utf-8")
    rules = re.findall(r"^\| ([\w ]+) \| `Saturation", text, re.MULTILINE)
    assert len(rules) == 4
    assert [f"test_{rule.replace(' ', '_')}" for rule in rules] == [
        name for name in vars(test_overload) if name[:5] == "test_"
    ]
