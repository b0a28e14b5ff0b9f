"""benchmarks.costs: the page says what the committed results say."""

from __future__ import annotations

import json

import pytest

from benchmarks._chart import chart
from benchmarks._results import load
from benchmarks.costs import BEGIN, CHART, COUNTS, END, FIGURES, PAGE, generated, part_of, placed


def test_the_page_and_the_chart_are_those_of_the_committed_results() -> None:
    results, counts = load(FIGURES), json.loads(COUNTS.read_text(encoding="utf-8"))
    hint = "python3 -m benchmarks.costs writes them anew"
    assert part_of(PAGE.read_text(encoding="utf-8")) == generated(results, counts), hint
    assert CHART.read_text(encoding="utf-8") == chart(results), hint


def test_the_rest_of_a_page_is_kept() -> None:
    page = placed(f"above\n{BEGIN}\nold\n{END}\nbelow\n", "new\n")
    assert page == f"above\n{BEGIN}\n\nnew\n\n{END}\nbelow\n"
    assert part_of(page) == "new\n"
    with pytest.raises(ValueError, match="has no marks"):
        placed("a page", "new")
