"""DrainRecord: what a drain tells of one connection."""

from __future__ import annotations

from nio._record import Record, record
from nio.reactor.loop._close_reason import CloseReason


@record
class DrainRecord(Record):
    """A connection that a drain has ended, in ``reactor.drain_report``.

    ``peer`` and ``handler`` are those of :class:`ConnectionInfo`, ``state`` is where it stood when the drain began, or
    when the connection came, if that was later. ``reason`` is why it ended, ``unsent`` how many bytes of output the
    kernel had not taken then, ``seconds`` how long that took from ``state`` on. ``abandoned`` says that the time for
    the drain was over while something was owed.
    """

    peer: object
    handler: str
    reason: CloseReason
    state: str
    unsent: int
    seconds: float
    abandoned: bool
