"""How a ReactorGroup ends: stopped, drained, left by an exception, forked."""

from __future__ import annotations

import logging
import os
import signal
import threading

import pytest

from nio.channels import SelectionKey, ServerSocketChannel
from nio.errors import ClosedSelectorError, IllegalStateError
from nio.reactor import Acceptor, CloseReason, Handler, ReactorGroup
from nio.reactor.groups import _reactor_group
from tests.contract.test_fork import in_child
from tests.unit.reactor.group_support import GroupServer, dial
from tests.unit.reactor.support import PATIENCE, Gate, Greeter, Manual, in_a_thread

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

        in_child(server.group.close)
        gate.release.set()
        client.ask(b"bob")
        late.ask(b"late")
        late.close()


def test_I01_in_a_child_what_was_on_its_way_is_closed_too(caplog: pytest.LogCaptureFixture) -> None:
    listener = ServerSocketChannel.open().bind(("127.0.0.1", 0))
    with listener, ReactorGroup.open(reactors=1) as group, dial(listener) as client:
        channel = listener.accept()
        assert channel is not None
        sub = group._subs[0]
        sub.dealt += 1
        sub.post(sub.arrive, Acceptor(Greeter).admit_to, channel)
        sub.post(sub.fail, ValueError("a tick that the parent runs"))
        for selector in (group._selector, sub._selector):
            selector._forget()
        group.close()
        assert not channel.is_open
        assert client.read_to(1) == b""
    assert caplog.text == ""


def test_I01_a_fork_in_a_sub_reactor_s_thread() -> None:
    class Forking(Greeter):
        def process(self, record: bytes) -> bytes | None:
            in_child(server.group.close)
            return super().process(record)

    with GroupServer(Forking) as server, server.client() as client:
        client.ask(b"ann")
        client.ask(b"bob")


def test_no_place_is_lost_to_a_handler_that_leaves(caplog: pytest.LogCaptureFixture) -> None:
    class Gone(Handler):
        pass

    with caplog.at_level(logging.ERROR), GroupServer(Gone, reactors=1) as server:
        with server.client() as client:
            client.send(b"x")
            assert client.read_to(1) == b""
        server.until(lambda: server.group.admission.taken == 0)
