"""Every public name of the reactor and of its framings has an example that runs: in a listing of the docs, or a sample.

``test_docs.py`` and ``tests/integration`` run the listings, the programs and the samples. An import is no example.
"""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator

import pytest

from tests.test_docs import PAGES
from tests.test_readme import README, ROOT, blocks

_NAMES = ("doctor", "executors", "framing", "inspector", "reactor", "tasks", "testing", "tls", "trace")
PACKAGES = [f"nio.{name}" for name in _NAMES]


def listings() -> Iterator[str]:
    """All Python that is shown and run."""
    for page in (README, *PAGES):
        yield from (block.code for block in blocks(page.read_text(encoding="utf-8")) if block.info == "python")
    for sample in ROOT.glob("samples/**/*.py"):
        yield sample.read_text(encoding="utf-8")


def names_in(code: str) -> set[str]:
    """The names and attributes that the code uses, in annotations, too."""
    nodes = list(ast.walk(ast.parse(code)))
    names = {node.id for node in nodes if isinstance(node, ast.Name)}
    return names | {node.attr for node in nodes if isinstance(node, ast.Attribute)}


USED = set().union(*map(names_in, listings()))


@pytest.mark.parametrize("package", PACKAGES)
def test_every_name_has_an_example(package: str) -> None:
    names = importlib.import_module(package).__all__
    assert names
    assert [name for name in names if name not in USED] == []


def test_what_is_an_example() -> None:
    assert names_in("from a import B\nc: D = e.f(G)\n") == {"c", "D", "e", "f", "G"}
