"""listen and connect: how a stream comes about, or does not."""

from __future__ import annotations

import errno
import os
import tempfile
from typing import Any

import pytest

from nio.channels import SelectionKey, ServerSocketChannel
from nio.errors import ClosedSelectorError, IllegalArgumentError, UnsupportedAddressTypeError
from nio.framing import Lines
from nio.reactor import Acceptor, CloseReason
from nio.spi import ProtocolFamily
from nio.tasks import Cancelled, Listener, Stream, StreamClosedError, connect, listen, sleep, spawn
from tests.unit.reactor.support import World, in_a_thread
from tests.unit.tasks.support import Diary, Greeting, Stage


async def greet(client: Stream) -> None:
    async with client.framed(Lines(max_length=256)) as names:
        async for name in names:
            await names.send(b"Hello " + name)


class Patient(Stream):
    idle_timeout = 500.0


async def ask(port: Any) -> bytes | None:
    async with await connect(("127.0.0.1", port)) as stream:
        names = stream.framed(Lines())
        await names.send(b"ann")
        reply: bytes | None = await names.receive()
    return reply


@pytest.mark.parametrize("serve", [greet, Greeting, Patient.serving(greet)], ids=["function", "class", "settings"])
def test_a_server_and_a_client_on_one_reactor(serve: Any) -> None:
    async def main() -> bytes | None:
        async with await listen(("127.0.0.1", 0), serve) as server:
            return await ask(server.port)

    with Stage() as stage:
        assert stage.ended(main) == b"Hello ann"


@pytest.mark.parametrize("family", ["INET6", "UNIX"])
def test_other_families(family: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        address: Any = ("::1", 0) if family == "INET6" else os.path.join(folder, "socket")

        async def main() -> list[Any]:
            server = await listen(address, greet)
            target: Any = ("::1", server.port) if family == "INET6" else address
            async with (await connect(target)).framed(Lines()) as names:
                await names.send(b"ann")
                return [await names.receive(), server.port is None]

        with Stage() as stage:
            assert stage.ended(main) == [b"Hello ann", family == "UNIX"]


def test_an_address_that_is_taken_is_told_and_nothing_is_left() -> None:
    async def main(port: Any) -> Listener:
        return await listen(("127.0.0.1", port), greet)

    with Stage() as stage, ServerSocketChannel.open().bind(("127.0.0.1", 0)) as other:
        with pytest.raises(OSError, match="Address already in use"):
            stage.ended(main, other.port)
        assert stage.reactor.connections() == ()


@pytest.mark.parametrize(
    ("serve", "words"),
    [
        (print, r"listen\(\) takes a coroutine function, async def fn\(\.\.\.\), or a class of Stream; got <built-in"),
        (5, "got 5"),
        (dict, "takes a coroutine function"),
        (Patient, r"Patient has no serve\(\): write async def serve\(self\), or Patient\.serving\(fn\)"),
    ],
)
def test_what_cannot_serve_is_refused(serve: Any, words: str) -> None:
    async def main() -> None:
        await listen(("127.0.0.1", 0), serve)

    with Stage() as stage, pytest.raises(TypeError, match=words):
        stage.ended(main)


def test_a_listener_is_awaited_until_somebody_closes_it() -> None:
    async def main(log: list[Any]) -> None:
        server = await listen(("127.0.0.1", 0), greet, backlog=5, per_peer=3, accepts_per_turn=2)
        log.append(server)
        await server.wait_closed()
        await server.wait_closed()
        log.append("closed")

    with Stage() as stage:
        log: list[Any] = []
        task = stage.begin(main, log)
        assert (log[0].per_peer, log[0].accepts_per_turn) == (3, 2)
        log[0].close()
        stage.turns()
        assert (task.is_done, log[1]) == (True, "closed")


def test_a_listener_whose_channel_is_another_handler_s_listens_no_more() -> None:
    async def main(log: list[Any]) -> None:
        server = await listen(("127.0.0.1", 0), greet)
        log.append(server)
        await server.wait_closed()
        await server.wait_closed()

    with Stage() as stage:
        log: list[Any] = []
        task = stage.begin(main, log)
        other = Acceptor(Greeting)
        stage.reactor.register(log[0].channel, SelectionKey.OP_ACCEPT, other)
        stage.turns()
        assert (task.is_done, log[0].channel.is_open) == (True, True)
        other.close()


def test_a_listener_is_closed_from_another_thread() -> None:
    async def main(log: list[Any]) -> None:
        server = await listen(("127.0.0.1", 0), greet)
        log.append(server)
        await server.wait_closed()

    with Stage() as stage:
        log: list[Any] = []
        task = stage.begin(main, log)
        in_a_thread(log[0].close)
        stage.until(lambda: task.is_done)


def test_the_limit_of_a_peer_holds() -> None:
    async def rest(client: Stream) -> None:
        await client.wait_closed()

    async def main() -> list[Any]:
        server = await listen(("127.0.0.1", 0), rest, per_peer=1)
        first = await connect(("127.0.0.1", server.port or 0))
        second = await connect(("127.0.0.1", server.port or 0))
        got = await second.receive()
        first.close()
        return [got]

    with Stage() as stage:
        assert stage.ended(main) == [None]
        assert stage.reactor.statistics().refused == 1


# connect


def test_a_refused_connection_raises_what_the_system_said() -> None:
    with ServerSocketChannel.open().bind(("127.0.0.1", 0)) as other:
        port = other.port
    with Stage() as stage, pytest.raises(ConnectionRefusedError):
        stage.ended(ask, port)


def test_an_address_that_is_none_is_refused() -> None:
    async def main() -> None:
        await connect(5)  # type: ignore[call-overload]

    with Stage() as stage, pytest.raises(UnsupportedAddressTypeError):
        stage.ended(main)


def test_a_connect_that_takes_too_long() -> None:
    async def main() -> None:
        await connect(("192.0.2.1", 9), timeout=1)

    with Stage() as stage:
        task = stage.begin(main)
        if not task.is_done:  # a machine without a route says so at once
            stage.advance(1)
            assert isinstance(task._error, TimeoutError)


def test_a_connect_while_the_reactor_drains() -> None:
    """The task is cancelled by the drain as well, and swallows that to see what the connect says."""

    async def main(log: list[Any], port: Any) -> None:
        steps: list[Any] = [lambda: sleep(1e6), lambda: connect(("127.0.0.1", port))]
        for step in steps:
            try:
                log.append(await step())
            except (Cancelled, StreamClosedError) as error:
                log.append(error)

    class Still(Diary):
        async def serve(self) -> None:
            await sleep(1e6)

    with World(Still) as world:
        world.connect()
        log: list[Any] = []
        spawn(world.reactor, main, log, world.address[1])
        world.turns()
        world.reactor.stop(drain=5)
        world.turns(8)
        assert [type(error) for error in log] == [Cancelled, StreamClosedError]
        assert log[-1].reason is CloseReason.DRAIN


def test_a_connection_that_stands_too_late_is_closed() -> None:
    with World(Greeting) as world:
        stream: list[Any] = []

        class Late(Stream):
            def on_open(self) -> None:
                stream.append(self)
                task.cancel()  # in the moment in which the connection stands

        async def main() -> None:
            await connect(world.address, Late)

        task = spawn(world.reactor, main)
        world.until(lambda: task.is_done)
        assert isinstance(task._error, Cancelled)
        world.until(lambda: stream[0].reason is CloseReason.LOCAL and not stream[0].channel.is_open)


def test_the_class_of_the_stream_may_have_settings_and_its_serve_is_not_called() -> None:
    class Served(Patient):
        async def serve(self) -> None:
            raise AssertionError("this side has connected")

    async def main(address: Any) -> tuple[type, float | None]:
        async with await connect(address, Served, timeout=5, local=("127.0.0.1", 0)) as stream:
            return type(stream), stream.idle_timeout

    with World(Greeting) as world:
        task = spawn(world.reactor, main, world.address)
        world.until(lambda: task.is_done)
        assert task._value == (Served, 500.0)


def test_a_connection_that_nobody_reads_is_drained_at_once() -> None:
    async def main(address: Any, made: list[Stream]) -> None:
        made.append(await connect(address))
        await made[0].send(b"ann\n")

    with World(Greeting) as world:
        made: list[Stream] = []
        task = spawn(world.reactor, main, world.address, made)
        world.until(lambda: task.is_done)
        world.reactor.stop(drain=5)
        world.until(lambda: made[0].reason is CloseReason.DRAIN)


def test_a_connect_on_a_reactor_that_is_closed_in_the_meantime() -> None:
    async def main(reactor: Any) -> None:
        reactor.close()
        await connect(("127.0.0.1", 9))

    with Stage() as stage:
        task = spawn(stage.reactor, main, stage.reactor)
        stage.reactor.run()
        assert isinstance(task._error, (Cancelled, ClosedSelectorError))


def test_a_stream_that_a_reactor_cannot_connect_and_nobody_awaits() -> None:
    with ServerSocketChannel.open().bind(("127.0.0.1", 0)) as other:
        port = other.port or 0
    with Stage() as stage:
        made = Diary()
        stage.reactor.connect(("127.0.0.1", port), made)
        stage.until(lambda: made.reasons)
        assert made.reasons == [CloseReason.CONNECT_FAILED]


def test_a_connection_that_the_poller_refuses_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    """It stands at once, as on a Unix-domain socket, and its descriptor is beyond what the poller takes."""
    with tempfile.TemporaryDirectory() as folder, Stage() as stage:
        path = os.path.join(folder, "socket")
        with ServerSocketChannel.open(ProtocolFamily.UNIX).bind(path):
            monkeypatch.setattr(stage.reactor._selector._watch.poller, "limit", 0)
            with pytest.raises(IllegalArgumentError, match="is beyond the 0"):
                stage.ended(connect, path)
        assert stage.reactor.connections() == ()


def test_an_attempt_that_the_kernel_does_not_watch_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(fd: int, mask: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with Stage() as stage, ServerSocketChannel.open().bind(("127.0.0.1", 0)) as server:
        monkeypatch.setattr(stage.reactor._selector._watch.poller, "add", full)
        with pytest.raises(ConnectionAbortedError, match="no room"):
            stage.ended(connect, ("127.0.0.1", server.port))
        assert stage.reactor.connections() == ()


class Raising(Stream):
    def on_open(self) -> None:
        raise KeyError("on_open")


class Closing(Stream):
    def on_open(self) -> None:
        self.close()


def no_transport(channel: object) -> Any:
    raise KeyError("transport")


class WithoutTransport(Stream):
    transport = staticmethod(no_transport)


@pytest.mark.parametrize(
    ("kind", "reason", "cause"),
    [
        (Raising, CloseReason.HANDLER_ERROR, KeyError),
        (WithoutTransport, CloseReason.HANDLER_ERROR, KeyError),
        (Closing, CloseReason.LOCAL, type(None)),
    ],
)
def test_whoever_awaits_a_connection_that_does_not_open_is_told(
    kind: type[Stream], reason: CloseReason, cause: type[object]
) -> None:
    with Stage() as stage, ServerSocketChannel.open().bind(("127.0.0.1", 0)) as server:
        with pytest.raises(StreamClosedError) as caught:
            stage.ended(connect, ("127.0.0.1", server.port), kind)
        assert caught.value.reason is reason
        assert type(caught.value.__cause__) is cause
        assert stage.reactor.connections() == ()
