"""``docs/how-to/pytest.md``: its tests pass, and they fail when the handler is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration._how_to import Program, finished, program

PROGRAMS = [("test_in_a_thread.py", 2), ("test_by_turns.py", 1)]


@pytest.mark.parametrize(("name", "tests"), PROGRAMS)
def test_the_tests_of_the_page_pass(tmp_path: Path, name: str, tests: int) -> None:
    done = finished(program("pytest", name), tmp_path)
    assert f"{tests} passed" in done.stdout, done.stdout
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(("name", "tests"), PROGRAMS)
def test_they_fail_when_the_handler_is_wrong(tmp_path: Path, name: str, tests: int) -> None:
    right = program("pytest", name)
    wrong = Program(right.name, right.code.replace('return b"Hello " + name', 'return b"Bye " + name'))
    done = finished(wrong, tmp_path)
    assert f"{tests} failed" in done.stdout, done.stdout
    assert done.returncode == 1
