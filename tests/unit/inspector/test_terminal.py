"""``python3 -m nio.inspector``: what a terminal shows, and what it says when there is nothing."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest

from nio.inspector import _terminal
from nio.inspector._terminal import as_text, main
from tests.unit.inspector.support import serving

KEY = {"fd": 5, "peer": "127.0.0.1:9", "handler": "Hello", "state": "sending", "interest": 5, "ready": 1}
KEY |= {"pending": 3, "unsent": 70, "age": 1.5}
OTHER = {**KEY, "fd": 4, "handler": "", "state": "", "interest": 0, "unsent": 0, "age": None}


def test_figures_and_a_table() -> None:
    seen = {"name": "x", "stats": {"open": 2, "closed": {}}, "keys": [OTHER, KEY], "more_keys": 1}
    figures, head, first, second, more = as_text(seen).splitlines()
    assert figures == "x  open 2"
    assert head.split() == ["fd", "channel", "handler", "state", "interest", "ready", "input", "to", "send", "age"]
    assert first.split() == ["4", "127.0.0.1:9", "-", "-", "-", "r", "3", "0"]
    assert second.split() == ["5", "127.0.0.1:9", "Hello", "sending", "rw", "r", "3", "70", "1.5", "s"]
    assert more == "1 more"
    assert as_text(seen, busiest_first=True).splitlines()[2] == second
    crowd = {**seen, "keys": [KEY] * 50}
    assert as_text(crowd, busiest_first=True).splitlines()[-1] == "11 more"


def test_ps(capsys: pytest.CaptureFixture[str]) -> None:
    with serving() as server, server.client():
        assert main(["ps", server.page.url]) == 0
        assert f"127.0.0.1:{server.port} listening" in capsys.readouterr().out
        assert main(["ps", server.page.url + "x"]) == 4
        assert "403" in capsys.readouterr().err
    assert main(["ps", server.page.url]) == 4
    assert "Connection refused" in capsys.readouterr().err
    assert main(["ps", "ftp://x"]) == 2
    assert "the address begins with http://" in capsys.readouterr().err


def test_top_until_the_server_has_gone(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    with serving() as server:
        looks: list[str] = []

        def ends(url: str) -> object:
            looks.append(url)
            if len(looks) == 3:
                server.page.close()
            return plain(url)

        plain = _terminal.asked
        monkeypatch.setattr(_terminal, "asked", ends)
        assert main(["top", server.page.url, "--every", "0"]) == 4
        assert len(looks) == 3
        assert capsys.readouterr().out.count("hello  ") == 2


def test_top_until_ctrl_c_and_a_pager_that_has_gone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def interrupts(url: str) -> object:
        raise KeyboardInterrupt

    def is_gone(url: str) -> object:
        raise BrokenPipeError

    monkeypatch.setattr(_terminal, "asked", interrupts)
    assert main(["top", "http://x"]) == 0
    monkeypatch.setattr(_terminal, "asked", is_gone)
    with open(tmp_path / "stdout", "w") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        assert main(["top", "http://x"]) == 1


def test_as_a_module(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["nio.inspector", "ps", "ftp://x"])
    with pytest.raises(SystemExit, match="2"):
        runpy.run_module("nio.inspector", run_name="__main__")
    runpy.run_module("nio.inspector.__main__", run_name="other")
