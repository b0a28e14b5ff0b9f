"""The public surface is the committed list ``exports.txt``: every widening, and every loss, is a decision.

``python -m tests.test_exports > tests/exports.txt`` writes the list anew; the diff is what the reviewer looks at.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

COMMITTED = Path(__file__).with_name("exports.txt")
BELOW = {"errors", "_later", "_numbers", "_record", "buffers", "spi", "channels"}  # what a name of nio may load


def package_root() -> Path:
    spec = importlib.util.find_spec("nio")
    assert spec is not None
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0])


ROOT = package_root()


def public_packages() -> list[str]:
    """``nio`` and the packages in it, and ``nio.errors``, the one public module: a package inside one of them is its
    wing, and shows what it has at the package's own door."""
    inits = (ROOT / "__init__.py", *ROOT.glob("*/__init__.py"))
    names = [".".join(path.relative_to(ROOT.parent).parts[:-1]) for path in inits]
    return sorted(["nio.errors", *(name for name in names if "._" not in name)])


PACKAGES = public_packages()
REEXPORTING = [name for name in PACKAGES if name != "nio.errors"]


def surface(package: str) -> list[str]:
    module = importlib.import_module(package)
    if package == "nio.errors":
        return [name for name, value in vars(module).items() if getattr(value, "__module__", "") == package]
    names: list[str] = module.__all__
    return names


def exports() -> list[str]:
    return sorted(f"{package}.{name}" for package in PACKAGES for name in surface(package))


def committed(package: str) -> set[str]:
    lines = COMMITTED.read_text(encoding="utf-8").split()
    return {name for owner, _, name in (line.rpartition(".") for line in lines) if owner == package}


def house_order(name: str) -> tuple[int, str]:
    """Constants, then classes, then the rest: the order in which ruff sorts ``__all__``."""
    return (0 if name.isupper() and len(name) > 1 else 1 if name[0].isupper() else 2, name)


def reexports(text: str) -> tuple[set[str], list[str]]:
    """Names a package's ``__init__`` re-exports as ``X as X``, and its imports from nio that are spelled otherwise."""
    names, wrong = set(), []
    for node in ast.parse(text).body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "nio":
            for alias in node.names:
                if alias.name == alias.asname:
                    names.add(alias.name)
                else:
                    wrong.append(f"line {node.lineno}: {alias.name}")
    return names, wrong


def init_text(package: str) -> str:
    """The stub, where there is one: that of a door, see ``nio/_later.py``."""
    folder = ROOT.joinpath(*package.split(".")[1:])
    stub = folder / "__init__.pyi"
    return (stub if stub.exists() else folder / "__init__.py").read_text(encoding="utf-8")


def listed(text: str) -> list[str]:
    """``__all__`` as it is spelled out."""
    for node in ast.parse(text).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            names: list[str] = ast.literal_eval(node.value)
            return names
    raise AssertionError("no __all__")


@pytest.mark.parametrize("package", PACKAGES)
def test_surface_is_the_committed_one(package: str) -> None:
    now, then = set(surface(package)), committed(package)
    assert (sorted(now - then), sorted(then - now)) == ([], []), "(new, gone): decide, then write the list anew"


def test_committed_list_names_no_package_that_is_gone() -> None:
    lines = COMMITTED.read_text(encoding="utf-8").split()
    assert lines
    assert {line.rpartition(".")[0] for line in lines} <= set(PACKAGES)


@pytest.mark.parametrize("package", REEXPORTING)
def test_all_is_sorted_without_repetition(package: str) -> None:
    names = listed(init_text(package))
    assert names == sorted(set(names), key=house_order)
    assert sorted(names) == sorted(surface(package))


@pytest.mark.parametrize("package", PACKAGES)
def test_every_name_is_there_and_public(package: str) -> None:
    module = importlib.import_module(package)
    assert [name for name in surface(package) if not hasattr(module, name)] == []
    assert [name for name in surface(package) if name.startswith("_") and name != "__version__"] == []


@pytest.mark.parametrize("package", REEXPORTING)
def test_reexports_are_spelled_x_as_x_and_listed(package: str) -> None:
    names, wrong = reexports(init_text(package))
    assert wrong == []
    assert names - set(surface(package)) == set()


@pytest.mark.parametrize("package", REEXPORTING)
def test_each_name_is_what_stands_in_the_module_that_is_told(package: str) -> None:
    module = importlib.import_module(package)
    for node in ast.parse(init_text(package)).body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("nio."):
            for alias in node.names:
                source = importlib.import_module(node.module or "")
                assert getattr(module, alias.name) is getattr(source, alias.name)


def test_a_wing_shows_nothing_at_a_door_of_its_own() -> None:
    wings = list(ROOT.glob("*/*/__init__.py"))
    assert wings
    assert [path for path in wings if len(ast.parse(path.read_text(encoding="utf-8")).body) != 1] == []


def test_reexports_sees_every_other_spelling() -> None:
    text = "from nio.a._b import X as X, Y\nfrom nio.a._c import Z as W\nfrom os import path\nimport sys\n"
    assert reexports(text) == ({"X"}, ["line 1: Y", "line 2: Z"])


def test_house_order_is_that_of_ruff() -> None:
    names = ["default", "ByteBuffer", "OP_READ", "__version__", "X", "Buffer", "EOF"]
    assert sorted(names, key=house_order) == ["EOF", "OP_READ", "Buffer", "ByteBuffer", "X", "__version__", "default"]


def loaded_by(code: str) -> set[str]:
    """What a statement loads in an interpreter that has loaded nothing else, not even ``site``."""
    code = f"import json, sys; sys.path.insert(0, sys.argv[1]); {code}; print(json.dumps(sorted(sys.modules)))"
    command = [sys.executable, "-I", "-S", "-c", code, str(ROOT.parent)]
    answer = subprocess.run(command, check=True, capture_output=True, text=True, timeout=30).stdout
    return set(json.loads(answer))


def test_a_package_loads_nothing_before_a_name_is_asked_for() -> None:
    for package in ("nio", "nio.channels", "nio.reactor"):
        ours = {name for name in loaded_by(f"import {package}") if name.partition(".")[0] == "nio"}
        assert ours == {"nio", "nio._later", package}


def test_the_names_of_nio_load_nothing_above_channels_nor_the_system() -> None:
    loaded = loaded_by("from nio import *")
    ours = {name for name in loaded if name.startswith("nio.")}
    assert {name.split(".")[1] for name in ours} == BELOW
    assert "nio.spi._system" not in loaded
    assert {name.partition(".")[0] for name in loaded} - {"nio", "__main__"} - sys.stdlib_module_names == set()


def test_the_slow_modules_are_loaded_by_whoever_needs_them() -> None:
    slow = {"dataclasses", "dis", "inspect", "ipaddress", "logging", "random", "socket"}
    assert loaded_by("from nio import *") & slow == set()
    assert loaded_by("from nio.reactor import *") & (slow - {"logging"}) == set()


if __name__ == "__main__":
    print("\n".join(exports()))
