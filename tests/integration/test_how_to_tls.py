"""``docs/how-to/tls.md``: the server, the change in mid-stream and the engine, with clients of Python's own ssl."""

from __future__ import annotations

import shutil
import signal
import socket
import ssl
from pathlib import Path

import pytest

from nio.tls import TlsContext
from tests.certificates import Authority, Pair
from tests.integration._how_to import PAGES, finished, program, started
from tests.integration.conversation import PATIENCE, client, receive

pytestmark = pytest.mark.needs("openssl")
TEXT = (PAGES / "tls.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl")
    return Authority(tmp_path_factory.mktemp("certificates"), "trusted")


@pytest.fixture
def pair(authority: Authority) -> Pair:
    return authority.issue("localhost")


@pytest.fixture
def context(authority: Authority) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(authority.certificate))


def test_the_server_tells_what_tls_says(tmp_path: Path, pair: Pair, context: ssl.SSLContext) -> None:
    child = started(program("tls", "hello_tls.py"), tmp_path, str(pair.certificate), str(pair.key))
    assert child.process.stdout is not None
    with client(child.address) as sock, context.wrap_socket(sock, server_hostname="localhost") as secure:
        secure.sendall(b"ann\n")
        assert receive(secure, 10) == b"Hello ann\n"
        assert child.process.stdout.readline() == "TLSv1.3 localhost []\n"
        secure.unwrap()
    assert child.process.stdout.readline() == "PEER_FIN \n"
    with client(child.address) as sock, context.wrap_socket(sock, server_hostname="localhost") as secure:
        secure.sendall(b"ann\n")
        assert receive(secure, 10) == b"Hello ann\n"
    child.process.stdout.readline()
    assert child.process.stdout.readline().startswith("TLS_TRUNCATED ")
    with client(child.address) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert len(receive(sock, 100)) < 100  # an alert at most, and the end
    assert child.process.stdout.readline().startswith("TLS_HANDSHAKE ")
    assert child.end(signal.SIGTERM) == (0, "")


def test_a_line_turns_tls_on(tmp_path: Path, pair: Pair, context: ssl.SSLContext) -> None:
    child = started(program("tls", "starttls.py"), tmp_path, str(pair.certificate), str(pair.key))
    try:
        with client(child.address) as sock:
            sock.sendall(b"NOOP\r\n")
            assert receive(sock, 29) == b"250 everybody can read this\r\n"
            sock.sendall(b"STARTTLS\r\n")
            assert receive(sock, 14) == b"220 go ahead\r\n"
            with context.wrap_socket(sock, server_hostname="localhost") as secure:
                secure.sendall(b"NOOP\r\n")
                assert receive(secure, 15) == b"250 protected\r\n"
                secure.sendall(b"STARTTLS\r\n")
                assert receive(secure, 22) == b"503 it is on already\r\n"
        with socket.create_connection(child.address, PATIENCE) as sock:
            sock.sendall(b"STARTTLS\r\nEVIL\r\n")
            assert receive(sock, 1000) == b"220 go ahead\r\n"
    finally:
        child.end(signal.SIGKILL)


def test_a_server_and_two_clients_of_coroutines(tmp_path: Path, authority: Authority) -> None:
    """The second does not trust the first one's authority."""
    alone = authority.issue("localhost")
    page = program("tls", "tls_tasks.py")
    code = page.code.replace("ca=certificate", f"ca={str(authority.certificate)!r}")
    call = f"run(main, {str(alone.certificate)!r}, {str(alone.key)!r})"
    done = finished(type(page)(page.name, code), tmp_path, call=call)
    assert done.stdout == "Hello ann, in greetings\nTLS_HANDSHAKE: SSLCertVerificationError\n"
    assert done.stderr == ""


def test_two_engines_talk(tmp_path: Path, authority: Authority) -> None:
    alone = authority.issue("localhost")  # what the page makes signs itself; here the client is told the authority
    page = program("tls", "engine.py")
    call = f"import sys; main({str(alone.certificate)!r}, {str(alone.key)!r})"
    code = page.code.replace("ca=certificate", f"ca={str(authority.certificate)!r}")
    done = finished(type(page)(page.name, code), tmp_path, call=call)
    assert (done.stdout, done.stderr) == ("TLSv1.3 ['localhost'] hello\n", "")


def test_the_page_has_the_defaults(pair: Pair) -> None:
    context = TlsContext.server(*pair.both)
    assert f"in `handshake_timeout` seconds ({context.handshake_timeout:g})" in TEXT
    assert f"`handshakes_per_turn` steps ({context.handshakes_per_turn})" in TEXT
