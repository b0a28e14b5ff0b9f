"""The published bugs that ``plants.py`` can plant: each row of the feature table's section has one, and its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.plants import PLANTS, ROOT, Plant, proofs_by_row

ROWS = proofs_by_row((ROOT / "docs" / "feature-table.md").read_text(encoding="utf-8"))


def test_each_row_has_its_plant_and_each_plant_its_row() -> None:
    assert len(PLANTS) > 30
    assert {plant.row for plant in PLANTS} == set(ROWS)
    assert all(ROWS.values())


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: f"{plant.row} in {plant.path}")
def test_the_place_is_there(plant: Plant) -> None:
    assert plant.is_there()
    assert plant.old != plant.new
    text = (ROOT / "nio" / plant.path).read_text(encoding="utf-8")
    compile(text.replace(plant.old, plant.new), plant.path, "exec")  # so that it is the bug that is found


def test_what_is_planted(tmp_path: Path) -> None:
    (tmp_path / "nio").mkdir()
    (tmp_path / "nio" / "x.py").write_text("a = 1\nb = 1\n")
    plant = Plant("a row", "x.py", "b = 1", "b = 2")
    assert plant.is_there(tmp_path)
    plant.put(tmp_path)
    assert (tmp_path / "nio" / "x.py").read_text() == "a = 1\nb = 2\n"
    assert not plant.is_there(tmp_path)


def test_the_tests_of_a_row_are_read_from_the_table() -> None:
    table = "# T\n\n## Other\n\n| feature | in | test |\n|---|---|---|\n| x | y | `tests/a.py::test_a` |\n\n"
    table += "## Faults of published listings that are none here\n\n| feature | in | test |\n|---|---|---|\n"
    table += "| two | of us | `tests/b.py::test_b`<br>`tests/c.py::test_c` |\n\n## More\n\n"
    table += "| z | y | `tests/d.py::test_d` |\n"
    assert proofs_by_row(table) == {"two": ["tests/b.py::test_b", "tests/c.py::test_c"]}
