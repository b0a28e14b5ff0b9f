"""Back pressure: who sends more than the peer takes waits, and what is queued is bounded."""

from __future__ import annotations

from typing import Any

import pytest

from nio.framing import Lines
from nio.reactor import CloseReason, State
from nio.tasks import StreamClosedError, TaskGroup, sleep, timeout
from tests.unit.reactor.support import NEVER, World
from tests.unit.tasks.support import Diary, gone


class Source(Diary):
    """Sends blocks of 10 000 bytes without end, and notes how many."""

    count = 0
    block = b"x" * 9999

    async def serve(self) -> None:
        await self.receive()
        try:
            while True:
                await self.send(self.block)
                self.count += 1
        except BaseException as error:
            self.seen.append(error)
            raise


def test_a_task_that_sends_without_end_waits_at_the_high_mark() -> None:
    with World(Source) as world:
        world.kernel.room = 0
        peer = world.connect()
        peer.send(b"go\n")
        world.turns(10)
        assert world.handler.count == 6
        assert 65536 <= world.handler.unsent < 65536 + 10_000
        assert world.handler.state is State.PROCESSING


def test_it_goes_on_when_the_output_is_down_to_the_low_mark() -> None:
    with World(Source) as world:
        world.kernel.room = 0
        peer = world.connect()
        peer.send(b"go\n")
        world.turns(10)
        world.kernel.room = 37_231  # of 70 000
        world.turns()
        assert (world.handler.unsent, world.handler.count) == (32_769, 6)
        world.kernel.room = 1
        world.turns(10)
        assert world.handler.count > 6


def test_a_reader_that_stops_and_goes_on_gets_everything() -> None:
    class Counting(Diary):
        async def serve(self) -> None:
            await self.receive()
            for number in range(8_000):
                await self.send(b"%0100d" % number)

    with World(Counting) as world:
        world.kernel.room = 10_000
        peer = world.connect()
        peer.send(b"go\n")
        world.turns(10)
        assert world.handler.unsent > 32768  # the low mark
        world.kernel.room = None
        assert peer.read_to_end() == b"".join(b"%0100d\n" % number for number in range(8_000))


def test_a_peer_that_reads_nothing_is_cut_and_the_sender_told() -> None:
    with World(Source) as world:
        world.kernel.room = 0
        peer = world.connect()
        peer.send(b"go\n")
        world.turns(10)
        world.advance(60)
        world.until(lambda: world.handler.reasons)
        assert world.handler.reasons == [CloseReason.WRITE_TIMEOUT]
        world.turns()
        (error,) = world.handler.seen
        assert (type(error), error.reason) == (StreamClosedError, CloseReason.WRITE_TIMEOUT)


class LargeSource(Source):
    block = b"x" * 1024 * 1024


@pytest.mark.parametrize("source", [Source, LargeSource])
def test_a_reset_while_the_sender_waits(source: type[Source]) -> None:
    with World(source) as world:
        world.kernel.room = 0
        peer = world.connect()
        peer.send(b"go\n")
        world.turns(10)
        peer.reset()
        world.kernel.room = None
        world.until(lambda: world.handler.seen)
        assert world.handler.seen[0].reason is CloseReason.PEER_RST


@pytest.mark.parametrize("sent", [b"", b"c\n"])
@pytest.mark.parametrize("at_hand", [b"", b"b\n"])
def test_a_task_that_comes_back_with_output_over_the_mark_is_not_resumed(at_hand: bytes, sent: bytes) -> None:
    class Writing(Diary):
        async def serve(self) -> None:
            self.seen.append(await self.receive())
            await sleep(1)
            self.write(b"x" * 100_000)
            self.seen.append(await self.receive())

    with World(Writing) as world:
        world.kernel.room = 0
        peer = world.connect()
        peer.send(b"a\n" + at_hand)
        world.turns()
        world.advance(1)
        peer.send(sent or b"b\n")
        world.turns()
        assert world.handler.state is State.SENDING
        assert world.handler.seen == [b"a"]
        world.kernel.room = None
        peer.read(100_000)
        world.until(lambda: len(world.handler.seen) == 2)
        assert world.handler.seen[1] == at_hand[:-1] or sent[:-1] or b"b"


@pytest.mark.parametrize("size", [900_000, 1_048_576, 3_000_000])
def test_a_record_of_any_size_is_sent_when_nothing_is_before_it(size: int) -> None:
    class Large(Diary):
        async def serve(self) -> None:
            await self.receive()
            self.write(b"before\n" * 5000)
            await self.send(b"x" * size)
            await self.send(b"after")

    with World(Large) as world:
        peer = world.connect()
        peer.send(b"go\n")
        got = peer.read_to_end()
        assert got == b"before\n" * 5000 + b"x" * size + b"\nafter\n"
        assert gone(world, peer) == [CloseReason.LOCAL]


def test_several_senders_wait_and_records_are_not_mixed() -> None:
    class Many(Diary):
        async def serve(self) -> None:
            await self.receive()
            async with TaskGroup() as group:
                for letter in (b"a", b"b", b"c"):
                    group.spawn(self.sending, letter)

        async def sending(self, letter: bytes) -> None:
            for _ in range(10):
                await self.send(letter * 20_000)

    with World(Many) as world:
        world.kernel.room = 0
        peer = world.connect()
        peer.send(b"go\n")
        world.turns(10)
        assert world.handler.unsent < 65536 + 3 * 20_001
        world.kernel.room = None
        lines = peer.read_to_end().split(b"\n")
        assert sorted(lines) == sorted([letter * 20_000 for letter in (b"a", b"b", b"c")] * 10 + [b""])


def test_a_kernel_that_says_not_now_at_every_second_write() -> None:
    class Slow(Diary):
        async def serve(self) -> None:
            async for name in self:
                await self.send(b"Hello " + name)

    with World(Slow) as world:
        peer = world.connect()
        world.kernel.sends.extend([3, NEVER] * 20)
        for _ in range(10):
            peer.send(b"ann\n")
            assert peer.read(10) == b"Hello ann\n"


def test_sends_of_a_task_that_others_resume_leave_with_the_next_tick() -> None:
    class Later(Diary):
        async def serve(self) -> None:
            await sleep(1)
            await self.send(b"later")
            await sleep(1)

    with World(Later) as world:
        peer = world.connect()
        world.turns()
        world.advance(1)
        assert peer.read(6) == b"later\n"


@pytest.mark.parametrize("row", [1, 3])
def test_a_reply_over_the_mark_waits_for_the_peer_before_the_next_record(row: int) -> None:
    class Blob(Diary):
        async def serve(self) -> None:
            async for number in self:
                self.seen.append(number)
                await self.send(b"x" * int(number))

    with World(Blob) as world:
        world.kernel.room = 0
        peer = world.connect()
        world.turns()
        peer.send(b"100000\n" * row)
        world.turns(10)
        assert world.handler.seen == [b"100000"]
        assert world.handler.state is State.SENDING
        world.kernel.room = None
        assert peer.read(100_001 * row) == (b"x" * 100_000 + b"\n") * row


def test_a_wait_that_is_cancelled_while_output_is_over_the_mark_keeps_the_next_record() -> None:
    class Impatient(Diary):
        framing = Lines()

        async def serve(self) -> None:
            self.seen.append(await self.receive())
            await self.send(b"x" * 100_000)
            try:
                async with timeout(1):
                    await self.receive()
            except TimeoutError:
                self.seen.append("late")
            await sleep(1)
            self.seen.append(await self.receive())

    with World(Impatient) as world:
        world.kernel.room = 0
        peer = world.connect()
        peer.send(b"a\nb\n")
        world.turns()
        assert world.handler.state is State.SENDING
        world.advance(1)
        world.kernel.room = None
        peer.read(100_001)
        world.turns()
        assert world.handler.seen == [b"a", "late"]
        world.advance(1)
        world.until(lambda: len(world.handler.seen) == 3)
        assert world.handler.seen == [b"a", "late", b"b"]
        seen: list[Any] = gone(world, peer)
        assert seen == [CloseReason.LOCAL]
