"""Names that are loaded when they are asked for: whoever asks finds them as if they had been there before."""

from __future__ import annotations

import importlib
import inspect
import pickle
import subprocess
import sys
from typing import Any, get_type_hints

import pytest

import nio
from nio._later import door
from tests.test_exports import PACKAGES, ROOT, surface

# What the module of an annotation cannot import: Java's one circle, what only type checkers have, what a contract that
# asks the system for nothing leaves to the system.
UNKNOWN = {"", "Selector", "SelectableChannel", "ReadableBuffer", "WriteableBuffer", "mmap"}
PUBLIC = [(package, name) for package in PACKAGES for name in surface(package)]


def fresh(code: str) -> str:
    """What the code prints in an interpreter that has loaded nothing of the package."""
    code = f"import sys; sys.path.insert(0, sys.argv[1])\n{code}"
    return subprocess.run(
        [sys.executable, "-I", "-c", code, str(ROOT.parent)], check=True, capture_output=True, text=True, timeout=30
    ).stdout.strip()


def callables(value: object) -> list[Any]:
    """A class and its own public methods, or a function."""
    if not isinstance(value, type):
        return [value] if inspect.isfunction(value) else []
    found: list[Any] = [value]
    for name, member in vars(value).items():
        member = member.fget if isinstance(member, property) else getattr(member, "__func__", member)
        if inspect.isfunction(member) and not name.startswith("_"):
            found.append(member)
    return found


def unknown_name(item: object) -> str:
    """The name that its annotations cannot be evaluated for; "" if they can."""
    try:
        get_type_hints(item)
    except NameError as error:
        return error.name or "?"
    return ""


@pytest.mark.parametrize(("package", "name"), PUBLIC)
def test_the_annotations_of_the_public_surface_can_be_evaluated(package: str, name: str) -> None:
    for item in callables(getattr(importlib.import_module(package), name)):
        if str(item.__module__).startswith("nio"):
            assert unknown_name(item) in UNKNOWN


def test_every_name_can_be_seen_before_it_is_loaded() -> None:
    assert fresh("import nio\nprint('Selector' in dir(nio), 'nio.channels._selector' in sys.modules)") == "True False"


def test_a_door_knows_its_names_and_the_packages_inside() -> None:
    names, look, known = door("nio", {"errors": "EndOfStreamError", "_numbers": "check_int"})
    assert names == ["EndOfStreamError", "check_int"]
    assert {"EndOfStreamError", "check_int", "__name__"} <= set(known())
    assert look("errors") is importlib.import_module("nio.errors")
    assert look("check_int") is vars(nio).pop("check_int")


def test_a_star_brings_every_name() -> None:
    for package in PACKAGES:
        if package != "nio.errors":
            names: dict[str, object] = {}
            exec(f"from {package} import *", names)
            assert set(surface(package)) <= set(names)


def test_a_package_below_is_an_attribute() -> None:
    assert fresh("import nio\nprint(nio.channels.EOF, nio.errors.__name__, nio.spi.READABLE)") == "-1 nio.errors 1"
    assert fresh("import nio.channels\nprint(nio.channels.Selector.__name__)") == "Selector"


@pytest.mark.parametrize("package", [package for package in PACKAGES if package != "nio.errors"])
def test_a_name_that_is_not_there(package: str) -> None:
    module = importlib.import_module(package)
    with pytest.raises(AttributeError, match=rf"module '{package}' has no attribute 'Selektor'"):
        module.Selektor  # noqa: B018
    with pytest.raises(ImportError, match="cannot import name 'Selektor'"):
        exec(f"from {package} import Selektor")


def test_a_private_module_is_imported_as_ever() -> None:
    assert fresh("from nio.channels import _watch\nprint(_watch.__name__)") == "nio.channels._watch"


def test_what_is_pickled_by_name_is_found_where_nobody_has_asked_for_it() -> None:
    for value in (nio.Selector, nio.ByteOrder.BIG_ENDIAN, nio.SelectionKey.OP_READ):
        data = pickle.dumps(value)
        shown = fresh(f"import pickle\nprint(repr(pickle.loads({data!r})))")
        assert shown == repr(value)


THREADS = """
import threading
start, names, found = threading.Barrier(8), ["Selector", "SocketChannel", "Pipe", "FileChannel"] * 2, []
def ask(name):
    import nio
    start.wait()
    found.append(getattr(nio, name))
threads = [threading.Thread(target=ask, args=(name,)) for name in names]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(len(found), len(set(found)))
"""


def test_threads_that_ask_at_the_same_time_get_the_same() -> None:
    assert fresh(THREADS) == "8 4"
