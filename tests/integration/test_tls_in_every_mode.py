"""The hello server over TLS on all four reactors: the conversations that the plain servers hold, through a tunnel.

The tunnel is in this process: plain clients on its one side, TLS on the other, two Links joined. So whatever a hostile
plain client does reaches the TLS server as the same deed over TLS: resets, ends, floods, half lines.
"""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from nio.channels import SelectionKey, ServerSocketChannel, SocketChannel
from nio.reactor import Acceptor, Link, Reactor
from nio.tls import TlsContext
from tests.certificates import Authority, Pair
from tests.integration._every_mode_handlers import MODES
from tests.integration.conversation import (
    CONVERSATIONS,
    Address,
    Child,
    ask,
    client,
    nothing_is_left_of_clients_that_are_gone,
)

pytestmark = pytest.mark.needs("openssl")

SERVER = """
import sys
from nio import SelectionKey, ServerSocketChannel
from nio.framing import Lines
from nio.reactor import Acceptor, StreamHandler, open_reactor
from nio.tls import TlsContext

class Hello(StreamHandler):
    framing = Lines(max_length=256)
    transport = TlsContext.server(sys.argv[2], sys.argv[3])

    def process(self, name):
        return b"Hello " + name

options = dict(pair.split("=") for pair in sys.argv[4:])
with open_reactor(sys.argv[1], **{name: int(value) for name, value in options.items()}) as reactor:
    server = ServerSocketChannel.open().bind(("127.0.0.1", 0))
    reactor.register(server, SelectionKey.OP_ACCEPT, Acceptor(Hello))
    reactor.run()
"""
LITTLE = 16384


@contextmanager
def tunnel(target: Address, context: TlsContext) -> Iterator[Address]:
    """Where plain clients reach the TLS server at ``target``."""

    class Back(Link):
        transport = context

        def on_open(self) -> None:
            keep_little(self.channel)

    class Front(Link):
        def on_open(self) -> None:
            keep_little(self.channel)
            reactor.connect(target, Back(self))

    with Reactor.open() as reactor:
        listener = ServerSocketChannel.open().bind(("127.0.0.1", 0))
        reactor.register(listener, SelectionKey.OP_ACCEPT, Acceptor(Front))
        with reactor.in_thread():
            yield ("127.0.0.1", listener.port or 0)


def keep_little(channel: SocketChannel) -> None:
    for option in ("SO_SNDBUF", "SO_RCVBUF"):
        channel.set_option(option, LITTLE)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Pair, Authority]:
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl")
    authority = Authority(tmp_path_factory.mktemp("certificates"), "trusted")
    return authority.issue("localhost"), authority


@pytest.fixture(scope="module", params=list(MODES))
def server(request: pytest.FixtureRequest, files: tuple[Pair, Authority]) -> Iterator[Child]:
    pair, _ = files
    options = [f"{name}={value}" for name, value in MODES[request.param].items()]
    child = Child.launched(SERVER, request.param, str(pair.certificate), str(pair.key), *options)
    yield child
    code, errors = child.end(signal.SIGTERM)
    assert code in (0, -signal.SIGTERM)
    assert errors == ""


@pytest.fixture
def address(server: Child, files: tuple[Pair, Authority]) -> Iterator[Address]:
    _, authority = files
    with tunnel(server.address, TlsContext.client("localhost", ca=authority.certificate)) as address:
        yield address


@pytest.mark.parametrize("conversation", CONVERSATIONS, ids=lambda conversation: str(conversation.__name__))
def test_conversation(address: Address, conversation: Callable[[Address], None]) -> None:
    conversation(address)


def test_nothing_is_left_of_clients_that_never_shake_hands(server: Child, address: Address) -> None:
    with client(server.address) as silent:
        nothing_is_left_of_clients_that_are_gone(Tunnelled(server, address))
        silent.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert silent.recv(100)[:1] in (b"\x15", b"")  # an alert
        with client(address) as last:
            ask(last, b"ann")


class Tunnelled(Child):
    """The server, spoken to through the tunnel."""

    def __init__(self, server: Child, address: Address) -> None:
        self.process, self.address = server.process, address
