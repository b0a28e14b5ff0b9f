from __future__ import annotations

import errno
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from nio.channels import SelectionKey, Selector, ServerSocketChannel, SocketChannel
from nio.errors import (
    AlreadyBoundError,
    AsynchronousCloseError,
    ClosedChannelError,
    UnsupportedAddressTypeError,
)
from nio.spi import Address, ProtocolFamily, SelectorProvider, SystemProvider
from tests.contract.watched import WatchedProvider
from tests.helpers import LOOPBACK, Background, address_of, connected_pair, unix_pair, until

UNIX = ProtocolFamily.UNIX


@pytest.fixture
def server() -> Iterator[ServerSocketChannel]:
    with ServerSocketChannel.open().bind(LOOPBACK) as server:
        yield server


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as sock:
            sock.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.mark.parametrize(
    ("address", "family"),
    [
        (("127.0.0.1", 1), ProtocolFamily.INET),
        (("", 1), ProtocolFamily.INET),
        (("::1", 1), ProtocolFamily.INET6),
        (("::1", 1, 0, 0), ProtocolFamily.INET6),
        ("/nowhere", UNIX),
        (b"/nowhere", UNIX),
        (Path("/nowhere"), UNIX),
    ],
)
def test_the_family_is_the_addresss(address: Address, family: ProtocolFamily) -> None:
    class Families(SystemProvider):
        def open_socket(self, family: ProtocolFamily) -> socket.socket:
            asked.append(family)
            raise OSError("enough")

    asked: list[ProtocolFamily] = []
    with pytest.raises(OSError, match="enough"):
        SocketChannel.open(address, provider=Families(SelectorProvider.available()[0]))
    assert asked == [family]


def test_without_an_address_the_family_is_ipv4_or_the_one_given() -> None:
    with SocketChannel.open() as channel:
        assert channel.socket.family == socket.AF_INET
    with SocketChannel.open(family=UNIX) as channel:
        assert channel.socket.family == socket.AF_UNIX
    for address in ((), 7, ["127.0.0.1", 1]):
        with pytest.raises(UnsupportedAddressTypeError):
            SocketChannel.open(address)  # type: ignore[arg-type]  # what is refused


@pytest.mark.skipif(not has_ipv6(), reason="no IPv6 here")
def test_A12_ipv6_and_both_families_on_one_listener() -> None:
    with ServerSocketChannel.open(ProtocolFamily.INET6).bind(("::", 0)) as server:
        assert server.get_option("SO_REUSEADDR") is True
        port = address_of(server)[1]
        assert isinstance(port, int)
        for host in ("::1", "127.0.0.1"):
            with SocketChannel.open((host, port)) as client:
                accepted = server.accept()
                assert accepted is not None
                with accepted:
                    assert client.remote_address is not None
                    assert client.remote_address[0] == host
                    assert accepted.remote_address is not None
                    assert str(accepted.remote_address[0]).endswith(host)


def test_open_closes_what_it_could_not_connect() -> None:
    with pytest.raises(UnsupportedAddressTypeError):
        SocketChannel.open(("::1", 1), ProtocolFamily.INET)
    with pytest.raises(FileNotFoundError, match="/nowhere/at/all"):
        SocketChannel.open("/nowhere/at/all")


def test_repr_shows_the_state(server: ServerSocketChannel) -> None:
    with SocketChannel.open() as channel:
        assert repr(channel) == "SocketChannel(unconnected)"
        channel.configure_blocking(False).connect(address_of(server))
        assert repr(channel) == "SocketChannel(connection pending)"
        until(channel.finish_connect)
        assert repr(channel) == f"SocketChannel(remote={server.local_address!r})"
    assert repr(channel) == "SocketChannel(closed)"


def test_binding_before_connecting(server: ServerSocketChannel) -> None:
    with SocketChannel.open().bind(LOOPBACK) as channel:
        own = channel.local_address
        assert channel.connect(address_of(server)) is True
        assert channel.local_address == own
        with pytest.raises(AlreadyBoundError):
            channel.bind(None)
        accepted = server.accept()
        assert accepted is not None
        with accepted:
            assert accepted.remote_address == own


@pytest.mark.parametrize("address", ["x" * 200, "a\0b"])
def test_an_address_the_kernel_cannot_take_changes_nothing(address: str, tmp_path: Path) -> None:
    path = tmp_path / "s"
    with (
        ServerSocketChannel.open(UNIX) as server,
        SocketChannel.open(family=UNIX) as channel,
    ):
        for refused in (server.bind, channel.bind, channel.connect):
            with pytest.raises((OSError, ValueError), match=r"too long|NUL"):
                refused(address)
        assert not channel.is_connection_pending
        server.bind(path)
        assert channel.connect(path) is True
        accepted = server.accept()
        assert accepted is not None
        accepted.close()


def test_unix_addresses_as_bytes_path_and_abstract(tmp_path: Path) -> None:
    path = tmp_path / "s"
    for address in (path, str(path), os.fsencode(path)):
        with ServerSocketChannel.open(UNIX).bind(address) as server:  # type: ignore[arg-type]  # bytes are taken too
            assert server.local_address == str(path)
            with SocketChannel.open(address) as client:  # type: ignore[arg-type]  # bytes are taken too
                assert client.remote_address == str(path)
                assert client.local_address == ""
        path.unlink()
    with ServerSocketChannel.open(UNIX).bind(None) as server:
        any_address = server.local_address
        assert any_address
        with SocketChannel.open(any_address) as client:
            assert client.is_connected


def fill_queue(path: Path) -> list[SocketChannel]:
    """Connect until a Unix-domain listener's queue is full."""
    clients: list[SocketChannel] = []
    while True:
        client = SocketChannel.open(family=UNIX).configure_blocking(False)
        try:
            client.connect(path)
        except BlockingIOError:
            assert not client.is_open
            return clients
        clients.append(client)


def test_a_blocking_connect_waits_for_room_in_the_queue(tmp_path: Path) -> None:
    path = tmp_path / "s"
    watched = WatchedProvider(SelectorProvider.default())
    with ServerSocketChannel.open(UNIX).bind(path, 1) as server:
        clients = fill_queue(path)
        connecting = Background(lambda: SocketChannel.open(path, provider=watched))
        watched.until_asleep()
        watched.until_asleep()
        assert not connecting.is_done
        for _ in clients:
            accepted = server.accept()
            assert accepted is not None
            accepted.close()
        with connecting.result() as late:
            assert late.is_connected
        for client in clients:
            client.close()


def test_a_blocking_connect_that_waits_for_room_is_released_by_a_close(tmp_path: Path) -> None:
    path = tmp_path / "s"
    watched = WatchedProvider(SelectorProvider.default())
    with ServerSocketChannel.open(UNIX).bind(path, 1):
        clients = fill_queue(path)
        late = SocketChannel.open(family=UNIX, provider=watched)
        connecting = Background(late.connect, path)
        watched.until_asleep()
        late.close()
        with pytest.raises(AsynchronousCloseError):
            connecting.result()
        for client in clients:
            client.close()


@pytest.mark.parametrize("blocking", [True, False])
def test_B13_a_connection_to_itself_is_refused(blocking: bool) -> None:
    with SocketChannel.open().bind(LOOPBACK).configure_blocking(blocking) as channel:
        own = address_of(channel)
        with pytest.raises(ConnectionRefusedError):  # noqa: PT012  # non-blocking mode takes two calls
            channel.connect(own)
            until(channel.finish_connect)
        assert not channel.is_open


def test_a_connect_that_fails_at_once_closes_the_channel() -> None:
    with SocketChannel.open().configure_blocking(False) as channel:
        with pytest.raises(OSError, match=r"255\.255\.255\.255"):
            channel.connect(("255.255.255.255", 1))
        assert not channel.is_open


class NoShutdown(SystemProvider):
    def shutdown_output(self, sock: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))


def test_an_error_of_shutdown_that_is_no_news_of_the_peer_is_raised() -> None:
    near, far = connected_pair(NoShutdown(SelectorProvider.available()[0]))
    with near, far:
        with pytest.raises(OSError, match=os.strerror(errno.EIO)):
            near.shutdown_output()
        assert near.is_open


# statements 137, 138
@pytest.mark.skipif(sys.platform != "linux", reason="what a refused write does to a pending reset is the kernel's")
def test_a_write_after_the_own_shutdown_uses_up_a_reset_as_in_the_jdk() -> None:
    near, far = connected_pair()
    with near, far, Selector.open() as selector:
        near.configure_blocking(False).register(selector, SelectionKey.OP_READ)
        far.set_option("SO_LINGER", 0).close()
        assert selector.select(10) == 1
        near.shutdown_output()
        with pytest.raises(AsynchronousCloseError, match="is shut down"):
            near.write(b"")
        with pytest.raises(AsynchronousCloseError, match="is shut down"):
            near.write(b"hello")
        assert near.read(bytearray(1)) == -1


def test_remote_address_of_a_closed_channel(server: ServerSocketChannel, tmp_path: Path) -> None:
    near, far = unix_pair(tmp_path)
    assert far.remote_address == ""
    assert near.remote_address == str(tmp_path / "s")
    far.close()
    near.close()
    with pytest.raises(ClosedChannelError):
        _ = near.remote_address


def slots_of(kind: type) -> set[str]:
    return {name for base in kind.__mro__ for name in getattr(base, "__slots__", ()) if name[:2] != "__"}


def test_an_accepted_channel_has_all_that_an_opened_one_has() -> None:
    near, far = connected_pair()
    with near, far:
        for end in (near, far):
            assert {name for name in slots_of(SocketChannel) if hasattr(end, name)} == slots_of(SocketChannel)


def test_the_undelayed_socket() -> None:
    near, far = connected_pair()
    with near, far:
        near.set_option("TCP_NODELAY", False)
        assert near.undelayed_socket().fileno() == near._fd
        assert near.get_option("TCP_NODELAY") is True


def test_the_undelayed_socket_of_one_that_has_no_such_option(tmp_path: Path) -> None:
    near, far = unix_pair(tmp_path)
    with near, far:
        assert near.undelayed_socket().fileno() == near._fd
    near.undelayed_socket()  # a system may refuse it: the first read tells why
    with SocketChannel.open() as channel:
        sock = channel.undelayed_socket()
    assert channel.undelayed_socket() is sock
