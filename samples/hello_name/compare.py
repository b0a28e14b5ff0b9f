"""``compare``: the same load on each reactor, and on two peers, in one run, as a table with bars and one sentence.

**Fair by interleaving.** All servers are up the whole time and take their rounds in turn, so that whatever else the
machine does hits all of them; of the rounds' requests per second the median counts. Nothing is bound to a processor: on
a machine that does other things too, that made the figures worse and more scattered.

**The load is a reactor too**: what a connection's ``process`` gets is a reply, and what it answers is the next name.
Requests a second and latencies are those of both sides together. What the server alone costs is read from its own
processor clock, and does not change when the load is the slower of the two.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from textwrap import fill
from typing import Self

from nio import ProtocolFamily, SelectionKey
from nio.reactor import CloseReason, Reactor, StreamHandler
from nio.spi import SelectorProvider
from samples.hello_name._console import Exit, Failure, say
from samples.hello_name._conversation import connect

_ROUNDS = 9
_CONNECTIONS = 50
_REPEAT = 500
_SECONDS = 2.0  # for the single reactor, by default, where greeting is slow
_WORKERS = 4
_LOOPS = max(2, SelectorProvider.default().cpu_count())  # sub reactors, and processes
_WORTH_IT = 1.2  # times the single reactor's requests per second
_PATIENCE = 20.0  # seconds without a reply
_PARALLEL = not getattr(sys, "_is_gil_enabled", lambda: True)()  # threads of one process may compute at the same time
_BAR = 14  # characters for the fastest
_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Row:
    """What one server has done; ``cpu_us`` is microseconds of all its processors for a request, None if not known.

    ``workers`` is how many there are of what ``executor`` names: threads, processes, reactors.
    """

    reactor: str
    workers: int
    executor: str
    requests: int
    per_second: float
    p50_ms: float
    p99_ms: float
    cpu_us: float | None

    @property
    def title(self) -> str:
        return f"{self.reactor}, {self.workers} {self.executor}" if self.workers else self.reactor


def main(options: argparse.Namespace) -> Exit:
    """Measure and print; Failure when a reply is wrong or does not come."""
    connections, repeat = _size(options)
    with ExitStack() as stack:
        servers = [stack.enter_context(_server(kind, options)) for kind in _kinds(options)]
        loads = [stack.enter_context(_Load(server, connections, options.delay)) for server in servers]
        for count in _shares(repeat):
            for load in loads:
                load.round(count)
        rows = [load.row() for load in loads]
    if options.json:
        figures = {
            "connections": connections,
            "repeat": repeat,
            "delay": options.delay,
            "delay_kind": options.delay_kind,
        }
        say(json.dumps({**figures, "rows": [asdict(row) for row in rows], "verdict": verdict(rows, options)}, indent=2))
    else:
        _print_table(rows, connections, repeat, options)
    return Exit.DONE


def _size(options: argparse.Namespace) -> tuple[int, int]:
    """Connections and names each: as asked for, else what takes a few seconds."""
    if not options.delay:
        return options.connections or _CONNECTIONS, options.repeat or _REPEAT
    at_once = options.connections or min(_CONNECTIONS, max(2 * _WORKERS, int(_SECONDS / options.delay)))
    return at_once, options.repeat or min(_REPEAT, max(1, int(_SECONDS / options.delay / at_once)))


def _shares(repeat: int) -> list[int]:
    rounds = min(_ROUNDS, repeat)
    return [repeat // rounds + (number < repeat % rounds) for number in range(rounds)]


# the servers


@dataclass(frozen=True)
class _Kind:
    """One design: what its row says, and the arguments of its server."""

    reactor: str
    workers: int = 0
    executor: str = ""
    arguments: tuple[str, ...] = ()
    peer: str = ""


def _kinds(options: argparse.Namespace) -> list[_Kind]:
    pooled = ("--reactor=pooled", f"--workers={_WORKERS}")
    kinds = [_Kind("single"), _Kind("pooled", _WORKERS, "threads", pooled)]
    if options.delay and options.delay_kind == "cpu":
        kinds.append(_Kind("pooled", _WORKERS, "processes", (*pooled, "--executor=process")))
    kinds.append(_Kind("multi", _LOOPS, "reactors", ("--reactor=multi", f"--reactors={_LOOPS}")))
    kinds.append(_Kind("prefork", _LOOPS, "processes", ("--reactor=prefork", f"--processes={_LOOPS}")))
    kinds.append(_Kind("thread per client", peer="thread"))
    kinds.append(_Kind("asyncio Protocol", peer="asyncio"))
    return kinds


@dataclass(frozen=True)
class _Server:
    pid: int
    port: int
    kind: _Kind

    def cpu(self) -> float | None:
        """Seconds of processor time so far, its children's included; Linux names a process's clock by its id."""
        if sys.platform != "linux":
            return None
        pids = [self.pid]
        if self.kind.executor == "processes":
            pids += map(int, Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text(encoding="ascii").split())
        return sum(time.clock_gettime((~pid << 3) | 2) for pid in pids)


@contextmanager
def _server(kind: _Kind, options: argparse.Namespace) -> Iterator[_Server]:
    command = [sys.executable, "-m", "samples.hello_name", "server", "--port=0", "--idle-timeout=0", "--quiet"]
    command += ["--drain=5", f"--delay={options.delay}", f"--delay-kind={options.delay_kind}", *kind.arguments]
    if kind.peer:
        command = [sys.executable, "-m", "samples.hello_name._peers", kind.peer, str(options.delay), options.delay_kind]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=_ROOT) as process:
        assert process.stdout is not None
        try:
            ready = process.stdout.readline().split()
            if ready[:1] != ["READY"]:
                raise Failure(Exit.UNEXPECTED, f"a server did not start: exit code {process.wait()}")
            yield _Server(process.pid, int(ready[2].rpartition(":")[2]), kind)
            process.terminate()
            if process.wait() != Exit.DONE:
                raise Failure(Exit.UNEXPECTED, f"a server did not end well: exit code {process.returncode}")
        finally:
            process.kill()


# the load


class _Load:
    """The connections to one server, and what was measured on them."""

    def __init__(self, server: _Server, connections: int, delay: float) -> None:
        self.latencies: list[float] = []
        self.busy = 0
        self.failure = ""
        self._server = server
        self._patience = _PATIENCE + delay
        self._rates: list[float] = []
        self._cpu = 0.0
        self._reactor = Reactor.open()
        self._callers = []
        for number in range(connections):
            caller = _Caller(self, number)
            channel = connect([(ProtocolFamily.INET, ("127.0.0.1", server.port))], _PATIENCE)
            self._reactor.register(channel, SelectionKey.OP_READ, caller)
            self._callers.append(caller)

    def round(self, count: int) -> None:
        """Every connection sends ``count`` names, each when the reply to the one before has come."""
        self.busy = len(self._callers)
        cpu = self._server.cpu() or 0.0
        started = heard = time.perf_counter()
        for caller in self._callers:
            caller.begin(count)
        while self.busy:
            progress = self._reactor.turn(self._patience)
            if self.failure:
                raise Failure(Exit.WRONG_REPLY, self.failure)
            now = time.perf_counter()
            if progress.bytes_in:
                heard = now
            elif now - heard > self._patience:
                raise Failure(Exit.TIME_LIMIT, f"no reply for {self._patience:g} s")
        self._rates.append(count * len(self._callers) / (time.perf_counter() - started))
        self._cpu += (self._server.cpu() or 0.0) - cpu

    def row(self) -> Row:
        """The figures of all rounds so far."""
        ordered = sorted(self.latencies)
        kind = self._server.kind
        return Row(
            reactor=kind.reactor,
            workers=kind.workers,
            executor=kind.executor,
            requests=len(ordered),
            per_second=round(median(self._rates), 1),
            p50_ms=round(1000 * ordered[len(ordered) // 2], 3),
            p99_ms=round(1000 * ordered[len(ordered) * 99 // 100], 3),
            cpu_us=None if self._server.cpu() is None else round(1e6 * self._cpu / len(ordered), 1),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._reactor.close()


class _Caller(StreamHandler):
    """One connection of the load."""

    __slots__ = ("_left", "_load", "_name", "_number", "_sent_at")

    idle_timeout = None
    record_timeout = None

    def __init__(self, load: _Load, number: int) -> None:
        self._load = load
        self._number = number
        self._left = 0
        self._name = b""
        self._sent_at = 0.0

    def begin(self, count: int) -> None:
        self._left = count
        self.send(self._next())

    def process(self, reply: bytes) -> bytes | None:
        now = time.perf_counter()
        if reply != b"Hello " + self._name:
            self._load.failure = f"wrong reply: {reply[:100]!r} to {self._name!r}"
            return None
        self._load.latencies.append(now - self._sent_at)
        self._left -= 1
        if self._left:
            return self._next()
        self._load.busy -= 1
        return None

    def on_close(self, reason: CloseReason) -> None:
        if reason is not CloseReason.LOCAL:
            self._load.failure = f"a connection has ended too early: {reason.value}"

    def _next(self) -> bytes:
        self._name = b"client %d, %d to go" % (self._number, self._left)
        self._sent_at = time.perf_counter()
        return self._name


# the result


def _print_table(rows: list[Row], connections: int, repeat: int, options: argparse.Namespace) -> None:
    work = f", {1000 * options.delay:g} ms of {options.delay_kind} each" if options.delay else ""
    say(f"{connections} connections, {repeat} names each{work}; every reply was checked.\n")
    say(f"{'reactor':<20} {'requests/s':>10}  {'':{_BAR}} {'p50 ms':>9} {'p99 ms':>9} {'CPU/request':>11}")
    most = max(row.per_second for row in rows)
    for row in rows:
        cpu = "not known" if row.cpu_us is None else f"{row.cpu_us:,.0f} us"
        bar = "#" * max(1, round(_BAR * row.per_second / most))
        say(f"{row.title:<20} {row.per_second:>10,.0f}  {bar:{_BAR}} {row.p50_ms:>9,.2f} {row.p99_ms:>9,.2f} {cpu:>11}")
    say("\n" + fill(verdict(rows, options), 78))


_NAMES = {
    "single": "the single reactor",
    "pooled": "the pooled reactor",
    "multi": "the group of reactors",
    "prefork": "the preforked reactors",
}


def verdict(rows: list[Row], options: argparse.Namespace) -> str:
    """A sentence or two: which reactor for this work on this machine, by how much, and why."""
    single = rows[0]
    able = [row for row in rows[1:] if row.reactor in _NAMES and _may_gain(row, options)]
    best = max(able, key=lambda row: row.per_second, default=single)
    ratio = best.per_second / single.per_second
    if ratio >= _WORTH_IT:
        why = f"{ratio:.1f} times the requests per second, because {_why(best, options)}"
        return f"Take {_NAMES[best.reactor]}: {why}.{_more(best, rows, options)}"
    if options.delay:
        return f"Take the single reactor: workers do not speed up this work (by {ratio:.1f}), they only add to it."
    pooled = next(row for row in rows if row.reactor == "pooled")
    cost = "" if single.cpu_us is None else f" ({single.cpu_us:,.0f} against {pooled.cpu_us:,.0f} us of processor time)"
    return f"Take the single reactor: a greeting costs less than handing it to a worker{cost}."


def _may_gain(row: Row, options: argparse.Namespace) -> bool:
    """Under a GIL the threads of one process compute one at a time: what looks faster then is the machine's unrest."""
    return _PARALLEL or row.executor == "processes" or _waits(options)


def _waits(options: argparse.Namespace) -> bool:
    return bool(options.delay and options.delay_kind == "sleep")


def _more(best: Row, rows: list[Row], options: argparse.Namespace) -> str:
    """Where work waits, a thread for each client waits for more of them at the same time than a few workers do."""
    threads = max((row.per_second for row in rows if row.reactor == "thread per client"), default=0.0)
    if not _waits(options) or threads < _WORTH_IT * best.per_second:
        return ""
    return f" A thread per client did {threads / best.per_second:.1f} times as much as that: so will more workers."


def _why(best: Row, options: argparse.Namespace) -> str:
    who = f"its {best.workers} {best.executor}"
    if _waits(options):
        return f"{who} wait at the same time"
    return f"{who} compute on several processors"
