"""Recorded cases, asked of the JDK again: whatever it says that the file does not have is printed.

A true race of a scenario shows as several answers of one operation; ``--write`` puts them all into the file, any of
which counts. Buffers and coders have no races: those cases are asked once.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TextIO

from tests.jdk._java import PROVIDERS, Jdk
from tests.jdk._replay import Case, load

Answers = list[list[str]]  # of each operation, every answer that was given


def record(path: Path, runs: int, write: bool, out: TextIO) -> int:
    """Ask, about scenarios ``runs`` times through each provider; 1 when an answer is new."""
    cases = load(path)
    if len({case.is_scenario for case in cases}) > 1:
        raise ValueError(f"{path}: scenarios and cases over buffers, which go to two drivers")
    answers = ask(cases, runs) if cases[0].is_scenario else ask_once(cases)
    new = sum(_print_new(case, given, out) for case, given in zip(cases, answers, strict=True))
    print(f"{path}: {len(cases)} cases, {new} with new answers", file=out)
    if write:
        _write(path, answers)
    return 1 if new else 0


def ask(cases: list[Case], runs: int) -> list[Answers]:
    """What the JDK answers to each operation of each case."""
    given: list[Answers] = [[[] for _ in case.ops] for case in cases]
    jdk = Jdk("SelectorDriver")
    for provider in PROVIDERS * runs:
        for case, seen, answers in zip(cases, given, jdk.scenarios([c.ops for c in cases], provider), strict=True):
            if len(answers) != len(case.ops):
                raise ValueError(f"{case.name}: {len(answers)} answers to {len(case.ops)} operations")
            for choice, answer in zip(seen, answers, strict=True):
                if answer not in choice:
                    choice.append(answer)
    return given


def ask_once(cases: list[Case]) -> list[Answers]:
    """As ``ask``, about buffers and coders."""
    programs = Jdk("BufferDriver").programs([case.ops for case in cases])
    return [[[answer] for answer in answers] for answers in programs]


def _print_new(case: Case, given: Answers, out: TextIO) -> bool:
    new = [
        f"  {op} => {answer}, not {' | '.join(expected)}"
        for op, expected, choice in zip(case.ops, case.expect, given, strict=True)
        for answer in choice
        if answer not in expected
    ]
    if new:
        print(case.name, *new, sep="\n", file=out)
    return bool(new)


def _write(path: Path, answers: list[Answers]) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    entries = [json.loads(line) for line in lines if line.strip()]
    for entry, given in zip(entries, answers, strict=True):
        entry["expect"] = [choice[0] if len(choice) == 1 else sorted(choice) for choice in given]
    path.write_text("".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in entries), encoding="utf-8")
