from __future__ import annotations

import errno
import socket
import struct

import pytest

from nio.errors import IllegalArgumentError
from nio.spi import ProtocolFamily, SelectorProvider, SystemProvider, _datagrams

INET, INET6 = ProtocolFamily.INET, ProtocolFamily.INET6
SYSTEMS = {INET: socket.AF_INET, INET6: socket.AF_INET6}


@pytest.fixture
def provider() -> SystemProvider:
    return SystemProvider(SelectorProvider.default().name)


@pytest.mark.parametrize("family", [INET, INET6])
def test_A11_datagram_sockets_are_non_blocking_and_not_inheritable_from_birth(
    provider: SystemProvider, family: ProtocolFamily
) -> None:
    with provider.open_datagram_socket(family) as sock:
        assert sock.family == SYSTEMS[family]
        assert sock.type == socket.SOCK_DGRAM
        assert not sock.getblocking()
        assert not sock.get_inheritable()


def test_a_datagram_socket_is_never_a_standard_stream(provider: SystemProvider, standard_input_is_closed: None) -> None:
    with provider.open_datagram_socket(INET) as sock:
        assert sock.fileno() >= 3
        assert sock.type == socket.SOCK_DGRAM


# groups of strangers


def test_a_kernel_without_the_option_is_left_alone(provider: SystemProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    for options in ({}, {socket.AF_INET: 9999}):  # another system, and a number that no kernel has
        monkeypatch.setattr(_datagrams, "_GROUPS_OF_STRANGERS", options)
        provider.open_datagram_socket(INET).close()


def test_another_error_of_the_option_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_datagrams, "_GROUPS_OF_STRANGERS", {socket.AF_INET: socket.IP_ADD_MEMBERSHIP})
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock, pytest.raises(OSError, match="Invalid") as caught:
        _datagrams.ignore_groups_of_strangers(sock)
    assert caught.value.errno == errno.EINVAL


# disconnecting


def test_disconnect_forgets_the_peer_and_its_answers(provider: SystemProvider) -> None:
    with (
        provider.open_datagram_socket(INET) as sock,
        provider.open_datagram_socket(INET) as gone,
        provider.open_datagram_socket(INET) as other,
    ):
        for each in (sock, gone, other):
            each.bind(("127.0.0.1", 0))
        own, nowhere = sock.getsockname(), gone.getsockname()
        gone.close()
        sock.connect(nowhere)
        sock.send(b"x")
        assert provider.wait_for(sock.fileno(), 1, None, 10)
        provider.disconnect(sock, own)
        assert sock.getsockname() == own
        with pytest.raises(OSError, match="not connected"):
            sock.getpeername()
        with pytest.raises(BlockingIOError):
            sock.recv(8)
        assert sock.sendto(b"x", other.getsockname()) == 1


def test_disconnect_of_a_closed_socket(provider: SystemProvider) -> None:
    sock = provider.open_datagram_socket(INET)
    sock.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        provider.disconnect(sock, ("127.0.0.1", 0))


# interfaces


def test_interfaces_by_name_number_and_address(provider: SystemProvider) -> None:
    for index, name in socket.if_nameindex():
        assert provider.find_interface(name) == (index, name)
        assert provider.find_interface(index) == (index, name)
    assert provider.find_interface("127.0.0.1") in socket.if_nameindex()


def test_the_addresses_of_this_machine_can_be_bound_and_others_not() -> None:
    found = [packed for _, packed in _datagrams._addresses() if len(packed) == 4]
    assert socket.inet_aton("127.0.0.1") in found
    for packed in found:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind((socket.inet_ntoa(packed), 0))


def test_without_netlink_an_interface_goes_by_name_or_number(
    provider: SystemProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    index, name = provider.find_interface("127.0.0.1")
    monkeypatch.delattr(socket, "AF_NETLINK")
    assert provider.find_interface(name) == provider.find_interface(index) == (index, name)
    with pytest.raises(IllegalArgumentError, match=r"no network interface '127\.0\.0\.1' here"):
        provider.find_interface("127.0.0.1")


# what the kernel is handed


def test_socket_addresses_begin_as_the_system_has_them(monkeypatch: pytest.MonkeyPatch) -> None:
    four, six = bytes([1, 2, 3, 4]), bytes(range(16))
    for linux in (True, False):
        monkeypatch.setattr(_datagrams, "_LINUX", linux)
        head = struct.pack("=HH", socket.AF_INET, 0) if linux else bytes((16, socket.AF_INET, 0, 0))
        assert _datagrams._socket_address(socket.AF_INET, four) == head + four + bytes(8)
        head = struct.pack("=HHI", socket.AF_INET6, 0, 0) if linux else bytes((28, socket.AF_INET6)) + bytes(6)
        assert _datagrams._socket_address(socket.AF_INET6, six) == head + six + bytes(4)


@pytest.mark.parametrize(
    ("family", "address", "exact"),
    [
        (INET, ("", 9), ("0.0.0.0", 9)),
        (INET, ("127.0.0.1", 9), ("127.0.0.1", 9)),
        (INET6, ("", 9), ("::", 9, 0, 0)),
        (INET6, ("0:0::1", 9), ("::1", 9, 0, 0)),
        (INET6, ("::1", 9, 5, 0), ("::1", 9, 5, 0)),
        (INET6, ("FE80::1", 9, 0, 1), ("fe80::1", 9, 0, 1)),
        (INET6, ("::ffff:1.2.3.4", 9), ("::ffff:1.2.3.4", 9, 0, 0)),
    ],
)
def test_one_spelling_of_an_address(
    provider: SystemProvider, family: ProtocolFamily, address: tuple[str, int], exact: tuple[str, int]
) -> None:
    with socket.socket(SYSTEMS[family], socket.SOCK_DGRAM) as sock:
        assert provider.exact_address(sock, address) == exact
