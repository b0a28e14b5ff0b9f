"""Bounds on memory: what a peer can make the server hold; the letters are those of the catalogue of faults."""

from __future__ import annotations

import gc
import logging
import threading
import tracemalloc
import weakref
from collections.abc import Callable, Iterator

import pytest

from nio.errors import ProtocolError
from nio.framing import Lines
from nio.reactor import CloseReason, State, StreamHandler
from tests.unit.reactor.support import Greeter, Manual, Peer, World


@pytest.fixture
def traced() -> Iterator[Callable[[], int]]:
    """How many bytes Python has allocated beyond those of the beginning, at the highest."""
    gc.collect()
    tracemalloc.start()
    base = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    try:
        yield lambda: tracemalloc.get_traced_memory()[1] - base
    finally:
        tracemalloc.stop()


class Mute(StreamHandler):
    """Answers nothing and remembers nothing."""

    framing = Lines(max_length=256)

    def process(self, record: bytes) -> bytes | None:
        return None


def push(world: World, peer: Peer, data: bytes, turns: int) -> None:
    """Send as much as is taken, for so many turns."""
    for _ in range(turns):
        try:
            peer.sock.send(data)
        except (BlockingIOError, ConnectionResetError, BrokenPipeError):
            pass
        world.reactor.turn(0)


@pytest.mark.parametrize("workers", [0, 1])
def test_K01_a_line_without_end(workers: int, traced: Callable[[], int]) -> None:
    data = b"a" * 262_144
    with World(Mute, workers=workers) as world:
        peer = world.connect()
        before = traced()
        push(world, peer, data, 100)
        world.until(lambda: world.closed() == {CloseReason.FRAME_TOO_LONG: 1})
        assert world.reactor.statistics().bytes_in <= 3 * 65536
        assert traced() - before < 400_000


def test_K01_a_long_line_within_its_limit_costs_its_length(traced: Callable[[], int]) -> None:
    class Long(Mute):
        framing = Lines(max_length=1 << 20)

    data = b"a" * 1000
    with World(Long) as world:
        peer = world.connect()
        before = traced()
        push(world, peer, data, 1000)
        peer.send(b"\n")
        world.until(lambda: world.reactor.statistics().requests)
        assert traced() - before < 4 << 20


def test_K03_the_smallest_records_wait_as_bytes(traced: Callable[[], int]) -> None:
    manual = Manual()
    data = b"\n" * 262_144
    with World(Mute, workers=manual) as world:
        peer = world.connect()
        before = traced()
        push(world, peer, data, 100)
        assert world.handler.state is State.PROCESSING
        assert world.reactor.statistics().bytes_in <= 65536
        assert traced() - before < 300_000


def test_K04_what_an_idle_connection_costs(traced: Callable[[], int]) -> None:
    with World(Mute) as world:
        world.connect()
        before = traced()
        for _ in range(200):
            world.connect()
        world.turns()
        gc.collect()
        held = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        assert traced() - before <= held
        assert (traced() - before) / 200 <= 8192  # this test's own side of each connection included


def finished_by_the_peer(world: World, peer: Peer) -> None:
    peer.send(b"ann\nbo")
    peer.half_close()
    peer.read_to_end()


def reset_by_the_peer(world: World, peer: Peer) -> None:
    peer.send(b"ann\n")
    peer.read(10)
    peer.reset()


def closed_here(world: World, peer: Peer) -> None:
    peer.send(b"ann\n")
    peer.read(10)
    world.handler.close()


def failed(world: World, peer: Peer) -> None:
    peer.send(b"ann\nbug\nbob\n")
    peer.read_to_end()
    peer.close()


def refused(world: World, peer: Peer) -> None:
    peer.send(b"bad\nbob\n")
    peer.read_to_end()
    peer.close()


def cut_with_output(world: World, peer: Peer) -> None:
    world.kernel.room = 0
    peer.send(b"ann\n")
    world.until(lambda: world.handler.unsent)
    world.handler.close()
    world.kernel.room = None


class Fragile(StreamHandler):
    def process(self, record: bytes) -> bytes | None:
        if record == b"bug":
            raise KeyError(record)
        if record == b"bad":
            raise ProtocolError("bad")
        return b"Hello " + record


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize(
    "end", [finished_by_the_peer, reset_by_the_peer, closed_here, failed, refused, cut_with_output]
)
def test_K05_a_closed_connection_is_freed_without_the_garbage_collector(
    workers: int, end: Callable[[World, Peer], None]
) -> None:
    # The log record of a failure holds its traceback, and pytest keeps the records.
    logging.disable(logging.CRITICAL)
    with World(Fragile, workers=workers) as world:
        gc.collect()
        gc.disable()
        try:
            alive: list[weakref.ref[object]] = []
            for count in range(1, 6):
                peer = world.connect()
                alive.append(weakref.ref(world.handler.channel))
                end(world, peer)
                world.until(lambda count=count: sum(world.closed().values()) == count)  # type: ignore[misc]  # bound
                world.handlers.clear()
            world.connect()
            world.turns()
            if workers:  # one may still be on its way out of its last job, which knows its connection
                world.until(lambda: not any(channel() for channel in alive))
            assert [channel() for channel in alive] == [None] * 5
        finally:
            gc.enable()
            logging.disable(logging.NOTSET)


def test_K05_nor_does_an_executor_s_future_keep_it() -> None:
    manual = Manual()
    with World(Fragile, workers=manual) as world:
        peer = world.connect()
        alive = weakref.ref(world.handler)
        gc.collect()
        gc.disable()
        try:
            peer.send(b"ann\n")
            world.until(lambda: manual.waiting)
            manual.run_one()
            peer.read(10)
            peer.reset()
            world.until(lambda: sum(world.closed().values()) == 1)
            world.handlers.clear()
            world.connect()
            assert alive() is None
        finally:
            gc.enable()


def test_K06_an_exception_that_was_reported_is_not_kept() -> None:
    class Weak(KeyError):
        """Unlike its base it can be referred to weakly."""

    class Bad(Greeter):
        def process(self, record: bytes) -> bytes | None:
            raise made(record)

    def made(record: bytes) -> Weak:
        error = Weak(record)
        errors.append(weakref.ref(error))
        return error

    errors: list[weakref.ref[Weak]] = []
    logging.disable(logging.CRITICAL)
    try:
        with World(Bad) as world:
            for _ in range(3):
                peer = world.connect()
                peer.send(b"ann\n")
                peer.read_to_end()
                peer.close()
            world.until(lambda: sum(world.closed().values()) == 3)
            world.turns()
            assert [handler.close_error for handler in world.handlers] == [error() for error in errors]
            world.handlers.clear()  # who kept them
            assert [error() for error in errors] == [None] * 3
    finally:
        logging.disable(logging.NOTSET)


def test_K08_a_thousand_bad_clients_write_ten_lines_a_second(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "nio.reactor"), World() as world:
        for _ in range(300):
            peer = world.connect()
            peer.send(b"\x1b[2J\r\nbo")
            peer.half_close()
            peer.read_to_end()
            peer.close()
        assert len(caplog.records) == 10
        caplog.clear()
        world.kernel.now += 10**9
        peer = world.connect()
        peer.send(b"bo")
        peer.half_close()
        peer.read_to_end()
        first, second = caplog.records
        assert "290 more lines" in first.getMessage()
        assert "2 bytes into a record" in second.getMessage()


@pytest.mark.parametrize("workers", [0, 1])
def test_K09_connections_that_come_and_go_leave_nothing_behind(workers: int, traced: Callable[[], int]) -> None:
    def visits(world: World, count: int) -> int:
        for _ in range(count):
            peer = world.connect()
            peer.send(b"ann\n")
            peer.half_close()
            peer.read_to_end()
            peer.close()
            world.until(lambda: world.reactor.statistics().open == 0)
            world.peers.clear()
            world.handlers.clear()
        world.kernel.waits.clear()
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    with World(Mute, workers=workers) as world:
        before = visits(world, 60)
        assert visits(world, 120) - before < 10_000


def test_M08_what_a_peer_sends_cannot_forge_a_line_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    class Talkative(Greeter):
        def process(self, record: bytes) -> bytes | None:
            raise ProtocolError(f"not a name: {record.decode()}")

    with caplog.at_level(logging.DEBUG, "nio.reactor"), World(Talkative) as world:
        peer = world.connect()
        peer.send(b"\x1b[2J\rINFO ok" + b"x" * 240 + b"\n")
        peer.read_to_end()
        peer.close()
        world.until(lambda: world.closed())
        (record,) = caplog.records
        message = record.getMessage()
        assert "\x1b" not in message
        assert "\r" not in message
        assert len(message) < 350


def test_C05_a_crowd_that_does_not_read_costs_a_bounded_amount(traced: Callable[[], int]) -> None:
    with World(Echo1K) as world:
        peers = [world.connect() for _ in range(20)]
        world.kernel.room = 0
        before = traced()
        for peer in peers:
            push(world, peer, b"ann\n" * 500, 3)
        world.until(lambda: all(handler.state is State.SENDING for handler in world.handlers))
        for handler in world.handlers:
            assert 65536 <= handler.unsent < 65536 + 1024
        # In and out: one read, what is unsent once as pieces and once as a whole, and a little.
        assert traced() - before < 20 * (4096 + 3 * 66_560)


class Echo1K(Mute):
    def process(self, record: bytes) -> bytes | None:
        return b"x" * 1023


def test_a_pool_s_threads_do_not_grow_with_the_clients() -> None:
    before = threading.active_count()
    with World(Greeter, workers=2) as world:
        peers = [world.connect() for _ in range(30)]
        for peer in peers:
            peer.send(b"ann\n")
        for peer in peers:
            assert peer.read(10) == b"Hello ann\n"
        assert threading.active_count() == before + 2
