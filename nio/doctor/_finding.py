"""Finding: one mistake that was seen, with the numbers that prove it and the line to change."""

from __future__ import annotations

from dataclasses import dataclass

from nio.doctor._place import NOWHERE, Place


class MistakeWarning(UserWarning):
    """What strict mode warns of, a finding each: ``-W error`` makes it an exception at the line of the mistake."""


@dataclass(frozen=True)
class Finding:
    """``code`` is that of the table, ``evidence`` a sentence with the numbers, ``place`` the line that did it.

    ``fix`` says in one sentence what to write instead, ``lesson`` why. ``times`` is how often it has been seen.
    """

    code: str
    evidence: str
    place: Place = NOWHERE
    fix: str = ""
    lesson: str = ""
    times: int = 1

    def __str__(self) -> str:
        where = f"{self.place}: " if self.place.path else ""
        return f"{self.code} {where}{self.evidence} {self.fix}".rstrip()
