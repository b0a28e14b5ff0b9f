"""Signals as events of the loop."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from nio.errors import RejectedExecutionError
from nio.reactor import Handler, Reactor, SignalWatch
from tests.helpers import until
from tests.unit.reactor.support import Greeter, World, in_a_thread, run

USR1, USR2 = signal.SIGUSR1, signal.SIGUSR2


@pytest.fixture(autouse=True)
def handlers_are_put_back() -> Iterator[None]:
    before = {signum: signal.getsignal(signum) for signum in (USR1, USR2, signal.SIGINT)}
    yield
    assert {signum: signal.getsignal(signum) for signum in before} == before


def test_it_is_called_at_the_start_of_the_next_turn_on_the_loop_s_thread(reactor: Reactor) -> None:
    calls: list[Any] = []
    reactor.on_signal(USR1, lambda *args: calls.append((args, threading.get_ident())), "x", 2)
    reactor.execute(calls.append, "tick")
    reactor.call_later(0, calls.append, "timer")
    signal.raise_signal(USR1)
    assert calls == []
    progress = reactor.turn(0)
    assert calls == [(("x", 2), threading.get_ident()), "timer", "tick"]
    assert progress.timers == 2
    assert reactor.turn(0).timers == 0


def test_several_functions_and_several_signals(reactor: Reactor) -> None:
    calls: list[str] = []
    for name in "ab":
        reactor.on_signal(USR1, calls.append, name)
    watch = reactor.on_signal(USR2, calls.append, "c")
    assert watch.signum == USR2
    for signum in (USR2, USR1, USR2, USR1):
        signal.raise_signal(signum)
    reactor.turn(0)
    assert calls == ["c", "a", "b"]


def test_a_signal_in_the_sleep_of_run_ends_it(reactor: Reactor) -> None:
    reactor.on_signal(USR1, reactor.stop)
    reactor.call_later(0, os.kill, os.getpid(), USR1)
    run(reactor)


def test_a_signal_that_waits_is_a_turn_that_is_wanted(reactor: Reactor) -> None:
    reactor.on_signal(USR1, int)
    assert reactor.timeout() is None
    signal.raise_signal(USR1)
    assert reactor.timeout() == 0.0
    reactor.turn(0)
    assert reactor.timeout() is None


def test_the_loop_may_run_in_another_thread() -> None:
    threads: list[str] = []
    with Reactor.open() as reactor:
        reactor.on_signal(USR1, lambda: threads.append(threading.current_thread().name))
        with reactor.in_thread():
            signal.raise_signal(USR1)
            until(lambda: threads)
    assert threads == ["reactor"]


def test_handle_signal_of_a_handler_is_that_handler_s(caplog: pytest.LogCaptureFixture) -> None:
    class Counts(Greeter):
        signals = 0

        def on_open(self) -> None:
            self.watch = self.reactor.on_signal(USR1, self.handle_signal, USR1)

        def handle_signal(self, signum: int) -> None:
            self.signals += 1
            if self.signals == 2:
                raise KeyError(signum)

    with World(Counts) as world:
        peer = world.connect()
        for count in (1, 2):
            signal.raise_signal(USR1)
            world.turns()
            assert world.handler.signals == count
        assert peer.read_to_end() == b""


# whose error it is


def test_one_that_raises_costs_itself(reactor: Reactor, caplog: pytest.LogCaptureFixture) -> None:
    calls: list[int] = []
    kinds: list[str] = []
    reactor.on_error(lambda error, kind: kinds.append(kind))
    reactor.on_signal(USR1, calls.__getitem__, 7)
    reactor.on_signal(USR1, calls.append, 1)
    for _ in range(2):
        signal.raise_signal(USR1)
        reactor.turn(0)
    assert calls == [1, 1]
    assert kinds == ["signal", "signal"]
    assert "a signal raised" in caplog.text


def test_one_that_leaves_leaves_when_all_were_called(reactor: Reactor) -> None:
    def leave() -> None:
        raise SystemExit(3)

    calls: list[int] = []
    reactor.on_signal(USR1, leave)
    reactor.on_signal(USR1, calls.append, 1)
    signal.raise_signal(USR1)
    with pytest.raises(SystemExit):
        reactor.turn(0)
    assert calls == [1]
    reactor.turn(0)
    assert calls == [1]


# the end


def test_cancel_twice_between_two_in_a_call_and_the_last_puts_back(reactor: Reactor) -> None:
    before = signal.getsignal(USR1)
    calls: list[str] = []
    watches: list[SignalWatch] = []

    def first() -> None:
        calls.append("first")
        watches[0].cancel()
        watches[1].cancel()

    watches += [reactor.on_signal(USR1, first), reactor.on_signal(USR1, calls.append, "second")]
    watches.append(reactor.on_signal(USR1, calls.append, "third"))
    signal.raise_signal(USR1)
    reactor.turn(0)
    assert calls == ["first", "third"]
    assert [watch.is_active for watch in watches] == [False, False, True]
    assert signal.getsignal(USR1) is not before
    signal.raise_signal(USR1)
    for _ in range(2):
        watches[2].cancel()
    assert signal.getsignal(USR1) is before
    reactor.turn(0)  # what has come before the cancel is nobody's
    assert calls == ["first", "third"]
    reactor.on_signal(USR1, calls.append, "again")
    signal.raise_signal(USR1)
    reactor.turn(0)
    assert calls[2:] == ["again"]


def test_close_puts_all_back(reactor: Reactor) -> None:
    before = signal.getsignal(USR1), signal.getsignal(USR2)
    watches = [reactor.on_signal(signum, int) for signum in (USR1, USR1, USR2)]
    reactor.close()
    assert (signal.getsignal(USR1), signal.getsignal(USR2)) == before
    assert not any(watch.is_active for watch in watches)
    watches[0].cancel()
    with pytest.raises(RejectedExecutionError):
        reactor.on_signal(USR1, int)


def test_a_signal_function_may_close(reactor: Reactor) -> None:
    calls: list[int] = []
    reactor.on_signal(USR1, reactor.close)
    reactor.on_signal(USR1, calls.append, 1)
    signal.raise_signal(USR1)
    run(reactor)
    assert calls == []


def test_two_reactors_hear_the_same_signal(reactor: Reactor) -> None:
    calls: list[int] = []
    with Reactor.open() as other:
        reactor.on_signal(USR1, calls.append, 1)
        other.on_signal(USR1, calls.append, 2)
        signal.raise_signal(USR1)
        for each in (other, reactor):
            each.turn(0)
        assert calls == [2, 1]


def test_what_is_no_function_or_no_signal_is_refused(reactor: Reactor) -> None:
    with pytest.raises(TypeError, match=r"on_signal\(\) takes a function"):
        reactor.on_signal(USR1, None)  # type: ignore[arg-type]  # the mistake is the point
    with pytest.raises(ValueError, match="no signal"):
        reactor.on_signal(0, int)
    assert not reactor._signals._watches


def test_H08_from_another_thread_it_is_refused(reactor: Reactor) -> None:
    errors: list[BaseException] = []

    def call() -> None:
        try:
            reactor.on_signal(USR1, int)
        except RuntimeError as error:
            errors.append(error)

    in_a_thread(call)
    assert "main thread" in str(errors[0])


def test_a_handler_without_a_key_is_nobody_s(reactor: Reactor, caplog: pytest.LogCaptureFixture) -> None:
    class Lonely(Handler):
        def handle_signal(self) -> None:
            raise KeyError

    reactor.on_signal(USR1, Lonely().handle_signal)
    signal.raise_signal(USR1)
    reactor.turn(0)
    assert "a signal raised" in caplog.text
