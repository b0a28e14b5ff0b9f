"""What is called when the loop starts and when it stops, and running again after a stop."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from nio.channels import SelectionKey, ServerSocketChannel
from nio.errors import IllegalArgumentError, IllegalStateError, WorkersLostError
from nio.reactor import Acceptor, Reactor, ReactorState
from tests.helpers import until
from tests.unit.reactor.support import PATIENCE, Gate, Greeter, Kernel, Peer, World, in_a_thread, run

ACCEPT = int(SelectionKey.OP_ACCEPT)


def noting(reactor: Reactor) -> list[str]:
    """What the hooks of this reactor write."""
    diary: list[str] = []
    reactor.on_start(diary.append, "start")
    reactor.on_stop(diary.append, "end", at="end")
    reactor.on_stop(diary.append, "drained", at="drained")
    reactor.on_stop(diary.append, "begin")
    return diary


STOP = ["begin", "drained", "end"]


def test_a_stop_that_does_not_drain_comes_to_all_three_at_once(reactor: Reactor) -> None:
    diary = noting(reactor)
    reactor.execute(diary.append, "tick")
    reactor.execute(reactor.stop)
    run(reactor)
    assert diary == ["start", "tick", *STOP]
    reactor.close()
    assert diary == ["start", "tick", *STOP]


def test_a_drain_begins_before_the_first_connection_ends_and_is_over_after_the_last() -> None:
    seen: list[tuple[str, bool, ReactorState]] = []

    def note(name: str) -> None:
        seen.append((name, world.handler.reasons == [], world.reactor.state))

    with World() as world:
        world.connect()
        world.advance(1)  # a connection that has just come is waited for
        for moment in STOP:
            world.reactor.on_stop(note, moment, at=moment)  # type: ignore[arg-type]  # a name in a loop
        world.reactor.stop(drain=5)
        run(world.reactor)
        assert seen == [
            ("begin", True, ReactorState.DRAINING),
            ("drained", False, ReactorState.STOPPING),
            ("end", False, ReactorState.STOPPING),
        ]


def test_a_drain_that_is_cut_or_overruled_comes_to_its_end_all_the_same() -> None:
    for way in range(2):
        with World() as world:
            diary = noting(world.reactor)
            peer = world.connect(receive_buffer=4096)
            world.kernel.room = 0
            peer.send(b"ann\n")
            world.until(lambda: world.handler.seen)
            world.reactor.stop(drain=5)
            if way == 0:
                world.reactor.execute(world.reactor.stop)
            else:
                world.reactor.call_later(5, int)
                world.turns()
                assert diary == ["begin"]
                world.kernel.now += 5_000_000_000
            run(world.reactor)
            assert [word for word in diary if word != "start"] == STOP


def test_a_drain_by_hand_calls_its_hooks_and_close_the_last(reactor: Reactor) -> None:
    diary = noting(reactor)
    reactor.stop(drain=5)
    reactor.turn(0)
    reactor.turn(0)
    assert diary == ["begin", "drained"]
    assert reactor.state is ReactorState.STOPPING
    reactor.close()
    assert diary == STOP
    reactor.close()
    assert diary == STOP


def test_ctrl_c_is_no_stop_and_close_makes_up_for_it(reactor: Reactor) -> None:
    def leave() -> None:
        raise KeyboardInterrupt

    diary = noting(reactor)
    for _ in range(2):
        reactor.execute(leave)
        with pytest.raises(KeyboardInterrupt):
            reactor.run()
    assert diary == ["start"]
    reactor.close()
    assert diary == ["start", *STOP]


def test_a_reactor_that_never_ran_calls_none(reactor: Reactor) -> None:
    diary = noting(reactor)
    reactor.turn(0)
    reactor.close()
    assert diary == []


def test_a_hook_that_raises_costs_itself_and_ctrl_c_in_one_leaves_when_all_were_called(reactor: Reactor) -> None:
    def leave() -> None:
        raise KeyboardInterrupt

    diary = noting(reactor)
    reactor.on_start([].__getitem__, 7)
    reactor.on_start(leave)
    reactor.on_start(diary.append, "last")
    with pytest.raises(KeyboardInterrupt):
        reactor.run()
    assert diary == ["start", "last"]
    reactor.stop()
    run(reactor)
    assert diary == ["start", "last", *STOP]


def test_ctrl_c_in_the_hook_before_a_drain_does_not_keep_it_from_draining() -> None:
    def leave() -> None:
        raise KeyboardInterrupt

    with World() as world:
        world.connect()
        world.advance(1)
        world.reactor.on_stop(leave)
        world.reactor.stop(drain=float("inf"))
        with pytest.raises(KeyboardInterrupt):
            world.reactor.run()
        run(world.reactor)  # the drain goes on, and ends
        assert len(world.handler.reasons) == 1


@pytest.mark.parametrize("moment", ["begin", "drained", "end"])
def test_a_hook_may_close_the_reactor(reactor: Reactor, moment: Any) -> None:
    diary = noting(reactor)
    reactor.on_stop(reactor.close, at=moment)
    reactor.stop(drain=1)
    run(reactor)
    assert diary == ["start", *STOP]
    assert reactor.state is ReactorState.CLOSED


def test_a_start_hook_may_stop_or_close(reactor: Reactor) -> None:
    reactor.on_start(reactor.stop)
    run(reactor)
    assert reactor.statistics().turns == 0
    reactor.on_start(reactor.close)
    run(reactor)
    assert reactor.state is ReactorState.CLOSED


def test_what_is_no_moment_or_no_function_is_refused(reactor: Reactor) -> None:
    with pytest.raises(IllegalArgumentError, match="at must be one of 'begin', 'drained', 'end', not 'later'"):
        reactor.on_stop(int, at="later")  # type: ignore[arg-type]  # the mistake is the point
    for hook in (reactor.on_start, reactor.on_stop):
        with pytest.raises(TypeError, match="takes a function"):
            hook(None)  # type: ignore[arg-type]  # the mistake is the point


def test_hooks_are_set_by_the_reactor_s_thread(reactor: Reactor) -> None:
    refused: list[str] = []

    def set_all() -> None:
        for call in (reactor.on_start, reactor.on_stop, reactor.on_error):
            try:
                call(print)
            except IllegalStateError as error:
                refused.append(str(error).split("(")[0])

    reactor.next_tick(in_a_thread, set_all)
    reactor.turn(0)
    assert refused == ["on_start", "on_stop", "on_error"]


# running again


def test_it_runs_again_after_each_kind_of_stop(reactor: Reactor) -> None:
    diary = noting(reactor)
    for drain in (None, 5, None):
        reactor.execute(reactor.stop, drain)
        run(reactor)
        assert reactor.state is ReactorState.OPEN
        assert repr(reactor).startswith("Reactor(open")
    assert diary == ["start", *STOP] * 3
    assert reactor.statistics().timers == 0  # also the one that would have cut the drain


def test_a_stop_serves_the_same_connections_when_it_runs_again() -> None:
    with World() as world:
        peer = world.connect()
        for _ in range(3):
            world.reactor.stop()
            run(world.reactor)
            peer.send(b"ann\n")
            assert peer.read(10) == b"Hello ann\n"


def test_after_a_drain_another_listener_is_served() -> None:
    with World() as world:
        world.connect()
        world.advance(1)
        world.reactor.stop(drain=5)
        run(world.reactor)
        assert not world.listener.is_open
        world.listener = ServerSocketChannel.open(provider=world.kernel).bind(("127.0.0.1", 0))
        world.address = ("127.0.0.1", world.listener.port or 0)
        world.reactor.register(world.listener, ACCEPT, Acceptor(world._make))
        peer: Peer = world.connect()
        peer.send(b"bob\n")
        assert peer.read(10) == b"Hello bob\n"
        world.kernel.now += 6_000_000_000  # the first drain's time is over, which is nothing to this connection
        world.turns()
        assert world.handler.reasons == []
        world.reactor.stop(drain=5)
        run(world.reactor)
        assert peer.read_to_end() == b""


def test_stops_that_come_together_are_one(reactor: Reactor) -> None:
    for _ in range(3):
        reactor.on_stop(reactor.stop, at="end")
        reactor.execute(reactor.stop)
        in_a_thread(reactor.stop)
    run(reactor)
    turns = reactor.statistics().turns
    reactor.execute(reactor.stop)
    run(reactor)  # which is ended by this stop and not by what was left of those
    assert reactor.statistics().turns > turns


def test_one_that_cannot_work_any_more_says_so_each_time(reactor: Reactor) -> None:
    reactor.execute(reactor.fail, WorkersLostError("gone"))
    for _ in range(2):
        with pytest.raises(WorkersLostError):
            run(reactor)


def test_a_stop_of_a_closed_reactor_is_nothing(reactor: Reactor) -> None:
    reactor.on_stop(int, at="end")
    reactor.execute(reactor.stop)
    reactor.close()
    assert reactor.state is ReactorState.CLOSED
    run(reactor)


# in a thread


def test_in_thread_runs_inside_the_block_and_can_do_so_again() -> None:
    with Reactor.open(provider=Kernel(real_time=True)) as reactor:
        listener = ServerSocketChannel.open(provider=reactor.provider).bind(("127.0.0.1", 0))
        reactor.register(listener, ACCEPT, Acceptor(Greeter))
        for _ in range(2):
            with reactor.in_thread() as same:
                assert same is reactor
                with pytest.raises(IllegalStateError, match="execute"):
                    reactor.register(listener, ACCEPT, Acceptor(Greeter))
            assert reactor.owner.thread is None
        with reactor.in_thread(drain=5):
            assert listener.is_open
        assert not listener.is_open


def test_in_thread_raises_what_run_raised(reactor: Reactor) -> None:
    def leave() -> None:
        raise SystemExit(4)

    def serve(call: Callable[..., object], *args: object) -> None:
        with reactor.in_thread():
            reactor.execute(call, *args)
            until(lambda: reactor.owner.thread is None)

    with pytest.raises(SystemExit):
        serve(leave)
    with pytest.raises(WorkersLostError):
        serve(reactor.fail, WorkersLostError("gone"))
    with pytest.raises(WorkersLostError), reactor.in_thread():
        raise AssertionError("it does not even start")


def test_in_thread_of_one_that_runs_already_and_of_a_closed_one(reactor: Reactor) -> None:
    with reactor.in_thread(), pytest.raises(IllegalStateError, match="belongs to the thread"), reactor.in_thread():
        raise AssertionError("two threads run it")
    with pytest.raises(IllegalArgumentError, match="drain"), reactor.in_thread(drain=-1):
        raise AssertionError("that is no time")
    reactor.close()
    with pytest.raises(Exception, match="the reactor is closed"), reactor.in_thread():
        raise AssertionError("it is closed")


def test_a_drain_that_is_asked_of_a_run_that_ends_is_not_the_next_one_s(reactor: Reactor) -> None:
    calls: list[str] = []
    for moment in ("drained", "end"):
        reactor.on_stop(reactor.stop, 5, at=moment)
    reactor.stop(drain=5)
    run(reactor)
    reactor.call_later(0, calls.append, "served")
    reactor.call_later(0, reactor.next_tick, reactor.next_tick, reactor.stop)
    run(reactor)
    assert calls == ["served"]
    reactor.stop(drain=5)  # while nobody runs it: this one is the next one's
    run(reactor)


def test_in_thread_with_a_drain_ended_by_somebody_else_leaves_no_stop_behind() -> None:
    with Reactor.open() as reactor:
        with reactor.in_thread(drain=5):
            reactor.stop()
            until(lambda: reactor.owner.thread is None)
        served = threading.Event()
        with reactor.in_thread():
            reactor.execute(reactor.next_tick, reactor.next_tick, served.set)
            assert served.wait(PATIENCE)


def test_in_thread_ended_by_somebody_else_leaves_no_stop_behind(reactor: Reactor) -> None:
    with reactor.in_thread():
        reactor.stop()
    reactor.execute(reactor.stop)
    run(reactor)
    assert reactor.statistics().turns > 1


def test_in_thread_interrupted_at_its_start_leaves_no_thread_behind() -> None:
    class Interrupted(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            super().wait(timeout)
            raise KeyboardInterrupt

    kernel = Kernel()
    before = threading.active_count()
    with Reactor.open(provider=kernel) as reactor:
        kernel.event = Interrupted
        with pytest.raises(KeyboardInterrupt), reactor.in_thread():
            raise AssertionError("it was interrupted before")
        assert reactor.state is ReactorState.OPEN
        assert threading.active_count() == before


def test_in_thread_names_a_thread_that_does_not_end() -> None:
    class Impatient(Kernel):
        def start_thread(self, target: Callable[..., object], *args: object, name: str) -> threading.Thread:
            class Thread(threading.Thread):
                def join(self, timeout: float | None = None) -> None:
                    asked.append(timeout)

            threads.append(Thread(target=target, args=args, name=name, daemon=True))
            threads[-1].start()
            return threads[-1]

    def block(reactor: Reactor) -> None:
        with reactor.in_thread(drain=3):
            reactor.execute(gate)
            assert gate.begun.acquire(timeout=PATIENCE)

    threads: list[threading.Thread] = []
    asked: list[float | None] = []
    gate = Gate()
    with Reactor.open(provider=Impatient()) as reactor:
        with gate:
            with pytest.raises(IllegalStateError, match="thread 'reactor' did not stop"):
                block(reactor)
            assert asked == [13]
        threading.Thread.join(threads[0], PATIENCE)
