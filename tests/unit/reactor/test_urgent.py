"""Urgent data as an event, on every back end."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from nio.channels import Pipe, SelectionKey, SocketChannel, StandardSocketOptions
from nio.errors import ClosedChannelError, IllegalArgumentError
from nio.reactor import CloseReason, Handler, Reactor
from tests.helpers import connected_pair, until
from tests.unit.reactor.support import Greeter, World
from tests.unit.spi.memory_provider import MemoryProvider

READ = int(SelectionKey.OP_READ)


@pytest.fixture(autouse=True)
def sigurg_is_put_back() -> Iterator[None]:
    before = signal.getsignal(signal.SIGURG)
    yield
    assert signal.getsignal(signal.SIGURG) is before


@pytest.fixture
def pair(reactor: Reactor) -> Iterator[tuple[SocketChannel, SocketChannel]]:
    near, far = connected_pair(reactor.provider)
    with near, far:
        yield near, far


def shout(channel: SocketChannel, data: bytes) -> None:
    assert channel.socket.send(data, socket.MSG_OOB) == len(data)


def turn_until(reactor: Reactor, calls: list[Any], count: int) -> None:
    for _ in range(2000):
        if len(calls) >= count:
            return
        reactor.turn(0.005)
    raise AssertionError(f"{calls} instead of {count}")


def test_it_is_told_once_for_each_and_is_no_readiness(
    reactor: Reactor, pair: tuple[SocketChannel, SocketChannel]
) -> None:
    near, far = pair
    calls: list[bytes] = []
    watch = reactor.watch_urgent(near, lambda: calls.append(near.socket.recv(1, socket.MSG_OOB)))
    assert watch.is_active
    assert watch.channel is near
    for byte in (b"a", b"b"):
        shout(far, byte)
        turn_until(reactor, calls, len(calls) + 1)
        reactor.turn(0)
    assert calls == [b"a", b"b"]
    far.socket.send(b"plain")
    for _ in range(3):
        reactor.turn(0.001)
    assert calls == [b"a", b"b"]
    watch.cancel()


def test_what_came_before_the_watch_is_told_too(reactor: Reactor, pair: tuple[SocketChannel, SocketChannel]) -> None:
    near, far = pair
    shout(far, b"!")
    until(lambda: reactor.provider.has_urgent(near.socket))
    calls: list[bytes] = []
    reactor.watch_urgent(near, lambda: calls.append(near.socket.recv(1, socket.MSG_OOB)))
    reactor.turn(0)
    assert calls == [b"!"]
    reactor.close()


def test_in_line_it_stands_in_the_stream(reactor: Reactor, pair: tuple[SocketChannel, SocketChannel]) -> None:
    near, far = pair
    near.set_option(StandardSocketOptions.SO_OOBINLINE, True)
    calls: list[bytes] = []
    watch = reactor.watch_urgent(near, calls.append, b"urgent")
    shout(far, b"x!")
    turn_until(reactor, calls, 1)
    assert near.socket.recv(10) == b"x"  # up to the mark
    assert near.socket.recv(10) == b"!"
    watch.cancel()


def test_a_handler_hears_of_it_and_answers_for_it() -> None:
    class Telnet(Greeter):
        def on_open(self) -> None:
            self.reactor.watch_urgent(self.channel, self.handle_except)

        def handle_except(self) -> None:
            byte = self.channel.socket.recv(1, socket.MSG_OOB)
            if byte == b"#":
                raise ValueError("what is that?")
            self.send(b"urgent: " + byte)

    with World(Telnet) as world:
        peer = world.connect()
        peer.sock.send(b"!", socket.MSG_OOB)
        assert peer.read(10) == b"urgent: !\n"
        peer.send(b"ann\n")
        assert peer.read(10) == b"Hello ann\n"
        peer.sock.send(b"#", socket.MSG_OOB)
        assert peer.read_to_end() == b""
        peer.close()
        world.until(lambda: world.handler.reasons)
        assert world.handler.reasons == [CloseReason.HANDLER_ERROR]


def test_a_closed_channel_and_a_cancel_end_it(reactor: Reactor, pair: tuple[SocketChannel, SocketChannel]) -> None:
    before = signal.getsignal(signal.SIGURG)
    near, far = pair
    calls: list[int] = []
    first = reactor.watch_urgent(near, calls.append, 1)
    second = reactor.watch_urgent(far, calls.append, 2)
    near.close()
    reactor.turn(0)
    signal.raise_signal(signal.SIGURG)
    reactor.turn(0)
    assert not first.is_active
    assert second.is_active
    for _ in range(2):
        second.cancel()
    reactor.turn(0)
    assert signal.getsignal(signal.SIGURG) is before
    assert calls == []


def test_one_that_raises_is_reported_and_the_others_are_told(
    reactor: Reactor, pair: tuple[SocketChannel, SocketChannel]
) -> None:
    near, far = pair
    calls: list[bytes] = []
    kinds: list[str] = []
    reactor.on_error(lambda error, kind: kinds.append(kind))

    def take() -> None:
        calls.append(near.socket.recv(1, socket.MSG_OOB))

    reactor.watch_urgent(near, [].__getitem__, 7)
    reactor.watch_urgent(near, take)
    shout(far, b"!")
    turn_until(reactor, calls, 1)
    assert calls == [b"!"]
    assert kinds == ["urgent data"]
    reactor.close()


def test_the_loop_may_run_in_another_thread(pair: tuple[SocketChannel, SocketChannel]) -> None:
    near, far = pair
    calls: list[str] = []
    with Reactor.open() as reactor:
        reactor.on_signal(signal.SIGURG, int)
        with reactor.in_thread():
            reactor.execute(reactor.watch_urgent, near, lambda: calls.append(threading.current_thread().name))
            shout(far, b"!")
            until(lambda: calls)
    assert calls[0] == "reactor"


def test_what_has_no_urgent_data_is_refused(reactor: Reactor) -> None:
    with (
        Pipe.open(provider=reactor.provider) as pipe,
        pytest.raises(IllegalArgumentError, match="only a SocketChannel"),
    ):
        reactor.watch_urgent(pipe.source, int)
    with pytest.raises(TypeError, match=r"watch_urgent\(\) takes a function"):
        reactor.watch_urgent(Handler(), 7)  # type: ignore[arg-type]  # both are wrong


def test_a_channel_that_is_closed_says_so(reactor: Reactor) -> None:
    channel = SocketChannel.open(provider=reactor.provider)
    channel.close()
    with pytest.raises(ClosedChannelError):
        reactor.watch_urgent(channel, int)
    assert signal.getsignal(signal.SIGURG) is signal.SIG_DFL


def test_a_provider_may_have_none() -> None:
    provider = MemoryProvider()
    for ask in (lambda: provider.urgent_signal, lambda: provider.announce_urgent(0), lambda: provider.has_urgent(0)):
        with pytest.raises(OSError, match="has no urgent data"):
            ask()
