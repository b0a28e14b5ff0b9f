"""Executors of others: how many records one may hold, which of them take batches, where the work is done."""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor
from typing import Any

import pytest

from nio.channels import SelectionKey, ServerSocketChannel
from nio.errors import IllegalArgumentError, WorkerLostError
from nio.reactor import Acceptor, CloseReason, Reactor, StreamHandler
from tests.unit.reactor.support import Greeter, Manual, World, run


class Bound(StreamHandler):
    def process(self, record: bytes) -> bytes:
        return record


class Plain(Greeter):
    process = staticmethod(bytes.upper)  # type: ignore[assignment]  # what may travel


class Narrow(Manual):
    backlog = 2


class Batches(Manual):
    """Charges by the flush."""

    leaves_process = True

    def __init__(self) -> None:
        super().__init__()
        self.flushes: list[int] = []
        self.fault: BaseException | None = None

    def collect(self, fn: Callable[..., Any], /, *args: Any) -> Future[Any]:
        return super().submit(fn, *args)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        raise AssertionError("a record travels alone")

    def flush(self) -> None:
        self.flushes.append(len(self.waiting))
        if self.fault is not None:
            raise self.fault


def named(module: str, name: str) -> type[Executor]:
    """A class of others as it looks from here, and one that is derived from it."""
    return type("Derived", (type(name, (ThreadPoolExecutor,), {"__module__": module, "__qualname__": name}),), {})


# the room


def test_an_executor_has_so_many_records_at_a_time_and_the_rest_wait_here() -> None:
    executor = Narrow()
    with World(Plain, workers=executor) as world:
        peers = [world.connect() for _ in range(5)]
        for peer in peers:
            peer.send(b"ann\n")
        world.until(lambda: world.reactor.statistics().requests == 5)
        world.turns()
        assert executor.submitted == 2
        executor.run_one()
        world.turns()
        assert (executor.submitted, len(executor.waiting)) == (3, 2)
        while executor.waiting:
            executor.run_one()
            world.turns()
        for peer in peers:
            assert peer.read(4) == b"ANN\n"
        assert executor.submitted == 5


def test_a_client_that_goes_makes_room_for_the_next() -> None:
    executor = Narrow()
    with World(Plain, workers=executor) as world:
        peers = [world.connect() for _ in range(3)]
        for number, peer in enumerate(peers):
            peer.send(b"ann\n")
            world.until(lambda number=number: world.reactor.statistics().requests == number + 1)  # type: ignore[misc]
        world.turns()
        first = executor.waiting[0][0]
        peers[0].reset()
        world.until(lambda: executor.submitted == 3)
        assert first.cancelled()


def test_slow_workers_and_a_full_backlog_end_the_clients_that_wait_too_long() -> None:
    class Hurried(Plain):
        process_timeout = 5.0

    executor = Narrow()
    with World(Hurried, workers=executor) as world:
        peers = [world.connect() for _ in range(3)]
        for peer in peers:
            peer.send(b"ann\n")
        world.until(lambda: len(executor.waiting) == 2)
        for future, _ in executor.waiting:
            assert future.set_running_or_notify_cancel()  # nobody can cancel it
        world.advance(5.1)
        for peer in peers:
            assert peer.read_to_end() == b""
            peer.close()
        world.until(lambda: world.closed() == {CloseReason.PROCESS_TIMEOUT: 3})
        late = world.connect()
        late.send(b"bob\n")
        world.until(lambda: world.reactor.statistics().requests == 4)
        world.turns()
        assert executor.submitted == 2  # those have not ended
        executor.run_one()
        world.until(lambda: executor.submitted == 3)
        executor.run_one()
        executor.run_one()
        assert late.read(4) == b"BOB\n"


def test_a_future_that_ends_twice_gives_back_one_place() -> None:
    class Twice(Narrow):
        def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
            future = super().submit(fn, *args, **kwargs)
            add = future.add_done_callback
            future.add_done_callback = lambda fn: (add(fn), add(fn))  # type: ignore[assignment, method-assign]
            return future

    executor = Twice()
    with World(Plain, workers=executor) as world:
        peer = world.connect()
        peer.send(b"ann\n")
        world.until(lambda: executor.waiting)
        executor.run_one()
        assert peer.read(4) == b"ANN\n"
        for each in [world.connect() for _ in range(3)]:
            each.send(b"bob\n")
        world.until(lambda: world.reactor.statistics().requests == 4)
        world.turns()
        assert len(executor.waiting) == 2


def test_clients_that_come_and_go_before_a_full_executor_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["nio.reactor.loop._hand_off"], "BACKLOG", 4)
    executor = Narrow()
    with World(Plain, workers=executor) as world:
        hand_off = world.reactor.hand_off
        assert hand_off is not None
        stuck = [world.connect() for _ in range(2)]
        for peer in stuck:
            peer.send(b"ann\n")
        for number in range(20):
            peer = world.connect()
            peer.send(b"bob\n")
            world.until(lambda number=number: world.reactor.statistics().requests == number + 3)  # type: ignore[misc]
            peer.reset()
            world.until(lambda: world.reactor.statistics().open == 2)
            world.turns()
        assert len(hand_off.jobs) <= 5
        executor.run_one()
        world.until(lambda: not hand_off.jobs)
        assert executor.submitted == 2


@pytest.mark.parametrize("backlog", [0, -1, True, "many", None])
def test_a_backlog_is_a_number_of_records(backlog: Any) -> None:
    executor = Manual()
    executor.backlog = backlog  # type: ignore[attr-defined]
    with pytest.raises(IllegalArgumentError, match=r"Manual\.backlog is a number of records, not "):
        Reactor.open(workers=executor)


# batches


def test_the_records_of_a_selection_are_collected_and_flushed_once() -> None:
    executor = Batches()
    with World(Plain, workers=executor) as world:
        peers = [world.connect() for _ in range(4)]
        for peer in peers:
            peer.send(b"ann\n")
        world.until(lambda: len(executor.waiting) == 4)
        assert executor.flushes[-1] == 4
        assert len(executor.flushes) < 4
        while executor.waiting:
            executor.run_one()
        for peer in peers:
            assert peer.read(4) == b"ANN\n"


def test_ctrl_c_in_a_flush_leaves_run() -> None:
    executor = Batches()
    with World(Plain, workers=executor) as world:
        executor.fault = KeyboardInterrupt()
        world.connect().send(b"ann\n")
        with pytest.raises(KeyboardInterrupt):
            run(world.reactor)


# a worker that is lost


def test_a_lost_worker_costs_its_records_and_nothing_else() -> None:
    executor = Manual()
    with World(Plain, workers=executor) as world:
        victim, other = world.connect(), world.connect()
        victim.send(b"ann\n")
        world.until(lambda: executor.waiting)
        executor.waiting.popleft()[0].set_exception(WorkerLostError("gone"))
        assert victim.read_to_end() == b""
        assert world.handlers[0].reason is CloseReason.WORKER_LOST
        other.send(b"bob\n")
        world.until(lambda: executor.waiting)
        executor.run_one()
        assert other.read(4) == b"BOB\n"


# a factory that takes its time


class Broken(Manual):
    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        raise BrokenExecutor("lost")


def asked_again(world: World, futures: list[Future[Executor]], times: int) -> Callable[[], bool]:
    def has_been() -> bool:
        world.advance(0.1)
        return len(futures) == times

    return has_been


def test_a_factory_may_give_a_future_of_the_next_executor() -> None:
    futures: list[Future[Executor]] = []

    def make() -> Future[Executor]:
        futures.append(Future())
        if len(futures) == 1:
            futures[0].set_result(Broken())
        return futures[-1]

    with World(Plain, workers=make) as world:
        peer = world.connect()
        peer.send(b"ann\n")
        world.until(asked_again(world, futures, 2))
        futures[1].set_exception(OSError("no scheduler"))
        world.until(asked_again(world, futures, 3))
        executor = Manual()
        futures[2].set_result(executor)
        world.until(lambda: executor.waiting)  # it was never begun
        executor.run_one()
        assert peer.read(4) == b"ANN\n"


@pytest.mark.parametrize("outcome", ["executor", "error", "cancelled"])
def test_what_is_made_too_late_is_shut_down(outcome: str, caplog: pytest.LogCaptureFixture) -> None:
    futures: list[Future[Executor]] = []

    class Late(Manual):
        shut = False

        def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
            self.shut = True

    def make() -> Future[Executor]:
        futures.append(Future())
        if len(futures) == 1:
            futures[0].set_result(Broken())
        return futures[-1]

    late = Late()
    with World(Plain, workers=make) as world:
        world.connect().send(b"ann\n")
        world.until(asked_again(world, futures, 2))
        hand_off = world.reactor.hand_off
        assert hand_off is not None
        hand_off.close()
        if outcome == "executor":
            futures[1].set_result(late)
        elif outcome == "error":
            futures[1].set_exception(OSError("no"))
        else:
            futures[1].cancel()
        world.turns()
    assert late.shut is (outcome == "executor")
    assert [record.message for record in caplog.records if "could be made" in record.message] == []


@pytest.mark.parametrize("fault", [None, TypeError("no such argument")])
def test_an_executor_that_cannot_cancel_is_shut_down_all_the_same(fault: TypeError | None) -> None:
    calls: list[dict[str, bool]] = []

    class Own(Manual):
        def shutdown(self, wait: bool = True, **options: bool) -> None:
            calls.append(options)
            if options and fault is not None:
                raise fault

    World(Plain, workers=Own).__exit__(None, None, None)
    assert calls == ([{"cancel_futures": True}] if fault is None else [{"cancel_futures": True}, {}])


# where the work is done


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("concurrent.futures.process", "ProcessPoolExecutor"),
        ("concurrent.futures.interpreter", "InterpreterPoolExecutor"),
        ("loky.process_executor", "ProcessPoolExecutor"),
        ("distributed.cfexecutor", "ClientExecutor"),
    ],
)
def test_executors_that_are_known_to_work_elsewhere(module: str, name: str) -> None:
    with named(module, name)(1) as executor:  # type: ignore[call-arg]
        refused(executor)


@pytest.mark.parametrize("says", [True, False])
def test_an_executor_may_say_where_it_works(says: bool) -> None:
    kind = named("loky.process_executor", "ProcessPoolExecutor") if not says else ThreadPoolExecutor
    with kind(1) as executor:  # type: ignore[call-arg]
        executor.leaves_process = says  # type: ignore[attr-defined]
        if says:
            refused(executor)
        else:
            taken(executor)


def test_any_other_is_taken_for_one_that_works_here() -> None:
    taken(Manual())


def refused(executor: Executor) -> None:
    words = r"Bound\.process is bound to its handler, and \w+ runs it in another"
    with (
        Reactor.open(workers=executor) as reactor,
        ServerSocketChannel.open().bind(("127.0.0.1", 0)) as listener,
        pytest.raises(IllegalArgumentError, match=words),
    ):
        reactor.register(listener, SelectionKey.OP_ACCEPT, Acceptor(Bound))


def taken(executor: Executor) -> None:
    with Reactor.open(workers=executor) as reactor, ServerSocketChannel.open().bind(("127.0.0.1", 0)) as listener:
        reactor.register(listener, SelectionKey.OP_ACCEPT, Acceptor(Bound))
