"""Healthy loads, in small: not a word. The large ones are run by ``python -m benchmarks.healthy``."""

from __future__ import annotations

import pytest

from benchmarks.healthy import LOADS, LOADS_OF
from nio import trace
from nio.doctor import diagnose


@pytest.mark.parametrize("name", LOADS)
def test_a_healthy_load_has_nothing_to_report(name: str) -> None:
    assert LOADS[name](0.01) == []


@pytest.mark.parametrize("name", LOADS_OF)
def test_nor_has_its_recording(name: str) -> None:
    with trace.recording("teach") as log:
        LOADS_OF[name](0.01)
    assert diagnose(log.take()) == []
