from __future__ import annotations

import gc
import os
import select
import signal
import stat
import sys
from collections.abc import Iterator

import pytest

from nio.spi import SelectorProvider, _system
from nio.spi._wakeup import SystemWakeup
from tests.faults import interrupts
from tests.faults.interrupts import Interrupt, every_moment, struck

either = pytest.mark.parametrize("eventfd", [True, False], ids=["eventfd", "pipe"])


def is_set(wakeup: SystemWakeup) -> bool:
    poll = select.poll()
    poll.register(wakeup, select.POLLIN)
    return poll.poll(0) == [(wakeup.fileno(), select.POLLIN)]


@either
def test_readable_from_set_until_clear(eventfd: bool) -> None:
    wakeup = SystemWakeup(eventfd=eventfd)
    assert not is_set(wakeup)
    for times in (1, 3):
        for _ in range(times):
            wakeup.set()
        assert is_set(wakeup)
        wakeup.clear()
        assert not is_set(wakeup)


@either
def test_it_has_no_address_that_another_process_could_reach(eventfd: bool) -> None:
    """EventMachine's Ruby reactor waits on a UDP socket of the loopback: whoever knows the port wakes it."""
    assert not stat.S_ISSOCK(os.fstat(SystemWakeup(eventfd=eventfd).fileno()).st_mode)


@either
def test_clear_does_not_block(eventfd: bool) -> None:
    wakeup = SystemWakeup(eventfd=eventfd)
    wakeup.clear()
    wakeup.clear()
    assert not is_set(wakeup)


@either
def test_D02_set_neither_blocks_nor_fails_when_nobody_listens(eventfd: bool) -> None:
    wakeup = SystemWakeup(eventfd=eventfd)
    for _ in range(10_000):  # a pipe holds 8192 of them
        wakeup.set()
    assert is_set(wakeup)
    wakeup.clear()
    assert not is_set(wakeup)
    wakeup.set()
    assert is_set(wakeup)


def test_set_when_the_counter_is_full() -> None:
    wakeup = SystemWakeup(eventfd=True)
    os.eventfd_write(wakeup.fileno(), 2**64 - 2)
    wakeup.set()
    assert is_set(wakeup)
    wakeup.clear()
    assert not is_set(wakeup)


@either
def test_descriptors_are_not_inheritable(eventfd: bool) -> None:
    wakeup = SystemWakeup(eventfd=eventfd)
    assert not os.get_inheritable(wakeup._reader)
    assert not os.get_inheritable(wakeup._writer)


@either
def test_the_last_reference_gives_the_descriptors_back(eventfd: bool) -> None:
    wakeup = SystemWakeup(eventfd=eventfd)
    descriptors = {wakeup._reader, wakeup._writer}
    inside_set = wakeup.set
    del wakeup
    inside_set()
    for fd in descriptors:
        os.fstat(fd)
    del inside_set
    gc.collect()
    for fd in descriptors:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(fd)


@either
def test_what_could_not_be_opened_gives_nothing_back(monkeypatch: pytest.MonkeyPatch, eventfd: bool) -> None:
    def fail(*_: object) -> None:
        raise OSError("no descriptor left")

    monkeypatch.setattr(os, "eventfd" if eventfd else "pipe", fail)
    with pytest.raises(OSError, match="no descriptor left"):
        SystemWakeup(eventfd=eventfd)
    gc.collect()


def test_both_ends_are_given_back_when_a_ctrl_c_comes_between(monkeypatch: pytest.MonkeyPatch) -> None:
    wakeup, closed, real = SystemWakeup(eventfd=False), [], os.close
    ends = [wakeup.fileno(), wakeup.writer]

    def close(fd: int) -> None:
        real(fd)
        closed.append(fd)
        if len(closed) == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(os, "close", close)
    monkeypatch.setattr(sys, "unraisablehook", lambda raised: None)
    del wakeup
    monkeypatch.undo()
    assert sorted(closed) == sorted(ends)


@pytest.mark.parametrize("was_set", [False, True], ids=["before", "behind"])
def test_H05_ctrl_c_as_the_descriptor_for_signals_is_set_leaves_theirs(
    monkeypatch: pytest.MonkeyPatch, was_set: bool
) -> None:
    """Else the C part of the handler would write to a number that is a stranger's by then."""
    real = signal.set_wakeup_fd
    theirs = SystemWakeup(eventfd=False)

    def struck(fd: int, **options: bool) -> int:
        monkeypatch.undo()
        if was_set:
            real(fd, **options)
        raise KeyboardInterrupt

    before = real(theirs.writer)
    try:
        monkeypatch.setattr(signal, "set_wakeup_fd", struck)
        with pytest.raises(KeyboardInterrupt), SelectorProvider.default().signal_wakeup():
            pass
        assert real(-1) == (-1 if was_set else theirs.writer)
    finally:
        real(before)


@pytest.fixture
def theirs() -> Iterator[int]:
    """The descriptor of somebody who wants to hear of signals, too."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    before = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    yield writer
    signal.set_wakeup_fd(before)
    os.close(reader)
    os.close(writer)


def test_a_ctrl_c_at_any_moment_leaves_signals_to_nobody_new(theirs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The descriptor that was set is closed soon, and its number then is a connection's."""
    monkeypatch.setattr(interrupts, "CODE", (str(interrupts.NIO / "spi" / "_system.py"),))

    def hear() -> None:
        provider = SelectorProvider.default()
        with provider.signal_wakeup(), provider.signal_wakeup():
            pass

    def scene(interrupt: Interrupt) -> None:
        struck(interrupt, hear)
        assert signal.set_wakeup_fd(theirs, warn_on_full_buffer=False) in (theirs, -1)
        assert not _system._told_of_signals

    every_moment(scene)


def test_who_has_closed_his_descriptor_meanwhile_is_told_no_more(theirs: int) -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer)
    with SelectorProvider.default().signal_wakeup():
        os.close(writer)
    assert signal.set_wakeup_fd(theirs, warn_on_full_buffer=False) == -1
    os.close(reader)
