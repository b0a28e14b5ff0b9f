"""TLS in mid-stream: the plain reply first, nothing of the plain input after it, and a handshake then."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import pytest

from nio.channels import SelectionKey
from nio.errors import IllegalStateError
from nio.framing import Fixed, Lines
from nio.reactor import CloseReason, State, StreamHandler, SwitchingHandler
from nio.reactor.streams._transport import PlainTransport
from nio.tls import TlsContext
from tests.unit.reactor.support import Greeter, Keeper, Manual, Peer, World, in_a_thread
from tests.unit.tls.support import Client, Pki

READ = int(SelectionKey.OP_READ)


class Mail(Greeter):
    """Answers a line with a line; STARTTLS with a go-ahead."""

    context: Any = None
    secured = 0

    def process(self, record: bytes) -> bytes | None:
        if record != b"STARTTLS":
            return Greeter.process(self, record)
        self.start_tls(self.context)
        return b"220 go ahead"

    def on_secure(self) -> None:
        self.secured += 1


class SwitchingMail(SwitchingHandler):
    framing = Lines(max_length=256)
    process, on_secure, context = Mail.process, Mail.on_secure, None
    __init__, on_open, on_close = Greeter.__init__, Greeter.on_open, Greeter.on_close
    secured = 0


def mail(pki: Pki, cls: Any = Mail, **settings: Any) -> type[Mail]:
    made: type[Mail] = type(cls.__name__, (cls,), {"context": pki.server(**settings)})
    return made


def told(peer: Peer) -> None:
    """The plain part, up to the go-ahead."""
    peer.send(b"ann\n")
    assert peer.read(10) == b"Hello ann\n"
    peer.send(b"STARTTLS\n")
    assert peer.read(13) == b"220 go ahead\n"


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
@pytest.mark.parametrize("cls", [Mail, SwitchingMail])
def test_a_line_asks_for_tls(pki: Pki, workers: int, version: str, cls: Any) -> None:
    with World(mail(pki, cls), workers=workers) as world:
        peer = world.connect()
        told(peer)
        client = Client(world, pki.client(version), peer=peer).shake()
        client.ask(b"bob")
        client.ask(b"carl")
        assert (world.handler.secured, world.handler.seen) == (1, [b"ann", b"bob", b"carl"])
        client.say_end()
        assert client.read_to_end() == b""
        peer.close()
        world.until(lambda: world.closed())
        assert world.closed() == {CloseReason.PEER_FIN: 1}


@pytest.mark.parametrize("cls", [Mail, SwitchingMail])
@pytest.mark.parametrize("behind", [b"evil\n", b"ev", b"\n" * 300, b"x\n" * 70], ids=["line", "half", "many", "batch"])
@pytest.mark.parametrize("before", [b"", b"ann\n"])
@pytest.mark.parametrize("pooled", [False, True])
def test_bytes_behind_the_request_end_the_connection(
    pki: Pki, cls: Any, behind: bytes, before: bytes, pooled: bool
) -> None:
    """CVE-2011-0411: what came in plain must not count as protected."""
    manual = Manual()
    with World(mail(pki, cls), workers=manual if pooled else 0) as world:
        peer = world.connect()
        peer.send(before + b"STARTTLS\n" + behind)
        world.received(len(before) + 9 + len(behind))
        for _ in range(20):
            if manual.waiting:
                manual.run_one()
            world.turns(1)
        reply = b"Hello ann\n" if before else b""
        assert peer.read_to_end() == reply + b"220 go ahead\n"
        peer.close()
        world.until(lambda: world.closed())
        assert world.handler.seen == ([b"ann"] if before else [])
        assert world.handler.reasons == [CloseReason.PROTOCOL_ERROR]
        assert "behind the request for TLS" in str(world.handler.close_error)


def test_the_last_line_of_a_whole_batch_may_ask(pki: Pki) -> None:
    with World(mail(pki)) as world:
        peer = world.connect()
        peer.send(b"ann\n" * 63 + b"STARTTLS\n")
        assert peer.read(643) == b"Hello ann\n" * 63 + b"220 go ahead\n"
        Client(world, pki.client(), peer=peer).shake().ask(b"bob")


def test_plain_bytes_that_come_later_are_no_handshake(pki: Pki) -> None:
    with World(mail(pki)) as world:
        peer = world.connect()
        told(peer)
        peer.send(b"evil\n" * 10)
        world.until_state(State.LINGERING)
        peer.close()
        world.until(lambda: world.closed())
        assert world.handler.reasons == [CloseReason.TLS_HANDSHAKE]
        assert world.handler.seen == [b"ann"]


def test_the_plain_output_goes_out_first_however_slowly(pki: Pki) -> None:
    with World(mail(pki)) as world:
        peer = world.connect()
        world.kernel.room = 5
        peer.send(b"STARTTLS\n")
        world.until(lambda: world.kernel.room == 0)
        world.turns()
        world.handler.resume()  # which does not let anything be read before its time
        world.turns()
        assert world.handler.key.interest_ops & READ == 0
        peer.send(b"evil\n")
        world.turns()
        assert world.handler.seen == []
        world.kernel.room = None
        assert peer.read(13) == b"220 go ahead\n"


def test_a_late_reply_goes_out_first(pki: Pki) -> None:
    later: Future[bytes | None] = Future()

    class Late(Mail):
        def process(self, record: bytes) -> Any:
            reply = super().process(record)
            if record != b"STARTTLS":
                return reply
            return later

    with World(mail(pki, Late)) as world:
        peer = world.connect()
        peer.send(b"STARTTLS\n")
        world.until_state(State.PROCESSING)
        world.turns()
        later.set_result(b"220 go ahead")
        assert peer.read(13) == b"220 go ahead\n"
        Client(world, pki.client(), peer=peer).shake().ask(b"ann")


class Raw(Keeper):
    """Bytes: whoever sends "tls" gets it."""

    context: Any = None
    secured = 0

    def handle_data(self, data: bytes) -> None:
        super().handle_data(data)
        if data == b"tls":
            self.write(b"ok")
            self.start_tls(self.context)

    def on_secure(self) -> None:
        self.secured += 1


@pytest.mark.parametrize("elsewhere", [False, True])
def test_bytes_may_ask_for_it_and_any_thread(pki: Pki, elsewhere: bool) -> None:
    with World(mail(pki, Raw)) as world:
        peer = world.connect()
        if elsewhere:
            in_a_thread(world.handler.write, b"ok")
            in_a_thread(world.handler.start_tls, world.handler.context)
        else:
            peer.send(b"tls")
        assert peer.read(2) == b"ok"
        client = Client(world, pki.client(), peer=peer).shake()
        client.send(b"secret")
        world.until(lambda: b"secret" in world.handler.got)
        assert world.handler.secured == 1


def test_it_is_asked_for_once(pki: Pki) -> None:
    with World(mail(pki, Raw)) as world:
        peer = world.connect()
        handler = world.handler
        with pytest.raises(TypeError, match="takes a TlsContext"):
            handler.start_tls("cert.pem")
        handler.start_tls(handler.context)
        with pytest.raises(IllegalStateError, match="already"):
            handler.start_tls(handler.context)
        world.turns()
        with pytest.raises(IllegalStateError, match="already"):
            handler.start_tls(handler.context)
        Client(world, pki.client(), peer=peer).shake()
        with pytest.raises(IllegalStateError, match="keys stay here"):
            handler.detach()
    with pytest.raises(IllegalStateError, match="no channel yet"):
        Raw().start_tls(None)  # type: ignore[arg-type]


def test_another_transport_is_not_replaced(pki: Pki) -> None:
    class Own(PlainTransport):
        """Of somebody's own."""

    with World(type("Raw", (Raw,), {"transport": Own, "context": pki.server()})) as world:
        peer = world.connect()
        with pytest.raises(IllegalStateError, match="and this connection has a Own"):
            world.handler.start_tls(world.handler.context)
        peer.send(b"hello")
        world.until(lambda: world.handler.got == [b"hello"])
        world.handler.close()
        world.handler.start_tls(world.handler.context)  # which is nothing any more


def test_output_that_ends_before_the_change_ends_behind_the_handshake(pki: Pki) -> None:
    with World(mail(pki, Raw)) as world:
        peer = world.connect()
        peer.send(b"tls")
        world.until(lambda: world.handler.got)
        world.handler.end_output()
        assert peer.read(2) == b"ok"
        client = Client(world, pki.client(), peer=peer).shake()
        assert client.read_to_end() == b""
        client.send(b"secret")
        world.until(lambda: b"secret" in world.handler.got)
        assert world.handler.secured == 1


@pytest.mark.parametrize("act", [Raw.finish, Raw.close, Raw.suspend, Raw.end_output], ids=lambda fn: fn.__name__)
@pytest.mark.parametrize("first", [False, True])
def test_an_end_at_the_same_time(pki: Pki, act: Callable[[Raw], None], first: bool) -> None:
    with World(mail(pki, Raw)) as world:
        peer = world.connect()
        handler = world.handler
        if first:
            act(handler)
        handler.start_tls(handler.context)
        if not first:
            act(handler)
        world.turns()
        peer.close()
        handler.resume()
        world.until(lambda: handler.reasons)
        assert len(handler.reasons) == 1


def test_a_drain_in_between(pki: Pki) -> None:
    with World(mail(pki)) as world:
        peer = world.connect()
        world.kernel.room = 5
        peer.send(b"STARTTLS\n")
        world.until(lambda: world.kernel.room == 0)
        world.reactor.stop(drain=5)
        world.turns()
        world.kernel.room = None
        assert peer.read_to_end() == b"220 go ahead\n"
        peer.close()
        world.until(lambda: world.closed())
        assert world.closed() == {CloseReason.DRAIN: 1}


def test_a_client_asks_for_it(pki: Pki) -> None:
    class Asking(StreamHandler):
        def __init__(self) -> None:
            self.got: list[bytes] = []

        def on_open(self) -> None:
            self.send(b"STARTTLS")

        def process(self, record: bytes) -> None:
            self.got.append(record)
            if record == b"220 go ahead":
                self.start_tls(TlsContext.client("localhost", ca=pki.trusted.certificate))

        def on_secure(self) -> None:
            self.send(b"ann")

    with World(mail(pki)) as world:
        handler = Asking()
        world.reactor.connect(world.address, handler)
        world.until(lambda: len(handler.got) == 2)
        assert handler.got == [b"220 go ahead", b"Hello ann"]
        assert world.handler.secured == 1


def test_a_record_that_is_half_there_is_bytes_behind_it_too(pki: Pki) -> None:
    """With whatever framing."""

    class Blocks(Greeter):
        framing = Fixed(4)  # type: ignore[assignment]
        context: Any = None

        def process(self, record: bytes) -> bytes | None:
            self.seen.append(record)
            self.start_tls(self.context)
            return b"okay"

    with World(mail(pki, Blocks)) as world:
        peer = world.connect()
        peer.send(b"tls!xy")
        assert peer.read_to_end() == b"okay"
        peer.close()
        world.until(lambda: world.closed())
        assert world.handler.reasons == [CloseReason.PROTOCOL_ERROR]
        assert isinstance(world.handler.close_error, Exception)
        assert not isinstance(world.handler.close_error, ssl.SSLError)


def test_a_context_that_makes_no_transport_is_the_handler_s_error(pki: Pki, caplog: pytest.LogCaptureFixture) -> None:
    with World(mail(pki, Raw)) as world:
        peer = world.connect()
        world.handler.start_tls(TlsContext.client(ca=pki.trusted.certificate))  # of no name
        assert peer.read_to_end() == b""
        assert world.handler.reasons == [CloseReason.HANDLER_ERROR]
        assert "give it one" in caplog.text
