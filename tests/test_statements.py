"""Each of the 185 statements about java.nio is cited by a test that shows it.

A citation is a comment: ``# statement 69``, ``# statements 69, 70``, ``# statements 1 to 24, 26`` or, as well,
``1-24``; words may follow behind a colon or semicolon. It counts in a test module, within a test function or directly
above it; outside of both it is the module's. What only replays recordings (``tests/jdk``) cites in bulk whatever the
recordings hold, so it is checked and not counted: each statement has a test that can be read.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

TESTS = Path(__file__).parent
LAST = 185
WITHOUT_COUNTERPART = {
    109: "Thread.interrupt() during a select: Python's threads cannot be interrupted",
    155: "Thread.interrupt() of a blocked channel operation: Python's threads cannot be interrupted",
}
REPLAYS = "jdk"

NUMBERS = r"\d+(?:(?: to |-)\d+)?"
CITATION = re.compile(rf"#\s*statements? ({NUMBERS}(?:(?:, | and ){NUMBERS})*)(?:[:;] .+)?")
STRING_OR_COMMENT = re.compile(
    r"""(?s:\"{3}(?:\\.|[^\\])*?\"{3}|'{3}(?:\\.|[^\\])*?'{3}|"(?:\\.|[^\\"\n])*"|'(?:\\.|[^\\'\n])*')"""
    r"|(?P<comment>#.*)"
)
MEANT = re.compile(r"#\s*statements?\b", re.IGNORECASE)


class Citation(NamedTuple):
    statement: int
    line: int
    test: str  # the function's name, or "" for the module


def numbers_of(comment: str) -> list[int]:
    """The statements a comment cites; ValueError for what looks like a citation and is none."""
    if not MEANT.match(comment):
        return []
    found = CITATION.fullmatch(comment)
    if found is None:
        raise ValueError(f"no citation: {comment}")
    numbers: list[int] = []
    for item in re.findall(NUMBERS, found[1]):
        first, *last = map(int, re.findall(r"\d+", item))
        if last and last[0] <= first:
            raise ValueError(f"an empty range: {comment}")
        numbers += range(first, (last or [first])[0] + 1)
    wrong = [number for number in numbers if not 1 <= number <= LAST]
    if wrong:
        raise ValueError(f"no statements from 1 to {LAST}: {wrong}")
    return numbers


def comments_of(source: str) -> dict[int, str]:
    """The comments by line; ``tokenize`` finds the same ones and takes twenty times as long."""
    comments, line, end = {}, 1, 0
    for found in STRING_OR_COMMENT.finditer(source):
        line += source.count("\n", end, found.start())
        end = found.start()
        if found["comment"]:
            comments[line] = found["comment"]
    return comments


def functions_of(nodes: list[ast.stmt]) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """The functions of these statements, whatever they stand in; one before those within it."""
    for node in nodes:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node
        yield from functions_of(getattr(node, "body", []))


def owners_of(source: str, comments: dict[int, str]) -> dict[int, str]:
    """The test function of each line that belongs to one: its own, and the comments directly above it."""
    owners: dict[int, str] = {}
    for node in functions_of(ast.parse(source).body):
        if node.name.startswith("test_"):
            first = min(part.lineno for part in (node, *node.decorator_list))
            while first - 1 in comments:
                first -= 1
            assert node.end_lineno is not None
            owners.update(dict.fromkeys(range(first, node.end_lineno + 1), node.name))
    return owners


def citations_of(source: str) -> Iterator[Citation]:
    comments = comments_of(source)
    owners = owners_of(source, comments)
    for line, comment in comments.items():
        for number in numbers_of(comment):
            yield Citation(number, line, owners.get(line, ""))


@cache
def citations_by_file() -> dict[str, list[Citation]]:
    found = {}
    for path in sorted(TESTS.rglob("*.py")):
        source = path.read_text(encoding="utf-8")
        if path != Path(__file__) and "statement" in source:
            name = path.relative_to(TESTS).as_posix()
            try:
                found[name] = list(citations_of(source))
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from None
    return found


def who_cites() -> dict[int, set[str]]:
    """Which tests cite each statement, as ``file::test``."""
    tests: dict[int, set[str]] = {number: set() for number in range(1, LAST + 1)}
    for name, citations in citations_by_file().items():
        directory, _, module = name.rpartition("/")
        if directory != REPLAYS and module.startswith("test_"):
            for statement, _, test in citations:
                tests[statement].add(f"{name}::{test}")
    return tests


def test_every_statement_is_cited_by_a_test_unless_it_has_no_counterpart() -> None:
    uncited = {statement for statement, tests in who_cites().items() if not tests}
    assert sorted(uncited - set(WITHOUT_COUNTERPART)) == []
    assert sorted(set(WITHOUT_COUNTERPART) - uncited) == []  # a test shows it: the table is wrong


def test_every_citation_in_the_tree_can_be_read() -> None:
    citations = [citation for found in citations_by_file().values() for citation in found]
    assert len(citations) > LAST
    assert all(1 <= citation.statement <= LAST for citation in citations)


@pytest.mark.parametrize(
    ("comment", "numbers"),
    [
        ("# statement 69", [69]),
        ("#statement 69", [69]),
        ("# statements 69, 70", [69, 70]),
        ("# statements 69 and 70", [69, 70]),
        ("# statements 1 to 3, 5, 7-9", [1, 2, 3, 5, 7, 8, 9]),
        ("# statement 142: nothing answers, 7 times", [142]),
        ("# statement 129; 148 too", [129]),
        ("# statement 1", [1]),
        ("# statement 185", [185]),
        ("# as statement 69 says", []),
        ("# restatement 69", []),
        ("# statementary 69", []),
        ("# 69", []),
    ],
)
def test_what_a_comment_cites(comment: str, numbers: list[int]) -> None:
    assert numbers_of(comment) == numbers


@pytest.mark.parametrize(
    "comment",
    [
        "# statement 0",
        "# statement 186",
        "# statements 1, 186",
        "# statements 180 to 186",
        "# statements 0-3",
        "# statements 9 to 7",
        "# statements 7-7",
        "# statement",
        "# Statement 69",
        "# statement -1",
        "# statement 69,",
        "# statements 69 70",
        "# statement 69 is shown here",
        "# statements 69, 70 to",
        "# statements of the specification",
    ],
)
def test_a_citation_that_is_none_is_refused(comment: str) -> None:
    with pytest.raises(ValueError, match=r"no citation|empty range|no statements from 1 to 185"):
        numbers_of(comment)


EXAMPLE = '''
"""Statements 1 and 2."""
# statement 3

# a word about the case
# statement 4
# and one more
@mark.skipif(True, reason="# statement 5")
# statement 6
def test_a() -> None:
    # statement 8
    text = "# statement 7"  # statement 9: at the end of a line

# statement 10
def helper() -> None:
    pass  # statement 11

class TestB:
    # statement 12
    async def test_c(self) -> None:
        def test_d() -> None:
            pass  # statements 13, 14
'''


def test_comments_are_those_that_tokenize_finds() -> None:
    source = Path(__file__).read_text(encoding="utf-8") + EXAMPLE + r"""f'#{1}'#2""" + '\n"\\"#"#4'
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    assert comments_of(source) == {token.start[0]: token.string for token in tokens if token.type == tokenize.COMMENT}


def test_whose_a_citation_is() -> None:
    assert [(statement, test) for statement, _, test in citations_of(EXAMPLE)] == [
        (3, ""),
        (4, "test_a"),
        (6, "test_a"),
        (8, "test_a"),
        (9, "test_a"),
        (10, ""),
        (11, ""),
        (12, "test_c"),
        (13, "test_d"),
        (14, "test_d"),
    ]


def test_lines_are_those_of_the_source() -> None:
    assert [line for _, line, _ in citations_of("x = 1\n# statement 3\n\n  # statements 4, 5\n")] == [2, 4, 4]
