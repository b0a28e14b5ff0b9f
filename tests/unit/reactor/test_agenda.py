"""next_tick, what is told of errors without an owner, and what another loop asks."""

from __future__ import annotations

import pytest

from nio.errors import ClosedSelectorError, IllegalStateError, RejectedExecutionError
from nio.reactor import CloseReason, Reactor
from tests.unit.reactor.support import Greeter, Kernel, World, in_a_thread

# next_tick


def test_a_tick_of_a_tick_runs_in_the_next_turn(reactor: Reactor) -> None:
    calls: list[int] = []

    def again(number: int) -> None:
        calls.append(number)
        reactor.next_tick(again, number + 1)

    reactor.next_tick(again, 0)
    for turn in range(1, 5):
        assert reactor.turn(0).ticks == 1
        assert calls == list(range(turn))


def test_next_tick_and_execute_share_one_order_and_no_turn_sleeps_on_them(reactor: Reactor) -> None:
    calls: list[int] = []
    reactor.next_tick(calls.append, 1)
    reactor.execute(calls.append, 2)
    reactor.next_tick(calls.append, 3)
    assert reactor.turn().ticks == 3
    assert calls == [1, 2, 3]


def test_next_tick_wakes_nobody(reactor: Reactor) -> None:
    reactor.next_tick(int)
    assert not reactor._selector._waking.is_set


def test_next_tick_from_another_thread_is_refused_while_the_reactor_runs(reactor: Reactor) -> None:
    errors: list[str] = []

    def call() -> None:
        try:
            reactor.next_tick(int)
        except IllegalStateError as error:
            errors.append(str(error))

    reactor.next_tick(in_a_thread, call)
    reactor.turn(0)
    (error,) = errors
    assert "next_tick() belongs to the thread that runs the reactor" in error
    assert "execute(fn, *args)" in error


def test_next_tick_of_a_closed_reactor(reactor: Reactor) -> None:
    reactor.close()
    with pytest.raises(RejectedExecutionError, match="the reactor is closed"):
        reactor.next_tick(int)


def test_next_tick_takes_a_function(reactor: Reactor) -> None:
    with pytest.raises(TypeError, match=r"next_tick\(fn, x\)"):
        reactor.next_tick(3)  # type: ignore[arg-type]  # the mistake is the point


# errors without an owner


class Diary:
    def __init__(self, reactor: Reactor) -> None:
        self.lines: list[tuple[str, str]] = []
        reactor.on_error(self.note)

    def note(self, error: BaseException, kind: str) -> None:
        self.lines.append((repr(error), kind))


def test_on_error_hears_of_ticks_timers_and_callbacks(reactor: Reactor, caplog: pytest.LogCaptureFixture) -> None:
    diary = Diary(reactor)

    def fail(word: str) -> None:
        raise KeyError(word)

    reactor.execute(fail, "tick")
    reactor.call_later(0, fail, "timer")
    reactor.on_stop(fail, "hook")
    reactor.execute(reactor.stop)
    reactor.run()
    assert diary.lines == [
        ("KeyError('timer')", "timer"),
        ("KeyError('tick')", "tick"),
        ("KeyError('hook')", "callback"),
    ]
    assert len(caplog.records) == 3


def test_on_error_hears_nothing_of_what_a_handler_answers_for() -> None:
    class Bad(Greeter):
        def process(self, record: bytes) -> bytes | None:
            raise KeyError

    with World(Bad) as world:
        diary = Diary(world.reactor)
        peer = world.connect()
        peer.send(b"ann\n")
        assert peer.read_to_end() == b""
        peer.close()
        world.until(lambda: world.handler.reasons)
        assert world.handler.reasons == [CloseReason.HANDLER_ERROR]
        assert diary.lines == []


def test_on_error_that_raises_is_logged_and_nothing_else(reactor: Reactor, caplog: pytest.LogCaptureFixture) -> None:
    def bad(error: BaseException, kind: str) -> None:
        raise ValueError("worse")

    calls: list[int] = []
    reactor.on_error(bad)
    reactor.execute(calls.__getitem__, 7)
    reactor.execute(calls.append, 1)
    reactor.turn(0)
    assert calls == [1]
    assert [type(record.exc_info[1]) for record in caplog.records if record.exc_info] == [IndexError, ValueError]


def test_on_error_may_leave(reactor: Reactor) -> None:
    def leave(error: BaseException, kind: str) -> None:
        raise SystemExit(3)

    reactor.on_error(leave)
    reactor.execute([].__getitem__, 7)
    with pytest.raises(SystemExit):
        reactor.run()
    reactor.on_error(None)
    reactor.execute([].__getitem__, 7)
    reactor.execute(reactor.stop)
    reactor.run()


def test_on_error_takes_a_function_or_none(reactor: Reactor) -> None:
    with pytest.raises(TypeError, match="on_error"):
        reactor.on_error("log")  # type: ignore[arg-type]  # the mistake is the point


# for another loop


def test_timeout_is_the_time_until_a_turn_is_wanted(reactor: Reactor) -> None:
    kernel = reactor.provider
    assert isinstance(kernel, Kernel)
    assert reactor.timeout() is None
    timer = reactor.call_later(2.5, int)
    assert reactor.timeout() == 2.5
    kernel.now += 1_000_000_000
    assert reactor.timeout() == 1.5
    kernel.now += 9_000_000_000
    assert reactor.timeout() == 0.0
    timer.cancel()
    assert reactor.timeout() is None
    reactor.next_tick(int)
    assert reactor.timeout() == 0.0
    reactor.turn(0)
    assert reactor.timeout() is None
    reactor.stop()
    reactor.turn(0)
    assert reactor.timeout() == 0.0
    reactor.close()
    with pytest.raises(ClosedSelectorError):
        reactor.timeout()


def test_timeout_after_a_ctrl_c_among_the_timers(reactor: Reactor) -> None:
    def leave() -> None:
        raise KeyboardInterrupt

    reactor.call_later(0, leave)
    reactor.call_later(0, int)
    with pytest.raises(KeyboardInterrupt):
        reactor.turn(0)
    assert reactor.timeout() == 0.0
    reactor.turn(0)
    assert reactor.timeout() is None


def test_a_change_of_interest_wants_a_turn() -> None:
    with World() as world:
        world.connect()
        world.turns()
        world.handler._deadlines.cancel()
        assert world.reactor.timeout() is None
        world.handler.suspend()
        assert world.reactor.timeout() == 0.0
        world.reactor.turn(0)
        assert world.reactor.timeout() is None
