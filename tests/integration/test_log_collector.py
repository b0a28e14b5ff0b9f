"""The sample log_collector with the client that its docstring names."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.integration.conversation import PATIENCE, client, receive
from tests.integration.test_small_samples import lines_of, sample


@pytest.mark.needs("logger")
def test_what_logger_says_is_kept_and_shown(tmp_path: Path) -> None:
    kept = tmp_path / "kept.log"
    with sample("log_collector", "0", str(kept)) as server:
        assert server.process.stdout
        monitors = int(server.process.stdout.readline().rpartition(":")[2])
        said = ("the disk is full", "hello", "the disk is empty")

        def log(text: str) -> None:
            command = ["logger", "-T", "-n", "127.0.0.1", "-P", str(server.address[1]), text]
            subprocess.run(command, check=True, timeout=PATIENCE)

        with client(("127.0.0.1", monitors)) as monitor:
            log(said[0])
            [first] = lines_of(monitor, 1)
            assert first.endswith(b"the disk is full\n")
            monitor.sendall(b"disk\n")
            assert receive(monitor, 22) == b"-- lines with b'disk'\n"
            log(said[1])
            log(said[2])
            [third] = lines_of(monitor, 1)
            assert third.endswith(b"the disk is empty\n")
            with client(("127.0.0.1", monitors)) as late:
                assert [line.split()[-1] for line in lines_of(late, 3)] == [b"full", b"hello", b"empty"]
        assert [line.endswith(text) for line, text in zip(kept.read_text().splitlines(), said, strict=True)] == [
            True
        ] * 3
