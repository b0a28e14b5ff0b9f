"""DatagramHandler: datagrams in, replies out, and nothing that one datagram does ends the service."""

from __future__ import annotations

import logging
import socket
from concurrent.futures import Future
from dataclasses import asdict
from typing import Any

import pytest

from nio.channels import DatagramChannel, Pipe, SelectionKey, ServerSocketChannel
from nio.errors import IllegalArgumentError, IllegalStateError
from nio.reactor import CloseReason, DatagramHandler, Reactor
from nio.spi import Address, ProtocolFamily
from tests.helpers import LOOPBACK, arrived
from tests.unit.reactor.datagrams import READ, Greeter, Service
from tests.unit.reactor.support import in_a_thread, run


def counted(service: Service) -> dict[str, int]:
    """The counters that are not 0."""
    return {name: count for name, count in asdict(service.handler.statistics()).items() if count}


def test_a_reply_goes_to_whoever_asked() -> None:
    with Service() as service:
        ann, bob = service.client(), service.client()
        ann.send(b"ann")
        bob.send(b"bob")
        service.received(2)
        assert (ann.recv(100), bob.recv(100)) == (b"Hello ann", b"Hello bob")
        assert service.handler.peers == [ann.getsockname(), bob.getsockname()]
        assert counted(service) == {"received": 2, "sent": 2}
        statistics = service.reactor.statistics()
        assert (statistics.requests, statistics.bytes_in, statistics.bytes_out) == (2, 6, 18)
        assert service.key.interest_ops == READ


def test_none_is_no_reply_and_an_empty_datagram_is_one() -> None:
    with Service() as service:
        ann = service.client()
        for data in (b"hush", b"", b"ann"):
            ann.send(data)
        service.received(3)
        assert service.handler.seen == [b"hush", b"", b"ann"]
        assert [ann.recv(100), ann.recv(100)] == [b"Hello ", b"Hello ann"]


@pytest.mark.parametrize(
    ("bad", "line"),
    [
        (b"raise", "Greeter.process() raised; its datagram is dropped"),
        (b"panic", "Greeter.process() raised; its datagram is dropped"),
        (b"text", "Greeter.process() raised; its datagram is dropped"),
        (b"blame", "Greeter: a peer broke the protocol: 'on purpose'"),
    ],
)
def test_a_bad_datagram_costs_itself_only(bad: bytes, line: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "nio.reactor")
    with Service() as service:
        ann = service.client()
        ann.send(bad)
        ann.send(b"ann")
        service.received(2)
        assert ann.recv(100) == b"Hello ann"
        assert counted(service) == {"received": 2, "sent": 1, "raised": 1}
        [record] = caplog.records
        assert record.getMessage() == line
        assert record.levelno == (logging.DEBUG if bad == b"blame" else logging.ERROR)
        if bad == b"text":
            assert "Greeter.process() returned 'text': a reply is bytes or None; use .encode()" in caplog.text


def test_C16_a_datagram_that_is_too_long_is_dropped_whole_and_named(caplog: pytest.LogCaptureFixture) -> None:
    class Short(Greeter):
        max_length = 4

    with Service(Short()) as service:
        ann = service.client()
        for data in (b"12345", b"1234"):
            ann.send(data)
        service.received(1)
        assert ann.recv(100) == b"Hello 1234"
        assert counted(service) == {"received": 1, "sent": 1, "truncated": 1}
        sender = ann.getsockname()
        assert [record.getMessage() for record in caplog.records] == [
            f"Short: a datagram of {sender!r} is dropped: it is longer than max_length, 4 bytes"
        ]


def test_by_default_the_longest_datagram_is_whole() -> None:
    with Service() as service:
        ann = service.client()
        ann.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 18)
        ann.send(b"x" * 65_507)
        service.received(1)
        assert service.handler.seen == [b"x" * 65_507]


def test_a_turn_reads_its_share() -> None:
    class Fair(Greeter):
        datagrams_per_turn = 3

    with Service(Fair()) as service:
        ann = service.client()
        for number in range(7):
            ann.send(b"%d" % number)
        arrived(service.channel)
        seen = []
        for _ in range(3):
            service.reactor.turn(0)
            seen.append(len(service.handler.seen))
        assert seen == [3, 6, 7]


def test_an_empty_datagram_is_sent_from_a_connected_channel_too() -> None:
    with Service() as service:
        client = service.client()
        service.channel.connect(client.getsockname())
        for _ in range(2):
            assert service.handler.send(b"")
            assert service.handler.send(b"", client.getsockname())
        assert [client.recv(10) for _ in range(4)] == [b""] * 4
        assert service.handler.statistics().sent == 4
        service.channel.close()
        assert not service.handler.send(b"", client.getsockname())
        assert service.handler.statistics().sent == 4


def test_an_empty_datagram_without_room_waits() -> None:
    with Service() as service:
        client = service.client()
        narrow = service.narrow()
        assert service.handler.send(b"", client.getsockname())
        assert (service.handler.statistics().sent, service.handler.unsent) == (0, 1)
        narrow.room = 1
        service.until(lambda: not service.handler.unsent)
        assert client.recv(10) == b""


def test_late_reply_of_a_process_that_closes_is_cancelled() -> None:
    class Closing(Greeter):
        def process(self, data: bytes, peer: Address) -> Any:
            self.close()
            return late

    late: Future[bytes | None] = Future()
    with Service(Closing()) as service:
        service.client().send(b"x")
        service.until(lambda: late.cancelled())
        assert not service.handler._requests
        assert service.reactor.statistics().dropped == 1


def test_empty_datagrams_are_no_spin() -> None:
    """More turns than the watch for spins allows, each with one datagram that has no bytes."""
    with Service() as service:
        ann = service.client()
        for number in range(600):
            ann.send(b"")
            service.received(number + 1)
        assert service.reactor.statistics().spins == 0
        assert service.handler.reports_bytes is False


def test_a_socket_that_is_ready_for_nothing_is_a_spin(caplog: pytest.LogCaptureFixture) -> None:
    with Service() as service:
        service.reactor.provider.lies.append(service.channel._fd)  # type: ignore[attr-defined]
        for _ in range(513):
            service.reactor.turn(0)
        assert service.reactor.statistics().spins == 1
        assert service.key.interest_ops == 0


def test_it_closes_once_and_says_why() -> None:
    with Service() as service:
        service.handler.close()
        service.handler.close()
        assert service.handler.reasons == [CloseReason.LOCAL]
        assert not service.channel.is_open
        assert service.handler.send(b"late", service.address) is False
        service.handler._arm()  # what was under way when it closed


def test_it_may_close_itself_in_the_middle_of_its_share() -> None:
    class Once(Greeter):
        def process(self, data: bytes, peer: Address) -> bytes:
            super().process(data, peer)
            self.close()
            return b"bye"

    with Service(Once()) as service:
        ann = service.client()
        ann.send(b"one")
        ann.send(b"two")
        service.until(lambda: service.handler.reasons)
        assert service.handler.seen == [b"one"]


def test_a_close_by_somebody_else_ends_it() -> None:
    with Service() as service:
        ann = service.client()
        ann.send(b"ann")
        arrived(service.channel)
        service.channel.close()
        assert service.handler._receive() is False
        assert service.handler._send(b"x", service.address) is False
        service.until(lambda: service.handler.reasons == [CloseReason.LOCAL])


def test_drain_answers_what_waits_then_closes() -> None:
    with Service() as service:
        ann = service.client()
        ann.send(b"ann")
        arrived(service.channel)
        service.reactor.stop(drain=5)
        run(service.reactor)
        assert ann.recv(100) == b"Hello ann"
        assert service.handler.reasons == [CloseReason.DRAIN]


def test_drain_of_one_that_only_sends() -> None:
    with Reactor.open() as reactor, DatagramChannel.open().bind(LOOPBACK) as channel:
        handler = Greeter()
        reactor.register(channel, 0, handler)
        reactor.stop(drain=5)
        run(reactor)
        assert handler.reasons == [CloseReason.DRAIN]


def test_ctrl_c_in_process_leaves_the_service_in_order() -> None:
    class Interrupted(Greeter):
        def process(self, data: bytes, peer: Address) -> bytes | None:
            if data == b"ctrl-c":
                raise KeyboardInterrupt
            return data

    with Service(Interrupted()) as service:
        ann = service.client()
        ann.send(b"ctrl-c")
        with pytest.raises(KeyboardInterrupt):
            service.received(1)
        ann.send(b"ann")
        service.received(2)
        assert ann.recv(100) == b"ann"


def test_a_tick_of_its_own_that_raises_does_not_end_it(caplog: pytest.LogCaptureFixture) -> None:
    with Service() as service:
        service.reactor.execute(service.handler.process, b"raise", service.address)
        service.reactor.turn(0)
        assert service.channel.is_open
        assert "Greeter raised" in caplog.text


def test_another_handler_takes_the_channel() -> None:
    with Service() as service:
        first, second = service.handler, Greeter()
        service.reactor.register(service.channel, READ, second)
        service.handler = second
        ann = service.client()
        ann.send(b"ann")
        service.received(1)
        assert first.send(b"x", service.address) is False
        assert (first.seen, first.reasons) == ([], [])


def test_what_on_open_raises_is_the_callers_and_the_channel_too() -> None:
    class Failing(Greeter):
        def on_open(self) -> None:
            raise LookupError("on purpose")

    with Reactor.open() as reactor, DatagramChannel.open().bind(LOOPBACK) as channel:
        failing = Failing()
        with pytest.raises(LookupError):
            reactor.register(channel, READ, failing)
        assert failing.send(b"x", ("127.0.0.1", 9)) is False
        assert channel.is_open


def test_ipv6() -> None:
    with Reactor.open() as reactor, DatagramChannel.open(ProtocolFamily.INET6).bind(("::1", 0)) as channel:
        handler = Greeter()
        reactor.register(channel, READ, handler)
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as ann:
            ann.settimeout(10)
            ann.sendto(b"ann", ("::1", channel.port or 0))
            reactor.turn(10)
            assert ann.recv(100) == b"Hello ann"


def test_slips_are_told_in_words() -> None:
    class NoProcess(DatagramHandler):
        pass

    class Coroutine(DatagramHandler):
        async def process(self, data: bytes, peer: Address) -> bytes | None:  # type: ignore[override]
            return data

    class Misspelt(Greeter):
        maxlength = 5

    class Zero(Greeter):
        max_outstanding = 0

    with Reactor.open() as reactor, DatagramChannel.open().bind(LOOPBACK) as channel:
        for cls, error, words in (
            (NoProcess, TypeError, r"NoProcess has no process\(\)"),
            (Coroutine, TypeError, "Coroutine.process is a coroutine function: write it with def, not async def"),
            (Misspelt, TypeError, "Misspelt.maxlength is no setting: it is spelled max_length"),
            (Zero, IllegalArgumentError, "Zero.max_outstanding must be 1 or more, not 0"),
        ):
            with pytest.raises(error, match=words):
                reactor.register(channel, READ, cls())
            reactor.turn(0)  # the key that was refused is gone
        with pytest.raises(NotImplementedError, match=r"NoProcess has no process\(\)"):
            NoProcess().process(b"", LOOPBACK)
        with ServerSocketChannel.open() as server, pytest.raises(TypeError, match=r"no handle_accept\(\)"):
            reactor.register(server, SelectionKey.OP_ACCEPT, Greeter())
        with Pipe.open() as pipe, pytest.raises(IllegalArgumentError, match="a Greeter handles a DatagramChannel, not"):
            reactor.register(pipe.source, READ, Greeter())
        with pytest.raises(IllegalStateError, match="this Greeter has no channel yet"):
            Greeter().send(b"x", LOOPBACK)
        assert repr(Greeter()) == "Greeter(not open)"
        handler = Greeter()
        reactor.register(channel, READ, handler)
        assert repr(handler) == f"Greeter({channel!r})"


def test_the_hooks_do_nothing_by_default() -> None:
    class Echo(DatagramHandler):
        def process(self, data: bytes, peer: Address) -> bytes | None:
            return data

    with Service(Echo()) as service:
        service.handler.on_error(OSError())
        service.reactor.turn(0)
        in_a_thread(service.handler.close)
        service.until(lambda: not service.channel.is_open)
