"""What every back end must offer, as the head of ``nio.spi`` says it: readiness of descriptors, and ``wait_for``."""

from __future__ import annotations

import os
import select
import signal
import socket
import struct
import time
from collections.abc import Iterator

import pytest

from nio.spi import BROKEN, HUNG_UP, READABLE, WRITABLE, Poller, SelectorProvider
from tests.helpers import PATIENCE, Background

Ends = tuple[socket.socket, socket.socket]
BOTH = READABLE | WRITABLE
FAULT = BROKEN | HUNG_UP


@pytest.fixture
def poller(provider: SelectorProvider) -> Iterator[Poller]:
    poller = provider.open_poller()
    yield poller
    poller.close()


@pytest.fixture
def ends() -> Iterator[Ends]:
    near, far = socket.socketpair()
    with near, far:
        near.setblocking(False)
        yield near, far


@pytest.fixture
def tcp() -> Iterator[Ends]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        near = socket.create_connection(server.getsockname())
        far, _ = server.accept()
    with near, far:
        near.setblocking(False)
        yield near, far


def seconds_of(poller: Poller, timeout: float) -> float:
    begin = time.monotonic()
    assert poller.wait(timeout) == []
    return time.monotonic() - begin


def reset(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def until_hung_up(sock: socket.socket) -> None:
    poll = select.poll()
    poll.register(sock, 0)
    assert poll.poll(PATIENCE * 1000)


def test_nothing_watched_is_nothing_ready(poller: Poller) -> None:
    assert poller.wait(0) == []
    assert seconds_of(poller, 0.01) >= 0.01


def test_only_what_was_asked_for_is_reported(poller: Poller, ends: Ends) -> None:
    near, far = ends
    poller.add(near.fileno(), READABLE)
    assert poller.wait(0) == []
    poller.modify(near.fileno(), WRITABLE)
    assert poller.wait(0) == [(near.fileno(), WRITABLE)]
    far.send(b"x")
    assert poller.wait(0) == [(near.fileno(), WRITABLE)]
    poller.modify(near.fileno(), READABLE)
    assert poller.wait(0) == [(near.fileno(), READABLE)]


def test_both_directions_come_as_one_answer(poller: Poller, ends: Ends) -> None:
    near, far = ends
    far.send(b"x")
    poller.add(near.fileno(), BOTH)
    assert poller.wait(0) == [(near.fileno(), BOTH)]
    near.recv(8)
    assert poller.wait(0) == [(near.fileno(), WRITABLE)]


def test_modifying_to_the_same_mask_changes_nothing(poller: Poller, ends: Ends) -> None:
    poller.add(ends[0].fileno(), WRITABLE)
    poller.modify(ends[0].fileno(), WRITABLE)
    assert poller.wait(0) == [(ends[0].fileno(), WRITABLE)]


def test_a_removed_descriptor_is_forgotten_and_others_stay(poller: Poller, ends: Ends) -> None:
    near, far = ends
    poller.add(near.fileno(), WRITABLE)
    poller.add(far.fileno(), BOTH)
    assert sorted(poller.wait(0)) == sorted([(near.fileno(), WRITABLE), (far.fileno(), WRITABLE)])
    poller.remove(near.fileno())
    assert poller.wait(0) == [(far.fileno(), WRITABLE)]
    poller.add(near.fileno(), WRITABLE)
    poller.remove(far.fileno())
    assert poller.wait(0) == [(near.fileno(), WRITABLE)]


def test_D17_level_triggered(poller: Poller, ends: Ends) -> None:
    near, far = ends
    poller.add(near.fileno(), READABLE)
    far.send(b"xyz")
    for _ in range(3):
        assert poller.wait(None) == [(near.fileno(), READABLE)]
        near.recv(1)
    assert poller.wait(0) == []


def test_a_number_used_anew_is_another_descriptor(poller: Poller, ends: Ends) -> None:
    near, _ = ends
    number = near.fileno()
    poller.add(number, WRITABLE)
    poller.remove(number)
    reader, writer = os.pipe()
    near.close()
    os.dup2(reader, number)
    os.close(reader)
    try:
        poller.add(number, READABLE)
        assert poller.wait(0) == []
        os.write(writer, b"x")
        assert poller.wait(0) == [(number, READABLE)]
    finally:
        poller.remove(number)
        os.close(number)
        os.close(writer)


def test_the_end_of_the_stream_is_readable(poller: Poller, tcp: Ends) -> None:
    near, far = tcp
    poller.add(near.fileno(), BOTH)
    far.shutdown(socket.SHUT_WR)
    select.select([near], [], [], PATIENCE)
    assert poller.wait(0) == [(near.fileno(), BOTH)]
    assert near.recv(1) == b""
    assert poller.wait(0) == [(near.fileno(), BOTH)]  # for ever


def test_the_own_shutdown_is_no_fault(poller: Poller, tcp: Ends) -> None:
    near, _ = tcp
    near.shutdown(socket.SHUT_WR)
    poller.add(near.fileno(), BOTH)
    assert poller.wait(0) == [(near.fileno(), WRITABLE)]


@pytest.mark.parametrize("asked", [READABLE, WRITABLE, BOTH])
def test_a_reset_is_reported_whatever_was_asked(poller: Poller, tcp: Ends, asked: int) -> None:
    near, far = tcp
    reset(far)
    until_hung_up(near)
    poller.add(near.fileno(), asked)
    ((fd, mask),) = poller.wait(0)
    assert fd == near.fileno()
    assert mask & BOTH == asked
    assert mask & BROKEN
    with pytest.raises(ConnectionResetError):
        near.recv(1)
    ((_, mask),) = poller.wait(0)  # the error was told, the connection stays dead
    assert mask & BOTH == asked
    assert mask & FAULT or asked != BOTH


def test_both_directions_at_their_end_are_a_hang_up(poller: Poller, tcp: Ends) -> None:
    near, far = tcp
    near.shutdown(socket.SHUT_WR)
    assert far.recv(1) == b""
    far.close()
    until_hung_up(near)
    poller.add(near.fileno(), BOTH)
    assert poller.wait(0) == [(near.fileno(), BOTH | HUNG_UP)]


def test_the_ends_of_a_pipe(poller: Poller) -> None:
    reader, writer = os.pipe()
    poller.add(reader, READABLE)
    os.close(writer)
    ((fd, mask),) = poller.wait(0)
    assert (fd, mask & ~HUNG_UP & ~READABLE) == (reader, 0)
    poller.remove(reader)
    os.close(reader)
    reader, writer = os.pipe()
    poller.add(writer, WRITABLE)
    os.close(reader)
    ((fd, mask),) = poller.wait(0)
    assert (fd, mask & ~BROKEN) == (writer, WRITABLE)
    poller.remove(writer)
    os.close(writer)


def test_a_sleeping_wait_ends_when_something_comes(poller: Poller, ends: Ends) -> None:
    near, far = ends
    poller.add(near.fileno(), READABLE)
    waiting = Background(poller.wait, None)
    far.send(b"x")
    assert waiting.result() == [(near.fileno(), READABLE)]


@pytest.mark.parametrize("timeout", [0.0001, 0.0004, 0.0011, 0.0035, 0.0101])
def test_G02_a_wait_is_rounded_up(poller: Poller, ends: Ends, timeout: float) -> None:
    poller.add(ends[0].fileno(), READABLE)
    assert seconds_of(poller, timeout) >= timeout


def test_H01_a_signal_does_not_end_the_wait(poller: Poller, ends: Ends) -> None:
    signals = []
    previous = signal.signal(signal.SIGALRM, lambda *_: signals.append(1))
    poller.add(ends[0].fileno(), READABLE)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
        assert seconds_of(poller, 0.05) >= 0.05
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
    assert len(signals) > 1


def test_D14_more_ready_than_one_answer_holds(provider: SelectorProvider, poller: Poller) -> None:
    reader, writer = os.pipe()
    os.write(writer, b"x")
    count = 1100 if provider.name == "epoll" else 100  # epoll gives at most 1023 at once
    copies = {os.dup(reader) for _ in range(count)}
    for fd in copies:
        poller.add(fd, READABLE)
    seen = {fd for _ in range(2) for fd, _ in poller.wait(0)}
    for fd in copies:
        poller.remove(fd)
        os.close(fd)
    os.close(reader)
    os.close(writer)
    assert seen == copies


def test_limit_is_the_first_number_that_cannot_be_watched(provider: SelectorProvider, poller: Poller) -> None:
    assert poller.limit == (1024 if provider.name == "select" else None)
    assert provider.watch_limit == poller.limit


def test_close_twice(provider: SelectorProvider) -> None:
    poller = provider.open_poller()
    poller.close()
    poller.close()


# wait_for: what blocking mode is made of


def test_wait_for_answers_whether_the_descriptor_is_ready(provider: SelectorProvider, ends: Ends) -> None:
    near, far = ends
    assert not provider.wait_for(near.fileno(), READABLE, None, 0)
    assert provider.wait_for(near.fileno(), WRITABLE, None, 0)
    assert provider.wait_for(near.fileno(), BOTH, None, None)
    far.send(b"x")
    assert provider.wait_for(near.fileno(), READABLE, None, None)


@pytest.mark.parametrize("mask", [READABLE, WRITABLE, BOTH])
def test_wait_for_sees_a_reset(provider: SelectorProvider, tcp: Ends, mask: int) -> None:
    near, far = tcp
    reset(far)
    assert provider.wait_for(near.fileno(), mask, None, PATIENCE)


def test_wait_for_lasts_its_timeout(provider: SelectorProvider, ends: Ends) -> None:
    begin = time.monotonic()
    assert not provider.wait_for(ends[0].fileno(), READABLE, None, 0.0105)
    assert time.monotonic() - begin >= 0.0105


def test_wait_for_is_released_by_the_wake_up(provider: SelectorProvider, ends: Ends) -> None:
    near, far = ends
    wakeup = provider.open_wakeup()
    waiting = Background(provider.wait_for, near.fileno(), READABLE, wakeup.fileno(), None)
    wakeup.set()
    assert waiting.result() is False
    far.send(b"x")
    assert provider.wait_for(near.fileno(), READABLE, wakeup.fileno(), None)
