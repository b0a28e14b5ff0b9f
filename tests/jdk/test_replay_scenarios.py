"""The JDK's answers to every recorded scenario, on the provider of this run; all are played at once, before the first,
and in a hurry (``_replay``).

``data/scenarios.jsonl`` and ``data/scenarios_more.jsonl`` were recorded with JDK 17, over its epoll and its poll
selector, several times each; ``covers`` names the statements that a scenario shows.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.jdk._replay import Case, Outcome, load, replay

DATA = Path(__file__).parent / "data"
CASES = [case for name in ("scenarios", "scenarios_more") for case in load(DATA / f"{name}.jsonl")]

Outcomes = dict[Case, Outcome]


@pytest.fixture(scope="module")
def outcomes(request: pytest.FixtureRequest) -> Outcomes:
    items = (item for item in request.session.items if isinstance(item, pytest.Function))
    params = [item.callspec.params for item in items if item.path == request.path and hasattr(item, "callspec")]
    chosen = [case for case in CASES if {"case": case} in params]
    return {outcome.case: outcome for outcome in replay(chosen, hurry=True)}


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_scenario_is_answered_as_by_the_jdk(case: Case, outcomes: Outcomes) -> None:
    outcome = outcomes[case]
    if outcome.passed_over is not None:
        pytest.skip(outcome.passed_over)
    assert not outcome.difference, "\n".join(("nio differs from the JDK:", *outcome.difference))


# statements 66, 67, 68, 69, 70, 71, 72, 73, 74, 75, 76, 77, 78, 79, 80, 81, 82, 83, 84, 85, 86, 87, 88, 89, 90, 91, 92
# statements 93, 94, 95, 96, 97, 98, 99, 100, 101, 102, 103, 104, 105, 106, 107, 108, 110, 111, 112, 113, 114, 115, 116
# statements 117, 118, 119, 120, 121, 122, 123, 124, 125, 126, 127, 128, 129, 130, 131, 132, 133, 134, 135, 136, 137
# statements 138, 139, 140, 141, 142, 143, 144, 145, 146, 147, 148, 149, 150, 151, 152, 153, 154, 156, 157
# statements 170, 171, 172
# statements 109, 155: threads of Python cannot be interrupted; their scenarios are passed over
def test_scenarios_show_every_statement_about_selectors_streams_and_pipes() -> None:
    shown = {number for case in CASES for number in case.covers}
    assert {*range(66, 158), *range(170, 173)} - shown == set()


def test_names_are_unique() -> None:
    names = [case.name for case in CASES]
    assert sorted(names) == sorted(set(names))
