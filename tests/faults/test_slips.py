"""The commonest slips of whoever writes a handler: what is said names the handler, what it did and what to write."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from nio.channels import SelectionKey, ServerSocketChannel
from nio.errors import IllegalStateError
from nio.framing import Lines
from nio.reactor import Acceptor, CloseReason, Connection, Reactor, StreamHandler
from tests.unit.reactor.support import Greeter, World

ACCEPT, READ = SelectionKey.OP_ACCEPT, SelectionKey.OP_READ


class Echo(StreamHandler):
    def process(self, record: bytes) -> Any:
        return record


class Answer(Greeter):
    """Whatever ``reply`` is."""

    reply: Any = None

    def process(self, record: bytes) -> Any:
        return self.reply() if callable(self.reply) else self.reply


async def coroutine() -> bytes:
    return b"x"


def generator() -> Iterator[bytes]:
    yield b"x"


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (b"Hello\n", [r"b'Hello\n'", "leave the ending out", "Lines adds it"]),
        ("Hello", ["'Hello'", "bytes or None", ".encode()"]),
        ([b"Hello"], ["[b'Hello']", "bytes or None"]),
        (7, ["returned 7", "bytes or None"]),
        (True, ["returned True", "bytes or None"]),
        (staticmethod(coroutine), ["a coroutine", "def, not async def"]),
        (staticmethod(generator), ["<generator object", "bytes or None"]),
    ],
    ids=["ending", "str", "list", "int", "bool", "coroutine", "generator"],
)
@pytest.mark.parametrize("several", [False, True], ids=["one", "several"])
def test_a_reply_that_is_none(
    reply: Any, words: list[str], several: bool, workers: int, caplog: pytest.LogCaptureFixture
) -> None:
    kind = type("Answer", (Answer,), {"reply": reply})
    with World(kind, workers=workers) as world:
        peer = world.connect()
        peer.send(b"ann\nbob\n" if several else b"ann\n")
        assert peer.read_to_end() == b""
        peer.close()
        world.until(lambda: world.handler.reasons == [CloseReason.HANDLER_ERROR])
    for word in ["Answer.process() returned", *words]:
        assert word in caplog.text


@pytest.mark.parametrize("where", ["process", "on_open"])
def test_a_record_sent_with_its_ending_is_not_the_peer_s_fault(
    where: str, workers: int, caplog: pytest.LogCaptureFixture
) -> None:
    class Sender(Greeter):
        def on_open(self) -> None:
            if where == "on_open":
                self.send(b"Hello\n")

        def process(self, record: bytes) -> bytes | None:
            self.send(b"Hello\n")
            return None

    with World(Sender, workers=workers) as world:
        peer = world.connect()
        if where == "process":
            peer.send(b"ann\n")
        assert peer.read_to_end() == b""
        peer.close()
        world.until(lambda: world.handler.reasons == [CloseReason.HANDLER_ERROR])
    for word in ["Sender.send() was given", r"b'Hello\n'", "leave the ending out"]:
        assert word in caplog.text


def test_sending_and_writing_a_str_is_told_to_whoever_does_it() -> None:
    with World() as world:
        world.connect()
        with pytest.raises(TypeError, match=r"Greeter.send\(\) was given 'x'.*use .encode\(\)"):
            world.handler.send("x")
        with pytest.raises(TypeError, match=r"bytes, not 'x'; use .encode\(\)"):
            world.handler.write("x")


@pytest.fixture
def listener() -> Iterator[ServerSocketChannel]:
    with ServerSocketChannel.open().bind(("127.0.0.1", 0)) as channel:
        yield channel


def acceptor_of(**members: Any) -> Callable[[], object]:
    return lambda: Acceptor(type("Mine", (Echo,), members))


class NoProcess(StreamHandler):
    pass


class NoData(Connection):
    pass


class Raw(Connection):
    def handle_data(self, data: bytes) -> None:
        self.write(data)


def connection_of(**members: Any) -> Callable[[], object]:
    return lambda: Acceptor(type("Mine", (Raw,), members))


def joins(self: Any) -> None:
    self.room = self.channel = "#room"


def remembers(self: Any, record: bytes) -> bytes:
    self.name, self._state = record, "named"
    return record


def closes_over(self: Any) -> None:
    self.key = 7
    self.reactor.execute(lambda: self.key)


def assigns_to_another(self: Any, record: bytes) -> None:
    friend: Any = self.friend
    friend.key, self.reasons = 7, []
    self.idle_timeout = self.framing = self.known = None


class Mixin:
    def on_open(self) -> None:
        self.key = 7


class Mixed(Echo, Mixin):  # type: ignore[misc]  # which is the slip
    pass


async def nobody_awaits(self: object, *args: object) -> None:
    pass


@pytest.mark.parametrize(
    ("slip", "words"),
    [
        (lambda: Acceptor(Echo()), ["Acceptor(Echo)", "not Acceptor(Echo())"]),  # type: ignore[arg-type]
        (lambda: Acceptor("x"), ["makes a handler", "Acceptor(str)"]),  # type: ignore[arg-type]
        (lambda: Acceptor(NoProcess), ["NoProcess has no process()"]),
        (lambda: Acceptor(NoData), ["NoData has no handle_data()"]),
        (acceptor_of(process=nobody_awaits), ["Mine.process", "def, not async def"]),
        (acceptor_of(process=staticmethod(nobody_awaits)), ["Mine.process", "def, not async def"]),
        (acceptor_of(on_open=nobody_awaits), ["Mine.on_open", "def, not async def"]),
        (acceptor_of(on_close=nobody_awaits), ["Mine.on_close", "def, not async def"]),
        (connection_of(handle_data=nobody_awaits), ["Mine.handle_data", "def, not async def"]),
        (connection_of(on_writable=nobody_awaits), ["Mine.on_writable", "def, not async def"]),
        (acceptor_of(idle_time_out=5), ["Mine.idle_time_out", "idle_timeout"]),
        (acceptor_of(recordTimeout=5), ["Mine.recordTimeout", "record_timeout"]),
        (acceptor_of(onClose=print), ["Mine.onClose", "on_close"]),
        (connection_of(idle_time_out=5), ["Mine.idle_time_out", "idle_timeout"]),
        (acceptor_of(framing=b"\n"), ["Mine.framing", r"b'\n'", "Lines()"]),
        (acceptor_of(framing=Lines), ["Mine.framing", "a class", "Lines()"]),
        (acceptor_of(framing=None), ["Mine.framing", "None", "Lines()"]),
        (acceptor_of(channel="#room"), ["Mine.channel", "a name that nio uses itself"]),
        (acceptor_of(_flush=print), ["Mine._flush", "a name that nio uses itself"]),
        (connection_of(_wire=print), ["Mine._wire", "a name that nio uses itself"]),
        (acceptor_of(__init__=joins), ["Mine.__init__() assigns self.channel", "choose another name"]),
        (acceptor_of(process=remembers), ["Mine.process() assigns self._state", "choose another name"]),
        (connection_of(on_open=closes_over), ["Mine.on_open() assigns self.key", "choose another name"]),
        (lambda: Acceptor(Mixed), ["Mixin.on_open() assigns self.key", "choose another name"]),
    ],
)
def test_a_class_that_cannot_work_is_refused_when_its_acceptor_is_made(
    slip: Callable[[], object], words: list[str]
) -> None:
    with pytest.raises(TypeError) as caught:
        slip()
    for word in words:
        assert word in str(caught.value)


def test_settings_and_names_of_one_s_own_may_be_assigned() -> None:
    Acceptor(type("Mine", (Echo,), {"process": assigns_to_another, "__slots__": ("known",), "_mine": 1}))


def test_a_framing_of_one_s_own_may_be_a_property_and_is_judged_when_it_is_read(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Chosen(Greeter):
        @property
        def framing(self) -> Any:  # type: ignore[override]
            return Lines() if world.handlers[0] is self else b"\n"

    Acceptor(Chosen)
    with World(Chosen) as world:
        peer = world.connect()
        peer.send(b"ann\n")
        assert peer.read(10) == b"Hello ann\n"
        assert world.connect().read_to_end() == b""
        assert world.handler.reasons == [CloseReason.HANDLER_ERROR]
    assert r"Chosen.framing is a framing, Lines() for one, not b'\n'" in caplog.text


async def nobody_iterates() -> AsyncIterator[None]:
    yield


@pytest.mark.parametrize(
    ("slip", "words"),
    [
        (lambda r, s: r.register(s, ACCEPT, Echo()), ["Echo", "Acceptor(Echo)"]),
        (lambda r, s: r.register(s, ACCEPT, Echo), ["Handler", "Echo()"]),
        (lambda r, s: r.register(s, ACCEPT, "x"), ["Handler", "'x'"]),
        (lambda r, s: r.execute(0), ["execute(fn, x)", "not execute(fn(x))", "got 0"]),
        (lambda r, s: r.call_later(1, None), ["call_later", "got None"]),
        (lambda r, s: r.call_at(1, None), ["call_at", "got None"]),
        (lambda r, s: r.defer(nobody_awaits), ["defer() was given a coroutine function", "not async def"]),
        (lambda r, s: r.on_stop(nobody_iterates), ["on_stop() was given a coroutine function"]),
    ],
    ids=["stream", "class", "str", "execute", "call_later", "call_at", "async", "async generator"],
)
def test_what_is_registered_or_queued_is_looked_at_at_once(
    slip: Callable[[Reactor, ServerSocketChannel], object],
    words: list[str],
    reactor: Reactor,
    listener: ServerSocketChannel,
) -> None:
    with pytest.raises(TypeError) as caught:
        slip(reactor, listener)
    for word in words:
        assert word in str(caught.value)


@pytest.fixture
def reactor() -> Iterator[Reactor]:
    with Reactor.open() as reactor:
        yield reactor


def test_a_plain_socket_is_no_channel(reactor: Reactor) -> None:
    with socket.socket() as plain, pytest.raises(TypeError, match=r"watches a channel.*socket"):
        reactor.register(plain, READ, Echo())  # type: ignore[arg-type]


def test_one_acceptor_on_two_listeners(reactor: Reactor, listener: ServerSocketChannel) -> None:
    acceptor = Acceptor(Echo)
    reactor.register(listener, ACCEPT, acceptor)
    with (
        ServerSocketChannel.open().bind(("127.0.0.1", 0)) as second,
        pytest.raises(IllegalStateError, match="make one Acceptor for each channel"),
    ):
        reactor.register(second, ACCEPT, acceptor)
    assert acceptor.key.channel is listener


def test_one_handler_for_two_connections_is_told_by_its_name(caplog: pytest.LogCaptureFixture) -> None:
    shared = Greeter()
    with World(lambda: shared) as world:
        world.connect()
        assert world.dial().read_to_end() == b""
    assert "make one Greeter for each channel" in caplog.text


@pytest.mark.parametrize(
    ("workers", "words"),
    [
        ("4", "'4'"),
        (-1, "0 or more, not -1"),
        (True, "True"),
        (1.5, "1.5"),
        (None, "None"),
        (lambda: 5, "the factory made 5"),
    ],
)
def test_workers_that_are_none_leave_nothing_open(workers: Any, words: str) -> None:
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    with pytest.raises((TypeError, ValueError)) as caught:
        Reactor.open(workers=workers)
    assert "workers" in str(caught.value)
    assert words in str(caught.value)
    if before:
        assert len(os.listdir("/proc/self/fd")) == before


def test_the_repr_of_a_handler_says_where_it_stands() -> None:
    assert repr(Greeter()) == "Greeter(not open)"
    with World() as world:
        peer = world.connect()
        port = peer.sock.getsockname()[1]
        assert repr(world.handler).startswith("Greeter(")
        assert "reading" in repr(world.handler)
        assert str(port) in repr(world.handler)
        peer.close()
        world.until(lambda: world.handler.reasons)
        assert "closed" in repr(world.handler)


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        (lambda world, peer: peer.close(), "PEER_FIN"),
        (lambda world, peer: peer.reset(), "PEER_RST"),
        (lambda world, peer: world.handler.close(), "LOCAL"),
        (lambda world, peer: world.advance(61), "IDLE_TIMEOUT"),
        (lambda world, peer: (peer.send(b"x" * 999 + b"\n"), peer.close()), "FRAME_TOO_LONG"),
        (lambda world, peer: world.reactor.close(), "LOCAL"),
    ],
    ids=["fin", "rst", "local", "idle", "long", "reactor"],
)
def test_every_end_is_one_line_with_its_reason_and_its_peer(
    end: Callable[[World, Any], object], reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "nio.reactor")
    with World() as world:
        peer = world.connect()
        port = str(peer.sock.getsockname()[1])
        end(world, peer)
        if reason != "LOCAL":
            world.until(lambda: world.handler.reasons)
        lines = [line for line in caplog.text.splitlines() if "ended:" in line]  # as they were written then
        assert len(lines) == 1
        assert reason in lines[0]
        assert port in lines[0]
        assert lines[0].startswith("DEBUG")
