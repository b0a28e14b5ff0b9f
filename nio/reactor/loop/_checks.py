"""Arguments that are numbers."""

from __future__ import annotations

from nio.errors import IllegalArgumentError

_LONGEST = 1e9  # seconds; 31 years


def check_count(name: str, value: object, least: int) -> int:
    """``value`` as it is; TypeError for what is no int, IllegalArgumentError below ``least``."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} is an int, not {value!r}")
    if value < least:
        raise IllegalArgumentError(f"{name} is {least} or more, not {value}")
    return value


def check_seconds(name: str, value: object) -> float:
    """``value``, cut to 31 years; TypeError for what is no number, IllegalArgumentError below 0 and for NaN."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{name} is a number of seconds, not {value!r}")
    if not value >= 0:  # so asked, NaN is refused too
        raise IllegalArgumentError(f"{name} is 0 or more seconds, not {value!r}")
    return min(value, _LONGEST)
