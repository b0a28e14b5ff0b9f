"""A server and its load, each a process of its own.

Both end when their standard input does, so none outlives the benchmark, however that ends. A Ctrl-C at the terminal is
for the benchmark alone: the children have a session of their own.

asyncio reads into 256 KiB; glibc, left alone, maps and unmaps that much memory for each request, or does not, depending
on what the process happened to allocate before. So all servers get the setting with which asyncio is at its best.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO, NamedTuple

from benchmarks._load import cpu_seconds
from benchmarks._tools import ROOT, AbsentError, Tools
from benchmarks._works import Work

PATIENCE = 5.0  # seconds without a reply
START = 20.0  # seconds until a server listens
CONNECTING = 60.0  # seconds until all connections stand
END = 5.0
ALLOCATOR = {"MALLOC_MMAP_THRESHOLD_": str(1 << 20), "MALLOC_TRIM_THRESHOLD_": str(1 << 22)}


class FaultError(Exception):
    """A server that is of no use; the text says what it did."""


class Slice(NamedTuple):
    """Of one load: requests, seconds, and the processor time of both sides in seconds."""

    requests: int
    seconds: float
    server_cpu: float
    loader_cpu: float


def family(pid: int) -> list[int]:
    """A process and those that it forked."""
    pids = [pid]
    for parent in pids:
        for path in Path(f"/proc/{parent}/task").glob("*/children"):
            pids += map(int, path.read_text(encoding="ascii").split())
    return pids


class Child:
    """A process that talks in lines."""

    def __init__(self, command: list[str], processors: set[int]) -> None:
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  # closed by close
        try:
            self.process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=os.environ | ALLOCATOR | {"PYTHONPATH": str(ROOT)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                start_new_session=True,
            )
        except OSError as error:
            self._errors.close()
            raise FaultError(f"it does not start: {error}") from None
        os.sched_setaffinity(self.process.pid, processors)

    def line(self, seconds: float) -> str:
        """The next one; FaultError where none comes."""
        assert self.process.stdout is not None
        if not select.select([self.process.stdout], [], [], seconds)[0]:
            raise FaultError(f"it says nothing for {seconds:g} s")
        line = self.process.stdout.readline()
        if not line:
            raise FaultError(f"it has ended: {self.last_words()}")
        return line.decode(errors="replace").strip()

    def tell(self, line: str) -> None:
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(f"{line}\n".encode())
            self.process.stdin.flush()
        except OSError:
            raise FaultError("its load has ended") from None

    def last_words(self) -> str:
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "without a word"

    def close(self) -> None:
        try:
            for pipe in (self.process.stdin, self.process.stdout):
                assert pipe is not None
                try:
                    pipe.close()
                except OSError:
                    pass  # it is gone
            try:
                self.process.wait(END)
            except subprocess.TimeoutExpired:
                pass
        finally:
            self.process.kill()
            self.process.wait()
            self._errors.close()


class Contest:
    """A server under its load."""

    def __init__(self, command: list[str], servers: set[int]) -> None:
        self._server = Child(command, servers)
        self._loader: Child | None = None
        self._pids: list[int] = []
        try:
            port = self._server.line(START)
            if not port.isdecimal():
                raise FaultError(f"it says {port!r:.60} instead of its port")
            self.port, self.pid = int(port), self._server.process.pid
        except BaseException:
            self.close()
            raise

    def load(self, loader: list[str], work: Work, idle: int, processors: set[int]) -> None:
        """Connect."""
        words = (self.port, work.load, work.connections, work.pipeline, work.length, idle, PATIENCE)
        self._loader = Child([*loader, *map(str, words)], processors)
        answer = self._loader.line(CONNECTING)
        if answer != "ready":
            raise FaultError(answer)

    def run(self, seconds: float) -> Slice:
        """Load the server for so long, and until it owes nothing."""
        assert self._loader is not None
        try:
            self._pids = self._pids or family(self._server.process.pid)
            before = sum(map(cpu_seconds, self._pids))
            self._loader.tell(f"{seconds:g}")
            answer = self._loader.line(seconds + 2 * PATIENCE)
            cpu = sum(map(cpu_seconds, self._pids)) - before
        except OSError:
            raise FaultError(f"it has ended: {self._server.last_words()}") from None
        try:
            requests, span, loader_cpu = answer.split()
            return Slice(int(requests), float(span), cpu, float(loader_cpu))
        except ValueError:
            raise FaultError(answer) from None

    def close(self) -> None:
        try:
            if self._loader is not None:
                self._loader.close()
        finally:
            self._server.close()


def loader_command(tools: Tools) -> list[str]:
    """In C where there is a compiler."""
    try:
        return [str(tools.program("loader.c"))]
    except AbsentError:
        return [sys.executable, "-m", "benchmarks._loader"]
