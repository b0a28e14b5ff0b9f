"""Facts: what is known of each channel and each turn, in one pass over what happens and in bounded memory.

Whoever watches (strict mode) or reads (a trace) calls the same methods, in the order of events. A turn begins when a
selection returns and ends when the next one of the same selector begins. At its end the streaks are brought up to date:
a streak counts turns in a row, and one turn without the thing ends it. Nothing is kept of what is over but the streaks.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from nio.doctor._place import NOWHERE, Place

READ, WRITE, CONNECT, ACCEPT = 1, 4, 8, 16  # operations; READ and WRITE are also what a kernel reports


@dataclass(eq=False, slots=True)
class ChannelFacts:
    """What is known of one channel. Streaks count turns in a row; the rest of the counts is of this turn."""

    number: int
    kind: str = "stream"  # or listener, datagram, pipe
    peer: str = ""
    opened: Place = NOWHERE
    trusted: bool = False  # the library's own handler has it: its reads and writes are not seen here
    is_exact: bool = True  # strict mode sees it; a recording has no reads without room
    interest: int = 0
    armed: dict[int, Place] = field(default_factory=dict)  # operation to the line that armed it last
    connected: bool = True
    pending: bool = False  # a connection attempt is under way
    in_use: bool = False  # bound or connected
    shown: bool = False  # the program has its socket, and may use that
    closed: bool = False

    ready: int = 0  # of this turn, as the kernel said
    was_selected: bool = False  # its key had been selected before, and was not taken out
    reads: int = 0
    bytes_read: int = 0
    no_room: int = 0  # reads into a full buffer
    ends: int = 0  # reads that met the end of the stream
    writes: int = 0  # with something to write
    refused: int = 0  # of those, the ones that wrote nothing
    accepts: int = 0
    finished: int = 0  # calls of finish_connect()
    last_place: Place = NOWHERE  # of the last read or write

    idle_writable: int = 0  # turns: ready to write, and nothing to write
    armed_early: int = 0  # the same while a job of the channel runs
    unread: int = 0  # turns: readable, and nobody reads
    full: int = 0  # turns: readable, and every read was without room
    at_end: int = 0  # turns: read() returned EOF
    unfinished: int = 0  # turns: connectable, and finish_connect() not called
    kept: int = 0  # times: reported anew while its key was still among the selected
    swallowed: int = 0  # turns: reported, and the key is ready for nothing that it asks for
    last_turn: int = 0

    jobs: set[int] = field(default_factory=set)  # that run for it
    owed: int = 0  # bytes that the last write left
    owed_place: Place = NOWHERE
    owed_turns: int = 0  # since then, without a write and with OP_WRITE off
    peer_ended: bool = False
    refused_in_a_row: int = 0  # writes that took nothing, with no selection in between
    refused_at: int = 0
    readers: dict[int, str] = field(default_factory=dict)  # threads that have read it, while it was registered
    cancelled: Place = NOWHERE  # where its key was cancelled
    closed_at: Place = NOWHERE
    cut: int = 0  # of the last datagram, the bytes that had room
    cut_at: Place = NOWHERE
    turn: TurnFacts | None = None

    @property
    def name(self) -> str:
        """How a sentence calls it."""
        return f"{self.kind} {self.number}" + (f" ({self.peer})" if self.peer else "")


@dataclass(frozen=True, slots=True)
class LateChange:
    """Another thread changed something while the selection slept, and did not wake it."""

    what: str  # register, interest or close
    place: Place
    thread: str
    age: int  # nanoseconds until a selection saw it


@dataclass(frozen=True, slots=True)
class Work:
    """What the thread did between two selections, or in one dispatch: nanoseconds of wall, of its own processor time,
    of all other threads' together, and of waiting for a processor."""

    wall: int = 0
    cpu: int = 0
    others: int = 0
    queued: int = 0
    place: Place = NOWHERE
    inside: str = ""  # the function it was in


@dataclass(eq=False, slots=True)
class TurnFacts:
    """One selection and what was done after it."""

    number: int = 0
    place: Place = NOWHERE  # of the call that selects
    looked: Place = NOWHERE  # where the selected keys were gone through
    polls: int = 0  # turns in a row: select(0) that found nothing
    is_poll: bool = False  # select(0), and nothing was ready
    wakeups: int = 0
    wakeup_place: Place = NOWHERE
    many_wakeups: int = 0  # turns in a row with more than eight
    channels: list[ChannelFacts] = field(default_factory=list)  # that were ready, or were used
    late: list[LateChange] = field(default_factory=list)
    work: list[Work] = field(default_factory=list)


class Facts:
    """The facts of one selector."""

    def __init__(self) -> None:
        self.turn = TurnFacts()
        self.owing: dict[int, ChannelFacts] = {}  # channels that owe bytes, by number
        self.most_owing = 4096

    def begin(self, place: Place = NOWHERE) -> TurnFacts:
        """A selection has returned: the turn that it begins."""
        last = self.turn
        self.turn = TurnFacts(last.number + 1, place, polls=last.polls, many_wakeups=last.many_wakeups)
        return self.turn

    def touch(self, channel: ChannelFacts) -> ChannelFacts:
        """The channel has part in this turn."""
        if channel.turn is not self.turn:
            channel.turn = self.turn
            channel.ready = channel.reads = channel.bytes_read = channel.no_room = channel.ends = 0
            channel.writes = channel.refused = channel.accepts = channel.finished = 0
            channel.was_selected = False
            self.turn.channels.append(channel)
        return channel

    def reported(self, channel: ChannelFacts, mask: int, was_selected: bool) -> None:
        """The kernel says that the channel is ready."""
        self.touch(channel)
        channel.ready |= mask
        channel.was_selected = channel.was_selected or was_selected

    def read(self, channel: ChannelFacts, count: int, room: int, place: Place) -> None:
        """A read that brought ``count`` bytes, -1 at the end of the stream, with ``room`` bytes of room."""
        self.touch(channel)
        channel.reads += 1
        channel.last_place = place
        if not room:
            channel.no_room += 1
        elif count < 0:
            channel.ends += 1
            channel.peer_ended = True
        else:
            channel.bytes_read += count

    def write(self, channel: ChannelFacts, count: int, offered: int, place: Place) -> None:
        """A write that took ``count`` of ``offered`` bytes."""
        self.touch(channel)
        if not offered:
            return
        channel.writes += 1
        channel.refused += not count
        channel.last_place = place
        channel.owed, channel.owed_place, channel.owed_turns = offered - count, place, 0
        if channel.owed and len(self.owing) < self.most_owing:
            self.owing[channel.number] = channel
        else:
            self.owing.pop(channel.number, None)

    def end(self) -> TurnFacts:
        """The turn is over: bring the streaks up to date."""
        turn = self.turn
        for channel in turn.channels:
            _count(channel, channel.last_turn == turn.number - 1)
            channel.last_turn = turn.number
        for number in tuple(self.owing):
            _count_owed(self.owing[number], self.owing)
        turn.polls = turn.polls + 1 if turn.is_poll else 0
        turn.many_wakeups = turn.many_wakeups + 1 if turn.wakeups > 8 else 0
        return turn

    def let_go(self) -> None:
        """Of the channels of the turn: else the facts of what is gone would hang on each other for ever."""
        for channel in self.turn.channels:
            if channel.turn is self.turn:
                channel.turn = None
        self.turn.channels.clear()


def _count(channel: ChannelFacts, follows: bool) -> None:
    mask, interest = channel.ready, channel.interest
    readable, writable = bool(mask & READ), bool(mask & WRITE)
    idle = writable and not channel.writes and channel.connected
    early = idle and bool(channel.jobs)
    used = channel.accepts if channel.kind == "listener" else channel.reads
    connect_left = bool(channel.connected and interest & CONNECT and not interest & WRITE)

    def streak(count: int, goes_on: bool) -> int:
        return (count if follows else 0) + 1 if goes_on else 0

    channel.armed_early = streak(channel.armed_early, early)
    channel.idle_writable = streak(channel.idle_writable, idle and not early and bool(interest & WRITE))
    channel.unread = streak(channel.unread, readable and not used and bool(interest & (READ | ACCEPT)))
    channel.full = streak(channel.full, readable and 0 < channel.reads == channel.no_room)
    channel.at_end = streak(channel.at_end, readable and channel.ends > 0)
    channel.unfinished = streak(channel.unfinished, channel.pending and mask != 0 and not channel.finished)
    channel.swallowed = streak(channel.swallowed, connect_left and writable and not readable)
    if mask:
        channel.kept = channel.kept + 1 if channel.was_selected else 0


def _count_owed(channel: ChannelFacts, owing: dict[int, ChannelFacts]) -> None:
    if channel.closed:
        del owing[channel.number]
    elif channel.interest & WRITE:
        channel.owed_turns = 0
    else:
        channel.owed_turns += 1
