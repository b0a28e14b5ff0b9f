"""An error of one descriptor costs one key: it ends, its owner is told, and the selection goes on."""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Iterator

import pytest

from nio.channels import Pipe, SelectionKey, Selector, ServerSocketChannel, SocketChannel
from nio.spi import Poller, SelectorProvider, SystemProvider
from tests.contract.awake import AwakeProvider, WouldSleep
from tests.contract.conftest import Pair
from tests.helpers import R, W, connected_pair, listening

SECOND = 1_000_000_000
LOG = "nio.channels"
SPEAKING = ("poll", "select")  # the others forget a descriptor that is closed, and say nothing
Told = list[tuple[SelectionKey, OSError]]


class Refusing(SystemProvider):
    """Its pollers refuse to watch some descriptors."""

    def __init__(self, inner: SelectorProvider) -> None:
        self.name = inner.name
        self.inner = inner
        self.refused: dict[int, int] = {}  # descriptor to errno

    def open_poller(self) -> Poller:
        return RefusingPoller(self.inner.open_poller(), self.refused)


class RefusingPoller:
    def __init__(self, inner: Poller, refused: dict[int, int]) -> None:
        self._inner = inner
        self._refused = refused
        self.limit = inner.limit
        self.remove = inner.remove
        self.wait = inner.wait
        self.close = inner.close

    def add(self, fd: int, mask: int) -> None:
        self._refuse(fd)
        self._inner.add(fd, mask)

    def modify(self, fd: int, mask: int) -> None:
        self._refuse(fd)
        self._inner.modify(fd, mask)

    def _refuse(self, fd: int) -> None:
        if number := self._refused.get(fd):
            raise OSError(number, os.strerror(number))


@pytest.fixture
def refusing(provider: SelectorProvider) -> Refusing:
    return Refusing(provider)


@pytest.fixture
def selector(refusing: Refusing) -> Iterator[Selector]:
    with Selector.open(AwakeProvider(refusing)) as selector:
        yield selector


@pytest.fixture
def pair(selector: Selector) -> Iterator[Pair]:
    near, far = connected_pair(selector.provider)
    with near, far:
        yield near, far


@pytest.fixture
def told(selector: Selector) -> Told:
    told: Told = []
    selector.on_lost_key = lambda key, error: told.append((key, error))
    return told


def others(selector: Selector) -> tuple[Pipe, Pipe, SelectionKey]:
    """Two pipes: the key of the first one's sink is cancelled; that of the second one's is new."""
    first, second = Pipe.open(provider=selector.provider), Pipe.open(provider=selector.provider)
    first.sink.configure_blocking(False).register(selector, W).cancel()
    return first, second, second.sink.configure_blocking(False).register(selector, W)


@pytest.mark.parametrize("watched", [False, True], ids=["add", "modify"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.ENOMEM, errno.EPERM, errno.EBADF], ids=errno.errorcode.get)
def test_D20_what_the_kernel_will_not_watch_costs_its_key(
    selector: Selector, refusing: Refusing, pair: Pair, told: Told, number: int, watched: bool
) -> None:
    key = pair[0].register(selector, R)
    if watched:
        assert selector.select_now() == 0
        key.interest_ops = W
    refusing.refused[key._fd] = number
    first, second, well = others(selector)
    with first, second:
        assert selector.select() == 1
        assert set(selector.selected_keys) == set(selector.keys) == {well}
        assert not key.is_valid
        assert not pair[0].is_open
        assert not first.sink.is_registered
        ((lost, error),) = told
        assert lost is key
        assert error.errno == number
        pair[1].configure_blocking(True)
        assert pair[1].read(bytearray(1)) == -1  # the peer is told, too


def test_D20_what_an_action_registers_is_refused_in_the_next_selection(
    selector: Selector, refusing: Refusing, pair: Pair, told: Told
) -> None:
    refusing.refused[pair[1]._fd] = errno.ENOSPC
    pair[0].register(selector, W)
    made: list[SelectionKey] = []
    assert selector.select(action=lambda _: made.append(pair[1].register(selector, R))) == 1
    assert not told
    assert made[0].is_valid
    assert selector.select_now() == 1
    assert {key.channel for key in selector.selected_keys} == {pair[0]}
    ((lost, error),) = told
    assert lost is made[0]
    assert error.errno == errno.ENOSPC
    assert not pair[1].is_open


def test_D20_a_selection_that_lost_its_only_key_does_not_sleep(
    selector: Selector, refusing: Refusing, pair: Pair, told: Told
) -> None:
    refusing.refused[pair[0].socket.fileno()] = errno.ENOSPC
    pair[0].register(selector, R)
    assert selector.select() == 0
    assert len(told) == 1
    with pytest.raises(WouldSleep):
        selector.select()


def test_D20_what_is_watched_already_is_watched_as_asked(
    selector: Selector, pair: Pair, told: Told, provider: SelectorProvider
) -> None:
    selector._poller.add(pair[0].socket.fileno(), R)
    key = pair[0].register(selector, W)
    assert selector.select() == 1
    assert set(selector.selected_keys) == {key}
    assert told == []


@pytest.mark.parametrize("end", ["cancel", "close", "interest"])
def test_D20_to_stop_watching_what_is_gone_is_no_error(selector: Selector, pair: Pair, told: Told, end: str) -> None:
    key = pair[0].register(selector, W)
    assert selector.select_now() == 1
    os.close(pair[0].socket.detach())
    if end == "close":
        pair[0].close()
    elif end == "cancel":
        key.cancel()
    else:
        key.interest_ops = 0
        selector.select_now()
        assert key.is_valid
        key.cancel()
    assert selector.select_now() == 0
    assert len(selector.keys) == 0
    assert not pair[0].is_registered
    assert told == []


def test_D20_a_close_that_fails_fails_in_no_selection(selector: Selector, told: Told) -> None:
    pipe = Pipe.open(provider=selector.provider)
    pipe.sink.close()
    pipe.source.configure_blocking(False).register(selector, R)
    selector.select_now()
    os.close(pipe.source._fd)
    pipe.source.close()
    assert selector.select_now() == 0
    assert len(selector.keys) == 0
    assert not pipe.source.is_registered


def test_D20_a_selector_can_be_closed_with_descriptors_that_are_gone(selector: Selector, pair: Pair) -> None:
    key = pair[0].register(selector, R)
    assert selector.select_now() == 0
    os.close(pair[0].socket.detach())
    selector.close()
    assert not key.is_valid
    assert not pair[0].is_registered


def test_D20_a_descriptor_closed_behind_the_back_of_a_changed_key(
    selector: Selector, pair: Pair, told: Told, provider: SelectorProvider
) -> None:
    key = pair[0].register(selector, R)
    assert selector.select_now() == 0
    first, second, well = others(selector)
    with first, second:
        os.close(pair[0].socket.detach())
        key.interest_ops = W
        selector.select_now()
        selector.select_now()
        assert set(selector.selected_keys) == set(selector.keys) == {well}
        assert [(lost, error.errno) for lost, error in told] == [(key, errno.EBADF)]
        assert not pair[0].is_open


@pytest.mark.parametrize("action", [False, True])
def test_D20_a_descriptor_closed_behind_the_selector_s_back_does_not_spin(
    selector: Selector, pair: Pair, told: Told, provider: SelectorProvider, action: bool
) -> None:
    listener = pair[0]
    key = listener.register(selector, R)
    source, sink = Pipe.open(provider=selector.provider)
    with sink, source:
        well = source.configure_blocking(False).register(selector, R)
        assert selector.select_now() == 0
        os.close(listener.socket.detach())
        handed: list[SelectionKey] = []
        for _ in range(2):
            try:
                assert selector.select(None, handed.append if action else None) == 0
            except WouldSleep:
                break
        with pytest.raises(WouldSleep):
            selector.select(None, handed.append if action else None)
        assert handed == []
        if provider.name in SPEAKING:
            assert [(lost, error.errno) for lost, error in told] == [(key, errno.EBADF)]
            assert set(selector.keys) == {well}
        sink.write(b"x")
        assert selector.select(None) == 1
        assert set(selector.selected_keys) == {well}


@pytest.mark.parametrize("kind", ["listener", "unconnected"])
def test_D20_a_descriptor_that_is_not_open_is_not_ready(
    selector: Selector, told: Told, provider: SelectorProvider, kind: str
) -> None:
    channel: ServerSocketChannel | SocketChannel = SocketChannel.open(provider=selector.provider)
    if kind == "listener":
        channel.close()
        channel = listening(selector.provider)
    with channel.configure_blocking(False):
        key = channel.register(selector, channel.valid_ops)
        selector.select_now()
        key.interest_ops = 0
        selector.select_now()
        key.interest_ops = channel.valid_ops
        selector.selected_keys.clear()
        os.close(channel.socket.detach())
        assert selector.select_now() == 0
        selector.select_now()
        if provider.name in SPEAKING:
            assert [(lost, error.errno) for lost, error in told] == [(key, errno.EBADF)]
        else:
            key.cancel()


def test_D20_a_number_that_stands_for_another_channel_by_now(selector: Selector, told: Told) -> None:
    provider = selector.provider
    with Pipe.open(provider=provider) as old:
        gone = old.source.configure_blocking(False).register(selector, R)
        changed = old.sink.configure_blocking(False).register(selector, W)
        selector.select_now(lambda key: None)
        for end in old:
            os.close(end._fd)
        with Pipe.open(provider=provider) as new:
            assert {end._fd for end in new} == {end._fd for end in old}
            for end in old:
                end._end._fd = -1  # type: ignore[attr-defined]  # or its close would hit the new one
            well = new.sink.configure_blocking(False).register(selector, W)
            here = new.source.configure_blocking(False).register(selector, R)
            selector.select_now(lambda key: None)
            gone.cancel()
            changed.interest_ops = 0
            changed.interest_ops = W
            new.sink.write(b"x")
            seen: list[SelectionKey] = []
            assert selector.select_now(seen.append) == 2
            assert set(seen) == set(selector.keys) - {changed} == {well, here}


def test_D20_a_change_of_a_key_whose_number_stands_for_another(selector: Selector, pair: Pair, told: Told) -> None:
    key = pair[0].register(selector, R)
    selector.select_now()
    os.close(pair[0].socket.detach())
    with Pipe.open(provider=selector.provider) as pipe:
        new = pipe.source if pipe.source._fd == key._fd else pipe.sink
        assert new._fd == key._fd
        pipe.sink.write(b"x")
        well = new.configure_blocking(False).register(selector, new.valid_ops)
        selector.select_now()
        selector.selected_keys.clear()
        key.interest_ops = R | W
        assert selector.select() == 1
        assert set(selector.keys) == set(selector.selected_keys) == {well}
        assert [(lost, error.errno) for lost, error in told] == [(key, errno.EBADF)]
        assert pipe.source.read(bytearray(2)) == 1


def test_D20_the_hook_may_do_what_an_action_may(selector: Selector, refusing: Refusing, pair: Pair) -> None:
    added: list[SelectionKey] = []

    def replace(key: SelectionKey, error: OSError) -> None:
        assert key.attachment == "mine"
        assert not key.is_valid
        added.append(pair[1].register(selector, W))

    selector.on_lost_key = None
    assert selector.on_lost_key is None
    selector.on_lost_key = replace
    assert selector.on_lost_key is replace
    refusing.refused[pair[0].socket.fileno()] = errno.ENOSPC
    pair[0].register(selector, R, "mine")
    assert selector.select() == 0
    assert selector.select() == 1
    assert set(selector.selected_keys) == set(selector.keys) == set(added)


def test_D20_the_hook_may_close_the_selector(selector: Selector, refusing: Refusing, pair: Pair) -> None:
    selector.on_lost_key = lambda key, error: selector.close()
    refusing.refused[pair[0].socket.fileno()] = errno.ENOSPC
    pair[0].register(selector, R)
    other = pair[1].register(selector, W)
    assert selector.select() == 0
    assert not selector.is_open
    assert not other.is_valid
    assert not pair[1].is_registered


def test_D20_the_log_has_one_line_a_second(
    selector: Selector, refusing: Refusing, caplog: pytest.LogCaptureFixture
) -> None:
    now = [5]
    selector.provider.clock = lambda: now[0]  # type: ignore[method-assign]  # the test's own

    def lose(count: int) -> None:
        for _ in range(count):
            with Pipe.open(provider=selector.provider) as pipe:
                refusing.refused[pipe.sink._fd] = errno.ENOSPC
                pipe.sink.configure_blocking(False).register(selector, W)
                selector.select_now()
                refusing.refused.clear()

    lose(3)
    assert [(record.name, record.levelno) for record in caplog.records] == [(LOG, logging.WARNING)]
    assert "No space left on device" in caplog.text
    assert "SinkChannel" in caplog.text
    now[0] += SECOND
    lose(1)
    assert len(caplog.records) == 2
    assert caplog.records[1].getMessage().startswith("3 keys were lost")


def test_D20_a_hook_that_raises_is_logged_and_ends_nothing(
    selector: Selector, refusing: Refusing, pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(key: SelectionKey, error: OSError) -> None:
        raise ValueError("of the hook")

    selector.on_lost_key = fail
    refusing.refused[pair[0].socket.fileno()] = errno.ENOSPC
    pair[0].register(selector, R)
    other = pair[1].register(selector, W)
    assert selector.select() == 1
    assert set(selector.selected_keys) == {other}
    assert [record.levelno for record in caplog.records] == [logging.WARNING, logging.ERROR]
    assert "of the hook" in caplog.text


def test_D20_a_log_that_raises_ends_nothing(
    selector: Selector, refusing: Refusing, pair: Pair, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(record: logging.LogRecord) -> bool:
        raise ValueError("of the log")

    logger = logging.getLogger(LOG)
    monkeypatch.setattr(logger, "filters", [refuse])
    refusing.refused[pair[0].socket.fileno()] = errno.ENOSPC
    key = pair[0].register(selector, R)
    assert selector.select() == 0
    assert [lost for lost, _ in told] == [key]


def test_D20_a_hook_that_is_interrupted_is_called_again(selector: Selector, refusing: Refusing, pair: Pair) -> None:
    calls: list[SelectionKey] = []

    def interrupt(key: SelectionKey, error: OSError) -> None:
        calls.append(key)
        if len(calls) == 1:
            raise KeyboardInterrupt

    selector.on_lost_key = interrupt
    refusing.refused[pair[0].socket.fileno()] = errno.ENOSPC
    key = pair[0].register(selector, R)
    with pytest.raises(KeyboardInterrupt):
        selector.select()
    assert selector.select() == 0
    assert calls == [key, key]
    assert len(selector.keys) == 0
