"""``docs/feature-table.md``: every row names tests that exist and are collected, or says "not yet".

A test is named as pytest names it, without what is in brackets: ``tests/unit/test_numbers.py::test_name``, or with the
class between. It is collected when its file and its name begin with ``test_`` and the name stands at the top of the
file, or of a class whose name begins with ``Test``.
"""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path
from typing import TypeGuard

import pytest

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / "docs" / "feature-table.md"
NODE = re.compile(r"`(tests/[\w/]+\.py(?:::\w+){1,2})`")
Row = tuple[str, str]  # the feature; its last cell


def rows(text: str) -> list[Row]:
    """The rows of all tables, without their heads."""
    found = []
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split(" | ")]
        if line.startswith("| ") and cells[0] != "feature":
            found.append((cells[0], cells[-1] if len(cells) == 3 else ""))
    return found


@cache
def collected(path: Path) -> frozenset[str]:
    """The names of a file's tests; those of a class as ``Class::name``."""
    found = set()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            found |= {f"{node.name}::{each.name}" for each in node.body if is_test(each)}
        elif is_test(node):
            found.add(node.name)
    return frozenset(found)


def is_test(node: ast.stmt) -> TypeGuard[ast.FunctionDef]:
    return isinstance(node, ast.FunctionDef) and node.name.startswith("test_")


def fault(row: Row, root: Path = ROOT) -> str:
    """What is wrong with a row; nothing if it is good."""
    feature, proof = row
    if re.match(r"not yet(: \S|$)", proof):
        return ""
    nodes = NODE.findall(proof)
    if not nodes or NODE.sub("", proof).replace("<br>", "").strip():
        return f"{feature}: {proof!r} is neither tests with <br> between them nor 'not yet'"
    for node in nodes:
        name, _, test = node.partition("::")
        path = root / name
        if not (path.name.startswith("test_") and path.is_file() and test in collected(path)):
            return f"{feature}: there is no test {node}"
    return ""


def test_every_row_names_tests_that_are_there() -> None:
    table = rows(TABLE.read_text(encoding="utf-8"))
    assert table
    assert [found for row in table if (found := fault(row))] == []


def test_no_feature_has_two_rows() -> None:
    features = [feature for feature, _ in rows(TABLE.read_text(encoding="utf-8"))]
    assert sorted(set(features)) == sorted(features)


@pytest.mark.parametrize(
    ("proof", "wrong"),
    [
        ("`tests/test_x.py::test_there`", False),
        ("`tests/test_x.py::test_there`<br>`tests/test_x.py::TestIt::test_in`", False),
        ("not yet", False),
        ("not yet: as a sample only", False),
        ("not yet, but", True),
        ("", True),
        ("`tests/test_x.py::test_there` and more", True),
        ("`tests/test_x.py::test_gone`", True),
        ("`tests/test_x.py::test_in`", True),
        ("`tests/test_x.py::inner`", True),
        ("`tests/test_x.py::test_local`", True),
        ("`tests/test_y.py::test_there`", True),
        ("`tests/helpers.py::test_there`", True),
    ],
)
def test_what_a_row_lacks_is_seen(tmp_path: Path, proof: str, wrong: bool) -> None:
    (tmp_path / "tests").mkdir()
    code = "def test_there():\n    def test_local(): ...\nclass TestIt:\n    def test_in(self): ...\ndef inner(): ...\n"
    for name in ("test_x.py", "helpers.py"):
        (tmp_path / "tests" / name).write_text(code)
    (row,) = rows(f"| feature | in | test |\n|---|---|---|\n| a thing | Lea | {proof} |\n")
    assert bool(fault(row, tmp_path)) is wrong
