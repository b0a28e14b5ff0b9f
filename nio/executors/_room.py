"""Those who wait for room in a full queue (BLOCK).

**Nobody waits in vain**, though workers take jobs without a lock. A submitter first enters ``waiting``, then looks for
room, then sleeps. A worker that took a job, from wherever, and whoever drops one, first makes room and then looks at
``waiting``. One of the two sees the other. To be called means only "look again". Whoever stops waiting, with room, with
an error or by Ctrl-C, calls the next one, so that no call ends with somebody who does not need it.

A submitter that was called and found no room enters ``waiting`` anew, with another queue: so it does not matter when
the one that called it takes the old one out.

Nothing here takes a lock: a signal handler that shuts the pool down must not.
"""

from __future__ import annotations

from typing import Protocol


class Call(Protocol):
    """A queue on which one submitter sleeps, once."""

    def put(self, item: None, /) -> object: ...


class Room:
    """Who waits, in the order in which they came; a dict is an ordered set."""

    __slots__ = ("waiting",)

    def __init__(self) -> None:
        self.waiting: dict[Call, None] = {}

    def call_next(self) -> None:
        """Whoever has waited longest is to look again."""
        for call in tuple(self.waiting)[:1]:
            call.put(None)
            self.waiting.pop(call, None)

    def call_all(self) -> None:
        """Everybody is to look again."""
        for call in tuple(self.waiting):
            call.put(None)
