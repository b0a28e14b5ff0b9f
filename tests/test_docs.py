"""What the documentation shows runs: every page's Python blocks, in order, in one namespace of a fresh interpreter.

A block that cannot run is marked ``python no-run`` below a line ``<!-- no-run: reason -->``; it is compiled all the
same. A complete program of the guide, below a line ``<!-- program: name.py -->``, is run by
``tests/integration/test_how_to_*.py``, with a client.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration._how_to import PROGRAM
from tests.test_readme import ROOT, Block, blocks, broken_links, leads_somewhere, locate

DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
TIMEOUT = 30  # seconds for a page
REASON = re.compile(r"<!-- no-run: \S.* -->")

# Warnings are errors, in finalizers too: there Python reports them to a hook and goes on.
RUNNER = """
import gc, json, sys
name, listings = json.load(sys.stdin)
unraisable = []
sys.unraisablehook = lambda event: unraisable.append(event.exc_value)
namespace = {"__name__": "__main__"}
for line, code in listings:
    exec(compile("\\n" * (line - 1) + code, name, "exec"), namespace)
namespace.clear()
gc.collect()
sys.exit(f"{name}: {unraisable}" if unraisable else 0)
"""


def ids(page: Path) -> str:
    return str(page.relative_to(DOCS))


def runnable(page: str) -> list[Block]:
    """The blocks to run; what is Python by another name, or left out without a reason, is refused."""
    chosen = []
    for block in blocks(page):
        language, _, mode = block.info.partition(" ")
        if language in ("py", "python3", "pycon", "Python"):
            raise ValueError(f"line {block.line}: {language} blocks are written python, so that they run")
        if language != "python":
            continue
        if mode == "no-run" and REASON.fullmatch(block.above):
            compile(block.code, "no-run", "exec")
        elif not mode and PROGRAM.fullmatch(block.above):
            compile(block.code, block.above, "exec")
        elif mode:
            raise ValueError(f"line {block.line}: '{mode}' needs a line <!-- no-run: reason --> above")
        else:
            chosen.append(block)
    return chosen


def run(name: str, listings: list[Block], directory: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", RUNNER],
        input=json.dumps([name, [(block.line, block.code) for block in listings]]),
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"},
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )


def test_there_are_pages() -> None:
    assert DOCS / "index.md" in PAGES


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_blocks_run(page: Path, tmp_path: Path) -> None:
    listings = runnable(page.read_text(encoding="utf-8"))
    if listings:
        done = run(str(page), listings, tmp_path)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_links_lead_somewhere(page: Path) -> None:
    assert broken_links(page) == []


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_files_that_are_named_are_there(page: Path) -> None:
    named = re.findall(r"`((?:benchmarks|nio|samples|tests)/[\w/]+\.\w+)", page.read_text(encoding="utf-8"))
    assert [path for path in named if not leads_somewhere(locate(ROOT / "README.md", path), "")] == []


def test_each_decision_has_one_row() -> None:
    table = (DOCS / "architecture.md").read_text(encoding="utf-8").partition("| decision |")[2].partition("\n\n")[0]
    modules = re.findall(r"`(nio/[\w/]+\.py)`", table)
    assert len(modules) > 50
    assert sorted(modules) == sorted(set(modules))


def test_blocks_of_a_page_share_a_namespace(tmp_path: Path) -> None:
    page = "```python\nx = 1\n```\ntext\n```sh\nfalse\n```\n```python\nassert x == 1\nprint(x + 1)\n```\n"
    done = run("page.md", runnable(page), tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "2\n", "")


def test_failure_names_the_line_of_the_page(tmp_path: Path) -> None:
    done = run("page.md", runnable("# Title\n\n```python\nx = 1\nassert x == 2\n```\n"), tmp_path)
    assert done.returncode == 1
    assert 'File "page.md", line 5' in done.stderr


def test_what_a_block_leaves_open_is_a_failure(tmp_path: Path) -> None:
    done = run("page.md", runnable("```python\nf = open('x', 'w')\n```\n"), tmp_path)
    assert done.returncode == 1
    assert "unclosed file" in done.stderr


def test_block_is_left_out_for_a_reason_only() -> None:
    assert runnable("<!-- no-run: it never ends -->\n```python no-run\nserve()\n```\n") == []
    assert runnable("<!-- program: serve.py -->\n```python\nserve()\n```\n") == []
    with pytest.raises(ValueError, match="line 2: 'no-run' needs a line"):
        runnable("```python no-run\nserve()\n```\n")
    with pytest.raises(ValueError, match="line 3: 'no-run' needs a line"):
        runnable("<!-- no-run:  -->\n```python no-run\nserve()\n```\n")
    with pytest.raises(ValueError, match="line 2: pycon blocks are written python"):
        runnable("```pycon\n>>> 1\n```\n")
    with pytest.raises(SyntaxError):
        runnable("<!-- no-run: it never ends -->\n```python no-run\nserve(\n```\n")
