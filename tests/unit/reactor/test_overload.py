"""The rules for more work than the workers can take, as ``docs/how-to/blocking-work.md`` names them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from nio.executors import Saturation, WorkerPool
from nio.reactor import State
from tests.unit.reactor.support import Gate, Greeter, Peer, World


class Overloaded:
    """One worker, busy until ``gate`` is released, and one record waits; ``late`` is whoever comes then."""

    def __init__(self, world: World, gate: Gate) -> None:
        self.gate = gate
        busy, queued, self.late = (world.connect() for _ in range(3))
        busy.send(b"hold\n")
        world.until(lambda: gate.begun.acquire(blocking=False))
        queued.send(b"queued\n")
        world.until(lambda: world.handlers[1].state is State.PROCESSING)
        self.first: list[Peer] = [busy, queued]

    def all_goes_on(self) -> None:
        """The records that had room are answered, and then the next of the late client."""
        self.gate.release.set()
        assert [peer.read(length) for peer, length in zip(self.first, (11, 13), strict=True)] == [
            b"Hello hold\n",
            b"Hello queued\n",
        ]
        self.late.send(b"next\n")
        assert self.late.read(11) == b"Hello next\n"


@contextmanager
def overloaded(saturation: Saturation, answer: bytes | None = b"busy") -> Iterator[tuple[World, Overloaded]]:
    gate = Gate()

    class Gated(Greeter):
        def __init__(self) -> None:
            super().__init__()
            self.threads: list[int] = []

        def process(self, record: bytes) -> bytes | None:
            self.threads.append(threading.get_ident())
            if record == b"hold":
                gate()
            return super().process(record)

        def on_rejected(self, record: bytes) -> bytes | None:
            return answer

    with WorkerPool(1, queue=1, saturation=saturation) as pool, World(Gated, workers=pool) as world, gate:
        yield world, Overloaded(world, gate)


def test_park() -> None:
    with overloaded(Saturation.BLOCK) as (world, scene):
        scene.late.send(b"late\n")
        world.received(len(b"hold\nqueued\nlate\n"))
        scene.late.send(b"ignored until then\n")
        world.turns(10)
        handler = world.handlers[2]
        assert (handler.seen, handler.state, handler.key.interest_ops) == ([], State.PROCESSING, 0)
        scene.gate.release.set()
        assert scene.late.read(36) == b"Hello late\nHello ignored until then\n"
        scene.all_goes_on()


def test_caller_runs() -> None:
    with overloaded(Saturation.CALLER_RUNS) as (world, scene):
        scene.late.send(b"late\n")
        assert scene.late.read(11) == b"Hello late\n"
        assert world.handlers[2].threads == [threading.get_ident()]
        scene.all_goes_on()


def test_reject_with_a_reply() -> None:
    with overloaded(Saturation.ABORT) as (world, scene):
        scene.late.send(b"late\n")
        assert scene.late.read(5) == b"busy\n"
        assert world.handlers[2].seen == []
        scene.all_goes_on()


def test_drop() -> None:
    with overloaded(Saturation.ABORT, answer=None) as (world, scene):
        scene.late.send(b"late\n")
        world.received(len(b"hold\nqueued\nlate\n"))
        world.until(lambda: world.handlers[2].state is State.READING)
        assert (world.handlers[2].seen, world.handlers[2].unsent) == ([], 0)
        scene.all_goes_on()  # the reply to the next record is the next that comes
