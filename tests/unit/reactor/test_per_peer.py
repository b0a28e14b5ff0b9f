"""A limit of connections per peer: whom it counts, what is closed at once, and that the books stay right."""

from __future__ import annotations

import socket
from collections import deque

import pytest

from nio.channels import ServerSocketChannel
from nio.errors import IllegalArgumentError
from nio.reactor import Acceptor, CloseReason, State
from nio.reactor.loop._peers import network_of
from nio.spi import Address, ProtocolFamily
from tests.unit.reactor.support import Greeter, Kernel, Peer, World


class Crowd(Kernel):
    """Connections come from the addresses that are scripted, then from where they come."""

    def __init__(self) -> None:
        super().__init__()
        self.hosts: deque[str] = deque()

    def accept(self, listener: socket.socket) -> tuple[socket.socket, Address]:
        accepted, address = super().accept(listener)
        return accepted, (self.hosts.popleft(), 1234) if self.hosts else address


def crowd(*hosts: str, per_peer: int | None = 2) -> World:
    kernel = Crowd()
    kernel.hosts.extend(hosts)
    return World(kernel=kernel, per_peer=per_peer)


def refused(world: World) -> int:
    return world.reactor.statistics().refused


def no_count_is_left(world: World) -> bool:
    admission = world.reactor.admission
    return not (admission.peers._counts or admission.peers.networks or admission.taken)


def leave(world: World, peer: Peer) -> None:
    count = sum(world.closed().values())
    peer.half_close()
    peer.read_to_end()
    world.until(lambda: sum(world.closed().values()) > count)


# whom it counts


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("192.0.2.1", "::ffff:192.0.2.1"),
        ("::ffff:192.0.2.1", "::FFFF:c000:201"),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff"),
        ("fe80::1%2", "fe80::1%2"),
        ("::1", "::1"),
    ],
)
def test_these_are_one_peer(one: str, other: str) -> None:
    assert network_of((one, 1)) == network_of((other, 2, 0, 0))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("192.0.2.1", "192.0.2.2"),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2"),
        ("2001:db8:1:2::1", "2001:db8:1:3::1"),
        ("fe80::1%2", "fe80::2%2"),  # neighbours on a link, who share their first 64 bits
        ("fe80::1%2", "fe80::1%3"),
    ],
)
def test_these_are_two(one: str, other: str) -> None:
    assert network_of((one, 1)) != network_of((other, 1))


@pytest.mark.parametrize("peer", [None, "", "/tmp/client.sock"])
def test_on_a_unix_domain_socket_there_are_no_peers_to_count(peer: object) -> None:
    assert network_of(peer) is None


# what it does


def test_N02_one_address_cannot_take_everything(caplog: pytest.LogCaptureFixture) -> None:
    with crowd("192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.7") as world:
        first, second = world.connect(), world.connect()
        third = world.dial()
        assert third.read_to_end() == b""
        assert (refused(world), world.reactor.statistics().connections) == (1, 2)
        other = world.connect()
        for peer in (first, second, other):
            peer.send(b"ann\n")
            assert peer.read(10) == b"Hello ann\n"
        assert world.closed() == {}
    (record,) = caplog.records
    assert record.getMessage() == "('192.0.2.1', 1234) is refused: its peer has 2 connections"
    assert record.levelname == "WARNING"


def test_N02_whose_connection_ends_may_come_again() -> None:
    with crowd(*["192.0.2.1"] * 5) as world:
        peers = [world.connect(), world.connect()]
        for _ in range(3):
            leave(world, peers.pop(0))
            peers.append(world.connect())
        assert refused(world) == 0
        for peer in peers:
            leave(world, peer)
        assert no_count_is_left(world)


@pytest.mark.parametrize("end", ["close", "reset", "idle", "detach", "raise"])
def test_however_it_ends_its_place_is_given_back(end: str) -> None:
    with crowd(per_peer=1) as world:
        peer = world.connect()
        match end:
            case "close":
                world.handler.close()
            case "reset":
                peer.reset()
            case "idle":
                world.advance(60)
            case "detach":
                world.handler.detach().close()
            case "raise":
                world.handler.handle_error(KeyError())
        world.until(lambda: world.closed())
        assert no_count_is_left(world)
        peer = world.connect()
        peer.send(b"ann\n")
        assert peer.read(10) == b"Hello ann\n"


def test_N02_the_limit_holds_in_a_storm_and_the_log_is_bounded(caplog: pytest.LogCaptureFixture) -> None:
    with crowd(per_peer=3) as world:
        peers = [world.dial() for _ in range(100)]
        world.until(lambda: refused(world) == 97)
        assert world.reactor.statistics().open == 3
        assert len(caplog.records) == 10
        for peer in peers[:3]:
            peer.send(b"ann\n")
            assert peer.read(10) == b"Hello ann\n"


def test_refusing_is_no_spin() -> None:
    """More turns than the watch for spins allows, each of which does nothing but to refuse, and another one waits."""
    with World(per_peer=1, accepts_per_turn=1) as world:
        world.connect()
        world.dial()
        for _ in range(600):
            world.dial()
            world.reactor.turn(5)
            world.peers.pop().close()
        assert (refused(world), world.reactor.statistics().spins) == (600, 0)


def test_without_the_limit_nobody_is_counted() -> None:
    with crowd(per_peer=None) as world:
        for _ in range(5):
            world.connect()
        assert not world.reactor.admission.peers.networks
        assert refused(world) == 0


def test_two_acceptors_count_together() -> None:
    with crowd(per_peer=1) as world, ServerSocketChannel.open(provider=world.kernel) as second:
        world.reactor.register(second.bind(("127.0.0.1", 0)), 16, Acceptor(Greeter, per_peer=1))
        world.connect()
        with socket.create_connection(("127.0.0.1", second.port)):
            world.until(lambda: refused(world) == 1)


def test_a_unix_domain_listener_takes_everybody(tmp_path: object) -> None:
    path = f"{tmp_path}/s"
    with crowd(per_peer=1) as world, ServerSocketChannel.open(ProtocolFamily.UNIX, provider=world.kernel) as second:
        world.reactor.register(second.bind(path), 16, Acceptor(Greeter, per_peer=1))
        socks = [socket.socket(socket.AF_UNIX) for _ in range(3)]
        try:
            for sock in socks:
                sock.connect(path)
            world.until(lambda: world.reactor.statistics().open == 3)
        finally:
            for sock in socks:
                sock.close()


def test_a_drain_refuses_as_before() -> None:
    with crowd(per_peer=1) as world:
        world.connect()
        world.dial()
        world.advance(1)
        world.reactor.drain(5)
        world.until(lambda: world.reactor.state.name == "STOPPING")
        assert (refused(world), world.closed()) == (1, {CloseReason.DRAIN: 1})


def test_A07_a_factory_that_raises_gives_the_place_back() -> None:
    class Refuser(Greeter):
        def __init__(self) -> None:
            super().__init__()
            if len(world.handlers) % 2 == 0:
                world.handlers.append(None)
                raise KeyError("factory")

        def on_open(self) -> None:
            raise KeyError("on_open")

    with World(Refuser, per_peer=1) as world:
        for _ in range(4):
            world.dial()
            world.turns()
        world.until(lambda: world.handlers and not world.reactor.admission.taken)
        assert no_count_is_left(world)
        assert refused(world) == 0


@pytest.mark.parametrize("count", [0, -1])
def test_a_limit_is_at_least_one(count: int) -> None:
    with pytest.raises(IllegalArgumentError, match="per_peer"):
        Acceptor(Greeter, per_peer=count)


def test_the_state_of_those_who_are_there_is_not_touched() -> None:
    with crowd(per_peer=1) as world:
        world.connect()
        world.dial()
        world.until(lambda: refused(world) == 1)
        assert world.handler.state is State.READING
