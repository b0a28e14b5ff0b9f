"""Do the tests of published bugs find them? ``python3 -m tests.faults.plants`` plants each in a copy, and runs them.

A plant belongs to a row of "Faults of published listings" in ``docs/feature-table.md``, and is a change of one place in
``nio/`` that brings the bug back. It is found when a test of that row fails. ``test_plants.py`` holds the rows and the
plants together, and looks whether each place is still there. Arguments choose the rows that contain one of them.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SECTION = "## Faults of published listings that are none here"
TIMEOUT = 75  # seconds for the tests of a row: a planted bug may make them hang, until their guard rings


@dataclass(frozen=True)
class Plant:
    """In ``nio/<path>`` the text ``old``, which stands there once, becomes ``new``."""

    row: str
    path: str
    old: str
    new: str

    def is_there(self, root: Path = ROOT) -> bool:
        """Whether the place is still there."""
        return (root / "nio" / self.path).read_text(encoding="utf-8").count(self.old) == 1

    def put(self, root: Path) -> None:
        """Plant it in the copy."""
        path = root / "nio" / self.path
        path.write_text(path.read_text(encoding="utf-8").replace(self.old, self.new), encoding="utf-8")


PLANTS = [
    Plant(
        "write interest before the worker is done: it spins",
        "reactor/streams/_state.py",
        "PROCESSING: (0, _WRITE)",
        "PROCESSING: (_WRITE, _WRITE)",
    ),
    Plant(
        "the end of the stream is not handled",
        "reactor/streams/_connection.py",
        "            self._eof, self._ending = True, CloseReason.PEER_FIN\n            self._receive_end()\n",
        "",
    ),
    Plant(
        "a reset leaves the key registered",
        "reactor/streams/_outlet.py",
        "        self.close(self._reason if self._state in ENDED else CloseReason.PEER_RST)",
        "",
    ),
    Plant(
        "no framing: two names in a segment, a name in two",
        "reactor/streams/_connection.py",
        "        self._receive(data)\n",
        '        self._receive(data.replace(b"\\n", b"").strip() + b"\\n")\n',
    ),
    Plant(
        "a short write is ignored",
        "reactor/streams/_outlet.py",
        "        self._own_outbox().append(memoryview(data)[took:])\n",
        "",
    ),
    Plant(
        "the worker and the reactor share a buffer",
        "reactor/streams/_stream_handler.py",
        "            job.record, job.has_begun = record, False\n",
        "            shared = globals().setdefault('SHARED', bytearray())\n            shared[:] = record\n"
        "            job.record, job.has_begun = shared, False\n",
    ),
    Plant(
        "the worker does not wake the selector",
        "reactor/loop/_agenda.py",
        "        if not self._waking.is_set:\n            self._selector.wakeup()\n",
        "",
    ),
    Plant(
        "selected keys must be taken out by hand",
        "channels/_selector.py",
        "        while self._selected:\n            key = self._selected.pop()\n",
        "        for key in tuple(self._selected):\n",
    ),
    Plant(
        "no way to stop; a pool that never ends",
        "reactor/loop/_hand_off.py",
        "        self._owned = not isinstance(workers, Executor)\n",
        "        self._owned = False\n",
    ),
    Plant(
        "jobs queue without a bound",
        "executors/_worker_pool.py",
        '        self.capacity: Final = check_count("queue", queue, 1)\n',
        '        self.capacity: Final = check_count("queue", queue, 1) + 1_000_000\n',
    ),
    Plant(
        "a line read to its end holds the loop",
        "reactor/streams/_connection.py",
        "        if len(data) >= self._read_size:\n            self._grow()\n",
        '        while not data.endswith(b"\\n"):\n            try:\n                data += self._wire.recv(1)\n'
        "            except BlockingIOError:\n                pass\n",
    ),
    Plant(
        "a selection that times out gives nothing to take apart",
        "channels/_selector.py",
        "                elif sleep == timeout:\n",
        "                elif sleep == timeout and (count := None) is None:\n",
    ),
    Plant(
        "a read switches the socket back to blocking mode",
        "channels/_byte_channels.py",
        "            return self._end.recv_into(views[0])\n",
        "            self._end.setblocking(True)\n            return self._end.recv_into(views[0])\n",
    ),
    Plant(
        "a connect blocks",
        "channels/_socket_channel.py",
        "            code = self._sock.connect_ex(address)\n            while",
        "            self._sock.setblocking(True)\n"
        "            code = self._sock.connect_ex(address)\n            while",
    ),
    Plant(
        "an event of the wake-up is taken for a user's",
        "channels/_watch.py",
        "            if key is None or not key._valid:  # the wake-up, or cancelled just now\n",
        "            key = key or next(iter(self.by_fd.values()))\n            if not key._valid:\n",
    ),
    Plant(
        "each wake-up makes a descriptor",
        "spi/_wakeup.py",
        "        try:\n            os.write(self._writer, _ONE)\n",
        "        os.dup(self._writer)\n        try:\n            os.write(self._writer, _ONE)\n",
    ),
    Plant(
        "one event is served, and the others wait",
        "channels/_watch.py",
        "        for fd, mask in self.rotated(events) if len(events) > 1 else events:\n"
        "            key = by_fd.get(fd)\n",
        "        for fd, mask in events[:1]:\n            key = by_fd.get(fd)\n",
    ),
    Plant(
        "an event for a descriptor that nobody knows ends the loop",
        "channels/_watch.py",
        "            key = by_fd.get(fd)\n",
        "            key = by_fd[fd]\n",
    ),
    Plant(
        "what wakes the loop blocks, or raises, when it is full",
        "spi/_wakeup.py",
        "        except BlockingIOError:\n            pass  # a pipe that is full is readable all the same\n",
        "        except ZeroDivisionError:\n            pass\n",
    ),
    Plant(
        "the wake-up is a socket that any local process can reach",
        "spi/_wakeup.py",
        "        if eventfd:\n",
        "        import socket\n\n        if True:\n            pair = [end.detach() for end in socket.socketpair()]\n"
        "            self._reader, self._writer = pair\n        elif eventfd:\n",
    ),
    Plant(
        "an idle peer that does not read is never closed",
        "reactor/streams/_outlet.py",
        "        self._state, self._reason, self._steady = CLOSING, reason, None\n"
        "        self._deadlines.watch_rate()\n",
        "        self._state, self._reason, self._steady = CLOSING, reason, None\n",
    ),
    Plant(
        "a heartbeat finds the silent up to two seconds late",
        "reactor/streams/_deadlines.py",
        "_ns(watched.idle_timeout))\n",
        "_ns(watched.idle_timeout + 2))\n",
    ),
    Plant(
        "accepting breaks when there are no descriptors",
        "reactor/handlers/_acceptor.py",
        "        self._timer = self.reactor.call_later(self.pause, self.resume)\n",
        "",
    ),
    Plant(
        "a deferred call that raises ends the loop, or is lost",
        "reactor/loop/_defer.py",
        '            elif error is not None:\n                blame.blame("deferred call", self._fn, error)\n',
        "",
    ),
    Plant(
        "a callback that raises ends the loop",
        "reactor/loop/_agenda.py",
        '                    self._raised("tick", fn, error, args)\n',
        "                    raise error\n",
    ),
    Plant(
        "calls that queue themselves starve the clients",
        "reactor/loop/_agenda.py",
        "            while count < queued and ticks:  # close() in a tick takes all the others\n",
        "            while ticks:\n",
    ),
    Plant(
        "a connect waits for the resolver",
        "reactor/loop/_resolver.py",
        "        self._pool.execute(self._ask, host, port, then)\n",
        "        self._ask(host, port, then)\n",
    ),
    Plant(
        "a connect time-out that does nothing",
        "reactor/handlers/_connector.py",
        "            self._deadline = self._reactor.call_later(self._timeout, self._time_is_over, self._round)\n",
        "            pass\n",
    ),
    Plant(
        "a copy of a closed descriptor goes on reporting",
        "channels/_watch.py",
        "                    self.poller.remove(fd)\n",
        "                    pass\n",
    ),
    Plant(
        "a descriptor beyond FD_SETSIZE ends the loop",
        "channels/_watch.py",
        "        if limit is not None and fd >= limit:\n",
        "        if False:\n",
    ),
    Plant(
        "LF alone ends no record, or is dropped anywhere",
        "framing/_lines.py",
        '        self._drop = b"\\r" if framing.ending == b"\\n" else b""\n',
        '        self._drop = b""\n',
    ),
    Plant(
        "a record of exactly the maximum is refused",
        "framing/_lines.py",
        "        self._max_length = framing.max_length\n",
        "        self._max_length = framing.max_length - 1\n",
    ),
    Plant(
        "a record is read byte by byte",
        "reactor/streams/_connection.py",
        "        self._read_size, self._longest = _FIRST_READ, -1\n",
        "        self._read_size, self._longest = 1, -1\n        self._grow = lambda: None\n",
    ),
    Plant(
        "a length header with a zero byte never completes",
        "framing/_buffered_decoder.py",
        "        held += data\n",
        '        held += data.partition(b"\\0")[0]\n',
    ),
    Plant(
        "a complete record is never handed out",
        "framing/_length_prefix.py",
        "        if len(held) < end:\n            return None\n        record = bytes(held[strip:end])\n",
        "        if len(held) <= end:\n            return None\n        record = bytes(held[strip:end])\n",
    ),
]


def proofs_by_row(table: str) -> dict[str, list[str]]:
    """Each row of the section, and its tests."""
    section = table.partition(SECTION)[2].partition("\n## ")[0]
    rows = [line.strip("| \n").split(" | ") for line in section.splitlines() if line.startswith("| ")]
    return {row[0]: re.findall(r"`(tests/[^`]+)`", row[-1]) for row in rows if row[0] != "feature"}


def found_by(plant: Plant, tests: list[str]) -> str:
    """What its tests say of the planted bug: the last line of pytest; empty when they pass."""
    with tempfile.TemporaryDirectory() as directory:
        copy = Path(directory)
        for name in ("nio", "tests", "samples", "benchmarks", "docs"):
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", copy)
        plant.put(copy)
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
        try:
            done = subprocess.run(command, cwd=copy, capture_output=True, text=True, timeout=TIMEOUT, check=False)
        except subprocess.TimeoutExpired:
            return "they hang"
    return "" if done.returncode == 0 else (done.stdout.strip().splitlines() or ["no output"])[-1]


def main(words: list[str]) -> int:
    """Plant them one after the other; how many were not found."""
    rows, missed = proofs_by_row((ROOT / "docs" / "feature-table.md").read_text(encoding="utf-8")), 0
    for plant in PLANTS:
        if words and not any(word in plant.row for word in words):
            continue
        said = found_by(plant, rows[plant.row])
        missed += not said
        print(f"{plant.row}: {said or 'NOT FOUND'}", flush=True)
    return missed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
