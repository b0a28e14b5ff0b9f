"""Ctrl-C wherever Python looks for signals in the reactor's code: everything is consistent afterwards.

Python looks as a function begins, and as a call into C returns. So each test plays one scene again and again, and
raises KeyboardInterrupt at the first such moment in ``nio/reactor``, at the second, and so on to the last.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from nio.reactor import CloseReason, State, StreamHandler
from tests.faults.interrupts import Interrupt, every_moment, struck
from tests.unit.reactor.support import Greeter, Manual, Peer, World

# An accepted socket that nobody has yet is closed by its finalizer.
pytestmark = [
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.usefixtures("no_collector"),
]


def answered(peer: Peer, expected: bytes) -> bool:
    """All of it came; or the connection has ended, with nothing wrong or twice before."""
    peer.world.until(lambda: peer.ended or len(peer.got) >= len(expected) or _reset(peer))
    assert expected.startswith(peer.got) or peer.got == expected
    return peer.got == expected


def _reset(peer: Peer) -> bool:
    try:
        peer.pull()
    except ConnectionResetError:
        peer.ended = True
    return peer.ended


def serves_on(world: World, other: Peer) -> None:
    """Whoever was not struck is served, whoever comes is served, and the books are right."""
    other.send(b"other\n")
    assert other.read(12) == b"Hello other\n"
    new = world.connect()
    new.send(b"new\n")
    assert new.read(10) == b"Hello new\n"
    calls: list[str] = []
    world.reactor.call_later(0, calls.append, "timer")
    world.reactor.execute(calls.append, "tick")
    world.until(lambda: sorted(calls) == ["tick", "timer"])
    counts = world.reactor.statistics()
    opened = [handler for handler in world.handlers if handler.opened]
    handlers = [handler for handler in opened if handler.channel.is_open]
    assert counts.open == len(handlers) == world.reactor.admission.taken
    assert counts.connections == counts.open + sum(counts.closed.values())
    peers = world.reactor.admission.peers
    counted = counts.open if world.acceptor.per_peer else 0
    assert sum(peers._counts.values()) == len(peers.networks) == counted
    for handler in opened:
        assert len(handler.reasons) == (handler not in handlers)


WORKERS = pytest.mark.parametrize("pooled", [False, True], ids=["single", "pooled"])


def world(pooled: bool, factory: Callable[[], Any] = Greeter) -> World:
    return World(factory, workers=Manual() if pooled else 0)


class Here(Manual):
    """Runs each job at once."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        future = super().submit(fn, *args, **kwargs)
        self.run_one()
        return future


@WORKERS
def test_a_request(pooled: bool) -> None:
    def scene(interrupt: Interrupt) -> None:
        with World(workers=Here() if pooled else 0) as world:
            other, peer = world.connect(), world.connect()
            peer.send(b"ann\nbob\n")
            for _ in range(3):
                struck(interrupt, world.reactor.turn, 0)
            answered(peer, b"Hello ann\nHello bob\n")
            serves_on(world, other)

    every_moment(scene)


class Lists(StreamHandler):
    """The greeter, many at a time."""

    def __init__(self) -> None:
        self.opened = 0
        self.reasons: list[CloseReason] = []

    def on_open(self) -> None:
        self.opened += 1

    def on_close(self, reason: CloseReason) -> None:
        self.reasons.append(reason)

    def process_batch(self, records: list[bytes]) -> list[bytes]:
        return [b"Hello " + record for record in records]


class Blocks(Lists):
    process_batch = StreamHandler.process_batch  # type: ignore[assignment]

    def process_block(self, block: bytes) -> bytes:
        return b"Hello " + block.replace(b"\n", b"\nHello ")[:-6]


@WORKERS
@pytest.mark.parametrize("kind", [Lists, Blocks])
def test_many_requests_at_a_time(pooled: bool, kind: type[Lists]) -> None:
    def scene(interrupt: Interrupt) -> None:
        with World(kind, workers=Here() if pooled else 0) as world:
            other, peer = world.connect(), world.connect()
            peer.send(b"ann\nbob\n")
            for _ in range(3):
                struck(interrupt, world.reactor.turn, 0)
            answered(peer, b"Hello ann\nHello bob\n")
            serves_on(world, other)

    every_moment(scene)


@WORKERS
def test_an_accept(pooled: bool) -> None:
    def scene(interrupt: Interrupt) -> None:
        with World(workers=Here() if pooled else 0, per_peer=9) as world:
            other, peer = world.connect(), world.dial()
            peer.send(b"ann\n")
            for _ in range(2):
                struck(interrupt, world.reactor.turn, 0)
            answered(peer, b"Hello ann\n")
            serves_on(world, other)

    every_moment(scene)


@WORKERS
def test_an_end(pooled: bool) -> None:
    def scene(interrupt: Interrupt) -> None:
        with World(workers=Here() if pooled else 0, per_peer=9) as world:
            other, peer = world.connect(), world.connect()
            peer.send(b"ann\n")
            peer.half_close()
            for _ in range(3):
                struck(interrupt, world.reactor.turn, 0)
            answered(peer, b"Hello ann\n")
            world.until(lambda: world.handlers[1].state is State.CLOSED)
            serves_on(world, other)

    every_moment(scene)


def test_output_that_waits() -> None:
    def scene(interrupt: Interrupt) -> None:
        with World() as world:
            other, peer = world.connect(), world.connect()
            world.kernel.room = 4
            peer.send(b"ann\n")
            struck(interrupt, world.reactor.turn, 0)
            world.kernel.room = None
            struck(interrupt, world.reactor.turn, 0)
            answered(peer, b"Hello ann\n")
            serves_on(world, other)

    every_moment(scene)


class Buggy(Greeter):
    def process(self, record: bytes) -> bytes | None:
        if record == b"bug":
            raise KeyError(record)
        return super().process(record)


@pytest.mark.parametrize("data", [b"bug\n", b"ann\nbug\nbob\n"])
@WORKERS
def test_a_bug(pooled: bool, data: bytes) -> None:
    """Whose record was not answered is never served on as if it had been."""

    def scene(interrupt: Interrupt) -> None:
        with World(Buggy, workers=Here() if pooled else 0) as world:
            other, peer = world.connect(), world.connect()
            peer.send(data)
            for _ in range(3):
                struck(interrupt, world.reactor.turn, 0)
            assert not answered(peer, b"Hello ann\nHello bob\n")
            peer.close()
            world.until(lambda: world.handlers[1].state is State.CLOSED)
            serves_on(world, other)

    every_moment(scene)


@WORKERS
def test_silence_after_a_request(pooled: bool) -> None:
    """Whoever says no more has an end, wherever the turn was cut off that heard it last."""

    def scene(interrupt: Interrupt) -> None:
        with World(workers=Here() if pooled else 0) as world:
            peer, other = world.connect(), world.connect()
            peer.send(b"ann\n")
            other.send(b"bob\ncid\n")
            for _ in range(2):
                struck(interrupt, world.reactor.turn, 0)
            for _ in range(3):
                world.advance(61)
            assert [handler.state for handler in world.handlers] == [State.CLOSED] * 2

    every_moment(scene)


def test_timers_and_ticks() -> None:
    """Of two that are due at once none is lost: each ran, or was the one that was struck."""

    def scene(interrupt: Interrupt) -> None:
        calls: list[str] = []
        with World() as world:
            other = world.connect()
            for name in ("first", "second", "third"):
                world.reactor.call_later(0, calls.append, name)
                world.reactor.execute(calls.append, f"{name} tick")
            for _ in range(3):
                struck(interrupt, world.reactor.turn, 0)
            world.turns()
            assert len(calls) >= 5
            assert len(set(calls)) == len(calls)
            serves_on(world, other)

    every_moment(scene)


def test_a_deadline() -> None:
    def scene(interrupt: Interrupt) -> None:
        with World() as world:
            other, peer = world.connect(), world.connect()
            world.kernel.now += 30_000_000_000
            other.send(b"other\n")
            assert other.read(12) == b"Hello other\n"
            world.kernel.now += 31_000_000_000
            for _ in range(3):
                struck(interrupt, world.reactor.turn, 0)
            world.advance(30)
            world.until(lambda: world.handlers[1].state is State.CLOSED)
            assert peer.read_to_end() == b""
            reasons = {CloseReason.IDLE_TIMEOUT, CloseReason.HANDLER_ERROR}
            assert set(world.closed()) <= reasons
            if world.handlers[0].state is not State.CLOSED:
                serves_on(world, other)

    every_moment(scene)


def test_a_drain() -> None:
    """It ends by itself, or is asked for again."""

    def scene(interrupt: Interrupt) -> None:
        with World() as world:
            other, peer = world.connect(), world.connect()
            peer.send(b"ann\n")
            other.send(b"bob\n")
            world.received(8)
            world.reactor.stop(drain=5)
            for _ in range(3):
                struck(interrupt, world.reactor.turn, 0)
            answered(peer, b"Hello ann\n")
            answered(other, b"Hello bob\n")
            peer.close()
            other.close()
            world.reactor.stop(drain=5)
            world.until(lambda: not world.reactor.statistics().open)

    every_moment(scene)


def test_a_close() -> None:
    def scene(interrupt: Interrupt) -> None:
        with World() as world:
            world.connect(), world.connect()
            struck(interrupt, world.reactor.close)
            world.reactor.close()
            assert [len(handler.reasons) for handler in world.handlers] == [1, 1]
            assert not any(handler.channel.is_open for handler in world.handlers)

    every_moment(scene)
