"""Admission: places for connections, and who is called when there is room again."""

from __future__ import annotations

import pytest

from nio.errors import IllegalArgumentError
from nio.reactor.loop._admission import Admission
from tests.unit.reactor.support import Kernel


def admission(limit: int) -> Admission:
    return Admission(limit, Kernel())


@pytest.mark.parametrize(
    ("wanted", "descriptors", "watched", "limit"),
    [
        (None, 1_000_000, None, 10_000),
        (None, 1024, None, 992),
        (None, 1_000_000, 1024, 992),
        (None, 100, 1024, 68),
        (None, 10, None, 1),
        (50, 1_000_000, None, 50),
        (50_000, 1_000_000, None, 50_000),
        (50, 40, None, 8),
    ],
)
def test_the_limit_is_what_is_wanted_or_what_the_system_leaves(
    wanted: int | None, descriptors: int, watched: int | None, limit: int
) -> None:
    class Limited(Kernel):
        watch_limit = watched

    kernel = Limited()
    kernel.descriptors = descriptors
    assert Admission(wanted, kernel).limit == limit


def leave(places: Admission) -> None:
    places.taken -= 1
    places.tell()


@pytest.mark.parametrize("wanted", [0, -1])
def test_a_limit_is_at_least_one(wanted: int) -> None:
    with pytest.raises(IllegalArgumentError, match="max_connections"):
        admission(wanted)


def test_places_are_taken_and_given_back() -> None:
    places = admission(2)
    assert (places.taken, places.is_full) == (0, False)
    places.taken += 1
    assert not places.is_full
    places.taken += 1
    assert (places.taken, places.is_full) == (2, True)
    places.taken += 1  # beyond the limit: whoever accepts asks before
    assert (places.taken, places.is_full) == (3, True)
    leave(places)
    assert places.is_full
    leave(places)
    assert (places.taken, places.is_full) == (1, False)


def test_who_waits_is_called_once_when_a_twentieth_is_free() -> None:
    places = admission(100)
    calls: list[int] = []
    for _ in range(100):
        places.taken += 1
    places.when_room(lambda: calls.append(places.taken))
    for _ in range(4):
        leave(places)
    assert calls == []  # 96 are taken
    leave(places)
    assert calls == [95]
    places.taken += 1
    leave(places)
    assert calls == [95]


def test_of_few_places_one_has_to_be_free() -> None:
    places = admission(1)
    calls: list[str] = []
    places.taken += 1
    places.when_room(lambda: calls.append("room"))
    assert calls == []
    leave(places)
    assert calls == ["room"]


def test_all_who_wait_are_called_in_order_and_may_wait_again() -> None:
    places = admission(10)
    calls: list[str] = []

    def again() -> None:
        calls.append("again")
        if len(calls) < 3:
            places.taken += 1
            places.when_room(again)

    for _ in range(10):
        places.taken += 1
    places.when_room(lambda: calls.append("first"))
    places.when_room(again)
    leave(places)
    assert calls == ["first", "again"]
    leave(places)
    assert calls == ["first", "again", "again"]
