"""Addresses as channels take and tell them: IPv4 on channels of IPv6, names in the Unix domain, and what is refused.

What JDK 17 answers to the same calls is the expectation; where it has no such call, the test says what else is.
"""

from __future__ import annotations

import errno
import os
import re
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest

import nio
from nio.channels import DatagramChannel, NetworkChannel, ServerSocketChannel, SocketChannel
from nio.errors import AlreadyBoundError, UnresolvedAddressError, UnsupportedAddressTypeError
from nio.spi import Address, ProtocolFamily

INET, INET6, UNIX = ProtocolFamily.INET, ProtocolFamily.INET6, ProtocolFamily.UNIX
V6ONLY = nio.StandardSocketOptions.IPV6_V6ONLY
IPV4 = "127.0.0.1"


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as sock:
            sock.bind(("::1", 0))
    except OSError:
        return False
    return True


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="no IPv6 here")
needs_abstract_names = pytest.mark.skipif(not hasattr(socket, "AF_NETLINK"), reason="abstract names are Linux's")


def port_of(channel: NetworkChannel) -> int:
    assert channel.port is not None
    return channel.port


def accepted(server: ServerSocketChannel) -> SocketChannel:
    channel = server.accept()
    assert channel is not None
    return channel


# IPv4 on channels of IPv6


@needs_ipv6
def test_a_client_of_ipv4_is_told_as_such_by_a_listener_of_both() -> None:
    with ServerSocketChannel.open(INET6).bind(None) as server:
        assert server.local_address == ("::", port_of(server), 0, 0)
        with SocketChannel.open((IPV4, port_of(server))) as client, accepted(server) as end:
            assert end.remote_address == client.local_address == (IPV4, port_of(client))
            assert end.local_address == client.remote_address == (IPV4, port_of(server))
            assert repr(end) == f"SocketChannel(remote={client.local_address!r})"


@needs_ipv6
@pytest.mark.parametrize("host", [IPV4, "::ffff:127.0.0.1", "::ffff:7f00:1"])
def test_a_stream_of_ipv6_connects_to_ipv4(host: str) -> None:
    with ServerSocketChannel.open(INET).bind((IPV4, 0)) as server:
        with SocketChannel.open((host, port_of(server)), INET6) as client, accepted(server) as end:
            assert client.remote_address == server.local_address
            assert client.local_address == end.remote_address == (IPV4, port_of(client))
        with SocketChannel.open((host, port_of(server)), INET) as client, accepted(server):
            assert client.remote_address == server.local_address


@needs_ipv6
@pytest.mark.parametrize("kind", [ServerSocketChannel, SocketChannel, DatagramChannel])
def test_a_channel_of_ipv6_binds_to_ipv4(kind: Any) -> None:
    for host in (IPV4, "::ffff:127.0.0.1"):
        with kind.open(family=INET6).bind((host, 0)) as channel:
            assert channel.local_address == (IPV4, channel.port)


@needs_ipv6
@pytest.mark.parametrize("host", ["0.0.0.0", "::ffff:0.0.0.0", "::", ""])
def test_any_address_of_ipv4_is_any_address(host: str) -> None:
    with ServerSocketChannel.open(INET6).bind((host, 0)) as server:
        assert server.local_address == ("::", server.port, 0, 0)
        for client in ("::1", IPV4):
            with SocketChannel.open((client, port_of(server))), accepted(server) as end:
                assert end.remote_address is not None
                assert end.remote_address[0] == client


@needs_ipv6
def test_an_error_tells_the_address_as_it_was_meant() -> None:
    with ServerSocketChannel.open(INET6).bind((IPV4, 0)) as server:
        here = rf"\('127\.0\.0\.1', {server.port}\)"
        with (
            ServerSocketChannel.open(INET6) as second,
            pytest.raises(OSError, match=f"Address already in use: {here}$"),
        ):
            second.bind((IPV4, port_of(server)))
        port = port_of(server)
        server.close()
        with pytest.raises(ConnectionRefusedError, match=f"{here}$"):
            SocketChannel.open((IPV4, port), INET6)


# datagrams


@pytest.fixture
def plain() -> Iterator[DatagramChannel]:
    with DatagramChannel.open(INET).bind((IPV4, 0)) as channel:
        yield channel


@needs_ipv6
def test_datagrams_of_ipv6_to_and_from_ipv4(plain: DatagramChannel) -> None:
    with DatagramChannel.open(INET6) as both:
        assert both.send(b"x", (IPV4, port_of(plain))) == 1
        assert plain.receive(bytearray(1)) == (IPV4, both.port)
        plain.send(b"y", (IPV4, port_of(both)))
        assert both.receive(bytearray(1)) == plain.local_address
        assert both.local_address == ("::", both.port, 0, 0)


@needs_ipv6
def test_a_connected_datagram_channel_of_ipv6_knows_its_peer_in_every_spelling(plain: DatagramChannel) -> None:
    port = port_of(plain)
    for host in (IPV4, "::ffff:127.0.0.1", "0:0:0:0:0:ffff:7f00:1"):
        with DatagramChannel.open(INET6).connect((host, port)) as both:
            assert both.remote_address == plain.local_address
            assert both.local_address == (IPV4, both.port)
            assert repr(both) == f"DatagramChannel(remote={plain.local_address!r})"
            for peer in (IPV4, "::ffff:127.0.0.1"):
                assert both.send(b"x", (peer, port)) == 1
                assert plain.receive(bytearray(1)) == both.local_address
            before = both.port
            assert both.disconnect().local_address == ("::", before, 0, 0)


@needs_ipv6
def test_errors_of_datagrams_tell_the_address_as_it_was_meant(plain: DatagramChannel) -> None:
    with DatagramChannel.open(INET6) as both:
        with pytest.raises(OSError, match=rf"70000 bytes to \('127\.0\.0\.1', {plain.port}\)"):
            both.send(bytes(70000), (IPV4, port_of(plain)))
        for act in (both.connect, lambda address: both.send(b"x", address)):
            with pytest.raises(OSError, match=r"port 0: \('127\.0\.0\.1', 0\)"):
                act((IPV4, 0))
        with pytest.raises(OSError, match=r"denied: \('255\.255\.255\.255', 9\)"):
            both.connect(("255.255.255.255", 9))
        assert not both.is_connected


# IPV6_V6ONLY


@contextmanager
def on_one_port() -> Iterator[tuple[ServerSocketChannel, ServerSocketChannel]]:
    """Listeners of IPv6 only and of IPv4: the first one's port is free for the second, unless somebody else has it."""
    for attempt in range(20):
        with ServerSocketChannel.open(INET6).set_option(V6ONLY, True) as six, ServerSocketChannel.open(INET) as four:
            six.bind(None)
            try:
                four.bind(("", port_of(six)))
            except OSError as error:
                if error.errno != errno.EADDRINUSE or attempt == 19:
                    raise
                continue
            yield six, four
            return


@needs_ipv6
def test_ipv6_only_leaves_the_port_to_ipv4() -> None:
    """RFC 3493, section 5.3."""
    with on_one_port() as (six, four):
        assert six.get_option(V6ONLY) is True
        for host, server in (("::1", six), (IPV4, four)):
            with SocketChannel.open((host, port_of(six))) as client, accepted(server) as end:
                assert end.remote_address == client.local_address


@needs_ipv6
def test_ipv6_only_refuses_ipv4() -> None:
    for act in ("bind", "connect"):
        with (
            SocketChannel.open(family=INET6).set_option(V6ONLY, True) as channel,
            pytest.raises(OSError, match=r"\('0\.0\.0\.0', 9\)$"),
        ):
            getattr(channel, act)(("0.0.0.0", 9))


@needs_ipv6
@pytest.mark.parametrize("kind", [ServerSocketChannel, SocketChannel, DatagramChannel])
def test_ipv6_only_is_set_before_bind_on_channels_of_ipv6(kind: Any) -> None:
    with kind.open(family=INET6) as channel:
        assert V6ONLY in channel.supported_options
        assert channel.get_option(V6ONLY) is False
        for flag in (True, False):
            assert channel.set_option(V6ONLY, flag).get_option(V6ONLY) is flag
        channel.bind(None)
        with pytest.raises(AlreadyBoundError, match=r"IPV6_V6ONLY is set before bind\(\)"):
            channel.set_option(V6ONLY, True)
        assert channel.get_option(V6ONLY) is False
    with kind.open(family=INET) as channel:
        assert V6ONLY not in channel.supported_options


# names in the Unix domain


@needs_abstract_names
@pytest.mark.parametrize("name", [None, "", "\0nio-reactor-test", b"\0nio-reactor-test"])
def test_an_abstract_name_is_the_same_text_everywhere(name: Any) -> None:
    if name:
        name += f"-{os.getpid()}".encode() if isinstance(name, bytes) else f"-{os.getpid()}"
    with ServerSocketChannel.open(UNIX).bind(name) as server:
        told = server.local_address
        assert isinstance(told, str)
        assert told.startswith("\0")
        with SocketChannel.open(told) as client, accepted(server) as end:
            assert client.remote_address == end.local_address == told
            assert client.local_address == end.remote_address == ""
        if name:
            assert told == os.fsdecode(name)
            with SocketChannel.open(name) as client, accepted(server):
                assert client.remote_address == told


@needs_abstract_names
def test_a_named_client_is_told_as_text() -> None:
    name = f"\0nio-reactor-client-{os.getpid()}"
    with (
        ServerSocketChannel.open(UNIX).bind(None) as server,
        SocketChannel.open(family=UNIX).bind(name) as client,
    ):
        assert server.local_address is not None
        client.connect(server.local_address)
        with accepted(server) as end:
            assert end.remote_address == client.local_address == name


@pytest.mark.parametrize("nothing", [None, ""])
def test_a_client_bound_to_nothing_has_no_name(nothing: str | None, tmp_path: Path) -> None:
    path = tmp_path / "s"
    with ServerSocketChannel.open(UNIX).bind(path) as server, SocketChannel.open(family=UNIX) as client:
        assert client.local_address is None
        assert client.bind(nothing).local_address == ""
        for again in (nothing, tmp_path / "c"):
            with pytest.raises(AlreadyBoundError):
                client.bind(again)
        client.connect(path)
        with accepted(server) as end:
            assert client.local_address == end.remote_address == ""
            assert client.remote_address == end.local_address == str(path)


# ports


def test_the_local_port(tmp_path: Path) -> None:
    with ServerSocketChannel.open() as server, SocketChannel.open() as client, DatagramChannel.open() as datagrams:
        for channel in (server, client, datagrams):
            assert channel.port is None
            channel.bind((IPV4, 0))
            assert channel.port == channel.socket.getsockname()[1] > 0
    with ServerSocketChannel.open(UNIX) as local:
        assert local.port is None
        assert local.bind(tmp_path / "s").port is None


# what the system refuses


def test_an_address_in_use_is_named(tmp_path: Path) -> None:
    with ServerSocketChannel.open().bind((IPV4, 0)) as server:
        for kind in (ServerSocketChannel, SocketChannel):
            with kind.open() as second:
                with pytest.raises(OSError, match=rf"in use: \('127\.0\.0\.1', {server.port}\)$") as caught:
                    second.bind((IPV4, port_of(server)))
                assert caught.value.errno == errno.EADDRINUSE
                assert second.local_address is None
    path = tmp_path / "stale"
    ServerSocketChannel.open(UNIX).bind(path).close()
    with (
        ServerSocketChannel.open(UNIX) as late,
        pytest.raises(OSError, match=f"in use: '{path}' .the file of a server that has ended") as caught,
    ):
        late.bind(path)
    assert caught.value.errno == errno.EADDRINUSE
    with pytest.raises(ConnectionRefusedError, match=f"{path}"):
        SocketChannel.open(path)


@pytest.mark.skipif(sys.platform != "linux", reason="other kernels refuse the second bind")
def test_an_address_that_two_have_bound_and_one_listens_at_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as rival, ServerSocketChannel.open() as late:
        rival.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        rival.bind((IPV4, 0))
        monkeypatch.setattr(late, "_sock", Overtaken(late.socket, rival))
        with pytest.raises(OSError, match=rf"in use: {re.escape(str(rival.getsockname()))}$"):
            late.bind(rival.getsockname())


class Overtaken:
    """A socket that has bound its address, when a rival is the first to listen there."""

    def __init__(self, sock: socket.socket, rival: socket.socket) -> None:
        self.bind, self.getsockname = sock.bind, sock.getsockname
        self._listen, self._rival, self.close = sock.listen, rival, sock.close

    def listen(self, backlog: int) -> None:
        self._rival.listen(backlog)
        self._listen(backlog)


def test_an_address_of_another_machine_is_named() -> None:
    for kind in (ServerSocketChannel, SocketChannel, DatagramChannel):
        with kind.open() as channel, pytest.raises(OSError, match=r": \('192\.0\.2\.77', 0\)$") as caught:
            channel.bind(("192.0.2.77", 0))
        assert caught.value.errno == errno.EADDRNOTAVAIL


def test_a_directory_that_is_not_there_or_closed_is_named(tmp_path: Path) -> None:
    with ServerSocketChannel.open(UNIX) as server, pytest.raises(FileNotFoundError, match=f": '{tmp_path}/no/s'$"):
        server.bind(tmp_path / "no" / "s")


# what nio refuses: every kind, every family, every slip

NO_HOST_AND_PORT = [
    *("127.0.0.1:80", "80", b"127.0.0.1", 80, 1.5, object(), [IPV4, 80], (), (IPV4,), (IPV4, 80, 0)),
    *((b"127.0.0.1", 80), (None, 80), (2130706433, 80), (IPv4Address(IPV4), 80), Path("s")),
    *((IPV4, port) for port in ("80", b"80", None, 80.0, True, -1, 65536, 2**70)),
    *((host, 80) for host in ("localhost", "127.1", "127.0.0.1\0", "\ud800", "127.0.0.1%lo", "*", " 127.0.0.1")),
    *((host, 80) for host in ("fe80::1%no-such", "fe80::1%", "::1%4294967296", "[::1]", "1::2::3", "::1\0")),
    *(("::1", 80, *rest) for rest in ((0,), ("0", 0), (0, None), (2**20, 0), (0, 2**32), (0, 0, 0))),
]
NO_PATHS = [(IPV4, 80), 7, 1.5, object(), ["s"], "a\0b", b"a\0b", "\ud800", "x" * 200, b"x" * 200, Path("x" * 200)]
SAID = (TypeError, UnsupportedAddressTypeError, UnresolvedAddressError, OSError)


DOORS = (ServerSocketChannel.bind, SocketChannel.bind, SocketChannel.connect)
DATAGRAM_DOORS = (DatagramChannel.bind, DatagramChannel.connect, DatagramChannel.send)
SLIPS = [
    *((door, family, NO_HOST_AND_PORT) for door in DOORS + DATAGRAM_DOORS for family in (INET, INET6)),
    *((door, UNIX, NO_PATHS) for door in DOORS),
]


def shown(slip: object) -> list[str]:
    """How a message may name it: as it is, or a part of it, or the path that it is."""
    parts = slip if isinstance(slip, tuple) else ()
    return [repr(value) for value in (slip, *parts, *([os.fsdecode(slip)] if isinstance(slip, (bytes, Path)) else []))]


@pytest.mark.parametrize(("door", "family", "slips"), SLIPS, ids=lambda value: getattr(value, "__qualname__", None))
def test_every_slip_is_answered_by_a_sentence_of_ours(
    door: Callable[..., object], family: ProtocolFamily, slips: list[Any]
) -> None:
    kind, _, method = door.__qualname__.partition(".")
    with getattr(nio, kind).open(family=family) as channel:
        for slip in slips if method == "bind" else [*slips, None]:
            with pytest.raises(SAID) as caught:
                door(channel, *((b"x",) if method == "send" else ()), slip)
            assert type(caught.value) in SAID
            assert "raise " in str(caught.traceback[-1].statement), f"{slip!r}: {caught.value!r} is not ours"
            assert "\n" not in str(caught.value)
            assert any(part in str(caught.value) for part in shown(slip)), f"{slip!r}: {caught.value!r}"
        assert channel.local_address is None


def test_what_a_name_is_refused_with_names_the_call_that_resolves_it() -> None:
    with SocketChannel.open() as channel, pytest.raises(UnresolvedAddressError, match=r"socket\.getaddrinfo"):
        channel.connect(("localhost", 80))


def test_addresses_have_a_type_at_the_front_door() -> None:
    assert nio.Address is Address
