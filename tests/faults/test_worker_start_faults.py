"""Workers that cannot be started, or not in the way that is asked for."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor

import pytest

from nio.errors import IllegalArgumentError
from nio.executors import WorkerPool
from nio.reactor import Reactor, State
from tests.faults.helpers import own_descriptors
from tests.unit.reactor.support import Kernel, World


class NoThreads(Kernel):
    """A system that starts no thread, until it does."""

    exhausted = True

    def start_thread(self, target: Callable[..., object], *args: object, name: str) -> threading.Thread:
        if self.exhausted:
            raise RuntimeError("can't start new thread")
        return super().start_thread(target, *args, name=name)


def test_records_wait_for_a_worker_that_cannot_be_started_yet(caplog: pytest.LogCaptureFixture) -> None:
    system = NoThreads()
    with WorkerPool(2, provider=system) as pool, World(workers=pool) as world:
        peers = [world.connect() for _ in range(3)]
        for peer in peers:
            peer.send(b"ann\n")
        world.until(lambda: world.reactor.statistics().requests == 3)
        world.advance(0.01)
        world.advance(0.01)
        assert [handler.state for handler in world.handlers] == [State.PROCESSING] * 3
        assert any("records wait for a worker" in record.getMessage() for record in caplog.records)
        system.exhausted = False
        world.advance(0.01)
        for peer in peers:
            assert peer.read(10) == b"Hello ann\n"


def test_processes_that_would_be_forked_later_are_refused_at_once() -> None:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("fork")) as pool:
        before = own_descriptors()
        with pytest.raises(IllegalArgumentError, match=r"forked at the first request.*spawn"):
            Reactor.open(workers=pool)
        with pytest.raises(IllegalArgumentError, match="forked"):
            Reactor.open(workers=lambda: pool)
        assert own_descriptors() == before


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_processes_that_are_not_forked_out_of_this_one_pass(method: str) -> None:
    with (
        ProcessPoolExecutor(1, mp_context=multiprocessing.get_context(method)) as pool,
        Reactor.open(workers=pool) as reactor,
    ):
        assert reactor.hand_off is not None
