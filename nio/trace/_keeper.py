"""Keeper: takes the records of a running program out, ten times a second, and writes them down, in a thread of its own.

**What goes wrong with the writing is not the program's affair.** A disk that is full, a reader of stderr that has gone:
it is told once, in one sentence, and the program goes on without being written down.

**A reader who is slow** (``less``, say) is waited for, but never inside a write: the lines go out in pieces for which
the pipe has room. Meanwhile the rings drop what is old, and a fork waits for a second at most. At the end of the
program the reader has all the time he wants, unless somebody is in a hurry: Ctrl-C, or a child that must go.

**A fork** comes while nothing is being written, so that no lock and no half of a line is copied. The child has a keeper
of its own, with a file of its own: the name, a dot, the process's number. It is there when there is something to write.

A process that is ended by ``os._exit`` or a signal loses what came since the last time, a tenth of a second at most.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from nio.trace._file import TraceWriter, header_of
from nio.trace._provider import TracingProvider
from nio.trace._records import THREAD, Record
from nio.trace._stdio import tell
from nio.trace._text import as_lines, in_order

_PERIOD = 0.1  # seconds
_PATIENCE = 10  # periods that a fork waits for what is being written, and a hurried end for a reader
_PIECE = 2048  # characters: a pipe with room takes 4 KiB at once, and the program's last words have room behind it


class Sink(Protocol):
    """Where records go."""

    def write(self, records: list[Record]) -> None: ...

    def close(self) -> None: ...

    def hurry(self) -> None: ...

    def in_child(self, process: int) -> Sink: ...


class NobodyReads(Exception):
    """A reader who is slow, and there is no time left; nobody would read that, either."""


class FileSink:
    """A trace file; the header is written at once, in a child with its first records."""

    def __init__(self, path: str, header: dict[str, Any], *, at_once: bool = True) -> None:
        self._path, self._header = path, header
        self._writer = TraceWriter(path, header) if at_once else None

    def write(self, records: list[Record]) -> None:
        if self._writer is None:
            self._writer = TraceWriter(self._path, self._header)
        self._writer.write(records)
        self._writer.flush()

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()

    def hurry(self) -> None:
        """A file takes what it is given."""

    def in_child(self, process: int) -> Sink:
        if self._writer is not None:
            self._writer.give_up()
        return FileSink(f"{self._path}.{process}", self._header | {"process": process}, at_once=False)


class FollowSink:
    """Lines of text on a stream, stderr for one, as they come.

    ``has_room(seconds)`` waits so long at most until the stream takes a piece; by default it always does.
    """

    def __init__(self, put: Callable[[str], object], clock: int, has_room: Callable[[float], object] = bool) -> None:
        self._put, self._clock = put, clock
        self._has_room = has_room
        self._left: float = math.inf  # periods that it may still wait

    def write(self, records: list[Record]) -> None:
        text = "".join(f"{line}\n" for line in as_lines(in_order(records), self._clock))
        for start in range(0, len(text), _PIECE):
            while not self._has_room(_PERIOD):
                self._left -= 1
                if self._left <= 0:
                    raise NobodyReads
            self._put(text[start : start + _PIECE])

    def close(self) -> None:
        """The stream is somebody else's."""

    def hurry(self) -> None:
        self._left = _PATIENCE

    def in_child(self, process: int) -> Sink:
        return self


class Keeper:
    """Writes a provider's records to sinks until ``close()``."""

    def __init__(self, provider: TracingProvider, sinks: list[Sink]) -> None:
        self._provider = provider
        self._recording = provider.recording
        self._sinks = sinks
        self._begin()
        self._hooked = hooked = [self]  # until the end: a hook stays for ever, and must keep nobody
        hold, let_go, in_child = (
            partial(_each, hooked, act) for act in (Keeper._hold, Keeper._let_go, Keeper._in_child)
        )
        os.register_at_fork(before=hold, after_in_parent=let_go, after_in_child=in_child)

    def _begin(self) -> None:
        self._lock = self._provider.lock()
        self._over = self._provider.event()
        self._pause = self._provider.event()  # that nobody sets
        self._holders: set[int] = set()  # threads that fork, and have the lock
        self._thread = self._provider.start_thread(self._run, name="nio-trace")
        self._own = 1
        self._provider.own_threads += self._own

    def close(self, *, hurry: bool = False) -> None:
        """Write what there is, and finish; a second call does nothing.

        In a ``hurry`` it waits for nobody for long. A Ctrl-C says so, too, and is raised when that is done.
        """
        if self._over.is_set():
            return
        try:
            self._over.set()
            if hurry:
                self._hurry()
            self._finish()
        except KeyboardInterrupt:
            self._over.set()
            self._hurry()
            self._finish()
            raise

    def _hurry(self) -> None:
        for sink in tuple(self._sinks):
            sink.hurry()

    def _finish(self) -> None:
        self._thread.join()
        own, self._own = self._own, 0  # after a Ctrl-C this comes twice
        self._provider.own_threads -= own
        self._write()
        for sink in tuple(self._sinks):
            self._guarded(sink, sink.close)
        self._hooked.clear()

    def _run(self) -> None:
        while not self._over.wait(_PERIOD):
            self._write()

    def _write(self) -> None:
        with self._lock:
            records = list(self._recording.take())
            if any(record[0] != THREAD for record in records):
                for sink in tuple(self._sinks):
                    self._guarded(sink, lambda sink=sink: sink.write(records))  # type: ignore[misc]

    def _guarded(self, sink: Sink, call: Callable[[], object]) -> None:
        try:
            call()
        except NobodyReads:
            self._sinks.remove(sink)
        except Exception as error:
            self._sinks.remove(sink)
            tell(f"the trace ends here: {error}")

    # around a fork

    def _hold(self) -> None:
        for _ in range(_PATIENCE):
            if self._lock.acquire(False):
                self._holders.add(self._provider.thread_id())
                return
            self._pause.wait(_PERIOD)

    def _let_go(self) -> None:
        thread = self._provider.thread_id()
        if thread in self._holders:
            self._holders.discard(thread)
            self._lock.release()

    def _in_child(self) -> None:
        if self._over.is_set():
            self._let_go()
            return
        self._provider.own_threads = 0
        self._sinks[:] = [sink.in_child(os.getpid()) for sink in self._sinks]
        self._begin()


def _each(keepers: list[Keeper], act: Callable[[Keeper], None]) -> None:
    for keeper in tuple(keepers):
        act(keeper)


def header_for(provider: TracingProvider, program: str) -> dict[str, Any]:
    """What a trace file of that program says of itself."""
    return header_of(provider.recording, program=program, provider=provider.name, process=os.getpid())
