"""Strict mode watches reactors and their jobs, and says nothing of what is done for a reason."""

from __future__ import annotations

import gc
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from weakref import finalize

import pytest

from nio import trace
from nio.buffers import ByteBuffer
from nio.channels import (
    EOF,
    SelectionKey,
    Selector,
    ServerSocketChannel,
    SocketChannel,
)
from nio.doctor import Place, diagnose, strict
from nio.doctor import _strict as strict_mode
from nio.executors import WorkerPool
from nio.reactor import Acceptor, Handler, Reactor, StreamHandler
from tests.helpers import LOOPBACK, address_of, until
from tests.unit.doctor.support import codes

READ, WRITE, CONNECT = SelectionKey.OP_READ, SelectionKey.OP_WRITE, SelectionKey.OP_CONNECT


# reactors


class Echo(StreamHandler):
    """Says it again."""

    def process(self, record: bytes) -> bytes:
        return record


class Own(Handler):
    """Reads for itself, in Lea's manner."""

    def handle_read(self) -> None:
        channel = self.channel
        assert isinstance(channel, SocketChannel)
        inbox = ByteBuffer.allocate(64)
        if channel.read(inbox) == EOF:
            self.close()
            return
        name = bytes(inbox.flip())
        if name == b"full\n":
            ByteBuffer.allocate(1).put(b"abc")
        if name == b"reset\n":
            raise ConnectionResetError("somebody else's")
        channel.write(ByteBuffer.wrap(name))


def talk(address: object, *lines: bytes) -> None:
    with SocketChannel.open(address) as client:  # type: ignore[arg-type]
        for line in lines:
            client.write(line)
            reply = ByteBuffer.allocate(64)
            while reply.position < len(line):
                if client.read(reply) == EOF:
                    return


@pytest.mark.parametrize("handler", [Echo, Own])
@pytest.mark.parametrize("workers", [0, 2])
def test_a_sound_reactor(handler: type[Handler], workers: int, watching: strict_mode.Strict) -> None:
    if workers and handler is Own:
        pytest.skip("it processes nothing")
    with Reactor.open(workers=workers) as reactor, ServerSocketChannel.open().bind(LOOPBACK) as server:
        reactor.register(server, SelectionKey.OP_ACCEPT, Acceptor(handler))
        with reactor.in_thread():
            for _ in range(5):
                talk(address_of(server), b"ann\n", b"bob\n")
    assert codes(watching) == []


class Sleepy(Handler):
    """Waits, with the others."""

    def handle_read(self) -> None:
        time.sleep(0.3)
        self.close()


def test_a_handler_that_waits_and_whoever_turns_the_reactor_waits_too(watching: strict_mode.Strict) -> None:
    with Reactor.open() as reactor, ServerSocketChannel.open().bind(LOOPBACK) as server:
        reactor.register(server, SelectionKey.OP_ACCEPT, Acceptor(Sleepy))
        client = SocketChannel.open(address_of(server))
        with client, Selector.open() as other:
            client.configure_blocking(False).register(other, READ)
            for _ in range(3):
                reactor.turn(0)
                other.select(0.1)
                time.sleep(0.1)
            assert [finding.code for finding in watching.findings] == []
            client.write(b"x")
            until(lambda: [reactor.turn(0.1)] and client.peer_has_ended)
            reactor.turn(0)
    [finding] = watching.findings
    assert (finding.code, finding.place.path) == ("T01", __file__)


def test_a_reactor_that_is_recorded_too() -> None:
    with trace.recording() as log, strict(None) as watching:
        with Reactor.open() as reactor, ServerSocketChannel.open().bind(LOOPBACK) as server:
            reactor.register(server, SelectionKey.OP_ACCEPT, Acceptor(Own))
            clients = [SocketChannel.open(address_of(server)) for _ in range(3)]
            for _ in range(4):
                reactor.turn(0)
            for client in clients:
                client.write(b"ann\n")
            for _ in range(4):
                reactor.turn(0)
            for client in clients:
                client.close()
        assert codes(watching) == []
    assert diagnose(log.take()) == []


@pytest.mark.parametrize(("line", "code"), [(b"full\n", ["B11"]), (b"reset\n", [])])
def test_what_a_handler_raises(line: bytes, code: list[str], watching: strict_mode.Strict) -> None:
    with Reactor.open() as reactor, ServerSocketChannel.open().bind(LOOPBACK) as server:
        reactor.register(server, SelectionKey.OP_ACCEPT, Acceptor(Own))
        with reactor.in_thread():
            talk(address_of(server), line)
    assert codes(watching) == code


# jobs


def test_jobs_whose_outcome_somebody_sees(watching: strict_mode.Strict) -> None:
    seen: list[object] = []
    for pool in (ThreadPoolExecutor(2), WorkerPool(2)):
        with pool:
            assert pool.submit(len, "ab").result() == 2
            failing = [pool.submit(int, "x") for _ in range(2)]
            assert isinstance(failing[0].exception(), ValueError)
            failing[1].add_done_callback(lambda future: seen.append(future.exception()))
            pool.submit(len, "abc")
            outer = pool.submit(lambda pool: pool.submit(len, "abcd").result(), pool)
            assert outer.result() == 4
            with pytest.raises(TypeError):
                pool.submit(7).result()  # type: ignore[arg-type]
    assert len(seen) == 2
    cancelled: Future[int] = Future()
    cancelled.cancel()
    assert codes(watching) == []


def test_a_job_that_nobody_can_run_in_our_pool(watching: strict_mode.Strict) -> None:
    with WorkerPool(1) as pool:

        def outer() -> None:
            inner = pool.submit(len, "a")
            with pytest.raises(TimeoutError):
                inner.result(0.01)

        pool.submit(outer).result()
    assert codes(watching) == ["T07"]


def test_a_future_outlives_its_pool(watching: strict_mode.Strict) -> None:
    pool = ThreadPoolExecutor(1)
    future = pool.submit(len, "a")
    assert future.result() == 1
    pool.shutdown()
    del pool
    gc.collect()
    assert future.result() == 1


def test_a_job_that_is_cancelled(watching: strict_mode.Strict) -> None:
    go = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(go.wait, 10)
        second = pool.submit(len, "a")
        assert second.cancel()
        go.set()
        first.result()
    assert codes(watching) == []


def test_a_future_of_another_kind(watching: strict_mode.Strict) -> None:
    class OwnFuture(Future[int]):
        """Somebody's."""

    future = OwnFuture()
    watching._jobs._watch(future, None, Place())
    assert type(future) is OwnFuture
    ending = finalize(future, len, "a")
    ending()
    watching._jobs._finalizers[1] = ending
    assert codes(watching) == []
