"""How one of a group's reactors dies, and what that costs."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from nio.channels import SelectionKey, ServerSocketChannel
from nio.errors import IllegalStateError, WorkersLostError
from nio.reactor import Acceptor, CloseReason, ReactorGroup
from nio.spi import Thread
from tests.unit.reactor.group_support import DeadlyKernel, GroupServer, Placed, dial
from tests.unit.reactor.support import PATIENCE, Gate, Greeter, Kernel, Manual

ACCEPT = SelectionKey.OP_ACCEPT


def kill(server: GroupServer, kernel: DeadlyKernel, name: str) -> None:
    kernel.doomed.add(name)
    next(sub for sub in server.group._subs if sub.name == name).wakeup()


def test_a_sub_reactor_that_dies_costs_its_own_connections_and_is_named(caplog: pytest.LogCaptureFixture) -> None:
    kernel = DeadlyKernel()
    with GroupServer(provider=kernel, reactors=3) as server:
        clients = [server.client() for _ in range(6)]
        for client in clients:
            client.ask(b"ann")
        kill(server, kernel, "reactor-2")
        assert [clients[number].read_to(1) for number in (1, 4)] == [b"", b""]
        server.until(lambda: "dead" in repr(server.group))
        for number in (0, 2, 3, 5):
            clients[number].ask(b"bob")
        more = [server.client() for _ in range(4)]
        for client in more:
            client.ask(b"late")
        names = [handler.threads[1] for handler in server.handlers[6:]]
        assert sorted(names) == ["reactor-1", "reactor-1", "reactor-3", "reactor-3"]
        dead = [handler for handler in server.handlers if handler.threads[1] == "reactor-2"]
        assert [handler.threads[-1] for handler in dead] == ["reactor-2"] * 2
        assert [handler.reasons for handler in dead] == [[CloseReason.LOCAL]] * 2
        assert server.group.admission.taken == 8
        for client in clients + more:
            client.close()
        server.group.stop(PATIENCE)
        server.ended()
        assert not server.errors
    assert "reactor-2 has died, and with it its connections, 2; 2 of 3 serve on" in caplog.text
    assert "the poller broke" in caplog.text


def test_when_the_last_sub_reactor_has_died_run_raises() -> None:
    kernel = DeadlyKernel()
    with GroupServer(provider=kernel, reactors=2) as server:
        kill(server, kernel, "reactor-1")
        server.until(lambda: "dead" in repr(server.group))
        kill(server, kernel, "reactor-2")
        server.ended()
        assert [type(error) for error in server.errors] == [IllegalStateError]
        assert "the last of them was reactor-2" in str(server.errors[0])
        assert isinstance(server.errors[0].__cause__, OSError)


def test_a_sub_reactor_that_dies_while_all_drain_ends_the_drain() -> None:
    kernel = DeadlyKernel()
    manual = Manual()
    with GroupServer(provider=kernel, reactors=2, workers=manual) as server, server.client() as client:
        client.send(b"ann\n")
        server.until(lambda: manual.submitted)
        server.group.stop(1000)
        server.until(lambda: "draining" in repr(server.group))
        kill(server, kernel, "reactor-1")
        assert client.read_to(1) == b""
        server.ended()
        assert not server.errors


def test_a_handler_that_closes_its_reactor_closes_that_one() -> None:
    class Closer(Placed):
        def process(self, record: bytes) -> bytes | None:
            if record == b"close":
                self.reactor.close()
            return super().process(record)

    with GroupServer(Closer) as server:
        clients = [server.client() for _ in range(2)]
        for client in clients:
            client.ask(b"ann")
        clients[0].send(b"close\n")
        assert clients[0].read_to(1) == b""
        server.until(lambda: "dead" in repr(server.group))
        clients[1].ask(b"bob")
        for client in clients:
            client.close()


class Hollow(Kernel):
    """The first thread that is started does nothing and ends without a word."""

    def __init__(self) -> None:
        super().__init__(real_time=True)
        self.hollow: list[Thread] = []

    def start_thread(self, target: Callable[..., object], *args: object, name: str) -> Thread:  # type: ignore[override]
        if self.hollow:
            return super().start_thread(target, *args, name=name)
        self.hollow.append(super().start_thread(lambda: None, name=name))
        self.hollow[0].join(PATIENCE)
        return self.hollow[0]


def test_a_thread_that_ended_without_a_word_is_found_when_a_connection_comes() -> None:
    with GroupServer(provider=Hollow(), reactors=2) as server:
        clients = [server.client() for _ in range(3)]
        for client in clients:
            client.ask(b"ann")
        assert "connections=[dead, 3]" in repr(server.group)
        for client in clients:
            client.close()


def test_a_connection_on_its_way_to_the_dead_goes_to_a_living_one() -> None:
    kernel = DeadlyKernel()
    with GroupServer(provider=kernel, reactors=2) as server:
        doomed = server.group._subs[0]
        gate = Gate()
        doomed.execute(gate)
        assert gate.begun.acquire(timeout=PATIENCE)
        clients = [server.client() for _ in range(2)]
        server.until(lambda: [sub.dealt for sub in server.group._subs] == [1, 1])
        kernel.doomed.add("reactor-1")
        gate.release.set()
        for client in clients:
            client.ask(b"ann")
        assert {handler.threads[-1] for handler in server.handlers} == {"reactor-2"}
        server.until(lambda: server.group.admission.taken == 2)  # the dying thread gives its place back last
        for client in clients:
            client.close()


def test_WorkersLost_leaves_run_as_with_one_reactor() -> None:
    from concurrent.futures import BrokenExecutor

    class Broken(Manual):
        def submit(self, fn: Callable[..., object], /, *args: object, **kwargs: object):  # type: ignore[no-untyped-def]
            raise BrokenExecutor("a worker was killed")

    with GroupServer(workers=Broken()) as server, server.client() as client:
        client.send(b"ann\n")
        server.ended()
        assert [type(error) for error in server.errors] == [WorkersLostError]


def test_a_connection_that_comes_when_nobody_is_left_is_closed() -> None:
    with ReactorGroup.open(reactors=1) as group:
        listener = ServerSocketChannel.open().bind(("127.0.0.1", 0))
        group.register(listener, ACCEPT, Acceptor(Greeter))
        with dial(listener) as client:
            client.send(b"ann\n")
            group._subs[0].bury()
            group.turn(1)
            assert client.read_to(1) == b""
        assert group.admission.taken == 0


def test_J04_a_connection_dealt_to_one_that_has_closed_itself_goes_to_another() -> None:
    with GroupServer() as server:
        first = server.group._subs[0]
        gate = Gate()

        def leave() -> None:
            first.close()
            gate()

        first.execute(leave)
        assert gate.begun.acquire(timeout=PATIENCE)
        with server.client() as client:
            server.until(lambda: first.dealt == 1)
            gate.release.set()
            client.ask(b"ann")
