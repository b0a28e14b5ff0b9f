"""A server of which each step is counted: instructions under callgrind, system calls under strace.

The server makes a call that no server needs, getloadavg, whenever it is told to. What stands between two such marks is
a phase. So one process serves all shapes, after it has warmed up, and neither its start nor its end is counted. What a
mark itself costs is taken off.

callgrind's server is stopped while the requests of a round are sent: it finds them all at once, whatever else the
machine does, and needs the same number of turns each time.
"""

from __future__ import annotations

import os
import re
import select
import signal
import socket
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Self

from benchmarks._children import ALLOCATOR
from benchmarks._process import HOST
from benchmarks._tools import ROOT

LIMIT = 120.0  # seconds for one answer under callgrind
NAME, GREETING = b"name\n", b"Hello name\n"
WAITING = frozenset({"epoll_wait", "epoll_pwait", "epoll_pwait2", "futex", "poll", "restart_syscall", "sched_yield"})
CALL = re.compile(r"^(?:\d+ +)?(\w+)\(")


class CountError(Exception):
    """callgrind, strace or the server is of no use; the text says why."""


@dataclass(frozen=True)
class Shape:
    """What a client does in one round, and how many rounds are counted."""

    name: str
    connections: int
    names: int
    rounds: int
    server: str = "single"
    connects_anew: bool = False

    @property
    def requests(self) -> int:
        """Of all rounds."""
        return self.rounds * self.connections * self.names


SHAPES = {
    shape.name: shape
    for shape in (
        Shape("c1", 1, 1, 1000),
        Shape("c100", 100, 1, 60),
        Shape("p16", 100, 16, 20),
        Shape("p16list", 100, 16, 20, "list"),
        Shape("p16block", 100, 16, 20, "block"),
        Shape("accept", 1, 1, 300, connects_anew=True),
        Shape("pooled", 100, 1, 40, "pooled"),
    )
}
WARM_UP = 0.2  # of the rounds


class Counts(NamedTuple):
    """For one request: system calls, of which some only wait, and of which some tell epoll what to watch."""

    calls: float
    waiting: float
    epoll_ctl: float

    @property
    def working(self) -> float:
        return self.calls - self.waiting


class Counted:
    """A server with its output; ``tool`` stands before its command."""

    def __init__(self, tool: list[str], command: list[str], tree: Path = ROOT) -> None:
        self._is_held = tool[0] == "valgrind"
        environment = os.environ | ALLOCATOR | {"PYTHONPATH": str(tree), "PYTHONHASHSEED": "0"}
        try:
            self._process = subprocess.Popen(
                [*tool, *command],
                cwd=tree,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            raise CountError(f"{tool[0]} does not start: {error}") from None
        try:
            self._address = (HOST, int(self._line()))
        except BaseException:
            self.close()
            raise

    def _line(self) -> str:
        assert self._process.stdout is not None
        if not select.select([self._process.stdout], [], [], LIMIT)[0]:
            raise CountError(f"the server says nothing for {LIMIT:g} s")
        line = self._process.stdout.readline().decode().strip()
        if not line:
            raise CountError(f"the server does not start under {Path(str(self._process.args[0])).name}")  # type: ignore[index]  # a list
        return line

    def mark(self) -> None:
        """What follows is another phase."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(b"mark\n")
            self._process.stdin.flush()
        except OSError:
            raise CountError("the server has ended") from None
        self._line()

    def phases(self, shape: Shape) -> None:
        """Two of them: nothing but a mark, then the rounds."""
        clients = [socket.create_connection(self._address, LIMIT) for _ in range(shape.connections)]
        try:
            self._rounds(shape, clients, int(shape.rounds * WARM_UP) + 2)
            self.mark()
            self.mark()
            self._rounds(shape, clients, shape.rounds)
            self.mark()
        except (OSError, AssertionError) as error:
            raise CountError(f"the server answers wrongly, or not: {error!r:.200}") from None
        finally:
            for client in clients:
                client.close()

    def _rounds(self, shape: Shape, clients: list[socket.socket], rounds: int) -> None:
        """Send, wait for all replies, and again."""
        for _ in range(rounds):
            with self._held(shape):
                if shape.connects_anew:
                    clients[0].close()
                    clients[0] = socket.create_connection(self._address, LIMIT)
                for client in clients:
                    client.sendall(NAME * shape.names)
            for client in clients:
                assert client.recv(len(GREETING) * shape.names, socket.MSG_WAITALL) == GREETING * shape.names

    @contextmanager
    def _held(self, shape: Shape) -> Iterator[None]:
        if not self._is_held or (shape.connections == 1 and not shape.connects_anew):
            yield
            return
        pid = self._process.pid
        os.kill(pid, signal.SIGSTOP)
        try:
            os.waitpid(pid, os.WUNTRACED)
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    def close(self) -> None:
        """Let it end by itself; what it was writing is whole then."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.close()
        except OSError:
            pass  # it is gone
        try:
            self._process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            pass
        finally:
            try:
                os.killpg(self._process.pid, signal.SIGKILL)  # strace and whom it traces
            except ProcessLookupError:
                pass
            self._process.wait()
            self._process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


def instructions(command: list[str], shapes: list[Shape], scratch: Path, tree: Path = ROOT) -> dict[str, float]:
    """For one request, by shape, of one server."""
    output = scratch / "callgrind"
    tool = ["valgrind", "--tool=callgrind", "--dump-before=getloadavg", f"--callgrind-out-file={output}"]
    with Counted(tool, command, tree) as server:
        for shape in shapes:
            server.phases(shape)
    found = {}
    for number, shape in enumerate(shapes):  # the phase that begins with the mark number n ends with part n + 1
        mark, rounds = (total(output.with_name(f"callgrind.{3 * number + part}")) for part in (2, 3))
        found[shape.name] = (rounds - mark) / shape.requests
    return found


def total(part: Path) -> int:
    """What callgrind has counted in a phase."""
    try:
        text = part.read_text(encoding="utf-8", errors="replace")
    except OSError:
        raise CountError("callgrind has written no figures: it does not see getloadavg") from None
    found = re.search(r"^totals: (\d+)$", text, re.MULTILINE)
    if found is None:
        raise CountError("callgrind does not tell the instructions")
    return int(found[1])


def system_calls(command: list[str], shapes: list[Shape], scratch: Path, tree: Path = ROOT) -> dict[str, Counts]:
    """For one request, by shape, of one server."""
    output = scratch / "strace"
    with Counted(["strace", "-f", "-qq", "-e", "signal=none", "-o", str(output)], command, tree) as server:
        for shape in shapes:
            server.phases(shape)
    try:
        found = phases(output.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        raise CountError("strace has written nothing: tracing may not be allowed here") from None
    if len(found) <= 3 * len(shapes):
        raise CountError("strace does not see the marks")
    found = found[-3 * len(shapes) :]  # the C library may have asked at the start
    return {
        shape.name: per_request(found[3 * number + 1] - found[3 * number], shape) for number, shape in enumerate(shapes)
    }


def can_trace() -> bool:
    """Not every container lets a process trace another."""
    try:
        done = subprocess.run(["strace", "-qq", "-o", os.devnull, "true"], capture_output=True, check=False, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return not done.returncode


def phases(log: str) -> list[Counter[str]]:
    """The calls between the marks, by name; a call that was cut in two by another thread's counts once."""
    found: list[Counter[str]] = [Counter()]
    for line in log.splitlines():
        call = CALL.match(line)
        if call is None:
            continue
        if call[1] == "sysinfo":  # which getloadavg asks
            found.append(Counter())
        found[-1][call[1]] += 1
    return found


def per_request(counts: Counter[str], shape: Shape) -> Counts:
    waiting = sum(count for name, count in counts.items() if name in WAITING)
    return Counts(*(count / shape.requests for count in (counts.total(), waiting, counts["epoll_ctl"])))
