"""How a datagram handler sends: at once, from a queue, from any thread; and what the network answers."""

from __future__ import annotations

import errno
import logging
import socket
from collections.abc import Iterator

import pytest

from nio.channels import DatagramChannel
from nio.errors import (
    AlreadyConnectedError,
    IllegalArgumentError,
    NotYetConnectedError,
    UnresolvedAddressError,
    UnsupportedAddressTypeError,
)
from nio.reactor import CloseReason
from tests.helpers import LOOPBACK, arrived
from tests.unit.reactor.datagrams import READ, WRITE, Greeter, Service
from tests.unit.reactor.support import in_a_thread, run


@pytest.fixture
def service() -> Iterator[Service]:
    with Service() as service:
        yield service


def test_send_says_what_is_no_datagram_and_no_address(service: Service) -> None:
    handler = service.handler
    with pytest.raises(TypeError, match=r"Greeter.send\(\) was given 'text': .*use .encode"):
        handler.send("text", service.address)
    with pytest.raises(TypeError, match=r"Greeter.send\(\) was given None: a datagram is bytes"):
        handler.send(None, service.address)
    with pytest.raises(UnsupportedAddressTypeError):
        handler.send(b"x", "127.0.0.1")
    with pytest.raises(UnresolvedAddressError):
        handler.send(b"x", ("localhost", 9))
    with pytest.raises(NotYetConnectedError, match=r"is not connected: Greeter.send\(data, peer\) says where to"):
        handler.send(b"x")


def test_sends_of_other_threads_travel_in_order(service: Service) -> None:
    ann = service.client()
    service.reactor.turn(0)

    def talk() -> None:
        for number in range(5):
            assert service.handler.send(bytearray(b"%d" % number), ann.getsockname())
        with pytest.raises(UnresolvedAddressError):
            service.handler.send(b"x", ("localhost", 9))

    in_a_thread(talk)
    service.until(lambda: service.handler.statistics().sent == 5)
    assert [ann.recv(10) for _ in range(5)] == [b"%d" % number for number in range(5)]


def test_write_interest_is_armed_for_what_is_left_only(service: Service) -> None:
    ann, narrow = service.client(), service.narrow()
    peer = ann.getsockname()
    assert [service.handler.send(b"%d" % number, peer) for number in range(3)] == [True] * 3
    assert service.key.interest_ops == READ | WRITE
    assert (service.handler.unsent, service.handler.owes) == (3, True)
    narrow.room = 2
    service.reactor.turn(0)
    assert (service.handler.unsent, service.key.interest_ops) == (1, READ | WRITE)
    narrow.room = 9
    service.reactor.turn(0)
    assert (service.handler.unsent, service.key.interest_ops) == (0, READ)
    assert [ann.recv(10) for _ in range(3)] == [b"0", b"1", b"2"]
    assert service.handler._unsent == 0


def test_a_full_queue_drops_the_newest_and_counts_it() -> None:
    class Small(Greeter):
        max_output = 200  # two datagrams of 36 bytes with their envelopes of 64

    with Service(Small()) as service:
        ann, narrow = service.client(), service.narrow()
        peer = ann.getsockname()
        answers = [service.handler.send(bytes([number]) * 36, peer) for number in range(4)]
        assert answers == [True, True, False, False]
        assert service.handler.statistics().dropped == 2
        narrow.room = 9
        service.reactor.turn(0)
        assert [ann.recv(100)[0], ann.recv(100)[0]] == [0, 1]


def test_the_queue_is_sent_in_shares() -> None:
    class Fair(Greeter):
        datagrams_per_turn = 2

    with Service(Fair()) as service:
        ann, narrow = service.client(), service.narrow()
        for number in range(5):
            service.handler.send(b"%d" % number, ann.getsockname())
        narrow.room = 9
        left = []
        for _ in range(3):
            service.reactor.turn(0)
            left.append(service.handler.unsent)
        assert left == [3, 1, 0]


def test_C16_what_the_system_refuses_is_told_counted_and_survived(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    ann = service.client()
    assert service.handler.send(b"x" * 70_000, ann.getsockname()) is False
    assert service.handler.errors == []  # nothing is called from inside send()
    service.reactor.turn(0)
    assert [error.errno for error in service.handler.errors] == [errno.EMSGSIZE]
    assert "70000 bytes to" in caplog.text
    narrow = service.narrow()
    narrow.script = [OSError(errno.ENOBUFS, "no buffers")]
    narrow.room = 1
    assert service.handler.send(b"lost", ann.getsockname()) is False
    assert service.handler.send(b"kept", ann.getsockname()) is True
    assert ann.recv(10) == b"kept"
    statistics = service.handler.statistics()
    assert (statistics.failed, statistics.sent) == (2, 1)


def test_an_error_is_not_told_after_the_end(service: Service) -> None:
    service.handler.send(b"x" * 70_000, service.address)
    service.handler.close()
    service.reactor.turn(0)
    assert service.handler.errors == []


def test_what_on_error_raises_does_not_end_it(caplog: pytest.LogCaptureFixture) -> None:
    class Touchy(Greeter):
        def on_error(self, error: OSError) -> None:
            raise error

    with Service(Touchy()) as service:
        service.handler.send(b"x" * 70_000, service.address)
        service.reactor.turn(0)
        assert service.channel.is_open


def test_drain_sends_what_is_owed(service: Service) -> None:
    ann, narrow = service.client(), service.narrow()
    service.handler.send(b"owed", ann.getsockname())
    service.reactor.stop(drain=5)
    service.reactor.turn(0)
    assert service.channel.is_open
    narrow.room = 1
    run(service.reactor)
    assert ann.recv(10) == b"owed"
    assert service.handler.reasons == [CloseReason.DRAIN]


def test_a_cancelled_key_ends_it_and_nothing_raises(service: Service) -> None:
    service.narrow()
    service.key.cancel()
    assert service.handler.send(b"x", service.address) is True
    service.until(lambda: service.handler.reasons == [CloseReason.LOCAL])


def test_settings_of_the_outlet_are_checked(service: Service) -> None:
    handler = Greeter()
    handler.max_output = 0
    with (
        DatagramChannel.open(provider=service.reactor.provider).bind(LOOPBACK) as channel,
        pytest.raises(IllegalArgumentError, match=r"Greeter\.max_output must be 1 or more, not 0"),
    ):
        service.reactor.register(channel, READ, handler)


# connected


class Connected(Service):
    """The service's channel is connected to one peer."""

    def __init__(self) -> None:
        super().__init__()
        self.peer = socket.socket(type=socket.SOCK_DGRAM)
        self.clients.append(self.peer)
        self.peer.settimeout(10)
        self.peer.bind(LOOPBACK)
        self.channel.connect(self.peer.getsockname())


@pytest.fixture
def connected() -> Iterator[Connected]:
    with Connected() as service:
        yield service


def test_connected_it_sends_without_an_address(connected: Connected) -> None:
    assert connected.handler.send(b"hi") is True
    assert connected.peer.recv(10) == b"hi"
    connected.peer.sendto(b"ann", connected.address)
    connected.received(1)
    assert connected.peer.recv(100) == b"Hello ann"
    with pytest.raises(AlreadyConnectedError):
        connected.handler.send(b"x", ("127.0.0.1", 9))


def test_C16_nobody_is_there_and_the_channel_lives_on(connected: Connected, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "nio.reactor")
    address = connected.peer.getsockname()
    connected.peer.close()
    connected.handler.send(b"anybody?")
    arrived(connected.channel)
    connected.until(lambda: connected.handler.errors)
    assert [type(error) for error in connected.handler.errors] == [ConnectionRefusedError]
    assert {record.levelno for record in caplog.records} == {logging.DEBUG}
    with socket.socket(type=socket.SOCK_DGRAM) as back:
        back.settimeout(10)
        back.bind(address)
        back.sendto(b"ann", connected.address)
        connected.received(1)
        assert back.recv(100) == b"Hello ann"


def test_C16_an_answer_to_an_earlier_datagram_does_not_cost_the_next_one(connected: Connected) -> None:
    address = connected.peer.getsockname()
    connected.peer.close()
    connected.handler.send(b"anybody?")
    arrived(connected.channel)
    with socket.socket(type=socket.SOCK_DGRAM) as back:
        back.settimeout(10)
        back.bind(address)
        assert connected.handler.send(b"you?") is True
        assert back.recv(10) == b"you?"
    statistics = connected.handler.statistics()
    assert (statistics.sent, statistics.failed) == (2, 1)


def test_a_network_that_answers_without_end_is_believed(connected: Connected) -> None:
    connected.handler._offer(b"x", None, 0)
    connected.channel.disconnect()
    narrow = connected.narrow()
    narrow.script = [ConnectionRefusedError(errno.ECONNREFUSED, "nobody")] * 3
    assert connected.handler.send(b"x", connected.peer.getsockname()) is False
    assert connected.handler.statistics().failed == 3


def test_an_answer_that_comes_while_nothing_is_watched_is_told(connected: Connected) -> None:
    connected.handler._reading = False
    connected.handler._arm()
    connected.reactor.turn(0)
    connected.peer.close()
    connected.handler.send(b"anybody?")
    arrived(connected.channel)
    connected.handler.handle_fault()
    connected.reactor.turn(0)
    assert [error.errno for error in connected.handler.errors] == [errno.ECONNREFUSED]
