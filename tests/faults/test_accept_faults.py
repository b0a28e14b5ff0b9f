"""Faults of accepting, each on a running server; the letters are those of the catalogue of faults."""

from __future__ import annotations

import errno
import json
import logging
import resource
import socket
import threading

import pytest

from nio.reactor import CloseReason, Handler, Reactor
from tests.faults.helpers import Client, Server, child, own_descriptors
from tests.unit.reactor.support import PATIENCE, Greeter, Kernel, World

CRAMPED = """
import json, logging, os, resource, sys, time
from tests.faults.helpers import Server
server = Server()
lines = []
Lines = type("Lines", (logging.Handler,), {"emit": lambda self, record: lines.append(record)})
logging.getLogger("nio.reactor").addHandler(Lines())
with server:
    print(server.address[1], flush=True)
    sys.stdin.readline()  # one client is connected
    limit = max(map(int, os.listdir("/proc/self/fd"))) + 1
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    print("cramped", flush=True)
    sys.stdin.readline()  # the others wait in the kernel
    before, cpu, clock = server.kernel.accept_calls, time.process_time(), time.monotonic()
    sys.stdin.readline()  # the window is over
    calls, cpu, clock = server.kernel.accept_calls - before, time.process_time() - cpu, time.monotonic() - clock
    print(json.dumps([calls, cpu, clock, len(lines)]), flush=True)
    sys.stdin.readline()
"""


def test_A01_out_of_descriptors_others_are_served_and_accepting_goes_on_when_one_is_free() -> None:
    with child(CRAMPED) as process:
        assert process.stdin is not None
        assert process.stdout is not None

        def tell() -> None:
            assert process.stdin is not None
            process.stdin.write(b"\n")
            process.stdin.flush()

        address = ("127.0.0.1", int(process.stdout.readline()))
        with Client(address) as old:
            old.ask(b"ann")
            tell()
            assert process.stdout.readline() == b"cramped\n"
            waiting = [Client(address) for _ in range(3)]
            tell()
            waiting[0].sock.settimeout(0.25)  # the window: accepting is tried again twice
            with pytest.raises(TimeoutError):
                waiting[0].sock.recv(1)
            waiting[0].sock.settimeout(PATIENCE)
            tell()
            calls, cpu, seconds, lines = json.loads(process.stdout.readline())
            assert calls <= 11 * seconds + 2
            assert cpu <= 0.1 * seconds
            assert lines == 1
            old.ask(b"ann")
        for client in waiting:
            with client:
                client.ask(b"bob")
        process.stdin.close()
        assert process.wait(PATIENCE) == 0
        assert process.stderr is not None
        assert process.stderr.read() == b""


def test_A03_a_thousand_lost_connections_and_then_a_good_one() -> None:
    kernel = Kernel(real_time=True)
    for code in (errno.ECONNABORTED, errno.EPROTO, errno.ENETDOWN, errno.EHOSTUNREACH, errno.EPERM):
        kernel.accepts.extend([OSError(code, "lost")] * 200)
    with Server(kernel=kernel) as server, server.client() as client:
        client.ask(b"ann")


@pytest.mark.parametrize("data", [b"", b"ann\n", b"an"])
def test_A04_a_peer_that_resets_before_it_is_accepted(data: bytes, caplog: pytest.LogCaptureFixture) -> None:
    before = own_descriptors()
    with World() as world:
        for _ in range(100):
            peer = world.dial()
            peer.send(data)
            peer.reset()
        turns = world.reactor.statistics().turns
        world.until(lambda: len(world.handlers) == 100 and world.reactor.statistics().open == 0)
        assert world.reactor.statistics().turns - turns <= 200
        assert [handler.reasons for handler in world.handlers] == [[CloseReason.PEER_RST]] * 100
        good = world.connect()
        good.send(b"ann\n")
        assert good.read(10) == b"Hello ann\n"
    assert own_descriptors() == before
    assert [record for record in caplog.records if record.levelno > logging.DEBUG] == []


def test_A06_a_storm_of_connections_does_not_starve_those_that_are_there() -> None:
    with World() as world:
        old = world.connect()
        storm = [world.dial() for _ in range(150)]
        while len(world.handlers) < 151:
            accepted = len(world.handlers)
            old.send(b"ann\n")
            turns = world.reactor.statistics().turns
            assert old.read(10) == b"Hello ann\n"
            turns = world.reactor.statistics().turns - turns
            assert turns <= 2
            assert len(world.handlers) - accepted <= 16 * turns
        storm[-1].send(b"bob\n")
        assert storm[-1].read(10) == b"Hello bob\n"


def test_A07_a_factory_that_raises_every_third_time() -> None:
    made: list[int] = []

    def factory() -> Handler:
        made.append(1)
        if len(made) % 3 == 0:
            raise KeyError("no handler")
        return Greeter()

    before = own_descriptors()
    with Server(factory) as server:
        served = 0
        for _ in range(99):
            with server.client() as client:
                try:
                    client.send(b"ann\n")
                    client.half_close()
                    served += client.read_to_end() == b"Hello ann\n"
                except OSError:  # closed by then, maybe with the request unread
                    pass
        assert served == 66
        server.until(lambda: server.reactor.statistics().open == 0)
    assert own_descriptors() == before


def test_A08_the_limit_holds_while_clients_come_and_go() -> None:
    highest = 0

    class Counting(Greeter):
        def on_open(self) -> None:
            nonlocal highest
            highest = max(highest, self.reactor.statistics().open)

    with Server(Counting, max_connections=5) as server:

        def visits() -> None:
            for _ in range(15):
                with server.client() as client:
                    client.ask(b"ann")

        threads = [threading.Thread(target=visits) for _ in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        server.until(lambda: server.reactor.statistics().open == 0)
        assert highest <= 5
        assert server.reactor.statistics().connections == 150
        assert len(server.reasons()) == 150


def test_A09_connections_made_before_the_reactor_runs_are_all_served() -> None:
    with World() as world:
        peers = [world.dial() for _ in range(300)]
        for peer in peers:
            peer.send(b"ann\n")
        for peer in peers:
            assert peer.read(10) == b"Hello ann\n"


def test_A10_a_listener_closed_by_another_thread_while_the_reactor_sleeps() -> None:
    with Server() as server, server.client() as client:
        client.ask(b"ann")
        server.listener.close()
        client.ask(b"bob")
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(server.address, timeout=PATIENCE)


def test_A11_an_accepted_connection_is_neither_blocking_nor_inheritable() -> None:
    with Server() as server, server.client() as client:
        client.ask(b"ann")
        sock = server.handlers[0].channel.socket
        assert server.call(lambda: (sock.getblocking(), sock.get_inheritable())) == (False, False)


def test_O03_more_connections_than_the_process_may_have_descriptors(caplog: pytest.LogCaptureFixture) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (200, hard))
    try:
        with Reactor.open() as reactor:
            assert reactor.max_connections == 168
            assert caplog.records == []
        with Reactor.open(max_connections=169) as reactor:
            assert reactor.max_connections == 168
            assert "max_connections is 168, not 169" in caplog.text
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
