"""How a ReactorGroup ends: stopped, drained, left by an exception, forked; and how one of its reactors dies."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable

import pytest

from nio.channels import SelectionKey, ServerSocketChannel
from nio.errors import ClosedSelectorError, IllegalStateError, WorkersLostError
from nio.reactor import Acceptor, CloseReason, Handler, ReactorGroup
from nio.reactor.groups import _reactor_group
from nio.spi import Thread
from tests.contract.test_fork import in_child
from tests.unit.reactor.group_support import DeadlyKernel, GroupServer, Placed, dial
from tests.unit.reactor.support import PATIENCE, Gate, Greeter, Kernel, Manual, in_a_thread

ACCEPT = SelectionKey.OP_ACCEPT


class Stopper(Greeter):
    """Ends the server when it is told to."""

    def process(self, record: bytes) -> bytes | None:
        if record == b"stop":
            self.reactor.stop()
        if record == b"drain":
            self.reactor.stop(5)
        return b"Hello " + record


# stopping


def test_J01_stopped_before_it_runs() -> None:
    with ReactorGroup.open(reactors=2) as group:
        group.stop()
        group.run()
        group.stop()
        group.stop(1)
    with ReactorGroup.open(reactors=2) as group:
        group.stop(1)
        group.run()
    group.stop()


def test_J01_stopped_twice_and_from_another_thread() -> None:
    with GroupServer() as server:
        in_a_thread(server.group.stop)
        in_a_thread(server.group.stop)
        server.ended()
        assert not server.errors


def test_it_can_run_again_with_all_its_connections() -> None:
    with ReactorGroup.open(reactors=2) as group:
        listener = ServerSocketChannel.open().bind(("127.0.0.1", 0))
        group.register(listener, ACCEPT, Acceptor(Greeter))
        with group.in_thread():
            clients = [dial(listener) for _ in range(4)]
            for client in clients:
                client.ask(b"ann")
        for drain in (None, PATIENCE):
            with group.in_thread(drain=drain):
                for client in clients:
                    client.ask(b"bob")
        with group.in_thread():
            for client in clients:
                assert client.read_to_end() == b""
                client.close()
        assert group.statistics().timers == 0


def test_errors_of_sub_reactors_are_told_to_whoever_hears_the_group_s() -> None:
    heard: list[tuple[str, str, str]] = []

    def hear(error: BaseException, kind: str) -> None:
        heard.append((str(error), kind, threading.current_thread().name))

    class Faulty(Greeter):
        def on_open(self) -> None:
            self.reactor.execute(self.fail)

        @staticmethod
        def fail() -> None:
            raise ValueError("a tick")

    group = ReactorGroup.open(reactors=1)
    group.on_error(hear)
    with group, group.in_thread():
        listener = ServerSocketChannel.open().bind(("127.0.0.1", 0))
        group.execute(group.register, listener, ACCEPT, Acceptor(Faulty))
        with dial(listener) as client:
            client.ask(b"ann")
            client.ask(b"bob")
    assert heard == [("a tick", "tick", "reactor-1")]


@pytest.mark.parametrize("word", [b"stop", b"drain"])
def test_J01_stopped_by_a_handler_of_a_sub_reactor(word: bytes) -> None:
    with GroupServer(Stopper) as server, server.client() as client:
        client.ask(b"ann")
        client.send(word + b"\n")
        server.ended()
        assert not server.errors
        if word == b"drain":
            assert client.read_to_end() == b"Hello drain\n"


def test_J01_stopped_by_a_worker_and_on_the_main_reactor_s_thread() -> None:
    for act in ("worker", "main"):
        with GroupServer(Stopper, workers=2) as server, server.client() as client:
            client.ask(b"ann")
            if act == "worker":
                client.send(b"stop\n")
            else:
                server.group.execute(server.group.stop)
            server.ended()
            assert not server.errors


def test_J01_stopped_by_a_signal() -> None:
    with ReactorGroup.open(reactors=2) as group:
        group.execute(os.kill, os.getpid(), signal.SIGUSR1)
        previous = signal.signal(signal.SIGUSR1, lambda *_: group.stop())
        try:
            group.run()
        finally:
            signal.signal(signal.SIGUSR1, previous)


def test_J02_J03_what_was_received_is_answered_and_who_is_idle_goes() -> None:
    gate = Gate()

    class Slow(Greeter):
        def process(self, record: bytes) -> bytes | None:
            gate()
            return b"Hello " + record

    with GroupServer(Slow, reactors=2, workers=2) as server, gate:
        idle, busy = server.client(), server.client()
        busy.send(b"ann\n")
        assert gate.begun.acquire(timeout=PATIENCE)
        server.group.stop(PATIENCE)
        assert idle.read_to_end() == b""
        gate.release.set()
        assert busy.read_to_end() == b"Hello ann\n"
        idle.close()
        busy.close()
        server.ended()
        assert dict(server.group.statistics().closed) == {CloseReason.DRAIN: 2}


def test_J02_what_the_kernel_has_accepted_is_dealt_and_answered() -> None:
    with ReactorGroup.open(reactors=2) as group:
        listener = ServerSocketChannel.open().bind(("127.0.0.1", 0))
        group.register(listener, ACCEPT, Acceptor(Greeter))
        clients = [dial(listener) for _ in range(40)]
        for client in clients:
            client.send(b"ann\n")
            client.half_close()
        group.stop(PATIENCE)
        group.run()
        for client in clients:
            assert client.read_to_end() == b"Hello ann\n"
            client.close()
        assert not listener.is_open


def test_J06_who_does_not_end_is_cut_and_counted() -> None:
    manual = Manual()
    with GroupServer(reactors=2, workers=manual) as server, server.client() as client:
        client.send(b"ann\n")
        server.until(lambda: manual.submitted)
        server.group.stop(0.05)
        server.ended()
        assert server.group.statistics().abandoned == 1


def test_stopping_at_once_overrules_draining() -> None:
    manual = Manual()
    with GroupServer(reactors=2, workers=manual) as server, server.client() as client:
        client.send(b"ann\n")
        server.until(lambda: manual.submitted)
        server.group.stop(1000)
        server.group.stop(2000)
        server.until(lambda: "draining" in repr(server.group))
        server.group.stop()
        server.ended()
        assert server.group.statistics().abandoned == 0


def test_H09_signals_and_ticks_are_heard_while_the_sub_reactors_drain() -> None:
    manual = Manual()
    heard: list[str] = []
    with GroupServer(reactors=1, workers=manual) as server, server.client() as client:
        client.send(b"ann\n")
        server.until(lambda: manual.submitted)
        server.group.stop(1000)
        server.until(lambda: "draining" in repr(server.group))
        server.group.execute(heard.append, "a tick")
        server.until(lambda: heard)
        manual.run_one()
        assert client.read_to_end() == b"Hello ann\n"
        client.close()
        server.ended()


def test_J07_a_thread_that_does_not_come_back_is_named(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(_reactor_group, "_PATIENCE", 0.01)
    gate = Gate()

    class Stuck(Greeter):
        def process(self, record: bytes) -> bytes | None:
            gate()
            return None

    with GroupServer(Stuck, reactors=2) as server:
        client = server.client()
        client.send(b"ann\n")
        assert gate.begun.acquire(timeout=PATIENCE)
        server.group.stop(0.01)
        server.ended()
        server.group.close()
        gate.release.set()
        for sub in server.group._subs:
            assert sub.thread is not None
            sub.thread.join(PATIENCE)
            sub.bury()
        client.close()
    assert "still busy after 0.01 s, left behind: reactor-1" in caplog.text


# exceptions that leave run()


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_what_leaves_run_leaves_it_from_every_thread(kind: type[BaseException]) -> None:
    class Leaver(Greeter):
        def process(self, record: bytes) -> bytes | None:
            if record == b"leave":
                raise kind("from a handler")
            return b"Hello " + record

    with ReactorGroup.open(reactors=2) as group:
        listener = ServerSocketChannel.open().bind(("127.0.0.1", 0))
        group.register(listener, ACCEPT, Acceptor(Leaver))
        leaver, other = (dial(listener) for _ in range(2))
        leaver.send(b"leave\n")
        with pytest.raises(kind, match="from a handler"):
            group.run()
        again = threading.Thread(target=group.run)
        again.start()
        other.ask(b"ann")
        late = dial(listener)
        late.ask(b"bob")
        assert leaver.read_to(1) == b""
        group.stop()
        again.join(PATIENCE)
        for client in (leaver, other, late):
            client.close()


def test_an_interrupt_of_the_main_reactor_leaves_the_others_at_work() -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    with ReactorGroup.open(reactors=1) as group:
        listener = ServerSocketChannel.open().bind(("127.0.0.1", 0))
        group.register(listener, ACCEPT, Acceptor(Greeter))
        with dial(listener) as client:
            client.send(b"ann\n")
            group.turn(1)
            assert client.read(10) == b"Hello ann\n"
            group.execute(interrupt)
            with pytest.raises(KeyboardInterrupt):
                group.run()
            client.ask(b"bob")


# a sub reactor that dies


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
        assert server.group.admission.taken == 2
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


# closing


def test_J04_closed_while_connections_are_on_their_way() -> None:
    with ReactorGroup.open(reactors=2) as group:
        listener = ServerSocketChannel.open().bind(("127.0.0.1", 0))
        group.register(listener, ACCEPT, Acceptor(Greeter))
        gates = [Gate(), Gate()]
        clients = [dial(listener) for _ in range(2)]
        group._start()
        for sub, gate in zip(group._subs, gates, strict=True):
            sub.execute(gate)
            assert gate.begun.acquire(timeout=PATIENCE)
        group.turn(1)
        while sum(sub.dealt for sub in group._subs) < 2:
            group.turn(1)
        group.stop()
        for gate in gates:
            gate.release.set()
        group.close()
        group.close()
        for client in clients:
            assert client.read_to(1) == b""
            client.close()


def test_a_closed_group_turns_and_runs_no_more() -> None:
    with ReactorGroup.open(reactors=1) as group:
        pass
    group.run()
    with pytest.raises(ClosedSelectorError):
        group.turn(0)


def test_close_belongs_to_the_thread_that_runs_it() -> None:
    with GroupServer() as server:
        server.until(lambda: server.group.owner.thread)
        with pytest.raises(IllegalStateError, match="close"):
            server.group.close()


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_I01_a_forked_child_closes_its_copies_and_the_parent_serves_on() -> None:
    with GroupServer() as server, server.client() as client:
        client.ask(b"ann")
        held = server.group._subs[1]
        gate = Gate()
        held.execute(gate)
        assert gate.begun.acquire(timeout=PATIENCE)
        late = server.client()
        server.until(lambda: held.dealt == 1)

        def leave() -> None:
            server.group.owner.thread = None  # the thread that runs it is not here
            server.group.close()

        in_child(leave)
        gate.release.set()
        client.ask(b"bob")
        late.ask(b"late")
        late.close()


def test_I01_in_a_child_what_was_on_its_way_is_closed_too() -> None:
    listener = ServerSocketChannel.open().bind(("127.0.0.1", 0))
    with listener, ReactorGroup.open(reactors=1) as group, dial(listener) as client:
        channel = listener.accept()
        assert channel is not None
        sub = group._subs[0]
        group.admission.enter()
        sub.post(sub.arrive, Acceptor(Greeter).admit_to, channel)
        for selector in (group._selector, sub._selector):
            selector._forget()
        group.close()
        assert not channel.is_open
        assert client.read_to(1) == b""


def test_no_place_is_lost_to_a_handler_that_leaves(caplog: pytest.LogCaptureFixture) -> None:
    class Gone(Handler):
        pass

    with caplog.at_level(logging.ERROR), GroupServer(Gone, reactors=1) as server:
        with server.client() as client:
            client.send(b"x")
            assert client.read_to(1) == b""
        server.until(lambda: server.group.admission.taken == 0)
