"""Each broken program fires its rule alone, within the turns that it makes, and the finding names the marked line."""

from __future__ import annotations

import ast
import resource
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

import nio.doctor
from nio.doctor import Examination, examine, mistakes

CORPUS = Path(nio.doctor.__file__).parent / "_broken"
PROGRAMS = {path.stem.upper(): path for path in sorted(CORPUS.glob("*.py"))}
CODES = {row.code: row for row in mistakes()}
MARK = "# the mistake"
TURNS = 1024


@pytest.fixture(autouse=True)
def descriptors_as_before() -> Iterator[None]:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == limits


def marked(path: Path) -> list[int]:
    return [number for number, line in enumerate(path.read_text().splitlines(), 1) if MARK in line]


def examined(path: Path) -> Examination:
    return examine(str(path), seconds=30)


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("code", PROGRAMS)
def test_a_broken_program_fires_its_rule_alone(code: str) -> None:
    path = PROGRAMS[code]
    done = examined(path)
    assert {finding.code for finding in done.findings} == {code}, done
    assert {(finding.place.path, finding.place.line) for finding in done.findings} == {(str(path), *marked(path))}
    assert all(finding.fix == CODES[code].fix and finding.lesson for finding in done.findings)
    assert signal.getitimer(signal.ITIMER_REAL)[0] > 30  # the suite's own


@pytest.mark.parametrize("code", PROGRAMS)
def test_a_broken_program_is_short_and_says_what_it_is(code: str) -> None:
    path = PROGRAMS[code]
    text = path.read_text(encoding="utf-8")
    words = ast.get_docstring(ast.parse(text)) or ""
    assert words.startswith(f"{code}: ")
    assert "\nSymptom: " in words
    assert "\nFix: " in words
    assert len(marked(path)) == 1
    body = [line for line in text.splitlines() if line.strip()]
    assert len(body) - len(words.splitlines()) <= 40


def test_the_corpus_and_the_table_are_one() -> None:
    found = {code for code, row in CODES.items() if row.is_found} - {"P10"}  # that is no program's mistake
    assert set(PROGRAMS) == found
    assert {code for code in PROGRAMS if CODES[code].program != PROGRAMS[code].read_text(encoding="utf-8")} == set()
    assert CODES["P10"].program == ""


def test_forty_of_sixty_six_are_found_at_least() -> None:
    assert len(CODES) == 67  # those of the table, and B11
    assert sum(row.is_found for row in mistakes()) >= 40
    assert all(row.lesson and (row.fix or not row.is_found) for row in mistakes())
