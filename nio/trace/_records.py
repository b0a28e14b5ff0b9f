"""What a record is: a tuple of ints and short strings whose first item is its kind.

Never a key, handler or buffer: a record keeps nothing alive, and the garbage collector need not look at it. Times are
nanoseconds of the provider's clock. A channel has a number for life, from 1 up, because descriptors are reused; 0 is a
descriptor that no channel of this recording has. Fields are only ever added at the end.

``FIELDS`` is the whole schema, and what the reader, the exports and the documentation go by.
"""

from __future__ import annotations

from nio.errors import IllegalArgumentError

Record = tuple[int | str, ...]

TURN, CHANNEL, CLOSED, INTEREST, DISPATCH, HANDOFF, WORK, DONE = range(1, 9)
WAKEUP, TIMER, TICK, SIGNAL = range(9, 13)
READ, WRITE, ACCEPT, CONNECT, RECORD, BUFFER = range(13, 19)
SKIPPED, FINDING, THREAD, READY = range(19, 23)

OFF, EVENTS, IO, TEACH = range(4)
LEVELS = ("off", "events", "io", "teach")

END, WOULD_BLOCK = -1, -2  # a count that is no count; any other negative one is an errno

FIELDS: dict[int, tuple[str, ...]] = {
    TURN: ("began", "ended", "asked_us", "ready", "woken"),
    CHANNEL: ("t", "ch", "fd", "what", "local", "peer"),
    CLOSED: ("t", "ch", "reason"),
    INTEREST: ("t", "ch", "old", "new", "line", "asked"),
    DISPATCH: ("began", "ended", "ch", "ready", "before", "after", "bytes_in", "bytes_out", "cpu_ns", "handler"),
    HANDOFF: ("t", "ch", "job"),
    WORK: ("began", "ended", "worker", "job"),
    DONE: ("t", "job", "ok"),
    WAKEUP: ("t", "thread", "coalesced"),
    TIMER: ("t", "due", "fired", "ended"),
    TICK: ("t", "waiting", "ran", "ended"),
    SIGNAL: ("t", "number", "age"),
    READ: ("t", "ch", "count", "asked"),
    WRITE: ("t", "ch", "count", "asked"),
    ACCEPT: ("t", "ch", "count", "new"),
    CONNECT: ("t", "ch", "count", "asked"),
    RECORD: ("t", "ch", "length"),
    BUFFER: ("t", "buffer", "op", "position", "limit", "capacity", "first"),
    SKIPPED: ("t", "count"),
    FINDING: ("t", "rule", "ch", "evidence"),
    THREAD: ("t", "number", "name"),
    READY: ("t", "ch", "mask", "selected"),
}

_NAMES = (
    *("TURN", "CHANNEL", "CLOSED", "INTEREST", "DISPATCH", "HANDOFF", "WORK", "DONE", "WAKEUP", "TIMER", "TICK"),
    *("SIGNAL", "READ", "WRITE", "ACCEPT", "CONNECT", "RECORD", "BUFFER", "SKIPPED", "FINDING", "THREAD", "READY"),
)
NAMES: dict[int, str] = dict(enumerate(_NAMES, 1))

TEXTS = {"what", "local", "peer", "reason", "line", "before", "after", "handler", "op", "first", "rule", "evidence"}
TEXTS |= {"name"}


def check_level(level: object) -> int:
    """A level's number: 0 ``off``, 1 ``events``, 2 ``io``, 3 ``teach``."""
    if level not in LEVELS:
        raise IllegalArgumentError(f"a level is one of {', '.join(LEVELS)}, not {level!r:.60}")
    return LEVELS.index(level)


def as_dict(record: Record) -> dict[str, int | str]:
    """A record's fields by name, its kind as ``kind``: ``{"kind": "READ", "t": ..., "ch": 3, ...}``."""
    kind = int(record[0])
    return {"kind": NAMES[kind], **dict(zip(FIELDS[kind], record[1:], strict=True))}


def fits(record: object) -> bool:
    """It is a record of this schema, as far as a tuple or list can tell."""
    if not isinstance(record, (tuple, list)) or not record or type(record[0]) is not int:
        return False
    names = FIELDS.get(record[0])
    return (
        names is not None
        and len(record) == 1 + len(names)
        and all(type(value) is (str if name in TEXTS else int) for name, value in zip(names, record[1:], strict=True))
    )
