"""One turn: its order, its ticks, the connections of one selection, and turns that come to nothing."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

import pytest

from nio.channels import Pipe, SelectionKey
from nio.errors import IllegalArgumentError, IllegalStateError
from nio.reactor import CloseReason, Handler, Reactor
from tests.unit.reactor.support import PATIENCE, Greeter, Kernel, World, in_a_thread

READ = int(SelectionKey.OP_READ)


# a turn


def test_the_order_of_a_turn() -> None:
    order: list[str] = []

    class Noting(Greeter):
        def process(self, record: bytes) -> bytes | None:
            order.append("key")
            world.reactor.execute(order.append, "tick of a key")
            world.reactor.call_later(0, order.append, "timer of a key")
            return None

    with World(Noting) as world:
        peer = world.connect()
        world.reactor.execute(order.append, "tick")
        world.reactor.call_later(0, order.append, "timer")
        peer.send(b"ann\n")
        world.reactor.turn(1)
        assert order == ["timer", "key", "tick", "tick of a key"]
        world.reactor.turn(1)
        assert order[4:] == ["timer of a key"]


def test_N08_a_tick_queued_by_a_tick_runs_next_turn(reactor: Reactor) -> None:
    calls: list[int] = []

    def again() -> None:
        calls.append(1)
        reactor.execute(again)

    reactor.execute(again)
    for count in range(1, 4):
        assert reactor.turn(0).ticks == 1
        assert len(calls) == count


def test_N07_at_most_256_ticks_a_turn_in_order(reactor: Reactor) -> None:
    calls: list[int] = []
    for number in range(600):
        reactor.execute(calls.append, number)
    assert [reactor.turn(0).ticks for _ in range(4)] == [256, 256, 88, 0]
    assert calls == list(range(600))


def test_with_work_waiting_a_turn_does_not_sleep(reactor: Reactor) -> None:
    kernel = reactor.provider
    assert isinstance(kernel, Kernel)
    for _ in range(300):
        reactor.execute(int)
    reactor.turn()
    reactor.turn()
    assert kernel.waits == [0, 0]


def test_F19_a_tick_that_raises_costs_itself(reactor: Reactor, caplog: pytest.LogCaptureFixture) -> None:
    calls: list[int] = []
    reactor.execute(calls.append, 1)
    reactor.execute(calls.__getitem__, 7)
    reactor.execute(calls.append, 2)
    assert reactor.turn(0).ticks == 3
    assert calls == [1, 2]
    assert "a tick raised" in caplog.text


def test_wakeup_ends_the_sleep_of_the_next_turn(reactor: Reactor) -> None:
    reactor.wakeup()
    reactor.wakeup()
    assert not any(reactor.turn(PATIENCE))


def test_F11_execute_from_another_thread_ends_the_sleep() -> None:
    kernel = Kernel(real_time=True)
    calls: list[object] = []
    with Reactor.open(provider=kernel) as reactor:

        def post() -> None:
            while not kernel.waits:
                pass
            reactor.execute(calls.append, threading.get_ident())

        thread = threading.Thread(target=post)
        thread.start()
        begin = time.monotonic()
        reactor.turn(PATIENCE)
        assert time.monotonic() - begin < PATIENCE
        thread.join(PATIENCE)
        assert calls == [thread.ident]


def test_execute_runs_on_the_reactor_s_thread_in_order(reactor: Reactor) -> None:
    calls: list[tuple[int, int]] = []
    for number in range(10):
        in_a_thread(reactor.execute, lambda number: calls.append((number, threading.get_ident())), number)
    reactor.turn(0)
    assert calls == [(number, threading.get_ident()) for number in range(10)]


def test_a_turn_inside_a_turn_is_the_handler_s_error() -> None:
    errors: list[Exception] = []

    class Nested(Greeter):
        def process(self, record: bytes) -> bytes | None:
            try:
                self.reactor.turn(0)
            except IllegalStateError as error:
                errors.append(error)
            return record

    with World(Nested) as world:
        peer = world.connect()
        peer.send(b"ann\n")
        assert peer.read(4) == b"ann\n"
        assert len(errors) == 1


@pytest.mark.parametrize(("timeout", "error"), [(-1, IllegalArgumentError), ("1", TypeError), (True, TypeError)])
def test_a_timeout_that_is_none_is_refused(reactor: Reactor, timeout: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        reactor.turn(timeout)


@pytest.mark.parametrize("delay", [float("nan"), -1.0, "1"])
def test_a_delay_that_is_none_is_refused_at_once(reactor: Reactor, delay: Any) -> None:
    with pytest.raises((ValueError, TypeError, OverflowError)):
        reactor.call_later(delay, int)
    assert reactor.turn(0).timers == 0


# one of a batch


def test_B10_a_connection_closed_by_an_earlier_handler_of_the_same_selection_is_not_called() -> None:
    class Jealous(Greeter):
        def process(self, record: bytes) -> bytes | None:
            for other in world.handlers:
                if other is not self:
                    other.close(CloseReason.OVERLOAD)
            return super().process(record)

    for _ in range(20):
        with World(Jealous) as world:
            peers = [world.connect() for _ in range(5)]
            for peer in peers:
                peer.send(b"ann\n")
            world.received(4)
            world.turns()
            assert sum(len(handler.seen) for handler in world.handlers) == 1
            assert world.closed() == {CloseReason.OVERLOAD: 4}


def test_D18_one_handler_that_always_raises_does_not_cost_the_others(caplog: pytest.LogCaptureFixture) -> None:
    class Stubborn(Handler):
        def handle_read(self) -> None:
            raise KeyError("always")

        def handle_error(self, error: BaseException) -> None:
            pass

    with World() as world, Pipe.open(provider=world.kernel) as pipe:
        world.reactor.register(pipe.source, READ, Stubborn())
        pipe.sink.write(b"x")
        peer = world.connect()
        for _ in range(100):
            peer.send(b"ann\n")
            assert peer.read(10) == b"Hello ann\n"
    assert len(caplog.records) <= 10  # the clock stands still, and the log keeps to its rate


# spins


def test_D12_a_kernel_that_lies_is_found_out_and_the_key_named(caplog: pytest.LogCaptureFixture) -> None:
    with World() as world:
        world.connect()
        world.kernel.lies.append(world.handler.channel.socket.fileno())
        for _ in range(511):
            world.reactor.turn(0)
        assert world.reactor.statistics().spins == 0
        for _ in range(2000):
            world.reactor.turn(0)
        assert world.reactor.statistics().spins == 1
        world.kernel.lies.clear()
        (record,) = caplog.records
        assert record.levelno == logging.WARNING
        assert "512 turns without progress" in caplog.text
        assert repr(world.peers[0].sock.getsockname()) in caplog.text


def test_progress_ends_a_spin_and_the_next_is_counted_again() -> None:
    with World() as world:
        peer = world.connect()
        fd = world.handler.channel.socket.fileno()
        for _ in range(2):
            world.kernel.lies.append(fd)
            world.turns(600)
            world.kernel.lies.clear()
            world.advance(1)  # the key that spun is left out for a second
            peer.send(b"ann\n")
            peer.read(10)
        assert world.reactor.statistics().spins == 2


def test_turns_that_nothing_woke_are_no_spin() -> None:
    with World() as world:
        world.connect()
        world.turns(1000)
        for _ in range(600):
            world.reactor.wakeup()
            world.reactor.turn(0)
        assert world.reactor.statistics().spins == 0


def test_a_handler_whose_bytes_are_not_counted_is_not_called_a_spin(reactor: Reactor) -> None:
    class Quiet(Handler):
        def handle_read(self) -> None:
            pass

    with Pipe.open(provider=reactor.provider) as pipe:
        reactor.register(pipe.source, READ, Quiet())
        pipe.sink.write(b"x")
        for _ in range(600):
            reactor.turn(0)
        assert reactor.statistics().spins == 0
