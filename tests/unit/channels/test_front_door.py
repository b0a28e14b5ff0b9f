"""``import nio`` is enough for a Java-style program: it has the classes of java.nio and java.nio.channels."""

from __future__ import annotations

import importlib
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import nio
import nio.buffers
import nio.channels
from nio.spi import Address, ProtocolFamily, SelectorProvider
from tests.test_exports import PACKAGES, committed

ROOT = Path(__file__).parents[3]
ELSEWHERE = [(name, package) for package in PACKAGES for name in committed(package) if name not in nio.__all__]


def test_the_front_door_has_every_class_below_it() -> None:
    every = {name: getattr(package, name) for package in (nio.buffers, nio.channels) for name in package.__all__}
    classes = {name for name, value in every.items() if isinstance(value, type)}
    assert set(nio.__all__) == classes | {"EOF", "Address", "ProtocolFamily", "SelectorProvider", "__version__"}
    assert all(getattr(nio, name) is every[name] for name in classes)
    assert (nio.ProtocolFamily, nio.SelectorProvider, nio.EOF) == (ProtocolFamily, SelectorProvider, -1)
    assert nio.Address is Address


def test_the_version_has_one_source() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert "version" not in project["project"]
    assert project["project"]["dynamic"] == ["version"]
    assert project["tool"]["hatch"]["version"] == {"path": "nio/__init__.py"}
    assert [int(part) >= 0 for part in nio.__version__.split(".")] == [True] * 3


@pytest.mark.parametrize(
    ("name", "package"),
    [
        ("Reactor", "nio.reactor"),
        ("Acceptor", "nio.reactor"),
        ("Handler", "nio.reactor"),
        ("StreamHandler", "nio.reactor"),
        ("Lines", "nio.framing"),
        ("WorkerPool", "nio.executors"),
        ("ClosedChannelError", "nio.errors"),
        ("Charset", "nio.charset"),
        ("input_stream", "nio.channels"),
        ("SystemProvider", "nio.spi"),
    ],
)
def test_a_name_of_another_package_says_of_which(name: str, package: str) -> None:
    """As the user meets it: at ``from nio import ...``, on which Python drops the words of an AttributeError."""
    with pytest.raises(ImportError) as caught:
        exec(f"from nio import {name}")
    assert str(caught.value) == f"{name} is in {package}: from {package} import {name}"
    with pytest.raises(ImportError, match=f"{name} is in {package}"):
        getattr(nio, name)


def test_every_place_that_is_told_is_right() -> None:
    told = {}
    for name in {name for name, _ in ELSEWHERE}:
        try:
            getattr(nio, name)
        except ImportError as error:
            told[name] = str(error).partition(" is in ")[2].partition(":")[0]
        except AttributeError:
            pass
    assert {name: package for name, package in told.items() if (name, package) not in ELSEWHERE} == {}
    assert len(told) > 50


def test_a_name_of_no_package_is_an_attribute_error() -> None:
    assert not hasattr(nio, "Nothing")
    with pytest.raises(AttributeError, match="module 'nio' has no attribute 'Nothing'"):
        getattr(nio, "Nothing")  # noqa: B009  # type checkers know that it is not there
    with pytest.raises(ImportError, match="cannot import name 'Nothing' from 'nio'"):
        exec("from nio import Nothing")


def test_the_packages_above_are_imported_as_ever() -> None:
    uses = "import nio; from nio import reactor; import nio.framing; nio.framing.Lines; reactor.Reactor"
    command = f"import sys; sys.path.insert(0, sys.argv[1]); {uses}"
    subprocess.run([sys.executable, "-I", "-c", command, str(ROOT)], check=True, timeout=30)


def test_on_windows_the_import_ends_with_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    before = {name: getattr(nio, name) for name in nio.__all__}
    with pytest.raises(ImportError) as caught:
        importlib.reload(nio)
    assert str(caught.value) == "nio needs a POSIX system, Linux or macOS; on Windows it runs inside WSL"
    assert {name: getattr(nio, name) for name in nio.__all__} == before
