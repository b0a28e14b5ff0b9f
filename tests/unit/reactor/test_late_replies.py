"""A ``Future`` as a reply: owed, in order, and cancelled with its connection."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from nio.errors import ProtocolError
from nio.reactor import CloseReason, Reactor, State
from tests.unit.reactor.support import Greeter, Manual, World

Late = Future[bytes | None]


class Owing(Greeter):
    """Owes each reply until the test makes it; ``now`` is answered at once."""

    def __init__(self) -> None:
        super().__init__()
        self.owed: list[Late] = []

    def process(self, record: bytes) -> Any:
        self.seen.append(record)
        if record == b"now":
            return b"at once"
        if record.startswith(b"suspend"):
            self.suspend()
        if record.startswith(b"finish"):
            self.finish()
        if record.startswith(b"close"):
            self.close()
        self.owed.append(Future())
        return self.owed[-1]


class Quick(Owing):
    process_timeout = 5.0


@pytest.fixture(params=[0, 1], ids=["inline", "pooled"])
def workers(request: pytest.FixtureRequest) -> int:
    count: int = request.param
    return count


def owing(world: World, count: int = 1) -> list[Late]:
    """Turn until the last connection owes that many replies, and the reactor knows it."""
    owed: list[Late] = world.handler.owed
    world.until(lambda: len(owed) == count and world.handler._late is owed[-1])
    return owed


def test_the_reply_comes_when_it_is_made(workers: int) -> None:
    with World(Owing, workers=workers) as world:
        peer = world.connect()
        peer.send(b"now\nann\nnow\n")
        (late,) = owing(world)
        assert peer.read(8) == b"at once\n"
        assert (world.handler.state, world.handler.key.interest_ops) == (State.PROCESSING, 0)
        assert world.handler.seen == [b"now", b"ann"]
        threading.Thread(target=late.set_result, args=(b"Hello ann",)).start()
        assert peer.read(18) == b"Hello ann\nat once\n"
        world.until_state(State.READING)


def test_no_reply_may_be_late_too(workers: int) -> None:
    with World(Owing, workers=workers) as world:
        peer = world.connect()
        peer.send(b"ann\nnow\n")
        owing(world)[0].set_result(None)
        assert peer.read(8) == b"at once\n"


def test_one_that_is_done_already(workers: int) -> None:
    class Done(Greeter):
        def process(self, record: bytes) -> Any:
            done: Late = Future()
            done.set_result(b"Hello " + record)
            return done

    with World(Done, workers=workers) as world:
        peer = world.connect()
        peer.send(b"ann\nbob\n" * 40)
        assert peer.read(20 * 40) == b"Hello ann\nHello bob\n" * 40


@pytest.mark.parametrize("end", ["half-close", "drain"])
def test_a_thousand_come_home_in_order(end: str, workers: int) -> None:
    """Made in other threads, 50 to each of 20 clients, while these or the server are on their way out."""

    class Served(Greeter):
        def process(self, record: bytes) -> Any:
            return pool.submit(bytes.upper, record)

    names = [b"name %d" % n for n in range(50)]
    with ThreadPoolExecutor(4) as pool, World(Served, workers=workers) as world:
        peers = [world.connect() for _ in range(20)]
        for peer in peers:
            peer.send(b"".join(name + b"\n" for name in names))
            if end == "half-close":
                peer.half_close()
        if end == "drain":
            world.received(20 * sum(len(name) + 1 for name in names))
            world.reactor.stop(drain=60)
        expected = b"".join(name.upper() + b"\n" for name in names)
        assert all(peer.read_to_end() == expected for peer in peers)
        reason = CloseReason.PEER_FIN if end == "half-close" else CloseReason.DRAIN
        for peer in peers:
            peer.close()
        world.until(lambda: world.closed() == {reason: 20})


def test_a_thousand_come_home_in_order_while_others_are_reset(workers: int) -> None:
    """Made in other threads, 50 to each of 20 clients; before each of them one of 50 others goes that is owed 20."""

    class Served(Greeter):
        def process(self, record: bytes) -> Any:
            return pool.submit(bytes.upper, record)

    names = [b"name %d" % n for n in range(50)]
    with ThreadPoolExecutor(4) as pool, World(Served, workers=workers) as world:
        peers, others = [world.connect() for _ in range(20)], [world.connect() for _ in names]
        for name, other in zip(names, others, strict=True):
            other.send(b"mine %d\n" % len(name) * 20)
            other.reset()
            for peer in peers:
                peer.send(name + b"\n")
        expected = b"".join(name.upper() + b"\n" for name in names)
        assert [peer.read(len(expected)) for peer in peers] == [expected] * 20
        world.until(lambda: world.closed() == {CloseReason.PEER_RST: 50})


def test_a_thousand_are_cancelled_when_the_clients_go() -> None:
    with World(Owing) as world:
        peers = [world.connect() for _ in range(100)]
        for peer in peers:
            peer.send(b"ann\n" * 10)
        world.until(lambda: all(handler.owed for handler in world.handlers))
        for peer in peers:
            peer.reset()
        world.until(lambda: world.closed() == {CloseReason.PEER_RST: 100})
        assert all(late.cancelled() for handler in world.handlers for late in handler.owed)
        world.turns()
        assert world.reactor.statistics().dropped == 100


def test_what_is_owed_is_no_silence(workers: int) -> None:
    with World(Owing, workers=workers) as world:
        peer = world.connect()
        peer.send(b"ann\n")
        (late,) = owing(world)
        world.advance(3600)
        late.set_result(b"Hello ann")
        assert peer.read(10) == b"Hello ann\n"
        world.advance(59)
        assert world.closed() == {}
        world.advance(2)
        assert world.closed() == {CloseReason.IDLE_TIMEOUT: 1}


def test_one_that_takes_too_long(workers: int) -> None:
    with World(Quick, workers=workers) as world:
        world.connect().send(b"ann\n")
        (late,) = owing(world)
        world.advance(4)
        assert world.closed() == {}
        world.advance(2)
        assert world.closed() == {CloseReason.PROCESS_TIMEOUT: 1}
        assert late.cancelled()
        assert world.reactor.statistics().lost == 0  # no worker has it


def failed(late: Late) -> None:
    late.set_exception(KeyError("mine"))


def protested(late: Late) -> None:
    late.set_exception(ProtocolError("theirs"))


def cancelled(late: Late) -> None:
    late.cancel()


def a_string(late: Future[Any]) -> None:
    late.set_result("Hello")


def another_future(late: Future[Any]) -> None:
    late.set_result(Future())


@pytest.mark.parametrize(
    ("make", "reason", "words"),
    [
        (failed, CloseReason.HANDLER_ERROR, "KeyError: 'mine'"),
        (protested, CloseReason.PROTOCOL_ERROR, ""),
        (cancelled, CloseReason.OVERLOAD, ""),
        (
            a_string,
            CloseReason.HANDLER_ERROR,
            "Owing.process() returned 'Hello': a reply is bytes or None; use .encode()",
        ),
        (another_future, CloseReason.HANDLER_ERROR, "Owing's late reply is a Future itself, not bytes or None"),
    ],
)
def test_one_that_is_no_reply(
    make: Callable[[Late], None],
    reason: CloseReason,
    words: str,
    workers: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with World(Owing, workers=workers) as world:
        peer = world.connect()
        peer.send(b"now\nann\nnow\n")
        make(owing(world)[0])
        assert peer.read_to_end() == b"at once\n"
        peer.close()
        world.until(lambda: world.closed() == {reason: 1})
    assert words in caplog.text


@pytest.mark.parametrize("deed", ["finish", "suspend"])
def test_what_process_asks_for_waits_for_its_late_reply(deed: str, workers: int) -> None:
    with World(Owing, workers=workers) as world:
        peer = world.connect()
        peer.send(deed.encode() + b"\nnow\n")
        (late,) = owing(world)
        world.turns()
        assert world.handler.state is State.PROCESSING
        late.set_result(b"late")
        assert peer.read(5) == b"late\n"
        if deed == "finish":
            assert peer.read_to_end() == b""
            return
        world.until_state(State.SUSPENDED)
        world.handler.resume()
        assert peer.read(8) == b"at once\n"


def test_a_close_by_process_cancels_it(workers: int) -> None:
    with World(Owing, workers=workers) as world:
        world.connect().send(b"close\n")
        world.until(lambda: world.handler.owed and world.handler.owed[0].cancelled())
        world.until(lambda: world.closed() == {CloseReason.LOCAL: 1})


def test_a_reply_that_cannot_be_cancelled_is_dropped() -> None:
    with World(Owing) as world:
        peer = world.connect()
        peer.send(b"ann\n")
        (late,) = owing(world)
        assert late.set_running_or_notify_cancel()
        peer.reset()
        world.until_state(State.CLOSED)
        late.set_result(b"for nobody")
        world.turns()
        assert world.reactor.statistics().dropped == 1


def test_one_after_the_reactor_is_closed_harms_nobody() -> None:
    with World(Owing) as world:
        world.connect().send(b"ann\n")
        (late,) = owing(world)
        assert late.set_running_or_notify_cancel()
    late.set_result(b"for nobody")


def test_a_future_that_takes_no_callback_costs_its_connection(caplog: pytest.LogCaptureFixture) -> None:
    class Strange(Late):
        def add_done_callback(self, fn: object) -> None:
            raise NotImplementedError("no callbacks here")

    class Stranger(Greeter):
        def process(self, record: bytes) -> Any:
            return Strange() if record == b"strange" else record

    with World(Stranger) as world:
        other, peer = world.connect(), world.connect()
        peer.send(b"strange\n")
        world.until_state(State.CLOSED)
        assert world.closed() == {CloseReason.HANDLER_ERROR: 1}
        other.send(b"ann\n")
        assert other.read(4) == b"ann\n"
    assert "no callbacks here" in caplog.text


def test_ctrl_c_while_a_worker_makes_it_changes_nothing() -> None:
    """``run()`` is left and entered again; the reply that was made meanwhile is there."""

    def interrupt(reactor: Reactor) -> None:
        raise KeyboardInterrupt

    with World(Owing, workers=Manual()) as world:
        peer = world.connect()
        peer.send(b"ann\n")
        manual: Any = world.reactor.hand_off and world.reactor.hand_off._executor
        world.until(lambda: manual.waiting)
        manual.run_one()
        (late,) = owing(world)
        world.reactor.execute(interrupt, world.reactor)
        with pytest.raises(KeyboardInterrupt):
            world.reactor.run()
        late.set_result(b"Hello ann")
        assert peer.read(10) == b"Hello ann\n"


@pytest.mark.parametrize("before", [b"now\n", b"now\nnow\n"])
def test_what_was_made_before_it_goes_out_at_once(before: bytes) -> None:
    with World(Owing) as world:
        peer = world.connect()
        peer.send(before + b"late\nnow\n")
        world.until(lambda: world.handler.owed)
        assert peer.pull() == 8 * before.count(b"now")
        assert world.handler.key.interest_ops == 0
        world.handler.owed[0].set_result(b"late")
        peer.read(8 * before.count(b"now"))
        assert peer.read(13) == b"late\nat once\n"


@pytest.mark.parametrize("room", [None, 3])
def test_B06_a_reset_is_noticed_while_it_is_owed_also_behind_output_that_had_to_wait(room: int | None) -> None:
    with World(Owing) as world:
        if world.kernel.name == "select":
            pytest.skip("select(2) tells of no reset while nobody reads")
        peer = world.connect()
        world.kernel.room = room
        peer.send(b"now\nlate\n")
        world.until(lambda: world.handler.owed)
        world.turns()
        assert (world.handler.unsent > 0) == (room is not None)
        world.kernel.room = None
        assert peer.read(8) == b"at once\n"
        world.turns()
        peer.reset()
        world.until(lambda: world.handler.reasons)
        assert world.handler.reasons == [CloseReason.PEER_RST]
        assert world.handler.owed[0].cancelled()


@pytest.mark.parametrize("done", [False, True])
def test_K05_a_future_that_somebody_keeps_keeps_no_handler(workers: int, done: bool) -> None:
    kept: list[Late] = []

    class Keeping(Owing):
        def process(self, record: bytes) -> Any:
            reply = super().process(record)
            kept.append(reply)
            return reply

    gc.collect()
    gc.disable()
    try:
        with World(Keeping, workers=workers) as world:
            peer = world.connect()
            peer.send(b"late\n")
            owing(world)[0]
            if done:
                kept[0].set_result(b"ann")
                assert peer.read(4) == b"ann\n"
            alive = weakref.ref(world.handler)
            peer.reset()
            world.until(lambda: world.handler.reasons)
            world.handlers.clear()
            world.until(lambda: alive() is None)
            assert kept[0].cancelled() == (not done)
    finally:
        gc.enable()
