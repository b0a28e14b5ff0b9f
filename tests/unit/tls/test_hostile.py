"""What handlers and peers do to a connection that is established, over TLS: each costs that connection alone."""

from __future__ import annotations

import gc
import ssl
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nio.channels import SelectionKey
from nio.errors import ProtocolError
from nio.reactor import CloseReason, Group, State, StreamHandler
from tests.unit.reactor.support import Blob, World, in_a_thread
from tests.unit.tls.support import Client, Diary, Hello, Mirror, Pki, over

READ, WRITE = int(SelectionKey.OP_READ), int(SelectionKey.OP_WRITE)


def closes(handler: Any) -> None:
    handler.close()


def finishes(handler: Any) -> None:
    handler.finish()


def blames(handler: Any) -> None:
    raise ProtocolError("not so")


def fails(handler: Any) -> None:
    raise KeyError("odd")


def floods(handler: Any) -> None:
    for _ in range(3):
        handler.send(b"x" * 700_000)


DEEDS: dict[Callable[[Any], None], tuple[CloseReason, bool]] = {
    closes: (CloseReason.LOCAL, True),
    finishes: (CloseReason.LOCAL, True),
    blames: (CloseReason.PROTOCOL_ERROR, True),
    fails: (CloseReason.HANDLER_ERROR, True),
    floods: (CloseReason.OVERLOAD, False),
}


@pytest.mark.parametrize("deed", DEEDS, ids=lambda deed: str(deed.__name__))
def test_a_deed_inside_process(pki: Pki, deed: Callable[[Any], None]) -> None:
    reason, in_order = DEEDS[deed]

    class Doer(Hello):
        def process(self, record: bytes) -> bytes | None:
            if record == b"do":
                deed(self)
                return None
            return super().process(record)

    with World(over(pki.server(), Doer)) as world:
        client, other = (Client(world, pki.client()).shake() for _ in range(2))
        client.ask(b"ann")
        world.kernel.room = None if in_order else 0
        doer = world.handlers[0]
        client.send(b"do\n")
        world.until(lambda: doer.state not in (State.READING, State.SENDING))
        world.kernel.room = None
        if in_order:
            assert client.read_to_end() == b""
        else:
            with pytest.raises(ssl.SSLEOFError):
                client.read_to_end()
        client.peer.close()
        world.until(lambda: doer.reasons)
        assert doer.reasons == [reason]
        other.ask(b"bob")


@pytest.mark.parametrize("call", ["send", "finish", "close"])
def test_a_call_from_another_thread(pki: Pki, call: str) -> None:
    with World(over(pki.server(), Hello)) as world:
        client = Client(world, pki.client()).shake()
        client.ask(b"ann")
        in_a_thread(getattr(world.handler, call), *([b"from afar"] if call == "send" else []))
        if call == "send":
            assert client.read(10) == b"from afar\n"
        else:
            assert client.read_to_end() == b""


def test_a_peer_that_never_reads_is_left(pki: Pki) -> None:
    with World(over(pki.server(), Blob)) as world:
        client = Client(world, pki.client(), receive_buffer=4096).shake()
        world.kernel.room = 100_000
        client.send(b"900000\n")
        world.until_state(State.SENDING)
        world.until(lambda: world.kernel.room == 0)
        held = world.handler.unsent
        assert held > world.handler.high_mark
        client.send(b"900000\n")
        world.turns()
        assert (len(world.handler.seen), world.handler.unsent) == (1, held)  # nothing more is read
        for _ in range(3):
            world.advance(11)
        assert world.handler.reasons == [CloseReason.TOO_SLOW]


def test_a_peer_that_says_half_a_record_and_no_more(pki: Pki) -> None:
    with World(over(pki.server(), Hello)) as world:
        client = Client(world, pki.client()).shake()
        client.ask(b"ann")
        client.tls.write(b"bob\n")
        client.peer.send(client.outgoing.read()[:-1])
        world.turns()
        world.advance(59)
        assert world.handler.reasons == []
        world.advance(2)
        assert world.handler.reasons == [CloseReason.IDLE_TIMEOUT]


def test_a_request_that_waits_for_the_end_of_the_handshake_spins_nowhere(pki: Pki) -> None:
    """CLOSING, with output, and nothing can be sent before something is received."""

    class Brief(Hello):
        def on_open(self) -> None:
            self.send(b"go away")
            self.finish()

    with World(over(pki.server(), Brief)) as world:
        world.connect()
        world.until_state(State.CLOSING)
        world.turns()
        assert world.handler.key.interest_ops == READ
        world.advance(10.1)
        assert world.handler.reasons == [CloseReason.TLS_TIMEOUT]


@pytest.mark.parametrize("size", [0, 1, 16384, 300_000])
def test_a_file_goes_over_tls(pki: Pki, tmp_path: Path, size: int) -> None:
    path = tmp_path / "file"
    path.write_bytes((bytes(range(256)) * 1200)[:size])
    with World(over(pki.server(), Diary)) as world:
        client = Client(world, pki.client()).shake()
        world.until(lambda: world.handler.secured)
        world.handler.write(b"before,")
        world.handler.send_file(path)
        world.handler.write(b",after")
        world.handler.finish()
        assert client.read_to_end() == b"before," + path.read_bytes() + b",after"


def test_a_file_that_shrinks_is_no_end(pki: Pki, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(1_000_000))
    with World(over(pki.server(), Diary)) as world:
        client = Client(world, pki.client()).shake()
        world.until(lambda: world.handler.secured)
        world.kernel.room = 1000
        world.handler.send_file(path)
        world.turns()
        path.write_bytes(b"")
        world.kernel.room = None
        with pytest.raises((ssl.SSLEOFError, ConnectionResetError)):
            client.read_to_end()
        assert world.handler.reasons == [CloseReason.FILE_ERROR]


def test_one_record_to_many(pki: Pki) -> None:
    group: Group[Any] = Group()

    class Member(Hello):
        def on_open(self) -> None:
            group.join(self)

    with World(over(pki.server(), Member)) as world:
        clients = [Client(world, pki.client()).shake() for _ in range(3)]
        clients[0].peer.reset()
        group.broadcast(b"hear, hear")
        for client in clients[1:]:
            assert client.read(11) == b"hear, hear\n"
        world.until(lambda: len(group) == 2)


def test_another_handler_may_get_the_channel(pki: Pki) -> None:
    with World(over(pki.server(), Mirror)) as world:
        client = Client(world, pki.client()).shake()
        client.send(b"hello")
        assert client.read(5) == b"hello"
        first = world.handler
        first.write(b"last words")
        second = Diary()
        world.reactor.register(first.channel, SelectionKey.OP_READ, second)
        assert client.read(10) == b"last words"
        client.send(b"\0")
        world.until(lambda: second.got)
        assert second.got[0][:3] == b"\x17\x03\x03"  # a record as it came: the keys went with the first


@pytest.mark.parametrize("end", ["close", "say_end", "reset", "garbage", "timeout"])
def test_nothing_is_left_for_the_garbage_collector(pki: Pki, end: str) -> None:
    made: list[weakref.ref[Any]] = []

    class Weak(StreamHandler):
        __slots__ = ("__dict__", "__weakref__")

        def __init__(self) -> None:
            made.append(weakref.ref(self))

        def process(self, record: bytes) -> bytes:
            return record

    context = pki.server()
    with World(over(context, Weak)) as world:
        gc.disable()
        try:
            peer = world.connect()
            if end == "garbage":
                peer.send(b"GET / HTTP/1.1\r\n\r\n")
                world.until_state(State.LINGERING)
                peer.close()
            elif end == "timeout":
                world.advance(11)
            else:
                client = Client(world, pki.client(), peer=peer).shake()
                client.send(b"ann\n")
                assert client.read(4) == b"ann\n"
                if end == "close":
                    world.handler.close()
                else:
                    getattr(client if end == "say_end" else peer, end)()
            world.until(lambda: world.closed())
            world.handlers.clear()
            world.turns()
            assert [ref() for ref in made] == [None]
        finally:
            gc.enable()
