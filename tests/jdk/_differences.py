"""Everything in which ``nio`` means to differ from the JDK where selectors, channels and files are concerned.

Most are a change of form, made in the method of ``_scenarios`` that the entry names.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

Script = Sequence[str]


@dataclass(frozen=True)
class Difference:
    """One decision to differ: why, and from which statements.

    ``words`` are the operations that have no counterpart then: a scenario that uses one is passed over, by name.
    ``answers`` are the pairs, the JDK's answer and ours, that count as agreement: to an operation that starts with
    ``op``, in scripts that ``where`` holds for; where that is all, any answer may differ. ``unseen``: the driver has
    no operation to show it.
    """

    reason: str
    statements: tuple[int, ...] = ()
    words: frozenset[str] = frozenset()
    answers: frozenset[tuple[str, str]] = frozenset()
    op: str | tuple[str, ...] = ""
    where: Callable[[Script], bool] | None = None
    unseen: bool = False

    def explains(self, op: str, expected: str, answer: str, script: Script) -> bool:
        """Whether ``answer`` may stand where the JDK has ``expected``."""
        return (
            bool(self.answers or self.where)
            and (not self.answers or (expected, answer) in self.answers)
            and op.startswith(self.op)
            and (self.where is None or self.where(script))
        )


def _wakes_or_throws_when_woken(script: Script) -> bool:
    acts = (op for op in script if op.startswith(("nowc ", "selectc ")) and op.endswith((" wake", " throw")))
    return any(f"wakeup {op.split()[1]}" in script for op in acts)


def _locks_to_the_end(script: Script) -> bool:
    return any(word == "flock" and rest[3:4] == ["0"] for word, *rest in map(str.split, script) if rest)


def _moves_many_buffers(script: Script) -> bool:
    return any(op.startswith("gather ") and op.count(",") >= MANY for op in script)


def _transfers_within_a_file(script: Script) -> bool:
    lines = [op.split() for op in script]
    paths = {line[1]: line[2] for line in lines if line[0] == "fopen" and len(line) > 2}
    ends = [(line[1], line[4] if line[0] == "fto" else line[2]) for line in lines if line[0] in ("fto", "ffrom")]
    return any(paths.get(one, one) == paths.get(other) for one, other in ends if one != other)


def _loses_its_family(script: Script) -> bool:
    """A datagram channel has got its address by itself, and then is disconnected or another is connected to it."""
    unbound, by_itself = set(), set()
    for word, name, *rest in (op.split() for op in script if " " in op):
        if word == "dc":
            unbound.add(name)
        elif word == "bind":
            unbound.discard(name)
        elif name in unbound and word in ("connect", "receive", "send"):
            unbound.discard(name)
            by_itself.add(name)
        if (word == "disconnect" and name in by_itself) or (word == "connect" and by_itself.intersection(rest)):
            return True
    return False


def _disconnects_before_it_hears_of_a_refusal(script: Script) -> bool:
    left = {op.split()[1]: at for at, op in enumerate(script) if op.startswith("disconnect ")}
    return any(
        f"connect {name} refused" in script[:at]
        and any(op.startswith((f"write {name} ", f"send {name} ", f"gather {name} ")) for op in script[:at])
        for name, at in left.items()
    )


def _frees_a_port_at_once(script: Script) -> bool:
    """A listener or a datagram channel is closed while a selector has it."""
    open_ones, watched = set(), set()
    for word, *rest in (op.split() for op in script if " " in op):
        if word in ("listen", "uds", "dc"):
            open_ones.add(rest[0])
        elif word == "reg" and rest[0] in open_ones:
            watched.add(rest[0])
        elif watched and (rest[-1] == "closech" or word == "iterclose" or (word == "close" and rest[0] in watched)):
            return True
    return False


_CUT = ("!AsynchronousCloseException", "!IOException:Broken pipe", "!IOException:Connection reset by peer")

_GRANTED = frozenset((f"ok shared={shared}", "!OverlappingFileLockException") for shared in "TF")
MANY = 1024  # buffers; no system call takes more

DIFFERENCES = {
    "interrupt": Difference(
        "threads of Python cannot be interrupted",
        (109, 155),
        words=frozenset({"interrupt", "selfinterrupt"}),
    ),
    "cut-short": Difference(
        "a blocking write that is cut short raises at once, its buffer tells how far it came; "
        "the JDK returns the count and throws from the next write",
        (131, 137, 154),
        answers=frozenset((jdk, cut) for jdk in ("partial", "total-matches in-order partial") for cut in _CUT),
        op="join",
    ),
    "woken": Difference(
        "a selection uses up the wake-up that ended it before it runs an action: a wake-up from the action is never "
        "lost with it, as it is in the JDK, and none is left when the action throws",
        (105, 119, 121),
        answers=frozenset({("0 slow", "0 fast"), ("0 fast", "0 slow")}),
        op="time",
        where=_wakes_or_throws_when_woken,
    ),
    "family": Difference(
        "channels are of IPv4, the JDK's of IPv6 with IPv4 mapped into it: a datagram channel that nobody bound is at "
        ":: or ::1 there when it has been disconnected or another is connected to it, and not reached from 127.0.0.1",
        where=_loses_its_family,
    ),
    "late-refusal": Difference(
        "disconnecting takes along a refusal that nobody has heard of; in the JDK it makes the channel ready once "
        "more, and the next receive() empty",
        where=_disconnects_before_it_hears_of_a_refusal,
    ),
    "early-port": Difference(
        "a listener or datagram channel that is closed while registered gives its port back at once, and not with the "
        "next selection: whom nobody has accepted is reset then, and datagrams are refused",
        op=("read", "scatter", "write", "gather", "send", "receive", "finish", "bind", "connect", "select", "now"),
        where=_frees_a_port_at_once,
    ),
    "lock-size-0": Difference(
        "a lock of size 0 reaches to the end of the file and overlaps with whatever lies there, as in later JDKs; "
        "JDK 17 asks the kernel for the same and takes it to overlap with nothing",
        (181,),
        answers=_GRANTED | frozenset((refused, granted) for granted, refused in _GRANTED),
        op="flock",
        where=_locks_to_the_end,
    ),
    "many-buffers": Difference(
        f"a write that is to be complete, to a file or in blocking mode, is so with more than {MANY} buffers too; the "
        f"JDK writes the first {MANY}",
        (131, 151),
        where=_moves_many_buffers,
    ),
    "same-file": Difference(
        "between two channels on one file bytes are moved through a buffer; where the ranges overlap the JDK may copy "
        "what it has just written, and answers this way or that",
        (179,),
        op=("fcat", "read", "freadat", "scatter", "mget"),
        where=_transfers_within_a_file,
    ),
    "lock-numbers": Difference("FileLock.overlaps counts beyond 2**63 - 1, where Java's numbers wrap", unseen=True),
    "text-modes": Difference(
        "a reader or writer of text refuses a channel in non-blocking mode, as Java's documentation has it and as "
        "streams do; in JDK 17 such a writer writes, and such a reader does not return",
        unseen=True,
    ),
    "seconds": Difference("timeouts are seconds, None waits for ever and 0 polls (_words.to_seconds)", (78,)),
    "names": Difference("errors carry Python names and a builtin as second base (_words.java_name)"),
    "remove": Difference("set.remove raises KeyError where Java returns false (do_sremove)", (67,)),
    "iterator": Difference("iterators have no remove(); the set has (do_iterremove)", (67, 79)),
    "setter": Difference("a property is set, so there is no key to be returned (do_iops)", (99,)),
    "monitor": Difference("objects have no monitor; a selector has its lock (do_holdlock)", (113,)),
}
