from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Iterator

import pytest

from nio.buffers import ByteBuffer
from nio.channels import Pipe, SelectionKey, SocketChannel
from nio.errors import IllegalStateError
from nio.reactor import Acceptor, CloseReason, DatagramHandler, Handler, Reactor, StreamHandler
from nio.spi import Address
from tests.unit.reactor.support import Keeper, Kernel

READ, WRITE, CONNECT = int(SelectionKey.OP_READ), int(SelectionKey.OP_WRITE), int(SelectionKey.OP_CONNECT)


class Diary(Handler):
    """Writes down what is called."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def handle_accept(self) -> None:
        self.calls.append("accept")

    def handle_connect(self) -> None:
        self.calls.append("connect")

    def handle_read(self) -> None:
        self.calls.append("read")

    def handle_write(self) -> None:
        self.calls.append("write")


@pytest.fixture
def kernel() -> Kernel:
    return Kernel()


@pytest.fixture
def reactor(kernel: Kernel) -> Iterator[Reactor]:
    with Reactor.open(provider=kernel) as reactor:
        yield reactor


@pytest.fixture
def pipe(kernel: Kernel) -> Iterator[Pipe]:
    with Pipe.open(provider=kernel) as pipe:
        yield pipe


def test_a_handler_is_bound_to_its_key_before_anything_is_called(reactor: Reactor, pipe: Pipe) -> None:
    diary = Diary()
    key = reactor.register(pipe.source, READ, diary)
    assert (diary.reactor, diary.key, diary.channel) == (reactor, key, pipe.source)
    assert key.attachment is diary
    assert not pipe.source.is_blocking
    reactor.turn(0)
    assert diary.calls == []


def test_each_operation_has_its_method(reactor: Reactor, pipe: Pipe) -> None:
    diary = Diary()
    reactor.register(pipe.source, READ, diary)
    for bit, name in ((1, "read"), (4, "write"), (8, "connect"), (16, "accept")):
        diary.calls.clear()
        diary.handle_ready(bit)
        assert diary.calls == [name]
    diary.calls.clear()
    diary.handle_ready(1 | 4 | 8)
    assert diary.calls == ["connect", "read", "write"]


def test_after_a_close_the_other_operations_of_the_same_event_are_not_called(reactor: Reactor, pipe: Pipe) -> None:
    class Closes(Diary):
        def handle_connect(self) -> None:
            super().handle_connect()
            self.close()

    class ClosesLater(Diary):
        def handle_read(self) -> None:
            super().handle_read()
            self.close()

    first, second = Closes(), ClosesLater()
    reactor.register(pipe.source, READ, first)
    reactor.register(pipe.sink, WRITE, second)
    first.handle_ready(1 | 4 | 8)
    second.handle_ready(1 | 4)
    assert (first.calls, second.calls) == (["connect"], ["read"])


def test_reading_and_writing_a_pipe(reactor: Reactor, pipe: Pipe) -> None:
    got = []

    class Reader(Handler):
        def handle_read(self) -> None:
            buffer = ByteBuffer.allocate(10)
            pipe.source.read(buffer)
            got.append(bytes(buffer.flip()))

    class Writer(Handler):
        def handle_write(self) -> None:
            pipe.sink.write(b"hello")
            self.close()

    reactor.register(pipe.source, READ, Reader())
    reactor.register(pipe.sink, WRITE, Writer())
    reactor.turn(1)
    reactor.turn(1)
    assert got[0] == b"hello"


def test_a_connection_of_one_s_own(reactor: Reactor, kernel: Kernel) -> None:
    class Connecting(Diary):
        def handle_connect(self) -> None:
            super().handle_connect()
            assert isinstance(self.channel, SocketChannel)
            assert self.channel.finish_connect()
            self.key.interest_ops = WRITE

        def handle_write(self) -> None:
            super().handle_write()
            self.close()

    with socket.create_server(("127.0.0.1", 0)) as server:
        channel = SocketChannel.open(provider=kernel).configure_blocking(False)
        channel.connect(server.getsockname())
        diary = Connecting()
        reactor.register(channel, CONNECT, diary)
        while "write" not in diary.calls:
            reactor.turn(5)
        assert diary.calls == ["connect", "write"]
        server.accept()[0].close()


@pytest.mark.parametrize(("bit", "name"), [(1, "read"), (4, "write"), (8, "connect"), (16, "accept")])
def test_an_operation_without_a_method_says_which(reactor: Reactor, pipe: Pipe, bit: int, name: str) -> None:
    handler = Handler()
    reactor.register(pipe.source, READ, handler)
    with pytest.raises(NotImplementedError, match=f"Handler is registered for OP_{name.upper()} .* handle_{name}"):
        handler.handle_ready(bit)


def test_a_handler_that_raises_loses_its_channel_never_the_reactor(
    reactor: Reactor, pipe: Pipe, caplog: pytest.LogCaptureFixture
) -> None:
    handler = Handler()
    reactor.admit(pipe.source, READ, handler)
    with pipe.sink:
        pipe.sink.write(b"x")
        reactor.turn(1)
    assert not pipe.source.is_open
    assert reactor.statistics().closed == {CloseReason.HANDLER_ERROR: 1}
    assert "has no handle_read" in caplog.text


def test_a_handler_may_survive_its_error(reactor: Reactor, pipe: Pipe) -> None:
    class Hard(Handler):
        errors: list[BaseException] = []  # noqa: RUF012  # one instance

        def handle_read(self) -> None:
            pipe.source.read(bytearray(1))
            raise KeyError("again")

        def handle_error(self, error: BaseException) -> None:
            self.errors.append(error)

    hard = Hard()
    reactor.register(pipe.source, READ, hard)
    pipe.sink.write(b"xy")
    reactor.turn(1)
    reactor.turn(1)
    assert [type(error) for error in hard.errors] == [KeyError, KeyError]
    assert pipe.source.is_open


def test_a_handle_error_that_raises_too_loses_the_channel_after_all(
    reactor: Reactor, pipe: Pipe, caplog: pytest.LogCaptureFixture
) -> None:
    class Worse(Handler):
        def handle_error(self, error: BaseException) -> None:
            raise IndexError("worse")

    reactor.admit(pipe.source, READ, Worse())
    pipe.sink.write(b"x")
    reactor.turn(1)
    reactor.execute(int)
    assert reactor.turn(0).ticks == 1
    assert not pipe.source.is_open
    assert reactor.statistics().closed == {CloseReason.HANDLER_ERROR: 1}
    assert [record.levelno for record in caplog.records] == [logging.ERROR, logging.ERROR]


def test_closing_is_counted_once(reactor: Reactor, pipe: Pipe) -> None:
    diary = Diary()
    reactor.admit(pipe.source, READ, diary)
    diary.close(CloseReason.OVERLOAD)
    diary.close(CloseReason.LOCAL)
    assert reactor.statistics().closed == {CloseReason.OVERLOAD: 1}
    assert not pipe.source.is_open


def test_a_handler_may_hand_its_key_to_another(reactor: Reactor, pipe: Pipe) -> None:
    second = Diary()

    class First(Diary):
        def handle_read(self) -> None:
            super().handle_read()
            self.key.attach(second)

    first = First()
    reactor.register(pipe.source, READ, first)
    pipe.sink.write(b"x")
    for _ in range(3):
        reactor.turn(1)
    assert (first.calls, second.calls) == (["read"], ["read", "read"])


class Words(StreamHandler):
    def process(self, record: bytes) -> bytes | None:
        return record


class Datagrams(DatagramHandler):
    def process(self, data: bytes, peer: Address) -> bytes | None:
        return data


EARLY: list[Callable[[], object]] = [
    lambda: Handler().close(),
    lambda: Acceptor(Words).close(),
    lambda: Datagrams().close(),
    lambda: Datagrams().send(b"x"),
    lambda: Words().close(),
    lambda: Words().finish(),
    lambda: Words().send(b"x"),
    lambda: Words().write(b"x"),
    lambda: Keeper().close(),
    lambda: Keeper().finish(),
    lambda: Keeper().write(b"x"),
]


@pytest.mark.parametrize("call", EARLY)
def test_C08_before_it_is_open_a_handler_says_what_is_missing(call: Callable[[], object]) -> None:
    with pytest.raises(IllegalStateError, match="has no channel yet: it gets one by"):
        call()
