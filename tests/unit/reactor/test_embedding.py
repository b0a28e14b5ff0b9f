"""A reactor that is turned by another loop: by ``selectors``, by asyncio, by another reactor's timers."""

from __future__ import annotations

import asyncio
import io
import selectors
import time
from collections.abc import Iterator

import pytest

from nio.channels import SelectionKey, Selector, ServerSocketChannel
from nio.errors import ClosedSelectorError
from nio.reactor import Acceptor, Reactor
from nio.spi import SelectorProvider
from tests.faults.helpers import Client
from tests.helpers import connected_pair
from tests.unit.reactor.support import PATIENCE, Greeter, in_a_thread

READ, ACCEPT = int(SelectionKey.OP_READ), int(SelectionKey.OP_ACCEPT)
NATIVE = SelectorProvider.named(SelectorProvider.available()[0])  # epoll or kqueue


@pytest.fixture
def reactor() -> Iterator[Reactor]:
    with Reactor.open(provider=NATIVE) as reactor:
        yield reactor


def serve(reactor: Reactor) -> Client:
    """A listener of the hello server, and a client that is connected to it."""
    listener = ServerSocketChannel.open(provider=reactor.provider).bind(("127.0.0.1", 0))
    reactor.register(listener, ACCEPT, Acceptor(Greeter))
    return Client(("127.0.0.1", listener.port or 0))


def test_the_standard_library_s_selectors_turn_it(reactor: Reactor) -> None:
    calls: list[str] = []
    with serve(reactor) as client, selectors.DefaultSelector() as outer:
        outer.register(reactor, selectors.EVENT_READ)
        client.send(b"ann\n")
        client.sock.setblocking(False)
        reactor.call_later(0.01, calls.append, "timer")
        reactor.call_later(0.02, reactor.execute, calls.append, "tick of a timer")
        in_a_thread(reactor.execute, calls.append, "execute")
        got, deadline = b"", time.monotonic() + PATIENCE
        while len(got) < 10 or len(calls) < 3:
            assert time.monotonic() < deadline
            outer.select(reactor.timeout())
            reactor.turn(0)
            try:
                got += client.sock.recv(100)
            except BlockingIOError:
                pass
    assert got == b"Hello ann\n"
    assert calls == ["execute", "timer", "tick of a timer"]


def test_asyncio_turns_it(reactor: Reactor) -> None:
    calls: list[str] = []

    async def main() -> bytes:
        loop = asyncio.get_running_loop()
        timer: asyncio.TimerHandle | None = None

        def turn() -> None:
            nonlocal timer
            reactor.turn(0)
            if timer is not None:
                timer.cancel()
            timeout = reactor.timeout()
            timer = None if timeout is None else loop.call_later(timeout, turn)

        loop.add_reader(reactor.fileno(), turn)
        reactor.call_later(0.01, calls.append, "timer")
        turn()
        await asyncio.to_thread(reactor.execute, calls.append, "execute")
        stream, writer = await asyncio.open_connection(sock=client.sock)
        writer.write(b"ann\n")
        async with asyncio.timeout(PATIENCE):
            answer = await stream.readline()
            while len(calls) < 2:
                await asyncio.sleep(0.001)
        writer.close()
        loop.remove_reader(reactor.fileno())
        if timer is not None:
            timer.cancel()
        return answer

    client = serve(reactor)
    client.sock.setblocking(False)
    assert asyncio.run(main()) == b"Hello ann\n"
    assert sorted(calls) == ["execute", "timer"]


def test_two_reactors_in_one_thread_turn_by_turn(reactor: Reactor) -> None:
    with Reactor.open() as other, serve(reactor) as first, serve(other) as second:
        for client in (first, second):
            client.send(b"ann\n")
        until = time.monotonic() + PATIENCE
        while reactor.statistics().bytes_out + other.statistics().bytes_out < 20:
            assert time.monotonic() < until
            reactor.turn(0.001)
            other.turn(0.001)
        for client in (first, second):
            assert client.read(10) == b"Hello ann\n"


def test_two_reactors_in_two_threads() -> None:
    with Reactor.open() as one, Reactor.open() as two:
        clients = [serve(one), serve(two)]
        with one.in_thread(), two.in_thread():
            for client in clients:
                client.ask(b"ann")
                client.close()


# the descriptor


def readable(selector: Selector) -> bool:
    with selectors.DefaultSelector() as outer:
        outer.register(selector, selectors.EVENT_READ)
        return bool(outer.select(0))


def test_the_selector_s_descriptor_is_readable_while_a_selection_finds_something() -> None:
    with Selector.open(NATIVE) as selector:
        near, far = connected_pair(NATIVE)
        with near, far:
            assert not selector.has_changes
            key = near.register(selector, READ)
            assert selector.has_changes
            selector.select_now()
            assert not selector.has_changes
            assert not readable(selector)
            far.socket.send(b"x")
            assert selector.select(PATIENCE) == 1
            assert readable(selector)
            near.socket.recv(1)
            assert not readable(selector)
            selector.wakeup()
            assert readable(selector)
            selector.select_now()
            assert not readable(selector)
            key.cancel()
            assert selector.has_changes
            selector.select_now()
            assert not selector.has_changes


@pytest.mark.parametrize("name", ["poll", "select"])
def test_a_back_end_without_a_descriptor_says_so(name: str) -> None:
    refused = pytest.raises(io.UnsupportedOperation, match=f"{name} has no descriptor for another loop")
    with Reactor.open(provider=SelectorProvider.named(name)) as reactor, refused:
        reactor.fileno()


def test_a_closed_selector_has_no_descriptor() -> None:
    selector = Selector.open(NATIVE)
    selector.close()
    with pytest.raises(ClosedSelectorError):
        selector.fileno()
