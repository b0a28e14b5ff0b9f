"""One contract for the workers of a reactor, whoever runs them: threads, processes, interpreters, loky, dask."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from glob import glob
from pathlib import Path
from typing import Any

import pytest

from nio.channels import SelectionKey, ServerSocketChannel
from nio.errors import IllegalArgumentError
from nio.reactor import Acceptor, CloseReason, Reactor
from tests.contract.executor_jobs import Bound, Worker, tasks_of
from tests.contract.executors import KINDS, WORKERS, Kind
from tests.unit.reactor.support import PATIENCE, Peer, World

pytestmark = [
    pytest.mark.filterwarnings("default::DeprecationWarning:distributed"),
    pytest.mark.filterwarnings("default::DeprecationWarning:loky"),
]

AHEAD = 4 * WORKERS + 1  # jobs that run, or that a pool of processes has taken and cannot give back: loky takes most


@pytest.fixture(autouse=True)
def nothing_is_left_behind() -> None:
    """An executor serves all the tests of its kind, so its threads and pipes outlive each of them."""


@pytest.fixture(scope="module", params=[pytest.param(kind, id=name) for name, kind in KINDS.items()])
def kind(request: pytest.FixtureRequest) -> Kind:
    chosen: Kind = request.param
    if chosen.missing:
        pytest.skip(chosen.missing)
    return chosen


@pytest.fixture(scope="module")
def executor(kind: Kind) -> Iterator[Executor]:
    with kind.make() as executor:
        yield executor


def until(happened: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < end
        threading.Event().wait(0.005)


def asked(world: World, record: str) -> Peer:
    """A client whose record the reactor has handed over."""
    peer = world.connect()
    before = world.reactor.statistics().requests
    peer.send(record.encode() + b"\n")
    world.until(lambda: world.reactor.statistics().requests > before)
    return peer


def answers(world: World) -> None:
    peer = world.connect()
    peer.send(b"still there\n")
    assert peer.read(12) == b"STILL THERE\n"


def test_every_client_has_its_replies_in_order(executor: Executor) -> None:
    with World(Worker, workers=executor) as world:
        peers = [world.connect() for _ in range(5)]
        for number, peer in enumerate(peers):
            peer.send(b"a%d\nb%d\nc%d\n" % (number, number, number))
        for number, peer in enumerate(peers):
            assert peer.read(9) == b"A%d\nB%d\nC%d\n" % (number, number, number)


def test_a_bound_process_is_refused_where_the_work_leaves_the_process(kind: Kind, executor: Executor) -> None:
    with Reactor.open(workers=executor) as reactor, ServerSocketChannel.open().bind(("127.0.0.1", 0)) as listener:
        if kind.leaves:
            with pytest.raises(IllegalArgumentError, match=r"Bound\.process is bound to its handler"):
                reactor.register(listener, SelectionKey.OP_ACCEPT, Acceptor(Bound))
        else:
            reactor.register(listener, SelectionKey.OP_ACCEPT, Acceptor(Bound))


@pytest.mark.parametrize(
    ("record", "reason"),
    [("error", CloseReason.HANDLER_ERROR), ("peer", CloseReason.PROTOCOL_ERROR), ("lock", CloseReason.HANDLER_ERROR)],
)
def test_what_process_raises_or_cannot_send_back_costs_its_connection(
    kind: Kind, executor: Executor, record: str, reason: CloseReason
) -> None:
    """``error`` is one that cannot be read at home, ``lock`` a reply that cannot travel."""
    if record == kind.beyond[0]:
        pytest.skip(kind.beyond[1])
    with World(Worker, workers=executor) as world:
        victim = asked(world, record)
        assert victim.read_to_end() == b""
        victim.close()
        world.until(lambda: world.closed() == {reason: 1})
        answers(world)


def test_a_call_that_cannot_travel_has_an_error(kind: Kind, executor: Executor) -> None:
    with World(Worker, workers=executor) as world:
        outcome = world.reactor.defer(threading.Lock().acquire, then=lambda future: None)
        world.until(outcome.done)
        assert (outcome.exception() is None) is not kind.leaves
        answers(world)


def test_a_client_that_is_gone_takes_its_record_with_it(executor: Executor, tmp_path: Path) -> None:
    """The workers are busy, and so is the queue that cannot be asked to give a job back."""
    gate, trace = tmp_path / "gate", tmp_path / "trace"
    with World(Worker, workers=executor) as world:
        busy = [asked(world, f"wait {gate}") for _ in range(AHEAD)]
        until(lambda: len(glob(f"{gate}.*")) == WORKERS)
        victim = asked(world, f"touch {trace}")
        victim.reset()
        world.until(lambda: world.reactor.statistics().open == len(busy))
        until(lambda: has_cancelled(executor, AHEAD))
        gate.touch()
        for peer in busy:
            assert peer.read(len(f"wait {gate}\n")) == f"wait {gate}\n".upper().encode()
        answers(world)
    assert not trace.exists()


def has_cancelled(executor: Any, rest: int) -> bool:
    """A cluster hears of it later, and has the other tasks only."""
    client = getattr(executor, "client", getattr(executor, "_client", None))
    return client is None or client.run_on_scheduler(tasks_of) == rest
