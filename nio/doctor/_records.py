"""From the records of a trace to facts: what a recording tells of a program that ran without strict mode.

A recording has no reads that found no room and no lines of reads and writes. So a stream that is readable and not read
is taken for one with a full buffer. What needs a buffer or a key of its own is for strict mode.

Records come thread by thread. They are put in the order in which they were written, over all threads: a selection and a
dispatch count when they end. Where records were skipped, streaks begin anew.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable
from typing import Any

from nio import trace
from nio.doctor._facts import ACCEPT, CONNECT, READ, WRITE, ChannelFacts, Facts, LateChange, Work
from nio.doctor._finding import Finding
from nio.doctor._place import NOWHERE, Place
from nio.doctor._ward import Ward

_MOST_THREADS = 256  # that do not select
_MOST_JOBS = 10_000  # whose end was not told
_ENDS = {trace.TURN, trace.DISPATCH, trace.WORK}
_KINDS = {"listener", "datagram", "pipe", "descriptor"}  # what else a channel is told to be, bound say, is no kind


def diagnose(records: Iterable[trace.Record]) -> list[Finding]:
    """The mistakes that a recording shows: what ``recording.take()`` gives, or a trace that was read from a file."""
    diagnosis = Diagnosis()
    diagnosis.feed(records)
    diagnosis.finish()
    return diagnosis.findings


class Diagnosis:
    """The mistakes of a program that runs on: records are fed as they come, a few at a time.

    For one thread at a time.
    """

    def __init__(self) -> None:
        self._reader = _Reader()

    @property
    def findings(self) -> list[Finding]:
        """What was found so far, in the order in which it was first seen."""
        return self._reader.ward.findings

    def feed(self, records: Iterable[trace.Record]) -> None:
        """Go on with what ``recording.take()`` gives."""
        tagged = _in_order(records)
        self._reader.names = {int(record[2]): str(record[3]) for _, record in tagged if record[0] == trace.THREAD}
        for thread, record in tagged:
            self._reader.feed(thread, record)
        self._reader.let_go()

    def finish(self) -> None:
        """There are no more records."""
        self._reader.finish()


def _in_order(records: Iterable[trace.Record]) -> list[tuple[int, trace.Record]]:
    thread, tagged = 0, []
    for record in records:
        if record[0] == trace.THREAD:
            thread = int(record[2])
        tagged.append((thread, record))
    tagged.sort(key=lambda one: int(one[1][2 if one[1][0] in _ENDS else 1]))
    return tagged


class _Reader:
    """Feeds the facts of each thread; a thread has one selector."""

    def __init__(self) -> None:
        self.ward = Ward()
        self.names: dict[int, str] = {}  # of the threads that records are of just now
        self._facts: dict[int, Facts] = {}
        self._channels: dict[int, ChannelFacts] = {}
        self._owner: dict[int, int] = {}  # channel to the thread that selects for it
        self._registered: set[int] = set()
        self._changes: list[tuple[int, int, str, int, str, Place]] = []  # time, thread, its name, channel, what, line
        self._jobs: dict[int, ChannelFacts] = {}
        self._calls: dict[int, Callable[..., None]] = {
            trace.TURN: self._turn,
            trace.READY: self._ready,
            trace.DISPATCH: self._dispatch,
            trace.CHANNEL: self._channel,
            trace.CLOSED: self._closed,
            trace.INTEREST: self._interest,
            trace.READ: self._read,
            trace.WRITE: self._write,
            trace.ACCEPT: self._accept,
            trace.CONNECT: self._connect,
            trace.HANDOFF: self._handoff,
            trace.DONE: self._done,
            trace.WAKEUP: self._wakeup,
            trace.SKIPPED: self._skipped,
        }

    def feed(self, thread: int, record: trace.Record) -> None:
        """One record, of that thread."""
        call = self._calls.get(int(record[0]))
        if call is not None:
            call(thread, *record[1:])

    def finish(self) -> None:
        """There are no more records."""
        for facts in self._facts.values():
            self.ward.end_turn(facts)

    def let_go(self) -> None:
        """A thread that does not select has no turn that would end."""
        for facts in self._facts.values():
            if not facts.turn.number:
                facts.let_go()

    def _facts_of(self, thread: int) -> Facts:
        known = self._facts.get(thread)
        if known is None:
            known = self._facts[thread] = Facts()
            if len(self._facts) > _MOST_THREADS:
                idle = next(number for number, facts in self._facts.items() if not facts.turn.number)
                del self._facts[idle]
        return known

    def _of(self, ch: int) -> ChannelFacts:
        known = self._channels.get(ch)
        if known is None:
            known = self._channels[ch] = ChannelFacts(ch, is_exact=False)
        return known

    def _turn(self, thread: int, began: int, ended: int, asked: int, ready: int, woken: int) -> None:
        facts = self._facts_of(thread)
        self.ward.end_turn(facts)
        facts.begin()
        for change in tuple(self._changes):
            t, changer, name, ch, what, line = change
            if self._owner.get(ch, thread) == thread != changer:
                self._changes.remove(change)
                if began < t < ended and not woken:
                    facts.turn.late.append(LateChange(what, line, name, ended - t))

    def _ready(self, thread: int, t: int, ch: int, mask: int, selected: int) -> None:
        self._owner[ch] = thread
        self._facts_of(thread).reported(self._of(ch), mask, bool(selected))

    def _dispatch(self, thread: int, began: int, ended: int, ch: int, ready: int, before: str, *rest: Any) -> None:
        facts, channel = self._facts_of(thread), self._of(ch)
        channel.trusted = channel.trusted or bool(before) or channel.kind == "listener"
        self._owner[ch] = thread
        facts.reported(
            channel, (READ if ready & (READ | ACCEPT) else 0) | (WRITE if ready & (WRITE | CONNECT) else 0), False
        )
        _, _, _, cpu, handler = rest
        wall = ended - began
        if cpu and (cpu * 2 >= wall or wall - cpu >= 200_000_000):
            facts.turn.work.append(Work(wall, cpu, inside=handler))

    def _channel(self, thread: int, t: int, ch: int, fd: int, what: str, local: str, peer: str) -> None:
        channel = self._of(ch)
        channel.kind = what if what in _KINDS else channel.kind
        channel.peer = peer or channel.peer
        if what == "connecting":
            channel.connected = False

    def _closed(self, thread: int, t: int, ch: int, reason: str) -> None:
        channel = self._of(ch)
        if not channel.closed:
            channel.closed = True
            if not reason:
                self.ward.closing(channel)
        if not reason:
            self._channels.pop(ch, None)
            self._owner.pop(ch, None)
            self._registered.discard(ch)

    def _interest(self, thread: int, t: int, ch: int, old: int, new: int, line: str, asked: int) -> None:
        if not asked or not ch:
            return
        channel, place = self._of(ch), _place(line)
        channel.interest = new
        for op in (READ, WRITE, CONNECT, ACCEPT):
            if new & ~old & op:
                channel.armed[op] = place
        if len(self._changes) < 1024:
            what = "interest" if ch in self._registered else "register"
            self._changes.append((t, thread, self.names.get(thread, str(thread)), ch, what, place))
        self._registered.add(ch)

    def _read(self, thread: int, t: int, ch: int, count: int, asked: int) -> None:
        facts = self._facts_of(thread)
        if count >= trace.WOULD_BLOCK:
            facts.read(self._of(ch), max(count, -1) if count != trace.WOULD_BLOCK else 0, asked, NOWHERE)

    def _write(self, thread: int, t: int, ch: int, count: int, asked: int) -> None:
        channel = self._of(ch)
        if count < trace.WOULD_BLOCK:
            channel.owed = 0
        else:
            self._facts_of(thread).write(channel, max(count, 0), asked, NOWHERE)

    def _accept(self, thread: int, t: int, ch: int, count: int, new: int) -> None:
        channel = self._of(ch)
        self._facts_of(thread).touch(channel)
        channel.accepts += 1
        if count in (-errno.EMFILE, -errno.ENFILE) and not channel.trusted:
            self.ward.tell(
                "I11", f"accept() of {channel.name} failed: no descriptor is left.", channel.armed.get(ACCEPT, NOWHERE)
            )

    def _connect(self, thread: int, t: int, ch: int, count: int, asked: int) -> None:
        channel = self._of(ch)
        if channel.pending:
            channel.finished += 1
        channel.pending, channel.connected = count == trace.WOULD_BLOCK, count == 0

    def _handoff(self, thread: int, t: int, ch: int, job: int) -> None:
        self._jobs[job] = self._of(ch)
        self._of(ch).jobs.add(job)
        if len(self._jobs) > _MOST_JOBS:
            self._done(thread, t, next(iter(self._jobs)), 0)

    def _done(self, thread: int, t: int, job: int, ok: int) -> None:
        channel = self._jobs.pop(job, None)
        if channel is not None:
            channel.jobs.discard(job)

    def _wakeup(self, thread: int, t: int, number: int, coalesced: int) -> None:
        self._changes = [change for change in self._changes if change[1] != thread]

    def _skipped(self, thread: int, t: int, count: int) -> None:
        self._facts.pop(thread, None)
        for channel in self._channels.values():
            channel.last_turn, channel.owed = -1, 0


def _place(line: str) -> Place:
    path, _, number = line.rpartition(":")
    return Place(path, int(number)) if number.isdigit() else NOWHERE
