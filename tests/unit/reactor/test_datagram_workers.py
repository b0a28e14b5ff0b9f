"""DatagramHandler with workers: a job for each datagram, so many at a time; replies come home or are dropped."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from typing import Any

import pytest

from nio.channels import DatagramChannel
from nio.errors import IllegalArgumentError
from nio.reactor import CloseReason, DatagramHandler, Reactor
from nio.spi import Address
from tests.helpers import LOOPBACK
from tests.unit.reactor.datagrams import READ, Greeter, Service
from tests.unit.reactor.support import Manual, run


class Plain(DatagramHandler):
    """Its process can leave this process."""

    @staticmethod
    def process(data: bytes, peer: Address) -> bytes | None:
        return data.upper() + b" %d" % int(peer[1])


def test_threads_process_and_replies_come_home() -> None:
    with Service(workers=2) as service:
        clients = [service.client() for _ in range(10)]
        for number, client in enumerate(clients):
            client.send(b"%d" % number)
        service.until(lambda: service.handler.statistics().sent == 10)
        assert [client.recv(100) for client in clients] == [b"Hello %d" % number for number in range(10)]


def test_an_error_in_a_worker_costs_its_datagram_only(caplog: pytest.LogCaptureFixture) -> None:
    with Service(workers=1) as service:
        ann = service.client()
        for data in (b"raise", b"text", b"panic", b"ann"):
            ann.send(data)
        service.until(lambda: service.handler.statistics().sent == 1)
        assert ann.recv(100) == b"Hello ann"
        assert service.handler.statistics().raised == 3
        assert service.handler.owes is False


def test_so_many_are_outstanding_and_then_nothing_is_read() -> None:
    class Few(Greeter):
        max_outstanding = 2

    executor = Manual()
    with Service(Few(), workers=executor) as service:
        ann = service.client()
        for number in range(3):
            ann.send(b"%d" % number)
        service.until(lambda: executor.submitted == 2)
        assert (service.key.interest_ops, service.handler.owes) == (0, True)
        service.reactor.turn(0)
        assert executor.submitted == 2
        executor.run_one()
        service.until(lambda: executor.submitted == 3)
        executor.run_one()
        executor.run_one()
        service.until(lambda: service.handler.statistics().sent == 3)
        assert service.key.interest_ops == READ
        assert [ann.recv(100) for _ in range(3)] == [b"Hello 0", b"Hello 1", b"Hello 2"]


def test_what_is_not_begun_at_the_close_is_not_processed_and_late_replies_are_dropped() -> None:
    executor = Manual()
    with Service(workers=executor) as service:
        ann = service.client()
        ann.send(b"begun")
        ann.send(b"not begun")
        service.until(lambda: executor.submitted == 2)
        executor.begin()
        service.handler.close()
        executor.run_one()
        executor.run_one()
        service.reactor.turn(0)
        assert service.handler.seen == [b"begun"]
        assert service.reactor.statistics().dropped >= 1
        assert service.handler.statistics().sent == 0


def test_drain_waits_for_the_workers() -> None:
    executor = Manual()
    with Service(workers=executor) as service:
        ann = service.client()
        ann.send(b"ann")
        service.until(lambda: executor.submitted == 1)
        service.reactor.stop(drain=5)
        service.reactor.turn(0)
        assert service.channel.is_open
        executor.run_one()
        run(service.reactor)
        assert ann.recv(100) == b"Hello ann"
        assert service.handler.reasons == [CloseReason.DRAIN]


def test_no_worker_takes_it() -> None:
    class Refusing(Executor):
        def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
            raise RuntimeError("shut down")

    with Service(workers=Refusing()) as service:
        ann = service.client()
        ann.send(b"ann")
        service.until(lambda: service.handler.statistics().rejected == 1)
        assert (service.channel.is_open, service.handler.owes) == (True, False)


def test_a_lost_worker_costs_its_datagram_only() -> None:
    with Service(workers=Manual()) as service:
        ann = service.client()
        ann.send(b"ann")
        service.received(1)
        [request] = service.handler._requests
        request.handle_loss(RuntimeError("killed"))
        assert service.handler.statistics().rejected == 1


def test_processes() -> None:
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn) as pool, Service(Plain(), workers=pool) as service:
        pool.submit(int).result()  # however long a process takes to start
        ann = service.client()
        ann.send(b"ann")
        service.until(lambda: service.handler.statistics().sent == 1)
        assert ann.recv(100) == b"ANN %d" % ann.getsockname()[1]


def test_a_bound_process_cannot_leave_this_process() -> None:
    spawn = multiprocessing.get_context("spawn")
    with (
        ProcessPoolExecutor(1, mp_context=spawn) as pool,
        Reactor.open(workers=pool) as reactor,
        DatagramChannel.open().bind(LOOPBACK) as channel,
        pytest.raises(IllegalArgumentError, match=r"Greeter\.process is bound to its handler"),
    ):
        reactor.register(channel, READ, Greeter())


class Late(Greeter):
    """Its replies come when the test says so."""

    max_outstanding = 2

    def __init__(self) -> None:
        super().__init__()
        self.late: list[Future[Any]] = []

    def process(self, data: bytes, peer: Address) -> Any:
        self.late.append(Future())
        return self.late[-1]


@pytest.mark.parametrize("workers", [0, 1])
def test_late_replies_come_home_and_are_bounded(workers: int) -> None:
    with Service(Late(), workers=workers) as service:
        ann = service.client()
        for number in range(3):
            ann.send(b"%d" % number)
        late = service.handler.late
        service.until(lambda: len(late) == 2)
        service.until(lambda: service.key.interest_ops == 0)
        late[1].set_result(b"second")
        service.until(lambda: len(late) == 3)
        late[2].set_result(Future())
        late[0].set_result(b"first")
        service.until(lambda: service.handler.statistics().sent == 2 and service.handler.statistics().raised == 1)
        assert [ann.recv(10), ann.recv(10)] == [b"second", b"first"]
        assert service.handler.owes is False


def test_late_replies_fail_and_are_cancelled() -> None:
    with Service(Late()) as service:
        ann = service.client()
        ann.send(b"fails")
        ann.send(b"cancelled")
        late = service.handler.late
        service.until(lambda: len(late) == 2)
        late[0].set_exception(KeyError("on purpose"))
        late[1].cancel()
        service.until(lambda: service.handler.owes is False)
        statistics = service.handler.statistics()
        assert (statistics.raised, statistics.rejected) == (1, 1)
        ann.send(b"nobody waits")
        service.until(lambda: len(late) == 3)
        service.handler.close()
        assert late[2].cancelled()


def test_a_late_reply_of_a_worker_for_a_handler_that_is_closed_is_dropped() -> None:
    executor = Manual()
    with Service(Late(), workers=executor) as service:
        ann = service.client()
        ann.send(b"x")
        service.until(lambda: executor.submitted == 1)
        executor.begin()
        service.handler.close()
        executor.run_one()
        service.until(lambda: service.reactor.statistics().dropped == 1)
        assert service.handler.late[0].cancelled()
