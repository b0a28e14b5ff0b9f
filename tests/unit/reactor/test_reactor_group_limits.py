"""Limits and the drain of a whole group: connections per peer, and one report for all reactors."""

from __future__ import annotations

import threading

from nio.reactor import Acceptor, CloseReason, ReactorGroup
from tests.faults.helpers import Client
from tests.unit.reactor.group_support import GroupServer, Placed
from tests.unit.reactor.support import Greeter


class Limited(GroupServer):
    """Two connections per peer."""

    def __init__(self) -> None:
        super().__init__()
        self.acceptor.per_peer = 2


def greeted(client: Client) -> bool:
    client.sock.sendall(b"ann\n")
    return client.sock.recv(100) == b"Hello ann\n"


def test_N02_a_peer_has_its_number_in_the_whole_group() -> None:
    with Limited() as server:
        with server.client() as first, server.client() as second:
            assert greeted(first)
            assert greeted(second)
            with server.client() as third:
                assert third.sock.recv(1) == b""
            assert server.group.statistics().refused == 1
            assert len({handler.threads[0] for handler in server.handlers}) == 2
        server.until(lambda: server.group.statistics().open == 0)
        peers = server.group.admission.peers
        server.until(lambda: not peers._counts)
        with server.client() as next_one:
            assert greeted(next_one)


def test_N02_many_come_and_go_in_several_threads_and_the_count_is_exact() -> None:
    served = [0] * 4

    def come_and_go(number: int) -> None:
        for _ in range(50):
            with server.client() as client:
                try:
                    served[number] += greeted(client)
                except OSError:
                    pass  # refused

    with Limited() as server:
        threads = [threading.Thread(target=come_and_go, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        server.until(lambda: server.group.statistics().open == 0)
        statistics = server.group.statistics()
        assert statistics.connections + statistics.refused == 200
        peers = server.group.admission.peers
        server.until(lambda: not peers._counts and not peers.networks)
        assert 0 < sum(served) <= statistics.connections


def test_N02_a_connection_that_finds_no_reactor_counts_no_more() -> None:
    with ReactorGroup.open(reactors=1) as group:
        acceptor = Acceptor(Greeter, per_peer=1)
        acceptor.reactor = group
        for sub in group._subs:
            sub.is_dead = True
        with GroupServer() as server, server.client():
            server.until(lambda: server.handlers)
            channel = server.handlers[0].channel
            acceptor._admit(channel)
            assert not group.admission.peers._counts
            assert not channel.is_open


def test_a_handler_drains_the_whole_group_and_all_reactors_report() -> None:
    class Drainer(Placed):
        def process(self, record: bytes) -> bytes | None:
            if record == b"drain":
                self.reactor.drain(5)
            return super().process(record)

    with GroupServer(Drainer) as server:
        with server.client() as first, server.client() as second:
            assert greeted(first)
            assert greeted(second)
            first.sock.sendall(b"drain\n")
            assert first.sock.recv(100) == b"Hello drain\n"
            for client in (first, second):  # whoever leaves before his reactor drains is no part of the report
                assert client.sock.recv(100) == b""
        server.ended()
        report = server.group.drain_report
        assert {record.reason for record in report} == {CloseReason.DRAIN}
        assert [(record.handler, record.abandoned) for record in report] == [("Drainer", False)] * 2
        assert not server.errors
