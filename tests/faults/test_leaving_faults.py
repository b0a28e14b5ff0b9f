"""What leaves ``run``, KeyboardInterrupt and SystemExit: it costs the connection it passes through; run() serves on."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import pytest

from nio.executors import Saturation, WorkerPool
from nio.framing import Lines
from nio.reactor import CloseReason, Handler, Reactor
from tests.unit.reactor.support import Gate, Greeter, Kernel, Manual, Peer, World


@pytest.fixture(params=[KeyboardInterrupt, SystemExit])
def error(request: pytest.FixtureRequest) -> type[BaseException]:
    kind: type[BaseException] = request.param
    return kind


class Armed(Greeter):
    """Its methods raise ``error`` where ``where`` says, once."""

    error: type[BaseException] = KeyboardInterrupt
    where = ""

    def strike(self, where: str) -> None:
        if type(self).where == where:
            type(self).where = ""
            raise self.error(where)

    def on_open(self) -> None:
        super().on_open()
        self.strike("on_open")

    def process(self, record: bytes) -> bytes | None:
        if record == b"tick":
            self.reactor.execute(self.strike, "tick")
        if record == b"timer":
            self.reactor.execute(self.reactor.call_later, 0, self.strike, "timer")
        if record == b"bad":
            self.strike("process")
        return super().process(record)

    def on_close(self, reason: CloseReason) -> None:
        super().on_close(reason)
        self.strike("on_close")

    def handle_error(self, error: BaseException) -> None:
        self.strike("handle_error")


def armed(where: str, error: type[BaseException]) -> type[Armed]:
    return type("Armed", (Armed,), {"where": where, "error": error})


def leaves(world: World, error: type[BaseException], where: str) -> None:
    """``run`` is left by that error; nothing is waited for."""
    with pytest.raises(error, match=where):
        world.until(lambda: False)


def answers(peer: Peer, name: bytes) -> None:
    peer.send(name + b"\n")
    expected = b"Hello " + name + b"\n"
    assert peer.read(len(expected)) == expected


def ends(peer: Peer) -> bytes:
    """What the client sees of a connection that was closed in the middle of something."""
    try:
        return peer.read_to_end()
    except ConnectionResetError:
        return b""


def test_the_connection_it_passes_through_is_closed_and_no_wrong_reply_is_sent(error: type[BaseException]) -> None:
    done: list[str] = []
    with World(armed("process", error)) as world:
        bad, other = world.connect(), world.connect()
        world.reactor.call_later(0, done.append, "timer")
        bad.send(b"ann\nbad\nbob\n")
        leaves(world, error, "process")
        world.reactor.execute(done.append, "tick")
        assert ends(bad) == b""
        answers(other, b"cid")
        assert world.handlers[0].reasons == [CloseReason.HANDLER_ERROR]
        assert world.handlers[0].seen == [b"ann"]
        assert sorted(done) == ["tick", "timer"]
        assert world.reactor.statistics().open == 1


@pytest.mark.parametrize("where", ["tick", "timer"])
def test_a_handler_s_own_tick_or_timer(where: str, workers: int, error: type[BaseException]) -> None:
    with World(armed(where, error), workers=workers) as world:
        bad, other = world.connect(), world.connect()
        bad.send(where.encode() + b"\n")
        leaves(world, error, where)
        assert ends(bad) in (b"", b"Hello " + where.encode() + b"\n")
        answers(other, b"cid")
        assert world.handlers[0].reasons == [CloseReason.HANDLER_ERROR]


def test_the_other_timers_and_ticks_are_still_there(error: type[BaseException]) -> None:
    done: list[int] = []

    def leave() -> None:
        raise error("leave")

    kernel = Kernel()
    with Reactor.open(provider=kernel) as reactor:
        for call in (leave, lambda: done.append(1), leave, lambda: done.append(2)):
            reactor.call_later(1, call)
            reactor.execute(call)
        kernel.now += 2_000_000_000
        raised = 0
        while raised < 4:
            try:
                reactor.turn(0)
            except error:
                raised += 1
        reactor.turn(0)
        assert sorted(done) == [1, 1, 2, 2]
        assert reactor.statistics().timers == 0


def test_a_listener_outlives_what_passes_through_it(workers: int, error: type[BaseException]) -> None:
    with World(armed("on_open", error), workers=workers) as world:
        bad = world.dial()
        leaves(world, error, "on_open")
        assert ends(bad) == b""
        assert world.handlers[0].reasons == [CloseReason.HANDLER_ERROR]
        answers(world.connect(), b"ann")
        assert world.reactor.statistics().open == 1


def test_a_factory_that_raises_it_costs_one_client(error: type[BaseException]) -> None:
    left = [True]

    def make() -> Handler:
        if left:
            left.pop()
            raise error("factory")
        return Greeter()

    with World(make) as world:
        bad = world.dial()
        leaves(world, error, "factory")
        assert ends(bad) == b""
        answers(world.connect(), b"ann")


def test_on_close_raises_it(workers: int, error: type[BaseException]) -> None:
    with World(armed("on_close", error), workers=workers) as world:
        bad, other = world.connect(), world.connect()
        bad.close()
        leaves(world, error, "on_close")
        answers(other, b"ann")
        assert world.handlers[0].reasons == [CloseReason.PEER_FIN]
        assert world.reactor.statistics().open == 1


def test_handle_error_raises_it(error: type[BaseException]) -> None:
    class Broken:
        def encode(self, record: bytes | bytearray | memoryview) -> bytes:
            return Lines().encode(record)

        def decoder(self) -> Any:
            return Undecoded()

    class Undecoded:
        error = None
        clean = True

        def feed(self, data: bytes, most: int = 0) -> list[bytes]:
            raise ValueError("feed")

    kind = armed("handle_error", error)
    kind.framing = Broken()  # type: ignore[assignment]
    with World(kind) as world:
        bad = world.connect()
        bad.send(b"x\n")
        leaves(world, error, "handle_error")
        assert ends(bad) == b""
        assert world.handlers[0].reasons == [CloseReason.HANDLER_ERROR]


def test_a_drain_goes_on_with_the_others(error: type[BaseException]) -> None:
    class Leaving(Greeter):
        def handle_drain(self) -> None:
            if self is world.handlers[0]:
                raise error("drain")
            super().handle_drain()

    with World(Leaving) as world:
        world.connect()
        world.connect()
        world.advance(1)
        world.reactor.stop(drain=1000)
        leaves(world, error, "drain")
        world.reactor.run()  # ends, as nobody is left
        assert world.closed() == {CloseReason.HANDLER_ERROR: 1, CloseReason.DRAIN: 1}


def test_where_the_caller_runs_the_record_it_leaves_too_and_the_others_are_answered(error: type[BaseException]) -> None:
    gate = Gate()

    class Leaving(Greeter):
        def process(self, record: bytes) -> bytes | None:
            if record == b"bad":
                raise error("caller runs")
            if record == b"wait":
                gate()
            return super().process(record)

    with (
        WorkerPool(1, queue=1, saturation=Saturation.CALLER_RUNS) as pool,
        World(Leaving, workers=pool) as world,
        gate,
    ):
        waiting, queued, bad, behind = (world.connect() for _ in range(4))
        waiting.send(b"wait\n")
        world.until(lambda: gate.begun.acquire(blocking=False))
        queued.send(b"ann\n")
        world.until(lambda: pool.statistics().queued == 1)
        bad.send(b"bad\n")
        behind.send(b"bob\n")
        leaves(world, error, "caller runs")
        gate.release.set()
        assert ends(bad) == b""
        assert queued.read(10) == b"Hello ann\n"
        assert behind.read(10) == b"Hello bob\n"
        assert waiting.read(11) == b"Hello wait\n"


class Interrupted(Manual):
    """Whose first ``submit`` is hit by a Ctrl-C."""

    def __init__(self, error: type[BaseException]) -> None:
        super().__init__()
        self.error: type[BaseException] | None = error

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        error, self.error = self.error, None
        if error is not None:
            raise error("submit")
        return super().submit(fn, *args, **kwargs)


def test_inside_submit_it_costs_the_record_under_way_and_none_behind_it(error: type[BaseException]) -> None:
    executor = Interrupted(error)
    with World(workers=executor) as world:
        peers = [world.connect() for _ in range(3)]
        for peer in peers:
            peer.send(b"ann\n")
        leaves(world, error, "submit")
        world.until(lambda: world.reactor.statistics().requests == 3)
        world.until(lambda: len(executor.waiting) == 2)
        executor.run_one()
        executor.run_one()
        replies = sorted(
            peer.read(10) if handler.state.value == "reading" else ends(peer)
            for peer, handler in zip(peers, settled(world), strict=True)
        )
        assert replies == [b"", b"Hello ann\n", b"Hello ann\n"]


def settled(world: World) -> list[Any]:
    """The handlers, when none of them waits for a worker."""
    world.until(lambda: all(handler.state.value != "processing" for handler in world.handlers))
    return world.handlers


def test_inside_offer_no_connection_waits_for_ever(error: type[BaseException]) -> None:
    class Pool(WorkerPool):
        hit = True

        def offer(self, jobs: Any) -> int:
            if self.hit:
                self.hit = False
                raise error("offer")
            return super().offer(jobs)

    with Pool(1) as pool, World(workers=pool) as world:
        peers = [world.connect() for _ in range(3)]
        peers[0].send(b"ann\n")
        leaves(world, error, "offer")
        settled(world)
        assert ends(peers[0]) == b""
        answers(peers[1], b"bob")
        assert world.handlers[0].reason is CloseReason.WORKER_LOST
