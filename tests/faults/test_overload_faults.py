"""More is asked than the workers can do: who is served waits a bounded time, everybody else is told at once."""

from __future__ import annotations

from nio.executors import Saturation, WorkerPool
from tests.unit.reactor.support import Gate, Greeter, Peer, World

WORKERS, QUEUE = 2, 4


def test_N04_what_cannot_be_done_soon_is_refused_at_once_and_the_workers_keep_busy() -> None:
    """Three rounds of 60 requests for 2 workers and a queue of 4: 6 are taken and 54 refused, whoever is still owed."""
    gate = Gate()

    class Busy(Greeter):
        def process(self, record: bytes) -> bytes | None:
            gate()
            return super().process(record)

        def on_rejected(self, record: bytes) -> bytes | None:
            return b"busy"

    pool = WorkerPool(WORKERS, queue=QUEUE, prestart=True, saturation=Saturation.ABORT)
    with pool, World(Busy, workers=pool) as world, gate:
        clients = [world.connect() for _ in range(60)]
        refused = len(clients) - WORKERS - QUEUE
        for number in range(3):
            gate.release.clear()
            for client in clients[:WORKERS]:
                client.send(b"ann\n")
                world.until(lambda: gate.begun.acquire(blocking=False))
            for client in clients[WORKERS:]:
                client.send(b"ann\n")
            world.until(lambda: sum(answers(clients, b"busy\n")) == refused)
            assert pool.statistics().queued == QUEUE  # nobody waits behind more than that
            gate.release.set()
            world.until(lambda: sum(answers(clients, b"Hello ann\n")) == WORKERS + QUEUE)
            for _ in range(QUEUE):
                assert gate.begun.acquire(blocking=False)
            for client in clients:
                client.got = b""
            assert world.reactor.statistics().requests == (number + 1) * len(clients)


def answers(clients: list[Peer], answer: bytes) -> list[bool]:
    """Who has got it."""
    for client in clients:
        client.pull()
    return [client.got == answer for client in clients]
