"""wait_closed: nobody waits for an end that nobody would ever see, and no record is lost to who is at work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from nio.errors import IllegalStateError
from nio.framing import Lines, Raw
from nio.reactor import CloseReason, State
from nio.tasks import Stream, StreamClosedError, Task, sleep, spawn
from tests.unit.reactor.support import Peer, World
from tests.unit.tasks.support import Diary


class Ending(Diary):
    """Sends all it has to say, and waits for the end."""

    received = 0  # records that it takes before

    async def serve(self) -> None:
        for _ in range(self.received):
            self.seen.append(await self.receive())
        await self.send(b"bye")
        self.end_output()
        self.seen.append(await self.wait_closed())


def ending(**settings: Any) -> type[Ending]:
    return type("Ending", (Ending,), settings)


def told(world: World) -> Any:
    """What the task was told of the end."""
    world.until(lambda: world.handler.reasons)
    world.turns()
    assert world.handler.seen[-1] is world.handler.reasons[0]
    return world.handler.seen[-1]


@pytest.mark.parametrize("received", [0, 1])
@pytest.mark.parametrize("framing", [Lines(max_length=256), Raw()], ids=["lines", "raw"])
@pytest.mark.parametrize("much", [b"", b"ann\n", b"half", b"x" * 300 + b"\n", b"bob\n" * 100_000], ids=len)
def test_the_peers_end_is_seen_behind_whatever_it_has_sent(received: int, framing: Any, much: bytes) -> None:
    with World(ending(received=received, framing=framing)) as world:
        peer = world.connect()
        peer.send(b"ann\n" * received)
        assert peer.read(3) == b"bye"
        peer.send(much)
        peer.half_close()
        assert told(world) is CloseReason.PEER_FIN
        assert len(world.handler.seen) == received + 1
        assert peer.read_to_end() in (b"", b"\n")


@pytest.mark.parametrize("drips", [False, True])
def test_a_peer_that_never_ends_is_ended_by_the_limit_of_silence(drips: bool) -> None:
    with World(Ending) as world:
        peer = world.connect()
        assert peer.read_to_end() == b"bye\n"
        for _ in range(3):
            if drips:
                peer.send(b"x")
                world.turns()
            assert not world.handler.reasons
            world.advance(20)
        assert told(world) is CloseReason.IDLE_TIMEOUT


def test_a_peer_that_floods_is_ended_too() -> None:
    with World(ending(idle_timeout=5.0)) as world:
        peer = world.connect()
        assert peer.read_to_end() == b"bye\n"
        for _ in range(5):
            peer.send(b"x" * 100_000)
            world.advance(1)
        assert told(world) is CloseReason.IDLE_TIMEOUT


def test_a_reset_is_told_as_what_it_is() -> None:
    with World(Ending) as world:
        peer = world.connect()
        assert peer.read_to_end() == b"bye\n"
        peer.reset()
        assert told(world) is CloseReason.PEER_RST


def test_the_end_that_was_read_with_the_records_is_seen_too() -> None:
    with World(ending(received=1)) as world:
        peer = world.connect()
        peer.send(b"ann\nbob\ncarl\n")
        peer.half_close()
        assert told(world) is CloseReason.PEER_FIN
        assert world.handler.seen == [b"ann", CloseReason.PEER_FIN]


@pytest.mark.parametrize("first", ["wait", "end"])
def test_output_that_ends_while_somebody_waits(first: str) -> None:
    class Both(Diary):
        async def serve(self) -> None:
            async def end() -> None:
                await sleep(1)
                self.end_output()

            spawn(self.reactor, end)
            if first == "end":
                await sleep(2)
            self.seen.append(await self.wait_closed())

    with World(Both) as world:
        peer = world.connect()
        peer.send(b"ann\n")
        world.advance(1)
        world.advance(1)
        peer.half_close()
        assert told(world) is CloseReason.PEER_FIN


# whoever is at work loses nothing


class Slow(Diary):
    """One task takes its time with each record, another one waits for the end."""

    reader: Task[Any]
    most = 3

    async def read(self) -> None:
        for _ in range(self.most):
            self.seen.append(await self.receive())
            await sleep(1)

    async def serve(self) -> None:
        self.reader = spawn(self.reactor, self.read)
        self.end_output()
        self.seen.append(await self.wait_closed())


def two_of_three(world: World) -> Peer:
    peer = world.connect()
    peer.send(b"a\nb\nc\n")
    for seen in ([b"a"], [b"a", b"b"]):
        world.until(lambda seen=seen: world.handler.seen == seen)  # type: ignore[misc]
        world.turns()
        assert world.handler.seen == seen
        world.advance(1)
    return peer


def test_a_task_that_is_at_work_gets_all_its_records() -> None:
    with World(Slow) as world:
        peer = two_of_three(world)
        peer.half_close()
        world.turns()
        assert world.handler.seen == [b"a", b"b", b"c"]
        world.advance(1)  # it ends without another receive
        assert told(world) is CloseReason.PEER_FIN


def test_a_task_that_is_cancelled_receives_no_more() -> None:
    with World(type("Slow", (Slow,), {"most": 9})) as world:
        peer = two_of_three(world)
        peer.half_close()
        world.handler.reader.cancel()
        assert told(world) is CloseReason.PEER_FIN


@pytest.mark.parametrize("most", [2, 9])
def test_the_connection_ends_before_the_task_does(most: int) -> None:
    with World(type("Slow", (Slow,), {"most": most})) as world:
        peer = two_of_three(world)
        peer.reset()
        world.until(lambda: world.handler.reasons)
        world.advance(9)
        assert world.handler.reader.is_done
        assert world.handler.reasons == [CloseReason.PEER_RST]


def test_two_that_wait_are_nobody_at_work() -> None:
    class Two(Slow):
        async def read(self) -> None:
            self.seen.append(await self.receive())
            self.seen.append(await self.wait_closed())

    with World(Two) as world:
        peer = world.connect()
        peer.send(b"a\nb\n")
        peer.half_close()
        assert told(world) is CloseReason.PEER_FIN
        assert world.handler.seen == [b"a", CloseReason.PEER_FIN, CloseReason.PEER_FIN]


@pytest.mark.parametrize("use", [Stream.receive, Stream.__anext__])
def test_whoever_receives_too_late_is_told_so(use: Callable[[Any], Any]) -> None:
    class Late(Slow):
        async def read(self) -> None:
            await sleep(1)
            try:
                await use(self)
            except IllegalStateError as error:
                self.seen.append(str(error))

    with World(Late) as world:
        peer = world.connect()
        peer.send(b"a\n")
        world.advance(1)
        world.until(lambda: world.handler.seen)
        assert "nobody received from it, so what came was dropped" in world.handler.seen[0]
        peer.half_close()
        assert told(world) is CloseReason.PEER_FIN


def test_without_an_end_of_the_output_nothing_is_dropped() -> None:
    class Patient(Diary):
        async def serve(self) -> None:
            waiting = spawn(self.reactor, self.wait_closed)
            await sleep(100)
            self.seen += [await self.receive(), await self.receive(), waiting.is_done]

    with World(Patient) as world:
        peer = world.connect()
        peer.send(b"a\nb\n")
        world.advance(100)
        assert world.handler.seen == [b"a", b"b", False]


def test_a_suspended_stream_stays_so() -> None:
    with World(Ending) as world:
        peer = world.connect()
        world.handler.suspend()
        assert peer.read_to_end() == b"bye\n"
        peer.half_close()
        world.turns()
        assert world.handler.state is State.SUSPENDED
        world.handler.resume()
        assert told(world) is CloseReason.PEER_FIN


# a drain


@pytest.mark.parametrize("ends", [False, True])
def test_who_only_waits_for_the_end_does_not_hold_a_drain(ends: bool) -> None:
    class Resting(Diary):
        async def serve(self) -> None:
            if ends:
                self.end_output()
            self.seen.append(await self.wait_closed())

    with World(Resting) as world:
        peer = world.connect()
        world.turns()
        world.reactor.stop(drain=5)
        world.turns()
        assert peer.read_to_end() == b""
        peer.close()
        assert told(world) is CloseReason.DRAIN


def test_a_stream_that_is_given_up_ends_like_any_other() -> None:
    with World(Ending) as world:
        peer = world.connect()
        assert peer.read_to_end() == b"bye\n"
        peer.send(b"x\n")
        world.turns()
        world.handler.finish()
        peer.close()
        assert told(world) is CloseReason.LOCAL
        with pytest.raises(StreamClosedError):
            world.handler._park(None)
