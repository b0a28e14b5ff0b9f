"""Recorded cases, played again on ``nio`` and compared word for word.

A file holds one JSON object per line: ``name``; ``covers``, the numbers of the statements it shows; ``ops``, the lines
of a script; ``expect``, the JDK's answer to each of them, or a list where it gives one or another. What else an object
holds (``note``, ``jdk``) is for people.

Scenarios spend their time asleep, so many are played at once; cases over buffers are played one after the other. In a
hurry the recorded pauses are cut short and even more are played at once, and what differs then is played again as it
was recorded, alone: a difference is a difference only at the recorded pace.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TextIO

from tests.jdk import _scenarios

AT_ONCE = 12  # scenarios; with more, threads wait for one another and "fast" loses its meaning
HURRY = 0.3  # of the recorded pauses
BUFFERS = "tests.jdk._buffers"
BUFFER_WORDS = frozenset({"new", "wrap", "wraps", "dec", "enc", "call", "state", "same", "clear", "flush"})


class Adapter(Protocol):
    """A module that speaks one driver's operations to ``nio``."""

    def passed_over(self, script: Iterable[str], /) -> str | None:
        """Why a script has no Python counterpart, None when it is to be played."""
        ...

    def play(self, script: Iterable[str], /) -> list[str]:
        """One answer per line of the script."""
        ...

    def meant(self, op: str, expected: str, answer: str, script: Sequence[str] = (), /) -> str | None:
        """The reason why an answer differs from the JDK's, None when there is none."""
        ...


@dataclass(frozen=True)
class Case:
    """One line of a file; ``expect`` holds the JDK's answers to each operation."""

    name: str
    ops: tuple[str, ...]
    expect: tuple[tuple[str, ...], ...]
    covers: tuple[int, ...] = ()
    note: str = ""

    @property
    def is_scenario(self) -> bool:
        """Over selectors and channels, not over buffers and coders."""
        word = self.ops[0].split()[0]
        return not (word.startswith("=") or word in BUFFER_WORDS)


@dataclass(frozen=True)
class Outcome:
    """What became of a case: the lines of a difference, why it was passed over, or why it differs and is right."""

    case: Case
    difference: tuple[str, ...] = ()
    passed_over: str | None = None
    meant: tuple[str, ...] = ()
    late: bool = False

    @property
    def passed(self) -> bool:
        return not self.difference and self.passed_over is None


def load(path: Path) -> list[Case]:
    """The cases of a file; ValueError names the line that is not of the format."""
    cases = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if line.strip():
            try:
                cases.append(_case(json.loads(line)))
            except (ValueError, KeyError, TypeError) as error:
                raise ValueError(f"{path}:{number}: not a case: {error!r}") from error
    return cases


def replay(cases: Sequence[Case], *, hurry: bool = False) -> list[Outcome]:
    """Play all, scenarios side by side; the outcomes stand in the order of the cases."""
    pace, threads = (HURRY, AT_ONCE * 2) if hurry else (1.0, AT_ONCE)
    with ThreadPoolExecutor(threads) as pool:
        waiting = {case: pool.submit(replay_one, case, pace) for case in cases if case.is_scenario}
    outcomes = [waiting[case].result() if case in waiting else replay_one(case) for case in cases]
    return [replay_one(one.case) if hurry and one.difference else one for one in outcomes]


def replay_one(case: Case, pace: float = 1.0) -> Outcome:
    """Play one case; a "slow" that should have been "fast" is asked for again, once: the machine may be busy."""
    try:
        adapter = adapter_of(case)
        reason = adapter.passed_over(case.ops)
        if reason is not None:
            return Outcome(case, passed_over=reason)
        outcome = _compared(case, adapter, pace)
        return _compared(case, adapter) if outcome.late else outcome
    except Exception as error:
        return Outcome(case, (_title(case), f"    cannot be played: {error!r}"))


def adapter_of(case: Case) -> Adapter:
    """Who speaks the case's operations; LookupError when that part is not there."""
    if case.is_scenario:
        return _scenarios
    if importlib.util.find_spec(BUFFERS) is None:
        raise LookupError(f"there is no {BUFFERS}")
    adapter: Adapter = importlib.import_module(BUFFERS)
    return adapter


def report(outcomes: Sequence[Outcome], out: TextIO) -> int:
    """Print what differs, what differs and is meant to, what was passed over, and the count; the number of failures."""
    failed = [outcome for outcome in outcomes if outcome.difference]
    for outcome in failed:
        print(*outcome.difference, sep="\n", end="\n\n", file=out)
    reasons: dict[str, list[str]] = {}
    for outcome in outcomes:
        for reason in dict.fromkeys(outcome.meant):
            reasons.setdefault(f"passed, and differ: {reason}", []).append(outcome.case.name)
        if outcome.passed_over is not None:
            reasons.setdefault(f"passed over: {outcome.passed_over}", []).append(outcome.case.name)
    for reason, names in reasons.items():
        print(f"{len(names)} {reason} ({', '.join(names)})", file=out)
    print(f"{sum(outcome.passed for outcome in outcomes)} passed, {len(failed)} failed", file=out)
    return len(failed)


def _case(entry: dict[str, object]) -> Case:
    ops, expect, covers = entry["ops"], entry["expect"], entry.get("covers", [])
    if not (isinstance(ops, list) and isinstance(expect, list) and isinstance(covers, list)):
        raise TypeError("ops, expect and covers are lists")
    if not ops or len(ops) != len(expect):
        raise ValueError(f"{len(ops)} operations and {len(expect)} answers")
    answers = tuple((answer,) if isinstance(answer, str) else tuple(answer) for answer in expect)
    return Case(str(entry["name"]), tuple(ops), answers, tuple(covers), str(entry.get("note", "")))


def _compared(case: Case, adapter: Adapter, pace: float = 1.0) -> Outcome:
    answers = adapter.play(case.ops) if pace == 1 else _scenarios.play(case.ops, pace)
    lines, meant = [], []
    differs, late = False, True
    for op, expected, answer in zip(case.ops, case.expect, answers, strict=True):
        if answer in expected:
            lines.append(f"    {op} => {answer}")
            continue
        reason = next(filter(None, (adapter.meant(op, one, answer, case.ops) for one in expected)), None)
        if reason is not None:
            meant.append(reason)
            lines.append(f"    {op} => {answer} (meant)")
            continue
        lines += [f"  - {op} => {' | '.join(expected)}", f"  + {op} => {answer}"]
        differs = True
        late = late and answer in [one.removesuffix("fast") + "slow" for one in expected if one.endswith("fast")]
    if not differs:
        return Outcome(case, meant=tuple(meant))
    return Outcome(case, (_title(case), *lines), late=late)


def _title(case: Case) -> str:
    covers = f" (statements {', '.join(map(str, case.covers))})" if case.covers else ""
    return f"{case.name}{covers}{': ' if case.note else ''}{case.note}"
