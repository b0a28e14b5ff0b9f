from __future__ import annotations

import io
import socket
import sys
from collections.abc import Iterator

import pytest

from nio.channels import DatagramChannel, ServerSocketChannel, SocketChannel, StandardSocketOptions
from nio.channels._options import supported
from nio.errors import IllegalArgumentError
from nio.spi import OPTIONS, OPTIONS6, ProtocolFamily
from tests.helpers import PATIENCE

NAMES = {name for name in vars(StandardSocketOptions) if name.isupper()}


@pytest.fixture
def channel() -> Iterator[SocketChannel]:
    with SocketChannel.open() as channel:
        yield channel


def test_a_name_is_its_own_value() -> None:
    assert {getattr(StandardSocketOptions, name) for name in NAMES} == NAMES
    assert set(OPTIONS) <= NAMES


def test_supported_leaves_out_what_the_system_lacks() -> None:
    assert supported("SO_RCVBUF", "SO_NONSENSE") == {"SO_RCVBUF"}


# statement 156
def test_the_options_of_each_kind() -> None:
    keep_alive = {"TCP_KEEPCOUNT", "TCP_KEEPIDLE", "TCP_KEEPINTERVAL", "TCP_QUICKACK"} & set(OPTIONS)
    with SocketChannel.open() as channel, ServerSocketChannel.open() as server:
        stream = {"SO_SNDBUF", "SO_RCVBUF", "SO_KEEPALIVE", "SO_REUSEADDR", "SO_REUSEPORT", "SO_LINGER"}
        assert channel.supported_options == stream | {"TCP_NODELAY", "IP_TOS", "SO_OOBINLINE"} | keep_alive
        assert server.supported_options == {"SO_RCVBUF", "SO_REUSEADDR", "SO_REUSEPORT"} | keep_alive


# statement 156
def test_every_option_of_a_channel_is_set_and_read_back(channel: SocketChannel) -> None:
    for name in channel.supported_options:
        kind = OPTIONS[name].kind
        value: bool | int = True if kind == "bool" else 64
        assert channel.set_option(name, value) is channel
        got = channel.get_option(name)
        assert type(got) is (bool if kind == "bool" else int)
        assert got >= value if name.endswith("BUF") else got == value


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("TCP_NODELAY", 1),
        ("TCP_NODELAY", None),
        ("TCP_NODELAY", "on"),
        ("SO_RCVBUF", True),
        ("SO_RCVBUF", 1.5),
        ("SO_LINGER", False),
        ("SO_LINGER", None),
    ],
)
def test_a_value_of_the_wrong_type(channel: SocketChannel, option: str, value: object) -> None:
    before = channel.get_option(option)
    with pytest.raises(TypeError, match=f"{option} must be"):
        channel.set_option(option, value)  # type: ignore[arg-type]  # what is refused
    assert channel.get_option(option) == before


def test_a_negative_value_is_only_for_linger(channel: SocketChannel) -> None:
    with pytest.raises(IllegalArgumentError, match=f"SO_SNDBUF must be 0 to {2**31 - 1}, not -1"):
        channel.set_option("SO_SNDBUF", -1)
    assert channel.set_option("SO_LINGER", 3).set_option("SO_LINGER", -5).get_option("SO_LINGER") == -1


def test_what_is_no_option(channel: SocketChannel) -> None:
    with pytest.raises(io.UnsupportedOperation, match="is not an option of SocketChannel; it has: IP_TOS"):
        channel.get_option("SO_NONSENSE")
    with pytest.raises(TypeError, match="a name of StandardSocketOptions"):
        channel.get_option(1)  # type: ignore[arg-type]  # what is refused
    with (
        SocketChannel.open(family=ProtocolFamily.UNIX) as unix,
        pytest.raises(io.UnsupportedOperation, match="it has: SO_LINGER, SO_RCVBUF, SO_SNDBUF"),
    ):
        unix.get_option("TCP_NODELAY")


@pytest.mark.skipif(sys.platform != "linux", reason="other kernels keep the options of IPv4 to its own sockets")
def test_options_of_an_ipv6_channel_count_for_mapped_peers_too() -> None:
    """As JDK 17 does it (seen by strace): the option of IPv6, then the one of IPv4, on the same socket."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer,
        DatagramChannel.open(ProtocolFamily.INET6) as channel,
        SocketChannel.open(family=ProtocolFamily.INET6) as stream,
    ):
        peer.bind(("127.0.0.1", 0))
        peer.setsockopt(socket.IPPROTO_IP, socket.IP_RECVTOS, 1)
        peer.settimeout(PATIENCE)
        for tos in (0x10, 0):
            assert channel.set_option("IP_TOS", tos).get_option("IP_TOS") == tos
            channel.send(b"x", ("::ffff:127.0.0.1", peer.getsockname()[1]))
            _, ancillary, _, _ = peer.recvmsg(1, 64)
            assert ancillary == [(socket.IPPROTO_IP, socket.IP_TOS, bytes([tos]))]
        assert stream.set_option("IP_TOS", 0x10).socket.getsockopt(socket.IPPROTO_IP, socket.IP_TOS) == 0x10
        for name, value in {"IP_MULTICAST_TTL": 7, "IP_MULTICAST_LOOP": False, "IP_MULTICAST_IF": 1}.items():
            channel.set_option(name, value)
            assert channel.socket.getsockopt(OPTIONS6[name].level, OPTIONS6[name].number) == value
        assert channel.socket.getsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL) == 7
        assert channel.socket.getsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP) == 0
