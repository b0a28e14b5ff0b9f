"""Recorded cases, played again on ``nio`` and compared word for word.

A file holds one JSON object per line: ``name``; ``covers``, the numbers of the statements it shows; ``ops``, the lines
of a script; ``expect``, the JDK's answer to each of them, or a list where it gives one or another. What else an object
holds (``note``, ``jdk``) is for people.

Scenarios spend their time asleep, so many are played at once; cases over buffers are played one after the other.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TextIO

from tests.jdk import _scenarios

AT_ONCE = 12  # scenarios; with more, threads wait for one another and "fast" loses its meaning
BUFFERS = "tests.jdk._buffers"
BUFFER_WORDS = frozenset({"new", "wrap", "wraps", "dec", "enc", "call", "state", "same", "clear", "flush"})

Answer = str | list[str]


class Adapter(Protocol):
    """A module that speaks one driver's operations to ``nio``."""

    def passed_over(self, ops: Sequence[str]) -> str | None:
        """Why a script has no Python counterpart, None when it is to be played."""
        ...

    def play(self, ops: Iterable[str]) -> list[str]:
        """One answer per line of the script."""
        ...


@dataclass(frozen=True)
class Case:
    """One line of a file."""

    name: str
    ops: list[str]
    expect: list[Answer]
    covers: list[int] = field(default_factory=list)
    note: str = ""

    @property
    def is_scenario(self) -> bool:
        """Over selectors and channels, not over buffers and coders."""
        word = self.ops[0].split()[0] if self.ops else ""
        return not (word.startswith("=") or word in BUFFER_WORDS)


@dataclass(frozen=True)
class Outcome:
    """What became of a case: nothing to say, a reason to pass it over, or the lines of a difference."""

    case: Case
    passed_over: str | None = None
    difference: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        return not self.difference and self.passed_over is None


def load(path: Path) -> list[Case]:
    """The cases of a file; ValueError with the line's number where one is not of the format."""
    cases = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
            ops, expect = entry["ops"], entry["expect"]
            case = Case(entry["name"], ops, expect, entry.get("covers", []), entry.get("note", ""))
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{path}:{number}: not a case: {error!r}") from error
        if len(ops) != len(expect):
            raise ValueError(f"{path}:{number}: {len(expect)} answers to {len(ops)} operations")
        cases.append(case)
    return cases


def replay(cases: Sequence[Case]) -> list[Outcome]:
    """Play all, scenarios side by side; the outcomes stand in the order of the cases."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        waiting = [pool.submit(replay_one, case) if case.is_scenario else None for case in cases]
        asleep = [future and future.result() for future in waiting]
    return [outcome or replay_one(case) for case, outcome in zip(cases, asleep, strict=True)]


def replay_one(case: Case) -> Outcome:
    """Play one case; a "slow" that should have been "fast" is asked for again, once: the machine may be busy."""
    adapter = adapter_of(case)
    if adapter is None:
        return Outcome(case, f"{BUFFERS} is not there")
    reason = adapter.passed_over(case.ops)
    if reason is not None:
        return Outcome(case, reason)
    outcome = _compared(case, adapter)
    return _compared(case, adapter) if _only_late(outcome) else outcome


def adapter_of(case: Case) -> Adapter | None:
    """Who speaks the case's operations; None when that part is not there."""
    if case.is_scenario:
        return _scenarios
    return importlib.import_module(BUFFERS) if importlib.util.find_spec(BUFFERS) else None


def report(outcomes: Sequence[Outcome], out: TextIO) -> int:
    """Print what differs, what was passed over and the count; the number of failures."""
    failed = [outcome for outcome in outcomes if outcome.difference]
    for outcome in failed:
        print(*outcome.difference, sep="\n", end="\n\n", file=out)
    reasons: dict[str, list[str]] = {}
    for outcome in outcomes:
        if outcome.passed_over is not None:
            reasons.setdefault(outcome.passed_over, []).append(outcome.case.name)
    for reason, names in reasons.items():
        print(f"{len(names)} passed over, {reason}: {', '.join(names)}", file=out)
    print(f"{sum(outcome.passed for outcome in outcomes)} passed, {len(failed)} failed", file=out)
    return len(failed)


def _compared(case: Case, adapter: Adapter) -> Outcome:
    try:
        answers = adapter.play(case.ops)
    except Exception as error:
        return Outcome(case, difference=[_title(case), f"  cannot be played: {error!r}"])
    return Outcome(case, difference=_difference(case, answers))


def _difference(case: Case, answers: Sequence[str]) -> list[str]:
    lines = [_title(case)]
    for op, expected, answer in zip(case.ops, case.expect, answers, strict=True):
        choice = [expected] if isinstance(expected, str) else expected
        if answer in choice:
            lines.append(f"    {op} => {answer}")
        else:
            lines += [f"  - {op} => {' | '.join(choice)}", f"  + {op} => {answer}"]
    return lines if any(line.startswith("  +") for line in lines) else []


def _title(case: Case) -> str:
    covers = f" (statements {', '.join(map(str, case.covers))})" if case.covers else ""
    return f"{case.name}{covers}{': ' if case.note else ''}{case.note}"


def _only_late(outcome: Outcome) -> bool:
    pairs = zip(outcome.difference, outcome.difference[1:], strict=False)
    late = [new == f"  +{old[3:].removesuffix('fast')}slow" for old, new in pairs if old.startswith("  -")]
    return bool(late) and all(late)
