"""The layers of ``nio/`` hold: every rule of ``architecture.py`` runs on the package and on planted offenders.

The right reaction to a red test is to move the code, seldom to edit a table.
"""

from __future__ import annotations

import importlib.util
import re
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from tests.architecture import (
    ARROWS,
    DOOR,
    MAX_FUNCTION,
    MAX_MODULE,
    RULES,
    UNSAFE_BUILTINS,
    UNSAFE_MODULES,
    Rule,
    Tree,
    absolute_imports,
    arrows,
    cycles,
    layer_of,
    load,
    no_typing_only_imports_in_the_reactor,
    no_wall_clock,
    nothing_unsafe,
    one_door,
    plant,
    private_modules,
    sizes,
    standard_library_only,
)

DRAWING = (
    (Path(__file__).parents[1] / "docs" / "architecture.md").read_text(encoding="utf-8").partition("| package |")[0]
)


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


def closure(arrows: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Those arrows, and those that follow from them."""
    while more := {(a, d) for a, b in arrows for c, d in arrows if b == c} - arrows:
        arrows = arrows | more
    return arrows


def test_the_drawing_of_the_layers_is_that_of_the_source(package: Tree) -> None:
    names = {layer: layer.removeprefix("reactor.") for layer in ARROWS}
    imports = {
        (names[layer_of(item.target(package))], names[module.layer])
        for module in package.values()
        for item in module.imports
        if item.top == "nio" and not {module.layer, layer_of(item.target(package))} & {"nio", "reactor"}
    }
    drawn = set(re.findall(r"^ +(\w+) --> (\w+)$", DRAWING, re.MULTILINE))
    assert closure(drawn) == closure({(one, other) for one, other in imports if one != other})
    assert not any((a, b) in closure(drawn - {(a, b)}) for a, b in drawn)  # none that follows from others


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
