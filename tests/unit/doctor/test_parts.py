"""The parts of strict mode by themselves: places, the watchdog, the pipe of children, snapshots."""

from __future__ import annotations

import importlib
import os
import sys
import threading
from typing import Any

import pytest

import nio
from nio.channels import (
    Pipe,
    SelectionKey,
    Selector,
)
from nio.doctor import Finding, MistakeWarning, Place
from nio.doctor import _strict as strict_mode
from nio.doctor._children import Children
from nio.doctor._clocks import all_queued
from nio.doctor._place import here, is_users
from nio.doctor._ward import Ward, snapshot
from nio.doctor._watchdog import Stretch, Watchdog
from nio.errors import CancelledKeyError
from nio.spi import SystemProvider
from tests.helpers import connected_pair, until
from tests.unit.doctor.support import codes

READ, WRITE, CONNECT = SelectionKey.OP_READ, SelectionKey.OP_WRITE, SelectionKey.OP_CONNECT


class Growing(dict[int, int]):
    """Another thread adds to it while it is gone through for the first time."""

    times = 0

    def values(self) -> Any:
        self.times += 1
        if self.times == 1:
            raise RuntimeError("dictionary changed size during iteration")
        return super().values()


def test_a_snapshot_of_what_grows() -> None:
    growing: Any = Growing({1: 2})
    assert snapshot(growing) == [2]


def test_where_nobody_tells_who_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    def listdir(path: str) -> list[str]:
        raise FileNotFoundError(path)

    monkeypatch.setattr(os, "listdir", listdir)
    assert all_queued(0) == 0
    monkeypatch.undo()
    assert all_queued(0) >= 0


def test_places() -> None:
    assert here().path == __file__
    assert str(here()).startswith("test_parts.py:")
    assert str(Place()) == ""
    assert not is_users("<string>")
    assert not is_users(os.__file__)
    assert is_users("/usr/lib/python3/dist-packages/x.py")


def test_the_watchdog_blames_the_line_that_is_met_most() -> None:
    dog = Watchdog()
    stretch = Stretch(threading.get_ident())
    assert stretch.blamed == (Place(), "")
    gone = Stretch(0)
    dog.working = {1: stretch, 2: gone}
    dog.look(stretch.began)  # not long yet
    assert not stretch.seen
    dog.look(stretch.began + 10**9)
    assert str(stretch.blamed[0]).startswith("test_parts.py:")
    assert gone.blamed == (Place(), "")
    dog.stop()  # it has never started


def test_a_place_in_the_library_is_told_with_its_function() -> None:
    ready, go = threading.Event(), threading.Event()

    def wait() -> None:
        ready.set()
        go.wait(10)

    thread = threading.Thread(target=wait)
    thread.start()
    ready.wait(10)
    dog, stretch = Watchdog(), Stretch(thread.ident or 0)
    dog.working = {1: stretch}

    def looked() -> bool:
        dog.look(stretch.began + 10**9)
        return "wait" in stretch.blamed[1]

    until(looked)
    go.set()
    thread.join()


def test_a_thread_of_the_doctor_s_is_not_counted(watching: strict_mode.Strict) -> None:
    near, far = connected_pair()
    with Selector.open() as selector, near, far:
        before = SystemProvider("select").thread_count()
        near.register(selector, WRITE)
        selector.select(1.0)
        assert SystemProvider("select").thread_count() == before


def test_a_child_s_findings_through_the_pipe() -> None:
    ward, children = Ward(), Children()
    report = children.reporting(lambda ward, finding: None)
    found = [Finding("X", "there", Place("a.py", 3))]
    report(ward, Finding("X", "here"))
    children._parent = -1
    children.collect(ward)  # not the parent
    report(ward, *found)
    report(ward, Finding("X", "x" * 5000))
    for number in range(10, 3000):
        report(ward, Finding("X", "more", Place("a.py", number)))
    children._parent = os.getpid()
    children.collect(ward)
    assert 1 < len(ward.findings) < 3000
    assert ward.findings[:1] == found
    children.close()
    children.collect(ward)


def test_for_good(monkeypatch: pytest.MonkeyPatch) -> None:
    ends: list[object] = []
    shown: list[object] = []
    monkeypatch.setattr("atexit.register", ends.append)
    monkeypatch.setattr("sys.excepthook", lambda *what: shown.append(what))
    monkeypatch.setenv("NIO_STRICT", "1")
    importlib.reload(nio)
    [on] = strict_mode._on
    assert ends == [on.finish]
    with pytest.warns(MistakeWarning, match="S10"):
        sys.excepthook(CancelledKeyError, error := CancelledKeyError("x"), None)
    assert shown == [(CancelledKeyError, error, None)]
    strict_mode.switch_off()
    assert strict_mode._on == []


def test_sessions_that_are_kept_but_not_all_or_that_are_one(watching: strict_mode.Strict) -> None:
    class Session:
        """Of one client."""

    kept, one = [], Session()
    with Selector.open() as selector:
        for number in range(1100):
            with Pipe.open() as (source, _):
                session = one if number < 520 else Session()
                if number % 100:
                    kept.append(session)
                source.configure_blocking(False).register(selector, READ, session)
                selector.select_now()
    assert codes(watching) == []
