"""The part of an array that an offset and a length choose."""

from __future__ import annotations

from nio._numbers import check_int


def part(offset: object, length: object, bound: int, what: str) -> tuple[int, int]:
    """(offset, length) inside 0..bound, a length of None reaching to the bound; IndexError outside."""
    first = check_int("offset", offset)
    count = bound - first if length is None else check_int("length", length)
    if first < 0 or count < 0 or first + count > bound:
        raise IndexError(f"{count} elements from {first} on are not within 0 and {what} {bound}")
    return first, count
