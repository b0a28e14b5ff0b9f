"""ConnectionInfo: what a reactor tells of one of its connections, and of all of them as a table."""

from __future__ import annotations

from nio._record import Record, record

_HEADINGS = ("handler", "peer", "state", "interest", "queued", "age", "idle")
_LETTERS = (("R", 1), ("W", 4), ("C", 8), ("A", 16))  # the operations' bits


@record
class ConnectionInfo(Record):
    """A connection as it was when it was asked.

    ``handler`` is the name of its handler's class, ``peer`` the address of the other end, None where it has none;
    ``state`` is the handler's word for where it stands, ``unknown`` if its ``describe`` raised. ``interest`` are the
    operations that its key waits for.
    ``queued`` are bytes of output that the kernel has not taken, ``age`` and ``idle`` seconds since it opened, and
    since bytes last came in or went out; 0 where the handler keeps no account of them.
    """

    handler: str
    peer: object
    state: str
    interest: int
    queued: int
    age: float
    idle: float


class ConnectionTable(tuple[ConnectionInfo, ...]):
    """All of them; ``print`` it to read it."""

    __slots__ = ()

    def __str__(self) -> str:
        rows = [_HEADINGS, *(_row(info) for info in self)]
        widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
        return "\n".join(_line(row, widths) for row in rows)


def _row(info: ConnectionInfo) -> tuple[str, ...]:
    interest = "".join(letter if info.interest & bit else "." for letter, bit in _LETTERS)
    times = (f"{info.age:.1f} s", f"{info.idle:.1f} s")
    return info.handler, _spelt(info.peer), info.state, interest, f"{info.queued:,}", *times


def _spelt(peer: object) -> str:
    """``host:port`` as other tools write it; an IPv6 host in brackets."""
    match peer:
        case None:
            return "-"
        case (str(host), int(port), *_):
            return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        case _:
            return str(peer)


def _line(row: tuple[str, ...], widths: list[int]) -> str:
    words = [text.ljust(width) for text, width in zip(row[:4], widths, strict=False)]
    numbers = [text.rjust(width) for text, width in zip(row[4:], widths[4:], strict=True)]
    return "  ".join(words + numbers)
