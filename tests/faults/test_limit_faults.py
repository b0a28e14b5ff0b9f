"""Limits hold and let go again: workers that hang, accepting at the limit, slow names, errors nobody awaits."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import Any

import pytest

from nio.executors import WorkerPool
from nio.reactor import CloseReason, Connection
from nio.spi import Address, ProtocolFamily
from tests.unit.reactor.support import PATIENCE, Gate, Greeter, Kernel, World


def test_F14_all_workers_hang_and_the_server_lives_on() -> None:
    """Their connections end in time, the statistics say so, and the pool serves again when its workers come back."""
    gate = Gate()

    class Hanging(Greeter):
        process_timeout = 2.0

        def process(self, record: bytes) -> bytes | None:
            if record == b"hang":
                gate()
            return super().process(record)

    with WorkerPool(4) as pool, World(Hanging, workers=pool) as world, gate:
        stuck = [world.connect() for _ in range(4)]
        for peer in stuck:
            peer.send(b"hang\n")
        for _ in stuck:
            world.until(lambda: gate.begun.acquire(blocking=False))
        half = world.connect()
        half.send(b"half a rec")  # which reaches no worker
        late = world.connect()
        late.send(b"late\n")
        world.received(4 * 5 + 10 + 5)
        world.advance(1.999)
        assert world.closed() == {}
        world.advance(0.001)
        assert world.closed() == {CloseReason.PROCESS_TIMEOUT: 5}
        assert world.reactor.statistics().lost == 4  # the fifth had no worker
        assert [peer.read_to_end() for peer in (*stuck, late)] == [b""] * 5
        gate.release.set()
        half.send(b"ord\n")
        assert half.read(18) == b"Hello half a record\n"[:18]


@pytest.mark.parametrize("where", ["execute", "timer", "defer", "then", "late reply", "process", "on_close"])
def test_F20_an_error_that_nobody_waits_for_is_told(where: str, caplog: pytest.LogCaptureFixture) -> None:
    bug = KeyError("bug of " + where)

    def fail(*_: object) -> Any:
        raise bug

    class Failing(Greeter):
        def process(self, record: bytes) -> Any:
            if where == "process":
                fail()
            late: Future[bytes | None] = Future()
            late.set_exception(bug)
            return late if where == "late reply" else record

        def on_close(self, reason: CloseReason) -> None:
            if where == "on_close":
                fail()

    with World(Failing) as world:
        match where:
            case "execute":
                world.reactor.execute(fail)
            case "timer":
                world.reactor.call_later(0, fail)
            case "defer":
                world.reactor.defer(fail)
            case "then":
                world.reactor.defer(int, then=fail)
            case _:
                peer = world.connect()
                peer.send(b"ann\n")
                peer.half_close()
        world.until(lambda: caplog.records)
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert f"bug of {where}" in caplog.text


def test_N05_at_the_limit_accepting_does_not_go_on_and_off_with_each_connection() -> None:
    """With 100 places it goes on when five are free, not sooner, and takes as many."""
    with World(max_connections=100) as world:
        peers = [world.dial() for _ in range(200)]
        world.until(lambda: world.reactor.statistics().open == 100)
        steps = []
        for count, peer in enumerate(peers[:100], 1):
            before = world.reactor.statistics().connections
            peer.reset()
            world.until(lambda count=count: sum(world.closed().values()) == count)  # type: ignore[misc]
            world.turns(4)
            steps.append(world.reactor.statistics().connections - before)
        assert steps == [0, 0, 0, 0, 5] * 20


def test_O06_a_name_that_takes_long_holds_nobody_up() -> None:
    asked, answer = threading.Event(), threading.Event()

    class Slow(Kernel):
        def resolve(self, host: str, port: int) -> list[tuple[ProtocolFamily, Address]]:
            asked.set()
            assert answer.wait(PATIENCE)
            return [(ProtocolFamily.INET, ("127.0.0.1", port))]

    class Client(Connection):
        opened = False

        def on_open(self) -> None:
            self.opened = True

        def handle_data(self, data: bytes) -> None:
            pass

    with World(kernel=Slow()) as world:
        client, peer = Client(), world.connect()
        world.reactor.connect(("slow.example", world.address[1]), client)
        world.until(asked.is_set)
        for _ in range(10):
            peer.send(b"ann\n")
            assert peer.read(10) == b"Hello ann\n"
        assert not client.opened
        answer.set()
        world.until(lambda: client.opened)
