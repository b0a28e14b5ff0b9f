"""A stream: records to the task that awaits them, bytes before they are framed, and what it shares with a handler."""

from __future__ import annotations

from typing import Any, cast

import pytest

from nio.errors import IllegalStateError
from nio.framing import Fixed, LengthPrefix, Lines, Raw
from nio.reactor import CloseReason, State
from nio.tasks import TaskGroup, sleep, spawn
from tests.unit.reactor.support import World
from tests.unit.tasks.support import Diary, Greeting, gone


class Bytes(Diary):
    """No records: whatever has come."""

    framing = Raw()

    async def serve(self) -> None:
        while data := await self.receive():
            self.seen.append(data)
            await self.send(data.upper())
        self.seen.append(data)


class Resting(Diary):
    """Sleeps for a second with each name."""

    async def serve(self) -> None:
        async for name in self:
            self.seen.append(name)
            await sleep(1)
            await self.send(b"Hello " + name)


def test_a_record_resumes_the_task_and_what_it_sends_is_the_reply() -> None:
    with World(Greeting) as world:
        peer = world.connect()
        for name in (b"ann", b"bob"):
            peer.send(name + b"\n")
            assert peer.read(10) == b"Hello " + name + b"\n"
        assert world.handler.seen == [b"ann", b"bob"]
        assert world.reactor.statistics().requests == 2


def test_a_request_costs_one_recv_and_one_send_and_is_steady() -> None:
    with World(Greeting) as world:
        peer = world.connect()
        world.turns()
        assert world.handler._steady is world.handler
        recvs, sends = world.kernel.recv_calls, world.kernel.send_calls
        for _ in range(10):
            peer.send(b"ann\n")
            peer.read(10)
        assert (world.kernel.recv_calls - recvs, world.kernel.send_calls - sends) == (10, 10)
        assert world.handler._steady is world.handler


def test_pipelined_records_are_answered_together() -> None:
    names = [b"%d" % number for number in range(50)]
    with World(Greeting) as world:
        peer = world.connect()
        world.turns()
        sends = world.kernel.send_calls
        peer.send(b"".join(name + b"\n" for name in names))
        expected = b"".join(b"Hello " + name + b"\n" for name in names)
        assert peer.read(len(expected)) == expected
        assert world.kernel.send_calls - sends <= 2


@pytest.mark.parametrize("cut", [1, 3, 7])
def test_the_cut_of_the_stream_does_not_matter(cut: int) -> None:
    data = b"ann\nbob\r\n\ncarl\n"
    with World(Greeting) as world:
        peer = world.connect()
        for at in range(0, len(data), cut):
            peer.send(data[at : at + cut])
            world.turns(2)
        assert peer.read(38) == b"Hello ann\nHello bob\nHello \nHello carl\n"


def test_who_does_not_come_back_is_late_and_nothing_is_read() -> None:
    with World(Resting) as world:
        peer = world.connect()
        peer.send(b"ann\nbob\n")
        world.until_state(State.PROCESSING)
        assert world.handler.key.interest_ops == 0
        peer.send(b"carl\n")
        world.turns()
        assert world.handler.seen == [b"ann"]
        for name, length in ((b"ann", 10), (b"bob", 10), (b"carl", 11)):
            assert world.handler.seen[-1] == name
            world.advance(1)
            assert peer.read(length) == b"Hello " + name + b"\n"
            world.turns()
        world.until_state(State.READING)


def test_a_thousand_records_to_a_task_that_rests_with_each_are_bounded() -> None:
    class Yielding(Diary):
        async def serve(self) -> None:
            async for name in self:
                self.seen.append(name)
                await sleep(0)

    with World(Yielding) as world:
        peer = world.connect()
        peer.send(b"".join(b"%d\n" % number for number in range(1000)))
        world.until(lambda: len(world.handler.seen) == 1000)
        assert world.handler.seen == [b"%d" % number for number in range(1000)]


def test_a_flood_does_not_starve_the_others() -> None:
    with World(Greeting) as world:
        flooding, other = world.connect(), world.connect()
        flooding.send(b"\n" * 20_000)
        other.send(b"ann\n")
        assert other.read(10) == b"Hello ann\n"
        assert len(world.handlers[0].seen) < 20_000
        flooding.read(7 * 20_000)


def test_a_stream_that_is_not_framed_gives_the_bytes_that_have_come() -> None:
    with World(Bytes) as world:
        peer = world.connect()
        for data in (b"ann", b"bob\n\r"):
            peer.send(data)
            assert peer.read(len(data)) == data.upper()
        peer.half_close()
        assert peer.read_to_end() == b""
        assert world.handler.seen == [b"ann", b"bob\n\r", None]
        assert world.handler.reasons == [CloseReason.PEER_FIN]


class Announced(Diary):
    """Reads bytes up to the first that have come, then records of what the first byte names."""

    framing = Raw()
    framings: dict[bytes, Any] = {b"l": Lines(max_length=8), b"p": LengthPrefix(1), b"f": Fixed(2)}  # noqa: RUF012

    async def serve(self) -> None:
        first = await self.receive()
        assert first is not None
        self.seen.append(first)
        async with self.framed(self.framings[first[:1]]) as records:
            assert records is self
            async for record in records:
                self.seen.append(record)
                await records.send(record)


@pytest.mark.parametrize(
    ("first", "then", "seen", "got"),
    [
        (b"l", b"ann\nbob\n", [b"ann", b"bob"], b"ann\nbob\n"),
        (b"p", b"\x03ann\x00", [b"ann", b""], b"\x03ann\x00"),
        (b"f", b"annabo", [b"an", b"na", b"bo"], b"annabo"),
    ],
)
def test_the_framing_changes_behind_what_was_received(first: bytes, then: bytes, seen: Any, got: bytes) -> None:
    with World(Announced) as world:
        peer = world.connect()
        peer.send(first)
        world.until(lambda: world.handler.seen)
        peer.send(then)
        assert peer.read(len(got)) == got
        peer.half_close()
        assert peer.read_to_end() == b""
        assert world.handler.seen == [first, *seen]


class Greedy(Diary):
    """Lets bytes be received for nobody, then cuts them."""

    framing = Raw()

    async def serve(self) -> None:
        async with TaskGroup() as group:
            group.spawn(self.receive)
            await sleep(1)
            group.cancel()
        self._process(self, b"ann\nbo")  # as by output that is down again, with nobody who awaits
        self.seen.append(self.state)
        async with self.framed(Lines()) as names:
            async for name in names:
                self.seen.append(name)


def test_bytes_that_nobody_has_awaited_are_cut_too() -> None:
    with World(Greedy) as world:
        peer = world.connect()
        world.turns()
        world.advance(1)
        peer.send(b"b\ncarl\n")
        peer.half_close()
        assert peer.read_to_end() == b""
        assert world.handler.seen == [State.PROCESSING, b"ann", b"bob", b"carl"]


def test_a_record_that_came_for_nobody_is_the_next_one() -> None:
    class Held(Diary):
        async def serve(self) -> None:
            await sleep(0)
            self._process(self, b"held")
            self.seen.append(await self.receive())
            self.seen.append(await self.receive())

    with World(Held) as world:
        peer = world.connect()
        peer.send(b"ann\n")
        assert gone(world, peer) == [CloseReason.LOCAL]
        assert world.handler.seen == [b"held", b"ann"]


@pytest.mark.parametrize("begin", [b"", b"x", b"abc\nde"])
def test_what_the_peer_has_ended_before_it_was_framed(begin: bytes) -> None:
    """The bytes and the end are there when the framing changes."""

    class Late(Diary):
        framing = Raw()

        async def serve(self) -> None:
            await sleep(1)
            async for record in self.framed(Lines(max_length=8)):
                self.seen.append(record)

    with World(Late) as world:
        peer = world.connect()
        peer.send(begin)
        peer.half_close()
        world.turns()
        world.advance(1)
        peer.read_to_end()
        assert world.handler.seen == begin.split(b"\n")[:-1]
        reason = CloseReason.PROTOCOL_ERROR if begin.split(b"\n")[-1] else CloseReason.PEER_FIN
        assert world.handler.reasons == [reason]


def test_a_stream_is_framed_once() -> None:
    class Twice(Diary):
        framing = Raw()

        async def serve(self) -> None:
            with pytest.raises(TypeError, match="is a framing, Lines"):
                self.framed(cast(Any, 5))
            self.framed(Lines())
            with pytest.raises(IllegalStateError, match=r"this Twice is framed already, by Lines\(max_length=8192"):
                self.framed(Fixed(2))

    with World(Twice) as world:
        assert gone(world, world.connect()) == [CloseReason.LOCAL]


def test_half_of_a_record_behind_the_change_is_too_slow() -> None:
    class Slow(Diary):
        framing = Raw()

        async def serve(self) -> None:
            await self.receive()
            await self.framed(Lines()).receive()

    with World(Slow) as world:
        peer = world.connect()
        peer.send(b"a")
        world.turns()
        peer.send(b"b")
        world.turns()
        world.advance(10)
        world.until(lambda: world.handler.reasons)
        assert world.handler.reasons == [CloseReason.TOO_SLOW]


# two tasks


def test_two_tasks_may_not_await_the_same_stream() -> None:
    class Shared(Diary):
        async def serve(self) -> None:
            async with TaskGroup() as group:
                group.spawn(self.reading)
                with pytest.raises(IllegalStateError, match=r"reading awaits this stream already: Shared cannot"):
                    await self.after()
                await self.send(b"told")

        async def after(self) -> None:
            await sleep(0)
            await sleep(0)
            await self.receive()

        async def reading(self) -> None:
            self.seen.append(await self.receive())

    with World(Shared) as world:
        peer = world.connect()
        world.turns()
        assert peer.read(5) == b"told\n"
        peer.send(b"ann\n")
        assert gone(world, peer) == [CloseReason.LOCAL]
        assert world.handler.seen == [b"ann"]


def test_another_task_may_send_and_end_while_it_holds_the_wait() -> None:
    class Two(Diary):
        async def serve(self) -> None:
            async with TaskGroup() as group:
                group.spawn(self.once, 1)
                await sleep(1)
                group.spawn(self.once, 2)

        async def once(self, number: int) -> None:
            name = await self.receive()
            self.seen.append((number, name))
            await self.send(b"%d" % number)

    with World(Two) as world:
        peer = world.connect()
        peer.send(b"ann\nbob\n")
        assert peer.read(2) == b"1\n"
        assert world.handler.state is State.PROCESSING
        world.advance(1)
        assert peer.read(2) == b"2\n"
        assert gone(world, peer) == [CloseReason.LOCAL]
        assert world.handler.seen == [(1, b"ann"), (2, b"bob")]


def test_a_record_may_go_to_a_task_that_then_serves_another_stream() -> None:
    """One task reads from one client and then from another, both pipelining: no recursion, order kept."""
    got: list[tuple[int, bytes | None]] = []

    async def between(streams: list[Any]) -> None:
        for _ in range(300):
            for number, stream in enumerate(streams):
                got.append((number, await stream.receive()))
        for stream in streams:
            stream.finish()

    class Quiet(Diary):
        async def serve(self) -> None:
            await self.wait_closed()

    with World(Quiet) as world:
        peers = [world.connect(), world.connect()]
        for peer in peers:
            peer.send(b"".join(b"%d\n" % number for number in range(300)))
        task = spawn(world.reactor, between, world.handlers)
        world.until(lambda: task.is_done)
        assert task._error is None
        assert got == [(stream, b"%d" % number) for number in range(300) for stream in (0, 1)]
