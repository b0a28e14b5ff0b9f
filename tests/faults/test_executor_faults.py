"""Executors are strangers: what they answer, raise and break costs records, never the reactor."""

from __future__ import annotations

import gc
import itertools
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

import pytest

from nio.errors import WorkersLostError
from nio.reactor import CloseReason, State
from tests.unit.reactor.support import PATIENCE, Greeter, Kernel, Manual, World, run


class Panic(BaseException):
    """No Exception."""


class Stranger(Executor):
    """Answers ``submit`` with ``odd`` once it is set, and runs the job in it before."""

    def __init__(self) -> None:
        self.odd: Callable[[], Any] | None = None
        self.shut = 0

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        if self.odd is not None:
            answer: Future[Any] = self.odd()
            return answer
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self.shut += 1


class Broken(Stranger):
    """Takes no work, as a pool does whose process was killed."""

    def __init__(self) -> None:
        super().__init__()
        self.odd = self.refuse

    def refuse(self) -> None:
        raise BrokenExecutor("a process was killed")


class Mute(Future[Any]):
    """Cannot be told of."""

    def add_done_callback(self, fn: Callable[[Future[Any]], object]) -> None:
        raise KeyError("mute")


class Liar(Future[Any]):
    """Is done at once, and cannot tell with what, nor be cancelled."""

    def add_done_callback(self, fn: Callable[[Future[Any]], object]) -> None:
        fn(self)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        raise KeyError("liar")


class Stubborn(Future[Any]):
    def cancel(self) -> bool:
        raise KeyError("stubborn")


def raising(error: BaseException) -> Callable[[], Any]:
    def odd() -> None:
        raise error

    return odd


def lines(caplog: pytest.LogCaptureFixture, part: str) -> list[str]:
    return [record.getMessage() for record in caplog.records if part in record.getMessage()]


@pytest.mark.parametrize(
    "odd",
    [
        lambda: None,
        lambda: "no future",
        Mute,
        raising(RuntimeError("cannot schedule new futures after shutdown")),
        raising(Panic("boo")),
        raising(MemoryError()),
    ],
    ids=["none", "text", "mute", "shut", "panic", "memory"],
)
def test_an_odd_submit_costs_its_record_and_is_named(odd: Callable[[], Any], caplog: pytest.LogCaptureFixture) -> None:
    executor = Stranger()
    with World(workers=executor) as world:
        victim, other = world.connect(), world.connect()
        executor.odd = odd
        victim.send(b"ann\n")
        assert victim.read_to_end() == b""
        victim.close()
        executor.odd = None
        other.send(b"bob\n")
        assert other.read(10) == b"Hello bob\n"
        world.until(lambda: world.closed() == {CloseReason.OVERLOAD: 1})
    assert len(lines(caplog, "Stranger.submit took no record")) == 1


def test_a_future_that_cannot_tell_its_outcome_costs_its_record(caplog: pytest.LogCaptureFixture) -> None:
    executor = Stranger()
    with World(workers=executor) as world:
        victim, other = world.connect(), world.connect()
        executor.odd = Liar
        victim.send(b"ann\n")
        assert victim.read_to_end() == b""
        victim.close()
        executor.odd = None
        other.send(b"bob\n")
        assert other.read(10) == b"Hello bob\n"
        world.until(lambda: world.closed() == {CloseReason.HANDLER_ERROR: 1})


def test_a_future_that_cannot_be_cancelled_does_not_disturb_its_connection_s_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    executor = Stranger()
    with World(workers=executor) as world:
        victim = world.connect()
        executor.odd = Stubborn
        victim.send(b"ann\n")
        world.until_state(State.PROCESSING)
        world.handler.close()
        assert world.handler.reasons == [CloseReason.LOCAL]
    assert caplog.records == []


def test_ctrl_c_in_submit_leaves_run_and_costs_the_records_at_hand() -> None:
    executor = Stranger()
    with World(workers=executor) as world:
        victim, other = world.connect(), world.connect()
        executor.odd = raising(KeyboardInterrupt())
        victim.send(b"ann\n")
        with pytest.raises(KeyboardInterrupt):
            run(world.reactor)
        executor.odd = None
        other.send(b"bob\n")
        assert other.read(10) == b"Hello bob\n"
        assert victim.read_to_end() == b""
        victim.close()
        world.until(lambda: world.closed() == {CloseReason.WORKER_LOST: 1})


# a broken one, and no factory


def test_a_broken_executor_without_a_factory_ends_run_and_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    with World(workers=Broken()) as world:
        peers = [world.connect() for _ in range(3)]
        for peer in peers:
            peer.send(b"ann\n")
        with pytest.raises(WorkersLostError, match="the Broken is broken and there is no factory"):
            run(world.reactor)
        for peer in peers:  # whoever turns by hand meets no silence
            assert peer.read_to_end() == b""
        late = world.connect()
        late.send(b"ann\n")
        assert late.read_to_end() == b""
    assert len(lines(caplog, "is broken")) == 1


class OwnPool(Greeter):
    """Has an executor of its own, which breaks."""

    def process(self, record: bytes) -> bytes | None:
        if record == b"bad":
            raise BrokenExecutor("mine, not yours")
        return super().process(record)


@pytest.mark.parametrize("kind", ["at once", "threads", "pool", "single"])
def test_a_process_whose_own_executor_breaks_costs_its_connection_only(
    kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    class AtOnce(Stranger):
        def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
            future: Future[Any] = Future()
            try:
                future.set_result(fn(*args, **kwargs))
            except BaseException as error:
                future.set_exception(error)
            return future

    with ThreadPoolExecutor(1) as threads:
        kinds: dict[str, int | Executor] = {"at once": AtOnce(), "threads": threads, "pool": 1, "single": 0}
        with World(OwnPool, workers=kinds[kind]) as world:
            bad, good = world.connect(), world.connect()
            bad.send(b"bad\n")
            assert bad.read_to_end() == b""
            bad.close()
            good.send(b"bob\n")
            assert good.read(10) == b"Hello bob\n"
            world.until(lambda: world.closed() == {CloseReason.HANDLER_ERROR: 1})
    assert len(lines(caplog, "OwnPool raised; its connection ends")) == 1
    assert lines(caplog, "broken, ") == []


class Napper(Greeter):
    """Its record is processed for an hour, somewhere else."""

    @staticmethod
    def process(record: bytes) -> bytes | None:
        if record == b"slow":
            signal.sigtimedwait([signal.SIGUSR1], 3600)
        return b"Hello " + record


def pool_of_one() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))


@pytest.fixture
def processes() -> Iterator[ProcessPoolExecutor]:
    with pool_of_one() as pool:
        yield pool


def test_F06_a_killed_worker_process_without_a_factory(
    processes: ProcessPoolExecutor, caplog: pytest.LogCaptureFixture
) -> None:
    pid = processes.submit(os.getpid).result(10)
    with World(Napper, workers=processes) as world:
        peer = world.connect()
        peer.send(b"slow\n")
        world.until_state(State.PROCESSING)
        world.turns()
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(WorkersLostError):
            run(world.reactor)
        assert world.handler.reason is CloseReason.WORKER_LOST
        assert peer.read_to_end() == b""
    assert len(lines(caplog, "is broken")) == 1


def test_F06_a_killed_worker_process_with_a_factory() -> None:
    made: list[ProcessPoolExecutor] = []
    threads = set(threading.enumerate())

    def make() -> ProcessPoolExecutor:
        made.append(pool_of_one())
        return made[-1]

    with World(Napper, workers=make) as world:
        pid = made[0].submit(os.getpid).result(10)
        victim, other = world.connect(), world.connect()
        victim.send(b"slow\n")
        world.until(lambda: world.handlers[0].state is State.PROCESSING)
        world.turns()
        os.kill(pid, signal.SIGKILL)
        assert victim.read_to_end() == b""
        assert world.handlers[0].reason is CloseReason.WORKER_LOST
        other.send(b"bob\n")
        assert other.read(10) == b"Hello bob\n"
        assert len(made) == 2
    while made:
        with pytest.raises(RuntimeError, match=r"shutdown|terminated"):
            made[-1].submit(int)
        made.pop()
    for thread in set(threading.enumerate()) - threads:
        thread.join(PATIENCE)
    gc.collect()  # what broke keeps its pipes until then


# a factory, on a clock that stands still


def test_back_off_of_a_factory_whose_executors_break() -> None:
    made: list[Executor] = []
    times: list[int] = []

    def make() -> Executor:
        times.append(world_kernel.now)
        made.append(Broken() if len(times) < 9 else Stranger())
        return made[-1]

    world_kernel = Kernel()
    with World(workers=make, kernel=world_kernel) as world:
        peer = world.connect()
        peer.send(b"ann\n")
        world.until_state(State.PROCESSING)
        for pause in (0, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2):
            world.advance(pause)
        world.advance(4.999)
        assert len(made) == 8
        world.advance(0.001)
        assert len(made) == 9
        assert peer.read(10) == b"Hello ann\n"  # it was never begun
        gaps = [(after - before) / 1e9 for before, after in itertools.pairwise(times)]
        assert gaps == pytest.approx([0, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5])
    assert all(isinstance(executor, Stranger) and executor.shut == 1 for executor in made)


def test_after_a_minute_of_life_the_next_is_made_at_once_again() -> None:
    class Patient(Greeter):
        idle_timeout = None

    made: list[Stranger] = []

    def make() -> Executor:
        made.append(Stranger())
        return made[-1]

    with World(Patient, workers=make) as world:
        peer = world.connect()
        for life in (1, 61):
            world.advance(life)
            made[-1].odd = raising(BrokenExecutor())
            peer.send(b"ann\n")
            assert peer.read(10) == b"Hello ann\n"
        assert len(made) == 3


def test_a_factory_that_raises_or_makes_no_executor_is_asked_again(caplog: pytest.LogCaptureFixture) -> None:
    answers: list[Callable[[], Any]] = [Broken, raising(OSError("no memory")), raising(Panic()), lambda: 7, Stranger]

    def make() -> Executor:
        executor: Executor = answers.pop(0)()
        return executor

    with World(workers=make) as world:
        peer = world.connect()
        peer.send(b"ann\n")
        world.until_state(State.PROCESSING)
        for pause in (0, 0.1, 0.2, 0.4):
            world.advance(pause)
        assert peer.read(10) == b"Hello ann\n"
    assert len(lines(caplog, "no executor could be made")) == 3


def test_a_broken_executor_whose_shutdown_raises_is_replaced_all_the_same() -> None:
    class Worse(Broken):
        def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
            raise OSError("no")

    answers: list[Executor] = [Worse(), Stranger()]
    with World(workers=lambda: answers.pop(0)) as world:
        peer = world.connect()
        peer.send(b"ann\n")
        assert peer.read(10) == b"Hello ann\n"


def test_a_reactor_that_closes_between_two_executors_makes_no_more() -> None:
    made: list[Executor] = []

    def make() -> Executor:
        made.append(Broken())
        return made[-1]

    with World(workers=make) as world:
        world.connect().send(b"ann\n")
        world.until_state(State.PROCESSING)
        world.advance(0)
        count = len(made)
    assert len(made) == count


def test_closing_with_records_at_hand_is_quiet(caplog: pytest.LogCaptureFixture) -> None:
    manual = Manual()
    with World(workers=manual) as world:
        peers = [world.connect(), world.connect()]
        for peer in peers:
            peer.send(b"ann\nbob\n")
        world.until(lambda: len(manual.waiting) == 2)
        world.reactor.execute(world.reactor.close)
        manual.run_one()  # its completion would hand the next record over
        world.reactor.turn(0)
        assert manual.submitted == 2
    assert caplog.records == []
