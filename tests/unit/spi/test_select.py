from __future__ import annotations

import os
import select

import pytest

from nio.errors import IllegalArgumentError
from nio.spi import BROKEN, READABLE, WRITABLE
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


def test_without_poll_the_plain_bits_have_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    poller = SelectPoller()
    poller.add(writer, WRITABLE)
    os.close(reader)
    assert poller.wait(0) == [(writer, WRITABLE | BROKEN)]
    monkeypatch.delattr(select, "poll")
    assert poller.wait(0) == [(writer, WRITABLE)]
    os.close(writer)
