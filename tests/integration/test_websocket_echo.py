"""``samples/websocket_echo.py`` with a client of another library, with frames by hand, and with what asks for none."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from nio.reactor import CloseReason
from tests.faults.helpers import Server
from tests.integration.conversation import PATIENCE, ROOT, client, receive, receive_all
from tests.integration.test_small_samples import sample
from tests.unit.reactor.support import World

HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
ACCEPTED = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # the answer to that key in RFC 6455
TEXT, BINARY, CLOSE, PING, PONG, LAST = 1, 2, 8, 9, 10, 0x80


@pytest.fixture
def echo() -> Any:
    pytest.importorskip("wsproto")
    from samples import websocket_echo

    class Echo(websocket_echo.Echo):
        def __init__(self) -> None:
            self.reasons: list[CloseReason] = []

        def on_close(self, reason: CloseReason) -> None:
            super().on_close(reason)
            self.reasons.append(reason)

    return Echo


@pytest.fixture
def server(echo: Any) -> Iterator[Server]:
    with Server(echo) as server:
        yield server


@pytest.fixture
def sock(server: Server) -> Iterator[socket.socket]:
    """Behind a handshake."""
    with client(server.address) as sock:
        sock.sendall(HANDSHAKE)
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += receive(sock, 1) or pytest.fail(f"the stream ended after {head!r}")
        assert head.startswith(b"HTTP/1.1 101 ")
        assert ACCEPTED in head
        yield sock


def frame(kind: int, data: bytes = b"", mask: bytes = b"\1\2\3\4") -> bytes:
    """As a client writes it: masked."""
    size = len(data)
    length = bytes([LAST | size]) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
    return bytes([kind]) + length + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(data))


def answer(sock: socket.socket) -> tuple[int, bytes]:
    """The next frame: its first byte and its data."""
    kind, size = receive(sock, 2)
    if size == 126:
        size = int.from_bytes(receive(sock, 2), "big")
    return kind, receive(sock, size)


def ended(server: Server) -> list[Any]:
    server.until(lambda: server.handlers and all(each.reasons for each in server.handlers))
    return server.reasons()


def test_text_bytes_and_fragments_come_back(sock: socket.socket) -> None:
    for kind, data in ((TEXT, "Grüße".encode()), (BINARY, b"\xff\0"), (TEXT, b""), (BINARY, b"x" * 3000)):
        sock.sendall(frame(LAST | kind, data))
        assert answer(sock) == (LAST | kind, data)
    sock.sendall(frame(TEXT, b"a\xc3") + frame(LAST | PING, b"you") + frame(0) + frame(LAST | 0, b"\xbc"))
    assert answer(sock) == (LAST | PONG, b"you")
    assert answer(sock) == (LAST | TEXT, "aü".encode())


def test_who_does_not_wait_for_the_answer_is_served_all_the_same(server: Server) -> None:
    with client(server.address) as sock:
        sock.sendall(HANDSHAKE + frame(LAST | TEXT, b"hello") + frame(LAST | CLOSE, b"\x03\xe8"))
        assert receive_all(sock).partition(b"\r\n\r\n")[2] == b"\x81\x05hello\x88\x02\x03\xe8"


def test_bytes_one_by_one(server: Server) -> None:
    stream = HANDSHAKE + frame(LAST | TEXT, b"hello") + frame(LAST | CLOSE, b"\x03\xe8")
    with client(server.address) as sock:
        for byte in stream:
            sock.sendall(bytes([byte]))
        assert receive_all(sock).partition(b"\r\n\r\n")[2] == b"\x81\x05hello\x88\x02\x03\xe8"
    assert ended(server) == [CloseReason.PEER_FIN]


@pytest.mark.parametrize(
    ("said", "code", "reason"),
    [
        (frame(LAST | CLOSE, b"\x03\xe8bye"), 1000, CloseReason.PEER_FIN),
        (frame(LAST | TEXT, b"\xff"), 1007, CloseReason.PROTOCOL_ERROR),
        (frame(LAST | 3, b"x"), 1002, CloseReason.PROTOCOL_ERROR),  # no such kind
        (frame(LAST | 0, b"x"), 1002, CloseReason.PROTOCOL_ERROR),  # goes on with nothing
        (frame(PING, b"x"), 1002, CloseReason.PROTOCOL_ERROR),  # a fragment of a control frame
        (b"\x81\x01x", 1002, CloseReason.PROTOCOL_ERROR),  # not masked
        (b"\xf1" + frame(TEXT)[1:], 1002, CloseReason.PROTOCOL_ERROR),  # bits that nobody has agreed on
    ],
)
def test_each_end_has_its_code(
    server: Server, sock: socket.socket, said: bytes, code: int, reason: CloseReason
) -> None:
    sock.sendall(frame(LAST | TEXT, b"a") + said + frame(LAST | TEXT, b"nobody hears this"))
    assert answer(sock) == (LAST | TEXT, b"a")
    kind, data = answer(sock)
    assert (kind, int.from_bytes(data[:2], "big")) == (LAST | CLOSE, code)
    assert receive_all(sock) == b""
    sock.close()  # else the server waits for a moment, for what a client may still send
    assert ended(server) == [reason]


def test_a_message_has_a_limit_however_it_is_cut(
    server: Server, sock: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("samples.websocket_echo.LONGEST", 100)
    sock.sendall(frame(LAST | BINARY, b"x" * 100))
    assert answer(sock) == (LAST | BINARY, b"x" * 100)
    sock.sendall(frame(BINARY, b"x" * 60) + frame(0, b"x" * 41))
    kind, data = answer(sock)
    assert (kind, data[:2]) == (LAST | CLOSE, (1009).to_bytes(2, "big"))
    sock.close()
    assert ended(server) == [CloseReason.FRAME_TOO_LONG]


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", b"400"),
        (b"GET / HTTP/1.1\r\nHost: \xff\r\n\r\n", b"400"),
        (b"hello\r\n\r\n", b"400"),
        (b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03\n\n", b"400"),  # the beginning of TLS
        (b"GET / HTTP/1.1\r\nx: " + b"y" * 100_000, b"400"),
        (HANDSHAKE.replace(b"Version: 13", b"Version: 12"), b"426"),
        (HANDSHAKE.replace(b"websocket\r\n", b"h2c\r\n"), b"400"),
    ],
)
def test_who_asks_for_no_websocket_is_told(server: Server, said: bytes, status: bytes) -> None:
    with client(server.address) as sock:
        try:
            sock.sendall(said)
        except ConnectionResetError:
            pass  # it has heard enough
        told = receive_all(sock)
    assert told.startswith(b"HTTP/1.1 " + status) or said.endswith(b"yyy")
    assert b"This is a WebSocket server." in told or said.endswith(b"yyy")
    assert ended(server) == [CloseReason.PROTOCOL_ERROR]


def test_who_does_not_finish_the_handshake_and_who_says_nothing(echo: Any) -> None:
    with World(echo) as world:
        slow = world.connect()
        slow.send(HANDSHAKE[:50])
        world.turns(5)
        world.advance(10.1)
        assert slow.read_to_end() == b""
        assert world.handlers[0].reasons == [CloseReason.TOO_SLOW]
        silent = world.connect()
        silent.send(HANDSHAKE)
        world.until(lambda: [silent.pull(), silent.got.endswith(b"\r\n\r\n")][1])
        silent.got = b""
        world.advance(21)
        assert silent.read(2) == b"\x89\0"  # a ping
        silent.send(frame(LAST | PONG))
        world.turns(5)
        world.advance(59)
        world.advance(59)
        assert silent.read_to_end() == b"\x89\0"  # asked again, in vain
        assert world.handlers[1].reasons == [CloseReason.IDLE_TIMEOUT]


def test_a_client_of_another_library() -> None:
    pytest.importorskip("wsproto")
    connect = pytest.importorskip("websockets.sync.client").connect
    with sample("websocket_echo") as server, connect(f"ws://127.0.0.1:{server.address[1]}", max_size=None) as peer:
        for message in ("Grüße", b"\0\xff", "", "x" * (1 << 20), ["in", "", "pieces"]):
            peer.send(message)
            assert peer.recv(PATIENCE) == (message if not isinstance(message, list) else "inpieces")
        assert peer.ping("you").wait(PATIENCE)
        peer.send(b"x" * ((1 << 20) + 1))
        with pytest.raises(Exception, match="1009"):
            peer.recv(PATIENCE)


def test_without_wsproto_there_is_a_sentence() -> None:
    code = "import sys; sys.modules['wsproto'] = None; import samples.websocket_echo"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 1
    assert done.stderr == "samples.websocket_echo needs wsproto: pip install 'nio-reactor[samples]'\n"
