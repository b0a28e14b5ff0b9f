"""The channel over standard input. Expected is what JDK 17 answered, unless the head of a test says something else."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from nio.channels import EOF, DatagramChannel, Selector, ServerSocketChannel, SocketChannel, inherited_channel
from nio.errors import ClosedChannelError
from nio.spi import ProtocolFamily, SelectorProvider, SystemProvider
from tests.helpers import LOOPBACK, PATIENCE, R, address_of, arrived, connected_pair, reset

CHILD = """
import json, os, sys
from nio.channels import ServerSocketChannel, SocketChannel, inherited_channel

def streams():
    return [os.readlink(f"/proc/self/fd/{n}").partition(":")[0] for n in range(3)]

channel = inherited_channel()
assert channel is inherited_channel()
told = {"kind": type(channel).__name__, "before": streams()}
if isinstance(channel, ServerSocketChannel):
    with channel.accept() as client:
        client.write(b"accepted")
elif isinstance(channel, SocketChannel):
    buffer = bytearray(64)
    channel.write(b"Hello " + buffer[:channel.read(buffer)])
elif channel is not None:
    buffer = bytearray(64)
    sender = channel.receive(buffer)
    channel.send(b"Hello " + buffer.rstrip(b"\\0"), sender)
if channel is not None:
    channel.close()
    assert channel is inherited_channel()
told["after"] = streams()
print(json.dumps(told), file=sys.stderr)
"""


class Child:
    """A process with a socket as its standard input, if told so as its output too; it says on stderr what it saw."""

    def __init__(self, sock: socket.socket, *, output: bool = False) -> None:
        stdout = sock.fileno() if output else subprocess.DEVNULL
        self.process = subprocess.Popen(
            [sys.executable, "-c", CHILD], stdin=sock.fileno(), stdout=stdout, stderr=subprocess.PIPE
        )

    def told(self) -> dict[str, object]:
        _, text = self.process.communicate(timeout=6 * PATIENCE)
        told: dict[str, object] = json.loads(text)
        return told


@contextmanager
def standard_input(fd: int) -> Iterator[SelectorProvider]:
    """That descriptor in the place of number 0; a provider that has not been asked yet."""
    before = os.dup(0)
    os.dup2(fd, 0)
    try:
        yield SystemProvider(SelectorProvider.default().name)
    finally:
        os.dup2(before, 0)
        os.close(before)


def stream_pair() -> tuple[socket.socket, socket.socket]:
    with socket.create_server(LOOPBACK) as server:
        near = socket.create_connection(server.getsockname())
        return near, server.accept()[0]


# in a process of its own


def test_a_process_that_inherits_a_listener() -> None:
    with socket.create_server(LOOPBACK) as server:
        child = Child(server)
        with socket.create_connection(server.getsockname(), PATIENCE * 6) as client:
            assert client.recv(64) == b"accepted"
        nowhere = "/dev/null"
        assert child.told() == {
            "kind": "ServerSocketChannel",
            "before": ["socket", nowhere, "pipe"],
            "after": [nowhere, nowhere, "pipe"],
        }
        server.settimeout(0)
        with pytest.raises(BlockingIOError):  # it listens on: the close was the child's alone
            server.accept()


def test_a_process_that_inherits_a_connection_as_from_inetd() -> None:
    """The JDK turns the third stream to nowhere too, which is no socket here."""
    near, far = stream_pair()
    with near, far:
        child = Child(far, output=True)
        far.close()
        near.settimeout(PATIENCE * 6)
        near.sendall(b"Ann")
        assert near.recv(64) == b"Hello Ann"
        assert near.recv(64) == b""
        nowhere = "/dev/null"
        assert child.told() == {
            "kind": "SocketChannel",
            "before": ["socket", "socket", "pipe"],
            "after": [nowhere, nowhere, "pipe"],
        }


def test_a_process_that_inherits_a_datagram_socket() -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer,
    ):
        sock.bind(LOOPBACK)
        peer.bind(LOOPBACK)
        peer.settimeout(PATIENCE * 6)
        child = Child(sock)
        peer.sendto(b"Ann", sock.getsockname())
        assert peer.recv(64) == b"Hello Ann"
        assert child.told()["kind"] == "DatagramChannel"


# in this process


@pytest.mark.parametrize("family", [ProtocolFamily.INET, ProtocolFamily.INET6, ProtocolFamily.UNIX])
def test_a_socket_that_listens(family: ProtocolFamily, tmp_path: Path) -> None:
    address = tmp_path / "s" if family is ProtocolFamily.UNIX else None
    with ServerSocketChannel.open(family).bind(address) as server, standard_input(server.socket.fileno()) as provider:
        channel = inherited_channel(provider)
        assert isinstance(channel, ServerSocketChannel)
        with channel:
            assert channel.is_blocking
            assert channel.provider is provider
            assert channel.local_address == server.local_address
            assert channel.socket.fileno() > 2
            assert not channel.socket.get_inheritable()
            with SocketChannel.open(
                server.local_address if address else ("127.0.0.1", port(server)), family=None
            ) as near:
                accepted = channel.accept()
                assert accepted is not None
                with accepted:
                    assert accepted.provider is provider
                    near.write(b"x")
                    assert accepted.read(bytearray(2)) == 1


def port(server: ServerSocketChannel) -> int:
    address = address_of(server)
    assert isinstance(address, tuple)
    return address[1]


def test_a_connection_ends_with_the_channel() -> None:
    near, far = connected_pair()
    with near, standard_input(far.socket.fileno()) as provider:
        far.close()
        channel = inherited_channel(provider)
        assert isinstance(channel, SocketChannel)
        assert (channel.is_connected, channel.is_blocking) == (True, True)
        assert channel.remote_address == near.local_address
        assert channel.local_address == near.remote_address
        channel.write(b"hello")
        arrived(near)
        assert near.read(bytearray(9)) == 5
        with Selector.open(provider) as selector:
            channel.configure_blocking(False).register(selector, R)
            assert selector.select_now() == 0
            channel.close()
            arrived(near)
            assert near.read(bytearray(9)) == EOF
        assert os.readlink("/proc/self/fd/0") == os.devnull
        assert inherited_channel(provider) is channel
        channel.close()
        channel.socket.close()
        with pytest.raises(ClosedChannelError):
            channel.read(bytearray(1))


def test_a_unix_domain_connection() -> None:
    near, far = socket.socketpair()
    with near, far, standard_input(far.fileno()) as provider:
        channel = inherited_channel(provider)
        assert isinstance(channel, SocketChannel)
        with channel:
            assert (channel.local_address, channel.remote_address) == ("", "")
            near.send(b"hello")
            assert channel.read(bytearray(9)) == 5


def test_a_connection_that_the_peer_has_reset_already() -> None:
    """The JDK takes it for a listener."""
    near, far = connected_pair()
    with far, standard_input(far.socket.fileno()) as provider:
        reset(near)
        arrived(far)
        channel = inherited_channel(provider)
        assert isinstance(channel, SocketChannel)
        with channel:
            assert channel.remote_address is None
            with pytest.raises(ConnectionResetError):
                channel.read(bytearray(1))


@pytest.mark.parametrize("family", [ProtocolFamily.INET, ProtocolFamily.INET6])
def test_datagrams(family: ProtocolFamily) -> None:
    host = "127.0.0.1" if family is ProtocolFamily.INET else "::1"
    with (
        DatagramChannel.open(family).bind((host, 0)) as peer,
        DatagramChannel.open(family).bind((host, 0)) as bound,
        standard_input(bound.socket.fileno()) as provider,
    ):
        channel = inherited_channel(provider)
        assert isinstance(channel, DatagramChannel)
        with channel:
            assert (channel.is_blocking, channel.is_connected) == (True, False)
            assert channel.local_address == bound.local_address
            assert peer.local_address is not None
            channel.send(b"hello", peer.local_address)
            assert peer.receive(bytearray(9)) == channel.local_address


def test_datagrams_that_have_a_peer() -> None:
    """The JDK forgets the peer."""
    with DatagramChannel.open().bind(LOOPBACK) as peer, DatagramChannel.open() as connected:
        assert peer.local_address is not None
        connected.connect(peer.local_address)
        with standard_input(connected.socket.fileno()) as provider:
            channel = inherited_channel(provider)
            assert isinstance(channel, DatagramChannel)
            with channel:
                assert (channel.is_connected, channel.remote_address) == (True, peer.local_address)
                assert channel.write(b"hello") == 5
                assert peer.receive(bytearray(9)) == channel.local_address
                assert not channel.disconnect().is_connected


def test_what_has_no_channel(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"")
    pairs = [socket.socketpair(type=kind) for kind in (socket.SOCK_DGRAM, socket.SOCK_SEQPACKET)]
    pipe = os.pipe()
    file = os.open(tmp_path / "f", os.O_RDONLY)
    for fd in (pipe[0], file, *(near.fileno() for near, _ in pairs)):
        with standard_input(fd) as provider:
            before = os.readlink("/proc/self/fd/0")
            assert inherited_channel(provider) is inherited_channel(provider) is None
            assert os.readlink("/proc/self/fd/0") == before
    for fd in (*pipe, file):
        os.close(fd)
    for near, far in pairs:
        near.close()
        far.close()


def test_none_stays_the_answer() -> None:
    """As the first invocation's: the process was born with what it had then."""
    near, far = connected_pair()
    with near, far, standard_input(near.socket.fileno()) as provider:
        os.dup2(nowhere := os.open(os.devnull, os.O_RDONLY), 0)
        os.close(nowhere)
        assert inherited_channel(provider) is None
        os.dup2(near.socket.fileno(), 0)
        assert inherited_channel(provider) is None


def test_a_standard_input_that_is_closed() -> None:
    with standard_input(0) as provider:
        os.close(0)
        assert inherited_channel(provider) is None


def test_a_standard_stream_that_is_closed_is_left_alone() -> None:
    near, far = connected_pair()
    with near, standard_input(far.socket.fileno()) as provider:
        far.close()
        channel = inherited_channel(provider)
        assert channel is not None
        os.close(0)
        channel.close()
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(0)
        arrived(near)
        assert near.read(bytearray(1)) == EOF


def test_peers_of_ipv4_at_a_socket_of_ipv6_are_told_as_such() -> None:
    """As by channels that this process has opened itself."""
    with (
        ServerSocketChannel.open(ProtocolFamily.INET6).bind(("127.0.0.1", 0)) as server,
        SocketChannel.open(address_of(server)) as near,
    ):
        far = server.accept()
        assert far is not None
        with far, standard_input(far.socket.fileno()) as provider:
            channel = inherited_channel(provider)
            assert isinstance(channel, SocketChannel)
            with channel:
                assert channel.remote_address == near.local_address
                assert channel.local_address == near.remote_address
    with (
        DatagramChannel.open(ProtocolFamily.INET6).bind(None) as peer,
        DatagramChannel.open(ProtocolFamily.INET6).bind(("127.0.0.1", 0)) as bound,
    ):
        assert peer.port is not None
        bound.connect(("127.0.0.1", peer.port))
        with standard_input(bound.socket.fileno()) as provider:
            heir = inherited_channel(provider)
            assert isinstance(heir, DatagramChannel)
            with heir:
                assert heir.remote_address == ("127.0.0.1", peer.port)
                for host in ("127.0.0.1", "::ffff:127.0.0.1"):
                    assert heir.send(b"x", (host, peer.port)) == 1
                    assert peer.receive(bytearray(1)) == heir.local_address == bound.local_address
