"""Back-off: how long to wait between two attempts at what may fail again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import repeat

from nio._numbers import check_count, check_seconds
from nio._record import Record, record
from nio.errors import IllegalArgumentError


@record
class Backoff(Record):
    """Waits that grow: ``first`` seconds, then ``factor`` times as long each time, never more than ``longest``.

    Up to the part ``jitter`` of each wait (0 to 1) is left out by chance, so that a thousand clients that lost the same
    server do not come back at the same moment. ``attempts`` is how often to try in all; None for ever.
    """

    first: float = 0.5
    factor: float = 2.0
    longest: float = 30.0
    jitter: float = 0.5
    attempts: int | None = None

    def __post_init__(self) -> None:
        check_seconds("first", self.first)
        check_seconds("longest", self.longest)
        for name, value in (("factor", self.factor), ("jitter", self.jitter)):
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                raise TypeError(f"{name} must be a number, not {value!r}")
        if not self.factor >= 1:
            raise IllegalArgumentError(f"factor must be at least 1, not {self.factor!r}")
        if not 0 <= self.jitter <= 1:
            raise IllegalArgumentError(f"jitter must be within 0 and 1, not {self.jitter!r}")
        if self.attempts is not None:
            check_count("attempts", self.attempts, 1)

    def delays(self, random: Callable[[], float]) -> Iterator[float]:
        """The seconds to wait after the first failure, the second ...; it ends when no attempt is left.

        ``random()`` is within 0 and 1, ``provider.random`` for one.
        """
        delay = min(self.first, self.longest)
        for _ in repeat(None) if self.attempts is None else range(self.attempts - 1):
            yield delay * (1 - self.jitter * random())
            delay = min(delay * self.factor, self.longest)
