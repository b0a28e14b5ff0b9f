"""``docs/how-to/several-addresses.md``: one service at two ports and a path."""

from __future__ import annotations

import signal
import socket
import subprocess
from pathlib import Path

import pytest

from tests.integration._how_to import program, started
from tests.integration.conversation import PATIENCE, Child, ask, client


def doors(tmp_path: Path) -> tuple[Child, tuple[str, int], str]:
    """The program, its second address and its path; the child has its first."""
    path = str(tmp_path / "d.sock")
    child = started(program("several-addresses"), tmp_path, path)
    assert child.process.stdout
    second = child.process.stdout.readline()
    assert child.process.stdout.readline() == f"listening on {path}\n"
    return child, ("127.0.0.1", int(second.rpartition(":")[2])), path


def test_all_doors_lead_to_the_service_and_a_file_left_behind_is_no_obstacle(tmp_path: Path) -> None:
    for how in (signal.SIGKILL, signal.SIGINT):
        child, second, path = doors(tmp_path)
        assert second != child.address
        for address in (child.address, second):
            with client(address) as sock:
                ask(sock, b"ann")
        with socket.socket(socket.AF_UNIX) as local:
            local.settimeout(PATIENCE)
            local.connect(path)
            ask(local, b"bob")
        code, errors = child.end(how)
        assert (code, errors) == (0 if how is signal.SIGINT else -how, "")
        assert Path(path).is_socket()


@pytest.mark.needs("nc")
def test_nc_comes_by_the_path(tmp_path: Path) -> None:
    child, _, path = doors(tmp_path)
    command = ["nc", "-N", "-U", path]
    done = subprocess.run(command, input=b"ann\n", capture_output=True, timeout=PATIENCE, check=False)
    assert done.stdout == b"Hello ann\n", done
    assert child.end(signal.SIGINT) == (0, "")
