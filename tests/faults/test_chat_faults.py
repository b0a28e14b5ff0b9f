"""Somebody else's state is never my exception: handlers that send to each other, one that follows another on a key."""

from __future__ import annotations

import threading
from typing import ClassVar

import pytest

from nio.channels import SelectionKey
from nio.reactor import CloseReason, Handler, State
from tests.faults.helpers import Client, Server
from tests.unit.reactor.support import PATIENCE, Greeter, Kernel, World, in_a_thread


class Chatter(Greeter):
    """Every record goes to every member, from inside ``process``."""

    members: ClassVar[set[Chatter]] = set()

    def on_open(self) -> None:
        super().on_open()
        self.members.add(self)

    def process(self, record: bytes) -> bytes | None:
        if record == b"/quit":
            self.finish()
            return b"bye"
        # On the reactor's own thread nobody leaves while this goes round; a worker takes a copy, as of any shared set.
        members = self.members if self.reactor.hand_off is None else tuple(self.members)
        for other in members:
            other.send(record)
        return None

    def on_close(self, reason: CloseReason) -> None:
        super().on_close(reason)
        self.members.discard(self)


@pytest.fixture
def chatter() -> type[Chatter]:
    """A chat of its own for each test."""
    return type("Chatter", (Chatter,), {"members": set()})


@pytest.mark.parametrize("threads", [0, 4])
def test_every_client_gets_every_message_in_each_sender_s_order(
    threads: int, chatter: type[Chatter], eager_switches: None
) -> None:
    each, count = 400, 8
    with Server(chatter, workers=threads) as server:
        clients = [server.client() for _ in range(count)]
        server.until(lambda: len(chatter.members) == count)
        got: list[list[bytes]] = [[] for _ in clients]

        def read(number: int, client: Client) -> None:
            with client.sock.makefile("rb") as lines:
                got[number].extend(lines.readline() for _ in range(each * count))

        readers = [threading.Thread(target=read, args=item) for item in enumerate(clients)]
        for reader in readers:
            reader.start()
        for start in range(0, each, 50):
            for number, client in enumerate(clients):
                client.send(b"".join(b"%d %d\n" % (number, serial) for serial in range(start, start + 50)))
        for reader in readers:
            reader.join(PATIENCE)
        for client in clients:
            client.close()
        for heard in got:
            assert len(heard) == each * count
            for number in range(count):
                mine = [line for line in heard if line.startswith(b"%d " % number)]
                assert mine == [b"%d %d\n" % (number, serial) for serial in range(each)]


def test_a_chat_that_is_turned_by_hand_loses_nothing(chatter: type[Chatter], eager_switches: None) -> None:
    """Between two turns nobody runs the reactor, and the workers go on."""
    each, count = 100, 4
    with World(chatter, workers=3) as world:
        peers = [world.connect() for _ in range(count)]
        for peer in peers:
            peer.send(b"".join(b"%03d\n" % serial for serial in range(each)))
        lines = sorted(b"%03d" % serial for serial in range(each) for _ in range(count))
        for peer in peers:
            assert sorted(peer.read(4 * each * count).split()) == lines


def test_who_quits_and_does_not_hang_up_disturbs_nobody(workers: int, chatter: type[Chatter]) -> None:
    with World(chatter, workers=workers) as world:
        ann, bob, cid = (world.connect() for _ in range(3))
        ann.send(b"/quit\n")
        assert ann.read_to_end() == b"bye\n"
        assert world.handlers[0] in chatter.members  # lingering: on_close has not come yet
        bob.send(b"one\n")
        assert bob.read(4) == cid.read(4) == b"one\n"
        assert not world.handlers[0].send(b"too late")
        ann.close()
        world.until(lambda: world.handlers[0].reasons == [CloseReason.LOCAL])
        bob.send(b"two\n")
        assert bob.read(4) == cid.read(4) == b"two\n"


def test_who_does_not_read_costs_nobody_else_anything(workers: int, chatter: type[Chatter]) -> None:
    chatter.max_output, chatter.high_mark = 60_000, 40_000
    with World(chatter, workers=workers) as world:
        deaf = world.connect(receive_buffer=4096)
        bob = world.connect()
        rounds = 0
        while world.handlers[0].state is not State.CLOSED:
            rounds += 1
            assert rounds < 100_000
            bob.send((b"x" * 200 + b"\n") * 10)
            assert bob.read(2010) == (b"x" * 200 + b"\n") * 10
        assert world.handlers[0].reasons == [CloseReason.OVERLOAD]
        world.until(lambda: world.handlers[1].state is State.READING)
        assert world.handlers[1] in chatter.members
        deaf.close()


def test_send_ends_nobody_inside_itself_though_a_deadline_has_passed() -> None:
    """Time passes while the output waits: the overload must not bring the write deadline's close inside ``send``."""
    kernel = Kernel()
    with World(kernel=kernel) as world:
        kernel.room = 0
        world.connect()
        handler = world.handler
        assert handler.send(b"x" * 1000)
        world.turns()
        kernel.now += 100_000_000_000
        assert not handler.send(b"x" * (1 << 20))
        assert handler.reasons == []
        world.turns()
        assert handler.reasons != []


def test_finish_ends_nobody_inside_itself_though_a_deadline_has_passed() -> None:
    kernel = Kernel()
    with World(kernel=kernel) as world:
        kernel.room = 0
        world.connect()
        world.handler.send(b"x" * 1000)
        world.turns()
        kernel.now += 100_000_000_000
        world.handler.finish()
        assert world.handler.reasons == []
        world.turns(4)
        assert world.handler.reasons == [CloseReason.WRITE_TIMEOUT]


def test_send_is_false_from_the_first_moment_of_an_end(workers: int) -> None:
    with World(workers=workers) as world:
        world.connect()
        world.handler.finish()
        assert not world.handler.send(b"x")
        world.turns()
        assert not world.handler.send(b"x")
        world.handler.close()
        assert not world.handler.send(b"x")


# one handler after another on the same channel


class Second(Greeter):
    def process(self, record: bytes) -> bytes | None:
        return b"2 " + record


class First(Greeter):
    idle_timeout = 5.0

    def upgrade(self) -> None:
        self.second = Second()
        self.reactor.register(self.channel, SelectionKey.OP_READ, self.second)


def test_the_second_handler_of_a_channel_lives_by_its_own_deadlines(workers: int) -> None:
    with World(First, workers=workers) as world:
        peer = world.connect()
        peer.send(b"ann\n")
        assert peer.read(10) == b"Hello ann\n"
        world.handler.upgrade()
        first, second = world.handler, world.handler.second
        for _ in range(4):
            world.advance(6)
            peer.send(b"x\n")
            assert peer.read(4) == b"2 x\n"
        assert first.send(b"too late") is False
        peer.close()
        world.until(lambda: second.reasons == [CloseReason.PEER_FIN])
        assert first.reasons == []
        assert world.closed() == {CloseReason.PEER_FIN: 1}
        assert world.reactor.statistics().open == 0


def test_what_the_first_one_could_not_send_never_comes_between_the_second_one_s_replies() -> None:
    kernel = Kernel()
    with World(First, kernel=kernel) as world:
        peer = world.connect()
        first = world.handler
        kernel.room = 2
        first.send(b"first")  # of which the kernel takes two bytes
        first.upgrade()
        kernel.room = None
        peer.send(b"x\n")
        assert peer.read(6) == b"fi2 x\n"


def test_a_first_one_whose_connection_is_broken_takes_the_second_with_it_in_peace() -> None:
    kernel = Kernel()
    with World(First, kernel=kernel) as world:
        peer = world.connect()
        first = world.handler
        first.send(b"last words")
        kernel.sends.append(ConnectionResetError(104, "reset"))
        first.upgrade()
        peer.close()
        world.until(lambda: first.second.reasons)
        assert first.reasons == []
        assert world.closed() == {first.second.reasons[0]: 1}


def test_one_handler_object_for_two_clients_keeps_serving_the_first(workers: int) -> None:
    shared = Greeter()

    def make() -> Handler:
        return shared

    with World(make, workers=workers) as world:
        first = world.connect()
        first.send(b"an")
        world.received(2)
        second = world.dial()
        assert second.read_to_end() == b""
        first.send(b"n\n")
        assert first.read(10) == b"Hello ann\n"
        assert shared.opened == 1


@pytest.mark.parametrize("how", ["key", "channel", "acceptor"])
def test_an_acceptor_that_waits_for_room_and_is_gone_disturbs_nobody_s_close(how: str) -> None:
    with World(max_connections=1) as world:
        peer = world.connect()
        waiting = world.dial()
        world.until(lambda: world.acceptor.key.interest_ops == 0)
        if how == "key":
            world.acceptor.key.cancel()
        elif how == "channel":
            world.listener.close()
        else:
            world.acceptor.close()
        world.turns()
        peer.close()
        world.until(lambda: world.handler.reasons == [CloseReason.PEER_FIN])
        assert not world.handler.channel.is_open
        assert world.reactor.admission.taken == 0
        waiting.close()


# from other threads


def test_suspend_and_resume_of_another_s_handler_travel() -> None:
    with World() as world:
        peer = world.connect()
        handler = world.handler
        in_a_thread(handler.suspend)
        assert handler.state.value == "reading"  # not from there
        world.turns()
        assert handler.state.value == "suspended"
        peer.send(b"ann\n")
        world.turns()
        in_a_thread(handler.resume)
        assert peer.read(10) == b"Hello ann\n"


def test_suspend_in_a_worker_takes_effect_behind_its_reply() -> None:
    class Once(Greeter):
        def process(self, record: bytes) -> bytes | None:
            self.suspend()
            return super().process(record)

    with World(Once, workers=1) as world:
        peer = world.connect()
        peer.send(b"ann\nbob\n")
        assert peer.read(10) == b"Hello ann\n"
        world.until_state(State.SUSPENDED)
        world.turns()
        assert world.handler.seen == [b"ann"]
        world.handler.resume()
        assert peer.read(10) == b"Hello bob\n"
