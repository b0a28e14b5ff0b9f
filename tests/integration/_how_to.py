"""The programs of the how-to pages, as they stand there, and one of them as a child process.

A page is ``docs/how-to/<page>.md``. A program is a ``python`` block below a line ``<!-- program: name.py -->``: a whole
file that ends in ``if __name__ == "__main__":``. Its test stands in ``test_how_to_<page>.py``, with ``_`` for ``-``.

A program that serves prints where as its first line, ``listening on 127.0.0.1:9900``. Here every port that it asks for
becomes one that the kernel gives, so the page may show a number.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.integration.conversation import PATIENCE, ROOT, Child
from tests.test_readme import blocks

PAGES = ROOT / "docs" / "how-to"
PROGRAM = re.compile(r"<!-- program: (\w+\.py) -->")

# The page's file becomes a module of its own name, so that what another process imports by name is found.
LAUNCHER = """
import importlib, nio, os, runpy, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # also where a shell that starts in the background ignores it
def anywhere(bind):
    def bound(self, address, *rest, **options):
        port = type(address) is tuple and address[1] != 0
        return bind(self, (address[0], 0, *address[2:]) if port else address, *rest, **options)
    return bound
for channel in (nio.ServerSocketChannel, nio.DatagramChannel):
    channel.bind = anywhere(channel.bind)
path, call, *sys.argv[1:] = sys.argv[1:]
sys.argv[0] = path
sys.path.insert(0, os.path.dirname(path))
if call:
    exec(call, vars(importlib.import_module(os.path.basename(path)[:-3])))
else:
    runpy.run_path(path, run_name="__main__")
"""


@dataclass(frozen=True)
class Program:
    """A program of a page: the name it is to be saved under, and its text."""

    name: str
    code: str

    def saved(self, directory: Path) -> Path:
        """The file, in that directory."""
        path = directory / self.name
        path.write_text(self.code, encoding="utf-8")
        return path


def programs(text: str) -> list[Program]:
    """The programs of a page, in order."""
    found = []
    for block in blocks(text):
        named = PROGRAM.fullmatch(block.above)
        if named and block.info == "python":
            found.append(Program(named[1], block.code))
    return found


def program(page: str, name: str = "") -> Program:
    """The program of that name, or the only one, of ``docs/how-to/<page>.md``."""
    there = programs((PAGES / f"{page}.md").read_text(encoding="utf-8"))
    (chosen,) = [each for each in there if name in ("", each.name)]
    return chosen


def started(program: Program, directory: Path, *arguments: str, call: str = "") -> Child:
    """The program in a process of its own, from its first line on, with these arguments.

    ``call`` is what to run in the file's namespace instead of the file as a script: ``main(port=1234)``, when the
    address of a server has to come from the test, or ``Echo.idle_timeout = 0.2; main()``.
    """
    path = program.saved(directory)
    return Child("-c", LAUNCHER, str(path), call, *arguments)


def finished(
    program: Program, directory: Path, *arguments: str, call: str = "", given: str = ""
) -> subprocess.CompletedProcess[str]:
    """The program run to its end, ``given`` as its standard input: a client, or anything that serves nobody."""
    path = program.saved(directory)
    options = {"PYTEST_ADDOPTS": ""}  # what was asked of this run of pytest is not asked of one that the program is
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", LAUNCHER, str(path), call, *arguments],
        input=given,
        cwd=ROOT,
        env=os.environ | options,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
