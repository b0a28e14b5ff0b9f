"""TLS under tasks: one setting, the handshake before the first line, and an error with a name when there is none."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Any

import pytest

from nio.errors import IllegalStateError
from nio.framing import Lines
from nio.reactor import Acceptor, CloseReason, State
from nio.tasks import Cancelled, Stream, StreamClosedError, connect, listen, sleep, spawn, timeout
from nio.tls import TlsContext, session_of
from tests.unit.reactor.support import World
from tests.unit.tasks.support import Diary, Stage
from tests.unit.tls.support import Client, Pki, over


async def greet(client: Stream) -> None:
    async with client.framed(Lines(max_length=256)) as names:
        async for name in names:
            await names.send(b"Hello " + name)


class Greeting(Diary):
    """The hello server, and what it knows of its peer in its first line."""

    async def serve(self) -> None:
        self.seen.append(session_of(self))
        async for name in self:
            self.seen.append(name)
            await self.send(b"Hello " + name)


def client(pki: Pki, name: str = "localhost", **options: Any) -> TlsContext:
    return TlsContext.client(name, ca=pki.trusted.certificate, **options)


async def ask(port: Any, tls: Any) -> tuple[bytes | None, Any]:
    async with await connect(("127.0.0.1", port), transport=tls) as stream:
        session = session_of(stream)
        assert session is not None
        told = session.protocol, session.application_protocol, session.peer_names
        names = stream.framed(Lines())
        await names.send(b"ann")
        return await names.receive(), told


@pytest.mark.parametrize("serve", [greet, Greeting, Stream.serving(greet)], ids=["function", "class", "serving"])
def test_a_server_and_a_client_are_coroutines(pki: Pki, serve: Any) -> None:
    async def main() -> Any:
        tls = pki.server(protocols=["hello"])
        async with await listen(("127.0.0.1", 0), serve, transport=tls) as server:
            return await ask(server.port, client(pki, protocols=["hello"]))

    with Stage() as stage:
        assert stage.ended(main) == (b"Hello ann", ("TLSv1.3", "hello", ["localhost", "127.0.0.1"]))


def test_the_name_is_the_host_that_is_connected_to(pki: Pki) -> None:
    async def main() -> Any:
        server = await listen(("127.0.0.1", 0), greet, transport=pki.server())
        stream = await connect(("127.0.0.1", server.port or 0), transport=TlsContext.client(ca=pki.trusted.certificate))
        session = session_of(stream)
        assert session is not None
        return session.server_name

    with Stage() as stage:
        assert stage.ended(main) == "127.0.0.1"


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_the_task_begins_when_the_peer_has_proved_who_it_is(pki: Pki, version: str) -> None:
    ours = pki.trusted.issue("ann")
    context = pki.client(version)
    context.load_cert_chain(*ours.both)
    with World(over(pki.server(client_ca=pki.trusted.certificate), Greeting)) as world:
        other = Client(world, context)
        world.turns()
        assert (world.handler.seen, world.handler.state) == ([], State.READING)
        other.shake()
        other.ask(b"bob")
        session, name = world.handler.seen
        assert (session.peer_names, name) == (["ann"], b"bob")
        other.say_end()
        assert other.read_to_end() == b""


def test_an_acceptor_gives_its_transport_to_a_plain_stream(pki: Pki) -> None:
    with World() as world:
        world.acceptor._maker = Acceptor(Stream.serving(greet), transport=pki.server())._maker
        world.dial()
        Client(world, pki.client(), peer=world.peers[0]).shake().ask(b"ann")


# no TLS comes about


def failed(stage: Stage, reason: CloseReason, fn: Callable[..., Any], *args: object) -> StreamClosedError:
    with pytest.raises(StreamClosedError) as raised:
        stage.ended(fn, *args)
    assert raised.value.reason is reason
    return raised.value


def test_a_certificate_that_is_not_trusted_is_raised_on_one_side_and_begins_no_task_on_the_other(
    pki: Pki, caplog: pytest.LogCaptureFixture
) -> None:
    begun: list[Stream] = []

    async def serve(stream: Stream) -> None:
        begun.append(stream)

    async def main() -> None:
        server = await listen(("127.0.0.1", 0), serve, transport=pki.server())
        stranger = TlsContext.client("localhost", ca=pki.stranger.certificate)
        await connect(("127.0.0.1", server.port or 0), transport=stranger)

    with Stage() as stage:
        error = failed(stage, CloseReason.TLS_HANDSHAKE, main)
        assert isinstance(error.__cause__, ssl.SSLCertVerificationError)
        stage.until(lambda: stage.reactor.statistics().closed.get(CloseReason.TLS_HANDSHAKE) == 2)
        assert begun == []
    (line,) = [record.getMessage() for record in caplog.records if record.levelname != "DEBUG"]
    assert line.endswith("main raised")  # which nobody awaits


def test_a_server_of_tls_1_3_that_refuses_us_is_heard_with_the_first_receive(pki: Pki) -> None:
    """The client's side of the handshake is done before the server has seen its certificate."""

    async def main() -> None:
        server = await listen(("127.0.0.1", 0), greet, transport=pki.server(client_ca=pki.trusted.certificate))
        stream = await connect(("127.0.0.1", server.port or 0), transport=client(pki))
        await stream.receive()

    with Stage() as stage:
        error = failed(stage, CloseReason.TLS_HANDSHAKE, main)
        assert isinstance(error.__cause__, ssl.SSLError)


def test_a_server_that_speaks_no_tls(pki: Pki) -> None:
    async def plain(stream: Stream) -> None:
        await stream.send(b"220 hello\r\n")
        await stream.receive()

    async def main() -> None:
        server = await listen(("127.0.0.1", 0), plain)
        await connect(("127.0.0.1", server.port or 0), transport=client(pki))

    with Stage() as stage:
        assert isinstance(failed(stage, CloseReason.TLS_HANDSHAKE, main).__cause__, ssl.SSLError)


@pytest.mark.parametrize("how", ["half_close", "reset"])
def test_a_peer_that_ends_in_the_middle(pki: Pki, how: str) -> None:
    with World(over(pki.server(), Greeting)) as world:
        peer = world.connect()
        peer.send(b"\x16\x03\x01")
        world.turns()
        getattr(peer, how)()
        peer.close()
        world.until(lambda: world.handler.reasons)
        assert world.handler.reasons in ([CloseReason.TLS_HANDSHAKE], [CloseReason.PEER_RST])
        assert world.handler.seen == []


def silent(pki: Pki, heard: list[Any], **options: Any) -> Callable[[Any], Any]:
    """A client of a server that never says hello."""

    async def main(world: World) -> None:
        try:
            async with timeout(options.get("within")):
                await connect(world.address, transport=client(pki))
        except BaseException as error:
            heard.append(error)
            raise

    return main


class Deaf(Diary):
    async def serve(self) -> None:
        await sleep(1e6)


def test_the_handshake_s_deadline_is_told_to_who_waits(pki: Pki) -> None:
    heard: list[Any] = []
    with World(Deaf) as world:
        task = spawn(world.reactor, silent(pki, heard), world)
        world.until(lambda: world.reactor.statistics().connections == 2)
        world.turns()
        world.advance(10)
        world.until(lambda: task.is_done)
        assert (type(heard[0]), heard[0].reason) == (StreamClosedError, CloseReason.TLS_TIMEOUT)


@pytest.mark.parametrize("how", ["cancel", "timeout", "drain", "reset", "close"])
def test_a_connect_that_ends_in_its_handshake_leaves_nothing(pki: Pki, how: str) -> None:
    heard: list[Any] = []
    with World(Deaf) as world:
        task = spawn(world.reactor, silent(pki, heard, within=5 if how == "timeout" else None), world)
        world.until(lambda: world.reactor.statistics().connections == 2)
        world.turns()
        assert not heard
        if how == "cancel":
            task.cancel()
        elif how == "timeout":
            world.advance(5)
        elif how == "drain":
            world.reactor.stop(drain=5)
        elif how == "reset":
            world.handler._reset(CloseReason.LOCAL)
        else:
            world.reactor.close()
            assert (task.is_done, [type(error) for error in heard]) == (True, [Cancelled])
            return
        world.until(lambda: task.is_done)
        expected = {"timeout": TimeoutError, "reset": StreamClosedError}.get(how, Cancelled)
        assert [type(error) for error in heard] == [expected]
        world.turns()
        assert len(world.reactor.connections()) <= 1


def test_on_secure_that_raises_is_an_error_of_this_side(pki: Pki, caplog: pytest.LogCaptureFixture) -> None:
    class Wrong(Stream):
        def on_secure(self) -> None:
            raise ZeroDivisionError

    async def main() -> None:
        server = await listen(("127.0.0.1", 0), greet, transport=pki.server())
        await connect(("127.0.0.1", server.port or 0), Wrong, transport=client(pki))

    with Stage() as stage:
        failed(stage, CloseReason.HANDLER_ERROR, main)
    assert "Wrong raised; its connection ends" in caplog.text


def test_a_stream_that_is_finished_in_its_handshake_never_has_a_task(pki: Pki) -> None:
    class Busy(Greeting):
        def on_open(self) -> None:
            self.write(b"too early\n")

    with World(over(pki.server(), Busy)) as world:
        other = Client(world, pki.client(), peer=world.connect())
        world.handler.finish()
        other.shake()
        assert other.read_to_end() == b"too early\n"
        other.peer.close()
        world.until(lambda: world.handler.reasons)
        assert (world.handler.seen, world.handler.reasons) == ([], [CloseReason.LOCAL])


# in mid-stream


class Mail(Diary):
    """A line asks for TLS."""

    context: Any = None
    framing = Lines(max_length=256)

    async def serve(self) -> None:
        async for line in self:
            self.seen.append(line)
            if line == b"STARTTLS":
                await self.send(b"220 go ahead")
                await self.start_tls(self.context)
                self.seen.append(session_of(self))
            else:
                await self.send(b"250 " + line)


def mail(pki: Pki) -> type[Mail]:
    return type("Mail", (Mail,), {"context": pki.server()})


async def post(port: Any, tls: Any) -> list[Any]:
    async with (await connect(("127.0.0.1", port))).framed(Lines()) as lines:
        got: list[Any] = []
        for line in (b"a", b"STARTTLS"):
            await lines.send(line)
            got.append(await lines.receive())
        await lines.start_tls(tls)
        session = session_of(lines)
        assert session is not None
        await lines.send(b"b")
        return [*got, session.protocol, await lines.receive()]


def test_both_sides_go_over_to_tls(pki: Pki) -> None:
    async def main() -> list[Any]:
        server = await listen(("127.0.0.1", 0), mail(pki))
        return await post(server.port, client(pki))

    with Stage() as stage:
        assert stage.ended(main) == [b"250 a", b"220 go ahead", "TLSv1.3", b"250 b"]


def test_a_stream_without_a_framing_goes_over_too(pki: Pki) -> None:
    async def serve(stream: Stream) -> None:
        assert await stream.receive() == b"tls?"
        await stream.send(b"yes")
        await stream.start_tls(pki.server())
        await stream.send((await stream.receive()) or b"")

    async def main() -> list[Any]:
        server = await listen(("127.0.0.1", 0), serve)
        stream = await connect(("127.0.0.1", server.port or 0))
        await stream.send(b"tls?")
        said = await stream.receive()
        await stream.start_tls(client(pki))
        await stream.send(b"secret")
        return [said, await stream.receive()]

    with Stage() as stage:
        assert stage.ended(main) == [b"yes", b"secret"]


@pytest.mark.parametrize("slow", [False, True])
@pytest.mark.parametrize("behind", [b"evil\n", b"ev", b"x\n" * 100], ids=["line", "half", "batch"])
def test_what_came_behind_the_request_does_not_count_as_protected(pki: Pki, behind: bytes, slow: bool) -> None:
    class Slow(Mail):
        context = pki.server()

        async def serve(self) -> None:
            try:
                self.seen.append(await self.receive())
                if slow:
                    await sleep(1)
                await self.start_tls(self.context)
            except StreamClosedError as error:
                self.seen.append(error.reason)

    with World(Slow) as world:
        peer = world.connect()
        peer.send(b"STARTTLS\n" + behind)
        world.received(9 + len(behind))
        world.turns()
        world.advance(1)
        world.until(lambda: len(world.handler.seen) == 2)
        assert world.handler.seen == [b"STARTTLS", CloseReason.PROTOCOL_ERROR]


def test_a_record_that_nobody_awaited_does_not_count_either(pki: Pki) -> None:
    class Held(Mail):
        async def serve(self) -> None:
            self.suspend()
            self.resume()  # and reads on, though nobody awaits a record
            await sleep(1)
            try:
                await self.start_tls(pki.server())
            except StreamClosedError as error:
                self.seen.append(error.reason)

    with World(Held) as world:
        peer = world.connect()
        peer.send(b"evil\n")
        world.received(5)
        world.advance(1)
        world.until(lambda: world.handler.seen)
        assert world.handler.seen == [CloseReason.PROTOCOL_ERROR]


def test_plain_bytes_in_its_place_are_told(pki: Pki) -> None:
    class Told(Mail):
        context = pki.server()

        async def serve(self) -> None:
            try:
                await super().serve()
            except StreamClosedError as error:
                self.seen.append((error.reason, isinstance(error.__cause__, ssl.SSLError)))

    with World(Told) as world:
        peer = world.connect()
        peer.send(b"STARTTLS\n")
        assert peer.read(13) == b"220 go ahead\n"
        peer.send(b"evil\n" * 10)
        world.until(lambda: len(world.handler.seen) == 2)
        assert world.handler.seen[1] == (CloseReason.TLS_HANDSHAKE, True)


def test_a_task_that_gives_up_leaves_the_handshake_to_itself(pki: Pki) -> None:
    class Impatient(Mail):
        context = pki.server()

        async def serve(self) -> None:
            self.seen.append(await self.receive())
            try:
                async with timeout(1):
                    await self.start_tls(self.context)
            except TimeoutError:
                self.seen.append("late")
            with pytest.raises(IllegalStateError, match="already"):
                await self.start_tls(self.context)
            async for line in self:
                await self.send(b"250 " + line)

    with World(Impatient) as world:
        peer = world.connect()
        peer.send(b"STARTTLS\n")
        world.until_state(State.READING)
        world.until(lambda: world.handler.seen)
        world.turns()
        world.advance(1)
        assert world.handler.seen == [b"STARTTLS", "late"]
        other = Client(world, pki.client(), peer=peer).shake()
        other.send(b"ann\n")
        assert other.read(8) == b"250 ann\n"


def test_a_handshake_in_mid_stream_that_nobody_awaits_any_more_begins_no_second_task(pki: Pki) -> None:
    async def main(world: World, made: list[Any]) -> None:
        stream = await connect(world.address, Greeting)
        made.append(stream)
        await stream.start_tls(client(pki))

    class Answer(Diary):
        async def serve(self) -> None:
            await sleep(1)
            await self.start_tls(pki.server())
            self.seen.append(session_of(self))

    with World(Answer) as world:
        made: list[Any] = []
        task = spawn(world.reactor, main, world, made)
        world.until(lambda: made)
        world.turns()
        task.cancel()
        world.turns()
        assert task.is_done
        world.advance(1)
        assert made[0].seen == []


@pytest.mark.parametrize("how", ["twice", "no context", "after the end", "after its output", "elsewhere"])
def test_slips(pki: Pki, how: str) -> None:
    async def main() -> None:
        server = await listen(("127.0.0.1", 0), greet, transport=pki.server())
        stream = await connect(("127.0.0.1", server.port or 0), transport=client(pki) if how == "twice" else None)
        if how == "no context":
            await stream.start_tls("cert.pem")  # type: ignore[arg-type]
        elif how == "after the end":
            stream.close()
        elif how == "after its output":
            stream.end_output()
        elif how == "elsewhere":
            with Stage() as other:
                await_there = other.begin(stream.start_tls, client(pki))
                assert isinstance(await_there._error, IllegalStateError)
                raise await_there._error
        await stream.start_tls(client(pki))

    errors: dict[str, tuple[type[BaseException], str]] = {
        "twice": (IllegalStateError, "has TLS already"),
        "no context": (TypeError, "takes a TlsContext"),
        "after the end": (StreamClosedError, "LOCAL"),
        "after its output": (StreamClosedError, "LOCAL"),
        "elsewhere": (IllegalStateError, "of another reactor"),
    }
    with Stage() as stage, pytest.raises(errors[how][0], match=errors[how][1]):
        stage.ended(main)
