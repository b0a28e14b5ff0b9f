"""A trace as text: one line a record, in the manner of strace."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable, Iterator

from nio.trace._records import (
    ACCEPT,
    BUFFER,
    CHANNEL,
    CLOSED,
    CONNECT,
    DISPATCH,
    DONE,
    END,
    FINDING,
    HANDOFF,
    INTEREST,
    READ,
    READY,
    RECORD,
    SIGNAL,
    SKIPPED,
    THREAD,
    TICK,
    TIMER,
    TURN,
    WAKEUP,
    WORK,
    WOULD_BLOCK,
    WRITE,
    Record,
)

_OPS = ((1, "r"), (4, "w"), (8, "c"), (16, "a"))
_MASKS = ((1, "r"), (4, "w"), (8, "error"), (16, "hang-up"), (32, "invalid"))


def as_lines(records: Iterable[Record], clock: int = 0) -> Iterator[str]:
    """A line for each record, in the order they are in: seconds since ``clock``, the thread, what happened."""
    thread = ""
    for record in records:
        if record[0] == THREAD:
            thread = str(record[3])
        else:
            yield as_line(record, clock, thread)


def as_line(record: Record, clock: int = 0, thread: str = "") -> str:
    """``  0.004512 reactor      read(2, 479) = 4``."""
    return f"{(int(record[1]) - clock) / 1e9:12.6f} {thread:<12} {as_words(record)}"


def as_words(record: Record) -> str:
    """``read(2, 479) = 4``."""
    words: Callable[..., str] = _WORDS[int(record[0])]
    return words(*record[2:])


def in_order(records: Iterable[Record]) -> list[Record]:
    """The records of all threads by time, with a THREAD record before each change of thread."""
    thread: Record = (THREAD, 0, 0, "")
    told = []
    for record in records:
        if record[0] == THREAD:
            thread = record
        else:
            told.append((record[1], thread[2], thread, record))
    told.sort(key=lambda item: item[:2])
    ordered: list[Record] = []
    current = None
    for _, number, thread, record in told:
        if number != current:
            current = number
            ordered.append((THREAD, record[1], thread[2], thread[3]))
        ordered.append(record)
    return ordered


def letters(ops: int) -> str:
    """An interest or ready set: ``rw``, ``-`` for nothing."""
    return "".join(letter for bit, letter in _OPS if ops & bit) or "-"


def count_as_text(count: int) -> str:
    """``4``, ``end``, ``would block``, ``ECONNRESET``."""
    if count >= 0:
        return str(count)
    return {END: "end", WOULD_BLOCK: "would block"}.get(count) or errno.errorcode.get(-count, str(count))


def _mask(mask: int) -> str:
    return " ".join(word for bit, word in _MASKS if mask & bit) or "-"


def _turn(ended: int, asked: int, ready: int, woken: int) -> str:
    limit = "for ever" if asked < 0 else f"{asked / 1000:g} ms"
    return f"select({limit}) = {ready}" + (", woken" if woken else "")


def _channel(ch: int, fd: int, what: str, local: str, peer: str) -> str:
    is_what = what if what in ("bound", "connecting") else f"a {what}"
    where = "".join((f", at {local}" if local else "", f", peer {peer}" if peer else ""))
    return f"channel {ch} is {is_what}, descriptor {fd}{where}"


def _closed(ch: int, reason: str) -> str:
    return f"connection {ch} ended: {reason}" if reason else f"close({ch})"


def _interest(ch: int, old: int, new: int, line: str, asked: int) -> str:
    who = "asked" if asked else "kernel"
    return f"interest({ch}) {who}: {letters(old)} -> {letters(new)}" + (f"  {line}" if line else "")


def _dispatch(
    ended: int, ch: int, ready: int, before: str, after: str, came: int, went: int, cpu: int, handler: str
) -> str:
    state = f" {before} -> {after}" if before != after else f" {after}" if after else ""
    moved = "" if came < 0 else f", {came} in, {went} out"
    return f"{handler}({ch}) {letters(ready)}{state}{moved}"


def _call(name: str) -> Callable[[int, int, int], str]:
    def words(ch: int, count: int, asked: int) -> str:
        return f"{name}({ch}, {asked}) = {count_as_text(count)}"

    return words


def _connect(ch: int, count: int, asked: int) -> str:
    return (
        f"connect({ch}) = {'under way' if count == WOULD_BLOCK else 'connected' if not count else count_as_text(count)}"
    )


def _accept(ch: int, count: int, new: int) -> str:
    return f"accept({ch}) = {f'channel {new}' if count > 0 else count_as_text(count)}"


_WORDS: dict[int, Callable[..., str]] = {
    TURN: _turn,
    CHANNEL: _channel,
    CLOSED: _closed,
    INTEREST: _interest,
    DISPATCH: _dispatch,
    HANDOFF: lambda ch, job: f"job {job} of {ch} handed off",
    WORK: lambda ended, worker, job: f"job {job} worked on",
    DONE: lambda job, ok: f"job {job} is back" + ("" if ok else ", failed"),
    WAKEUP: lambda thread, coalesced: "wakeup()" + (", was awake" if coalesced else ""),
    TIMER: lambda due, fired, ended: f"{fired} timers",
    TICK: lambda waiting, ran, ended: f"{ran} of {waiting} ticks",
    SIGNAL: lambda number, age: f"signal {number}, {age / 1e6:.3f} ms old",
    READ: _call("read"),
    WRITE: _call("write"),
    ACCEPT: _accept,
    CONNECT: _connect,
    RECORD: lambda ch, length: f"record of {length} bytes from {ch}",
    BUFFER: lambda buffer, op, position, limit, capacity, first: (
        f"buffer {buffer} {op}: position {position}, limit {limit}, capacity {capacity}, {first}"
    ),
    SKIPPED: lambda count: f"{count} records were not kept",
    FINDING: lambda rule, ch, evidence: f"{rule} on {ch}: {evidence}",
    READY: lambda ch, mask, selected: f"ready({ch}) {_mask(mask)}" + (", still selected" if selected else ""),
}
