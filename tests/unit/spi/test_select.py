from __future__ import annotations

import errno
import os
import select

import pytest

from nio.errors import IllegalArgumentError
from nio.spi import BROKEN, INVALID, READABLE, WRITABLE, SystemProvider
from nio.spi._select import SelectPoller, wait_for


def test_a_closed_poller_watches_nothing() -> None:
    reader, writer = os.pipe()
    poller = SelectPoller()
    poller.add(reader, READABLE)
    poller.add(writer, WRITABLE)
    assert poller.wait(0) == [(writer, WRITABLE)]
    poller.close()
    assert poller.wait(0) == []
    os.close(reader)
    os.close(writer)


def test_removing_what_is_not_there_is_nothing() -> None:
    poller = SelectPoller()
    poller.remove(7)
    assert poller.wait(0) == []


def test_D16_the_kernel_is_not_asked_beyond_its_sets() -> None:
    for fd, wakeup in ((SelectPoller.limit, None), (0, SelectPoller.limit)):
        with pytest.raises(IllegalArgumentError, match="descriptor 1024 is beyond the 1024 that select can watch"):
            wait_for(fd, READABLE, wakeup, 0)


def test_one_descriptor_that_somebody_has_closed_is_reported_alone() -> None:
    reader, writer = os.pipe()
    poller = SelectPoller()
    poller.add(writer, WRITABLE)
    poller.add(reader, READABLE)
    os.close(reader)
    assert poller.wait(None) == [(reader, INVALID)]
    poller.remove(reader)
    assert poller.wait(None) == [(writer, WRITABLE | BROKEN)]
    os.close(writer)


def test_what_is_nobody_s_fault_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object) -> None:
        raise OSError(errno.ENOMEM, "no memory")

    reader, writer = os.pipe()
    poller = SelectPoller()
    poller.add(reader, READABLE)
    monkeypatch.setattr(select, "select", refuse)
    with pytest.raises(OSError, match="no memory"):
        poller.wait(0)
    os.close(reader)
    os.close(writer)


def test_waiting_for_one_descriptor_without_poll(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(select, "poll")
    provider = SystemProvider("select")
    assert provider.wait_for is wait_for
    reader, writer = os.pipe()
    wakeup = provider.open_wakeup()
    assert not provider.wait_for(reader, READABLE, None, 0)
    assert provider.wait_for(writer, WRITABLE, wakeup.fileno(), None)
    wakeup.set()
    assert not provider.wait_for(reader, READABLE, wakeup.fileno(), None)
    os.write(writer, b"x")
    assert provider.wait_for(reader, READABLE, wakeup.fileno(), None)
    os.close(reader)
    os.close(writer)


def test_without_poll_the_plain_bits_have_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    poller = SelectPoller()
    poller.add(writer, WRITABLE)
    os.close(reader)
    assert poller.wait(0) == [(writer, WRITABLE | BROKEN)]
    monkeypatch.delattr(select, "poll")
    assert poller.wait(0) == [(writer, WRITABLE)]
    os.close(writer)
