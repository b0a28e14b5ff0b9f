"""Clients, timers, deferred calls, datagrams: a reactor on a provider that knows the contract of ``nio.spi`` only."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from nio.channels import DatagramChannel, SelectionKey, ServerSocketChannel
from nio.framing import Lines
from nio.reactor import Acceptor, Backoff, CloseReason, DatagramHandler, Reactor, StreamHandler
from nio.spi import Address
from tests.unit.spi.memory_datagrams import MemoryDatagrams

HERE, ALSO_HERE = ("here", 9900), ("here", 9901)
READ = int(SelectionKey.OP_READ)
SECOND = 1_000_000_000


class Greeter(StreamHandler):
    framing = Lines()

    def process(self, record: bytes) -> bytes | None:
        return b"Hello " + record


class Asking(StreamHandler):
    framing = Lines()

    def __init__(self) -> None:
        self.diary: list[object] = []

    def on_open(self) -> None:
        self.send(b"ann")

    def process(self, record: bytes) -> bytes | None:
        self.diary.append(record)
        return None

    def on_close(self, reason: CloseReason) -> None:
        self.diary.append(reason)


class Echo(DatagramHandler):
    def __init__(self) -> None:
        self.errors: list[OSError] = []

    def process(self, data: bytes, peer: Address) -> Any:
        return data or None

    def on_error(self, error: OSError) -> None:
        self.errors.append(error)


class Noting(Echo):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[bytes, Address]] = []

    def process(self, data: bytes, peer: Address) -> Any:
        self.seen.append((data, peer))


@pytest.fixture
def memory() -> MemoryDatagrams:
    return MemoryDatagrams()


@pytest.fixture
def reactor(memory: MemoryDatagrams) -> Iterator[Reactor]:
    with Reactor.open(provider=memory) as reactor:
        yield reactor


def until(reactor: Reactor, condition: Callable[[], object]) -> None:
    """Turn, without a sleep, until the condition holds."""
    for _ in range(10_000):
        if condition():
            return
        reactor.turn(0)
    raise AssertionError(f"it did not come about: {reactor!r}")


def listening(reactor: Reactor, memory: MemoryDatagrams) -> ServerSocketChannel:
    server = ServerSocketChannel.open(provider=memory).bind(HERE)
    reactor.register(server, SelectionKey.OP_ACCEPT, Acceptor(Greeter))
    return server


@pytest.mark.parametrize("name", [False, True], ids=["address", "name"])
def test_a_client_and_its_server(reactor: Reactor, memory: MemoryDatagrams, name: bool) -> None:
    memory.names["db.example"] = [("nowhere", 1), HERE]
    with listening(reactor, memory):
        asking = Asking()
        connecting = reactor.connect(("db.example", 9900) if name else HERE, asking)
        until(reactor, lambda: asking.diary == [b"Hello ann"])
        assert not connecting.is_pending
        assert reactor.connections()[0].peer == HERE
        reactor.stop(drain=5)
        reactor.run()
        assert asking.diary[1:] in ([CloseReason.DRAIN], [CloseReason.PEER_FIN])


def test_a_connect_that_is_refused_waits_by_the_providers_clock_and_chance(
    reactor: Reactor, memory: MemoryDatagrams
) -> None:
    began = memory.now
    connecting = reactor.connect(("nowhere", 1), Asking, retry=Backoff(first=1.0, jitter=0.5, attempts=3))
    while connecting.is_pending:
        reactor.turn()
    assert connecting.reason is CloseReason.CONNECT_FAILED
    assert memory.now - began == round((0.75 + 1.5) * SECOND)  # chance says 0.5: a quarter of each is left out


def test_timers_deferred_calls_and_a_thread(reactor: Reactor, memory: MemoryDatagrams) -> None:
    began, calls = memory.now, list[int]()
    timer = reactor.call_every(1.0, lambda: calls.append(memory.now - began))
    while len(calls) < 3:
        reactor.turn()
    assert calls == [SECOND, 2 * SECOND, 3 * SECOND]
    timer.cancel()
    results: list[int] = []
    reactor.defer(int, "5", then=lambda future: results.append(future.result()))
    until(reactor, lambda: results == [5])
    with reactor.in_thread():
        pass
    assert reactor.timeout() is None


# datagrams


def test_datagrams_there_and_back(reactor: Reactor, memory: MemoryDatagrams) -> None:
    echo, noting = Echo(), Noting()
    reactor.register(DatagramChannel.open(provider=memory).bind(HERE), READ, echo)
    reactor.register(DatagramChannel.open(provider=memory).bind(ALSO_HERE), READ, noting)
    for data in (b"ann", b"", b"bob"):
        assert noting.send(data, HERE)
    until(reactor, lambda: len(noting.seen) == 2)
    assert noting.seen == [(b"ann", HERE), (b"bob", HERE)]
    assert echo.statistics().received == 3


def test_datagrams_wait_for_room(reactor: Reactor, memory: MemoryDatagrams) -> None:
    echo, noting = Echo(), Noting()
    reactor.register(DatagramChannel.open(provider=memory).bind(HERE), READ, echo)
    reactor.register(DatagramChannel.open(provider=memory).bind(ALSO_HERE), READ, noting)
    memory.takes = False
    assert noting.send(b"ann", HERE)
    assert noting.send(b"", HERE)
    reactor.turn(0)
    assert (noting.unsent, noting.statistics().sent) == (2, 0)
    memory.takes = True
    until(reactor, lambda: noting.seen)
    assert echo.statistics().received == 2


def test_a_connected_one_hears_that_nobody_is_there(reactor: Reactor, memory: MemoryDatagrams) -> None:
    echo = Echo()
    channel = DatagramChannel.open(provider=memory).connect(("nowhere", 1))
    reactor.register(channel, READ, echo)
    assert echo.send(b"x")
    until(reactor, lambda: echo.errors)
    assert isinstance(echo.errors[0], ConnectionRefusedError)
    assert channel.is_open


def test_a_flood_is_read_by_its_share(reactor: Reactor, memory: MemoryDatagrams) -> None:
    noting, other = Noting(), Echo()
    reactor.register(DatagramChannel.open(provider=memory).bind(HERE), READ, noting)
    reactor.register(DatagramChannel.open(provider=memory).bind(ALSO_HERE), READ, other)
    for number in range(150):
        assert other.send(b"%d" % number, HERE)
    reactor.turn(0)
    assert len(noting.seen) == 64
    until(reactor, lambda: len(noting.seen) == 100)  # the others had no room
