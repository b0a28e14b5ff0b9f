"""The layers of ``nio/`` hold: every rule is a function over source text, run on the package and on planted offenders.

Nothing is imported here, so a package that does not even start is still judged. A rule answers with one line per
offence, ``module:line: what is wrong``; the right reaction to a red test is to move the code, seldom to edit a table.
"""

from __future__ import annotations

import ast
import importlib.util
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

BASE = {"errors", "_numbers", "buffers", "spi", "channels"}

# Who may import whom, one line per package; "nio" is the front door, nio/__init__.py. Imports inside functions and
# those for annotations only count too: knowing a higher layer is the fault, not paying for it.
ARROWS: dict[str, set[str]] = {
    "errors": set(),
    "_numbers": {"errors"},
    "buffers": {"errors", "_numbers"},
    "charset": {"errors", "_numbers", "buffers"},
    "framing": {"errors", "_numbers", "buffers"},
    "spi": {"errors", "_numbers"},
    "executors": {"errors", "_numbers", "spi"},
    "channels": {"errors", "_numbers", "spi", "buffers"},
    # The wings of the reactor; "reactor" itself is their face, and all that the layers above it see.
    "reactor.loop": BASE | {"executors"},
    "reactor.handlers": BASE | {"reactor.loop"},
    "reactor.streams": BASE | {"framing", "reactor.loop", "reactor.handlers"},
    "reactor.groups": BASE | {"reactor.loop", "reactor.handlers"},
    "reactor": {"reactor.loop", "reactor.handlers", "reactor.streams", "reactor.groups"},
    "tasks": BASE | {"framing", "executors", "reactor"},
    "tls": BASE | {"framing", "executors", "reactor"},
    "testing": BASE | {"charset", "framing", "executors", "reactor", "tasks", "tls", "nio"},
    "nio": BASE | {"charset"},
}

DOOR = {"socket", "select", "selectors", "threading", "time", "signal", "random", "importlib"}
DOOR |= {"_socket", "_thread", "_signal", "_random"}
UNSAFE_MODULES = {"pickle", "_pickle", "marshal", "re"}
UNSAFE_BUILTINS = {"eval", "exec", "compile", "__import__"}
WALL_CLOCKS = {"time", "time_ns"}
MAX_FUNCTION = 40  # lines, the docstring aside
MAX_MODULE = 399

# The one circle there is to be: in Java, too, a selector, its channels and their keys are one thing in three classes,
# each of which answers with the other two.
JAVAS_CIRCLE = {"nio.channels._selector", "nio.channels._selectable_channel", "nio.channels._selection_key"}

# TEMPORARY, and to be emptied: modules whose circles and lengths are being mended elsewhere.
BEING_MENDED = {"nio.executors._worker_pool"}


@dataclass(frozen=True)
class Module:
    """One source file; a package's ``__init__`` carries the package's name."""

    name: str
    text: str
    is_package: bool = False

    @property
    def layer(self) -> str:
        return layer_of(self.name)

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, self.name)

    @cached_property
    def nodes(self) -> list[ast.AST]:
        return list(ast.walk(self.tree))

    @cached_property
    def imports(self) -> list[Import]:
        return list(find_imports(self.tree.body))


@dataclass(frozen=True)
class Import:
    """One imported name: ``import module`` has no name, ``from module import name`` has one."""

    module: str
    name: str
    line: int
    typing_only: bool
    deferred: bool

    @property
    def top(self) -> str:
        return self.module.partition(".")[0]

    def target(self, tree: Tree) -> str:
        """The module of the package that is meant, a submodule named after ``import`` included."""
        submodule = f"{self.module}.{self.name}"
        return submodule if submodule in tree or (self.module == "nio" and self.name in ARROWS) else self.module


Tree = dict[str, Module]
Rule = Callable[[Tree], list[str]]


def layer_of(module: str) -> str:
    """A package of ``nio``, or one of its wings where it has some."""
    inside = module.split(".")[1:]
    wing = ".".join(inside[:2])
    return wing if wing in ARROWS else inside[0] if inside else "nio"


def find_imports(nodes: Iterable[ast.AST], typing_only: bool = False, deferred: bool = False) -> Iterator[Import]:
    for node in nodes:
        if isinstance(node, ast.expr):
            continue
        match node:
            case ast.Import(names=names):
                yield from (Import(alias.name, "", node.lineno, typing_only, deferred) for alias in names)
            case ast.ImportFrom(module=module, names=names, level=level):
                source = "." * level + (module or "")
                yield from (Import(source, alias.name, node.lineno, typing_only, deferred) for alias in names)
            case ast.If(test=ast.Name(id="TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING")):
                yield from find_imports(node.body, True, deferred)
                yield from find_imports(node.orelse, typing_only, deferred)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                yield from find_imports(ast.iter_child_nodes(node), typing_only, True)
            case _:
                yield from find_imports(ast.iter_child_nodes(node), typing_only, deferred)


def arrows(tree: Tree) -> list[str]:
    found = []
    for module in tree.values():
        if module.layer not in ARROWS:
            found.append(f"{module.name}:1: {module.layer} has no line in the table of layers")
            continue
        for item in module.imports:
            target = layer_of(item.target(tree))
            if item.top == "nio" and target != module.layer and target not in ARROWS[module.layer]:
                found.append(f"{module.name}:{item.line}: {module.layer} must not import {target}")
    return found


def absolute_imports(tree: Tree) -> list[str]:
    return [
        f"{module.name}:{item.line}: relative import of {item.module}"
        for module in tree.values()
        for item in module.imports
        if item.module.startswith(".")
    ]


def cycles(tree: Tree) -> list[str]:
    """Every set of modules that know each other; an import for annotations, or inside a function, is knowledge too."""
    known = {module.name: known_to(module.name, tree) for module in tree.values()}
    circles = {frozenset(other for other in known[name] if name in known[other]) for name in known}
    return [
        "import cycle: " + " <-> ".join(sorted(circle))
        for circle in sorted(circles, key=sorted)
        if circle and circle != JAVAS_CIRCLE and not circle <= BEING_MENDED
    ]


def known_to(name: str, tree: Tree) -> set[str]:
    """The modules that are imported by this one, and by those, and so on; itself only if it stands in a circle."""
    known: set[str] = set()
    unread = [name]
    while unread:
        found = {item.target(tree) for item in tree[unread.pop()].imports} & set(tree)
        unread += found - known
        known |= found
    return known


def one_door(tree: Tree) -> list[str]:
    return [
        f"{module.name}:{item.line}: {item.top} outside nio.spi"
        for module in tree.values()
        for item in module.imports
        if module.layer != "spi" and item.top in DOOR and not item.typing_only
    ]


def standard_library_only(tree: Tree) -> list[str]:
    return [
        f"{module.name}:{item.line}: {item.top} is not of the standard library"
        for module in tree.values()
        for item in module.imports
        if item.top not in ("", "nio") and item.top not in sys.stdlib_module_names and not item.typing_only
    ]


def nothing_unsafe(tree: Tree) -> list[str]:
    found = []
    for module in tree.values():
        found += [f"{module.name}:{item.line}: {item.top}" for item in module.imports if item.top in UNSAFE_MODULES]
        for node in module.nodes:
            if isinstance(node, ast.Name) and node.id in UNSAFE_BUILTINS:
                found.append(f"{module.name}:{node.lineno}: {node.id}()")
    return found


def no_wall_clock(tree: Tree) -> list[str]:
    found = []
    for module in tree.values():
        clocks = {"time"}
        for node in module.nodes:
            if isinstance(node, ast.Import):
                clocks |= {alias.asname for alias in node.names if alias.name == "time" and alias.asname}
        for item in module.imports:
            if item.module == "time" and item.name in WALL_CLOCKS:
                found.append(f"{module.name}:{item.line}: time.{item.name} is a wall clock")
        for node in module.nodes:
            match node:
                case ast.Attribute(value=ast.Name(id=clock), attr=attr) if clock in clocks and attr in WALL_CLOCKS:
                    found.append(f"{module.name}:{node.lineno}: time.{attr} is a wall clock")
    return found


def span(node: ast.stmt) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def sizes(tree: Tree) -> list[str]:
    found = []
    for module in tree.values():
        if module.name in BEING_MENDED:
            continue
        lines = len(module.text.splitlines())
        if lines > MAX_MODULE:
            found.append(f"{module.name}:1: {lines} lines, more than {MAX_MODULE}")
        for node in module.nodes:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = span(node) - (span(node.body[0]) if ast.get_docstring(node) else 0)
                if length > MAX_FUNCTION:
                    found.append(
                        f"{module.name}:{node.lineno}: {node.name} has {length} lines, more than {MAX_FUNCTION}"
                    )
    return found


def private_modules(tree: Tree) -> list[str]:
    return [
        f"{module.name}:1: a module's name starts with an underscore"
        for module in tree.values()
        if not (module.is_package or module.name == "nio.errors" or module.name.rpartition(".")[2].startswith("_"))
    ]


def no_typing_only_imports_in_the_reactor(tree: Tree) -> list[str]:
    """Whoever calls names what it calls in a Protocol of its own, so there is nothing to hide from the interpreter."""
    return [
        f"{module.name}:{item.line}: {item.module} is imported for annotations only"
        for module in tree.values()
        for item in module.imports
        if module.name.startswith("nio.reactor") and item.typing_only
    ]


RULES: list[Rule] = [
    arrows,
    no_typing_only_imports_in_the_reactor,
    absolute_imports,
    cycles,
    one_door,
    standard_library_only,
    nothing_unsafe,
    no_wall_clock,
    sizes,
    private_modules,
]


def load(package: Path) -> Tree:
    tree = {}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package.parent).with_suffix("").parts
        is_package = parts[-1] == "__init__"
        name = ".".join(parts[:-1] if is_package else parts)
        tree[name] = Module(name, path.read_text(encoding="utf-8"), is_package)
    return tree


def plant(sources: dict[str, str]) -> Tree:
    """A tree of strings; a name that ends in a dot is a package's ``__init__``."""
    modules = [Module(name.rstrip("."), text, name.endswith(".")) for name, text in sources.items()]
    return {module.name: module for module in modules}


@pytest.fixture(scope="module")
def package() -> Tree:
    spec = importlib.util.find_spec("nio")
    assert spec is not None
    assert spec.submodule_search_locations
    return load(Path(spec.submodule_search_locations[0]))


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule is not no_wall_clock])
def test_package_keeps_rule(rule: Rule, package: Tree) -> None:
    assert "nio" in package
    assert rule(package) == []


def test_G01_no_wall_clock_in_the_package(package: Tree) -> None:
    assert no_wall_clock(package) == []


def test_table_of_layers_has_no_cycle_and_nobody_sees_testing() -> None:
    assert {layer for allowed in ARROWS.values() for layer in allowed} <= set(ARROWS)
    assert not any("testing" in allowed for allowed in ARROWS.values())
    TopologicalSorter(ARROWS).prepare()


# A small package of every layer that breaks nothing: the rules must be silent on what is allowed.
SOUND = {
    "nio.": "from nio.buffers import ByteBuffer as ByteBuffer\nfrom nio.channels import Selector as Selector\n",
    "nio.errors": "class ClosedChannelError(OSError): ...\n",
    "nio._numbers": "from nio.errors import ClosedChannelError\n",
    "nio.buffers.": "from nio.buffers._byte import ByteBuffer as ByteBuffer\n",
    "nio.buffers._byte": (
        "from typing import TYPE_CHECKING\nfrom nio.errors import ClosedChannelError\n"
        "from nio import _numbers\n"
        "if TYPE_CHECKING:\n    import socket\n    from _typeshed import ReadableBuffer\n"
        "class ByteBuffer:\n    def eval(self): return self.eval()\n"
    ),
    "nio.buffers._view": "from nio.buffers._byte import ByteBuffer\nclass View(ByteBuffer): ...\n",
    "nio.spi.": "import importlib, socket, threading, time\nnow = time.monotonic_ns\n",
    "nio.channels.": "from nio.buffers import ByteBuffer\nfrom nio import spi\nclass Selector: ...\n",
    "nio.channels._selectable_channel": "from nio.channels._selection_key import SelectionKey\n",
    "nio.channels._selection_key": "if TYPE_CHECKING:\n    from nio.channels._selector import Selector\n",
    "nio.channels._selector": "from nio.channels._selectable_channel import SelectableChannel\n",
    "nio.testing.": "import nio\nfrom nio.reactor import Reactor\n",
    "nio.reactor.": "from nio.reactor.loop._reactor import Reactor as Reactor\n",
    "nio.reactor.loop._reactor": "from nio.channels import Selector\ndef late():\n    from nio.executors import W\n",
    "nio.reactor.streams._a": "from nio.reactor.loop._reactor import Reactor\nfrom nio.framing import Lines\n",
}


@pytest.mark.parametrize("rule", RULES)
def test_rule_is_silent_on_a_sound_package(rule: Rule) -> None:
    assert rule(plant(SOUND)) == []


LONG_DOCSTRING = '    """Words.\n' + "    words\n" * MAX_FUNCTION + '    """\n'

PLANTED: list[tuple[Rule, dict[str, str], str]] = [
    (
        arrows,
        {"nio.buffers._a": "\nfrom nio.channels import Selector"},
        "nio.buffers._a:2: buffers must not import channels",
    ),
    (arrows, {"nio.buffers._a": "import nio.spi._epoll"}, "nio.buffers._a:1: buffers must not import spi"),
    (arrows, {"nio.spi._a": "from nio import channels"}, "nio.spi._a:1: spi must not import channels"),
    (arrows, {"nio.spi._a": "from nio import Selector"}, "nio.spi._a:1: spi must not import nio"),
    (arrows, {"nio.channels._a": "import nio"}, "nio.channels._a:1: channels must not import nio"),
    (arrows, {"nio._numbers": "import nio.buffers"}, "nio._numbers:1: _numbers must not import buffers"),
    (arrows, {"nio.errors": "import nio._numbers"}, "nio.errors:1: errors must not import _numbers"),
    (arrows, {"nio.errors": "def f():\n    from nio.spi import X"}, "nio.errors:2: errors must not import spi"),
    (
        arrows,
        {"nio.framing._a": "if TYPE_CHECKING:\n    from nio.reactor import X"},
        "nio.framing._a:2: framing must not import reactor",
    ),
    (arrows, {"nio.reactor._a": "import nio.testing"}, "nio.reactor._a:1: reactor must not import testing"),
    (
        arrows,
        {"nio.reactor.loop._a": "from nio.reactor.streams._b import B"},
        "nio.reactor.loop._a:1: reactor.loop must not import reactor.streams",
    ),
    (
        arrows,
        {"nio.reactor.handlers._a": "from nio.framing import Lines"},
        "nio.reactor.handlers._a:1: reactor.handlers must not import framing",
    ),
    (
        arrows,
        {"nio.tasks._a": "from nio.reactor.loop import _reactor"},
        "nio.tasks._a:1: tasks must not import reactor.loop",
    ),
    (
        no_typing_only_imports_in_the_reactor,
        {"nio.reactor.loop._a": "if TYPE_CHECKING:\n    from nio.spi import B"},
        "nio.reactor.loop._a:2: nio.spi is imported for annotations only",
    ),
    (arrows, {"nio.": "from nio.reactor import Reactor as Reactor"}, "nio:1: nio must not import reactor"),
    (arrows, {"nio.gadgets._a": ""}, "nio.gadgets._a:1: gadgets has no line in the table of layers"),
    (absolute_imports, {"nio.spi._a": "from . import _b"}, "nio.spi._a:1: relative import of ."),
    (absolute_imports, {"nio.spi._a": "from .._b import c"}, "nio.spi._a:1: relative import of .._b"),
    *[
        (
            cycles,
            {"nio.spi._a": first, "nio.spi._b": second, "nio.spi._c": "from nio.spi import _a, _b"},
            "import cycle: nio.spi._a <-> nio.spi._b",
        )
        for first, second in (
            ("from nio.spi._b import B", "import nio.spi._a"),
            ("try:\n    from nio.spi import _b\nfinally: ...", "from nio.spi import _a"),
            ("if TYPE_CHECKING:\n    from nio.spi._b import B", "from nio.spi._a import A"),
            ("def f():\n    from nio.spi._b import B", "class B:\n    from nio.spi._a import A"),
        )
    ],
    (
        cycles,
        {"nio.spi.": "from nio.spi._a import A as A", "nio.spi._a": "from nio.spi import A"},
        "import cycle: nio.spi <-> nio.spi._a",
    ),
    (cycles, {"nio.spi._a": "from nio.spi._a import A"}, "import cycle: nio.spi._a"),
    (
        cycles,
        {"nio.spi._a": "import nio.spi._b", "nio.spi._b": "import nio.spi._c", "nio.spi._c": "import nio.spi._a"},
        "import cycle: nio.spi._a <-> nio.spi._b <-> nio.spi._c",
    ),
    (
        cycles,
        {
            "nio.channels._selectable_channel": "from nio.channels._selector import Selector",
            "nio.channels._selection_key": "from nio.channels._selector import Selector",
            "nio.channels._selector": "from nio.channels import _selectable_channel, _selection_key, _sets",
            "nio.channels._sets": "if TYPE_CHECKING:\n    from nio.channels._selection_key import SelectionKey",
        },
        "import cycle: nio.channels._selectable_channel <-> nio.channels._selection_key <-> nio.channels._selector"
        " <-> nio.channels._sets",
    ),
    *[
        (one_door, {"nio.channels._a": f"import {name}"}, f"nio.channels._a:1: {name} outside nio.spi")
        for name in sorted(DOOR)
    ],
    (one_door, {"nio.reactor._a": "from time import sleep"}, "nio.reactor._a:1: time outside nio.spi"),
    (one_door, {"nio.reactor._a": "def f():\n    import os, socket as s"}, "nio.reactor._a:2: socket outside nio.spi"),
    (
        one_door,
        {"nio.reactor._a": "if TYPE_CHECKING:\n    import os\nelse:\n    import socket"},
        "nio.reactor._a:4: socket outside nio.spi",
    ),
    (standard_library_only, {"nio.spi._a": "import attr"}, "nio.spi._a:1: attr is not of the standard library"),
    *[
        (nothing_unsafe, {"nio.spi._a": f"def f():\n    import {name}"}, f"nio.spi._a:2: {name}")
        for name in sorted(UNSAFE_MODULES)
    ],
    (nothing_unsafe, {"nio.framing._a": "from re import compile as c"}, "nio.framing._a:1: re"),
    *[
        (nothing_unsafe, {"nio.errors": f"x = 1\nrun = {name}\n"}, f"nio.errors:2: {name}()")
        for name in sorted(UNSAFE_BUILTINS)
    ],
    (no_wall_clock, {"nio.spi._a": "import time\nt = time.time()"}, "nio.spi._a:2: time.time is a wall clock"),
    (no_wall_clock, {"nio.spi._a": "import time as t\nf = t.time_ns"}, "nio.spi._a:2: time.time_ns is a wall clock"),
    (no_wall_clock, {"nio.spi._a": "from time import time as now"}, "nio.spi._a:1: time.time is a wall clock"),
    (
        sizes,
        {"nio.errors": "def f():\n" + "    x = 1\n" * MAX_FUNCTION},
        f"nio.errors:1: f has {MAX_FUNCTION + 1} lines, more than {MAX_FUNCTION}",
    ),
    (
        sizes,
        {"nio.errors": "class A:\n  async def f():\n" + LONG_DOCSTRING + "    x = 1\n" * MAX_FUNCTION},
        f"nio.errors:2: f has {MAX_FUNCTION + 1} lines, more than {MAX_FUNCTION}",
    ),
    (sizes, {"nio.errors": "x = 1\n" * 400}, "nio.errors:1: 400 lines, more than 399"),
    (private_modules, {"nio.spi.epoll": ""}, "nio.spi.epoll:1: a module's name starts with an underscore"),
    (private_modules, {"nio.spi.errors": ""}, "nio.spi.errors:1: a module's name starts with an underscore"),
]


@pytest.mark.parametrize(
    ("rule", "sources", "offence"), PLANTED, ids=[f"{rule.__name__}-{offence}" for rule, _, offence in PLANTED]
)
def test_rule_sees_a_planted_offender(rule: Rule, sources: dict[str, str], offence: str) -> None:
    assert rule(plant(sources)) == [offence]


def test_cycles_lists_all_there_are() -> None:
    pairs = {
        f"nio.{layer}._{one}": f"import nio.{layer}._{other}"
        for layer in ("spi", "buffers")
        for one, other in ("ab", "ba")
    }
    assert cycles(plant(pairs)) == [
        "import cycle: nio.buffers._a <-> nio.buffers._b",
        "import cycle: nio.spi._a <-> nio.spi._b",
    ]


def test_sizes_at_the_limit_pass() -> None:
    body = LONG_DOCSTRING + "    x = 1\n" * (MAX_FUNCTION - 1)
    assert sizes(plant({"nio.errors": "def f():\n" + body, "nio.spi._a": "x = 1\n" * MAX_MODULE})) == []


def test_every_rule_has_a_planted_offender() -> None:
    assert {rule.__name__ for rule, _, _ in PLANTED} == {rule.__name__ for rule in RULES}


def test_load_names_modules_as_python_does(tmp_path: Path) -> None:
    for name in ("__init__.py", "errors.py", "spi/__init__.py", "spi/_epoll.py"):
        path = tmp_path / "nio" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("# text\n", encoding="utf-8")
    tree = load(tmp_path / "nio")
    assert {name: module.is_package for name, module in tree.items()} == {
        "nio": True,
        "nio.errors": False,
        "nio.spi": True,
        "nio.spi._epoll": False,
    }
    assert tree["nio.spi._epoll"].text == "# text\n"
