"""``docs/how-to/stop.md``: a service that is told to end, once or twice."""

from __future__ import annotations

import signal
import socket
from pathlib import Path

import pytest

from tests.integration._how_to import Program, program, started
from tests.integration.conversation import PATIENCE, ask, client, receive_all


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_it_finishes_what_it_owes_and_says_so(tmp_path: Path, signum: signal.Signals) -> None:
    child = started(program("stop"), tmp_path)
    with client(child.address) as sock:
        ask(sock, b"ann")
        sock.sendall(b"bob\n")
        assert sock.recv(1) == b"H"  # it has the record
        child.process.send_signal(signum)
        assert receive_all(sock) == b"ello bob\n"
    output, errors = child.process.communicate(timeout=PATIENCE)
    assert (child.process.returncode, output, errors) == (0, "draining\nended\n", "")


def test_whoever_is_cut_is_named(tmp_path: Path) -> None:
    page = program("stop")
    code = page.code.replace('return b"Hello " + name', "return Future()  # for ever").replace("drain=30", "drain=0.2")
    child = started(Program(page.name, "from concurrent.futures import Future\n" + code), tmp_path)
    with client(child.address) as owed, client(child.address) as other:
        owed.sendall(b"ann\n")
        other.shutdown(socket.SHUT_WR)
        assert receive_all(other) == b""  # so the other one's record, which came first, is there, too
        peer = owed.getsockname()
        child.process.send_signal(signal.SIGTERM)
        assert receive_all(owed) == b""
        output, errors = child.process.communicate(timeout=PATIENCE)
    expected = f"draining\nended\ncut: {peer}, processing, 0 bytes not taken\n"
    assert (child.process.returncode, output, errors) == (1, expected, "")


def test_told_again_it_ends_at_once(tmp_path: Path) -> None:
    page = program("stop")
    code = page.code.replace('return b"Hello " + name', "return Future()  # for ever")
    code = code.replace('print, "draining"', 'lambda: print("draining", flush=True)')
    child = started(Program(page.name, "from concurrent.futures import Future\n" + code), tmp_path)
    assert child.process.stdout
    with client(child.address) as owed, client(child.address) as other:
        owed.sendall(b"ann\n")
        other.shutdown(socket.SHUT_WR)
        assert receive_all(other) == b""  # so the other one's record, which came first, is there, too
        child.process.send_signal(signal.SIGTERM)
        assert child.process.stdout.readline() == "draining\n"
        assert child.process.poll() is None
        child.process.send_signal(signal.SIGTERM)
        output, errors = child.process.communicate(timeout=PATIENCE)
    assert (child.process.returncode, output, errors) == (0, "ended\n", "")
