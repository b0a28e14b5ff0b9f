"""What connections share: names, protocols, sessions, certificates that change; and TLS on a client's side."""

from __future__ import annotations

import logging
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from nio.channels import SelectionKey, ServerSocketChannel
from nio.reactor import Acceptor, CloseReason, Connection, Reactor, StreamHandler
from nio.tls import TlsContext, session_of
from tests.certificates import Pair, openssl
from tests.unit.reactor.support import Greeter, World
from tests.unit.tls.support import Client, Hello, Pki, over


def shown(client: Client) -> list[str]:
    certificate: Any = client.tls.getpeercert()
    return [name for _, name in certificate["subjectAltName"]]


def handshaken(world: World, pki: Pki, name: str | None) -> tuple[list[str], str | None]:
    """The names in the certificate that a client is shown who asks for this one, and what the server heard."""
    client = Client(world, pki.client(check_hostname=False), name).shake()
    client.ask(b"ann")
    session = session_of(world.handler)
    assert session is not None
    return shown(client), session.server_name


@pytest.fixture
def names(pki: Pki) -> dict[str, tuple[Path, Path]]:
    return {name: pki.trusted.issue(name).both for name in ("a.example", "*.b.example")}


def test_each_name_has_its_certificate(pki: Pki, names: dict[str, tuple[Path, Path]]) -> None:
    with World(over(pki.server(names=names), Hello)) as world:
        assert handshaken(world, pki, "a.example") == (["a.example"], "a.example")
        assert handshaken(world, pki, "A.Example") == (["a.example"], "A.Example")
        assert handshaken(world, pki, "x.b.example") == (["*.b.example"], "x.b.example")
        for other in ("x.y.b.example", "b.example", "unknown.example"):
            assert handshaken(world, pki, other) == (["localhost", "127.0.0.1"], other)
        assert handshaken(world, pki, None) == (["localhost", "127.0.0.1"], None)


def test_strict_names_refuse_all_others(pki: Pki, names: dict[str, tuple[Path, Path]]) -> None:
    with World(over(pki.server(names=names, strict_names=True), Hello)) as world:
        assert handshaken(world, pki, "a.example")[0] == ["a.example"]
        assert handshaken(world, pki, None)[1] is None
        with pytest.raises(ssl.SSLError, match=r"(?i)unrecognized.name"):
            handshaken(world, pki, "c.example")


def test_alpn(pki: Pki) -> None:
    with World(over(pki.server(protocols=["h2", "http/1.1"]), Hello)) as world:
        for offered, chosen in ((["http/1.1", "h2"], "h2"), (["http/1.1"], "http/1.1"), ([], None)):
            context = pki.client()
            if offered:
                context.set_alpn_protocols(offered)
            client = Client(world, context).shake()
            client.ask(b"ann")
            session = session_of(world.handler)
            assert session is not None
            assert (client.tls.selected_alpn_protocol(), session.application_protocol) == (chosen, chosen)


def test_a_connection_without_tls_has_no_session() -> None:
    with World(Greeter) as world:
        world.connect()
        assert session_of(world.handler) is None


def test_a_session_says_what_it_is(pki: Pki) -> None:
    with World(over(pki.server(), Hello)) as world:
        client = Client(world, pki.client("TLSv1_3"))
        session = session_of(world.handler)
        assert session is not None
        assert (session.protocol, session.peer_certificates, session.peer_names) == (None, [], [])
        assert session.cipher_suite is None
        client.shake().ask(b"ann")
        assert repr(session) == f"SSLSession(TLSv1.3, {session.cipher_suite}, server_name='localhost')"
        assert session.is_resumed is False


# certificates that change


class Files:
    """A server's two files, which can be replaced."""

    def __init__(self, directory: Path, pair: Pair) -> None:
        self.certificate, self.key = directory / "server.pem", directory / "server.key"
        self.put(pair)

    def put(self, pair: Pair) -> None:
        shutil.copy(pair.certificate, self.certificate)
        shutil.copy(pair.key, self.key)


def test_certificates_are_reloaded_under_connections_that_stand(pki: Pki, tmp_path: Path) -> None:
    files = Files(tmp_path, pki.pair)
    context = TlsContext.server(files.certificate, files.key)
    with World(over(context, Hello)) as world:
        first = Client(world, pki.client()).shake()
        first.ask(b"ann")
        half = Client(world, pki.client())
        with pytest.raises(ssl.SSLWantReadError):
            half.tls.do_handshake()
        half.flush()
        world.turns()
        files.put(pki.trusted.issue("localhost", "new.example", kind="new"))
        context.reload()
        assert "new.example" in shown(Client(world, pki.client()).shake())
        assert "new.example" not in shown(half.shake())
        for client in (first, half):
            client.ask(b"bob")
        assert world.closed() == {}


@pytest.mark.parametrize("broken", ["gone", "no pair", "garbage"])
def test_files_that_cannot_be_used_change_nothing(
    pki: Pki, tmp_path: Path, broken: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "nio.reactor")
    files = Files(tmp_path, pki.pair)
    context = TlsContext.server(files.certificate, files.key)
    with World(over(context, Hello)) as world:
        watch = context.reload_on(world.reactor, signal.SIGHUP)
        if broken == "gone":
            files.certificate.unlink()
        elif broken == "no pair":
            shutil.copy(pki.trusted.issue("new.example").certificate, files.certificate)
        else:
            files.key.write_text("no key")
        with pytest.raises(OSError, match=r"."):
            context.reload()
        os.kill(os.getpid(), signal.SIGHUP)
        world.until(lambda: caplog.records)
        assert "certificates are not reloaded, the old ones stay" in caplog.text
        assert shown(Client(world, pki.client()).shake()) == ["localhost", "127.0.0.1"]
        files.put(pki.trusted.issue("localhost", "new.example", kind="new"))
        os.kill(os.getpid(), signal.SIGHUP)
        world.until(lambda: "certificates are reloaded" in caplog.text)
        assert "new.example" in shown(Client(world, pki.client()).shake())
        watch.cancel()


def test_what_cannot_be_loaded_is_refused_at_once(pki: Pki, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        TlsContext.server(tmp_path / "none.pem")
    with pytest.raises(ssl.SSLError):
        TlsContext.server(pki.pair.certificate, pki.trusted.issue("a.example").key)
    with pytest.raises(TypeError, match=r"made of an ssl\.SSLContext"):
        TlsContext("cert.pem", server_side=True)  # type: ignore[arg-type]


def test_a_file_that_cannot_be_used_is_named(pki: Pki, tmp_path: Path) -> None:
    certificate, key = pki.pair.both
    other, none, garbage = pki.trusted.issue("a.example").key, tmp_path / "none.pem", tmp_path / "garbage.pem"
    garbage.write_text("-----BEGIN NOTHING-----")
    half = tmp_path / "half.pem"
    half.write_text("-----BEGIN CERTIFICATE-----\nnothing\n-----END CERTIFICATE-----")
    for pair, words in (
        ((none, key), f"No such file or directory: '{none}'"),
        ((certificate, none), f"No such file or directory: '{none}'"),
        ((certificate, tmp_path), f"Is a directory: '{tmp_path}'"),
        ((certificate, other), f"the key in '{other}' is not that of the certificate in '{certificate}'"),
        ((garbage, key), f"'{garbage}' holds no certificate in PEM form"),
        ((certificate, garbage), f"'{garbage}' holds no private key in PEM form"),
        ((certificate, None), f"'{certificate}' holds no private key in PEM form"),
        ((half, key), f"the certificate in '{half}' or the key in '{key}' cannot be used"),
    ):
        with pytest.raises(OSError, match=re.escape(words)):
            TlsContext.server(*pair)
        with pytest.raises(OSError, match=re.escape(words)):
            TlsContext.client(certificate=pair[0], key=pair[1])
    for ca, words in (
        (none, f"No such file or directory: '{none}'"),
        (garbage, f"'{garbage}' holds no certificate in PEM form"),
        (half, f"'{half}' cannot be used"),
    ):
        with pytest.raises(OSError, match=re.escape(words)):
            TlsContext.server(certificate, key, client_ca=ca)
        with pytest.raises(OSError, match=re.escape(words)):
            TlsContext.client(ca=ca)


def test_a_key_with_a_password_asks_nobody_at_the_terminal(pki: Pki, tmp_path: Path) -> None:
    locked = tmp_path / "locked.key"
    openssl("pkey", "-in", str(pki.pair.key), "-aes128", "-passout", "pass:secret", "-out", str(locked))
    with pytest.raises(ssl.SSLError, match=f"the key in '{locked}' has a password"):
        TlsContext.server(pki.pair.certificate, locked)


@pytest.mark.parametrize(
    ("protocols", "words"),
    [
        ("h2", "protocols is a list of names, not 'h2'"),
        ([b"h2"], "b'h2' in protocols is no name of 1 to 255 bytes of ASCII"),
        (["h2", ""], "'' in protocols is no name"),
        (["x" * 256], "x' in protocols is no name"),
        (["\xe9"], "\xe9' in protocols is no name"),
    ],
)
def test_protocols_that_are_none(pki: Pki, protocols: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        pki.server(protocols=protocols)
    with pytest.raises(ValueError, match=words):
        TlsContext.client(protocols=protocols)


@pytest.mark.parametrize("word", ["required", "optional"])
def test_a_client_s_certificate_is_signed_by_somebody(pki: Pki, word: str) -> None:
    """Or else a server that asks for "required" ones would let everybody in."""
    with pytest.raises(ValueError, match=r"client_certificate=.* needs client_ca"):
        pki.server(client_certificate=word)


def test_a_name_has_two_files(pki: Pki) -> None:
    with pytest.raises(TypeError, match=r"names\['a.example'\] is a pair \(certificate, key\), not 'cert.pem'"):
        TlsContext.server(*pki.pair.both, names={"a.example": "cert.pem"})  # type: ignore[dict-item]


def test_what_a_maker_makes_is_looked_at() -> None:
    with pytest.raises(TypeError, match=r"made of an ssl\.SSLContext .*, not of None"):
        TlsContext(lambda: None, server_side=True)  # type: ignore[arg-type,return-value]


def test_a_context_of_the_wrong_side_is_refused_at_once(pki: Pki) -> None:
    with pytest.raises(ValueError, match=r"a server's TlsContext makes no transport of a client"):
        pki.server().for_server("localhost")
    with pytest.raises(ValueError, match=r"PROTOCOL_TLS_CLIENT is of no use to a server"):
        TlsContext(pki.client(), server_side=True)
    with pytest.raises(ValueError, match=r"PROTOCOL_TLS_SERVER is of no use to a client"):
        TlsContext(pki.server().context, server_side=False)


def test_a_context_of_one_s_own(pki: Pki) -> None:
    own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    own.load_cert_chain(*pki.pair.both)
    context = TlsContext(own, server_side=True)
    assert context.context is own
    assert repr(context) == "TlsContext(server_side=True, server_name=None)"
    context.reload()
    with World(over(context, Hello)) as world:
        Client(world, pki.client()).shake().ask(b"ann")


# sessions


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_a_server_resumes_sessions(pki: Pki, version: str) -> None:
    context = pki.client(version)
    with World(over(pki.server(), Hello)) as world:
        first = Client(world, context).shake()
        first.ask(b"ann")
        second = Client(world, context)
        second.tls.session = first.tls.session
        second.shake().ask(b"bob")
        assert second.tls.session_reused
        session = session_of(world.handler)
        assert session is not None
        assert session.is_resumed


# a client of ours


class Caller(StreamHandler):
    """Says hello when it can, and keeps what it is told."""

    def __init__(self) -> None:
        self.got: list[bytes] = []
        self.reasons: list[CloseReason] = []
        self.secured = self.resumed = 0
        self.names: list[str] = []

    def on_open(self) -> None:
        self.send(b"ann")

    def on_secure(self) -> None:
        session = session_of(self)
        assert session is not None
        self.secured += 1
        self.resumed += session.is_resumed
        self.names = session.peer_names

    def process(self, record: bytes) -> None:
        self.got.append(record)

    def on_close(self, reason: CloseReason) -> None:
        self.reasons.append(reason)


def called(world: World, context: Any, name: str = "127.0.0.1") -> Caller:
    """A Caller that has an answer, or has ended."""
    handler = Caller()
    world.reactor.connect((name, world.address[1]), handler, transport=context)
    world.until(lambda: handler.got or handler.reasons)
    return handler


def test_a_client_checks_the_server_s_name(pki: Pki) -> None:
    ca = pki.trusted.certificate
    with World(over(pki.server(), Hello)) as world:
        good = called(world, TlsContext.client(ca=ca))
        assert (good.got, good.secured, good.names) == ([b"Hello ann"], 1, ["localhost", "127.0.0.1"])
        assert called(world, TlsContext.client("localhost", ca=ca)).got == [b"Hello ann"]
        bad = called(world, TlsContext.client("other.example", ca=ca))
        assert (bad.reasons, bad.got) == ([CloseReason.TLS_HANDSHAKE], [])
        assert isinstance(bad.close_error, ssl.SSLCertVerificationError)
        bad = called(world, TlsContext.client("localhost", ca=pki.stranger.certificate))
        assert bad.reasons == [CloseReason.TLS_HANDSHAKE]
        world.until(lambda: world.closed().get(CloseReason.TLS_HANDSHAKE) == 4)  # both ends of both


def test_a_client_s_transport_may_be_its_class_s(pki: Pki) -> None:
    class Named(Caller):
        transport = TlsContext.client("localhost", ca=pki.trusted.certificate, protocols=["h2"])

    class Nameless(Caller):
        transport = TlsContext.client(ca=pki.trusted.certificate)

    with World(over(pki.server(), Hello)) as world:
        handler = Named()
        world.reactor.connect(world.address, handler)
        world.until(lambda: handler.got)
        connecting = world.reactor.connect(world.address, Nameless)
        world.until(lambda: connecting.error)
        assert "give it one" in str(connecting.error)


def test_a_client_shows_its_certificate_and_resumes(pki: Pki) -> None:
    pair = pki.trusted.issue("client.example")
    context = TlsContext.client("localhost", ca=pki.trusted.certificate, certificate=pair.certificate, key=pair.key)
    with World(over(pki.server(client_ca=pki.trusted.certificate), Hello)) as world:
        first = called(world, context)
        first.close()
        second = called(world, context)
        assert (first.resumed, second.resumed) == (0, 1)
        context.reload()
        assert called(world, context).resumed == 0
        second.close()  # its session is of the context before
        assert called(world, context).got == [b"Hello ann"]


def test_a_session_of_an_older_context_is_left_out(pki: Pki) -> None:
    context = TlsContext.client("localhost", ca=pki.trusted.certificate)
    with World(over(pki.server(), Hello)) as world:
        called(world, context).close()
        sessions = dict(context._sessions)
        assert sessions
        context.reload()
        context._sessions.update(sessions)
        assert called(world, context).resumed == 0


def test_of_sessions_the_last_ones_are_kept(pki: Pki, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nio.tls._context._SESSIONS", 2)
    context = TlsContext.client(ca=pki.trusted.certificate)
    with World(over(pki.server(), Hello)) as world:
        for name in ("localhost", "127.0.0.1", "localhost"):
            handler = Caller()
            world.reactor.connect(world.address, handler, transport=context.for_server(name))
            world.until(lambda: handler.got)  # noqa: B023  # called here only
            handler.close()
        assert list(context._sessions) == ["127.0.0.1", "localhost"]
        monkeypatch.setattr("nio.tls._context._SESSIONS", 1)
        called(world, context).close()
        assert list(context._sessions) == ["127.0.0.1"]


def test_a_reload_in_another_thread_while_a_session_is_kept_costs_nothing(pki: Pki) -> None:
    """Between any two steps of the one the other may run: here it runs in the middle of each."""
    context = TlsContext.client(ca=pki.trusted.certificate)

    class Sessions(dict[str | None, Any]):
        def __setitem__(self, name: str | None, session: Any) -> None:
            super().__setitem__(name, session)
            self.clear()

    shaken: Any = SimpleNamespace(session=SimpleNamespace(has_ticket=True))
    context._sessions = Sessions()
    context._keep_session(context.context, "a.example", shaken)
    assert context._sessions == {}


def test_a_client_of_a_server_that_is_none(pki: Pki) -> None:
    with World(Greeter) as world:  # whose reply is a line
        handler = Caller()
        world.reactor.connect(world.address, handler, transport=TlsContext.client("localhost"))
        world.until(lambda: handler.secured or world.handlers)
        world.handler.send(b"welcome to a plain server")
        world.until(lambda: handler.reasons)
        assert handler.reasons == [CloseReason.TLS_HANDSHAKE]


def test_a_client_that_can_say_nothing(pki: Pki) -> None:
    context = TlsContext.client("localhost", ca=pki.trusted.certificate)
    context.context.minimum_version = ssl.TLSVersion.TLSv1_3
    with pytest.warns(DeprecationWarning, match=r"OP_NO_TLS"):
        context.context.options |= ssl.OP_NO_TLSv1_3
    with World(over(pki.server(), Hello)) as world:
        handler = called(world, context)
        assert handler.reasons == [CloseReason.TLS_HANDSHAKE]
        assert "no version of TLS is allowed here" in handler._rare.detail


# the setting


def test_an_acceptor_gives_its_transport_to_any_handler(pki: Pki, workers: int) -> None:
    made: list[Hello] = []

    def make() -> Hello:
        made.append(Hello())
        return made[-1]

    with Reactor.open(workers=workers) as reactor:
        listener = ServerSocketChannel.open().bind(("127.0.0.1", 0))
        reactor.register(listener, SelectionKey.OP_ACCEPT, Acceptor(make, transport=pki.server()))
        with (
            reactor.in_thread(),
            socket.create_connection(("127.0.0.1", listener.port)) as sock,
            pki.client().wrap_socket(sock, server_hostname="localhost") as client,
        ):
            client.sendall(b"ann\n")
            assert client.recv(100) == b"Hello ann\n"


def test_a_handler_that_takes_no_attribute_is_told(pki: Pki, caplog: pytest.LogCaptureFixture) -> None:
    class Slotted(Connection):
        __slots__ = ()

        def handle_data(self, data: bytes) -> None: ...

    with World() as world:
        world.acceptor._maker = Acceptor(Slotted, transport=pki.server())._maker
        peer = world.dial()
        assert peer.read_to_end() == b""
        assert "Slotted takes no attribute, transport: make it one of the class" in caplog.text


def test_whoever_has_no_tls_loads_none() -> None:
    code = "import sys, nio, nio.reactor; print([name for name in sys.modules if name == 'ssl' or 'tls' in name])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=20)
    assert done.stdout == "[]\n"


def test_what_makes_no_transport_is_refused() -> None:
    with pytest.raises(TypeError, match=r"a TlsContext or another maker"):
        Acceptor(Greeter, transport="cert.pem")  # type: ignore[arg-type]
