"""Faults of the worker pool, each on a running server; the letters are those of the catalogue of faults."""

from __future__ import annotations

import logging
import random
import threading

import pytest

from nio.channels import SelectionKey
from nio.errors import ProtocolError, RejectedExecutionError
from nio.executors import Saturation, WorkerPool
from nio.reactor import CloseReason, State
from tests.faults.helpers import Client, Server
from tests.unit.reactor.support import PATIENCE, Gate, Greeter, World


@pytest.fixture
def gate() -> Gate:
    return Gate()


def loud(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.levelno > logging.DEBUG]


def test_F01_a_hundred_requests_for_a_queue_of_four(gate: Gate, caplog: pytest.LogCaptureFixture) -> None:
    class Slow(Greeter):
        def process(self, record: bytes) -> bytes | None:
            gate()
            return super().process(record)

    with (
        WorkerPool(2, queue=4, saturation=Saturation.BLOCK) as pool,
        Server(Slow, workers=pool) as server,
        gate,
    ):
        clients = [server.client() for _ in range(100)]
        for client in clients:
            client.send(b"ann\n")
        server.until(lambda: server.reactor.statistics().requests == 100)
        server.call(int)
        assert pool.statistics().queued <= 4
        gate.release.set()
        for client in clients:
            with client:
                assert client.read(10) == b"Hello ann\n"
        statistics = pool.statistics()
        assert (statistics.threads, statistics.discarded, statistics.rejected) == (2, 0, 0)
    assert loud(caplog) == []


def test_F02_three_hundred_requests_that_raise(caplog: pytest.LogCaptureFixture) -> None:
    class Bad(Greeter):
        def process(self, record: bytes) -> bytes | None:
            if record == b"bad":
                raise KeyError(record)
            return super().process(record)

    with WorkerPool(2) as pool, Server(Bad, workers=pool) as server, server.client() as good:
        for _ in range(300):
            with server.client() as client:
                client.send(b"bad\n")
                assert client.read_to_end() == b""
        good.ask(b"ann")
        server.until(lambda: len(server.reasons()) == 300)
        assert set(server.reasons()) == {CloseReason.HANDLER_ERROR}
        assert pool.statistics().threads == 2
    assert len(loud(caplog)) < 300  # the log keeps to its rate


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, GeneratorExit, MemoryError, RecursionError])
def test_F03_what_escapes_except_exception_ends_neither_worker_nor_server(
    error: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    class Bad(Greeter):
        def process(self, record: bytes) -> bytes | None:
            if record == b"bad":
                raise error
            return super().process(record)

    with WorkerPool(1) as pool, Server(Bad, workers=pool) as server:
        with server.client() as client:
            client.send(b"ann\nbad\nbob\n")
            assert client.read_to_end() == b"Hello ann\n"
        with server.client() as client:
            client.ask(b"ann")
        assert pool.statistics().threads == 1
    assert len(loud(caplog)) == 1


def test_F05_a_pool_that_is_shut_down_while_requests_come(caplog: pytest.LogCaptureFixture) -> None:
    pool = WorkerPool(2)
    with Server(workers=pool) as server:
        clients = [server.client() for _ in range(20)]
        closer = threading.Thread(target=pool.shutdown)
        for number, client in enumerate(clients):
            if number == 10:
                closer.start()
            client.send(b"ann\n")
        answers = []
        for client in clients:
            with client:
                client.half_close()
                answers.append(client.read_to_end())
        closer.join(PATIENCE)
        server.until(lambda: len(server.reasons()) == 20)
        assert set(answers) <= {b"", b"Hello ann\n"}
        assert server.reasons().count(CloseReason.OVERLOAD) == answers.count(b"")
        assert server.reasons().count(CloseReason.PEER_FIN) == answers.count(b"Hello ann\n")
        with pytest.raises(RejectedExecutionError):
            pool.execute(int)
    assert all("no worker takes a record" in record.getMessage() for record in loud(caplog))


def test_F07_pipelined_requests_of_every_duration_are_answered_in_order() -> None:
    chance = random.Random(7)

    class Uneven(Greeter):
        def process(self, record: bytes) -> bytes | None:
            for _ in range(chance.randrange(3000)):
                pass
            return super().process(record)

    names = [b"%d" % number for number in range(200)]
    with Server(Uneven, workers=4) as server:
        clients = [server.client() for _ in range(5)]
        for client in clients:
            client.send(b"".join(name + b"\n" for name in names))
        expected = b"".join(b"Hello " + name + b"\n" for name in names)
        for client in clients:
            with client:
                assert client.read(len(expected)) == expected


@pytest.mark.parametrize("position", [0, 1, 63, 64, 99])
def test_F08_after_a_failed_request_none_is_run(position: int) -> None:
    class Picky(Greeter):
        def process(self, record: bytes) -> bytes | None:
            self.seen.append(record)
            if record == b"bad":
                raise ProtocolError("bad")
            return record

    names = [b"%d" % number for number in range(100)]
    names[position] = b"bad"
    with Server(Picky, workers=2) as server, server.client() as client:
        client.send(b"".join(name + b"\n" for name in names))
        assert client.read_to_end() == b"".join(name + b"\n" for name in names[:position])
        assert server.handlers[0].seen == names[: position + 1]


def test_F09_a_reset_while_its_request_is_processed(gate: Gate, caplog: pytest.LogCaptureFixture) -> None:
    class Slow(Greeter):
        def process(self, record: bytes) -> bytes | None:
            gate()
            return super().process(record)

    with WorkerPool(8) as pool, Server(Slow, workers=pool) as server, gate:
        for _ in range(8):
            client = server.client()
            client.send(b"ann\nbob\n")
            assert gate.begun.acquire(timeout=PATIENCE)
            client.reset()
        gate.release.set()
        server.until(lambda: server.reasons() == [CloseReason.PEER_RST] * 8)
        with server.client() as client:
            client.ask(b"ann")
    assert loud(caplog) == []


def test_F09_a_close_by_this_side_while_its_request_is_processed(gate: Gate) -> None:
    class Slow(Greeter):
        def process(self, record: bytes) -> bytes | None:
            gate()
            return super().process(record)

    with WorkerPool(1) as pool, Server(Slow, workers=pool) as server, server.client() as client, gate:
        client.send(b"ann\n")
        assert gate.begun.acquire(timeout=PATIENCE)
        server.call(server.handlers[0].close)
        gate.release.set()
        server.until(lambda: server.reactor.statistics().dropped == 1)
        assert client.read_to_end() == b""


def test_F10_a_completion_for_a_connection_that_is_gone_arms_nothing(
    gate: Gate, caplog: pytest.LogCaptureFixture
) -> None:
    class Slow(Greeter):
        def process(self, record: bytes) -> bytes | None:
            gate()
            return super().process(record)

    with WorkerPool(1) as pool, World(Slow, workers=pool) as world, gate:
        world.connect().send(b"ann\n")
        world.until_state(State.PROCESSING)
        assert gate.begun.acquire(timeout=PATIENCE)
        key = world.handler.key
        world.handler.close()
        gate.release.set()
        world.until(lambda: world.reactor.statistics().dropped)
        assert not key.is_valid
    assert loud(caplog) == []


def test_F11_a_reply_does_not_wait_for_the_next_event() -> None:
    class Patient(Greeter):
        idle_timeout = None

    with Server(Patient, workers=1) as server, server.client() as client:
        for _ in range(200):
            client.ask(b"ann")
        assert None in server.kernel.waits


def test_F12_F13_many_clients_few_workers_every_byte_in_its_place() -> None:
    def talk(server: Server, number: int, faults: list[int]) -> None:
        with Client(server.address) as client:
            names = [b"client-%d-%d" % (number, index) for index in range(150)]
            client.send(b"".join(name + b"\n" for name in names))
            expected = b"".join(b"Hello " + name + b"\n" for name in names)
            if client.read(len(expected)) != expected:
                faults.append(number)

    with Server(workers=3) as server:
        faults: list[int] = []
        threads = [threading.Thread(target=talk, args=(server, number, faults)) for number in range(15)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        assert faults == []
        server.until(lambda: len(server.reasons()) == 15)
        assert server.reactor.statistics().requests == 15 * 150


def test_E03_no_byte_of_a_reply_reaches_a_stranger() -> None:
    chance = random.Random(3)

    class Slow(Greeter):
        def process(self, record: bytes) -> bytes | None:
            for _ in range(2000):
                pass
            return super().process(record)

    with Server(Slow, workers=3) as server:
        for number in range(150):
            clients = [server.client(), server.client()]
            for index, client in enumerate(clients):
                client.send(b"token-%d-%d\n" % (number, index) * chance.randrange(1, 4))
            clients[0].reset()  # its descriptor is the next one to be given out
            with clients[1] as client:
                expected = b"Hello token-%d-1\n" % number
                assert client.read(len(expected)) == expected
                client.half_close()
                rest = client.read_to_end()
                assert rest == expected * (len(rest) // len(expected))


def test_F15_a_worker_may_ask_the_reactor() -> None:
    class Asking(Greeter):
        def process(self, record: bytes) -> bytes | None:
            asked = threading.Event()
            self.reactor.execute(asked.set)
            assert asked.wait(PATIENCE)
            return super().process(record)

    with Server(Asking, workers=1) as server, server.client() as client:
        client.ask(b"ann")


def test_F17_one_that_queues_thousands_does_not_hold_the_workers() -> None:
    with Server(workers=2) as server, server.client() as flooder:
        flooder.send(b"flood\n" * 3000)
        with server.client() as polite:
            for _ in range(10):
                polite.ask(b"ann")
        assert len(server.handlers[0].seen) < 3000
        assert flooder.read(12 * 3000) == b"Hello flood\n" * 3000


def test_F19_a_hundred_completions_that_raise(caplog: pytest.LogCaptureFixture) -> None:
    class Split(Greeter):
        def process(self, record: bytes) -> bytes | None:
            return b"no\nsuch reply" if record == b"bad" else super().process(record)

        def on_close(self, reason: CloseReason) -> None:
            super().on_close(reason)
            raise KeyError("on_close")

    with Server(Split, workers=2) as server:
        for _ in range(100):
            with server.client() as client:
                client.send(b"bad\n")
                assert client.read_to_end() == b""
        with server.client() as client:
            client.ask(b"ann")
            assert set(server.reasons()) == {CloseReason.PROTOCOL_ERROR}
    assert 0 < len(loud(caplog)) < 200


def test_a_request_in_a_worker_is_watched_for_nothing(gate: Gate) -> None:
    class Slow(Greeter):
        def process(self, record: bytes) -> bytes | None:
            gate()
            return super().process(record)

    with WorkerPool(1) as pool, World(Slow, workers=pool) as world, gate:
        peer = world.connect()
        assert world.handler.key.interest_ops == SelectionKey.OP_READ
        peer.send(b"ann\n")
        world.until_state(State.PROCESSING)
        assert world.handler.key.interest_ops == 0
        gate.release.set()
        assert peer.read(10) == b"Hello ann\n"
        assert world.handler.key.interest_ops == SelectionKey.OP_READ
