"""benchmarks.instructions: the arithmetic, and what is read of callgrind's report; no figure is measured here."""

from __future__ import annotations

import pytest

from benchmarks.instructions import Shape, instructions, per_request

REPORT = """
==7== Events    : Ir
==7== Collected : 1234567
==7==
==7== I   refs:      1,234,567
"""


def test_the_instructions_are_read_with_their_commas() -> None:
    assert instructions(REPORT) == 1_234_567


def test_a_report_without_them_is_shown() -> None:
    with pytest.raises(ValueError, match="cannot open"):
        instructions("valgrind: cannot open it")


def test_start_and_end_cancel_each_other() -> None:
    shape = Shape("nio single", connections=10, names=4, rounds=(5, 25))
    assert shape.requests == 40
    assert per_request(shape, lambda rounds: 1_000_000 + rounds * 40 * 300) == 300
