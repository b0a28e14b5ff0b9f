"""The way to the workers: batches, every saturation policy, executors of others, and what cannot leave the process."""

from __future__ import annotations

import functools
import multiprocessing
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

import pytest

from nio.channels import SelectionKey, ServerSocketChannel
from nio.errors import IllegalArgumentError
from nio.executors import Saturation, WorkerPool
from nio.reactor import Acceptor, CloseReason, Reactor, State, StreamHandler
from tests.unit.reactor.support import PATIENCE, Gate, Greeter, Manual, Peer, World


@pytest.fixture
def gate() -> Gate:
    """To be entered last, so that nobody waits for a worker that waits for the gate."""
    return Gate()


def gated(gate: Gate) -> Callable[[], Greeter]:
    class Slow(Greeter):
        def process(self, record: bytes) -> bytes | None:
            self.thread = threading.get_ident()
            if record == b"slow":
                gate()
            return super().process(record)

    return Slow


class Crowd:
    """One worker that is busy with the first connection, a queue of one that holds the second; a third comes."""

    def __init__(self, world: World, gate: Gate) -> None:
        self.world = world
        self.gate = gate
        self.busy = self.ask(b"slow\n")
        assert gate.begun.acquire(timeout=PATIENCE)
        self.queued = self.ask(b"ann\n")
        self.third = self.ask(b"bob\n")

    def ask(self, name: bytes) -> Peer:
        peer = self.world.connect()
        before = self.world.reactor.statistics().requests
        peer.send(name)
        self.world.until(lambda: self.world.reactor.statistics().requests > before)
        return peer

    @property
    def states(self) -> list[State]:
        return [handler.state for handler in self.world.handlers]

    @property
    def reasons(self) -> list[list[CloseReason]]:
        return [handler.reasons for handler in self.world.handlers]


def rejected(world: World, peer: Peer) -> None:
    assert peer.read_to_end() == b""
    peer.close()
    world.until(lambda: world.closed() == {CloseReason.OVERLOAD: 1})


def test_F01_block_lets_the_connection_wait_never_the_reactor(gate: Gate) -> None:
    with (
        WorkerPool(1, queue=1, saturation=Saturation.BLOCK) as pool,
        World(gated(gate), workers=pool) as world,
        gate,
    ):
        crowd = Crowd(world, gate)
        world.turns(5)
        assert crowd.states == [State.PROCESSING] * 3
        assert pool.statistics().queued == 1
        crowd.third.send(b"carl\n")
        world.turns(5)
        assert world.reactor.statistics().requests == 3
        gate.release.set()
        assert crowd.busy.read(11) == b"Hello slow\n"
        assert crowd.queued.read(10) == b"Hello ann\n"
        assert crowd.third.read(21) == b"Hello bob\nHello carl\n"


def test_F01_a_pool_that_is_full_of_somebody_else_s_work_is_asked_again(gate: Gate) -> None:
    with (
        WorkerPool(1, queue=1, saturation=Saturation.BLOCK) as pool,
        World(gated(gate), workers=pool) as world,
        gate,
    ):
        pool.execute(gate)
        assert gate.begun.acquire(timeout=PATIENCE)
        last = pool.submit(int)
        peers = [world.connect() for _ in range(3)]
        for peer in peers:
            peer.send(b"ann\n")
        world.until(lambda: world.reactor.statistics().requests == 3)
        world.advance(0.01)
        assert world.reactor.statistics().timers == 1 + len(peers)  # one for all that wait, and the idle times
        gate.release.set()
        last.result(PATIENCE)
        assert [handler.state for handler in world.handlers] == [State.PROCESSING] * 3  # nobody told the reactor
        for peer in peers:
            assert peer.read(10) == b"Hello ann\n"


def test_F01_who_waits_for_room_looks_again_after_10_ms(gate: Gate) -> None:
    with (
        WorkerPool(1, queue=1, saturation=Saturation.BLOCK) as pool,
        World(gated(gate), workers=pool) as world,
        gate,
    ):
        pool.execute(gate)
        assert gate.begun.acquire(timeout=PATIENCE)
        pool.execute(int)
        world.connect().send(b"ann\n")
        world.until(lambda: world.reactor.statistics().requests)
        for _ in range(3):
            world.kernel.waits.clear()
            world.reactor.turn()
            assert world.kernel.waits == [0.01]
            world.advance(0.01)


def test_caller_runs_in_the_reactor_s_thread(gate: Gate) -> None:
    with (
        WorkerPool(1, queue=1, saturation=Saturation.CALLER_RUNS) as pool,
        World(gated(gate), workers=pool) as world,
        gate,
    ):
        crowd = Crowd(world, gate)
        assert crowd.third.read(10) == b"Hello bob\n"
        assert world.handlers[2].thread == threading.get_ident()
        gate.release.set()
        assert crowd.queued.read(10) == b"Hello ann\n"
        assert world.handlers[1].thread != threading.get_ident()


@pytest.mark.parametrize("policy", [Saturation.DISCARD, Saturation.ABORT])
def test_what_is_discarded_or_refused_ends_its_connection(gate: Gate, policy: Saturation) -> None:
    with WorkerPool(1, queue=1, saturation=policy) as pool, World(gated(gate), workers=pool) as world, gate:
        crowd = Crowd(world, gate)
        rejected(world, crowd.third)
        assert crowd.reasons == [[], [], [CloseReason.OVERLOAD]]
        gate.release.set()
        assert crowd.busy.read(11) == b"Hello slow\n"
        assert crowd.queued.read(10) == b"Hello ann\n"


def test_discard_oldest_makes_room_for_the_newest(gate: Gate) -> None:
    with (
        WorkerPool(1, queue=1, saturation=Saturation.DISCARD_OLDEST) as pool,
        World(gated(gate), workers=pool) as world,
        gate,
    ):
        crowd = Crowd(world, gate)
        rejected(world, crowd.queued)
        assert crowd.reasons == [[], [CloseReason.OVERLOAD], []]
        gate.release.set()
        assert crowd.third.read(10) == b"Hello bob\n"


def test_discard_oldest_of_a_queue_that_is_empty_by_then_drops_nothing() -> None:
    class Quick(WorkerPool):
        """Full when it is asked, and empty when the oldest is to be dropped."""

        full = True

        def offer(self, jobs: Sequence[Callable[[], object]]) -> int:
            if self.full:
                return 0
            return super().offer(jobs)

        def discard_oldest(self) -> Any:
            self.full = False
            return super().discard_oldest()

    with Quick(1, saturation=Saturation.DISCARD_OLDEST) as pool, World(workers=pool) as world:
        peer = world.connect()
        peer.send(b"ann\n")
        assert peer.read(10) == b"Hello ann\n"


def test_replies_owed_go_out_before_an_overload_ends_the_connection(gate: Gate) -> None:
    with (
        WorkerPool(1, queue=1, saturation=Saturation.ABORT) as pool,
        World(gated(gate), workers=pool) as world,
        gate,
    ):
        peer = world.connect()
        world.kernel.room = 4
        peer.send(b"ann\n")
        world.until(lambda: world.handler.unsent == 6)
        pool.execute(gate)
        assert gate.begun.acquire(timeout=PATIENCE)
        pool.execute(int)
        peer.send(b"bob\ncarl\n")
        world.until_state(State.CLOSING)
        world.kernel.room = None
        assert peer.read_to_end() == b"Hello ann\n"


def test_the_requests_of_one_selection_travel_together() -> None:
    class Counting(WorkerPool):
        def __init__(self) -> None:
            super().__init__(2)
            self.batches: list[int] = []

        def offer(self, jobs: Sequence[Callable[[], object]]) -> int:
            self.batches.append(len(jobs))
            return super().offer(jobs)

    with Counting() as pool, World(workers=pool) as world:
        peers = [world.connect() for _ in range(10)]
        for peer in peers:
            peer.send(b"ann\n")
        for peer in peers:
            assert peer.read(10) == b"Hello ann\n"
        assert max(pool.batches) > 1
        assert sum(pool.batches) == 10


def test_a_completion_brings_the_next_record_in_the_same_turn() -> None:
    manual = Manual()
    with World(workers=manual) as world:
        peer = world.connect()
        peer.send(b"ann\nbob\n")
        world.until(lambda: manual.waiting)
        manual.run_one()
        world.reactor.turn(0)
        assert manual.submitted == 2
        manual.run_one()
        assert peer.read(20) == b"Hello ann\nHello bob\n"


def test_F05_a_pool_that_is_shut_down_rejects_every_request() -> None:
    pool = WorkerPool(1)
    pool.shutdown()
    with World(workers=pool) as world:
        peers = [world.connect() for _ in range(3)]
        for peer in peers:
            peer.send(b"ann\nbob\n")
        for peer in peers:
            assert peer.read_to_end() == b""
            peer.close()
        world.until(lambda: world.closed() == {CloseReason.OVERLOAD: 3})


# executors of others


def test_a_thread_pool_executor() -> None:
    with ThreadPoolExecutor(2) as pool, World(workers=pool) as world:
        peers = [world.connect() for _ in range(5)]
        for peer in peers:
            peer.send(b"ann\n" * 20)
        for peer in peers:
            assert peer.read(200) == b"Hello ann\n" * 20


def test_a_thread_pool_executor_that_is_shut_down_rejects() -> None:
    pool = ThreadPoolExecutor(1)
    pool.shutdown()
    with World(workers=pool) as world:
        peer = world.connect()
        peer.send(b"ann\n")
        rejected(world, peer)


def test_the_reactor_leaves_an_executor_that_is_not_its_own_alone() -> None:
    with ThreadPoolExecutor(1) as pool:
        with World(workers=pool):
            pass
        assert pool.submit(int, "7").result() == 7


def test_an_exception_in_an_executor_s_future_ends_the_connection() -> None:
    class Bad(Greeter):
        def process(self, record: bytes) -> bytes | None:
            raise KeyError(record)

    manual = Manual()
    with World(Bad, workers=manual) as world:
        peer = world.connect()
        peer.send(b"ann\n")
        world.until(lambda: manual.waiting)
        manual.run_one()
        assert peer.read_to_end() == b""
        peer.close()
        world.until(lambda: world.closed() == {CloseReason.HANDLER_ERROR: 1})


def test_a_future_that_its_executor_cancels_ends_the_connection() -> None:
    manual = Manual()
    with World(workers=manual) as world:
        peer = world.connect()
        peer.send(b"ann\n")
        world.until(lambda: manual.waiting)
        future, _ = manual.waiting.popleft()
        future.cancel()
        rejected(world, peer)


class AtOnce(Executor):
    """Runs the job inside ``submit``, as an executor for tests may."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


def test_an_executor_that_is_done_before_submit_returns() -> None:
    with World(workers=AtOnce()) as world:
        peer = world.connect()
        peer.send(b"ann\nbob\n")
        assert peer.read(20) == b"Hello ann\nHello bob\n"


@pytest.mark.parametrize("error", [RuntimeError, queue.Full, TypeError, OSError])
def test_an_executor_that_refuses_in_its_own_way_costs_one_connection(error: type[Exception]) -> None:
    class Refusing(Executor):
        refuses = False

        def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
            if self.refuses:
                raise error("no")
            return AtOnce().submit(fn, *args, **kwargs)

    executor = Refusing()
    with World(workers=executor) as world:
        peer, other = world.connect(), world.connect()
        executor.refuses = True
        peer.send(b"ann\n")
        rejected(world, peer)
        executor.refuses = False
        other.send(b"bob\n")
        assert other.read(10) == b"Hello bob\n"


# processes


class Upper(Greeter):
    process = staticmethod(bytes.upper)  # type: ignore[assignment]  # what the class documents for processes


class Direct(StreamHandler):
    """A method: it would take the handler, and with it the connection, to the other process."""

    def process(self, record: bytes) -> bytes | None:
        return record


class Bound(Greeter):
    """Inherits the method."""


class Heir(Bound):
    """Inherits it from further away."""


@pytest.fixture
def processes() -> Iterator[ProcessPoolExecutor]:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield pool


def test_a_pool_of_processes(processes: ProcessPoolExecutor) -> None:
    with World(Upper, workers=processes) as world:
        peers = [world.connect(), world.connect()]
        for peer in peers:
            peer.send(b"ann\nbob\n")
        for peer in peers:
            assert peer.read(8) == b"ANN\nBOB\n"


@pytest.mark.parametrize("handler", [Direct, Bound, Heir])
def test_a_bound_process_is_refused_when_the_acceptor_is_registered(
    processes: ProcessPoolExecutor, handler: type[StreamHandler]
) -> None:
    with (
        Reactor.open(workers=processes) as reactor,
        ServerSocketChannel.open().bind(("127.0.0.1", 0)) as listener,
    ):
        with pytest.raises(IllegalArgumentError, match=rf"{handler.__name__}\.process is bound to its handler"):
            reactor.register(listener, SelectionKey.OP_ACCEPT, Acceptor(handler))
        reactor.turn(0)  # the cancelled key leaves
        reactor.register(listener, SelectionKey.OP_ACCEPT, Acceptor(Upper))


def function(record: bytes) -> bytes:
    return record


@pytest.mark.parametrize(
    ("process", "taken"),
    [
        (bytes.upper, True),
        (function, True),
        (functools.partial(function), True),
        (b"text".replace, False),
        (functools.partial(b"text".replace), False),
        (lambda record: record, False),
        ("no function", False),
    ],
)
def test_what_can_leave_the_process(processes: ProcessPoolExecutor, process: Any, taken: bool) -> None:
    class Own(Greeter):
        def __init__(self) -> None:
            super().__init__()
            self.process = process  # type: ignore[method-assign]  # as a class whose instances differ may do

    with World(Own, workers=processes) as world:
        peer = world.dial()
        if taken:
            world.until(lambda: world.reactor.statistics().open == 1)
        else:
            assert peer.read_to_end() == b""
            assert world.reactor.statistics().open == 0


def test_in_threads_every_process_may_run() -> None:
    with World(Bound, workers=1) as world:
        peer = world.connect()
        peer.send(b"ann\n")
        assert peer.read(10) == b"Hello ann\n"
