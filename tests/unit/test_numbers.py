"""The checks of numbers; that every package uses them is seen in its own tests."""

from __future__ import annotations

import enum
from functools import partial

import pytest

from nio._numbers import LONGEST, check_count, check_int, check_range, check_seconds
from nio.errors import IllegalArgumentError, UnsupportedAddressTypeError


class Five(enum.IntEnum):
    FIVE = 5


class Seven:
    """A number of another library."""

    def __index__(self) -> int:
        return 7


@pytest.mark.parametrize(("given", "number"), [(0, 0), (-3, -3), (10**30, 10**30), (Five.FIVE, 5), (Seven(), 7)])
def test_an_int_comes_back_as_a_plain_one(given: object, number: int) -> None:
    answer = check_int("size", given)
    assert (answer, type(answer)) == (number, int)


@pytest.mark.parametrize("wrong", [True, False, 1.0, "1", None, 1j])
def test_what_is_no_int_is_refused_by_every_check(wrong: object) -> None:
    for check in (check_int, partial(check_count, least=0), partial(check_range, highest=9)):
        with pytest.raises(TypeError, match=f"size must be an int, not {wrong!r}"):
            check("size", wrong)


def test_a_count_has_a_least() -> None:
    assert [check_count("size", number, 3) for number in (3, 4, Seven())] == [3, 4, 7]
    with pytest.raises(IllegalArgumentError, match="size must be 3 or more, not 2"):
        check_count("size", 2, 3)


def test_a_range_begins_at_0_and_has_an_error_of_its_own() -> None:
    assert [check_range("port", number, 7) for number in (0, 7, Seven())] == [0, 7, 7]
    for outside in (-1, 8):
        with pytest.raises(IllegalArgumentError, match=f"port must be 0 to 7, not {outside}"):
            check_range("port", outside, 7)
        with pytest.raises(UnsupportedAddressTypeError):
            check_range("port", outside, 7, UnsupportedAddressTypeError)


def test_seconds_are_cut_to_what_every_platform_takes() -> None:
    given = (0, 0.5, 3, 1e9, 1e10, float("inf"))
    assert [check_seconds("pause", seconds) for seconds in given] == [0, 0.5, 3, LONGEST, LONGEST, LONGEST]
    for negative in (-1, -0.5, float("nan"), -float("inf")):
        with pytest.raises(IllegalArgumentError, match=f"pause must be 0 or more seconds, not {negative!r}"):
            check_seconds("pause", negative)
    for wrong in (True, "1", None, Seven()):
        with pytest.raises(TypeError, match="pause must be a number of seconds, not"):
            check_seconds("pause", wrong)
