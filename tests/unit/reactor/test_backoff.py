"""Backoff: the waits between attempts, against figures worked out by hand."""

from __future__ import annotations

from itertools import islice

import pytest

from nio.errors import IllegalArgumentError
from nio.reactor import Backoff


def test_waits_double_up_to_the_longest() -> None:
    waits = Backoff(first=1.0, longest=5.0).delays(lambda: 0.0)
    assert list(islice(waits, 5)) == [1.0, 2.0, 4.0, 5.0, 5.0]


def test_jitter_takes_off_a_part_at_most() -> None:
    assert next(Backoff(first=8.0, jitter=0.25).delays(lambda: 1.0)) == 6.0
    assert next(Backoff(first=8.0, jitter=0.25).delays(lambda: 0.5)) == 7.0
    assert next(Backoff(first=8.0, jitter=0.0).delays(lambda: 1.0)) == 8.0


def test_attempts_are_one_more_than_waits() -> None:
    assert list(Backoff(first=1.0, factor=1.0, attempts=3).delays(lambda: 0.0)) == [1.0, 1.0]
    assert list(Backoff(attempts=1).delays(lambda: 0.0)) == []


def test_it_goes_on_for_ever_without_overflow() -> None:
    assert list(islice(Backoff(factor=1e300).delays(lambda: 0.0), 5))[-1] == 30.0


def test_first_is_never_above_the_longest() -> None:
    assert next(Backoff(first=60.0, longest=1.0).delays(lambda: 0.0)) == 1.0


@pytest.mark.parametrize(
    "settings",
    [
        {"first": -1.0},
        {"longest": float("nan")},
        {"factor": 0.5},
        {"factor": float("nan")},
        {"jitter": 1.5},
        {"jitter": -0.1},
        {"attempts": 0},
    ],
)
def test_what_makes_no_sense_is_refused(settings: dict[str, float]) -> None:
    with pytest.raises(IllegalArgumentError):
        Backoff(**settings)  # type: ignore[arg-type]


def test_it_is_a_value() -> None:
    assert Backoff() == Backoff(first=0.5, factor=2.0, longest=30.0, jitter=0.5, attempts=None)


@pytest.mark.parametrize("value", ["2", None, True])
@pytest.mark.parametrize("name", ["first", "factor", "longest", "jitter"])
def test_what_is_no_number_is_named(name: str, value: object) -> None:
    with pytest.raises(TypeError, match=f"{name} must be a number"):
        Backoff(**{name: value})  # type: ignore[arg-type]
