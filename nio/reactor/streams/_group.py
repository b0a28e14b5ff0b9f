"""Group: connections that are written to together; a member leaves by itself when it ends.

**A record is encoded once** for each framing among the members, in the thread that broadcasts, so that a record which
no framing takes is the error of whoever made it. Members without a framing get the bytes as they are.

**Order.** A broadcast is one call on a reactor's thread, so all members there hear all records in the same order,
whichever threads they come from. ``join``, ``leave`` and ``broadcast`` of one thread take effect in their order.

**A slow member costs only itself.** What it has not taken waits in its own output, up to its ``max_output``. A record
that does not fit ends that member, or is left out for it, as the group's rule says; nobody else waits.
"""

from __future__ import annotations

import enum
import logging
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar
from weakref import WeakKeyDictionary

from nio.errors import IllegalStateError
from nio.reactor.loop._reactor import Reactor
from nio.reactor.loop._registry import LEAVING
from nio.reactor.streams._checks import explained
from nio.reactor.streams._connection import Connection
from nio.reactor.streams._state import CLOSED

Encode = Callable[[Any], bytes]
M = TypeVar("M", bound=Connection)


class SlowMember(enum.Enum):
    """What happens to a member that has no room for a record."""

    CLOSE = "its connection ends, with OVERLOAD"
    SKIP = "it misses this record"


class Group(Generic[M]):
    """Connections to write to together: ``join`` in ``on_open``, and that is all; a member that ends has left.

    A collection: ``len``, ``in`` and iteration see the members of now; members may come and go meanwhile. A connection
    may be in several groups, and members may live on several reactors. ``Group[Chat]`` is one of ``Chat`` connections.

    Concurrency: every method from any thread. What another thread than the reactor's asks for travels there.
    """

    __slots__ = ("_members", "_rule", "skipped")

    def __init__(self, *, slow: SlowMember = SlowMember.CLOSE) -> None:
        if not isinstance(slow, SlowMember):
            raise TypeError(f"slow is SlowMember.CLOSE or SlowMember.SKIP, not {slow!r:.60}")
        self._rule = slow
        self._members: WeakKeyDictionary[Reactor, dict[M, None]] = WeakKeyDictionary()
        self.skipped: int = 0
        """Records left out for members that had no room."""

    def join(self, member: M) -> None:
        """Take a connection in; again is nothing, and one that has ended is not taken.

        TypeError for what is no connection, IllegalStateError for one that is not open yet.
        """
        if not isinstance(member, Connection):
            hint = f": give it an object, not the class {member.__name__}" if isinstance(member, type) else ""
            raise TypeError(f"members of a Group are connections, StreamHandlers for one, not {member!r:.60}{hint}")
        reactor: Reactor | None = getattr(member, "reactor", None)
        if reactor is None:
            name = type(member).__name__
            raise IllegalStateError(f"this {name} is not open yet: join in its on_open()")
        self._members.setdefault(reactor, {})
        _there(reactor, self._join, member)

    def leave(self, member: M) -> None:
        """Let a connection go, which stays open; nothing if it is no member."""
        reactor: Reactor | None = getattr(member, "reactor", None)
        if reactor is not None:
            _there(reactor, self._leave, member)

    def broadcast(self, record: bytes, *, but: M | None = None) -> None:
        """Send a record to every member, except ``but``; never waits, and calls nothing.

        Raises what a member's framing says of the record; then nobody has got it.
        """
        encoded: dict[Encode, bytes] = {}
        for member in self:
            _encoded(member, record, encoded)
        for reactor in self._reactors():
            _there(reactor, self._deliver, reactor, record, encoded, but)

    def __iter__(self) -> Iterator[M]:
        return iter([member for reactor in self._reactors() for member in tuple(self._members.get(reactor, ()))])

    def __len__(self) -> int:
        return sum(len(self._members.get(reactor, ())) for reactor in self._reactors())

    def __contains__(self, member: object) -> bool:
        return isinstance(member, Connection) and member in tuple(self)

    def __repr__(self) -> str:
        return f"Group(members={len(self)}, slow={self._rule.name})"

    def _reactors(self) -> list[Reactor]:
        """In one step: another thread may bring the first member of another reactor meanwhile."""
        return [reactor for ref in self._members.keyrefs() if (reactor := ref()) is not None]

    # on the thread of a member's reactor

    def _join(self, member: M) -> None:
        members = self._members[member.reactor]
        if member.state is not CLOSED and member not in members:
            members[member] = None
            member.call_at_end(self._forget)

    def _leave(self, member: M) -> None:
        if member in self._members.get(member.reactor, ()):
            member.call_at_end(self._forget, False)
            self._forget(member)

    def _forget(self, member: M) -> None:
        del self._members[member.reactor][member]

    def _deliver(self, reactor: Reactor, record: bytes, encoded: dict[Encode, bytes], but: M | None) -> None:
        for member in tuple(self._members.get(reactor, ())):
            if member is but:
                continue
            try:
                data = _encoded(member, record, encoded)  # it may have joined, or changed its framing, meanwhile
            except LEAVING:
                raise
            except BaseException as error:
                reactor.report("group", logging.ERROR, "a record cannot be sent to %r", member, error=error)
                continue
            if self._rule is SlowMember.SKIP and member.unsent and member.unsent + len(data) > member.max_output:
                self.skipped += 1
            else:
                member.write(data)


def _there(reactor: Reactor, call: Callable[..., None], *args: object) -> None:
    """On the thread of that reactor: at once when this is it."""
    if reactor.owner.is_elsewhere:
        reactor.post(call, *args)
    else:
        call(*args)


def _encoded(member: Connection, record: bytes, encoded: dict[Encode, bytes]) -> bytes:
    encode: Encode = getattr(member, "_encode", _plain)
    if encode not in encoded:
        try:
            encoded[encode] = encode(record)
        except LEAVING:
            raise
        except BaseException as error:
            framing: Any = getattr(member, "framing", None)
            raise explained("Group.broadcast() was given", framing, record, error) from None
    return encoded[encode]


def _plain(record: bytes) -> bytes:
    """For a Connection, which has no framing."""
    return memoryview(record).tobytes()
