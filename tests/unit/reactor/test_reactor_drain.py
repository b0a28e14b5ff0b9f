"""Draining: what was received is answered, what is owed is sent, and the deadline is kept."""

from __future__ import annotations

import pytest

from nio.channels import Pipe, SelectionKey
from nio.reactor import CloseReason, Handler, Reactor, State
from tests.unit.reactor.support import Greeter, Kernel, Manual, World, run

READ = int(SelectionKey.OP_READ)


def test_J02_what_the_kernel_has_accepted_is_served(caplog: pytest.LogCaptureFixture) -> None:
    for workers in (0, 2):
        with World(workers=workers, accepts_per_turn=2) as world:
            peers = [world.dial() for _ in range(20)]
            for peer in peers:
                peer.send(b"ann\nbob\n")
            world.reactor.stop(drain=5)
            world.reactor.execute(lambda peers=peers: [peer.half_close() for peer in peers])
            run(world.reactor)
            assert [peer.read_to_end() for peer in peers] == [b"Hello ann\nHello bob\n"] * 20
            statistics = world.reactor.statistics()
            assert (statistics.connections, statistics.abandoned) == (20, 0)
            assert not world.listener.is_open
    assert caplog.records == []


@pytest.mark.parametrize("count", [1, 2, 64, 65])
def test_J02_what_the_drain_itself_reads_is_served(count: int) -> None:
    for workers in (0, 2):
        with World(workers=workers) as world:
            peer = world.dial()
            peer.send(b"ann\n" * count)
            world.reactor.stop(drain=5)  # the first turn accepts, then drains
            assert peer.read_to_end() == b"Hello ann\n" * count
            peer.close()
            run(world.reactor)
            assert world.handler.reasons == [CloseReason.DRAIN]


def test_J02_what_was_received_is_answered_to_the_last_record() -> None:
    with World() as world:
        peer = world.connect()
        names = b"".join(b"n%d\n" % number for number in range(30_000))  # more than one read
        peer.sock.send(names)
        received = world.kernel.unread(world.handler.channel.socket)
        assert received is not None
        assert received > 30_000
        world.reactor.stop(drain=5)
        replies = peer.read_to_end().splitlines()
        assert len(replies) >= names[:received].count(b"\n")  # what was on its way may be answered, too
        assert replies == [b"Hello n%d" % number for number in range(len(replies))]
        peer.close()
        run(world.reactor)
        assert world.handler.reasons == [CloseReason.DRAIN]


def test_J02_in_flight_with_a_worker_and_queued_behind_it() -> None:
    manual = Manual()
    with World(workers=manual) as world:
        peer = world.connect()
        peer.send(b"ann\nbob\n")
        world.until(lambda: manual.waiting)
        world.reactor.stop(drain=5)
        world.turns()
        assert world.handler.state is State.PROCESSING
        for _ in range(2):
            world.until(lambda: manual.waiting)
            manual.run_one()
        assert peer.read_to_end() == b"Hello ann\nHello bob\n"
        peer.close()
        run(world.reactor)
        assert world.handler.reasons == [CloseReason.DRAIN]
        assert world.reactor.statistics().abandoned == 0


def test_J03_idle_connections_are_closed_at_once() -> None:
    with World() as world:
        peers = [world.connect() for _ in range(30)]
        world.advance(1)
        before = world.reactor.statistics().turns
        world.reactor.stop(drain=5)
        run(world.reactor)
        assert world.reactor.statistics().turns - before <= 3
        assert world.closed() == {CloseReason.DRAIN: 30}
        assert [peer.read_to_end() for peer in peers] == [b""] * 30


def test_a_half_received_record_is_nobody_s_request() -> None:
    with World() as world:
        peer = world.connect()
        peer.send(b"ann\nbo")
        assert peer.read(10) == b"Hello ann\n"
        world.advance(1)
        world.reactor.stop(drain=5)
        peer.half_close()
        run(world.reactor)
        assert peer.read_to_end() == b""
        assert world.handler.seen == [b"ann"]


def test_J02_output_that_is_still_owed_is_flushed() -> None:
    with World() as world:
        peer = world.connect()
        world.kernel.room = 3
        peer.send(b"ann\n")
        world.until(lambda: world.handler.unsent == 7)
        world.advance(1)
        world.reactor.stop(drain=5)
        world.turns()
        assert world.handler.unsent == 7
        world.kernel.room = None
        assert peer.read_to_end() == b"Hello ann\n"
        peer.close()
        run(world.reactor)
        assert world.reactor.statistics().abandoned == 0


def test_J02_over_the_mark_too() -> None:
    class Small(Greeter):
        low_mark, high_mark = 10, 40

    with World(Small) as world:
        peer = world.connect()
        world.kernel.room = 0
        peer.send(b"ann\n" * 9)
        world.until_state(State.SENDING)
        world.reactor.stop(drain=5)
        world.turns()
        world.kernel.room = None
        assert peer.read_to_end() == b"Hello ann\n" * 9


@pytest.mark.parametrize("ending", ["too long", "broken", "error", "end"])
def test_a_stream_that_ends_by_itself_while_draining_keeps_its_reason(ending: str) -> None:
    class Picky(Greeter):
        def process(self, record: bytes) -> bytes | None:
            if record == b"bad":
                raise KeyError(record)
            return super().process(record)

    stream = {"too long": b"x" * 257, "broken": b"bo", "error": b"bad\n", "end": b""}[ending]
    reason = {
        "too long": CloseReason.FRAME_TOO_LONG,
        "broken": CloseReason.PROTOCOL_ERROR,
        "error": CloseReason.HANDLER_ERROR,
        "end": CloseReason.PEER_FIN,
    }[ending]
    with World(Picky) as world:
        peer = world.connect()
        peer.send(b"ann\n" + stream)
        peer.half_close()
        world.reactor.stop(drain=5)
        assert peer.read_to_end() == b"Hello ann\n"
        run(world.reactor)
        assert world.handler.reasons == [reason]


def test_J06_past_the_deadline_connections_are_cut_and_counted() -> None:
    manual = Manual()
    with World(workers=manual) as world:
        busy, unread = world.connect(), world.connect()
        busy.send(b"ann\n")
        world.until(lambda: manual.waiting)
        world.kernel.room = 2
        world.handlers[1].send(b"news")
        world.turns()
        world.reactor.stop(drain=3)
        world.turns()
        world.advance(2.999)
        assert [handler.reasons for handler in world.handlers] == [[], []]
        world.advance(0.001)
        assert [handler.reasons for handler in world.handlers] == [[CloseReason.DRAIN], [CloseReason.DRAIN]]
        run(world.reactor)
        assert world.reactor.statistics().abandoned == 2
        assert unread.read_to_end() == b"ne"


def test_J06_a_connection_to_which_nothing_is_owed_is_not_abandoned() -> None:
    with World() as world:
        peer = world.connect()
        peer.send(b"ann\n")
        world.reactor.stop(drain=1)
        assert peer.read_to_end() == b"Hello ann\n"
        assert world.handler.state is State.LINGERING
        world.advance(1)
        run(world.reactor)
        assert world.reactor.statistics().abandoned == 0


def test_J06_of_a_handler_that_does_not_say_it_is_assumed_that_something_was_lost(reactor: Reactor) -> None:
    class Stays(Handler):
        def handle_drain(self) -> None:
            pass

    kernel = reactor.provider
    assert isinstance(kernel, Kernel)
    with Pipe.open(provider=kernel) as pipe:
        reactor.admit(pipe.source, READ, Stays())
        reactor.stop(drain=1)
        reactor.turn(0)
        kernel.now += 10**9
        run(reactor)
        assert reactor.statistics().abandoned == 1
        assert reactor.statistics().closed == {CloseReason.DRAIN: 1}


def test_a_handler_that_another_one_closes_while_draining_is_left_alone(reactor: Reactor) -> None:
    handlers: list[Handler] = []

    class Last(Handler):
        def handle_drain(self) -> None:
            for handler in handlers:
                handler.close(CloseReason.DRAIN)

    with Pipe.open(provider=reactor.provider) as first, Pipe.open(provider=reactor.provider) as second:
        for pipe in (first, second):
            handlers.append(Last())
            reactor.admit(pipe.source, READ, handlers[-1])
        reactor.stop(drain=5)
        run(reactor)
        assert reactor.statistics().closed == {CloseReason.DRAIN: 2}


def test_stopping_at_once_overrules_draining() -> None:
    manual = Manual()
    with World(workers=manual) as world:
        world.connect().send(b"ann\n")
        world.until(lambda: manual.waiting)
        world.reactor.stop(drain=100)
        world.turns()
        assert "draining" in repr(world.reactor)
        world.reactor.stop()
        run(world.reactor)
        assert world.handler.state is State.PROCESSING


def test_J01_draining_twice_is_draining_once() -> None:
    with World() as world:
        world.connect()
        world.advance(1)
        world.reactor.stop(drain=5)
        world.reactor.stop(drain=1)
        run(world.reactor)
        assert world.closed() == {CloseReason.DRAIN: 1}
        assert world.reactor.statistics().timers <= 1


def test_draining_a_reactor_without_handlers_ends_it(reactor: Reactor) -> None:
    reactor.stop(drain=5)
    run(reactor)
    assert reactor.statistics().turns <= 2


def test_a_handler_registered_while_draining_is_drained_too(reactor: Reactor) -> None:
    with Pipe.open(provider=reactor.provider) as pipe, Pipe.open(provider=reactor.provider) as late:

        class Polite(Handler):
            def handle_drain(self) -> None:
                self.reactor.admit(late.source, READ, Handler())
                self.close(CloseReason.DRAIN)

        reactor.admit(pipe.source, READ, Polite())
        reactor.stop(drain=5)
        run(reactor)
        assert not late.source.is_open
        assert reactor.statistics().closed == {CloseReason.DRAIN: 2}


def test_J10_a_handle_drain_that_raises_does_not_cost_the_others(caplog: pytest.LogCaptureFixture) -> None:
    class Bad(Greeter):
        def handle_drain(self) -> None:
            if self is world.handlers[0]:
                raise KeyError("drain")
            super().handle_drain()

    with World(Bad) as world:
        for _ in range(3):
            world.connect()
        world.advance(1)
        world.reactor.stop(drain=2)
        world.turns()
        assert world.closed() == {CloseReason.DRAIN: 2, CloseReason.HANDLER_ERROR: 1}
        run(world.reactor)
    assert "drain" in caplog.text


def test_a_drain_with_a_full_reactor_closes_the_listener_all_the_same() -> None:
    with World(max_connections=1) as world:
        world.connect()
        world.dial()
        world.advance(1)
        world.reactor.stop(drain=5)
        run(world.reactor)
        assert not world.listener.is_open
        assert world.closed() == {CloseReason.DRAIN: 1}
