from __future__ import annotations

import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from nio.channels import Pipe, SelectionKey, ServerSocketChannel
from nio.errors import (
    ClosedSelectorError,
    IllegalArgumentError,
    IllegalSelectorError,
    IllegalStateError,
    RejectedExecutionError,
)
from nio.executors import WorkerPool
from nio.reactor import Acceptor, CloseReason, Handler, Reactor, State
from nio.spi import SelectorProvider
from tests.unit.reactor.support import PATIENCE, Greeter, Kernel, Manual, Silent, World, run

READ, ACCEPT = int(SelectionKey.OP_READ), int(SelectionKey.OP_ACCEPT)


@pytest.fixture
def reactor() -> Iterator[Reactor]:
    with Reactor.open(provider=Kernel()) as reactor:
        yield reactor


def in_a_thread(fn: Callable[..., object], *args: object) -> None:
    thread = threading.Thread(target=fn, args=args)
    thread.start()
    thread.join(PATIENCE)
    assert not thread.is_alive()


# opening


def test_a_new_reactor_has_done_nothing() -> None:
    with Reactor.open() as reactor:
        assert repr(reactor) == f"Reactor(open, provider={SelectorProvider.default().name}, connections=0, turns=0)"
        assert reactor.provider is SelectorProvider.default()
        assert reactor.hand_off is None
        assert not reactor.is_full
        assert reactor.statistics().turns == 0
    assert repr(reactor).startswith("Reactor(closed")


def test_open_and_the_class_take_the_same() -> None:
    kernel = Kernel()
    with Reactor(workers=1, max_connections=3, provider=kernel) as reactor:
        assert (reactor.max_connections, reactor.provider) == (3, kernel)
        assert reactor.hand_off is not None


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"workers": -1}, IllegalArgumentError),
        ({"workers": True}, TypeError),
        ({"workers": "4"}, TypeError),
        ({"workers": 1.5}, TypeError),
        ({"max_connections": 0}, IllegalArgumentError),
        ({"max_connections": False}, TypeError),
        ({"max_connections": 10.0}, TypeError),
    ],
)
def test_bad_arguments_are_refused_with_the_number(options: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error, match=repr(next(iter(options.values())))):
        Reactor.open(**options)


def test_a_number_of_workers_is_a_pool_that_ends_with_the_reactor() -> None:
    before = threading.active_count()
    with Reactor.open(workers=3):
        assert threading.active_count() == before + 3  # started before anything listens
    assert threading.active_count() == before


@pytest.mark.parametrize(("descriptors", "limit"), [(1_000_000, 10_000), (1024, 992), (100, 68), (20, 1)])
def test_max_connections_is_what_the_descriptors_leave(descriptors: int, limit: int) -> None:
    kernel = Kernel()
    kernel.descriptors = descriptors
    with Reactor.open(provider=kernel) as reactor:
        assert reactor.max_connections == limit


def test_O03_more_connections_than_descriptors_are_cut_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    kernel = Kernel()
    kernel.descriptors = 64
    with Reactor.open(provider=kernel, max_connections=500) as reactor:
        assert reactor.max_connections == 32
    assert "max_connections is 32, not 500" in caplog.text
    caplog.clear()
    with Reactor.open(provider=kernel, max_connections=32) as reactor:
        assert reactor.max_connections == 32
    assert caplog.records == []


# registering


def test_a_channel_of_another_provider_is_refused(reactor: Reactor) -> None:
    with Pipe.open(provider=Kernel()) as pipe, pytest.raises(IllegalSelectorError):
        reactor.register(pipe.source, READ, Handler())
    assert reactor.statistics().open == 0


def test_a_handler_that_cannot_open_is_forgotten_and_its_channel_left_open(reactor: Reactor) -> None:
    class Bad(Handler):
        def handle_open(self, reactor: Reactor, key: SelectionKey) -> None:
            raise KeyError("bad")

    with Pipe.open(provider=reactor.provider) as pipe:
        with pytest.raises(KeyError):
            reactor.register(pipe.source, READ, Bad())
        assert pipe.source.is_open
        assert reactor.statistics().open == 0
        reactor.turn(0)
        assert not pipe.source.is_registered


def test_the_same_channel_again_is_one_connection(reactor: Reactor) -> None:
    with Pipe.open(provider=reactor.provider) as pipe:
        first, second = Handler(), Handler()
        key = reactor.register(pipe.source, READ, first)
        assert reactor.register(pipe.source, READ, second) is key
        assert reactor.statistics().open == 1
        second.close()
        assert reactor.statistics().open == 0


def test_what_is_no_handler_is_refused(reactor: Reactor) -> None:
    with Pipe.open(provider=reactor.provider) as pipe:
        for mistake in (None, object(), Handler):
            with pytest.raises(TypeError):
                reactor.register(pipe.source, READ, mistake)  # type: ignore[arg-type]  # the mistake is the point
        assert not pipe.source.is_registered
        assert reactor.statistics().open == 0


def test_an_attachment_that_is_no_handler_costs_its_channel_only(reactor: Reactor) -> None:
    with Pipe.open(provider=reactor.provider) as pipe:
        key = reactor.register(pipe.source, READ, Handler())
        key.attach("not a handler")
        pipe.sink.write(b"x")
        reactor.turn(1)
        reactor.turn(0)
        assert not pipe.source.is_open
        assert reactor.statistics().open == 0


def test_a_handler_that_closes_and_then_raises(reactor: Reactor, caplog: pytest.LogCaptureFixture) -> None:
    class Leaver(Handler):
        def handle_read(self) -> None:
            self.close(CloseReason.OVERLOAD)
            raise KeyError("too late")

        def handle_error(self, error: Exception) -> None:
            raise AssertionError("it is gone already")

    with Pipe.open(provider=reactor.provider) as pipe:
        reactor.register(pipe.source, READ, Leaver())
        pipe.sink.write(b"x")
        reactor.turn(1)
        assert reactor.statistics().closed == {CloseReason.OVERLOAD: 1}
    (record,) = caplog.records
    assert record.getMessage() == "Leaver raised"


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


def test_F11_execute_from_another_thread_ends_the_sleep(reactor: Reactor) -> None:
    calls: list[object] = []
    thread = threading.Thread(target=lambda: reactor.execute(calls.append, threading.get_ident()))
    thread.start()
    while not calls:
        reactor.turn(PATIENCE)
    thread.join()
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

        def handle_error(self, error: Exception) -> None:
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


# stopping


def test_J01_stop_before_run(reactor: Reactor) -> None:
    reactor.stop()
    reactor.stop()
    run(reactor)
    assert reactor.statistics().turns == 0


def test_J01_stop_from_a_tick_a_timer_and_another_thread() -> None:
    for way in range(3):
        with Reactor.open() as reactor:
            if way == 0:
                reactor.execute(reactor.stop)
            elif way == 1:
                reactor.call_later(0, reactor.stop)
            else:
                reactor.execute(in_a_thread, reactor.stop)
            run(reactor)


def test_J01_stop_while_another_thread_s_run_sleeps() -> None:
    kernel = Kernel(real_time=True)
    with Reactor.open(provider=kernel) as reactor:
        runner = threading.Thread(target=reactor.run)
        runner.start()
        while not kernel.waits:
            pass
        reactor.stop()
        runner.join(PATIENCE)
        assert not runner.is_alive()


@pytest.mark.parametrize("drain", [None, 5])
def test_J01_stop_from_a_handler_and_a_worker(drain: float | None) -> None:
    class Stops(Greeter):
        def process(self, record: bytes) -> bytes | None:
            self.reactor.stop(drain)
            return super().process(record)

    for workers in (0, 1):
        with World(Stops, workers=workers) as world:
            peer = world.connect()
            peer.send(b"ann\n")
            peer.half_close()
            run(world.reactor)
            if drain is not None:
                assert peer.read_to_end() == b"Hello ann\n"


@pytest.mark.parametrize("drain", [None, 5])
def test_J01_stop_from_a_signal_handler(drain: float | None) -> None:
    with World(kernel=Kernel(real_time=True)) as world:
        previous = signal.signal(signal.SIGUSR1, lambda *_: world.reactor.stop(drain))
        try:
            world.reactor.execute(os.kill, os.getpid(), signal.SIGUSR1)
            run(world.reactor)
        finally:
            signal.signal(signal.SIGUSR1, previous)


def test_a_stopped_reactor_does_not_sleep_and_does_not_run_again(reactor: Reactor) -> None:
    reactor.stop()
    reactor.turn()
    run(reactor)
    assert reactor.statistics().turns == 1


@pytest.mark.parametrize(
    ("drain", "error"),
    [(-1, IllegalArgumentError), (float("nan"), IllegalArgumentError), ("5", TypeError), (True, TypeError)],
)
def test_a_drain_time_that_is_none_is_refused_at_once(reactor: Reactor, drain: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        reactor.stop(drain=drain)
    assert reactor.turn(0).ticks == 0


@pytest.mark.parametrize("drain", [float("inf"), 1e300])
def test_a_drain_time_without_end_is_no_error(drain: float) -> None:
    with World() as world:
        peer = world.connect()
        world.advance(1)
        world.reactor.stop(drain=drain)
        run(world.reactor)
        assert peer.read_to_end() == b""


# draining


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
        sent = peer.sock.send(names)
        assert sent > 100_000
        world.reactor.stop(drain=5)
        whole = names[:sent].count(b"\n")
        world.until(lambda: (peer.pull(), peer.got.count(b"\n") == whole)[1])
        assert peer.read_to_end().count(b"\n") == whole
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
        reactor.register(pipe.source, READ, Stays())
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
            reactor.register(pipe.source, READ, handlers[-1])
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
        assert len(world.reactor._timers) <= 1


def test_draining_a_reactor_without_handlers_ends_it(reactor: Reactor) -> None:
    reactor.stop(drain=5)
    run(reactor)
    assert reactor.statistics().turns == 1


def test_a_handler_registered_while_draining_is_drained_too(reactor: Reactor) -> None:
    with Pipe.open(provider=reactor.provider) as pipe, Pipe.open(provider=reactor.provider) as late:

        class Polite(Handler):
            def handle_drain(self) -> None:
                self.reactor.register(late.source, READ, Handler())
                self.close(CloseReason.DRAIN)

        reactor.register(pipe.source, READ, Polite())
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
        assert world.closed() == {CloseReason.DRAIN: 2}
        world.advance(2)
        run(world.reactor)
        assert world.closed() == {CloseReason.DRAIN: 3}
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


# closing


def test_close_ends_everything_and_again_is_nothing() -> None:
    world = World(workers=1)
    with world:
        world.connect()
        world.reactor.close()
        world.reactor.close()
        assert world.handler.reasons == [CloseReason.LOCAL]
        assert not world.listener.is_open
        assert world.closed() == {CloseReason.LOCAL: 1}
        with pytest.raises(RejectedExecutionError, match="the reactor is closed"):
            world.reactor.execute(int)
        with pytest.raises(ClosedSelectorError):
            world.reactor.turn(0)
        run(world.reactor)
        world.reactor.stop()
        world.reactor.stop(drain=1)
        world.reactor.wakeup()


def test_J05_what_was_queued_when_the_reactor_closes_is_run() -> None:
    calls: list[int] = []
    with Reactor.open() as reactor:
        for number in range(300):
            reactor.execute(calls.append, number)
        reactor.execute(calls.__getitem__, 999)
        reactor.execute(calls.append, 300)
    assert calls == list(range(301))


def test_J05_a_job_in_the_pool_s_queue_is_dropped_and_the_handler_knows() -> None:
    begun, release = threading.Event(), threading.Event()

    class Slow(Greeter):
        def process(self, record: bytes) -> bytes | None:
            begun.set()
            release.wait(PATIENCE)
            return super().process(record)

    with World(Slow, workers=1) as world:
        for _ in range(2):
            world.connect().send(b"ann\n")
        world.until(lambda: begun.is_set() and world.reactor.statistics().requests == 2)
        releaser = threading.Thread(target=release.set)
        releaser.start()
        world.reactor.close()
        releaser.join()
        assert [handler.reasons for handler in world.handlers] == [[CloseReason.LOCAL]] * 2
        assert world.reactor.statistics().dropped >= 1


def test_J10_an_on_close_that_raises_does_not_keep_the_others_open(caplog: pytest.LogCaptureFixture) -> None:
    class Bad(Silent):
        def on_close(self, reason: CloseReason) -> None:
            super().on_close(reason)
            raise KeyError("on_close")

    with World(Bad) as world:
        for _ in range(5):
            world.connect()
        world.reactor.close()
        assert [handler.reasons for handler in world.handlers] == [[CloseReason.LOCAL]] * 5
    assert caplog.text.count("Bad.on_close raised") == 5


def test_J10_a_close_that_raises_does_not_keep_the_others_open() -> None:
    class Bad(Handler):
        def close(self, reason: CloseReason = CloseReason.LOCAL) -> None:
            super().close(reason)
            raise KeyError("close")

    reactor = Reactor.open()
    with Pipe.open() as first, Pipe.open() as second:
        reactor.register(first.source, READ, Bad())
        reactor.register(second.source, READ, Bad())
        reactor.close()
        assert not first.source.is_open
        assert not second.source.is_open


def test_close_by_a_handler_ends_run() -> None:
    class Slams(Greeter):
        def process(self, record: bytes) -> bytes | None:
            self.reactor.close()
            return None

    with World(Slams) as world:
        peer = world.connect()
        peer.send(b"ann\n")
        run(world.reactor)
        assert world.handler.reasons == [CloseReason.LOCAL]


def test_close_by_a_tick_ends_run(reactor: Reactor) -> None:
    reactor.execute(reactor.close)
    run(reactor)
    with pytest.raises(RejectedExecutionError):
        reactor.execute(int)


def test_close_by_a_tick_with_more_behind_it(reactor: Reactor) -> None:
    calls: list[int] = []
    reactor.execute(reactor.close)
    reactor.execute(calls.append, 1)
    reactor.turn(0)
    assert calls == [1]


def test_a_selector_closed_behind_the_reactor_s_back_is_no_quiet_end(reactor: Reactor) -> None:
    class Meddler(Handler):
        def handle_read(self) -> None:
            self.key.selector.close()

    with Pipe.open(provider=reactor.provider) as pipe:
        reactor.register(pipe.source, READ, Meddler())
        pipe.sink.write(b"x")
        with pytest.raises(ClosedSelectorError):
            reactor.run()


class Stuck(Kernel):
    """Its threads never end, as far as a join with patience can tell."""

    def __init__(self) -> None:
        super().__init__()
        self.patience: list[float | None] = []
        self.threads: list[threading.Thread] = []

    def start_thread(self, target: Callable[..., object], *args: object, name: str) -> threading.Thread:
        kernel = self

        class Patient(threading.Thread):
            def join(self, timeout: float | None = None) -> None:
                kernel.patience.append(timeout)
                super().join(None if timeout is None else 0)

        self.threads.append(Patient(target=target, args=args, name=name, daemon=True))
        self.threads[-1].start()
        return self.threads[-1]


def test_J07_a_stuck_worker_is_named_and_left_behind(caplog: pytest.LogCaptureFixture) -> None:
    begun, release = threading.Event(), threading.Event()

    class Slow(Greeter):
        def process(self, record: bytes) -> bytes | None:
            begun.set()
            release.wait(PATIENCE)
            return None

    kernel = Stuck()
    try:
        with World(Slow, kernel=kernel, workers=1) as world:
            world.connect().send(b"ann\n")
            world.until(begun.is_set)
            world.reactor.close()
            assert kernel.patience
            assert all(timeout is not None and timeout <= 60 for timeout in kernel.patience)
        assert "worker-1" in caplog.text
    finally:
        release.set()
        for thread in kernel.threads:
            threading.Thread.join(thread, PATIENCE)


def test_completions_after_the_close_are_nobody_s() -> None:
    manual = Manual()
    with World(workers=manual) as world:
        world.connect().send(b"ann\n")
        world.until(lambda: manual.waiting)
        world.reactor.close()
        manual.run_one()
        assert world.handler.reasons == [CloseReason.LOCAL]
        assert world.handler.seen == [b"ann"]


def test_a_pool_of_one_s_own_outlives_the_reactor() -> None:
    with WorkerPool(1) as pool:
        for _ in range(2):
            with World(workers=pool) as world:
                peer = world.connect()
                peer.send(b"ann\n")
                assert peer.read(10) == b"Hello ann\n"
        assert pool.submit(int, "7").result(PATIENCE) == 7


def test_two_reactors_may_share_a_pool() -> None:
    with ThreadPoolExecutor(2) as pool, World(workers=pool) as first, World(workers=pool) as second:
        for world in (first, second):
            peer = world.connect()
            peer.send(b"ann\n")
            assert peer.read(10) == b"Hello ann\n"


def test_run_serves_until_it_is_stopped() -> None:
    answers: list[bytes] = []
    with Reactor.open() as reactor:
        listener = ServerSocketChannel.open().bind(("127.0.0.1", 0))
        reactor.register(listener, ACCEPT, Acceptor(Greeter))
        address = listener.local_address

        def client() -> None:
            assert isinstance(address, tuple)
            with socket.create_connection(address[:2]) as sock, sock.makefile("rb") as lines:
                for name in (b"ann\n", b"bob\n"):
                    sock.sendall(name)
                    answers.append(lines.readline())
            reactor.stop(drain=5)

        thread = threading.Thread(target=client)
        thread.start()
        run(reactor)
        thread.join(PATIENCE)
    assert answers == [b"Hello ann\n", b"Hello bob\n"]
