"""``docs/how-to/udp.md``: a datagram in, its length back."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration._how_to import program, started
from tests.integration.conversation import PATIENCE, Child, nc_hears


@pytest.fixture
def child(tmp_path: Path) -> Iterator[Child]:
    child = started(program("udp"), tmp_path)
    yield child
    child.process.send_signal(signal.SIGTERM)
    output, errors = child.process.communicate(timeout=PATIENCE)
    assert child.process.returncode == 0
    assert all(line.endswith("is longer than max_length, 512 bytes") for line in errors.splitlines())
    assert "sent=" in output


@pytest.mark.needs("nc")
def test_nc_is_told_the_length(child: Child) -> None:
    assert nc_hears(child.address, b"hello\n") == b"6"


def test_each_sender_has_its_answer_and_what_is_empty_or_too_long_has_none(child: Child) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as ann, socket.socket(type=socket.SOCK_DGRAM) as bob:
        for sock in (ann, bob):
            sock.settimeout(PATIENCE)
            sock.connect(child.address)
        ann.send(b"")
        ann.send(b"x" * 513)
        ann.send(b"x" * 512)
        bob.send(b"y")
        assert bob.recv(100) == b"1"
        assert ann.recv(100) == b"512"
