"""Checks of arguments that every buffer shares: a bool is no number, and a refusal names the numbers."""

from __future__ import annotations

from operator import index as _index

from nio.errors import IllegalArgumentError


def whole(value: object, what: str) -> int:
    """``value`` as an int; TypeError for a bool and for what has no ``__index__``."""
    if value.__class__ is int:
        return value
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"{what} must be an int, not {value!r}")
    return _index(value)


def natural(value: object, what: str) -> int:
    """``value`` as an int of 0 or more; IllegalArgumentError below."""
    number = whole(value, what)
    if number < 0:
        raise IllegalArgumentError(f"{what} {number} is negative")
    return number


def part(offset: object, length: object, bound: int, what: str) -> tuple[int, int]:
    """(offset, length) inside 0..bound, a length of None reaching to the bound; IndexError outside."""
    first = whole(offset, "offset")
    count = bound - first if length is None else whole(length, "length")
    if first < 0 or count < 0 or first + count > bound:
        raise IndexError(f"{count} elements from {first} on are not within 0 and {what} {bound}")
    return first, count
