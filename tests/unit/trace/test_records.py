from __future__ import annotations

import json

import pytest

from nio.errors import IllegalArgumentError
from nio.trace import FIELDS, LEVELS, NAMES, READ, Record, TracingProvider, as_dict, fits
from nio.trace import _records as records
from nio.trace._records import TEXTS, check_level

# The numbers are in files that people keep, so they stand here a second time.
NUMBERS = {
    "TURN": 1,
    "CHANNEL": 2,
    "CLOSED": 3,
    "INTEREST": 4,
    "DISPATCH": 5,
    "HANDOFF": 6,
    "WORK": 7,
    "DONE": 8,
    "WAKEUP": 9,
    "TIMER": 10,
    "TICK": 11,
    "SIGNAL": 12,
    "READ": 13,
    "WRITE": 14,
    "ACCEPT": 15,
    "CONNECT": 16,
    "RECORD": 17,
    "BUFFER": 18,
    "SKIPPED": 19,
    "FINDING": 20,
    "THREAD": 21,
    "READY": 22,
}


def sample(kind: int) -> Record:
    return (kind, *("x" if name in TEXTS else number for number, name in enumerate(FIELDS[kind])))


def test_every_kind_has_its_number_its_name_and_its_fields() -> None:
    assert {name: kind for kind, name in NAMES.items()} == NUMBERS
    assert FIELDS.keys() == NAMES.keys()
    for name, number in NUMBERS.items():
        assert getattr(records, name) == number


def test_the_first_field_is_a_time() -> None:
    assert {names[0] for names in FIELDS.values()} == {"t", "began"}


@pytest.mark.parametrize("kind", FIELDS, ids=lambda kind: NAMES[kind])
def test_a_record_survives_json(kind: int) -> None:
    record = sample(kind)
    again = tuple(json.loads(json.dumps(record)))
    assert again == record
    assert fits(record)
    assert fits(list(record))


@pytest.mark.parametrize(
    "wrong",
    [
        (),
        None,
        "READ",
        (99, 1),
        (0,),
        ("READ", 1),
        (READ, 1, 2, 3),
        (READ, 1, 2, 3, 4, 5),
        (READ, 1, 2, 3, "x"),
        (True, 1),
    ],
)
def test_what_is_no_record(wrong: object) -> None:
    assert not fits(wrong)


def test_fields_by_name() -> None:
    assert as_dict((READ, 10, 3, -1, 256)) == {"kind": "READ", "t": 10, "ch": 3, "count": -1, "asked": 256}


def test_levels_are_in_order() -> None:
    assert LEVELS == ("off", "events", "io", "teach")
    assert [check_level(level) for level in LEVELS] == [0, 1, 2, 3]


@pytest.mark.parametrize("wrong", ["all", "IO", 2, None])
def test_another_level_is_refused_with_those_there_are(wrong: object) -> None:
    with pytest.raises(IllegalArgumentError, match=r"one of off, events, io, teach"):
        TracingProvider(level=wrong)  # type: ignore[arg-type]


def test_off_is_no_provider() -> None:
    with pytest.raises(IllegalArgumentError, match="nothing stands before it"):
        TracingProvider(level="off")
