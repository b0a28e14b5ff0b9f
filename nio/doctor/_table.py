"""The table of mistakes, one row a code: ``mistakes.tsv``, read once. Docs are made from it.

``how`` tells how a mistake is found: ``facts`` (a rule over a trace or strict mode), ``strict`` (in the act, by strict
mode), ``lint`` (in the program's text), ``env`` (in the environment), ``doc`` (explained, not found), ``no`` (not
found; the lesson says why).
"""

from __future__ import annotations

from typing import NamedTuple

from nio.doctor._place import CORPUS


class Mistake(NamedTuple):
    """One mistake. ``fix`` and ``lesson`` are a sentence each; what is not found has no fix."""

    code: str
    mistake: str
    how: str
    fix: str
    lesson: str

    @property
    def is_found(self) -> bool:
        """The doctor can tell it."""
        return self.how not in ("doc", "no")

    @property
    def program(self) -> str:
        """The text of the program that makes this mistake, and no other; empty where there is none."""
        path = CORPUS / f"{self.code.lower()}.py"
        return path.read_text(encoding="utf-8") if path.exists() else ""


def _read() -> dict[str, Mistake]:
    text = CORPUS.with_name("mistakes.tsv").read_text(encoding="utf-8")
    return {row.code: row for row in (Mistake(*line.split("\t")) for line in text.splitlines())}


TABLE = _read()


def mistakes() -> tuple[Mistake, ...]:
    """Every row of the table, buffers first."""
    return tuple(TABLE.values())
