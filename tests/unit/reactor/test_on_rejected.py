"""What a handler does about a record that no worker takes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from nio.executors import Saturation, WorkerPool
from nio.reactor import CloseReason, State
from tests.unit.reactor.support import Gate, Greeter, World


class Polite(Greeter):
    """Rejected records are answered, dropped, or end the connection, as they ask for."""

    def __init__(self) -> None:
        super().__init__()
        self.rejected: list[bytes] = []

    def on_rejected(self, record: bytes) -> Any:
        self.rejected.append(record)
        match record:
            case b"drop":
                return None
            case b"finish":
                self.finish()
            case b"close":
                self.close()
            case b"raise":
                raise KeyError(record)
            case b"string":
                return "busy"
        return b"busy, " + record


def shut() -> ThreadPoolExecutor:
    """An executor that takes nothing."""
    executor = ThreadPoolExecutor(1)
    executor.shutdown()
    return executor


def test_a_reply_instead_and_the_next_record_is_tried_again() -> None:
    with World(Polite, workers=shut()) as world:
        peer = world.connect()
        peer.send(b"ann\ndrop\nbob\n")
        assert peer.read(20) == b"busy, ann\nbusy, bob\n"
        assert world.handler.rejected == [b"ann", b"drop", b"bob"]
        world.until_state(State.READING)
        assert world.reactor.statistics().dropped == 0


def test_a_full_pool_rejects_and_takes_again() -> None:
    gate = Gate()

    class Gated(Polite):
        def process(self, record: bytes) -> bytes | None:
            if record == b"hold":
                gate()
            return super().process(record)

    pool = WorkerPool(1, queue=1, saturation=Saturation.ABORT)
    with pool, World(Gated, workers=pool) as world, gate:
        busy, queued, late = (world.connect() for _ in range(3))
        busy.send(b"hold\n")
        world.until(lambda: gate.begun.acquire(blocking=False))
        queued.send(b"ann\n")
        world.until(lambda: pool.statistics().queued == 1)
        late.send(b"bob\n")
        assert late.read(10) == b"busy, bob\n"
        gate.release.set()
        assert busy.read(11) == b"Hello hold\n"
        assert queued.read(10) == b"Hello ann\n"
        late.send(b"bob\n")
        assert late.read(10) == b"Hello bob\n"


@pytest.mark.parametrize(
    ("record", "text", "reason"),
    [
        (b"finish", b"busy, finish\n", CloseReason.LOCAL),
        (b"close", b"", CloseReason.LOCAL),
        (b"raise", b"", CloseReason.HANDLER_ERROR),
        (b"string", b"", CloseReason.HANDLER_ERROR),
    ],
)
def test_it_may_end_the_connection(record: bytes, text: bytes, reason: CloseReason) -> None:
    with World(Polite, workers=shut()) as world:
        peer = world.connect()
        peer.send(record + b"\nann\n")
        assert peer.read_to_end() == text
        peer.close()
        world.until(lambda: world.handler.reasons == [reason])
        assert world.handler.rejected == [record]


def test_by_default_the_connection_ends() -> None:
    with World(workers=shut()) as world:
        peer = world.connect()
        peer.send(b"ann\n")
        assert peer.read_to_end() == b""
        peer.close()
        world.until(lambda: world.closed() == {CloseReason.OVERLOAD: 1})


def test_ctrl_c_in_it_leaves_the_loop_and_costs_its_connection_only() -> None:
    class Interrupted(Polite):
        def on_rejected(self, record: bytes) -> Any:
            if record == b"ctrl-c":
                raise KeyboardInterrupt
            return super().on_rejected(record)

    with World(Interrupted, workers=shut()) as world:
        other, peer = world.connect(), world.connect()
        peer.send(b"ctrl-c\n")
        with pytest.raises(KeyboardInterrupt):
            world.until_state(State.CLOSED)
        assert world.handler.reasons == [CloseReason.HANDLER_ERROR]
        other.send(b"ann\n")
        assert other.read(10) == b"busy, ann\n"


def test_a_rejection_of_a_connection_that_has_gone_is_nothing() -> None:
    with World(Polite, workers=shut()) as world:
        peer = world.connect()
        peer.send(b"ann\n")
        world.until(lambda: world.handler.rejected)
        world.handler.close()
        world.handler.handle_rejection()
        assert world.handler.rejected == [b"ann"]


def test_a_coroutine_function_is_refused() -> None:
    class Modern(Greeter):
        async def on_rejected(self, record: bytes) -> bytes | None:  # type: ignore[override]
            return None

    with pytest.raises(
        TypeError, match=r"Modern\.on_rejected is a coroutine function: write it with def, not async def"
    ):
        Modern.check_class()
