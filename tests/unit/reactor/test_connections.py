"""reactor.connections(): what there is."""

from __future__ import annotations

import threading

import pytest

from nio.channels import SelectionKey
from nio.errors import IllegalStateError
from nio.reactor import ConnectionInfo, Handler
from nio.reactor.loop._connection_info import ConnectionTable
from tests.unit.reactor.support import Greeter, Silent, World

READ, WRITE = int(SelectionKey.OP_READ), int(SelectionKey.OP_WRITE)


def test_each_connection_is_told_in_the_order_they_came() -> None:
    with World(Silent) as world:
        assert world.reactor.connections() == ()
        ann = world.connect()
        world.advance(2)
        bob = world.connect()
        world.advance(3)
        peers = [peer.sock.getsockname() for peer in (ann, bob)]
        assert world.reactor.connections() == (
            ConnectionInfo("Silent", peers[0], "reading", READ, 0, 5.0, 5.0),
            ConnectionInfo("Silent", peers[1], "reading", READ, 0, 3.0, 3.0),
        )


def test_state_queue_and_idle_time_are_those_of_now() -> None:
    with World(Greeter) as world:
        ann = world.connect()
        world.advance(4)
        ann.send(b"ann\n")
        ann.read(10)
        world.advance(1)
        world.kernel.room = 0
        world.handler.write(b"x" * 100)
        world.turns()
        [info] = world.reactor.connections()
        assert (info.state, info.interest, info.queued, info.age) == ("reading", READ | WRITE, 100, 5.0)
        assert info.idle <= 1.0
        world.handler.close()
        assert world.reactor.connections() == ()


def test_one_that_somebody_has_closed_is_told_without_an_error() -> None:
    with World(Greeter) as world:
        world.connect()
        world.handler.channel.close()
        [info] = world.reactor.connections()
        assert (info.peer, info.interest) == (None, 0)


def test_a_handler_that_keeps_no_account() -> None:
    with World(Handler) as world:
        peer = world.connect()
        [info] = world.reactor.connections()
        assert info == ConnectionInfo("Handler", peer.sock.getsockname(), "open", READ, 0, 0.0, 0.0)


def test_one_that_cannot_describe_itself_costs_nobody_the_view(caplog: pytest.LogCaptureFixture) -> None:
    class Wrong(Greeter):
        def describe(self) -> ConnectionInfo:
            raise error

    error: BaseException = ZeroDivisionError()
    with World(Wrong) as world:
        world.connect()
        world.factory = Greeter
        other = world.connect()
        assert [(info.handler, info.peer, info.state) for info in world.reactor.connections()] == [
            ("Wrong", None, "unknown"),
            ("Greeter", other.sock.getsockname(), "reading"),
        ]
        assert "Wrong.describe raised" in caplog.text
        assert not world.handlers[0].reasons
        error = KeyboardInterrupt()
        with pytest.raises(KeyboardInterrupt):
            world.reactor.connections()


def test_it_is_for_the_reactors_thread() -> None:
    with World() as world:
        errors: list[BaseException] = []

        def ask() -> None:
            try:
                world.reactor.connections()
            except IllegalStateError as error:
                errors.append(error)

        def tick() -> None:
            thread = threading.Thread(target=ask)
            thread.start()
            thread.join()

        world.reactor.execute(tick)
        world.turns()
        with pytest.raises(IllegalStateError, match=r"connections\(\) belongs to the thread that runs the reactor"):
            raise errors[0]


def test_printed_they_are_a_table() -> None:
    with World(Silent) as world:
        assert str(world.reactor.connections()).split() == [
            "handler", "peer", "state", "interest", "queued", "age", "idle",
        ]  # fmt: skip
    table = ConnectionTable(
        [
            ConnectionInfo("HelloHandler", ("127.0.0.1", 59914), "reading", READ, 0, 4.2, 0.1),
            ConnectionInfo("Echo", ("::1", 80, 0, 0), "sending", READ | WRITE, 1048576, 12345.0, 0.0),
            ConnectionInfo("Echo", "/run/x", "open", 8, 0, 0.0, 0.0),
            ConnectionInfo("Listener", None, "open", 16, 0, 0.0, 0.0),
        ]
    )
    assert str(table) == "\n".join(
        (
            "handler       peer             state    interest     queued        age   idle",
            "HelloHandler  127.0.0.1:59914  reading  R...              0      4.2 s  0.1 s",
            "Echo          [::1]:80         sending  RW..      1,048,576  12345.0 s  0.0 s",
            "Echo          /run/x           open     ..C.              0      0.0 s  0.0 s",
            "Listener      -                open     ...A              0      0.0 s  0.0 s",
        )
    )
