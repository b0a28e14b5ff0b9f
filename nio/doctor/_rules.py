"""Rules over facts: what each of them looks at, and from how many on it speaks.

A rule sees the facts of one channel (``scope="channel"``) or of one turn (``scope="turn"``) when the turn is over, and
answers with a Finding or None. Counts and ratios decide; milliseconds only where a rule is about time. In doubt a rule
is silent: a false alarm costs more than a mistake that is named a little later.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from nio.doctor._facts import ACCEPT, CONNECT, READ, WRITE, ChannelFacts, LateChange, TurnFacts, Work
from nio.doctor._finding import Finding
from nio.doctor._place import NOWHERE, Place
from nio.doctor._table import TABLE

MANY = 512  # turns in a row: what no program does for a reason
LATE = 100_000_000  # nanoseconds
LONG = 50_000_000  # nanoseconds


@dataclass(frozen=True)
class Rule:
    """``check(facts)`` is called with ChannelFacts or TurnFacts, as ``scope`` says, at the end of each turn.

    It answers with a :class:`Finding`, or None. ``mistake``, ``fix`` and ``lesson`` are words for
    ``explain``. What ``check`` raises ends the rule, with one line in the log ``nio.doctor``.
    """

    code: str
    check: Callable[[Any], Finding | None]
    scope: Literal["channel", "turn"] = "channel"
    mistake: str = ""
    fix: str = ""
    lesson: str = ""


def found(code: str, evidence: str, place: Place = NOWHERE) -> Finding:
    """A finding with the words of the table."""
    row = TABLE[code]
    return Finding(code, evidence, place, row.fix, row.lesson)


def _is_due(count: int, first: int = MANY) -> bool:
    """Whether a streak of that length is worth a word: at ``first``, and at 8, 64, 512 times that."""
    times, rest = divmod(count, first)
    return not rest and is_power_of_eight(times)


def is_power_of_eight(times: int) -> bool:
    """1, 8, 64 ..."""
    return times > 0 and times & (times - 1) == 0 and (times.bit_length() - 1) % 3 == 0


def _armed(channel: ChannelFacts, op: int) -> Place:
    return channel.armed.get(op, channel.opened)


def s01(channel: ChannelFacts) -> Finding | None:
    """OP_WRITE on, nothing queued."""
    if channel.trusted or not _is_due(channel.idle_writable):
        return None
    text = (
        f"OP_WRITE is on and nothing is queued: {channel.name} was writable in {channel.idle_writable} "
        "turns in a row, and no write was tried."
    )
    return found("S01", text, _armed(channel, WRITE))


def i01(channel: ChannelFacts) -> Finding | None:
    """The end of the stream, again and again."""
    if channel.trusted or not _is_due(channel.at_end):
        return None
    text = (
        f"The peer of {channel.name} said goodbye {channel.at_end} times: read() returned EOF in as many "
        "turns, and the channel is still open."
    )
    return found("I01", text, channel.last_place)


def b05(channel: ChannelFacts) -> Finding | None:
    """A buffer without room."""
    if channel.trusted or not _is_due(channel.full):
        return None
    text = f"The buffer for {channel.name} is full: {channel.full} reads had no room and can never return data."
    return found("B05", text, channel.last_place)


def s18(channel: ChannelFacts) -> Finding | None:
    """Readable, and nobody reads."""
    if channel.trusted or not _is_due(channel.unread):
        return None
    if not channel.is_exact and channel.kind == "stream":
        text = (
            f"{channel.name} was readable in {channel.unread} turns in a row, and no recv was called: its "
            "buffer is full, or nobody reads."
        )
        return found("B05", text, _armed(channel, READ))
    call = "accepts" if channel.kind == "listener" else "reads"
    text = f"{channel.name} was readable in {channel.unread} turns in a row, and nobody {call}."
    return found("S18", text, _armed(channel, ACCEPT if channel.kind == "listener" else READ))


def s02(channel: ChannelFacts) -> Finding | None:
    """The key stays among the selected keys."""
    if not _is_due(channel.kept, 64) or channel.turn is None:
        return None
    text = (
        f"The key of {channel.name} was ready again {channel.kept} times while it was still among the "
        "selected keys: whoever handles a key takes it out."
    )
    return found("S02", text, channel.turn.looked if channel.turn.looked.path else channel.turn.place)


def s12(channel: ChannelFacts) -> Finding | None:
    """OP_CONNECT on a connected channel."""
    if not _is_due(channel.swallowed):
        return None
    text = (
        f"select() woke {channel.swallowed} times in a row for nothing: OP_CONNECT is armed on "
        f"{channel.name}, which is connected."
    )
    return found("S12", text, _armed(channel, CONNECT))


def s13(channel: ChannelFacts) -> Finding | None:
    """finish_connect() never called."""
    if not _is_due(channel.unfinished):
        return None
    text = (
        f"{channel.name} was connectable in {channel.unfinished} turns in a row, and finish_connect() was not called."
    )
    return found("S13", text, _armed(channel, CONNECT))


def t04(channel: ChannelFacts) -> Finding | None:
    """Writable while the job runs."""
    if not _is_due(channel.armed_early, 64):
        return None
    text = (
        f"select() returned {channel.armed_early} times for {channel.name} while its job runs: OP_WRITE "
        "is armed before there is anything to write."
    )
    return found("T04", text, _armed(channel, WRITE))


def i05(channel: ChannelFacts) -> Finding | None:
    """What a write left is never offered again."""
    if channel.trusted or channel.owed_turns < 64:
        return None
    return owed_for_good(channel, f"{channel.owed_turns} turns have passed with OP_WRITE off")


def owed_for_good(channel: ChannelFacts, why: str) -> Finding:
    """I05 in words."""
    text = (
        f"{channel.owed} bytes will never be sent: write() to {channel.name} took less than it was offered, and {why}."
    )
    return found("I05", text, channel.owed_place)


def i07(channel: ChannelFacts) -> Finding | None:
    """More than its share."""
    turn = channel.turn
    if channel.trusted or turn is None or channel.bytes_read <= 1 << 20 or channel.reads < 16:
        return None
    others = sum(1 for other in turn.channels if other is not channel and other.ready)
    if not others:
        return None
    text = (
        f"{channel.name} was read {channel.reads} times in one turn, {channel.bytes_read} bytes, while "
        f"{others} others were ready."
    )
    return found("I07", text, channel.last_place)


def s03(turn: TurnFacts) -> Finding | None:
    """select(0) in a row."""
    if not _is_due(turn.polls):
        return None
    return found("S03", f"select(0) found nothing {turn.polls} times in a row: 0 means not to wait.", turn.place)


def s19(turn: TurnFacts) -> Finding | None:
    """Wake-ups by the dozen."""
    if not _is_due(turn.many_wakeups, 64):
        return None
    text = (
        f"wakeup() was called {turn.wakeups} times in one turn, and more than 8 times in each of "
        f"{turn.many_wakeups} turns."
    )
    return found("S19", text, turn.wakeup_place)


_LATE_WORDS = {
    "register": ("S05", "A channel was registered by thread {}"),
    "interest": ("S06", "An interest set was changed by thread {}"),
    "close": ("S15", "A registered channel was closed by thread {}"),
}


def s05(turn: TurnFacts) -> Finding | None:
    """Changes by another thread that the sleeping selection did not see: S05, S06, S15."""
    change = max(turn.late, key=lambda late: late.age, default=None)
    return None if change is None or change.age < LATE else _late(change)


def _late(change: LateChange) -> Finding:
    code, words = _LATE_WORDS[change.what]
    text = (
        f"{words.format(change.thread)}, and the selection saw it {change.age / 1e9:.1f} s later: nobody "
        "called wakeup()."
    )
    return found(code, text, change.place)


def t01(turn: TurnFacts) -> Finding | None:
    """Waiting or computing: T01, T02; a thread that waits for a processor or for the others is no finding."""
    work = max(turn.work, key=lambda one: one.wall, default=None)
    if work is None or work.wall < LONG:
        return None
    waited = work.wall - work.cpu - work.queued - work.others
    others = sum(1 for channel in turn.channels if channel.ready)
    return _waited(work, waited, others) if waited >= max(LONG, work.cpu) else _computed(work, others)


def _waited(work: Work, waited: int, ready: int) -> Finding:
    inside = f" in {work.inside}" if work.inside else ""
    text = (
        f"The loop's thread waited {waited // 1_000_000} ms{inside} in a turn of {work.wall // 1_000_000} "
        f"ms, of which it computed {work.cpu // 1_000_000} ms; ready keys in that turn: {ready}."
    )
    return found("T01", text, work.place)


def _computed(work: Work, ready: int) -> Finding | None:
    if work.cpu < LONG * max(1, ready) or work.cpu * 2 < work.wall - work.queued:
        return None
    text = (
        f"The loop's thread computed for {work.cpu // 1_000_000} ms in a turn of {work.wall // 1_000_000} "
        f"ms, for {ready} ready keys."
    )
    return found("T02", text, work.place)


CHANNEL_CHECKS = {"S01": s01, "S02": s02, "S12": s12, "S13": s13, "S18": s18, "B05": b05, "I01": i01, "I05": i05}
CHANNEL_CHECKS |= {"I07": i07, "T04": t04}
TURN_CHECKS = {"S03": s03, "S05": s05, "S19": s19, "T01": t01}


def own_rules() -> list[Rule]:
    """The rules that look at facts; all others are found by strict mode in the act."""
    both: list[Rule] = []
    for checks, scope in ((CHANNEL_CHECKS, "channel"), (TURN_CHECKS, "turn")):
        for code, check in checks.items():
            row = TABLE[code]
            both.append(Rule(code, check, scope, row.mistake, row.fix, row.lesson))  # type: ignore[arg-type]
    return both
