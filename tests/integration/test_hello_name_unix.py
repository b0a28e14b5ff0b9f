"""The hello-name server and its client on a Unix-domain socket."""

from __future__ import annotations

import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from samples.hello_name.__main__ import main
from tests.integration._hello_name import COMMAND, LIMIT, ROOT


@contextmanager
def serving(path: Path) -> Iterator[subprocess.Popen[str]]:
    server = subprocess.Popen(
        [*COMMAND, "server", "--unix", str(path), "--quiet"], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    with server:
        try:
            assert server.stdout is not None
            assert server.stdout.readline().startswith(f"READY hello_name {path} reactor=single ")
            yield server
        finally:
            server.kill()


def test_names_go_over_a_path_and_its_file_goes_with_the_server(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "hello"
    with serving(path) as server:
        assert main(["client", "--unix", str(path), "Ann", "Bob"]) == 0
        assert capsys.readouterr().out == "Hello Ann\nHello Bob\n"
        server.send_signal(signal.SIGTERM)
        assert server.wait(LIMIT) == 0
    assert not path.exists()


def test_server_that_was_killed_leaves_a_file_that_the_next_one_replaces(tmp_path: Path) -> None:
    path = tmp_path / "hello"
    with serving(path) as server:
        server.kill()
        server.wait(LIMIT)
    assert path.is_socket()
    with serving(path):
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(LIMIT)
            client.connect(str(path))
            client.sendall(b"Ann\n")
            assert client.recv(100) == b"Hello Ann\n"
        second = subprocess.run(
            [*COMMAND, "server", "--unix", str(path)], capture_output=True, text=True, cwd=ROOT, timeout=LIMIT
        )
        assert second.returncode == 3
        assert second.stderr.endswith(f"cannot listen on {path}: Address already in use\n")
        assert path.is_socket()


def test_client_finds_nobody(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "hello"
    assert main(["client", "--unix", str(path), "Ann"]) == 4
    assert f"cannot connect to {path}: No such file or directory" in capsys.readouterr().err


def test_dialogue_says_where_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "hello"
    monkeypatch.setattr("sys.stdin", None)
    with serving(path):
        assert main(["client", "--unix", str(path)]) == 0
    assert capsys.readouterr().out.startswith(f"Client connected to path : {path}\n")
