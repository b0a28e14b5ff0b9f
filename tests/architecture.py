"""The layers of ``nio/`` as a table, and the rules about them, each a function over source text.

Nothing of the package is imported here, so one that does not even start is still judged. A rule answers with one line
per offence, ``module:line: what is wrong``.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

BASE = {"errors", "_later", "_numbers", "_record", "buffers", "spi", "channels"}

# Who may import whom, one line per package; "nio" is the front door, nio/__init__.py. Imports inside functions and
# those for annotations only count too: knowing a higher layer is the fault, not paying for it.
ARROWS: dict[str, set[str]] = {
    "errors": set(),
    "_numbers": {"errors"},
    "_strict": set(),
    "_later": set(),
    "_record": set(),
    "buffers": {"errors", "_later", "_numbers"},
    "charset": {"errors", "_later", "_numbers", "buffers"},
    "framing": {"errors", "_later", "_numbers", "_record", "buffers"},
    "spi": {"errors", "_later", "_numbers", "_record"},
    "executors": {"errors", "_later", "_numbers", "_record", "spi"},
    "channels": {"errors", "_later", "_numbers", "spi", "buffers"},
    # The wings of the reactor; "reactor" itself is their face, and all that the layers above it see.
    "reactor.loop": BASE | {"executors", "_strict"},
    "reactor.handlers": BASE | {"reactor.loop"},
    "reactor.streams": BASE | {"framing", "reactor.loop", "reactor.handlers"},
    "reactor.groups": BASE | {"_strict"} | {"reactor.loop", "reactor.handlers"},
    "reactor": {"_later", "reactor.loop", "reactor.handlers", "reactor.streams", "reactor.groups"},
    "tasks": BASE | {"framing", "executors", "reactor"},
    "tls": BASE | {"framing", "executors", "reactor"},
    "trace": BASE | {"framing", "executors", "reactor", "nio"},
    "doctor": BASE | {"charset", "executors", "reactor", "trace", "nio"},
    "inspector": BASE | {"framing", "executors", "reactor", "trace", "doctor", "nio"},
    "testing": BASE | {"charset", "framing", "executors", "reactor", "tasks", "tls", "nio"},
    "nio": BASE | {"charset", "_strict"},
}

# What a package may take from the system past the door, and why.
EXCEPTIONS = {
    "_later": {"importlib"},  # it loads the modules of this package, by their names
    "_strict": {"importlib"},  # strict mode stands above whoever asks for it, and is loaded by its name
    "doctor": {"importlib", "signal", "threading", "time"},  # it watches whole programs: their time, threads and ends
    "trace": {"threading"},  # a thread keeps its records to itself, and is told by the name that the program gave it
}

DOOR = {"socket", "select", "selectors", "threading", "time", "signal", "random", "importlib"}
DOOR |= {"_socket", "_thread", "_signal", "_random"}
UNSAFE_MODULES = {"pickle", "_pickle", "marshal", "re"}
UNSAFE_BUILTINS = {"eval", "exec", "compile", "__import__"}
WALL_CLOCKS = {"time", "time_ns"}
MAX_FUNCTION = 40  # lines, the docstring aside
MAX_MODULE = 399

# The one circle there is to be: in Java, too, a selector, its channels and their keys are one thing in three classes,
# each of which answers with the other two. A module of its own has what a selector knows of its keys.
JAVAS_CIRCLE = {"nio.channels._selector", "nio.channels._selectable_channel", "nio.channels._selection_key"}
_WITH_KEYS = {*JAVAS_CIRCLE, "nio.channels._registrations"}


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
        if circle and circle not in (JAVAS_CIRCLE, _WITH_KEYS)
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
        if item.top not in EXCEPTIONS.get(module.layer, set())
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
    """Every module of the package; a door's imports stand in its stub, see ``nio/_later.py``."""
    tree = {}
    for path in sorted(package.rglob("*.py")):
        if path.parent.name == "_broken":  # the doctor's corpus: programs, not modules
            continue
        parts = path.relative_to(package.parent).with_suffix("").parts
        is_package = parts[-1] == "__init__"
        name = ".".join(parts[:-1] if is_package else parts)
        files = [path, *path.parent.glob("__init__.pyi")] if is_package else [path]
        tree[name] = Module(name, "".join(file.read_text(encoding="utf-8") for file in files), is_package)
    return tree


def plant(sources: dict[str, str]) -> Tree:
    """A tree of strings; a name that ends in a dot is a package's ``__init__``."""
    modules = [Module(name.rstrip("."), text, name.endswith(".")) for name, text in sources.items()]
    return {module.name: module for module in modules}
