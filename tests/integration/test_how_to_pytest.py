"""``docs/how-to/pytest.md``: its tests pass, and they fail when the handler is wrong."""

from __future__ import annotations

from pathlib import Path

from tests.integration._how_to import Program, finished, program


def test_the_tests_of_the_page_pass(tmp_path: Path) -> None:
    done = finished(program("pytest"), tmp_path)
    assert "3 passed" in done.stdout, done.stdout
    assert (done.returncode, done.stderr) == (0, "")


def test_they_fail_when_the_handler_is_wrong(tmp_path: Path) -> None:
    right = program("pytest")
    wrong = Program(right.name, right.code.replace('return b"Hello " + name', 'return b"Bye " + name'))
    done = finished(wrong, tmp_path)
    assert "3 failed" in done.stdout, done.stdout
    assert done.returncode == 1
