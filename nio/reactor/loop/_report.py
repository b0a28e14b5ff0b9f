"""Log lines that a peer can cause, kept to a rate: an attacker must not be able to fill a disk."""

from __future__ import annotations

import logging
from collections.abc import Callable

logger = logging.getLogger("nio.reactor")

_PER_SECOND = 10
_SECOND = 1_000_000_000


class Report:
    """Writes at most ten lines a second of each kind; the first line after a gap says how many were left out."""

    __slots__ = ("_clock", "_kinds")

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._kinds: dict[str, list[int]] = {}  # kind -> [second began, lines in it, left out]

    def __call__(self, kind: str, level: int, message: str, *args: object, error: BaseException | None = None) -> None:
        """Log ``message % args`` to ``nio.reactor``; peer data belongs into ``args``, printed with ``%.200r``."""
        if not logger.isEnabledFor(level):
            return
        now = self._clock()
        window = self._kinds.setdefault(kind, [now, 0, 0])
        if now - window[0] >= _SECOND:
            if window[2]:
                _log(level, "%d more lines of kind %r were left out", window[2], kind)
            window[:] = [now, 0, 0]
        window[1] += 1
        if window[1] > _PER_SECOND:
            window[2] += 1
        else:
            _log(level, message, *args, error=error)


def _log(level: int, message: str, *args: object, error: BaseException | None = None) -> None:
    """A log that cannot be written (its filter raises, say) must not end the reactor."""
    try:
        logger.log(level, message, *args, exc_info=error)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException:
        pass
