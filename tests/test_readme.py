"""README keeps its word: its two commands, its blocks and its links are those of the repository.

The small Markdown reader here serves ``test_docs.py`` too.
"""

from __future__ import annotations

import importlib.util
import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
PAGES = sorted(ROOT.glob("*.md"))
COMMANDS = [
    "python3 -m samples.hello_name demo",
    "python3 -m venv .venv && .venv/bin/pip install -q -e '.[test]' && .venv/bin/pytest -n2",
]

FENCE = re.compile(r"^( *)(`{3,}|~{3,})(.*)$")
LINK = re.compile(r"\]\(\s*<?([^)\s>]+)|^\[[^\]]+\]:\s*(\S+)", re.MULTILINE)
HEADING = re.compile(r"^#{1,6}\s+(.*?)\s*#*$", re.MULTILINE)
SOURCE = re.compile(r"<!-- (\S+\.py) -->")


@dataclass(frozen=True)
class Block:
    """A fenced block: its info string, the number of its first line of code, the line above the fence, the code."""

    info: str
    line: int
    above: str
    code: str


def blocks(text: str) -> list[Block]:
    found, lines, start = [], text.splitlines(), 0
    while start < len(lines):
        opening = FENCE.match(lines[start])
        if opening is None:
            start += 1
            continue
        fence, end = opening[2], start + 1
        while not (lines[end : end + 1] == [] or re.fullmatch(rf" *{fence}{fence[0]}* *", lines[end])):
            end += 1
        if end == len(lines):
            raise ValueError(f"line {start + 1}: the block is not closed")
        code = textwrap.dedent("".join(line + "\n" for line in lines[start + 1 : end]))
        found.append(Block(opening[3].strip(), start + 2, lines[start - 1].strip() if start else "", code))
        start = end + 1
    return found


def prose(text: str) -> str:
    """The page without its fenced blocks and code spans."""
    kept, fence = [], ""
    for line in text.splitlines():
        mark = FENCE.match(line)
        if mark and (not fence or (mark[2].startswith(fence) and not mark[3].strip())):
            fence = "" if fence else mark[2]
        elif not fence:
            kept.append(re.sub(r"`[^`]*`", "", line))
    return "\n".join(kept)


def anchors(text: str) -> set[str]:
    """The fragments a page offers: GitHub's form of its headings."""
    kept = "\n".join(line for line in text.splitlines() if line.startswith("#"))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in HEADING.findall(kept)}


def locate(page: Path, target: str) -> Path:
    """The file a link means; the package may be an installed one, outside the checkout."""
    path = (page.parent / target).resolve()
    spec = importlib.util.find_spec("nio")
    if path.is_relative_to(ROOT / "nio") and spec and spec.submodule_search_locations:
        return Path(spec.submodule_search_locations[0]) / path.relative_to(ROOT / "nio")
    return path if path.is_relative_to(ROOT) else ROOT / "outside the repository"


def leads_somewhere(path: Path, fragment: str) -> bool:
    if not path.exists() or not fragment or path.suffix != ".md":
        return path.exists()
    return fragment in anchors(path.read_text(encoding="utf-8"))


def broken_links(page: Path) -> list[str]:
    broken = []
    for match in LINK.finditer(prose(page.read_text(encoding="utf-8"))):
        link = match[1] or match[2]
        if re.match(r"[a-z]+:", link):
            continue
        target, _, fragment = link.partition("#")
        if not leads_somewhere(locate(page, target) if target else page, fragment):
            broken.append(link)
    return broken


def readme_blocks() -> list[Block]:
    return blocks(README.read_text(encoding="utf-8"))


def test_readme_gives_exactly_the_two_commands() -> None:
    lines = [line for block in readme_blocks() if block.info == "sh" for line in block.code.splitlines()]
    assert lines == COMMANDS


def test_every_python_block_of_the_readme_is_a_sample_file() -> None:
    listings = [block for block in readme_blocks() if block.info.startswith("py")]
    assert listings
    for block in listings:
        named = SOURCE.fullmatch(block.above)
        assert named, f"README.md, line {block.line}: the line above the block names no file"
        source = ROOT / named[1]
        assert source.resolve().is_relative_to(ROOT / "samples"), named[1]
        text = source.read_text(encoding="utf-8")
        assert block.info == "python"
        assert block.code == text, named[1]
        compile(text, str(source), "exec")


def test_readme_warns_of_the_other_distributions_that_install_nio() -> None:
    assert "Two other distributions, `nio` and `matrix-nio`, install" in README.read_text(encoding="utf-8")


def test_readme_says_above_its_first_block_where_it_runs_and_how_finished_it_is() -> None:
    head = README.read_text(encoding="utf-8").partition("```")[0]
    for word in ("Linux", "macOS", "Windows through WSL", "Status: alpha"):
        assert word in head


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    assert broken_links(page) == []


def test_blocks_reads_fences() -> None:
    text = "a\n<!-- x.py -->\n```python\nb\n\n  c\n```\n- d\n  ~~~~sh\n  e\n  ~~~\n  ~~~~\n"
    assert blocks(text) == [
        Block("python", 4, "<!-- x.py -->", "b\n\n  c\n"),
        Block("sh", 10, "- d", "e\n~~~\n"),
    ]
    with pytest.raises(ValueError, match="line 2: the block is not closed"):
        blocks("a\n```python\nb\n")


def test_broken_links_are_seen(tmp_path: Path) -> None:
    page = ROOT / "docs" / "page.md"
    assert locate(page, "../README.md") == README
    assert not locate(page, "../../elsewhere.md").exists()
    there = tmp_path / "there.md"
    there.write_text("# A title, *with* marks\n```\n[not](a-link.md)\n```\n[up](#a-title-with-marks) `[no](b.md)`\n")
    assert broken_links(there) == []
    there.write_text("# One\n[x](#two) [y](gone.md) [z](https://example.org/a) [v](mailto:a@b)\n\n[w]: lost.md\n")
    assert broken_links(there) == ["#two", "gone.md", "lost.md"]
