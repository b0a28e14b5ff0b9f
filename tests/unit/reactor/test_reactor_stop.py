"""Every way to stop a reactor, and what a stopped one does."""

from __future__ import annotations

import os
import signal
import threading
from typing import Any

import pytest

from nio.errors import IllegalArgumentError
from nio.reactor import Reactor
from tests.unit.reactor.support import PATIENCE, Greeter, Kernel, World, in_a_thread, run


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
