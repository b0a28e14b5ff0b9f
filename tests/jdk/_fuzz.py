"""Random programs for the JDK and for ``nio``: what they answer differently, and is not meant to, is shrunk and shown.

A kind of programs is a driver of the JDK, an adapter that speaks the same operations to ``nio``, and a way to draw a
program. Programs are drawn against ``nio``, since only the state of a buffer says which position would be legal; so
the answers of ``nio`` come with them. While one batch is drawn the JDK answers the one before: two processors are busy,
and neither waits long for the other.

Programs that sleep are drawn several at once. What they answer may also depend on the time, so a difference has to show
a second time to count: a fault does, a busy machine does not.

A program is shrunk by leaving operations out, ever fewer at a time, as long as any difference is left: both sides go on
after an error, so every part of a program is a program.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple, TextIO, TypeVar

from tests.jdk._java import Jdk
from tests.jdk._replay import Adapter, Case, replay_one

PROGRAM = 200  # operations of a program, unless its kind has another length
BATCH = 100  # programs that the JDK is given at a time
SHOWN = 3  # differences that are shrunk and printed; the others are only counted

T = TypeVar("T")
Answer = TypeVar("Answer")
Program = Sequence[str]
Drawn = list[tuple[str, str]]  # operations, with the answers of nio
Answers = list[list[str]]  # of several programs


class Difference(NamedTuple):
    """An operation with two answers."""

    op: str
    theirs: str
    ours: str
    meant: str | None


@dataclass(frozen=True)
class Kind:
    """What programs are drawn from, and who plays them."""

    name: str
    driver: str
    adapter: Adapter
    draw: Callable[[Random, int], Drawn]
    ask: Callable[[Jdk, Sequence[Program]], Answers]
    length: int = PROGRAM
    at_once: int = 1  # programs
    playable: Callable[[Program], bool] = bool  # which parts of a program may be tried


@dataclass
class Tally:
    """What a run has come to."""

    operations: int = 0
    raised: int = 0
    programs: int = 0
    once: int = 0  # programs that differed, and did not when played again
    meant: Counter[str] = field(default_factory=Counter)
    differing: list[int] = field(default_factory=list)  # numbers of programs


def fuzz(kind: Kind, jdk: Jdk, seed: int, operations: int, out: TextIO) -> int:
    """Compare that many operations; 1 when anything differs."""
    tally, start = Tally(), time.monotonic()
    for drawn, answers in answered(kind, jdk, seed, operations):
        for program, theirs in zip(drawn, answers, strict=True):
            compare(kind, jdk, program, theirs, tally)
            if tally.differing[-1:] == [tally.programs] and len(tally.differing) <= SHOWN:
                show(kind, seed, tally.programs, shrunk(kind, jdk, [op for op, _ in program]), jdk, out)
            tally.programs += 1
    for reason, count in tally.meant.most_common():
        print(f"{count} meant: {reason}", file=out)
    if tally.once:
        print(f"{tally.once} programs differed once and did not when played again", file=out)
    print(
        f"{kind.name}, seed {seed}: {tally.operations} operations in {tally.programs} programs, "
        f"{100 * tally.raised // max(1, tally.operations)} % raised, {time.monotonic() - start:.0f} s, "
        f"{len(tally.differing)} programs differ",
        file=out,
    )
    return 1 if tally.differing else 0


def answered(kind: Kind, jdk: Jdk, seed: int, operations: int) -> Iterator[tuple[list[Drawn], Answers]]:
    """Batches of programs and what the JDK answers to them, which it does while the next is drawn."""
    waiting: tuple[list[Drawn], Future[Answers]] | None = None
    with ThreadPoolExecutor(1) as pool:
        for drawn in batches(kind, seed, operations):
            asked = pool.submit(kind.ask, jdk, [[op for op, _ in program] for program in drawn])
            if waiting:
                yield waiting[0], waiting[1].result()
            waiting = drawn, asked
        if waiting:
            yield waiting[0], waiting[1].result()


def batches(kind: Kind, seed: int, operations: int) -> Iterator[list[Drawn]]:
    """Every program from a generator of its own, so that it is the same in runs of any length."""
    sizes = [min(kind.length, operations - start) for start in range(0, operations, kind.length)]

    def draw(number: int) -> Drawn:
        return kind.draw(Random(f"{kind.name} {seed} {number}"), sizes[number])

    for first in range(0, len(sizes), BATCH):
        yield _each(kind, draw, range(len(sizes))[first : first + BATCH])


def _each(kind: Kind, function: Callable[[T], Answer], items: Sequence[T]) -> list[Answer]:
    if kind.at_once == 1:
        return [function(item) for item in items]
    with ThreadPoolExecutor(kind.at_once) as pool:
        return list(pool.map(function, items))


def compare(kind: Kind, jdk: Jdk, program: Drawn, answers: Sequence[str], tally: Tally) -> None:
    """Count what the JDK answers to a program, and note it where it differs."""
    tally.operations += len(program)
    tally.raised += sum(answer.startswith("!") for answer in answers)
    found = differences(kind, program, answers)
    tally.meant.update(difference.meant for difference in found if difference.meant)
    if _matters(found):
        if kind.at_once > 1 and not _matters(_all_differences(kind, jdk, [[op for op, _ in program]])[0]):
            tally.once += 1
        else:
            tally.differing.append(tally.programs)


def _matters(found: Iterable[Difference]) -> bool:
    return not all(difference.meant for difference in found)


def differences(kind: Kind, program: Drawn, answers: Sequence[str]) -> list[Difference]:
    """Every operation that is answered in two ways, also where that is meant."""
    script = [op for op, _ in program]
    return [
        Difference(op, theirs, ours, kind.adapter.meant(op, theirs, ours, script))
        for (op, ours), theirs in zip(program, answers, strict=True)
        if ours != theirs
    ]


def exactly(difference: Difference) -> Difference:
    """All of it but the checksums, which any operation changes."""
    theirs, ours = (answer.rpartition(" ")[0] if " | " in answer else answer for answer in difference[1:3])
    return difference._replace(theirs=theirs, ours=ours)


def roughly(difference: Difference) -> Difference:
    """Without any numbers, only the names of methods and exceptions."""
    op = " ".join(word for word in difference.op.split(" ") if word.isalpha())
    theirs, ours = (answer.split(" ")[0] if answer.startswith("!") else "" for answer in difference[1:3])
    return difference._replace(op=op, theirs=theirs, ours=ours)


def shrunk(kind: Kind, jdk: Jdk, program: Program) -> Program:
    """A part of the program with some of its differences and no others, of which nothing can be left out.

    First only parts with the very same answers count; from what is left, parts with answers of the same sort.
    """
    for alike in (exactly, roughly):
        size = max(1, len(program) // 2)
        while size:
            parts = [[*program[:start], *program[start + size :]] for start in range(0, len(program), size)]
            parts = [part for part in parts if kind.playable(part)]
            wanted, *found = [set(map(alike, of_one)) for of_one in _all_differences(kind, jdk, [program, *parts])]
            still = [part for part, differs in zip(parts, found, strict=True) if _is_part(differs, wanted)]
            if still:
                program = still[-1]
            else:
                size //= 2
    return program


def _is_part(found: set[Difference], wanted: set[Difference]) -> bool:
    return found <= wanted and _matters(found)


def _all_differences(kind: Kind, jdk: Jdk, programs: Sequence[Program]) -> list[list[Difference]]:
    played = [
        list(zip(program, answers, strict=True))
        for program, answers in zip(programs, _each(kind, kind.adapter.play, programs), strict=True)
    ]
    return [differences(kind, *pair) for pair in zip(played, kind.ask(jdk, programs), strict=True)]


def show(kind: Kind, seed: int, number: int, program: Program, jdk: Jdk, out: TextIO) -> None:
    """Print a program as a replay would, and as a case for a file."""
    name = f"{kind.name}_seed_{seed}_program_{number}"
    answers = kind.ask(jdk, [program])[0]
    case = Case(name, tuple(program), tuple((answer,) for answer in answers))
    print(*replay_one(case).difference, sep="\n", file=out)
    print(json.dumps({"name": name, "ops": list(program), "expect": answers}), end="\n\n", file=out)
