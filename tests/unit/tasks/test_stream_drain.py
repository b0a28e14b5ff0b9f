"""Blocks around a stream, the drain, and the close of its reactor."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from nio.errors import ProtocolError
from nio.framing import Lines, Raw
from nio.reactor import CloseReason, State
from nio.tasks import Cancelled, Stream, StreamClosedError, TaskGroup, sleep, spawn
from tests.unit.reactor.support import Echo, Peer, World
from tests.unit.tasks.support import Diary, Greeting, Resting

# blocks


class Blocks(Diary):
    """A block around each record's work."""

    framing = Raw()
    error: BaseException | None = None

    async def serve(self) -> None:
        try:
            async with self.framed(Lines()) as names:
                self.seen.append(await names.receive())
                await names.send(b"in the block")
                if self.error is not None:
                    raise self.error
        except BaseException as error:
            self.seen.append(error)
            if isinstance(error, GeneratorExit):
                raise
        self.seen.append(self.state)


@pytest.mark.parametrize(
    ("error", "got", "reason"),
    [
        (None, b"in the block\n", CloseReason.LOCAL),
        (ValueError(), b"in the block\n", CloseReason.HANDLER_ERROR),
        (ProtocolError(), b"in the block\n", CloseReason.PROTOCOL_ERROR),
        (StreamClosedError(CloseReason.PEER_RST), b"in the block\n", CloseReason.LOCAL),
        (Cancelled(), b"", CloseReason.LOCAL),
    ],
    ids=lambda value: type(value).__name__,
)
def test_the_end_of_the_block_ends_the_connection(error: Any, got: bytes, reason: CloseReason) -> None:
    class Raising(Blocks):
        pass

    Raising.error = error
    with World(Raising) as world:
        peer = world.connect()
        peer.send(b"ann\n")
        assert peer.read_to_end() == got
        peer.close()
        world.until(lambda: world.handler.reasons)
        world.turns()
        assert world.handler.reasons == [reason]
        if error is None:
            assert world.handler.seen == [b"ann", State.CLOSED]
        else:
            assert world.handler.seen[:2] == [b"ann", error]


def test_wait_closed_says_why() -> None:
    class Waiting(Diary):
        async def serve(self) -> None:
            self.seen.append(await self.wait_closed())
            self.seen.append(await self.wait_closed())

    with World(Waiting) as world:
        peer = world.connect()
        world.turns()
        peer.reset()
        world.until(lambda: len(world.handler.seen) == 2)
        assert world.handler.seen == [CloseReason.PEER_RST] * 2


# the drain


def test_a_drain_ends_a_stream_that_awaits_and_has_received_nothing() -> None:
    with World(Greeting) as world:
        peer = world.connect()
        world.turns()
        world.reactor.stop(drain=5)
        assert peer.read_to_end() == b""
        world.until(lambda: world.handler.seen)
        assert world.handler.seen[0].reason is CloseReason.DRAIN


def test_a_drain_answers_what_was_received() -> None:
    with World(Resting) as world:
        peer = world.connect()
        peer.send(b"ann\nbob\n")
        world.until_state(State.PROCESSING)
        world.reactor.stop(drain=30)
        world.turns()
        for _ in range(2):
            world.advance(5)
        assert peer.read_to_end() == b"Hello ann\nHello bob\n"
        peer.close()
        world.until(lambda: world.handler.reasons)
        assert world.handler.reasons == [CloseReason.DRAIN]
        assert world.handler.seen[2].reason is CloseReason.DRAIN


def test_a_drain_that_takes_too_long_cancels_the_task() -> None:
    with World(Resting) as world:
        peer = world.connect()
        peer.send(b"ann\n")
        world.until_state(State.PROCESSING)
        world.reactor.stop(drain=1)
        world.turns()
        world.advance(1)
        assert peer.read_to_end() == b""
        world.turns()
        assert isinstance(world.handler.seen[1], Cancelled)
        assert world.reactor.statistics().abandoned == 1


def test_a_close_of_the_reactor_ends_the_tasks() -> None:
    with World(Resting) as world:
        peers = [world.connect(), world.connect()]
        peers[0].send(b"ann\n")
        world.until(lambda: world.handlers[0].seen)
        world.reactor.close()
        busy, waiting = world.handlers
        assert isinstance(busy.seen[1], Cancelled)
        assert isinstance(waiting.seen[0], Cancelled)
        assert (busy.reasons, waiting.reasons) == ([CloseReason.LOCAL], [CloseReason.LOCAL])


def test_a_cancel_of_the_streams_own_task_closes_it() -> None:
    with World(Greeting) as world:
        peer = world.connect()
        world.turns()
        world.handler._own.cancel()
        assert peer.read_to_end() == b""
        assert isinstance(world.handler.seen[0], Cancelled)


def test_a_reader_of_a_group_that_is_told_of_the_end_is_the_only_one() -> None:
    class Halves(Diary):
        async def serve(self) -> None:
            async with TaskGroup() as group:
                group.spawn(self.reading)
                group.spawn(self.ticking)

        async def reading(self) -> None:
            async for name in self:
                self.seen.append(name)

        async def ticking(self) -> None:
            while True:
                await self.send(b"tick")
                await sleep(1)

    with World(Halves) as world:
        peer = world.connect()
        assert peer.read(5) == b"tick\n"
        world.advance(1)
        assert peer.read(5) == b"tick\n"
        peer.send(b"ann\n")
        world.until(lambda: world.handler.seen)
        peer.reset()
        world.until(lambda: world.handler.reasons)
        world.turns()
        assert world.handler._own is None


def test_handed_over_to_another_handler_the_task_is_told() -> None:
    with World(Greeting) as world:
        peer = world.connect()
        world.turns()
        world.reactor.register(world.handler.channel, 1, Echo())
        world.turns()
        assert isinstance(world.handler.seen[0], StreamClosedError)
        peer.send(b"ann")
        assert peer.read(3) == b"ann"


def test_a_lost_listener_of_the_stream_does_not_matter_to_others() -> None:
    async def reading(stream: Stream, seen: list[Any]) -> None:
        try:
            seen.append(await stream.receive())
        finally:
            seen.append("out")

    class Still(Diary):
        async def serve(self) -> None:
            await self.wait_closed()

    with World(Still) as world:
        peer: Peer = world.connect()
        world.turns()
        seen: list[Any] = []
        task = spawn(world.reactor, reading, world.handler, seen)
        world.turns()
        states = [world.handler.state]
        task.cancel()
        world.turns()
        states.append(world.handler.state)
        assert states == [State.READING, State.PROCESSING]
        peer.send(b"ann\n")
        spawn(world.reactor, reading, world.handler, seen)
        world.until(lambda: b"ann" in seen)
        assert seen == ["out", b"ann", "out"]
        assert isinstance(peer.sock, socket.socket)
