"""KqueuePoller against a scripted kernel; how it does with real descriptors is in ``tests/contract``."""

from __future__ import annotations

import errno
import os
import select
from collections.abc import Sequence

import pytest

from nio.spi import BROKEN, HUNG_UP, READABLE, WRITABLE, SelectorProvider, _machine
from nio.spi._kqueue import Kevent, KqueuePoller
from tests.contract.fake_kqueue import FakeKernel, FakeKevent, FakeKqueue

IN, OUT = FakeKernel.KQ_FILTER_READ, FakeKernel.KQ_FILTER_WRITE
ADD, DELETE, EOF = FakeKernel.KQ_EV_ADD, FakeKernel.KQ_EV_DELETE, FakeKernel.KQ_EV_EOF
BOTH = READABLE | WRITABLE


class ScriptedKernel(FakeKernel):
    """Notes every change and answers every wait with ``events``."""

    def __init__(self, *events: FakeKevent) -> None:
        self.events: list[Kevent] = list(events)
        self.changes: list[list[tuple[int, int, int]]] = []
        self.waits: list[tuple[int, float | None]] = []

    def kqueue(self) -> FakeKqueue:
        return ScriptedKqueue(self)


class ScriptedKqueue(FakeKqueue):
    def __init__(self, kernel: ScriptedKernel) -> None:
        super().__init__()
        self._kernel = kernel

    def control(
        self, changes: Sequence[Kevent] | None, max_events: int, timeout: float | None = None, /
    ) -> list[Kevent]:
        if changes is not None:
            assert max_events == 0  # an error must be raised, not reported as an event
            self._kernel.changes.append([(change.ident, change.filter, change.flags) for change in changes])
            return []
        self._kernel.waits.append((max_events, timeout))
        return self._kernel.events


def test_only_the_filters_that_differ_are_told() -> None:
    kernel = ScriptedKernel()
    poller = KqueuePoller(kernel)
    poller.add(5, READABLE)
    poller.modify(5, BOTH)
    poller.modify(5, BOTH)
    poller.modify(5, WRITABLE)
    poller.modify(5, READABLE)
    poller.remove(5)
    assert kernel.changes == [
        [(5, IN, ADD)],
        [(5, OUT, ADD)],
        [(5, IN, DELETE)],
        [(5, IN, ADD), (5, OUT, DELETE)],
        [(5, IN, DELETE)],
    ]


class Interrupting(ScriptedKernel):
    """The call of the kernel is interrupted, before or after it took effect."""

    def __init__(self, *moments: str) -> None:
        super().__init__()
        self.moments = list(moments)
        self.filters: set[tuple[int, int]] = set()

    def kqueue(self) -> FakeKqueue:
        return InterruptedKqueue(self)


class InterruptedKqueue(FakeKqueue):
    def __init__(self, kernel: Interrupting) -> None:
        super().__init__()
        self._kernel = kernel

    def control(
        self, changes: Sequence[Kevent] | None, max_events: int, timeout: float | None = None, /
    ) -> list[Kevent]:
        moment = self._kernel.moments.pop(0) if self._kernel.moments else ""
        if moment == "before":
            raise KeyboardInterrupt
        for change in changes or ():
            entry = change.ident, change.filter
            if change.flags == ADD:
                self._kernel.filters.add(entry)
            elif entry in self._kernel.filters:
                self._kernel.filters.remove(entry)
            else:
                raise FileNotFoundError(errno.ENOENT, "no such filter")
        if moment == "after":
            raise KeyboardInterrupt
        return []


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("last", [0, READABLE, WRITABLE, BOTH])
@pytest.mark.parametrize("next_one", [0, READABLE, WRITABLE, BOTH])
@pytest.mark.parametrize("first", [READABLE, WRITABLE, BOTH])
def test_D22_after_an_interruption_what_is_told_next_counts(first: int, next_one: int, last: int, moment: str) -> None:
    if first == next_one:
        return  # nothing to tell, nothing to interrupt
    kernel = Interrupting("", moment)
    poller = KqueuePoller(kernel)
    poller.add(5, first)
    with pytest.raises(KeyboardInterrupt):
        poller.modify(5, next_one) if next_one else poller.remove(5)
    poller.modify(5, last) if last else poller.remove(5)
    assert kernel.filters == {(5, name) for bit, name in ((READABLE, IN), (WRITABLE, OUT)) if last & bit}


def test_D20_removing_what_somebody_has_closed_forgets_it() -> None:
    poller = KqueuePoller(FakeKernel())
    reader, writer = os.pipe()
    poller.add(reader, READABLE)
    os.close(reader)
    with pytest.raises(OSError, match="Bad file descriptor"):
        poller.remove(reader)
    again = os.dup(writer)
    assert again == reader
    os.close(writer)
    poller.add(again, WRITABLE)
    assert [fd for fd, _ in poller.wait(0)] == [again]
    os.close(again)


def test_the_answer_has_room_for_every_filter() -> None:
    kernel = ScriptedKernel()
    poller = KqueuePoller(kernel)
    assert poller.wait(0.5) == []
    for fd in (5, 6, 7):
        poller.add(fd, BOTH)
    poller.remove(6)
    assert poller.wait(None) == []
    assert kernel.waits == [(1, 0.5), (4, None)]


@pytest.mark.parametrize(
    ("events", "mask"),
    [
        ([FakeKevent(5, IN)], READABLE),
        ([FakeKevent(5, OUT)], WRITABLE),
        ([FakeKevent(5, IN), FakeKevent(5, OUT)], BOTH),
        ([FakeKevent(5, IN, EOF)], READABLE),
        ([FakeKevent(5, OUT, EOF)], WRITABLE),
        ([FakeKevent(5, IN, EOF), FakeKevent(5, OUT)], BOTH),
        ([FakeKevent(5, IN), FakeKevent(5, OUT, EOF)], BOTH),
        ([FakeKevent(5, IN, EOF), FakeKevent(5, OUT, EOF)], BOTH | HUNG_UP),
        ([FakeKevent(5, OUT, EOF), FakeKevent(5, IN, EOF)], BOTH | HUNG_UP),
        ([FakeKevent(5, IN, EOF, errno.ECONNRESET)], READABLE | BROKEN),
        ([FakeKevent(5, OUT, EOF, errno.ECONNREFUSED)], WRITABLE | BROKEN),
        ([FakeKevent(5, IN, EOF, 1), FakeKevent(5, OUT, EOF, 1)], BOTH | BROKEN),
    ],
)
def test_masks(events: list[FakeKevent], mask: int) -> None:
    poller = KqueuePoller(ScriptedKernel(*events))
    assert poller.wait(0) == [(5, mask)]


def test_descriptors_are_told_apart_in_the_order_they_came() -> None:
    events = [FakeKevent(7, OUT, EOF), FakeKevent(5, IN, EOF), FakeKevent(6, IN), FakeKevent(6, OUT)]
    assert KqueuePoller(ScriptedKernel(*events)).wait(0) == [(7, WRITABLE), (5, READABLE), (6, BOTH)]


def test_what_the_kernel_refuses_is_raised() -> None:
    poller = KqueuePoller(FakeKernel())
    reader, writer = os.pipe()
    poller.add(reader, READABLE)
    os.close(reader)
    with pytest.raises(OSError, match="Bad file descriptor"):
        poller.modify(reader, WRITABLE)
    assert poller.wait(0) == []  # the kernel has forgotten it
    os.close(writer)
    poller.close()
    with pytest.raises(ValueError, match="closed kqueue"):
        poller.wait(0)


def test_the_fake_keeps_the_rules_of_the_manual() -> None:
    queue = FakeKqueue()
    reader, writer = os.pipe()
    with pytest.raises(FileNotFoundError):
        queue.control([FakeKevent(reader, IN, DELETE)], 0)
    for _ in range(2):
        queue.control([FakeKevent(reader, IN, ADD)], 0)
    assert queue.control(None, 8, 0) == []
    os.write(writer, b"x")
    assert queue.control(None, 8, None) == [FakeKevent(reader, IN, ADD)]
    with pytest.raises(OSError, match="Invalid argument"):
        queue.control([FakeKevent(reader, 9, ADD)], 0)
    for wrong in ((-1, 0.0), (1, -1.0)):
        with pytest.raises(ValueError, match="negative"):
            queue.control(None, *wrong)
    os.close(reader)
    assert queue.control(None, 8, 0) == []
    os.close(writer)


def test_a_system_with_kqueue_offers_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KQ_FILTER_READ", "KQ_FILTER_WRITE", "KQ_EV_ADD", "KQ_EV_DELETE", "KQ_EV_EOF"):
        monkeypatch.setattr(select, name, getattr(FakeKernel, name), raising=False)
    monkeypatch.setattr(select, "kqueue", FakeKqueue, raising=False)
    monkeypatch.setattr(select, "kevent", FakeKevent, raising=False)
    monkeypatch.delattr(select, "epoll", raising=False)
    monkeypatch.setattr(_machine.MACHINE, "_named", {})
    monkeypatch.delenv("NIO_PROVIDER", raising=False)
    assert SelectorProvider.available() == ("kqueue", "poll", "select")
    provider = SelectorProvider.default()
    assert repr(provider) == "SystemProvider('kqueue')"
    poller = provider.open_poller()
    wakeup = provider.open_wakeup()
    poller.add(wakeup.fileno(), READABLE)
    wakeup.set()
    assert poller.wait(None) == [(wakeup.fileno(), READABLE)]
    assert poller.limit is None
    poller.close()


def test_its_descriptor_is_the_kernel_s() -> None:
    class Numbered(FakeKqueue):
        def fileno(self) -> int:
            return 42

    class Kernel(FakeKernel):
        def kqueue(self) -> FakeKqueue:
            return Numbered()

    assert KqueuePoller(Kernel()).fileno() == 42
