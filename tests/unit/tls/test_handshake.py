"""Handshakes that fail, drip, storm or never come: each ends by name, and costs nobody else anything."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from nio.channels import SelectionKey
from nio.reactor import CloseReason, State
from nio.tls import TlsContext, session_of
from tests.unit.reactor.support import NEVER, World, in_a_thread
from tests.unit.tls.support import Client, Diary, Hello, Pki, crowd, over

READ = int(SelectionKey.OP_READ)
VERSIONS = ["TLSv1_2", "TLSv1_3"]
HTTP = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
PROXY = b"CONNECT localhost:443 HTTP/1.1\r\n\r\n"


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "nio.reactor"]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (HTTP, "the peer speaks plain HTTP to a TLS port"),
        (PROXY, "the peer takes this TLS port for a plain HTTP proxy"),
        (b"\x00" * 100, "what the peer sent is no TLS"),
        (bytes(range(100, 200)), "what the peer sent is no TLS"),
        (b"\x17\x03\x03\x00\x05hello", "what the peer sent is no "),
        (b"\x16\x03\x01\xff\xff" + b"x" * 100, "what the peer sent is no TLS"),
    ],
    ids=["http", "proxy", "zeros", "garbage", "data first", "too long"],
)
def test_L08_what_is_no_handshake_costs_one_line(
    pki: Pki, caplog: pytest.LogCaptureFixture, data: bytes, words: str
) -> None:
    caplog.set_level(logging.DEBUG, "nio.reactor")
    with World(over(pki.server(), Hello)) as world:
        peer = world.connect()
        peer.send(data)
        world.until_state(State.LINGERING)
        peer.close()
        world.until(lambda: world.closed())
        assert world.handler.reasons == [CloseReason.TLS_HANDSHAKE]
        assert isinstance(world.handler.close_error, ssl.SSLError)
        assert world.handler.secured == 0
        (line,) = lines(caplog)
        assert "ended: TLS_HANDSHAKE" in line
        assert words in line
        assert "127.0.0.1" in line
        assert caplog.records[-1].exc_info is None


def test_a_version_that_is_too_old(pki: Pki, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "nio.reactor")
    context = pki.client()
    context.set_ciphers("DEFAULT@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match=r"TLSv1_1"):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with World(over(pki.server(), Hello)) as world:
        client = Client(world, context)
        with pytest.raises(ssl.SSLError, match=r"(?i)alert.protocol.version"):
            client.shake()
        client.peer.close()
        world.until(lambda: world.closed())
        assert world.closed() == {CloseReason.TLS_HANDSHAKE: 1}
        assert "no version of TLS that is allowed here" in lines(caplog)[-1]


def test_no_shared_cipher(pki: Pki, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "nio.reactor")
    context = pki.client("TLSv1_2")
    context.set_ciphers("ECDHE-RSA-AES128-GCM-SHA256")  # and the server's key is none of RSA
    with World(over(pki.server(), Hello)) as world:
        client = Client(world, context)
        with pytest.raises(ssl.SSLError, match=r"(?i)handshake.failure"):
            client.shake()
        client.peer.close()
        world.until(lambda: world.closed())
        assert "share no cipher" in lines(caplog)[-1]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_client_that_does_not_trust_the_server(pki: Pki, caplog: pytest.LogCaptureFixture, version: str) -> None:
    caplog.set_level(logging.DEBUG, "nio.reactor")
    server = TlsContext.server(*pki.stranger.issue("localhost").both)
    with World(over(server, Hello)) as world:
        client = Client(world, pki.client(version))
        with pytest.raises(ssl.SSLCertVerificationError):
            client.shake()
        client.peer.close()
        world.until(lambda: world.closed())
        assert world.closed() == {CloseReason.TLS_HANDSHAKE: 1}
        assert "does not trust our certificate" in lines(caplog)[-1]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("shown", ["none", "stranger's", "good"])
def test_a_client_s_certificate(pki: Pki, caplog: pytest.LogCaptureFixture, version: str, shown: str) -> None:
    caplog.set_level(logging.DEBUG, "nio.reactor")
    context = pki.client(version)
    if shown == "good":
        context.load_cert_chain(*pki.trusted.issue("client.example").both)
    elif shown != "none":
        context.load_cert_chain(*pki.stranger.issue("client.example").both)
    with World(over(pki.server(client_ca=pki.trusted.certificate), Hello)) as world:
        client = Client(world, context)
        if shown == "good":
            client.shake().ask(b"ann")
            session = session_of(world.handler)
            assert session is not None
            assert session.peer_names == ["client.example"]
            assert len(session.peer_certificates) == 1
            return
        with pytest.raises(ssl.SSLError, match=r"(?i)alert"):
            client.shake().read_to_end()  # a client of TLS 1.3 hears of it after its own handshake
        client.peer.close()
        world.until(lambda: world.closed())
        assert world.closed() == {CloseReason.TLS_HANDSHAKE: 1}
        words = "the peer has shown no certificate" if shown == "none" else "certificate is not trusted here"
        assert words in lines(caplog)[-1]
        assert (world.handler.secured, world.handler.seen) == (0, [])


def test_an_optional_client_s_certificate(pki: Pki) -> None:
    options = {"client_ca": pki.trusted.certificate, "client_certificate": "optional"}
    with World(over(pki.server(**options), Hello)) as world:
        Client(world, pki.client()).shake().ask(b"ann")
        session = session_of(world.handler)
        assert session is not None
        assert (session.peer_certificates, session.peer_names) == ([], [])
    with pytest.raises(ValueError, match="client_certificate"):
        pki.server(client_certificate="maybe")


@pytest.mark.parametrize("half", [False, True], ids=["says nothing", "half a record"])
def test_L01_a_silent_client_is_cut_at_the_deadline(pki: Pki, half: bool) -> None:
    with World(over(pki.server(handshake_timeout=5.0), Hello)) as world:
        peer = world.connect()
        if half:
            client = Client(world, pki.client(), peer=peer)
            with pytest.raises(ssl.SSLWantReadError):
                client.tls.do_handshake()
            peer.send(client.outgoing.read()[:100])
            world.turns()
        world.advance(4.9)
        assert world.handler.reasons == []
        world.advance(0.2)
        assert world.handler.reasons == [CloseReason.TLS_TIMEOUT]
        assert peer.read_to_end() == b""


def test_L01_a_byte_now_and_then_does_not_move_the_deadline(pki: Pki) -> None:
    with World(over(pki.server(handshake_timeout=5.0), Hello)) as world:
        client = Client(world, pki.client())
        with pytest.raises(ssl.SSLWantReadError):
            client.tls.do_handshake()
        for byte in client.outgoing.read()[:6]:
            client.peer.send(bytes([byte]))
            world.advance(0.8)
        assert world.handler.reasons == []
        world.advance(0.3)
        assert world.handler.reasons == [CloseReason.TLS_TIMEOUT]


@pytest.mark.parametrize("way", ["half_close", "reset", "close"])
def test_L02_plain_text_before_the_handshake_never_reaches_the_handler(pki: Pki, way: str) -> None:
    """CVE-2023-40217: sent, and left, before the server has accepted."""
    with World(over(pki.server(), Hello)) as world:
        peer = world.dial()
        peer.send(b"ann\n")
        getattr(peer, way)()
        world.until(lambda: world.handlers and world.handler.reasons)
        assert world.handler.seen == []
        assert world.handler.reasons[0] in (CloseReason.TLS_HANDSHAKE, CloseReason.PEER_RST)


def test_L10_a_callback_for_names_that_raises_costs_one_handshake(pki: Pki, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[object] = []
    monkeypatch.setattr("sys.unraisablehook", lambda info: told.append(info.exc_value))

    def broken(*_: object) -> None:
        raise KeyError("names")

    own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    own.load_cert_chain(*pki.pair.both)
    with World(over(TlsContext(own, server_side=True), Hello)) as world:
        own.sni_callback = broken
        client = Client(world, pki.client())
        with pytest.raises(ssl.SSLError, match=r"(?i)alert"):
            client.shake()
        client.peer.close()
        world.until(lambda: world.closed())
        assert world.closed() == {CloseReason.TLS_HANDSHAKE: 1}
        assert [type(error) for error in told] == [KeyError]
        own.sni_callback = None
        Client(world, pki.client()).shake().ask(b"ann")


def test_L05_L11_the_defaults_are_not_weak(pki: Pki) -> None:
    context = pki.server().context
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert context.options & ssl.OP_NO_RENEGOTIATION
    assert context.options & ssl.OP_NO_COMPRESSION
    client = TlsContext.client("localhost", ca=pki.trusted.certificate).context
    assert client.minimum_version is ssl.TLSVersion.TLSv1_2
    assert (client.verify_mode, client.check_hostname) == (ssl.CERT_REQUIRED, True)


def test_once_it_is_done_the_deadline_is_over(pki: Pki) -> None:
    with World(over(pki.server(handshake_timeout=5.0), Hello)) as world:
        client = Client(world, pki.client()).shake()
        client.ask(b"ann")
        world.advance(50)
        client.ask(b"bob")


def test_L01_two_hundred_clients_that_say_nothing(pki: Pki) -> None:
    with World(over(pki.server(handshake_timeout=5.0), Hello)) as world:
        for _ in range(200):
            world.dial()
        world.until(lambda: len(world.handlers) == 200)
        Client(world, pki.client()).shake().ask(b"ann")
        world.advance(5.1)
        world.until(lambda: world.closed().get(CloseReason.TLS_TIMEOUT) == 200)
        assert world.reactor.statistics().open == 1


@pytest.mark.parametrize("way", ["half_close", "close", "reset"])
@pytest.mark.parametrize("after", [0, 1, 100])
def test_a_client_that_leaves_in_the_middle(pki: Pki, way: str, after: int) -> None:
    with World(over(pki.server(), Hello)) as world:
        client = Client(world, pki.client())
        with pytest.raises(ssl.SSLWantReadError):
            client.tls.do_handshake()
        client.peer.send(client.outgoing.read()[:after])
        world.turns()
        getattr(client.peer, way)()
        if way == "half_close":
            client.peer.read_to_end()
            client.peer.close()
        world.until(lambda: world.handler.reasons)
        expected = CloseReason.PEER_RST if way == "reset" else CloseReason.TLS_HANDSHAKE
        assert world.handler.reasons == [expected]


@pytest.mark.parametrize("asks", [False, True])
def test_a_drain_between_the_handshake_and_its_tick(pki: Pki, asks: bool) -> None:
    """What came with the end of the handshake had been received when the drain began."""
    with World(over(pki.server(), Hello)) as world:
        (client,) = crowd(world, pki, 1)
        world.until(lambda: client.pull())
        client.tls.do_handshake()
        if asks:
            client.tls.write(b"ann\n")
        client.flush()
        world.reactor.stop(drain=5)
        assert client.read_to_end() == (b"Hello ann\n" if asks else b"")
        client.peer.close()
        world.until(lambda: world.closed())
        assert world.closed() == {CloseReason.DRAIN: 1}


@pytest.mark.parametrize("act", [Hello.close, Hello.finish], ids=["close", "finish"])
def test_an_end_between_the_handshake_and_its_tick(pki: Pki, act: Callable[[Hello], None]) -> None:
    with World(over(pki.server(), Hello)) as world:
        (client,) = crowd(world, pki, 1)
        world.until(lambda: client.pull())
        client.tls.do_handshake()
        client.flush()
        world.reactor.execute(act, world.handler)
        assert client.read_to_end() == b""  # and no truncation
        client.peer.close()
        world.until(lambda: world.handler.reasons)
        assert world.handler.reasons == [CloseReason.LOCAL]


def test_an_end_with_output_that_can_never_be_sent(pki: Pki) -> None:
    class Brief(Hello):
        def on_open(self) -> None:
            self.send(b"go away")
            self.finish()

    with World(over(pki.server(), Brief)) as world:
        peer = world.connect()
        world.until_state(State.CLOSING)
        peer.send(HTTP)
        world.until(lambda: world.handler.reasons)
        assert world.handler.reasons == [CloseReason.LOCAL]
        assert isinstance(world.handler.close_error, ssl.SSLError)
        assert Client(world, pki.client()).shake().read_to_end() == b"go away\n"


def test_a_suspended_connection_shakes_hands_whatever_the_kernel_says(pki: Pki) -> None:
    class Waiting(Hello):
        def on_open(self) -> None:
            self.suspend()

    with World(over(pki.server(), Waiting)) as world:
        client = Client(world, pki.client())
        world.kernel.recvs.extend([NEVER, 1, NEVER])
        client.shake()
        world.until(lambda: world.handler.secured)
        world.handler.resume()
        client.ask(b"ann")


def test_an_alert_that_finds_nobody(pki: Pki) -> None:
    with World(over(pki.server(), Hello)) as world:
        peer = world.connect()
        world.kernel.sends.append(BrokenPipeError())
        peer.send(b"\x16\x03\x01\x00\x05hello")
        world.until(lambda: not world.kernel.sends)
        world.until_state(State.LINGERING)
        peer.close()
        world.until(lambda: world.closed())
        assert world.closed() == {CloseReason.TLS_HANDSHAKE: 1}


@pytest.mark.parametrize("how", ["close", "finish", "raise"])
def test_on_secure_may_do_anything(pki: Pki, how: str, caplog: pytest.LogCaptureFixture) -> None:
    class Rash(Hello):
        def on_secure(self) -> None:
            super().on_secure()
            if how == "raise":
                raise KeyError("rash")
            getattr(self, how)()

    with World(over(pki.server(), Rash)) as world:
        client = Client(world, pki.client("TLSv1_2")).shake()
        client.flush()
        assert client.read_to_end() == b""
        client.peer.close()
        world.until(lambda: world.handler.reasons)
        expected = CloseReason.HANDLER_ERROR if how == "raise" else CloseReason.LOCAL
        assert (world.handler.reasons, world.handler.secured) == ([expected], 1)
        assert ("on_secure" in caplog.text or "rash" in caplog.text) is (how == "raise")


ENDS: list[Callable[[Hello], None]] = [Hello.close, Hello.finish, Hello.suspend, Hello.end_output]


@pytest.mark.parametrize("act", ENDS, ids=lambda fn: fn.__name__)
@pytest.mark.parametrize("steps", [0, 1, 2])
@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_call_in_the_middle_of_the_handshake(
    pki: Pki, act: Callable[[Hello], None], steps: int, elsewhere: bool
) -> None:
    with World(over(pki.server(), Hello)) as world:
        client = Client(world, pki.client())
        for _ in range(steps):
            try:
                client.tls.do_handshake()
            except ssl.SSLWantReadError:
                pass
            client.flush()
            world.turns(4)
            client.pull()
        if elsewhere:
            in_a_thread(act, world.handler)
        else:
            act(world.handler)
        world.turns(4)
        client.peer.close()
        world.handler.resume()
        world.until(lambda: world.handler.reasons)
        assert len(world.handler.reasons) == 1
        assert world.reactor.statistics().open == 0


@pytest.mark.parametrize("error", [MemoryError("odd"), ssl.SSLError(1, "odd")], ids=["fault", "TLS"])
@pytest.mark.parametrize("step", ["do_handshake", "read", "write", "unwrap"])
def test_an_error_at_each_step_costs_one_connection(
    pki: Pki, step: str, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    """What is no error of TLS is a fault of ours, and told as one, with a traceback."""
    context = pki.server()

    class Faulty(ssl.SSLObject):
        asked_for = None

        def __getattribute__(self, name: str) -> Any:
            if name == step:
                return self.fail
            return super().__getattribute__(name)

        def fail(self, *args: object) -> None:
            raise error

    good = context.context.sslobject_class
    with World(over(context, Hello)) as world:
        context.context.sslobject_class = Faulty
        client = Client(world, pki.client())
        with suppress(AssertionError, ssl.SSLError, ConnectionError):
            client.shake().ask(b"ann")
            world.handler.finish()
            client.read_to_end()
        client.peer.close()
        world.until(lambda: world.handler.reasons)
        assert ("Traceback" in caplog.text) is isinstance(error, MemoryError)
        context.context.sslobject_class = good
        Client(world, pki.client()).shake().ask(b"bob")
        assert world.reactor.statistics().open == 1


def test_a_transport_that_cannot_be_made_costs_one_connection(pki: Pki, caplog: pytest.LogCaptureFixture) -> None:
    def broken(self: Hello, channel: object) -> None:
        raise MemoryError("no transport")

    with World(over(broken, Hello)) as world:
        assert world.dial().read_to_end() == b""
        assert "a connection got no handler" in caplog.text
        assert world.reactor.statistics().open == 0


class Mute(Diary):
    """Has nothing to say, and says so before there is TLS."""

    def on_open(self) -> None:
        self.end_output()


def test_output_that_ends_first_ends_behind_the_handshake(pki: Pki) -> None:
    with World(over(pki.server(), Mute)) as world:
        client = Client(world, pki.client()).shake()
        assert client.read_to_end() == b""
        client.send(b"hello")
        world.until(lambda: world.handler.got == [b"hello"])
        client.say_end()
        client.peer.close()
        world.until(lambda: world.handler.reasons)
        assert (world.handler.reasons, world.handler.secured) == ([CloseReason.PEER_FIN], 1)


def test_plain_bytes_never_count_as_protected_whoever_has_nothing_to_say(pki: Pki) -> None:
    with World(over(pki.server(), Mute)) as world:
        peer = world.connect()
        peer.send(b"plain bytes of anybody")
        world.until(lambda: world.handler.state is State.LINGERING)
        peer.close()
        world.until(lambda: world.handler.reasons)
        assert (world.handler.got, world.handler.reasons) == ([], [CloseReason.TLS_HANDSHAKE])


def test_the_handshake_has_its_deadline_also_where_output_has_ended(pki: Pki) -> None:
    with World(over(pki.server(), Mute)) as world:
        world.connect()
        world.advance(10)
        assert world.handler.reasons == [CloseReason.TLS_TIMEOUT]
