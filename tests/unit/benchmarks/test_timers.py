"""benchmarks.timers: that both sides live through the same timers; no figure is judged here."""

from __future__ import annotations

import json

import pytest

from benchmarks.timers import SIDES, STEPS, main, measured


@pytest.mark.parametrize("side", SIDES)
def test_each_side_sets_cancels_and_fires(side: str) -> None:
    times = SIDES[side](200)
    assert tuple(times) == STEPS
    assert times["whole life"] == pytest.approx(sum(times[step] for step in STEPS[:-1]))


def test_a_side_is_a_process_that_tells_its_times(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--side", "nio", "--timers", "200"])
    assert tuple(json.loads(capsys.readouterr().out)) == STEPS
    assert tuple(measured("asyncio", 200)) == STEPS
