"""Shares are fair: of a turn, between connections, and of a drain's time."""

from __future__ import annotations

import random
import socket
from collections import Counter
from collections.abc import Callable
from typing import ClassVar

import pytest

from nio.reactor import CloseReason, Reactor, State
from nio.spi import SelectorProvider
from tests.faults.helpers import Server
from tests.unit.reactor.support import Greeter, Kernel, Manual, Peer, World, run

MODES = pytest.mark.parametrize("workers", [0, 1], ids=["single", "pooled"])


class Numbered(Greeter):
    """Writes into a diary of all: who was processed, in order."""

    diary: ClassVar[list[int]] = []
    count = 0

    def __init__(self) -> None:
        super().__init__()
        self.number = Numbered.count
        Numbered.count += 1

    def process(self, record: bytes) -> bytes | None:
        self.diary.append(self.number)
        self.seen.append(record)
        return None


@pytest.fixture(autouse=True)
def empty_diary() -> None:
    Numbered.diary.clear()
    Numbered.count = 0


# a turn


def test_N07_a_flood_of_empty_lines_is_256_records_a_step_and_the_other_is_answered_between() -> None:
    """A turn has two steps at most: what a selection leaves goes on in the ticks."""
    with World(Numbered) as world:
        flood, other = world.connect(), world.connect()
        flood.send(b"\n" * 65536)
        world.until(lambda: Numbered.diary)
        other.send(b"ann\n")
        before = 0
        while 1 not in Numbered.diary:
            before = len(Numbered.diary)
            world.turns(1)
            assert len(Numbered.diary) - before <= 2 * 256 + 1
        assert Numbered.diary.index(1) <= 4 * 256  # the turn under way, and the next at most
        world.until(lambda: Numbered.diary.count(0) == 65536)


def test_N07_fifty_floods_get_equal_shares() -> None:
    """Jain's index of the records per connection, at the moment when the first is done."""
    with World(Numbered) as world:
        peers = [world.connect() for _ in range(50)]
        for peer in peers:
            peer.send(b"\n" * 4096)
        while max(Counter(Numbered.diary).values(), default=0) < 4096:
            world.turns(1)
        shares = [Counter(Numbered.diary)[number] for number in range(50)]
        assert sum(shares) ** 2 / (50 * sum(share**2 for share in shares)) >= 0.9


class Generous(Greeter):
    """Half a megabyte for each record; the marks are out of the way."""

    high_mark = 64 * 1024 * 1024
    max_output = 64 * 1024 * 1024

    def process(self, record: bytes) -> bytes | None:
        self.seen.append(record)
        return record * (512 * 1024)


def test_replies_of_more_than_a_megabyte_pause_in_order() -> None:
    class Small(Generous):
        high_mark = 64 * 1024  # each reply is sent at once, and the peer takes it

    with World(Small) as world:
        peer = world.connect()
        peer.send(b"a\nb\nc\nd\ne\nf\n")
        expected = b"".join(name * (512 * 1024) + b"\n" for name in (b"a", b"b", b"c", b"d", b"e", b"f"))
        assert peer.read(len(expected)) == expected


class Pausing(Greeter):
    """Does something in its first pause, which comes behind the 256th record of a read."""

    in_the_pause: ClassVar[Callable[[Pausing], object]]
    warmed = 240  # records of two bytes: more than a first read takes

    def process(self, record: bytes) -> bytes | None:
        reply = super().process(record)
        if len(self.seen) == self.warmed + 256:
            self.reactor.execute(self._act)
        return reply

    def _act(self) -> None:
        assert self.state is State.SUSPENDED
        type(self).in_the_pause(self)


NAMES = [b"%d" % number for number in range(600)]
REPLIES = [b"Hello " + name + b"\n" for name in NAMES]


def pausing(world: World) -> Peer:
    peer = world.connect()
    peer.send(b"w\n" * Pausing.warmed)
    assert peer.read(8 * Pausing.warmed) == b"Hello w\n" * Pausing.warmed
    peer.send(b"".join(name + b"\n" for name in NAMES))
    return peer


def doing(fn: Callable[[Pausing], object]) -> type[Pausing]:
    return type("Doing", (Pausing,), {"in_the_pause": staticmethod(fn)})


def test_a_pause_ends_by_itself_and_keeps_the_order() -> None:
    with World(doing(lambda handler: None)) as world:
        peer = pausing(world)
        assert peer.read(len(b"".join(REPLIES))) == b"".join(REPLIES)


def test_the_end_of_the_stream_behind_the_pause() -> None:
    with World(doing(lambda handler: None)) as world:
        peer = pausing(world)
        peer.half_close()
        assert peer.read_to_end() == b"".join(REPLIES)
        world.until(lambda: world.handler.reasons == [CloseReason.PEER_FIN])


def test_a_drain_in_the_pause() -> None:
    with World(doing(lambda handler: handler.reactor.stop(drain=60))) as world:
        peer = pausing(world)
        assert peer.read_to_end() == b"".join(REPLIES)
        peer.close()
        run(world.reactor)
        assert world.reactor.statistics().abandoned == 0


def test_finish_in_the_pause() -> None:
    with World(doing(lambda handler: handler.finish())) as world:
        peer = pausing(world)
        assert peer.read_to_end() == b"".join(REPLIES[:256])
        peer.close()
        world.until(lambda: world.handler.reasons == [CloseReason.LOCAL])


def test_suspend_in_the_pause_lasts_until_resume() -> None:
    with World(doing(lambda handler: handler.suspend())) as world:
        peer = pausing(world)
        assert peer.read(len(b"".join(REPLIES[:256]))) == b"".join(REPLIES[:256])
        world.turns(10)
        assert len(world.handler.seen) == Pausing.warmed + 256
        world.handler.resume()
        assert peer.read(len(b"".join(REPLIES[256:]))) == b"".join(REPLIES[256:])


def test_close_in_the_pause() -> None:
    with World(doing(lambda handler: handler.close())) as world:
        pausing(world)
        world.until(lambda: world.handler.reasons == [CloseReason.LOCAL])
        world.turns(3)
        assert len(world.handler.seen) == Pausing.warmed + 256


# a drain


class Endless(Kernel):
    """A connection whose input never ends; ``unread`` tells of so much when the drain begins."""

    def __init__(self, unread: int | None) -> None:
        super().__init__()
        self.waiting = unread

    def unread(self, sock: socket.socket) -> int | None:
        return self.waiting


@MODES
@pytest.mark.parametrize("unread", [6_000, None])
@pytest.mark.parametrize("length", [16, 250], ids=["short", "long"])
def test_J02_a_client_that_never_stops_does_not_hold_a_drain(workers: int, unread: int | None, length: int) -> None:
    """The clock stands still: a drain that waits for its end would never end."""
    line = b"x" * (length - 1) + b"\n"

    class Quiet(Greeter):
        def process(self, record: bytes) -> bytes | None:
            return None

    with World(Quiet, workers=workers, kernel=Endless(unread)) as world:
        peer = world.connect()
        peer.send(line)
        world.received(len(line))
        world.reactor.stop(drain=5)
        flood, sent = memoryview(line * (50_000 // length)), 0

        def more() -> bool:
            nonlocal sent
            try:
                sent = (sent + peer.sock.send(flood[sent:])) % len(flood)
            except BlockingIOError:
                pass
            except OSError:
                return True
            return world.handler.state in (State.LINGERING, State.CLOSED)

        world.until(more)
        peer.close()
        run(world.reactor)
        assert world.handler.reason is CloseReason.DRAIN
        assert world.reactor.statistics().abandoned == 0
        assert world.reactor.statistics().bytes_in >= (unread or 0)


@MODES
def test_J02_what_was_received_when_a_drain_begins_is_answered(workers: int) -> None:
    """Two reads' worth, whose last record is cut; real sockets, real time."""
    names = [b"%06d" % number for number in range(7_000)]
    provider = SelectorProvider.default()

    def waits() -> bool:
        handler = server.handlers[0]
        return handler.seen == [b"hold"] and provider.unread(handler.channel.socket) == len(data) - 5

    class Held(Greeter):
        def process(self, record: bytes) -> bytes | None:
            reply = super().process(record)
            if record == b"hold":
                self.suspend()
            return reply

    with Server(Held, workers=workers) as server, server.client() as client:
        client.send(b"hold\n")
        server.until(lambda: server.handlers and server.handlers[0].state is State.SUSPENDED)
        data = b"hold\n" + b"".join(name + b"\n" for name in names) + b"part"
        client.send(data[5:])
        server.until(waits)

        def drain() -> None:
            server.handlers[0].resume()
            server.reactor.stop(drain=60)

        server.call(drain)
        expected = b"Hello hold\n" + b"".join(b"Hello " + name + b"\n" for name in names)
        assert client.read_to_end() == expected
        client.close()
        server.thread.join(10)
        assert server.reactor.statistics().abandoned == 0


# a drain of what is suspended


def test_a_suspended_connection_whose_record_a_worker_has_ends_with_its_reply() -> None:
    manual = Manual()
    with World(workers=manual) as world:
        peer = world.connect()
        peer.send(b"ann\nbob\n")
        world.until(lambda: manual.waiting)
        world.handler.suspend()
        world.reactor.stop(drain=60)
        world.turns()
        manual.run_one()
        assert peer.read_to_end() == b"Hello ann\n"
        peer.close()
        run(world.reactor)
        assert world.reactor.statistics().abandoned == 0


def test_a_suspended_connection_whose_output_is_not_taken_ends_when_it_is() -> None:
    class Small(Greeter):
        high_mark, low_mark = 20, 5

    with World(Small) as world:
        peer = world.connect()
        world.kernel.room = 0
        peer.send(b"ann\nbob\ncarl\n")
        world.until_state(State.SENDING)
        world.handler.suspend()
        world.reactor.stop(drain=60)
        world.turns()
        world.kernel.room = None
        assert peer.read_to_end() == b"Hello ann\nHello bob\n"
        peer.close()
        run(world.reactor)


@pytest.mark.parametrize("draining", [False, True])
def test_finish_while_a_worker_has_a_record_ends_with_its_reply_suspended_or_not(draining: bool) -> None:
    manual = Manual()
    with World(workers=manual) as world:
        peer = world.connect()
        peer.send(b"ann\nbob\n")
        world.until(lambda: manual.waiting)
        if draining:
            world.reactor.stop(drain=60)
            world.turns()
        else:
            world.handler.suspend()
        peer.send(b"carl\n")
        world.handler.finish()
        manual.run_one()
        world.turns()
        assert not manual.waiting
        assert peer.read_to_end() == b"Hello ann\n"


def test_one_reactor_s_floods_in_any_mixture_are_all_answered() -> None:
    """A model check: whatever the sizes, each client gets its own records, all of them, in order."""
    chance = random.Random(5)
    with World() as world:
        peers = [world.connect() for _ in range(6)]
        expected = [b""] * 6
        for _ in range(40):
            number = chance.randrange(6)
            names = [b"%d" % chance.randrange(1000) for _ in range(chance.randrange(700))]
            peers[number].send(b"".join(name + b"\n" for name in names))
            expected[number] += b"".join(b"Hello " + name + b"\n" for name in names)
            world.turns(chance.randrange(3))
        for peer, answer in zip(peers, expected, strict=True):
            assert peer.read(len(answer)) == answer
        assert isinstance(world.reactor, Reactor)
