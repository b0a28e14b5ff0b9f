"""No module of the suite is longer than can be read at a sitting."""

from __future__ import annotations

from pathlib import Path

TESTS = Path(__file__).parent
LINES = 500


def test_no_test_module_is_longer_than_its_limit() -> None:
    lengths = {path.relative_to(TESTS): path.read_text().count("\n") for path in TESTS.rglob("*.py")}
    assert len(lengths) > 100
    assert {path: lines for path, lines in lengths.items() if lines > LINES} == {}
