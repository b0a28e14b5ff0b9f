"""Faults of stopping and draining, on running servers; the letters are those of the catalogue of faults."""

from __future__ import annotations

import logging
import os
import random
import signal
import threading
import time

import pytest

from nio.reactor import CloseReason, Reactor, State
from tests.faults.helpers import Client, Server, child, own_descriptors
from tests.unit.reactor.support import PATIENCE, Greeter, Kernel, Manual, World, run


def ended(server: Server) -> None:
    server.thread.join(PATIENCE)
    assert not server.thread.is_alive()


def loud(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.levelno > logging.DEBUG]


@pytest.mark.parametrize("drain", [None, 5.0])
@pytest.mark.parametrize("times", [1, 2])
def test_J01_stop_from_everywhere(drain: float | None, times: int) -> None:
    class Stops(Greeter):
        def process(self, record: bytes) -> bytes | None:
            stop(self.reactor)
            return super().process(record)

    def stop(reactor: Reactor) -> None:
        for _ in range(times):
            reactor.stop(drain)

    def by_handler(server: Server) -> None:
        with server.client() as client:
            client.send(b"ann\n")
            client.half_close()
            ended(server)

    def by_tick(server: Server) -> None:
        server.reactor.execute(stop, server.reactor)
        ended(server)

    def by_timer(server: Server) -> None:
        server.reactor.execute(server.reactor.call_later, 0, stop, server.reactor)
        ended(server)

    def by_thread(server: Server) -> None:
        stop(server.reactor)
        ended(server)

    for workers in (0, 1):
        for way in (by_handler, by_tick, by_timer, by_thread):
            with Server(Stops, workers=workers) as server:
                way(server)


def test_J01_stop_before_run_and_by_a_signal() -> None:
    with Reactor.open() as reactor:
        reactor.stop(drain=5)
        reactor.stop()
        run(reactor)
    with World(kernel=Kernel(real_time=True)) as world:
        previous = signal.signal(signal.SIGTERM, lambda *_: world.reactor.stop(drain=5))
        try:
            killer = threading.Thread(target=lambda: os.kill(os.getpid(), signal.SIGTERM))
            world.reactor.execute(killer.start)
            run(world.reactor)
            killer.join(PATIENCE)
        finally:
            signal.signal(signal.SIGTERM, previous)


@pytest.mark.parametrize("workers", [0, 2])
def test_J02_whatever_the_moment_no_request_that_was_received_goes_unanswered(workers: int) -> None:
    chance = random.Random(2)
    for _ in range(15):
        with Server(workers=workers) as server:
            clients = [server.client() for _ in range(8)]
            for client in clients:
                client.send(b"ann\n" * chance.randrange(1, 50))
                client.half_close()
            for _ in range(chance.randrange(3)):
                server.call(int)
            server.reactor.stop(drain=5)
            answers = []
            for client in clients:
                with client:
                    answers.append(client.read_to_end())
            ended(server)
            statistics = server.reactor.statistics()
            assert statistics.abandoned == 0
            assert sum(answer.count(b"\n") for answer in answers) == statistics.requests
            assert statistics.connections == 8
            assert all(answers)


def test_J02_requests_come_while_the_server_stops() -> None:
    """A client that stops sending when its reply fails to come has lost nothing it was promised."""
    for _ in range(10):
        with Server(workers=2) as server:
            replies = [0] * 4

            def talk(number: int, address: tuple[str, int] = server.address, replies: list[int] = replies) -> None:
                with Client(address) as client:
                    while True:
                        client.send(b"ann\n")
                        reply = client.read_to(10)
                        if not reply:
                            return
                        assert reply == b"Hello ann\n"
                        replies[number] += 1

            threads = [threading.Thread(target=talk, args=(number,)) for number in range(4)]
            for thread in threads:
                thread.start()
            server.until(lambda replies=replies: min(replies) > 3)  # type: ignore[misc]  # replies is bound
            server.reactor.stop(drain=5)
            ended(server)
            for thread in threads:
                thread.join(PATIENCE)
            statistics = server.reactor.statistics()
            assert statistics.abandoned == 0
            assert sum(replies) == statistics.requests


def test_J03_hundreds_of_idle_connections_do_not_hold_the_drain() -> None:
    with Server() as server:
        clients = [server.client() for _ in range(200)]
        for client in clients:
            client.ask(b"ann")
        server.call(int)
        begun = time.monotonic()
        server.reactor.stop(drain=PATIENCE)
        ended(server)
        assert time.monotonic() - begun < 1.5
        for client in clients:
            with client:
                assert client.read_to_end() == b""
        assert server.reactor.statistics().abandoned == 0


CHILD = """
import signal, sys
from nio.channels import SelectionKey, ServerSocketChannel
from nio.reactor import Acceptor, Reactor, StreamHandler

class Hello(StreamHandler):
    def process(self, record):
        return b"Hello " + record

with Reactor.open(workers={workers}) as reactor:
    signal.signal(signal.SIGTERM, lambda *_: reactor.stop(drain=5))
    listener = ServerSocketChannel.open().bind(("127.0.0.1", 0))
    reactor.register(listener, SelectionKey.OP_ACCEPT, Acceptor(Hello))
    print(listener.local_address[1], flush=True)
    reactor.run()
print(reactor.statistics().requests, reactor.statistics().abandoned, flush=True)
"""


@pytest.mark.parametrize("workers", [0, 2])
def test_J04_a_server_that_ends_leaves_no_warning(workers: int) -> None:
    with child(CHILD.format(workers=workers), "-X", "dev", "-W", "error") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        with Client(("127.0.0.1", int(process.stdout.readline()))) as client:
            client.ask(b"ann")
            client.send(b"bob\n" * 100)
            assert client.read(1) == b"H"
            process.send_signal(signal.SIGTERM)
            assert client.read_to_end() == (b"Hello bob\n" * 100)[1:]
        assert process.wait(PATIENCE) == 0
        assert process.stdout.read() == b"101 0\n"
        assert process.stderr.read() == b""


def test_J04_everything_is_given_back() -> None:
    before = own_descriptors()
    for workers in (0, 2):
        with Server(workers=workers) as server, server.client() as client:
            client.ask(b"ann")
    assert own_descriptors() == before


def test_J05_each_tick_is_run_or_refused() -> None:
    ran: list[int] = []
    accepted: list[int] = []
    with Server() as server:

        def queue() -> None:
            for number in range(5000):
                try:
                    server.reactor.execute(ran.append, number)
                except RuntimeError:
                    return
                accepted.append(number)

        thread = threading.Thread(target=queue)
        thread.start()
        server.reactor.stop()
        thread.join(PATIENCE)
    assert ran == accepted


def test_J06_a_reader_that_does_not_read_is_cut_at_the_deadline() -> None:
    manual = Manual()
    with Server(workers=manual) as server, server.client() as client:
        client.send(b"ann\n")
        server.until(lambda: manual.waiting)
        begun = time.monotonic()
        server.reactor.stop(drain=0.1)
        ended(server)
        assert 0.1 <= time.monotonic() - begun < 1.0
        assert server.reactor.statistics().abandoned == 1
        assert server.reasons() == [CloseReason.DRAIN]
        assert client.read_to_end() == b""


STUCK = """
import threading, sys
from nio.channels import SelectionKey, ServerSocketChannel
from nio.reactor import Acceptor, Reactor, StreamHandler

sys.modules["nio.reactor.loop._hand_off"]._PATIENCE = 0.05

class Stuck(StreamHandler):
    def process(self, record):
        self.reactor.stop()
        threading.Event().wait()

with Reactor.open(workers=1) as reactor:
    listener = ServerSocketChannel.open().bind(("127.0.0.1", 0))
    reactor.register(listener, SelectionKey.OP_ACCEPT, Acceptor(Stuck))
    print(listener.local_address[1], flush=True)
    reactor.run()
print("closed", flush=True)
"""


def test_J07_a_worker_that_never_comes_back_does_not_keep_the_interpreter() -> None:
    with child(STUCK) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        with Client(("127.0.0.1", int(process.stdout.readline()))) as client:
            client.send(b"ann\n")
            assert client.read_to_end() == b""
        assert process.wait(PATIENCE) == 0
        assert process.stdout.read() == b"closed\n"
        assert b"worker-1" in process.stderr.read()


def test_J08_twenty_restarts_on_the_same_port() -> None:
    port = 0
    for _ in range(20):
        with Server(port=port) as server, server.client() as client:
            port = server.address[1]
            client.ask(b"ann")  # the server ends first, so that its end of the connection stays in TIME_WAIT


def test_J10_one_on_close_that_raises_while_stopping(caplog: pytest.LogCaptureFixture) -> None:
    class Bad(Greeter):
        def on_close(self, reason: CloseReason) -> None:
            super().on_close(reason)
            raise KeyError("on_close")

    for stop in ("at once", "drain"):
        with Server(Bad) as server:
            clients = [server.client() for _ in range(5)]
            for client in clients:
                client.ask(b"ann")
            server.reactor.stop(None if stop == "at once" else 5)
            ended(server)
        assert len(server.reasons()) == 5
        for client in clients:
            with client:
                assert client.read_to_end() == b""


def test_a_connection_under_way_when_the_drain_begins_is_answered_then_lingers_for_nobody() -> None:
    manual = Manual()
    with World(workers=manual) as world:
        peer = world.connect()
        peer.send(b"ann\n")
        world.until(lambda: manual.waiting)
        world.reactor.stop(drain=5)
        world.turns()
        manual.run_one()
        assert peer.read_to_end() == b"Hello ann\n"
        assert world.handler.state in (State.LINGERING, State.CLOSED)
        peer.close()
        run(world.reactor)
        assert world.reactor.statistics().abandoned == 0
