"""Arguments that are numbers: one check and one wording for every package.

An int is what Python takes as an index: an int, or an object with ``__index__``. A number of seconds is an int or a
float. A bool is neither.
"""

from __future__ import annotations

from operator import index

from nio.errors import IllegalArgumentError

LONGEST = 1e9  # seconds, 31 years: every platform takes it as a timeout, and its nanoseconds fit a float


def check_int(name: str, value: object) -> int:
    """``value`` as a plain int; TypeError for a bool and for what is no int."""
    if value.__class__ is int:
        return value
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"{name} must be an int, not {value!r}")
    return index(value)


def check_count(name: str, value: object, least: int) -> int:
    """``value`` as a plain int; IllegalArgumentError below ``least``."""
    number = check_int(name, value)
    if number < least:
        raise IllegalArgumentError(f"{name} must be {least} or more, not {number}")
    return number


def check_range(name: str, value: object, highest: int, error: type[Exception] = IllegalArgumentError) -> int:
    """``value`` as a plain int; ``error`` below 0 and above ``highest``."""
    number = check_int(name, value)
    if not 0 <= number <= highest:
        raise error(f"{name} must be 0 to {highest}, not {number}")
    return number


def check_seconds(name: str, value: object) -> float:
    """``value``, cut to ``LONGEST``; TypeError for what is no number, IllegalArgumentError below 0 and for NaN."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{name} must be a number of seconds, not {value!r}")
    if not value >= 0:  # NaN is not below 0 either, so this asks the other way round
        raise IllegalArgumentError(f"{name} must be 0 or more seconds, not {value!r}")
    return min(value, LONGEST)
