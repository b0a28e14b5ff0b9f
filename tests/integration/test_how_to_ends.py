"""``docs/how-to/ends.md``: its table is the classes', its program names the reason of each end."""

from __future__ import annotations

import inspect
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nio.framing import Delimiter, LengthPrefix, Lines
from nio.reactor import CloseReason, Connection, Reactor, StreamHandler
from nio.reactor.streams import _carried, _deadlines
from tests.integration._how_to import PAGES, program, started
from tests.integration.conversation import Address, Child, client, receive, receive_all, reset

OWNERS = {
    "Connection": Connection,
    "StreamHandler": StreamHandler,
    "Lines": Lines(),
    "Delimiter": Delimiter(b";"),
    "LengthPrefix": LengthPrefix(4),
}
TEXT = (PAGES / "ends.md").read_text(encoding="utf-8")
SHORT = "Echo.record_timeout = 0.1; Echo.idle_timeout = 0.3; main()"


def rows() -> Iterator[list[str]]:
    for line in TEXT.splitlines():
        if line.startswith("| `"):
            yield [cell.strip().strip("`") for cell in line.strip("|").split(" | ")]


def limits() -> dict[str, list[str]]:
    return {row[0]: row[1:] for row in rows() if "." in row[0] and len(row) == 4}


def spelt(name: str, value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, tuple):
        return f"{spelt('bytes', value[0])} in {value[1]:g} s"
    assert isinstance(value, int | float)
    if name.endswith("_timeout"):
        return f"{value:g} s"
    return f"{value / 1024**2:g} MiB" if value >= 1024**2 else f"{value / 1024:g} KiB"


def is_limit(name: str) -> bool:
    return name.endswith("_timeout") or name.startswith("max_") or name in ("ping_after", "slowest_rate")


def test_every_limit_is_in_the_table_with_its_default() -> None:
    expected = {
        f"{name}.{limit}": spelt(limit, getattr(owner, limit))
        for name, owner in OWNERS.items()
        for limit in dir(owner)
        if is_limit(limit) and not (name == "StreamHandler" and hasattr(Connection, limit))
    }
    assert {name: row[0] for name, row in limits().items()} == expected


def test_every_reason_is_on_the_page_and_no_other() -> None:
    named = {row[1] for row in limits().values()} | {row[0] for row in rows() if row[0].isupper()}
    assert named == {reason.name for reason in CloseReason}


def test_limits_that_are_no_settings_are_what_the_page_says() -> None:
    assert (_carried._LINGER_BYTES, _deadlines._LINGER_NS) == (64 * 1024, 2 * 10**9)
    assert Connection.high_mark == 64 * 1024
    assert inspect.signature(Reactor.connect).parameters["timeout"].default == 30


def says_a_line_and_leaves(address: Address) -> None:
    with client(address) as sock:
        sock.sendall(b"ann\n")
        sock.shutdown(socket.SHUT_WR)
        assert receive_all(sock) == b"ann\n"


def resets(address: Address) -> None:
    with client(address) as sock:
        sock.sendall(b"ann\n")
        assert receive(sock, 4) == b"ann\n"
        reset(sock)


def says_nothing(address: Address) -> None:
    with client(address) as sock:
        assert receive_all(sock) == b""


def never_ends_its_line(address: Address) -> None:
    with client(address) as sock:
        sock.sendall(b"ann")
        assert receive_all(sock) == b""


def has_a_long_line(address: Address) -> None:
    with client(address) as sock:
        sock.sendall(b"x" * 100 + b"\n" + b"x" * 101 + b"\n")
        assert receive_all(sock) == b"x" * 100 + b"\n"


@pytest.fixture
def child(tmp_path: Path) -> Iterator[Child]:
    child = started(program("ends"), tmp_path, call=SHORT)
    yield child
    if child.process.returncode is None:
        child.end(signal.SIGKILL)


@pytest.mark.parametrize(
    ("act", "reason"),
    [
        (says_a_line_and_leaves, CloseReason.PEER_FIN),
        (resets, CloseReason.PEER_RST),
        (says_nothing, CloseReason.IDLE_TIMEOUT),
        (never_ends_its_line, CloseReason.TOO_SLOW),
        (has_a_long_line, CloseReason.FRAME_TOO_LONG),
    ],
)
def test_the_program_names_the_reason(child: Child, act: Callable[[Address], None], reason: CloseReason) -> None:
    act(child.address)
    assert child.process.stdout
    assert child.process.stdout.readline() == f"{reason.name}: {reason.value}\n"
    code, log = child.end()
    assert code == 0
    assert "nio.reactor DEBUG Echo of SocketChannel(" in log
    assert f" ended: {reason.name}, " in log


def test_the_end_of_the_server_is_a_drain(tmp_path: Path) -> None:
    child = started(program("ends"), tmp_path)
    with client(child.address) as sock:
        sock.sendall(b"ann\n")
        assert receive(sock, 4) == b"ann\n"
        child.process.send_signal(signal.SIGINT)
        assert receive_all(sock) == b""
        output, log = child.process.communicate(timeout=10)
    assert output == f"DRAIN: {CloseReason.DRAIN.value}\n1 DRAIN\n"
    assert child.process.returncode == 0
    assert "Traceback" not in log
