"""Every fault code in a test's name has its line in README.md, and every line has its test."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
LINE = re.compile(r"- \*\*([A-Z]\d\d)\*\* \S.*\.")
CODES = re.compile(r"def test_((?:[A-Z]\d\d_)+)")


def listed(catalogue: str) -> list[str]:
    """The codes of the catalogue in its order; ValueError for a list item that is no line of it."""
    items = [line for line in catalogue.splitlines() if line.startswith("-")]
    found = [LINE.fullmatch(item) for item in items]
    if None in found:
        raise ValueError(items[found.index(None)])
    return [match[1] for match in found if match]


def used(source: str) -> set[str]:
    """The codes that the names of tests carry; some carry two."""
    return {code for codes in CODES.findall(source) for code in codes.rstrip("_").split("_")}


def test_the_lines_are_sorted_and_unique() -> None:
    codes = listed((HERE / "README.md").read_text())
    assert codes == sorted(set(codes))


def test_each_code_in_a_name_has_its_line_and_each_line_its_test() -> None:
    names = set().union(*(used(path.read_text()) for path in HERE.parent.rglob("test_*.py")))
    assert len(names) > 100
    assert names == set(listed((HERE / "README.md").read_text()))


def test_what_is_read_from_names_and_lines() -> None:
    assert used("def test_A01_B02_c() -> None:\ndef test_D03_e\ndef test_F4_g\n# test_H05_i\n") == {"A01", "B02", "D03"}
    assert listed("# C01\n\n- **A02** One: two.\n- **A01** Three.\n") == ["A02", "A01"]
    for mistake in ("- A01 One.", "- **A01** One", "- **A1** One.", "- **A01**"):
        with pytest.raises(ValueError, match=re.escape(mistake)):
            listed(mistake)
