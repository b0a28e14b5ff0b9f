"""``docs/how-to/timers.md``: the time of day to everybody."""

from __future__ import annotations

import re
import signal
from pathlib import Path

from tests.integration._how_to import program, started
from tests.integration.conversation import client

MOST_LINES = 25
TIME = re.compile(rb"\d\d:\d\d:\d\d\n")


def test_it_is_short() -> None:
    assert program("timers").code.count("\n") <= MOST_LINES


def test_everybody_hears_the_time_and_goes_on_when_others_leave(tmp_path: Path) -> None:
    page = program("timers")
    assert page.code.count("call_every(1.0, ") == 1
    quick = type(page)(page.name, page.code.replace("call_every(1.0, ", "call_every(0.02, "))
    child = started(quick, tmp_path)
    with client(child.address) as ann, ann.makefile("rb") as to_ann:
        with client(child.address) as bob, bob.makefile("rb") as to_bob:
            for lines in (to_ann, to_bob, to_ann, to_bob):
                assert TIME.fullmatch(lines.readline())
        for _ in range(3):
            assert TIME.fullmatch(to_ann.readline())
        assert child.end(signal.SIGTERM) == (0, "")
