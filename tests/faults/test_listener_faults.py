"""Listeners that can accept no more, spins, batches that end early, and who waits for room."""

from __future__ import annotations

import errno
from typing import Any

import pytest

from nio.channels import SelectionKey, ServerSocketChannel
from nio.reactor import Acceptor, CloseReason, Handler
from tests.unit.reactor.support import START, Caller, Greeter, World, in_a_thread


def lines(caplog: pytest.LogCaptureFixture, part: str) -> list[str]:
    return [record.getMessage() for record in caplog.records if part in record.getMessage()]


class Second:
    """Another listener of the same reactor."""

    def __init__(self, world: World, factory: type[Handler] = Greeter) -> None:
        self.handlers: list[Any] = []
        self.factory = factory
        self.channel = ServerSocketChannel.open(provider=world.kernel).bind(("127.0.0.1", 0))
        address = self.channel.local_address
        assert isinstance(address, tuple)
        self.address = address[:2]
        self.acceptor = Acceptor(self._make)
        world.reactor.register(self.channel, SelectionKey.OP_ACCEPT, self.acceptor)

    def _make(self) -> Handler:
        self.handlers.append(self.factory())
        handler: Handler = self.handlers[-1]
        return handler


@pytest.mark.parametrize("code", [errno.EINVAL, errno.EBADF, errno.ENOTSOCK, errno.EOPNOTSUPP, errno.EFAULT])
def test_A10_a_listener_that_can_accept_no_more_is_closed_and_said_once(
    code: int, caplog: pytest.LogCaptureFixture
) -> None:
    with World() as world:
        good = world.connect()
        second = Second(world)
        world.kernel.accepts.append(OSError(code, "scripted"))
        world.dial()
        world.until(lambda: not world.listener.is_open)
        world.turns(5)
        assert len(lines(caplog, "can accept no more and is closed")) == 1
        good.send(b"ann\n")
        assert good.read(10) == b"Hello ann\n"
        caller = Caller(second.address)
        world.until(lambda: second.handlers)
        caller.close()


@pytest.mark.parametrize("code", [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM])
def test_A01_a_listener_without_resources_is_not_closed(code: int) -> None:
    with World() as world:
        world.kernel.accepts.append(OSError(code, "scripted"))
        world.dial()
        world.until(lambda: world.kernel.accept_calls)
        world.turns(3)
        assert (world.listener.is_open, world.handlers) == (True, [])
        world.advance(0.1)
        world.until(lambda: world.handlers)


@pytest.mark.parametrize("how", ["interest", "close"])
def test_a_batch_of_accepts_ends_when_a_new_connection_says_so(how: str) -> None:
    class Last(Greeter):
        def on_open(self) -> None:
            if how == "interest":
                world.acceptor.key.interest_ops = 0
            else:
                world.acceptor.close()

    with World(Last) as world:
        for _ in range(5):
            world.dial()
        world.turns(5)
        assert len(world.handlers) == 1
        if how == "interest":
            world.acceptor.resume()
            world.turns(3)
            assert len(world.handlers) == 2


def test_an_acceptor_in_its_pause_that_another_thread_closes_leaves_its_timer_to_the_reactor() -> None:
    with World() as world:
        world.kernel.accepts.append(OSError(errno.EMFILE, "scripted"))
        world.dial()
        world.until(lambda: world.kernel.accept_calls)
        assert world.reactor.statistics().timers == 1
        seen: list[int] = []

        def close() -> None:
            world.acceptor.close()
            seen.append(world.reactor.statistics().timers)

        world.reactor.execute(in_a_thread, close)
        world.turns(3)
        assert seen == [1]
        assert world.reactor.statistics().timers == 0
        assert not world.listener.is_open


# other batches


def test_closing_the_reactor_in_a_timer_ends_the_batch_of_timers() -> None:
    fired: list[int] = []
    with World() as world:
        world.reactor.call_at(START, fired.append, 1)
        world.reactor.call_at(START, world.reactor.close)
        world.reactor.call_at(START, fired.append, 2)
        world.reactor.turn(0)
        assert fired == [1]


def test_a_timer_that_another_of_its_batch_cancels_does_not_fire() -> None:
    fired: list[int] = []
    with World() as world:
        world.reactor.call_at(START, lambda: timer.cancel())
        timer = world.reactor.call_at(START, fired.append, 1)
        world.reactor.turn(0)
        assert fired == []
        assert world.reactor.statistics().timers == 0


@pytest.mark.parametrize("end", ["close a channel", "close a handler", "close the reactor"])
def test_B10_one_ready_handler_ends_the_other(end: str) -> None:
    class Egoist(Greeter):
        def process(self, record: bytes) -> bytes | None:
            self.seen.append(record)
            other = next(handler for handler in world.handlers if handler is not self)
            if end == "close a channel":
                other.channel.close()
            elif end == "close a handler":
                other.close()
            else:
                self.reactor.close()
            return None

    with World(Egoist) as world:
        peers = [world.connect(), world.connect()]
        for peer in peers:
            peer.sock.sendall(b"ann\n")
        for _ in range(5):
            if end != "close the reactor" or not any(handler.reasons for handler in world.handlers):
                world.reactor.turn(0.1)
        assert sum(len(handler.seen) for handler in world.handlers) == 1


def test_B11_records_behind_one_that_closes_the_reactor_are_not_processed() -> None:
    class Closer(Greeter):
        def process(self, record: bytes) -> bytes | None:
            self.seen.append(record)
            self.reactor.close()
            return b"late"

    with World(Closer) as world:
        peer = world.connect()
        peer.sock.sendall(b"ann\nbob\n")
        world.until(lambda: world.handler.seen)
        assert world.handler.seen == [b"ann"]
        assert world.handler.reasons == [CloseReason.LOCAL]


# spins


def test_D12_a_key_that_spins_is_left_out_for_a_second_and_comes_back(caplog: pytest.LogCaptureFixture) -> None:
    class Deaf(Greeter):
        deaf = True

        def handle_read(self) -> None:
            if not self.deaf:
                super().handle_read()

    with World(Deaf) as world:
        peer = world.connect()
        peer.send(b"ann\n")
        world.until(lambda: world.reactor.statistics().spins == 1)
        assert len(lines(caplog, "turns without progress")) == 1
        assert world.handler.key.interest_ops == 0
        other = world.connect()
        world.handlers[0].deaf = world.handlers[1].deaf = False
        other.send(b"bob\n")
        assert other.read(10) == b"Hello bob\n"
        world.advance(0.999)
        assert world.handlers[0].seen == []
        world.advance(0.001)
        assert peer.read(10) == b"Hello ann\n"


def test_D12_a_key_that_ends_while_it_is_left_out_stays_ended(caplog: pytest.LogCaptureFixture) -> None:
    class Deaf(Greeter):
        def handle_read(self) -> None:
            pass

    with World(Deaf) as world:
        world.connect().send(b"ann\n")
        world.until(lambda: world.reactor.statistics().spins == 1)
        world.handler.close()
        caplog.clear()
        world.advance(1)
        assert caplog.records == []


# room


def test_A08_all_acceptors_that_wait_for_room_go_on() -> None:
    with World(max_connections=2) as world:
        listeners = [Second(world) for _ in range(5)]
        first = [world.connect(), world.connect()]
        callers = [Caller(listener.address) for listener in listeners]
        world.turns(5)
        assert [len(listener.handlers) for listener in listeners] == [0] * 5
        closed = listeners.pop(2)
        closed.acceptor.close()  # while it waits
        for peer in first:
            peer.close()
        done = 0
        while done < 4:  # a place is free for the next whenever one has gone
            for listener, caller in zip(listeners, [*callers[:2], *callers[3:]], strict=True):
                if listener.handlers and not listener.handlers[0].reasons:
                    caller.close()
            done = sum(1 for listener in listeners if listener.handlers and listener.handlers[0].reasons)
            world.turns(1)
            assert world.reactor.statistics().open <= 2
        assert closed.handlers == []
        callers[2].close()


def test_A08_room_is_given_in_a_tick_not_inside_the_end_that_makes_it() -> None:
    class Watcher(Greeter):
        def on_close(self, reason: CloseReason) -> None:
            super().on_close(reason)
            opened.append(len(world.handlers))

    opened: list[int] = []
    with World(Watcher, max_connections=1) as world:
        first = world.connect()
        world.dial()
        world.turns(3)
        assert world.acceptor.key.interest_ops == 0
        first.close()
        world.until(lambda: len(world.handlers) == 2)
        assert opened == [1]


def test_A08_an_acceptor_whose_key_is_cancelled_while_it_waits_disturbs_no_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with World(max_connections=1) as world:
        first = world.connect()
        world.dial()
        world.turns(3)
        world.acceptor.key.cancel()
        first.close()
        world.until(lambda: world.handlers[0].reasons == [CloseReason.PEER_FIN])
        world.turns(3)
        assert not world.handlers[0].channel.is_open
    assert caplog.records == []
