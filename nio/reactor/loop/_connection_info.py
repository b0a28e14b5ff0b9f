"""ConnectionInfo: what a reactor tells of one of its connections."""

from __future__ import annotations

from nio._record import Record, record


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
