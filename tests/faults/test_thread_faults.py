"""One thread owns the reactor: what others may call travels, and what they may not is refused in words."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable

import pytest

from nio.channels import SelectionKey, ServerSocketChannel
from nio.errors import IllegalStateError
from nio.reactor import Acceptor, CloseReason, Reactor
from tests.faults.helpers import Server
from tests.helpers import Background
from tests.unit.reactor.support import PATIENCE, Greeter, World, in_a_thread, run


def register(reactor: Reactor) -> None:
    with ServerSocketChannel.open().bind(("127.0.0.1", 0)) as listener:
        reactor.register(listener, SelectionKey.OP_ACCEPT, Acceptor(Greeter))


CALLS: dict[str, Callable[[Reactor], object]] = {
    "register": register,
    "call_later": lambda reactor: reactor.call_later(0, int),
    "call_at": lambda reactor: reactor.call_at(0, int),
    "turn": lambda reactor: reactor.turn(0),
    "run": lambda reactor: reactor.run(),
    "close": lambda reactor: reactor.close(),
}


@pytest.mark.parametrize("name", CALLS)
def test_what_belongs_to_the_reactor_s_thread_is_refused_elsewhere(name: str, workers: int) -> None:
    with Server(workers=workers) as server, server.client() as client:
        client.ask(b"ann")
        owner = server.call(threading.get_ident)
        with pytest.raises(IllegalStateError) as caught:
            Background(CALLS[name], server.reactor).result()
        text = str(caught.value)
        assert text.startswith(f"{name}()")
        assert str(owner) in text
        assert "execute" in text
        assert len({word for word in text.replace(":", " ").split() if word.strip("()").isdigit()}) == 2
        client.ask(b"bob")


@pytest.mark.parametrize("name", ["run", "turn"])
@pytest.mark.parametrize("where", ["tick", "timer", "process"])
def test_run_and_turn_inside_themselves_are_refused(name: str, where: str, workers: int) -> None:
    caught: list[str] = []

    def attempt() -> None:
        with pytest.raises(IllegalStateError) as error:
            CALLS[name](server.reactor)
        caught.append(str(error.value))
        done.set()

    class Nested(Greeter):
        def process(self, record: bytes) -> bytes | None:
            if record == b"nest":
                attempt()
            return super().process(record)

    done = threading.Event()
    with Server(Nested, workers=workers) as server, server.client() as client:
        if where == "tick":
            server.reactor.execute(attempt)
        elif where == "timer":
            server.reactor.execute(server.reactor.call_later, 0, attempt)
        else:
            client.ask(b"nest")
        assert done.wait(PATIENCE)
        assert name in caught[0]
        client.ask(b"ann")
        turns = server.reactor.statistics().turns
        client.ask(b"bob")
        assert server.reactor.statistics().turns - turns < 100  # it does not spin


def test_a_signal_after_a_refused_run_is_handled_and_does_not_spin() -> None:
    heard: list[int] = []
    with World() as world:
        reactor = world.reactor
        peer = world.connect()
        previous = signal.signal(signal.SIGUSR1, lambda number, frame: heard.append(number))

        def nested() -> None:
            with pytest.raises(IllegalStateError, match="inside"):
                reactor.run()
            signal.raise_signal(signal.SIGUSR1)
            reactor.execute(before)

        def before() -> None:
            threading.Timer(0.1, reactor.stop).start()
            turns.append(reactor.statistics().turns)

        turns: list[int] = []
        try:
            reactor.execute(nested)
            run(reactor)
        finally:
            signal.signal(signal.SIGUSR1, previous)
        assert heard == [signal.SIGUSR1]
        assert reactor.statistics().turns - turns[0] < 50
        peer.close()


def test_what_another_thread_sends_arrives_in_its_order(workers: int) -> None:
    with Server(workers=workers) as server, server.client() as client:
        client.ask(b"ann")
        handler = server.handlers[0]

        def talk() -> None:
            for number in range(200):
                assert handler.send(b"%d" % number)
            handler.write(b"raw\n")
            handler.finish()

        in_a_thread(talk)
        assert client.read_to_end() == b"".join(b"%d\n" % number for number in range(200)) + b"raw\n"


def test_close_from_another_thread_travels_behind_what_that_one_sent(workers: int) -> None:
    with Server(workers=workers) as server, server.client() as client:
        client.ask(b"ann")
        handler = server.handlers[0]
        in_a_thread(handler.close)
        assert client.read_to_end() == b""
        server.until(lambda: handler.reasons == [CloseReason.LOCAL])


def test_from_a_signal_handler_a_send_travels_by_execute() -> None:
    with World() as world:
        peer = world.connect()
        handler = world.handler
        previous = signal.signal(signal.SIGUSR1, lambda *_: world.reactor.execute(handler.send, b"signal"))
        try:
            world.reactor.execute(signal.raise_signal, signal.SIGUSR1)
            assert peer.read(7) == b"signal\n"
        finally:
            signal.signal(signal.SIGUSR1, previous)


def test_after_close_nothing_raises_and_nothing_is_sent(workers: int) -> None:
    with World(workers=workers) as world:
        world.connect()
        handler = world.handler
        world.reactor.close()
        assert handler.send(b"x") is False
        assert Background(handler.send, b"x").result() is False
        for act in (handler.finish, handler.close, handler.suspend, handler.resume):
            act()
            in_a_thread(act)
        assert handler.reasons == [CloseReason.LOCAL]


def test_close_from_another_thread_when_nobody_runs_it_closes_at_once(workers: int) -> None:
    with World(workers=workers) as world:
        world.connect()
        in_a_thread(world.reactor.close)
        assert world.handler.reasons == [CloseReason.LOCAL]
        assert not world.handler.channel.is_open


def test_before_run_everything_is_legal_and_happens_when_it_runs(workers: int) -> None:
    done: list[int] = []
    with World(workers=workers) as world:
        in_a_thread(world.reactor.call_later, 0, done.append, 1)
        in_a_thread(world.reactor.execute, done.append, 2)
        world.turns()
        assert sorted(done) == [1, 2]


def test_a_thread_may_take_a_reactor_over_from_another() -> None:
    with World() as world:
        peer = world.connect()  # turned here
        in_a_thread(world.reactor.turn, 0)
        world.handler.send(b"ann")  # from here it travels now, and arrives
        in_a_thread(world.turns)
        assert peer.read(4) == b"ann\n"
