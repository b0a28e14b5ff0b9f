"""TLS under a connection: what a peer that is Python's own ssl sees of it."""

from __future__ import annotations

import ssl
from typing import Any

import pytest

from nio.channels import SelectionKey
from nio.reactor import CloseReason, State
from nio.tls import session_of
from tests.unit.reactor.support import NEVER, Manual, World
from tests.unit.tls.support import Client, Diary, Hello, Mirror, Pki, over

READ, WRITE = int(SelectionKey.OP_READ), int(SelectionKey.OP_WRITE)
VERSIONS = ["TLSv1_2", "TLSv1_3"]


@pytest.mark.parametrize("version", VERSIONS)
def test_requests_and_replies(pki: Pki, version: str, workers: int) -> None:
    with World(over(pki.server(), Hello), workers=workers) as world:
        client = Client(world, pki.client(version)).shake()
        for name in (b"ann", b"bob", b"carl"):
            client.ask(name)
        assert world.handler.secured == 1
        session = session_of(world.handler)
        assert session is not None
        assert session.protocol == version.replace("_", ".")
        client.send(b"a\nb\nc\n" * 30)
        assert client.read(8 * 90) == b"Hello a\nHello b\nHello c\n" * 30
        client.say_end()
        assert client.read_to_end() == b""
        client.peer.close()
        world.until(lambda: world.closed())
        assert world.closed() == {CloseReason.PEER_FIN: 1}


@pytest.mark.parametrize("version", VERSIONS)
def test_what_is_written_before_the_handshake_is_done_waits_under_the_marks(pki: Pki, version: str) -> None:
    class Early(Diary):
        high_mark, low_mark = 1000, 100

        def on_open(self) -> None:
            self.write(b"x" * 1500)

        def on_secure(self) -> None:
            super().on_secure()
            self.write(b"secure")

    with World(over(pki.server(), Early)) as world:
        client = Client(world, pki.client(version))
        world.turns()
        assert (world.handler.unsent, world.handler.state) == (1500, State.SENDING)
        assert world.handler.writable == [False]
        assert world.handler.key.interest_ops == READ  # for the handshake, and not for anything else
        assert client.read(1506) == b"x" * 1500 + b"secure"
        world.turns()
        assert world.handler.writable == [False, True]
        assert (world.handler.unsent, world.handler.key.interest_ops) == (0, READ)


@pytest.mark.parametrize("version", VERSIONS)
def test_L04_bytes_that_come_one_by_one(pki: Pki, version: str, caplog: pytest.LogCaptureFixture) -> None:
    with World(over(pki.server(), Hello)) as world:
        client = Client(world, pki.client(version))
        send = client.peer.send

        def drip(data: bytes) -> None:
            for at in range(len(data)):
                send(data[at : at + 1])
                world.turns(1)

        client.peer.send = drip  # type: ignore[method-assign]
        client.shake()
        client.ask(b"ann")
        assert world.reactor.statistics().spins == 0


@pytest.mark.parametrize("version", VERSIONS)
def test_twenty_megabytes_each_way_under_back_pressure(pki: Pki, version: str) -> None:
    """The client reads only when the server has stopped reading, and sends only then again."""
    block, count = bytes(range(256)) * 400, 200
    with World(over(pki.server(), Mirror)) as world:
        client = Client(world, pki.client(version), receive_buffer=20000).shake()
        got, blocked = bytearray(), 0
        for _ in range(count):
            client.tls.write(block)
            rest = memoryview(client.outgoing.read())
            while rest:
                try:
                    rest = rest[client.peer.sock.send(rest) :]
                except BlockingIOError:
                    world.turns(1)
                    blocked += 1
                    if world.handler.state is State.SENDING:
                        got += client.read_some()
        while len(got) < count * len(block):
            got += client.read_some()
            world.turns(1)
        assert blocked
        assert bytes(got) == block * count
        world.turns()
        assert world.handler.unsent == 0


def test_what_the_kernel_takes_in_part_is_sent_in_order_and_counts(pki: Pki) -> None:
    with World(over(pki.server(), Hello)) as world:
        client = Client(world, pki.client()).shake()
        client.ask(b"ann")
        world.kernel.sends.extend([3, NEVER, 2])
        client.send(b"ann\n")
        world.until(lambda: world.handler.unsent)
        assert 0 < world.handler.unsent <= 10  # of data: what is encrypted of it and not sent counts
        assert client.read(10) == b"Hello ann\n"
        world.kernel.sends.extend([NEVER, 1] * 50)
        client.send(b"bob\ncarl\n" * 50)
        assert client.read(1050) == b"Hello bob\nHello carl\n" * 50
        world.turns()
        assert (world.handler.state, world.handler.key.interest_ops, world.handler.unsent) == (State.READING, READ, 0)


@pytest.mark.parametrize("version", VERSIONS)
def test_L04_a_kernel_that_takes_one_byte_at_a_time(pki: Pki, version: str) -> None:
    with World(over(pki.server(), Hello)) as world:
        world.kernel.sends.extend([1, NEVER] * 3000)
        client = Client(world, pki.client(version)).shake()
        client.ask(b"ann")
        assert world.reactor.statistics().spins == 0


@pytest.mark.parametrize("version", VERSIONS)
def test_L04_a_peer_that_takes_nothing_of_the_handshake(pki: Pki, version: str) -> None:
    """The server's flight waits for room, and nothing spins meanwhile."""
    with World(over(pki.server(), Hello)) as world:
        world.kernel.room = 10
        client = Client(world, pki.client(version))
        with pytest.raises(ssl.SSLWantReadError):
            client.tls.do_handshake()
        client.flush()
        world.until(lambda: world.kernel.room == 0)
        world.turns()
        assert world.handler.key.interest_ops & WRITE
        assert world.handler.unsent > 0
        world.kernel.room = None
        client.shake().ask(b"ann")


@pytest.mark.parametrize("count", [2, 200])
def test_L03_many_records_in_one_segment(pki: Pki, count: int) -> None:
    with World(over(pki.server(), Hello)) as world:
        client = Client(world, pki.client()).shake()
        for _ in range(count):
            client.tls.write(b"ann\n")
        client.flush()
        assert client.read(10 * count) == b"Hello ann\n" * count


def test_L09_a_peer_that_never_answers_the_end_is_left(pki: Pki) -> None:
    with World(over(pki.server(), Hello)) as world:
        client = Client(world, pki.client()).shake()
        client.ask(b"ann")
        world.handler.finish()
        world.until_state(State.LINGERING)
        world.advance(1.9)
        assert world.handler.reasons == []
        world.advance(0.2)
        assert world.handler.reasons == [CloseReason.LOCAL]


def test_encryption_may_take_several_calls(pki: Pki) -> None:
    class Short(ssl.SSLObject):
        asked_for = None

        def write(self, data: Any) -> int:
            return super().write(memoryview(data)[:7])

    context = pki.server()
    with World(over(context, Hello)) as world:
        context.context.sslobject_class = Short
        Client(world, pki.client()).shake().ask(b"x" * 200)


def test_an_established_connection_is_served_like_a_plain_one(pki: Pki) -> None:
    with World(over(pki.server(), Hello)) as world:
        client = Client(world, pki.client()).shake()
        client.ask(b"ann")
        world.turns()
        assert world.handler._steady is world.handler
        before = world.kernel.send_calls, world.kernel.recv_calls
        client.ask(b"bob")
        assert (world.kernel.send_calls, world.kernel.recv_calls) == (before[0] + 1, before[1] + 1)


def test_input_that_came_with_the_end_of_the_handshake_is_found(pki: Pki) -> None:
    """The client's Finished and its first request in one segment, and nothing after that."""
    with World(over(pki.server(), Hello)) as world:
        client = Client(world, pki.client("TLSv1_3"))
        with pytest.raises(ssl.SSLWantReadError):
            client.tls.do_handshake()
        client.flush()
        world.until(lambda: client.pull())
        client.tls.do_handshake()
        client.send(b"ann\nbob\n")
        assert client.read(20) == b"Hello ann\nHello bob\n"


def test_input_that_came_with_the_end_of_the_handshake_waits_for_resume(pki: Pki) -> None:
    class Late(Hello):
        def on_open(self) -> None:
            self.suspend()

    with World(over(pki.server(), Late)) as world:
        client = Client(world, pki.client("TLSv1_3"))
        with pytest.raises(ssl.SSLWantReadError):
            client.tls.do_handshake()
        client.flush()
        world.until(lambda: client.pull())
        client.tls.do_handshake()
        client.send(b"ann\n")
        world.until(lambda: world.handler.secured)
        world.turns()
        assert world.handler.seen == []
        world.handler.resume()
        assert client.read(10) == b"Hello ann\n"


@pytest.mark.parametrize("version", VERSIONS)
def test_an_end_behind_data_in_one_read(pki: Pki, version: str, workers: int) -> None:
    with World(over(pki.server(), Hello), workers=workers) as world:
        client = Client(world, pki.client(version)).shake()
        client.ask(b"ann")
        client.tls.write(b"bob\n")
        with pytest.raises(ssl.SSLWantReadError):
            client.tls.unwrap()
        client.flush()  # and TCP's stream goes on
        assert client.read(10) == b"Hello bob\n"
        assert client.read_to_end() == b""
        world.until(lambda: world.closed())
        assert world.closed() == {CloseReason.PEER_FIN: 1}


@pytest.mark.parametrize("version", VERSIONS)
def test_garbage_behind_data_in_one_read_is_told_behind_the_data(pki: Pki, version: str) -> None:
    with World(over(pki.server(), Hello)) as world:
        client = Client(world, pki.client(version)).shake()
        client.ask(b"ann")
        client.tls.write(b"bob\n")
        client.peer.send(client.outgoing.read() + b"\x17\x03\x03\x00\x20" + b"x" * 32)
        world.until_state(State.LINGERING)
        with pytest.raises(ssl.SSLError, match=r"(?i)bad.record.mac"):
            client.read_to_end()
        client.peer.close()
        world.until(lambda: world.closed())
        assert world.handler.seen == [b"ann", b"bob"]
        assert world.closed() == {CloseReason.PROTOCOL_ERROR: 1}
        assert isinstance(world.handler.close_error, ssl.SSLError)


@pytest.mark.parametrize("version", VERSIONS)
def test_L06_an_end_of_tcp_alone_is_told_as_truncation(pki: Pki, version: str) -> None:
    with World(over(pki.server(), Hello)) as world:
        client = Client(world, pki.client(version)).shake()
        client.send(b"ann\nhalf a li")
        client.peer.half_close()
        assert client.read(10) == b"Hello ann\n"
        world.until(lambda: world.closed())
        assert world.closed() == {CloseReason.TLS_TRUNCATED: 1}
        assert isinstance(world.handler.close_error, ssl.SSLEOFError)
        assert world.handler.seen == [b"ann"]


def test_L06_truncation_is_no_end_of_a_half_open_stream(pki: Pki) -> None:
    class Half(Diary):
        half_open = True
        ends = 0

        def on_peer_end(self) -> None:
            self.ends += 1

    with World(over(pki.server(), Half)) as world:
        client = Client(world, pki.client()).shake()
        client.send(b"hello")
        world.until(lambda: world.handler.got)
        client.peer.half_close()
        world.until(lambda: world.closed())
        assert world.handler.ends == 0
        assert world.handler.reasons == [CloseReason.TLS_TRUNCATED]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_half_open_stream_goes_on_after_the_peer_s_close_notify(pki: Pki, version: str) -> None:
    class Half(Diary):
        half_open = True

        def on_peer_end(self) -> None:
            self.write(b"late words")
            self.finish()

    with World(over(pki.server(), Half)) as world:
        client = Client(world, pki.client(version)).shake()
        client.say_end()
        assert client.read_to_end() == b"late words"
        client.peer.close()
        world.until(lambda: world.closed())


@pytest.mark.parametrize("version", VERSIONS)
def test_output_may_end_while_input_goes_on(pki: Pki, version: str) -> None:
    with World(over(pki.server(), Diary)) as world:
        client = Client(world, pki.client(version)).shake()
        world.until(lambda: world.handler.secured)
        world.handler.write(b"that is all")
        world.handler.end_output()
        assert client.read_to_end() == b"that is all"
        client.send(b"thank you")
        world.until(lambda: world.handler.got)
        assert world.handler.got == [b"thank you"]
        client.say_end()
        world.until(lambda: world.closed())
        assert world.closed() == {CloseReason.PEER_FIN: 1}


@pytest.mark.parametrize("behind", [b"whole", b"", b"garbage"])
def test_output_may_end_before_the_first_input_is_looked_at(pki: Pki, behind: bytes) -> None:
    """It came with the end of the handshake, whole or in part, and on_secure ends the output."""

    class Mute(Diary):
        def on_secure(self) -> None:
            super().on_secure()
            self.suspend()
            self.end_output()

    with World(over(pki.server(), Mute)) as world:
        client = Client(world, pki.client("TLSv1_3"))
        with pytest.raises(ssl.SSLWantReadError):
            client.tls.do_handshake()
        client.flush()
        world.until(lambda: client.pull())
        client.tls.do_handshake()
        finished = client.outgoing.read()
        client.tls.write(b"hello")
        record = client.outgoing.read()
        cut = 3 if not behind else len(record)
        client.peer.send(finished + (b"\x17\x03\x03\x00\x20" + b"x" * 32 if behind == b"garbage" else record[:cut]))
        if behind == b"garbage":
            with pytest.raises(ssl.SSLError, match=r"(?i)bad.record.mac"):
                client.read_to_end()
            client.peer.close()
            world.handler.resume()
            world.until(lambda: world.handler.reasons)
            assert world.handler.reasons == [CloseReason.PROTOCOL_ERROR]
            return
        assert client.read_to_end() == b""
        client.peer.send(record[cut:])
        world.handler.resume()
        world.until(lambda: world.handler.got)
        assert world.handler.got == [b"hello"]


@pytest.mark.parametrize("way", ["finish", "close", "drain", "idle"])
def test_every_end_in_order_says_close_notify(pki: Pki, way: str) -> None:
    with World(over(pki.server(), Hello)) as world:
        client = Client(world, pki.client()).shake()
        client.ask(b"ann")
        if way == "drain":
            world.reactor.stop(drain=1)
        elif way == "idle":
            world.advance(61)
        else:
            getattr(world.handler, way)()
        assert client.read_to_end() == b""  # which SSLEOFError would tell otherwise
        client.peer.close()
        world.until(lambda: world.closed())


def test_an_end_that_cuts_output_off_says_none(pki: Pki) -> None:
    with World(over(pki.server(), Hello)) as world:
        client = Client(world, pki.client()).shake()
        client.ask(b"ann")
        world.kernel.room = 5
        world.handler.send(b"x" * 1000)
        world.turns()
        world.handler.close()
        world.kernel.room = None
        with pytest.raises(ssl.SSLEOFError):
            client.read_to_end()


def test_the_close_notify_of_a_peer_that_takes_nothing_waits_and_ends(pki: Pki) -> None:
    with World(over(pki.server(), Diary)) as world:
        client = Client(world, pki.client()).shake()
        world.until(lambda: world.handler.secured)
        world.turns()
        world.kernel.room = 0
        world.handler.finish()
        world.turns()
        assert (world.handler.state, world.handler.key.interest_ops) == (State.LINGERING, READ | WRITE)
        assert world.handler.unsent > 0
        world.kernel.room = None
        assert client.read_to_end() == b""
        client.say_end()
        world.until(lambda: world.closed())
        assert world.closed() == {CloseReason.LOCAL: 1}


@pytest.mark.parametrize("reply", [False, True])
def test_a_close_notify_that_answers_the_peer_s_waits_for_room(pki: Pki, reply: bool) -> None:
    with World(over(pki.server(), Hello)) as world:
        client = Client(world, pki.client()).shake()
        client.ask(b"ann")
        world.kernel.room = 0
        if reply:
            client.send(b"bob\n")
            world.until(lambda: world.handler.unsent)
            world.kernel.room = 32  # a record of TLS 1.3 with ten bytes in it: 5 of header, 1 of type, 16 of a tag
        client.say_end()
        world.until_state(State.CLOSING)
        world.turns()
        assert world.handler.unsent > 0
        world.kernel.room = None
        assert client.read_to_end() == (b"Hello bob\n" if reply else b"")
        client.peer.close()
        world.until(lambda: world.closed())
        assert world.closed() == {CloseReason.PEER_FIN: 1}


def test_a_drain_answers_what_was_asked_and_says_close_notify(pki: Pki) -> None:
    manual = Manual()
    with World(over(pki.server(), Hello), workers=manual) as world:
        client = Client(world, pki.client()).shake()
        client.send(b"ann\n")
        world.until(lambda: manual.waiting)
        world.reactor.stop(drain=5)
        world.turns()
        manual.run_one()
        assert client.read_to_end() == b"Hello ann\n"
        client.peer.close()
        world.until(lambda: world.closed())
        assert world.closed() == {CloseReason.DRAIN: 1}
