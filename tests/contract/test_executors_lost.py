"""What dies in the middle: a worker with records in its hands, a scheduler with all of them; the reactor goes on.

Worker processes of Python's own pools: ``tests/faults/test_executor_faults.py``.
"""

from __future__ import annotations

import importlib
import os
import signal
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import ExitStack
from glob import glob
from pathlib import Path
from typing import Any

import pytest

from nio.errors import WorkersLostError
from nio.executors import BatchExecutor, DaskExecutor
from nio.reactor import CloseReason
from tests.contract.executor_jobs import Worker
from tests.contract.executors import KINDS, Cluster, loky, processes
from tests.contract.test_executors import answers, asked, nothing_is_left_behind, until
from tests.integration._hello_name import Server, lines, needs_proc, rest
from tests.integration.test_hello_name_server import has_read_all
from tests.unit.reactor.support import Peer, World, run

__all__ = ["nothing_is_left_behind"]  # dask and loky keep threads and pipes for the next one

needs_dask = pytest.mark.skipif(bool(KINDS["dask"].missing), reason=KINDS["dask"].missing)
needs_loky = pytest.mark.skipif(bool(KINDS["loky"].missing), reason=KINDS["loky"].missing)


@pytest.fixture
def tmp_gate(tmp_path: Path) -> Iterator[Path]:
    """What the last worker waits for is there in the end, whatever happens."""
    yield tmp_path / "gate"
    (tmp_path / "gate").touch()


def make_batches() -> Executor:
    return BatchExecutor(processes("spawn", 1))


ON_A_CLUSTER = ("--reactor", "pooled", "--executor")
POOLS = [pytest.param(loky, id="loky", marks=needs_loky), pytest.param(make_batches, id="batches")]


def worker_of(gate: Path) -> int:
    """The process of a worker that waits."""
    until(lambda: glob(f"{gate}.*"))
    return int(glob(f"{gate}.*")[0].split(".")[-2])


# a process of a pool


@pytest.mark.parametrize("make", POOLS)
def test_a_killed_worker_ends_its_records_and_a_reactor_without_a_factory(make: Any, tmp_gate: Path) -> None:
    with make() as executor, World(Worker, workers=executor) as world:
        victim = asked(world, f"wait {tmp_gate}")
        os.kill(worker_of(tmp_gate), signal.SIGKILL)
        with pytest.raises(WorkersLostError, match="is broken and there is no factory"):
            run(world.reactor)
        ended(world, victim, CloseReason.WORKER_LOST)


@pytest.mark.parametrize("make", POOLS)
def test_a_killed_worker_ends_its_records_and_the_factory_makes_the_next_pool(make: Any, tmp_gate: Path) -> None:
    made: list[Executor] = []

    def factory() -> Executor:
        made.append(make())
        return made[-1]

    with World(Worker, workers=factory) as world:
        victim = asked(world, f"wait {tmp_gate}")
        os.kill(worker_of(tmp_gate), signal.SIGKILL)
        ended(world, victim, CloseReason.WORKER_LOST)
        world.advance(0.1)
        answers(world)
        assert len(made) == 2
    for executor in made:
        executor.shutdown()


@needs_loky
@needs_proc
def test_the_server_leaves_with_an_exit_code_of_its_own_when_loky_has_lost_a_worker(tmp_path: Path) -> None:
    with Server("--reactor", "pooled", "--executor", "loky", "--workers", "1", "--delay", "3600") as server:
        with server.connect() as client:
            client.sendall(b"ann\n")
            until(lambda: has_read_all(server))
            children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split()
            workers = [child for child in children if is_a_worker(child)]
            for worker in workers:
                os.kill(int(worker), signal.SIGKILL)
            assert rest(client) == b""
        ended = server.wait()
    assert (ended.code, ended.done["reason"]) == (7, "WORKERS_LOST")


def is_a_worker(pid: str) -> bool:
    return b"popen_loky" in Path(f"/proc/{pid}/cmdline").read_bytes()


# a worker, and the scheduler, of a cluster


@needs_dask
def test_a_dead_dask_worker_costs_its_records_where_a_task_may_not_be_done_again(tmp_gate: Path) -> None:
    with ExitStack() as stack:
        cluster = stack.enter_context(Cluster(deaths=0))
        world = stack.enter_context(World(Worker, workers=made_on(cluster, stack)))
        victim, other = asked(world, "die -"), world.connect()
        ended(world, victim, CloseReason.WORKER_LOST)
        other.send(b"ann\n")
        assert other.read(4) == b"ANN\n"


def made_on(cluster: Cluster, stack: ExitStack) -> Executor:
    return stack.enter_context(DaskExecutor(stack.enter_context(cluster.connect())))


def ended(world: World, victim: Peer, reason: CloseReason) -> None:
    assert victim.read_to_end() == b""
    victim.close()
    world.until(lambda: world.closed() == {reason: 1})


@needs_dask
def test_dask_does_a_dead_worker_s_records_again_and_its_scheduler_s_end_is_told(
    tmp_path: Path, tmp_gate: Path
) -> None:
    with ExitStack() as stack:
        cluster = stack.enter_context(Cluster())
        world = stack.enter_context(World(Worker, workers=made_on(cluster, stack)))
        first = asked(world, f"die {tmp_path / 'died'}")
        assert first.read(5) == b"DIE /"
        victim = asked(world, f"wait {tmp_gate}")
        worker_of(tmp_gate)
        cluster.scheduler.kill()
        with pytest.raises(WorkersLostError, match="the DaskExecutor is broken and there is no factory"):
            run(world.reactor)
        ended(world, victim, CloseReason.WORKER_LOST)


@needs_dask
def test_a_factory_finds_the_next_scheduler(tmp_gate: Path) -> None:
    clusters = [Cluster(workers=1)]
    try:
        with World(Worker, workers=DaskExecutor.factory(lambda: clusters[-1].connect())) as world:
            first = world.reactor.hand_off.executor  # type: ignore[union-attr]
            victim = asked(world, f"wait {tmp_gate}")
            worker_of(tmp_gate)
            clusters.append(Cluster(workers=1))
            clusters[0].scheduler.kill()
            ended(world, victim, CloseReason.WORKER_LOST)
            waiting = world.connect()
            waiting.send(b"ann\n")
            assert waiting.read(4) == b"ANN\n"
            assert world.reactor.hand_off.executor is not first  # type: ignore[union-attr]
    finally:
        for cluster in clusters:
            cluster.close()


@needs_dask
@needs_proc
def test_the_server_on_a_cluster_and_without_one() -> None:
    with (
        Cluster(workers=1) as cluster,
        Server("--reactor", "pooled", "--executor", f"dask:{cluster.address}") as server,
    ):
        with server.connect() as client, server.connect() as other:
            client.sendall(b"ann\nbob\n")
            other.sendall(b"\xff\n")
            assert lines(client, 2) == [b"Hello ann", b"Hello bob"]
            assert rest(other) == b""  # an error that came home from a worker
            other.close()
            cluster.workers[0].kill()
            client.sendall(b"carl\n")
            until(lambda: has_read_all(server))
            cluster.scheduler.kill()
            assert rest(client) == b""
        ended = server.wait()
    assert (ended.code, ended.done["reason"]) == (7, "WORKERS_LOST")
    assert "PROTOCOL_ERROR 1" in ended.log


@needs_dask
@pytest.mark.parametrize(
    ("address", "code", "words"),
    [
        ("127.0.0.1:1", 4, "no dask scheduler answers at 127.0.0.1:1 within 0.5 s"),
        ("nonsense", 2, "--executor dask:nonsense: ValueError: missing port number in address 'nonsense'"),
    ],
)
def test_no_scheduler_there(
    address: str, code: int, words: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    main = importlib.import_module("samples.hello_name.__main__").main
    monkeypatch.setattr("samples.hello_name._workers._CONNECT_LIMIT", 0.5)
    assert main(["server", "--port", "0", "--reactor", "pooled", "--executor", f"dask:{address}"]) == code
    assert capsys.readouterr().err == f"hello_name server: {words}\n"


@needs_dask
def test_a_cluster_without_a_worker(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    main = importlib.import_module("samples.hello_name.__main__").main
    monkeypatch.setattr("samples.hello_name._workers._TRIAL_LIMIT", 0.2)
    with Cluster(workers=0) as cluster:
        assert main(["server", "--port", "0", "--reactor", "pooled", "--executor", f"dask:{cluster.address}"]) == 4
    assert "has no worker that greets within 0.2 s" in capsys.readouterr().err
