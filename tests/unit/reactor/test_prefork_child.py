"""What runs in a child of Prefork, in this process: its reactor, the parent's orders, signals, and its last words."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from nio.buffers import ByteBuffer
from nio.channels import Pipe, SelectionKey, ServerSocketChannel
from nio.executors import WorkerPool
from nio.reactor import Acceptor, Handler, Reactor
from nio.reactor.groups._accept_balance import Seats
from nio.reactor.groups._child import ChildMain, Plan, Registration
from nio.reactor.groups._reports import READ_SIZE, Order, Told, Word, order, reports
from nio.spi import SelectorProvider
from tests.faults.helpers import Client
from tests.unit.reactor.group_support import dial
from tests.unit.reactor.support import PATIENCE, Gate, Greeter

ACCEPT = int(SelectionKey.OP_ACCEPT)


class Nursling:
    """A ChildMain, its listener, and its parent's ends of the pipes."""

    def __init__(self, factory: Any = Greeter, setup: Any = None, *, listeners: int = 1, **plan: Any) -> None:
        self.provider = plan.pop("provider", SelectorProvider.default())
        self.listeners = tuple(
            ServerSocketChannel.open(provider=self.provider).bind(("127.0.0.1", 0)) for _ in range(listeners)
        )
        self.orders = Pipe.open(provider=self.provider)
        self.reports = Pipe.open()
        self.reports.source.configure_blocking(False)
        self.reader, self.writer = self.provider.open_pipe()
        self.lifeline, self.hand = self.provider.open_pipe()
        self.acceptor = Acceptor(factory)
        options: dict[str, Any] = {"workers": 0, "max_connections": None, "drain": PATIENCE, **plan}
        self.plan = Plan(self.provider, setup, **options)
        self.plan.registrations.append(Registration(self.listeners, ACCEPT, self.acceptor))
        self.seats = Seats(self.provider, 2)
        self.seat, self.brother = self.seats.take(), self.seats.take()
        self.main = ChildMain(self.plan, 0, self.orders.source, self.writer, self.lifeline, self.seat)
        self.codes: list[int] = []
        self.told: list[Told] = []

    def order(self, word: Order, seconds: float = 0.0) -> None:
        self.orders.sink.write(order(word, seconds))

    def client(self) -> Client:
        return dial(self.listeners[0])

    def hear(self, word: Word) -> Told:
        """The next report of that kind."""
        while True:
            for told in self.told:
                if told.word is word:
                    self.told.remove(told)
                    return told
            assert self.provider.wait_for(self.reader.fileno(), 1, None, PATIENCE)
            buffer = bytearray(READ_SIZE)
            count = self.reader.recv_into(memoryview(buffer))
            self.told += reports(bytes(buffer[:count]))

    def close(self) -> None:
        self.orders.close()
        self.reports.close()
        for end in (self.reader, self.writer, self.lifeline, self.hand):
            end.close()
        for listener in self.listeners:
            listener.close()


@contextmanager
def child(factory: Any = Greeter, setup: Any = None, *, act: Any, **options: Any) -> Iterator[Nursling]:
    """Runs a child in this thread, the main one, while ``act(nursling)`` acts in another; to its end."""
    nursling = Nursling(factory, setup, **options)
    errors: list[BaseException] = []

    def play() -> None:
        try:
            act(nursling)
        except BaseException as error:
            errors.append(error)
            nursling.orders.sink.close()

    actor = threading.Thread(target=play)
    actor.start()
    try:
        nursling.codes.append(nursling.main.run())
        actor.join(PATIENCE)
        if errors:
            raise errors.pop()
        yield nursling
    finally:
        actor.join(PATIENCE)
        nursling.close()


def test_it_serves_says_so_and_drains_when_told(workers: int) -> None:
    def act(nursling: Nursling) -> None:
        assert nursling.hear(Word.READY).pid == os.getpid()
        client, idle = nursling.client(), nursling.client()
        client.ask(b"ann")
        nursling.order(Order.DRAIN, PATIENCE)
        assert client.read_to_end() == b"" == idle.read_to_end()
        client.close()
        idle.close()

    with child(act=act, workers=workers) as nursling:
        assert nursling.codes == [0]
        last = nursling.hear(Word.COUNTS)
        assert (last.counts.connections, last.counts.open, last.counts.requests) == (2, 0, 1)
        assert not nursling.listeners[0].is_open


@pytest.mark.parametrize("word", [Order.DRAIN, Order.RETIRE])
def test_its_brothers_know_how_many_connections_it_has_until_it_accepts_no_more(word: Order) -> None:
    counts: list[list[int]] = []

    def act(nursling: Nursling) -> None:
        first, second = nursling.client(), nursling.client()
        first.ask(b"ann")
        second.ask(b"bob")
        counts.append([taken for taken, _ in nursling.brother.others().values()])
        nursling.order(word, PATIENCE)
        assert first.read_to_end() == b"" == second.read_to_end()
        first.close()
        second.close()

    with child(act=act) as nursling:
        assert nursling.codes == [0]
        assert counts == [[2]]
        assert nursling.brother.others() == {}


def test_I04_the_parent_s_end_is_its_end() -> None:
    def act(nursling: Nursling) -> None:
        with nursling.client() as client:
            client.ask(b"ann")
            nursling.orders.sink.close()
            assert client.read_to(1) == b""

    with child(act=act) as nursling:
        assert nursling.codes == [0]


def test_I04_a_loop_that_is_stuck_ends_with_the_parent_too(monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate()
    exits: list[int] = []
    monkeypatch.setattr("nio.reactor.groups._child._MOMENT", 0.01)

    class Stuck(Greeter):
        def process(self, record: bytes) -> bytes | None:
            gate()
            return record

    class Provider(type(SelectorProvider.default())):  # type: ignore[misc]
        def exit_process(self, code: int) -> None:
            exits.append(code)
            gate.release.set()

    def act(nursling: Nursling) -> None:
        with nursling.client() as client:
            client.send(b"ann\n")
            assert gate.begun.acquire(timeout=PATIENCE)
            nursling.orders.sink.close()
            nursling.hand.close()
            assert client.read_to(4) in (b"", b"ann\n")

    with child(Stuck, act=act, provider=Provider(SelectorProvider.default().name)) as nursling:
        assert nursling.codes == [0]
    assert exits == [1]


def test_a_loop_that_notices_is_left_alone() -> None:
    def act(nursling: Nursling) -> None:
        nursling.hear(Word.READY)
        nursling.hand.close()
        nursling.orders.sink.close()

    with child(act=act) as nursling:
        assert nursling.codes == [0]


def slow(gate: Gate) -> type[Greeter]:
    """A handler whose replies wait for the gate."""

    class Slow(Greeter):
        def process(self, record: bytes) -> bytes | None:
            gate()
            return record

    return Slow


def test_while_it_drains_it_still_hears_the_parent() -> None:
    gate = Gate()

    def act(nursling: Nursling) -> None:
        with nursling.client() as client:
            client.send(b"ann\n")
            assert gate.begun.acquire(timeout=PATIENCE)
            nursling.order(Order.DRAIN, 1000)
            nursling.order(Order.COUNT)
            nursling.hear(Word.COUNTS)
            nursling.orders.sink.close()
            assert client.read_to(1) == b""
            gate.release.set()

    with child(slow(gate), act=act, workers=1) as nursling:
        assert nursling.codes == [0]


def test_it_is_cut_when_the_drain_time_is_over() -> None:
    gate = Gate()

    def act(nursling: Nursling) -> None:
        with nursling.client() as client:
            client.send(b"ann\n")
            assert gate.begun.acquire(timeout=PATIENCE)
            nursling.order(Order.DRAIN, 0.01)
            assert client.read_to(1) == b""
            gate.release.set()

    with child(slow(gate), act=act, workers=1) as nursling:
        assert nursling.hear(Word.COUNTS).counts.abandoned == 1


def test_who_retires_leaves_the_queue_to_others_and_waits_for_first_requests() -> None:
    def act(nursling: Nursling) -> None:
        client = nursling.client()
        client.ask(b"ann")
        early = nursling.client()
        while nursling.main._reactor.statistics().connections < 2:  # type: ignore[union-attr]
            pass
        nursling.order(Order.RETIRE, PATIENCE)
        while nursling.listeners[0].is_open:
            pass
        early.ask(b"first request")
        client.ask(b"again")
        assert early.read_to_end() == b"" == client.read_to_end()
        early.close()
        client.close()

    with child(act=act) as nursling:
        assert nursling.codes == [0]
        assert nursling.hear(Word.COUNTS).counts.requests == 3


def test_a_handler_that_stops_its_reactor_stops_the_server() -> None:
    class Stopper(Greeter):
        def process(self, record: bytes) -> bytes | None:
            self.reactor.stop(PATIENCE)
            return record

    def act(nursling: Nursling) -> None:
        with nursling.client() as client:
            client.send(b"ann\n")
            assert client.read_to_end() == b"ann\n"

    with child(Stopper, act=act) as nursling:
        assert nursling.hear(Word.STOP).drain == PATIENCE


def test_SIGTERM_drains_this_one_and_a_second_ends_it_and_others_are_the_parent_s() -> None:
    gate = Gate()

    def act(nursling: Nursling) -> None:
        with nursling.client() as client:
            client.send(b"ann\n")
            assert gate.begun.acquire(timeout=PATIENCE)
            for number in (signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
                os.kill(os.getpid(), number)
            with nursling.client() as another:
                another.send(b"x")
                os.kill(os.getpid(), signal.SIGTERM)
                assert another.read_to(1) == b""
            os.kill(os.getpid(), signal.SIGTERM)
            assert client.read_to(1) == b""
            gate.release.set()

    with child(slow(gate), act=act, workers=1) as nursling:
        assert nursling.codes == [0]


def test_a_SIGTERM_before_the_reactor_is_there_is_not_lost() -> None:
    nursling = Nursling()
    nursling.main._signalled("SIGTERM")
    assert nursling.main.run() == 0
    nursling.close()


def test_setup_is_called_with_the_reactor() -> None:
    seen: list[Reactor] = []

    def setup(reactor: Reactor) -> None:
        seen.append(reactor)
        reactor.call_later(0, reactor.stop)

    with child(setup=setup, act=lambda nursling: nursling.hear(Word.STOP)) as nursling:
        assert nursling.codes == [0]
        assert seen[0].statistics().turns > 0


@pytest.mark.parametrize(("error", "code"), [((ValueError, "no"), 1), ((SystemExit, 3), 3), ((SystemExit, "why"), 1)])
def test_a_setup_that_raises_ends_the_child(
    error: tuple[type[BaseException], object], code: int, caplog: pytest.LogCaptureFixture
) -> None:
    def setup(reactor: Reactor) -> None:
        raise error[0](error[1])

    with child(setup=setup, act=lambda nursling: None) as nursling:
        assert nursling.codes == [code]
    assert ("cannot serve" in caplog.text) == (error[0] is ValueError)
    caplog.clear()


def test_I07_a_listener_that_all_have_is_shared_and_of_the_others_own_ones_the_copies_are_closed() -> None:
    shared: list[Any] = []

    class Watched(type(SelectorProvider.default())):  # type: ignore[misc]
        def share_listener(self, listener: Any) -> None:
            shared.append(listener)

    for count in (1, 3):
        shared.clear()
        nursling = Nursling(listeners=count)
        nursling.plan.provider = Watched(nursling.provider.name)
        with ServerSocketChannel.open() as another:
            nursling.plan.registrations.append(Registration((another,), ACCEPT, Handler()))
            nursling.main._share()
            assert len(shared) == (2 if count == 1 else 1)
        assert nursling.acceptor.accepts_per_turn == (1 if count == 1 else 16)
        assert [listener.is_open for listener in nursling.listeners] == [True] + [False] * (count - 1)
        nursling.close()


def test_what_is_no_listener_is_registered_too_and_stays_when_it_retires() -> None:
    class Reader(Handler):
        got = b""

        def handle_read(self) -> None:
            buffer = ByteBuffer.allocate(100)
            self.channel.read(buffer)  # type: ignore[attr-defined]
            Reader.got += bytes(buffer.flip())
            self.reactor.stop()

    pipe = Pipe.open()
    nursling = Nursling()
    nursling.plan.registrations.append(Registration((pipe.source,), SelectionKey.OP_READ, Reader()))
    pipe.sink.write(b"abc")
    nursling.order(Order.RETIRE, PATIENCE)
    assert nursling.main.run() == 0
    assert Reader.got == b"abc"
    nursling.close()
    pipe.close()


def test_workers_are_made_in_the_child() -> None:
    with child(act=lambda nursling: nursling.orders.sink.close(), workers=lambda: WorkerPool(1)) as nursling:
        assert nursling.codes == [0]


def test_a_parent_that_cannot_be_told_is_no_reason_to_end() -> None:
    nursling = Nursling(setup=lambda reactor: reactor.call_later(0, reactor.stop))
    nursling.reader.close()
    assert nursling.main.run() == 0
    nursling.close()
