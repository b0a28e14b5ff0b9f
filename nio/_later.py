"""Later: importing a package loads none of its modules; a name loads the module it stands in.

A program that reads one file need not load the selectors, and one that serves lines need not load datagrams, processes
or the PROXY protocol. So each package has a ``door``: a table of its modules and the names that each of them has. A
name is looked up by Python in the package, once, and is an attribute like any other from then on.

**For type checkers and editors** a stub beside each door, ``__init__.pyi``, spells the same names out as plain imports.
A test compares the two. Inside the package every module imports what it needs at its head, so annotations can be
evaluated, circles are told, and a server has loaded all it needs when it is set up: nothing is loaded in a running
loop, where there may be no descriptor left to read a file with.

**Threads** may ask at once: Python loads a module once, whoever else wants it waits, and storing the name twice stores
the same thing.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module

Look = Callable[[str], object]
Door = tuple[list[str], Look, Callable[[], list[str]]]


def nobody(name: str) -> None:
    """A name that is in no table is nowhere."""


def door(package: str, modules: Mapping[str, str], otherwise: Look = nobody, *, first: str = "") -> Door:
    """``__all__``, ``__getattr__`` and ``__dir__`` of a package.

    ``modules`` says for each module, or package inside, which names it has. A package inside is an attribute itself.
    ``otherwise`` is asked for any other name, and may raise an error of its own. The module ``first`` is loaded before
    any name is given out, because it completes a class of another.
    """
    places = {name: module for module, names in modules.items() for name in names.split()}
    namespace = vars(sys.modules[package])

    def look(name: str) -> object:
        if name in places:
            if first:
                import_module(f"{package}.{first}")
            value = getattr(import_module(f"{package}.{places[name]}"), name)
        elif name in modules and not name.startswith("_"):
            value = import_module(f"{package}.{name}")
        else:
            otherwise(name)
            raise AttributeError(f"module {package!r} has no attribute {name!r}", name=name, obj=sys.modules[package])
        namespace[name] = value
        return value

    def names() -> list[str]:
        return sorted({*namespace, *places})

    return list(places), look, names
