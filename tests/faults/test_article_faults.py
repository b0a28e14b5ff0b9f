"""The nine faults of the code of "Reactor Pattern Explained", parts 2 and 3: for each a test that would catch it.

Where it can be, the reactor's turns are made here one by one, so that what happens between two of them is certain.
"""

from __future__ import annotations

import random
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import pytest

from nio import SelectionKey, Selector, ServerSocketChannel
from nio.framing import Lines
from nio.reactor import Acceptor, CloseReason, Handler, Progress, Reactor, State, StreamHandler

LIMIT = 10.0  # seconds for what takes milliseconds
NOTHING = Progress(0, 0, 0, 0, 0, 0)
BOTH = pytest.mark.parametrize("workers", [0, 2], ids=["single", "pooled"])


class HelloHandler(StreamHandler):
    """The service of the article; all that was opened stands in ``opened``, all names in ``names``."""

    framing = Lines(max_length=1_000_000)
    opened: list[HelloHandler]
    names: list[bytes]

    def on_open(self) -> None:
        self.opened.append(self)

    def process(self, record: bytes) -> bytes:
        self.names.append(record)
        return b"Hello " + record


def handler(process: Callable[[bytes], bytes] | None = None) -> type[HelloHandler]:
    settings: dict[str, object] = {"opened": [], "names": []}
    if process is not None:
        settings["process"] = staticmethod(process)
    return type("TestedHandler", (HelloHandler,), settings)


class Bench:
    """A reactor, its listener and clients of it."""

    def __init__(self, reactor: Reactor, kind: Callable[[], Handler]) -> None:
        self.reactor = reactor
        listener = ServerSocketChannel.open().bind(("127.0.0.1", 0))
        self.acceptor_key = reactor.register(listener, SelectionKey.OP_ACCEPT, Acceptor(kind))
        self._address = listener.local_address

    @contextmanager
    def client(self) -> Iterator[socket.socket]:
        assert isinstance(self._address, tuple)
        with socket.create_connection(self._address[:2], LIMIT) as client:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            yield client

    def turn_until(self, happened: Callable[[], object]) -> None:
        end = time.monotonic() + LIMIT
        while not happened():
            assert time.monotonic() < end
            self.reactor.turn(0.01)

    @contextmanager
    def running(self) -> Iterator[threading.Thread]:
        thread = threading.Thread(target=self.reactor.run)
        thread.start()
        try:
            yield thread
        finally:
            self.reactor.stop()
            thread.join(LIMIT)


@contextmanager
def bench(kind: Callable[[], Handler], workers: int = 0) -> Iterator[Bench]:
    with Reactor.open(workers=workers) as reactor:
        yield Bench(reactor, kind)


def has_sent(reactor: Reactor, size: int) -> bool:
    return reactor.statistics().bytes_out == size


def wait_until_asleep(reactor: Reactor) -> None:
    """A reactor in another thread that makes no turn for a while has nothing to do."""
    turns = -1
    while turns != (turns := reactor.statistics().turns):
        threading.Event().wait(0.01)


def receive(client: socket.socket, size: int) -> bytes:
    data = bytearray()
    while len(data) < size and (piece := client.recv(size - len(data))):
        data += piece
    return bytes(data)


def reset(client: socket.socket) -> None:
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


# 1. Write interest armed before the worker has finished: select returns for ever.


def test_1_no_spin_while_a_worker_processes(caplog: pytest.LogCaptureFixture) -> None:
    held, release = threading.Event(), threading.Event()

    def process(name: bytes) -> bytes:
        held.set()
        assert release.wait(LIMIT)
        return b"Hello " + name

    kind = handler(process)
    with bench(kind, workers=1) as server, server.client() as client:
        try:
            client.sendall(b"ann\nbob\n")
            server.turn_until(held.is_set)
            client.sendall(b"zoe\n")
            key = kind.opened[0].key
            assert (kind.opened[0].state, key.interest_ops) == (State.PROCESSING, 0)
            assert caplog.records == []  # nor has the watch for spins taken the interest away
            before = time.monotonic()
            assert server.reactor.turn(0.02) == NOTHING  # it really slept: neither input nor room is a reason to wake
            assert time.monotonic() - before >= 0.02
        finally:
            release.set()
        server.turn_until(lambda: server.reactor.statistics().bytes_out == 30)
        assert receive(client, 30) == b"Hello ann\nHello bob\nHello zoe\n"


def test_1_at_most_3_selections_for_a_request_of_200_ms() -> None:
    turns = []

    def process(name: bytes) -> bytes:
        turns.append(server.reactor.statistics().turns)
        never.wait(0.2)
        turns.append(server.reactor.statistics().turns)
        return b"Hello " + name

    never = threading.Event()
    with bench(handler(process), workers=1) as server, server.running(), server.client() as client:
        client.sendall(b"ann\n")
        assert receive(client, 10) == b"Hello ann\n"
    assert turns[1] - turns[0] <= 3


# 2. The end of the stream is not handled: an empty name is greeted, then select spins on the closed peer.


@BOTH
@pytest.mark.parametrize("last", [b"", b"Bye\n"], ids=["nothing said", "Bye"])
def test_2_end_of_stream_ends_the_connection(workers: int, last: bytes) -> None:
    kind = handler()
    with bench(kind, workers) as server:
        with server.client() as client:
            client.sendall(last)
        server.turn_until(lambda: server.reactor.statistics().closed)
        done = server.reactor.statistics()
        assert (done.closed, done.open) == ({CloseReason.PEER_FIN: 1}, 0)
        assert kind.names == last.split()
        assert not kind.opened[0].key.is_valid
        assert server.reactor.turn(0) == NOTHING


# 3. An IOException is printed and the key stays registered: an endless loop on a peer that has reset.


@BOTH
def test_3_reset_ends_the_connection(workers: int) -> None:
    kind = handler()
    with bench(kind, workers) as server:
        with server.client() as client:
            server.turn_until(lambda: kind.opened)
            reset(client)
        server.turn_until(lambda: server.reactor.statistics().closed)
        done = server.reactor.statistics()
        assert (done.closed, done.open) == ({CloseReason.PEER_RST: 1}, 0)
        assert not kind.opened[0].key.is_valid
        assert not kind.opened[0].channel.is_open
        assert server.reactor.turn(0) == NOTHING
        assert set(server.acceptor_key.selector.keys) == {server.acceptor_key}


# 4. No framing: two names in one segment give one greeting, a name in two segments gives two.


@BOTH
def test_4_two_names_in_one_segment(workers: int) -> None:
    kind = handler()
    with bench(kind, workers) as server, server.client() as client:
        client.sendall(b"ann\nbob\n")
        server.turn_until(lambda: server.reactor.statistics().bytes_out == 20)
        assert receive(client, 20) == b"Hello ann\nHello bob\n"
        assert kind.names == [b"ann", b"bob"]


@BOTH
def test_4_one_name_in_two_segments(workers: int) -> None:
    kind = handler()
    with bench(kind, workers) as server, server.client() as client:
        client.sendall(b"an")
        server.turn_until(lambda: server.reactor.statistics().bytes_in == 2)
        assert (kind.names, server.reactor.statistics().requests) == ([], 0)
        client.sendall(b"n\n")
        server.turn_until(lambda: server.reactor.statistics().bytes_out)
        assert receive(client, 10) == b"Hello ann\n"
        assert kind.names == [b"ann"]


# 5. A short write of the answer is ignored.


@BOTH
def test_5_answer_larger_than_the_kernel_takes(workers: int) -> None:
    answer = random.Random(5).randbytes(8_000_000).translate(bytes(range(256)), b"\r\n")
    kind = handler(lambda name: answer)
    with bench(kind, workers) as server, server.client() as client:
        client.sendall(b"ann\n")
        server.turn_until(lambda: kind.opened and kind.opened[0].unsent)
        assert 0 < kind.opened[0].unsent < len(answer)
        with server.running():
            assert receive(client, len(answer) + 1) == answer + b"\n"


# 6. The worker reads the buffer that the reactor's thread writes; only a field that is not volatile guards it.


def test_6_worker_has_its_name_for_itself() -> None:
    held, release = threading.Event(), threading.Event()
    seen: list[tuple[bytes, bytes]] = []

    def process(name: bytes) -> bytes:
        before = bytes(bytearray(name))
        held.set()
        assert release.wait(LIMIT)
        seen.append((before, name))
        return b"Hello " + name

    with bench(handler(process), workers=2) as server, server.client() as client:
        try:
            client.sendall(b"ann\n")
            server.turn_until(held.is_set)
            client.sendall(b"bob\nzoe\n")
            for _ in range(10):
                server.reactor.turn(0)
            assert server.reactor.statistics().requests == 1  # the second is not begun, whatever workers idle
        finally:
            release.set()
        server.turn_until(lambda: server.reactor.statistics().bytes_out == 30)
        assert receive(client, 30) == b"Hello ann\nHello bob\nHello zoe\n"
    assert seen == [(b"ann", b"ann"), (b"bob", b"bob"), (b"zoe", b"zoe")]


# 7. Nobody wakes the selector when the worker has finished: the answer waits for the next event, whatever that is.


def test_7_finished_worker_wakes_the_reactor() -> None:
    """statement 110: the new interest counts from the next selection, which has to begin."""
    held, release = threading.Event(), threading.Event()

    def process(name: bytes) -> bytes:
        held.set()
        assert release.wait(LIMIT)
        return b"Hello " + name

    kind = handler(process)
    kind.idle_timeout = None  # no timer ends the sleep
    with bench(kind, workers=1) as server, server.client() as client, server.running():
        try:
            client.sendall(b"ann\n")
            assert held.wait(LIMIT)
            wait_until_asleep(server.reactor)
        finally:
            release.set()
        assert receive(client, 10) == b"Hello ann\n"


# 8. A key that stays among the selected ones hides its next event.


@BOTH
def test_8_same_connection_is_served_again_and_again(workers: int) -> None:
    kind = handler()
    with bench(kind, workers) as server, server.client() as client:
        for count in range(1, 6):
            client.sendall(b"ann\n")
            server.turn_until(partial(has_sent, server.reactor, 10 * count))
            assert receive(client, 10) == b"Hello ann\n"
            assert not server.acceptor_key.selector.selected_keys


def test_8_ready_keys_takes_each_key_out() -> None:
    """statement 74: what is not taken out is not news."""
    with Selector.open() as selector, ServerSocketChannel.open().bind(("127.0.0.1", 0)) as listener:
        key = listener.configure_blocking(False).register(selector, SelectionKey.OP_ACCEPT)
        assert isinstance(listener.local_address, tuple)
        with socket.create_connection(listener.local_address[:2], LIMIT):
            assert selector.select(LIMIT) == 1
            assert selector.select_now() == 0  # still ready, still selected: the fault
            for _ in range(2):
                assert next(selector.ready_keys(LIMIT)) is key
                assert not selector.selected_keys


# 9. No stop: nothing ends the loop, and the pool's threads keep the process alive.


@BOTH
def test_9_stop_ends_the_loop_and_the_workers(workers: int) -> None:
    before = set(threading.enumerate())
    with bench(handler(), workers) as server, server.client() as client, server.running() as thread:
        client.sendall(b"ann\n")
        assert receive(client, 10) == b"Hello ann\n"
        wait_until_asleep(server.reactor)
        server.reactor.stop()
        thread.join(LIMIT)
        assert not thread.is_alive()
    assert set(threading.enumerate()) <= before


@BOTH
def test_9_stop_with_drain_answers_first(workers: int) -> None:
    started, release = threading.Event(), threading.Event()

    def process(name: bytes) -> bytes:
        started.set()
        assert release.wait(LIMIT)
        return b"Hello " + name

    with bench(handler(process), workers) as server, server.client() as client, server.running() as thread:
        try:
            client.sendall(b"ann\n")
            assert started.wait(LIMIT)
            server.reactor.stop(LIMIT)
        finally:
            release.set()
        assert receive(client, 100) == b"Hello ann\n"
        client.close()
        thread.join(LIMIT)
        assert not thread.is_alive()
        assert server.reactor.statistics().abandoned == 0
