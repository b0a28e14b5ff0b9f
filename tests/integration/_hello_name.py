"""The sample's server as a child process, and plain sockets to try it with."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

needs_proc = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc")

ROOT = Path(__file__).resolve().parents[2]
HOST = "127.0.0.1"
LIMIT = 15.0  # seconds for what takes milliseconds
PYTHON = [sys.executable, "-W", "default::ResourceWarning"]
COMMAND = [*PYTHON, "-m", "samples.hello_name"]
MAIN = "import sys; from samples.hello_name.__main__ import main; sys.exit(main())"

READY = re.compile(
    r"READY hello_name 127\.0\.0\.1:(?P<port>\d+) reactor=(?P<reactor>\w+) workers=(?P<workers>\w+)"
    r"(?: (?P<loops>(?:reactors|processes)=\d+))? provider=(?P<provider>\w+) pid=(?P<pid>\d+)\n"
)
DONE = re.compile(
    r"DONE connections=(?P<connections>\d+) requests=(?P<requests>\d+) bytes_in=(?P<bytes_in>\d+) "
    r"bytes_out=(?P<bytes_out>\d+) turns=(?P<turns>\d+) reason=(?P<reason>SIGTERM|SIGINT|WORKERS_LOST)\n"
)

SINGLE = ("--reactor", "single")
THREADS = ("--reactor", "pooled", "--workers", "4", "--executor", "thread")
PROCESSES = ("--reactor", "pooled", "--workers", "2", "--executor", "process")
MULTI = ("--reactor", "multi", "--reactors", "2")
PREFORK = ("--reactor", "prefork", "--processes", "2")
REUSE_PORT = (*PREFORK, "--reuse-port")
MODES = {
    "single": SINGLE,
    "threads": THREADS,
    "processes": PROCESSES,
    "multi": MULTI,
    "prefork": PREFORK,
    "reuse-port": REUSE_PORT,
}


@dataclass(frozen=True)
class Ended:
    """How a server ended: its exit code, its DONE line, what it logged."""

    code: int
    done: dict[str, str]
    log: str

    def count(self, name: str) -> int:
        return int(self.done[name])


class Server:
    """``python3 -m samples.hello_name server`` on a free port, from READY to ``stop``; killed if a test fails.

    ``first`` is code that its process runs before the sample does, to shorten what nobody wants to wait for.
    """

    def __init__(self, *options: str, provider: str | None = None, first: str = "") -> None:
        environment = dict(os.environ, NIO_PROVIDER=provider) if provider else None
        command = [*PYTHON, "-c", f"{first}\n{MAIN}"] if first else COMMAND
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  # closed in _close
        self.process = subprocess.Popen(
            [*command, "server", "--port", "0", *options],
            stdout=subprocess.PIPE,
            stderr=self._log,
            cwd=ROOT,
            env=environment,
            process_group=0,
            text=True,
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        ready = READY.fullmatch(line)
        if ready is None:
            log = self._close()
            raise AssertionError(f"no READY: {line!r}, exit code {self.process.returncode}\n{log}")
        self.executor = options[options.index("--executor") + 1] if "--executor" in options else ""
        self.ready = ready.groupdict()
        self.address = (HOST, int(self.ready["port"]))

    def connect(self) -> socket.socket:
        """A blocking client whose calls fail after a while."""
        client = socket.create_connection(self.address, LIMIT)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return client

    def resident(self) -> int:
        """Bytes of the server's memory."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        assert found is not None
        return int(found[1]) * 1024

    def wait(self) -> Ended:
        """Its end: nothing but DONE on stdout, and nobody was surprised."""
        assert self.process.stdout is not None
        output = self.process.stdout.read()
        code = self.process.wait(LIMIT)
        log = self._close()
        assert "Traceback" not in log, log
        assert "Warning" not in log, log
        done = DONE.fullmatch(output)
        assert done is not None, output
        return Ended(code, done.groupdict(), log)

    def stop(self, number: int = signal.SIGTERM) -> Ended:
        self.signal(number)
        return self.wait()

    def signal(self, number: int) -> None:
        """To the server and to what it has started, as a terminal sends it."""
        os.killpg(self.process.pid, number)

    def _close(self) -> str:
        with self.process:
            self.process.kill()
        with self._log:
            self._log.seek(0)
            return self._log.read().decode()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self.process.returncode is None:
            log = self._close()
            if error is not None:
                error.add_note(f"the server's log:\n{log}")


def lines(client: socket.socket, count: int) -> list[bytes]:
    """The next ``count`` replies, without their LF; the connection ended too early where there are fewer."""
    data = bytearray()
    while data.count(b"\n") < count:
        piece = client.recv(65536)
        if not piece:
            break
        data += piece
    assert data.endswith(b"\n") or not data
    return bytes(data).split(b"\n")[:-1]


def rest(client: socket.socket) -> bytes:
    """All that comes until the server ends the connection."""
    data = bytearray()
    while piece := client.recv(65536):
        data += piece
    return bytes(data)
