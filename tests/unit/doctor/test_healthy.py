"""Healthy loads, in small: not a word. The large ones are run by ``python -m benchmarks.healthy``."""

from __future__ import annotations

import pytest

from benchmarks.healthy import LOADS


@pytest.mark.parametrize("name", LOADS)
def test_a_healthy_load_has_nothing_to_report(name: str) -> None:
    assert LOADS[name](0.01) == []
