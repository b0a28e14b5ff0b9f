"""The twelve classic mistakes of a plain selector server: each is named, alone, with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from nio.doctor import examine
from tests.unit.doctor.classic import CLASSIC, SOUND, changed


def saved(directory: Path, text: str) -> str:
    path = directory / "server.py"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_the_sound_server_has_nothing_to_report(tmp_path: Path) -> None:
    done = examine(saved(tmp_path, SOUND))
    assert (done.findings, done.ended) == ([], "")


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("name", CLASSIC)
def test_a_classic_mistake_is_named_with_its_line(name: str, tmp_path: Path) -> None:
    code, patch = CLASSIC[name]
    text = changed(patch)
    done = examine(saved(tmp_path, text))
    [line] = [number for number, line in enumerate(text.splitlines(), 1) if line.endswith("# here")]
    assert {(finding.code, finding.place.line) for finding in done.findings} == {(code, line)}
