"""The Ruby article's server as a sample: lines in reverse, ticks, TERM."""

from __future__ import annotations

import signal
import socket
import subprocess

import pytest

from tests.integration.conversation import PATIENCE, Child, client, receive


@pytest.fixture
def server() -> Child:
    return Child("-m", "samples.prefork_reverse", "--port", "0", "--tick", "0.05")


def test_lines_come_back_in_reverse_and_TERM_ends_it_with_everybody_answered(server: Child) -> None:
    with client(server.address) as one, client(server.address) as two:
        one.sendall(b"stressed\nabc\n")
        two.sendall(b"half a li")
        assert receive(one, 13) == b"desserts\ncba\n"
        two.sendall(b"ne\n")
        assert receive(two, 12) == b"enil a flah\n"
        server.process.send_signal(signal.SIGTERM)
        assert receive(one, 1) == receive(two, 1) == b""
    output, errors = server.process.communicate(timeout=PATIENCE)
    assert (server.process.returncode, errors) == (0, "")
    assert output.splitlines()[-1] == "done, 3 lines"


def test_it_ticks(server: Child) -> None:
    assert server.process.stdout is not None
    assert [server.process.stdout.readline() for _ in range(2)] == ["tick\n", "tick\n"]
    assert server.end() == (0, "")


@pytest.mark.needs("nc")
def test_nc(server: Child) -> None:
    ended = subprocess.run(
        ["nc", "-N", "127.0.0.1", str(server.address[1])], input=b"olleh\n", capture_output=True, timeout=PATIENCE
    )
    assert ended.stdout == b"hello\n"
    assert server.end() == (0, "")


def test_the_next_one_can_bind_at_once(server: Child) -> None:
    with socket.create_connection(server.address, PATIENCE) as left:
        left.sendall(b"abc\n")
        assert left.recv(10) == b"cba\n"
        assert server.end() == (0, "")
    again = Child("-m", "samples.prefork_reverse", "--port", str(server.address[1]))
    assert again.end() == (0, "")
