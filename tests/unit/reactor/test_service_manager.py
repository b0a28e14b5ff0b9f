from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from nio.reactor import Prefork, Reactor, ReactorGroup, ServiceManager
from tests.unit.reactor.support import PATIENCE, Gate, Kernel, run


@pytest.fixture
def inbox(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as inbox:
        inbox.bind(str(tmp_path / "notify"))
        inbox.setblocking(False)
        yield inbox


def received(inbox: socket.socket) -> list[bytes]:
    messages = []
    try:
        while True:
            messages.append(inbox.recv(1000))
    except BlockingIOError:
        return messages


def test_without_a_manager_nothing_is_sent_and_nothing_costs() -> None:
    manager = ServiceManager.here({})
    assert (manager.socket, manager.watchdog) == (None, None)
    manager.ready()
    with Reactor.open() as reactor:
        manager.watch(reactor)
        assert reactor.statistics().timers == 0


@pytest.mark.parametrize(
    ("usec", "pid", "watchdog"),
    [
        ("3000000", "", 3.0),
        ("500000", "mine", 0.5),
        ("500000", "1", None),
        ("", "", None),
        ("0", "", None),
        ("soon", "", None),
    ],
)
def test_what_the_environment_says(usec: str, pid: str, watchdog: float | None) -> None:
    environment = {
        "NOTIFY_SOCKET": "/x",
        "WATCHDOG_USEC": usec,
        "WATCHDOG_PID": str(os.getpid()) if pid == "mine" else pid,
    }
    assert ServiceManager.here(environment).watchdog == watchdog


def test_a_loop_says_that_it_starts_lives_and_stops(inbox: socket.socket) -> None:
    kernel = Kernel()
    manager = ServiceManager(inbox.getsockname(), 4.0)
    with Reactor.open(provider=kernel) as reactor:
        manager.watch(reactor)
        reactor.turn(0)
        assert received(inbox) == []
        for seconds, expected in ((1.9, []), (0.1, [b"WATCHDOG=1"]), (2, [b"WATCHDOG=1"])):
            kernel.now += round(seconds * 1e9)
            reactor.turn(0)
            assert received(inbox) == expected
        reactor.execute(reactor.stop)
        run(reactor)
        assert received(inbox) == [b"READY=1", b"STOPPING=1"]


def test_groups_and_preforked_ones_have_the_words(inbox: socket.socket) -> None:
    manager = ServiceManager(inbox.getsockname(), 100.0)
    with ReactorGroup.open(reactors=1) as group:
        manager.watch(group)
        with group.in_thread():
            pass
    with Prefork.open(processes=1) as prefork:
        manager.watch(prefork)
    assert received(inbox) == [b"READY=1", b"STOPPING=1"]


def test_a_group_one_of_which_is_stuck_does_not_live(inbox: socket.socket) -> None:
    gate = Gate()
    manager = ServiceManager(inbox.getsockname(), 0.02)
    with ReactorGroup.open(reactors=2) as group:
        manager.watch(group)
        with group.in_thread():
            beats = 0
            while beats < 3:
                beats += received(inbox).count(b"WATCHDOG=1")
            group._subs[1].execute(gate)
            assert gate.begun.acquire(timeout=PATIENCE)
            turned = threading.Event()
            group._subs[0].execute(group.execute, group.call_later, 0.03, turned.set)  # behind what was on its way
            assert turned.wait(PATIENCE)
            received(inbox)
            turned.clear()
            group.execute(group.call_later, 0.05, turned.set)
            assert turned.wait(PATIENCE)
            assert received(inbox) == []
            gate.release.set()
            while b"WATCHDOG=1" not in received(inbox):
                pass


def test_a_status_is_one_line(inbox: socket.socket) -> None:
    ServiceManager(inbox.getsockname()).status("3 clients\nREADY=1")
    assert received(inbox) == [b"STATUS=3 clients READY=1"]


def test_a_manager_that_is_gone_costs_a_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    ServiceManager(str(tmp_path / "nobody")).ready()
    assert "the service manager was not told 'READY=1'" in caplog.text
