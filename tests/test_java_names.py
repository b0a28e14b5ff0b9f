"""``docs/java-names.tsv`` has every public name of java.nio, and every public name here: no row without code, no code
without a row.

``python -m tests.test_java_names > docs/java-names.md`` writes the page anew from the table. Where a JDK 17 is at hand
the table is held against it too.
"""

from __future__ import annotations

import csv
import importlib
from collections.abc import Iterator
from itertools import groupby
from typing import NamedTuple

import pytest

from tests.jdk._java import Jdk
from tests.test_exports import PACKAGES, committed
from tests.test_readme import ROOT

TABLE = ROOT / "docs" / "java-names.tsv"
PAGE = TABLE.with_suffix(".md")
EXPLAINED = ["nio.buffers", "nio.channels", "nio.charset", "nio.errors"]
NONE = "-"
JDK = 17

OPERATORS = {"eq": "==", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}

HEAD = """\
# Every name of java.nio

Written from [java-names.tsv](java-names.tsv), which the tests hold against the code and against JDK 17; the rules
behind the names, and what behaves differently, are in [Java to Python](java-to-python.md). A name with `()` is called,
one without is a property or a constant. Inherited methods stand with the class that Java declares them in. What is
left out has a reason instead of a name.
"""


class Row(NamedTuple):
    """A member of a Java class (``-`` for the class itself) and the dotted names it has here, or ``-`` and why not.

    A row without a package is a name of ours that Java does not have.
    """

    package: str
    owner: str
    member: str
    python: str
    note: str

    @property
    def forms(self) -> list[str]:
        return [] if self.python == NONE else self.python.split(";")


def table() -> list[Row]:
    with TABLE.open(encoding="utf-8", newline="") as file:
        _, *rows = csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
    return [Row(*row) for row in rows]


ROWS = table()


def resolve(path: str) -> object:
    """What a dotted name stands for; AttributeError, also for a special method that only ``object`` has."""
    parts = path.split(".")
    depth = next(n for n, part in enumerate(parts) if part[0].isupper() or n == (2 if parts[0] == "nio" else 1))
    found: object = importlib.import_module(".".join(parts[:depth]))
    for part in parts[depth:]:
        owner, found = found, getattr(found, part)
        if part.startswith("_") and (not part.endswith("__") or found is getattr(object, part, None)):
            raise AttributeError(f"{owner!r} has no public {part}")
    return found


def shown(path: str) -> str:
    """A name as the page has it."""
    package, _, name = path.rpartition(".")
    *_, owner, member = ["", *path.split(".")]
    found = resolve(path)
    if member.startswith("__"):
        word = member.strip("_")
        return f"`{OPERATORS[word]}`" if word in OPERATORS else f"`{word}(…)`"
    if isinstance(found, type) and member[0].isupper():
        return f"`{name if package == 'builtins' else path}`"
    called = "()" if callable(found) else ""
    return f"`{owner}.{member}{called}`" if owner[0].isupper() else f"`{path}{called}`"


def line(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def lines(rows: list[Row], *, with_class: bool = False) -> Iterator[str]:
    """Table lines; the members of one form and one note share a line."""
    yield from ("| Java | Python | |", "|---|---|---|")
    merged: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        name = ".".join(part for part in (row.owner if with_class else "", row.member) if part not in ("", NONE))
        merged.setdefault((row.python, row.note), []).append(f"`{name}`")
    for (python, note), names in merged.items():
        forms = ", ".join(shown(path) for path in python.split(";")) if python != NONE else "left out"
        yield line(", ".join(names), forms, note)


def is_error(row: Row) -> bool:
    return row.owner.endswith(("Exception", "Error"))


def section(owner: str, rows: list[Row]) -> Iterator[str]:
    head, *members = rows
    yield from (f"### {owner}", "")
    if head.python == NONE and {row.python for row in members} <= {NONE}:
        listed = "" if not members else " " + ", ".join(f"`{row.member}`" for row in members) + "."
        yield from (f"Left out: {head.note}.{listed}", "")
        return
    text = head.note if head.python == NONE else shown(head.python) + (f": {head.note}" if head.note else "")
    yield from (text[0].upper() + text[1:] + ".", "")
    if members:
        yield from (*lines(members), "")


def page() -> str:
    text = [HEAD]
    java = [row for row in ROWS if row.package != NONE]
    for package, group in groupby(java, key=lambda row: row.package):
        rows = list(group)
        text += [f"## {package}", ""]
        for owner, members in groupby((row for row in rows if not is_error(row)), key=lambda row: row.owner):
            text += section(owner, list(members))
        if errors := [row for row in rows if is_error(row)]:
            text += ["### Exceptions", "", *lines(errors, with_class=True), ""]
    text += ["## What java.nio does not have", "", "| Python | |", "|---|---|"]
    text += [line(", ".join(map(shown, row.forms)), row.note) for row in ROWS if row.package == NONE]
    return "\n".join(text) + "\n"


def explained(rows: list[Row]) -> set[str]:
    return {path for row in rows for path in row.forms}


def public_names() -> Iterator[tuple[str, object]]:
    """The exported names that the table has to explain, with their values."""
    for package in PACKAGES:
        for name in sorted(committed(package)):
            if package in EXPLAINED or (package, name) == ("nio.spi", "SelectorProvider"):
                yield f"{package}.{name}", resolve(f"{package}.{name}")


def public_members(path: str, owner: type) -> Iterator[tuple[str, set[str]]]:
    """Every public member of a class and of those nested in it, with the names under which a row may explain it."""
    paths = {value: name for name, value in public_names() if isinstance(value, type)}
    ours = [base for base in owner.__mro__ if base.__module__.startswith("nio.")]
    for base in ours:
        for name, value in vars(base).items():
            if name.startswith("_"):
                continue
            yield f"{path}.{name}", {f"{path}.{name}", *(f"{paths[other]}.{name}" for other in ours if other in paths)}
            if isinstance(value, type):
                yield from public_members(f"{path}.{name}", value)


def missing(rows: list[Row]) -> set[str]:
    names = explained(rows)
    lost = {path for path, _ in public_names() if path not in names}
    for path, value in public_names():
        if isinstance(value, type):
            lost |= {member for member, aliases in public_members(path, value) if not aliases & names}
    return lost


def test_page_is_written_from_the_table() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "python -m tests.test_java_names > docs/java-names.md"


def test_every_form_is_a_public_name_here() -> None:
    gone = []
    for path in sorted(explained(ROWS)):
        try:
            resolve(path)
        except (AttributeError, ImportError) as error:
            gone.append(f"{path}: {error}")
    assert gone == []


def test_every_public_name_here_is_in_a_row() -> None:
    assert missing(ROWS) == set()


def test_a_name_without_a_row_is_found() -> None:
    lost = {"nio.buffers.Buffer.flip", "nio.buffers.ByteBuffer.flip", "nio.channels.FileChannel.MapMode.PRIVATE"}
    lost |= {"nio.buffers.MappedByteBuffer.flip", "nio.channels.reader"}
    assert missing([row for row in ROWS if not lost & set(row.forms)]) == lost


@pytest.mark.parametrize("path", ["nio.buffers.ByteBuffer.putInt", "nio.buffers.Nothing", "nio.buffers.ByteBuffer._as"])
def test_a_row_without_a_name_is_found(path: str) -> None:
    with pytest.raises(AttributeError):
        resolve(path)


def test_special_method_of_object_is_no_form() -> None:
    resolve("nio.buffers.ByteBuffer.__eq__")
    with pytest.raises(AttributeError):
        resolve("nio.channels.SocketChannel.__eq__")


def test_what_is_left_out_or_ours_has_a_reason() -> None:
    assert [row for row in ROWS if NONE in (row.python, row.package) and not row.note] == []


def test_no_java_name_comes_twice() -> None:
    names = [row[:3] for row in ROWS if row.package != NONE]
    assert len(names) == len(set(names))


def test_what_is_ours_is_no_form_of_java() -> None:
    java = {path for row in ROWS if row.package != NONE for path in row.forms}
    ours = [path for row in ROWS if row.package == NONE for path in row.forms]
    assert len(ours) == len(set(ours))
    assert java & set(ours) == set()


@pytest.mark.needs("java", "javac")
def test_table_has_what_the_jdk_has() -> None:
    packages = [f"java.nio{rest}" for rest in ("", ".channels", ".channels.spi", ".charset", ".charset.spi")]
    version, *names = Jdk("Lister").ask([], arguments=packages)
    if int(version) != JDK:
        pytest.skip(f"the table is that of JDK {JDK}, this one is {version}")
    assert {"\t".join(row[:3]) for row in ROWS if row.package in packages} == set(names)


if __name__ == "__main__":
    print(page(), end="")
