"""ReactorGroup: who has which connection, from which thread it is called, and what the reactors have in common."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import ClassVar

import pytest

from nio.channels import SelectionKey, ServerSocketChannel
from nio.errors import IllegalArgumentError
from nio.executors import WorkerPool
from nio.framing import Lines
from nio.reactor import Acceptor, Balance, CloseReason, Reactor, ReactorGroup, StreamHandler
from nio.spi import SelectorProvider
from tests.faults.helpers import Client
from tests.unit.reactor.group_support import GroupServer, Placed, dial
from tests.unit.reactor.support import PATIENCE, Echo, Gate, Greeter, Kernel

ACCEPT = SelectionKey.OP_ACCEPT


def asked(server: GroupServer, count: int) -> list[Client]:
    """So many clients, one after the other, each of which was answered."""
    clients = []
    for number in range(count):
        clients.append(server.client())
        clients[-1].ask(b"n%d" % number)
    return clients


def loads(group: ReactorGroup) -> list[int]:
    return [part.open for part in group.each_statistics()]


def test_N06_round_robin() -> None:
    with GroupServer(reactors=3) as server:
        clients = asked(server, 7)
        assert loads(server.group) == [3, 2, 2]
        for client in clients:
            client.close()


def test_N06_the_fewest_connections() -> None:
    with GroupServer(reactors=3, balance=Balance.LEAST_CONNECTIONS) as server:
        clients = asked(server, 9)
        assert loads(server.group) == [3, 3, 3]
        where = [handler.threads[1] for handler in server.handlers]
        gone = [client for client, name in zip(clients, where, strict=True) if name == "reactor-2"]
        for client in gone:
            client.close()
        server.until(lambda: loads(server.group) == [3, 0, 3])
        clients += asked(server, 3)
        assert loads(server.group) == [3, 3, 3]
        for client in clients:
            client.close()


def test_a_connection_is_made_served_and_closed_on_one_sub_reactor_s_thread() -> None:
    with GroupServer(reactors=2) as server:
        for client in asked(server, 4):
            client.close()
        server.until(lambda: all(handler.reasons for handler in server.handlers))
        where = [set(handler.threads) for handler in server.handlers]
        assert where == [{"reactor-1"}, {"reactor-2"}, {"reactor-1"}, {"reactor-2"}]
        assert all(handler.reactor is not server.group for handler in server.handlers)


@pytest.mark.parametrize("make", [lambda: 2, lambda: ThreadPoolExecutor(2)], ids=["number", "executor"])
def test_workers_are_shared_by_all(make: object) -> None:
    assert callable(make)
    workers = make()
    with GroupServer(reactors=3, workers=workers) as server:
        for client in asked(server, 9):
            client.close()
        server.until(lambda: all(handler.reasons for handler in server.handlers))
        names = {name for handler in server.handlers for name in handler.threads[2:-1]}
        assert len(names) <= 2
        assert not names & {"main", "reactor-1", "reactor-2", "reactor-3"}
        assert {handler.threads[-1] for handler in server.handlers} == {"reactor-1", "reactor-2", "reactor-3"}
    if isinstance(workers, Executor):
        workers.shutdown()


def test_a_factory_makes_one_executor_for_each_reactor() -> None:
    made: list[WorkerPool] = []

    def pool() -> WorkerPool:
        made.append(WorkerPool(1))
        return made[-1]

    with GroupServer(reactors=2, workers=pool) as server:
        for client in asked(server, 2):
            client.close()
    assert len(made) == 3


def test_the_number_of_processors_unless_told_otherwise() -> None:
    class Six(Kernel):
        def cpu_count(self) -> int:
            return 6

    with ReactorGroup.open(provider=Six()) as group:
        assert len(group.each_statistics()) == 6


def test_A08_the_limit_of_connections_is_the_group_s() -> None:
    with GroupServer(reactors=2, max_connections=20) as server:
        clients = asked(server, 20)
        waiting = [server.client() for _ in range(5)]
        for client in waiting:
            client.send(b"late\n")
        server.until(lambda: server.acceptor.key.interest_ops == 0)
        assert sum(loads(server.group)) == 20
        for client in clients[:5]:
            client.close()
        for client in waiting:
            assert client.read(11) == b"Hello late\n"
        assert server.group.max_connections == 20
        server.until(lambda: server.group.statistics().open == 20)
        for client in clients + waiting:
            client.close()


def test_room_that_was_made_before_anybody_waits_for_it_is_seen() -> None:
    with ReactorGroup.open(reactors=1, max_connections=2) as group:
        called: list[int] = []
        own = group._subs[0].own
        own.taken = 1
        group.admission.when_room(lambda: called.append(1))
        assert called == [1]
        own.taken = 3
        group.admission.when_room(lambda: called.append(2))
        assert called == [1]
        own.taken = 1
        own.tell()
        assert called == [1, 2]
        own.taken = 0
        assert group.admission.taken == 0


def test_two_threads_that_make_room_at_once_call_whoever_waits_once() -> None:
    with ReactorGroup.open(reactors=1) as group:

        class Faster:
            def __bool__(self) -> bool:
                return True

            def popleft(self) -> None:
                raise IndexError

        group.admission._queue = Faster()  # type: ignore[assignment]
        group.admission.tell()


def test_statistics_are_added_up_for_users_and_for_handlers() -> None:
    with GroupServer(reactors=2) as server:
        clients = asked(server, 3)
        server.until(lambda: server.group.statistics().bytes_out == 27)  # a reply is counted when it is sent
        seen = server.handlers[0].reactor.statistics()
        assert (seen.connections, seen.open, seen.requests, seen.bytes_in, seen.bytes_out) == (3, 3, 3, 9, 27)
        for client in clients:
            client.close()
        server.until(lambda: server.group.statistics().open == 0)
        done = server.group.statistics()
        assert dict(done.closed) == {CloseReason.PEER_FIN: 3}
        assert done.turns > sum(part.turns for part in server.group.each_statistics())


def test_the_connections_of_all_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with ReactorGroup.open(reactors=2) as group:
        listener = ServerSocketChannel.open().bind(("127.0.0.1", 0))
        group.register(listener, ACCEPT, Acceptor(Greeter))
        told: list[int] = []
        counted = threading.Semaphore(0)

        def count() -> None:
            told.append(len(group.connections()))
            counted.release()

        with group.in_thread():
            clients = [dial(listener) for _ in range(5)]
            for client in clients:
                client.ask(b"ann")
            group.execute(count)
            assert counted.acquire(timeout=PATIENCE)
            gate = Gate()
            group._subs[0].execute(gate)
            assert gate.begun.acquire(timeout=PATIENCE)
            monkeypatch.setattr("nio.reactor.groups._reactor_group._MOMENT", 10_000_000)
            group.execute(count)
            assert counted.acquire(timeout=PATIENCE)
            gate.release.set()
        assert told == [5, 2]
        assert len(group.connections()) == 5
        for client in clients:
            client.close()


def test_what_is_no_connection_lives_on_the_main_reactor() -> None:
    seen: list[str] = []
    with GroupServer() as server:
        server.group.execute(lambda: seen.append(threading.current_thread().name))
        server.group.execute(server.group.call_later, 0, lambda: seen.append(threading.current_thread().name))
        server.until(lambda: len(seen) == 2)
    assert seen == ["main", "main"]


def test_A07_what_a_factory_or_on_open_raises_costs_its_connection() -> None:
    class Unlucky(Greeter):
        def on_open(self) -> None:
            raise ValueError("no")

    makes = iter([Greeter, Unlucky])

    def make() -> Greeter:
        return next(makes)()  # the third raises StopIteration

    with GroupServer(make, reactors=1) as server:
        clients = [server.client() for _ in range(3)]
        clients[0].ask(b"ann")
        assert [client.read_to(1) for client in clients[1:]] == [b"", b""]
        server.until(lambda: server.group.admission.taken == 1)
        clients[0].ask(b"bob")
        for client in clients:
            client.close()


def test_connections_of_bytes_are_dealt_too() -> None:
    with GroupServer(Echo) as server, server.client() as client:
        client.send(b"abc")
        assert client.read(3) == b"abc"


def test_a_storm_of_accepts_is_no_spin() -> None:
    with ReactorGroup.open(reactors=1) as group:
        listener = ServerSocketChannel.open().bind(("127.0.0.1", 0))
        group.register(listener, ACCEPT, Acceptor(Greeter, accepts_per_turn=1))
        for _ in range(520):
            with dial(listener):
                group.turn(1)
        assert group.statistics().spins == 0


def test_a_group_turned_by_hand() -> None:
    with ReactorGroup.open(reactors=2) as group:
        listener = ServerSocketChannel.open().bind(("127.0.0.1", 0))
        group.register(listener, ACCEPT, Acceptor(Greeter))
        with dial(listener) as client:
            group.turn(1)
            client.ask(b"ann")


def test_two_groups_in_one_process() -> None:
    with GroupServer() as one, GroupServer() as two:
        clients = asked(one, 2) + asked(two, 2)
        one.group.stop()
        one.ended()
        clients[2].ask(b"still")
        clients[3].ask(b"here")
        for client in clients:
            client.close()


class Member(StreamHandler):
    """A chat: each line goes to everybody."""

    framing = Lines(max_length=64)
    room: ClassVar[set[Member]]

    def on_open(self) -> None:
        self.room.add(self)

    def on_close(self, reason: CloseReason) -> None:
        self.room.discard(self)

    def process(self, line: bytes) -> None:
        for member in tuple(self.room):
            member.send(line)


@pytest.mark.parametrize("reactors", [1, 3])
def test_C09_a_chat_over_several_reactors_loses_nothing(reactors: int, workers: int) -> None:
    class Here(Member):
        room: ClassVar[set[Member]] = set()

    with GroupServer(Here, reactors=reactors, workers=workers) as server:
        clients = [server.client() for _ in range(8)]
        server.until(lambda: len(Here.room) == 8)
        talkers = []
        for number, client in enumerate(clients):
            text = b"".join(b"%d:%03d\n" % (number, count) for count in range(50))
            talkers.append(threading.Thread(target=client.send, args=(text,)))
        for talker in talkers:
            talker.start()
        heard = [client.read(8 * 50 * 6) for client in clients]
        for talker in talkers:
            talker.join()
        expected = Counter(b"%d:%03d" % (number, count) for number in range(8) for count in range(50))
        for text in heard:
            got = text.splitlines()
            assert Counter(got) == expected
            if reactors == 1 and not workers:
                assert got == heard[0].splitlines()
            for number in range(8):  # each speaker in order
                assert [line for line in got if line.startswith(b"%d:" % number)] == sorted(
                    line for line in got if line.startswith(b"%d:" % number)
                )
        for client in clients:
            client.close()


def test_bad_arguments_are_told_and_leave_nothing() -> None:
    with pytest.raises(IllegalArgumentError, match="reactors"):
        ReactorGroup.open(reactors=0)
    with pytest.raises(IllegalArgumentError, match=r"Balance\.ROUND_ROBIN"):
        ReactorGroup.open(balance="random")  # type: ignore[arg-type]


def test_a_group_that_cannot_be_made_leaves_nothing() -> None:
    class Poor(Kernel):
        left = 3

        def open_poller(self) -> object:  # type: ignore[override]
            self.left -= 1
            if self.left < 0:
                raise OSError(24, "Too many open files")
            return super().open_poller()

    with pytest.raises(OSError, match="Too many"):
        ReactorGroup.open(reactors=3, provider=Poor())


def test_a_group_is_a_reactor_to_whoever_has_one() -> None:
    with ReactorGroup.open(reactors=2, provider=SelectorProvider.default()) as group:
        assert isinstance(group, Reactor)
        assert repr(group).startswith("ReactorGroup(open, provider=")
        assert repr(group).endswith("connections=[0, 0])")
    assert repr(group).startswith("ReactorGroup(closed")


def test_the_handler_class_is_checked_when_the_acceptor_is_registered() -> None:
    class Odd(Placed):
        async def process(self, record: bytes) -> bytes:  # type: ignore[override]
            return record

    with ReactorGroup.open(reactors=1), pytest.raises(TypeError, match="coroutine"):
        Acceptor(Odd)
