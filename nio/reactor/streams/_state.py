"""Where a connection stands: the states, how one follows another, and what each wants to hear of, as tables.

The tests hold the handlers to ``TRANSITIONS``, and the drawing in ``docs/architecture.md`` is made from it. A
connection computes its interest set from ``INTEREST`` and from nothing else.
"""

from __future__ import annotations

import enum

_READ, _WRITE = 1, 4  # SelectionKey.OP_READ and OP_WRITE, as plain ints


class State(enum.Enum):
    """Where a connection stands."""

    READING = "reading"
    PROCESSING = "processing"
    SENDING = "sending"
    SUSPENDED = "suspended"
    CLOSING = "closing"
    LINGERING = "lingering"
    CLOSED = "closed"

    interest: tuple[int, int]  # of INTEREST: a look into that costs more, as an enum's hash is a Python function


READING, PROCESSING, SENDING, SUSPENDED, CLOSING, LINGERING, CLOSED = State
ENDED = (CLOSING, LINGERING, CLOSED)

TRANSITIONS: dict[tuple[State, State], str] = {
    (READING, PROCESSING): "a worker gets a record, or the reply is late",
    (PROCESSING, READING): "the completion comes",
    (READING, SENDING): "output reaches the high mark",
    (SENDING, READING): "output is down to the low mark",
    (READING, SUSPENDED): "suspend(), or the turn's share is used up",
    (SUSPENDED, READING): "resume(), or the next turn",
    (PROCESSING, SUSPENDED): "the completion comes after suspend()",
    (SENDING, SUSPENDED): "output is down after suspend()",
    (SUSPENDED, PROCESSING): "the reply is late, after suspend()",
    (CLOSING, PROCESSING): "the reply is late, after finish()",
    (READING, CLOSING): "end of stream, error, drain, finish()",
    (PROCESSING, CLOSING): "process() raised, no room",
    (SENDING, CLOSING): "finish()",
    (SUSPENDED, CLOSING): "drain, finish()",
    (CLOSING, LINGERING): "all output is sent and shut down",
    (LINGERING, CLOSED): "the peer closed too, 64 KiB or 2 s",
    (CLOSING, CLOSED): "all is sent and the peer had ended before",
}
"""Besides these, a reset, a deadline and ``close()`` lead from every state to CLOSED at once."""

INTEREST: dict[State, tuple[int, int]] = {
    READING: (_READ, _READ | _WRITE),
    PROCESSING: (0, _WRITE),
    SENDING: (0, _WRITE),
    SUSPENDED: (0, _WRITE),
    CLOSING: (0, _WRITE),
    LINGERING: (_READ, _READ | _WRITE),
    CLOSED: (0, 0),
}
"""The interest set of each state: with nothing to send, and while output is left."""

for _state, _interest in INTEREST.items():
    _state.interest = _interest
