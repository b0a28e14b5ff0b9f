"""Closing a reactor: what it runs, what it drops, and whom it leaves alone."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from nio.channels import Pipe, SelectionKey, ServerSocketChannel
from nio.errors import ClosedSelectorError, RejectedExecutionError
from nio.executors import WorkerPool
from nio.reactor import Acceptor, CloseReason, Handler, Reactor
from tests.contract.test_fork import in_child
from tests.faults.helpers import Server
from tests.unit.reactor.support import PATIENCE, Greeter, Kernel, Manual, Silent, World, run

READ, ACCEPT = int(SelectionKey.OP_READ), int(SelectionKey.OP_ACCEPT)


def test_close_ends_everything_and_again_is_nothing() -> None:
    world = World(workers=1)
    with world:
        world.connect()
        world.reactor.close()
        world.reactor.close()
        assert world.handler.reasons == [CloseReason.LOCAL]
        assert not world.listener.is_open
        assert world.closed() == {CloseReason.LOCAL: 1}
        with pytest.raises(RejectedExecutionError, match="the reactor is closed"):
            world.reactor.execute(int)
        with pytest.raises(ClosedSelectorError):
            world.reactor.turn(0)
        run(world.reactor)
        world.reactor.stop()
        world.reactor.stop(drain=1)
        world.reactor.wakeup()


def test_J05_what_was_queued_when_the_reactor_closes_is_run() -> None:
    calls: list[int] = []
    with Reactor.open() as reactor:
        for number in range(300):
            reactor.execute(calls.append, number)
        reactor.execute(calls.__getitem__, 999)
        reactor.execute(calls.append, 300)
    assert calls == list(range(301))


class Joins(Kernel):
    """Asks ``patience`` how long a thread of its own is really waited for, instead of the time that was given."""

    def __init__(self, patience: Callable[[float | None], float | None]) -> None:
        super().__init__()
        self.patience = patience
        self.threads: list[threading.Thread] = []

    def start_thread(self, target: Callable[..., object], *args: object, name: str) -> threading.Thread:
        kernel = self

        class Thread(threading.Thread):
            def join(self, timeout: float | None = None) -> None:
                super().join(kernel.patience(timeout))

        self.threads.append(Thread(target=target, args=args, name=name, daemon=True))
        self.threads[-1].start()
        return self.threads[-1]


def test_J05_a_job_in_the_pool_s_queue_is_dropped_and_the_handler_knows() -> None:
    begun, release = threading.Event(), threading.Event()

    class Slow(Greeter):
        def process(self, record: bytes) -> bytes | None:
            begun.set()
            release.wait(PATIENCE)
            return super().process(record)

    def let_go(timeout: float | None) -> float | None:
        release.set()
        return timeout

    with World(Slow, kernel=Joins(let_go), workers=1) as world:
        for _ in range(2):
            world.connect().send(b"ann\n")
        world.until(lambda: begun.is_set() and world.reactor.statistics().requests == 2)
        world.reactor.close()
        assert [handler.reasons for handler in world.handlers] == [[CloseReason.LOCAL]] * 2
        assert sorted(handler.seen for handler in world.handlers) == [[], [b"ann"]]
        assert world.reactor.statistics().dropped == 1


def test_J10_an_on_close_that_raises_does_not_keep_the_others_open(caplog: pytest.LogCaptureFixture) -> None:
    class Bad(Silent):
        def on_close(self, reason: CloseReason) -> None:
            super().on_close(reason)
            raise KeyError("on_close")

    with World(Bad) as world:
        for _ in range(5):
            world.connect()
        world.reactor.close()
        assert [handler.reasons for handler in world.handlers] == [[CloseReason.LOCAL]] * 5
    assert caplog.text.count("Bad.on_close raised") == 5


def test_J10_a_close_that_raises_does_not_keep_the_others_open() -> None:
    class Bad(Handler):
        def close(self, reason: CloseReason = CloseReason.LOCAL) -> None:
            super().close(reason)
            raise KeyError("close")

    reactor = Reactor.open()
    with Pipe.open() as first, Pipe.open() as second:
        reactor.register(first.source, READ, Bad())
        reactor.register(second.source, READ, Bad())
        reactor.close()
        assert not first.source.is_open
        assert not second.source.is_open


def test_close_by_a_handler_ends_run() -> None:
    class Slams(Greeter):
        def process(self, record: bytes) -> bytes | None:
            self.reactor.close()
            return None

    with World(Slams) as world:
        peer = world.connect()
        peer.send(b"ann\n")
        run(world.reactor)
        assert world.handler.reasons == [CloseReason.LOCAL]


def test_close_by_a_tick_ends_run(reactor: Reactor) -> None:
    reactor.execute(reactor.close)
    run(reactor)
    with pytest.raises(RejectedExecutionError):
        reactor.execute(int)


def test_close_by_a_tick_with_more_behind_it(reactor: Reactor) -> None:
    calls: list[int] = []
    reactor.execute(reactor.close)
    reactor.execute(calls.append, 1)
    reactor.turn(0)
    assert calls == [1]


def test_a_selector_closed_behind_the_reactor_s_back_is_no_quiet_end(reactor: Reactor) -> None:
    class Meddler(Handler):
        def handle_read(self) -> None:
            self.key.selector.close()

    with Pipe.open(provider=reactor.provider) as pipe:
        reactor.register(pipe.source, READ, Meddler())
        pipe.sink.write(b"x")
        with pytest.raises(ClosedSelectorError):
            reactor.run()


def test_J07_a_stuck_worker_is_named_and_left_behind(caplog: pytest.LogCaptureFixture) -> None:
    begun, release = threading.Event(), threading.Event()

    class Slow(Greeter):
        def process(self, record: bytes) -> bytes | None:
            begun.set()
            release.wait(PATIENCE)
            return None

    asked: list[float | None] = []

    def none_at_all(timeout: float | None) -> float:
        asked.append(timeout)
        return 0

    kernel = Joins(none_at_all)
    try:
        with World(Slow, kernel=kernel, workers=1) as world:
            world.connect().send(b"ann\n")
            world.until(begun.is_set)
            world.reactor.close()
            assert asked
            assert all(timeout is not None and timeout <= 60 for timeout in asked)
        assert "worker-1" in caplog.text
    finally:
        release.set()
        for thread in kernel.threads:
            threading.Thread.join(thread, PATIENCE)


def test_completions_after_the_close_are_nobody_s() -> None:
    manual = Manual()
    with World(workers=manual) as world:
        world.connect().send(b"ann\n")
        world.until(lambda: manual.waiting)
        manual.begin()
        world.reactor.close()
        manual.run_one()
        assert world.handler.reasons == [CloseReason.LOCAL]
        assert world.handler.seen == [b"ann"]


def test_a_pool_of_one_s_own_outlives_the_reactor() -> None:
    with WorkerPool(1) as pool:
        for _ in range(2):
            with World(workers=pool) as world:
                peer = world.connect()
                peer.send(b"ann\n")
                assert peer.read(10) == b"Hello ann\n"
        assert pool.submit(int, "7").result(PATIENCE) == 7


def test_two_reactors_may_share_a_pool() -> None:
    with ThreadPoolExecutor(2) as pool, World(workers=pool) as first, World(workers=pool) as second:
        for world in (first, second):
            peer = world.connect()
            peer.send(b"ann\n")
            assert peer.read(10) == b"Hello ann\n"


def test_run_serves_until_it_is_stopped() -> None:
    answers: list[bytes] = []
    with Reactor.open() as reactor:
        listener = ServerSocketChannel.open().bind(("127.0.0.1", 0))
        reactor.register(listener, ACCEPT, Acceptor(Greeter))
        address = listener.local_address

        def client() -> None:
            assert isinstance(address, tuple)
            with socket.create_connection(address[:2]) as sock, sock.makefile("rb") as lines:
                for name in (b"ann\n", b"bob\n"):
                    sock.sendall(name)
                    answers.append(lines.readline())
            reactor.stop(drain=5)

        thread = threading.Thread(target=client)
        thread.start()
        run(reactor)
        thread.join(PATIENCE)
    assert answers == [b"Hello ann\n", b"Hello bob\n"]


def test_I01_a_child_of_another_thread_than_the_reactor_s_closes_its_copies() -> None:
    with Server() as server, server.client() as client:
        client.ask(b"ann")
        in_child(server.reactor.close)
        client.ask(b"bob")
