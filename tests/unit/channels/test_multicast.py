"""Groups on the loopback interface alone: nothing leaves this machine."""

from __future__ import annotations

import errno
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from nio.channels import DatagramChannel, MembershipKey, Selector
from nio.errors import ClosedChannelError, IllegalArgumentError, IllegalStateError, UnresolvedAddressError
from nio.spi import ProtocolFamily, SelectorProvider, SystemProvider
from tests.helpers import LOOPBACK, R, arrived

INET, INET6 = ProtocolFamily.INET, ProtocolFamily.INET6
GROUP, OTHER = "239.255.71.1", "239.255.71.2"  # of the range for one site's own use
OWN = os.getpid() & 0xFFFF | 0x4000  # other test runs on this machine join groups at the same time
GROUP6 = f"ff01::{OWN:x}"  # of the scope of one machine
GROUP6_AS_THE_KERNEL_WRITES_IT = f"ff01{'0' * 24}{OWN:04x}"
IGMP, IGMP6 = Path("/proc/net/igmp"), Path("/proc/net/igmp6")
MOST_GROUPS = Path("/proc/sys/net/ipv4/igmp_max_memberships")


def loopback() -> tuple[int, str]:
    return SelectorProvider.default().find_interface("127.0.0.1")


def without_multicast(family: ProtocolFamily, group: str, host: str) -> str | None:
    """Why groups on the loopback cannot be used here, None when they can."""
    try:
        with DatagramChannel.open(family).bind((host, 0)) as channel:
            channel.set_option("IP_MULTICAST_IF", loopback()[1]).join(group, loopback()[1])
            channel.send(b"", (group, 9))
    except (OSError, ValueError) as error:
        return f"no multicast route on the loopback here: {error}"
    return None


WITHOUT = without_multicast(INET, GROUP, "127.0.0.1")
WITHOUT6 = without_multicast(INET6, GROUP6, "::1")
needs_multicast = pytest.mark.skipif(WITHOUT is not None, reason=str(WITHOUT))
needs_multicast6 = pytest.mark.skipif(WITHOUT6 is not None, reason=str(WITHOUT6))


def open_shared(port: int = 0, provider: SelectorProvider | None = None) -> DatagramChannel:
    """A channel that may share its port, on any address, in non-blocking mode."""
    channel = DatagramChannel.open(provider=provider).set_option("SO_REUSEADDR", True)
    return channel.bind(("", port)).configure_blocking(False)


def open_sender(host: str = "127.0.0.1") -> DatagramChannel:
    """A channel whose datagrams to groups stay on the loopback."""
    return DatagramChannel.open().bind((host, 0)).set_option("IP_MULTICAST_IF", loopback()[1])


def port_of(channel: DatagramChannel) -> int:
    address = channel.local_address
    assert isinstance(address, tuple)
    return address[1]


@pytest.fixture
def receiver() -> Iterator[DatagramChannel]:
    with open_shared() as channel:
        yield channel


@pytest.fixture
def sender() -> Iterator[DatagramChannel]:
    with open_sender() as channel:
        yield channel


def heard(channel: DatagramChannel, sender: DatagramChannel, host: str = "127.0.0.1") -> list[bytes]:
    """What waits at the channel, up to a last word that is sent to ``host`` now."""
    sender.send(b"last word", (host, port_of(channel)))
    texts: list[bytes] = []
    while True:
        buffer = bytearray(64)
        arrived(channel)
        channel.receive(buffer)
        text = bytes(buffer).rstrip(b"\0")
        if text == b"last word":
            return texts
        texts.append(text)


# membership


@needs_multicast
def test_members_hear_the_group_and_nobody_else_does(receiver: DatagramChannel, sender: DatagramChannel) -> None:
    with open_shared(port_of(receiver)) as stranger:
        to = (GROUP, port_of(receiver))
        for channel in (receiver, stranger):
            channel.join(OTHER, loopback()[1])
        key = receiver.join(GROUP, loopback()[1])
        assert key.is_valid
        sender.send(b"one", to)
        with stranger.join(GROUP, loopback()[1]) as second:
            sender.send(b"two", to)
        sender.send(b"three", to)
        key.drop()
        sender.send(b"four", to)
        assert (key.is_valid, second.is_valid) == (False, False)
        assert heard(receiver, sender, OTHER) == [b"one", b"two", b"three"]
        assert heard(stranger, sender, OTHER) == [b"two"]


@needs_multicast
def test_a_source_is_the_only_one_heard(receiver: DatagramChannel, sender: DatagramChannel) -> None:
    to = (GROUP, port_of(receiver))
    with open_sender("127.0.0.2") as other:
        key = receiver.join(GROUP, loopback()[1], "127.0.0.2")
        assert key.source_address == "127.0.0.2"
        sender.send(b"from 1", to)
        other.send(b"from 2", to)
        assert heard(receiver, sender) == [b"from 2"]
        both = receiver.join(GROUP, loopback()[1], "127.0.0.1")
        assert both is not key
        sender.send(b"from 1", to)
        other.send(b"from 2", to)
        assert heard(receiver, sender) == [b"from 1", b"from 2"]
        key.drop()
        sender.send(b"from 1", to)
        other.send(b"from 2", to)
        assert heard(receiver, sender) == [b"from 1"]
        assert (key.is_valid, both.is_valid) == (False, True)


@needs_multicast
def test_joining_again_returns_the_same_key_while_it_is_valid(receiver: DatagramChannel) -> None:
    index, name = loopback()
    key = receiver.join(GROUP, name)
    for interface in (name, index, "127.0.0.1"):
        assert receiver.join(GROUP, interface) is key
    other = receiver.join(OTHER, name)
    assert other is not key
    key.drop()
    key.drop()
    assert (key.is_valid, other.is_valid) == (False, True)
    again = receiver.join(GROUP, name)
    assert again is not key
    key.drop()
    assert again.is_valid


@needs_multicast
def test_all_sources_and_one_exclude_each_other(receiver: DatagramChannel) -> None:
    name = loopback()[1]
    key = receiver.join(GROUP, name)
    with pytest.raises(IllegalStateError, match=rf"{GROUP}.* against joining for 127\.0\.0\.1"):
        receiver.join(GROUP, name, "127.0.0.1")
    sourced = receiver.join(OTHER, name, "127.0.0.1")
    assert receiver.join(OTHER, name, "127.0.0.1") is sourced
    assert receiver.join(OTHER, name, "127.0.0.3") is not sourced
    with pytest.raises(IllegalStateError, match=r"source='127\.0\.0\.1'.* against joining for all sources"):
        receiver.join(OTHER, name)
    key.drop()
    assert receiver.join(GROUP, name, "127.0.0.1").is_valid


@needs_multicast
def test_what_a_key_tells(receiver: DatagramChannel) -> None:
    name = loopback()[1]
    with receiver.join(GROUP, 1, "127.0.0.1") as key:
        assert isinstance(key, MembershipKey)
        assert key.channel is receiver
        assert (key.group, key.interface, key.source_address) == (GROUP, name, "127.0.0.1")
        assert repr(key) == f"MembershipKey(group='{GROUP}', interface='{name}', source='127.0.0.1')"
    assert repr(key) == f"MembershipKey(group='{GROUP}', interface='{name}', source='127.0.0.1', ended)"
    assert (key.group, key.interface, key.source_address) == (GROUP, name, "127.0.0.1")
    assert repr(receiver.join(GROUP, 1)) == f"MembershipKey(group='{GROUP}', interface='{name}')"


@needs_multicast
def test_a_close_ends_the_memberships(receiver: DatagramChannel) -> None:
    key = receiver.join(GROUP, loopback()[1])
    receiver.close()
    assert not key.is_valid
    key.drop()
    assert key.channel is receiver
    with pytest.raises(ClosedChannelError):
        receiver.join(GROUP, loopback()[1])
    with pytest.raises(IllegalArgumentError):  # the arguments are looked at first
        receiver.join("127.0.0.1", loopback()[1])


class Forgetful(SystemProvider):
    """The interface is gone when a group is to be left, or so the kernel says."""

    left = 0

    def leave_group(self, sock: socket.socket, index: int, group: str, source: str | None) -> None:
        super().leave_group(sock, index, group, source)
        self.left += 1
        raise OSError(errno.ENODEV, "No such device")


@needs_multicast
def test_a_channel_closed_while_registered_leaves_at_once() -> None:
    provider = Forgetful(SelectorProvider.available()[0])
    group = f"239.254.{OWN >> 8}.{OWN & 0xFF}"
    as_the_kernel_writes_it = f"{OWN & 0xFF:02X}{OWN >> 8:02X}FEEF"
    with Selector.open(provider) as selector, open_shared(provider=provider) as channel:
        assert as_the_kernel_writes_it not in IGMP.read_text()
        channel.join(group, loopback()[1])
        channel.join(OTHER, loopback()[1], "127.0.0.1")
        assert as_the_kernel_writes_it in IGMP.read_text()
        channel.register(selector, R)
        selector.select_now()
        channel.close()
        assert provider.left == 2
        assert channel.is_registered
        assert as_the_kernel_writes_it not in IGMP.read_text()
        selector.select_now()
        assert not channel.is_registered


@needs_multicast
def test_a_child_that_drops_a_membership_leaves_the_parent_s_alone(
    receiver: DatagramChannel, sender: DatagramChannel
) -> None:
    key = receiver.join(GROUP, loopback()[1])
    pid = os.fork()
    if not pid:
        key.drop()
        os._exit(key.is_valid)
    assert os.waitpid(pid, 0)[1] == 0
    assert key.is_valid
    sender.send(b"to the group", (GROUP, port_of(receiver)))
    assert heard(receiver, sender) == [b"to the group"]


@needs_multicast
def test_more_groups_than_the_system_grants(receiver: DatagramChannel) -> None:
    most = int(MOST_GROUPS.read_text())
    if most > 200:
        pytest.skip(f"{most} groups are granted here")
    keys = [receiver.join(f"239.255.72.{number}", loopback()[1]) for number in range(most)]
    with pytest.raises(OSError, match=rf"239\.255\.72\.250 on {loopback()[1]} beside {most} memberships") as caught:
        receiver.join("239.255.72.250", loopback()[1])
    assert caught.value.errno == errno.ENOBUFS
    assert receiver.is_open
    assert all(key.is_valid for key in keys)
    keys[0].drop()
    assert receiver.join("239.255.72.250", loopback()[1]).is_valid


# arguments


@pytest.mark.parametrize(
    ("group", "source", "error"),
    [
        ("127.0.0.1", None, IllegalArgumentError),
        ("223.255.255.255", None, IllegalArgumentError),
        ("240.0.0.0", None, IllegalArgumentError),
        ("255.255.255.255", None, IllegalArgumentError),
        ("fe80::1", None, IllegalArgumentError),
        ("ff02::1", None, IllegalArgumentError),  # a group, and not one of IPv4
        ("all-hosts.invalid", None, UnresolvedAddressError),
        ("", None, UnresolvedAddressError),
        ("224.0.0", None, UnresolvedAddressError),
        ("224.0.0.1\0", None, UnresolvedAddressError),
        ("ff02::1%lo", None, UnresolvedAddressError),
        (None, None, TypeError),
        (b"\xe0\0\0\1", None, TypeError),
        (0xE0000001, None, TypeError),
        (GROUP, "0.0.0.0", IllegalArgumentError),
        (GROUP, OTHER, IllegalArgumentError),
        (GROUP, "::1", IllegalArgumentError),
        (GROUP, "localhost", UnresolvedAddressError),
        (GROUP, 1, TypeError),
        (GROUP, True, TypeError),
    ],
)
def test_groups_and_sources_that_are_refused(
    receiver: DatagramChannel, group: str, source: str | None, error: type[Exception]
) -> None:
    with pytest.raises(error) as caught:
        receiver.join(group, loopback()[1], source)
    assert repr(group if source is None else source) in str(caught.value)
    assert receiver._memberships == []


@pytest.mark.parametrize("group", ["224.0.0.0", "239.255.255.255"])
def test_the_first_group_and_the_last(group: str) -> None:
    assert SelectorProvider.default().check_group(INET, group, None) == (group, None)


def test_addresses_are_spelled_in_one_way() -> None:
    check = SelectorProvider.default().check_group
    assert check(INET6, "FF02:0:0::1", "FE80::0:1") == ("ff02::1", "fe80::1")
    assert check(INET6, GROUP, "10.0.0.1") == (GROUP, "10.0.0.1")


NO_INTERFACES: list[tuple[object, type[Exception]]] = [
    ("no-such-interface", IllegalArgumentError),
    ("", IllegalArgumentError),
    ("lo\0", IllegalArgumentError),
    ("192.0.2.77", IllegalArgumentError),
    ("2001:db8::77", IllegalArgumentError),
    (0, IllegalArgumentError),
    (-1, IllegalArgumentError),
    (2**31, IllegalArgumentError),
    (10**30, IllegalArgumentError),
    (True, TypeError),
    (1.0, TypeError),
    (float("nan"), TypeError),
    (None, TypeError),
    (b"lo", TypeError),
    (["lo"], TypeError),
]


@pytest.mark.parametrize(("interface", "error"), NO_INTERFACES, ids=repr)
def test_interfaces_that_are_refused(receiver: DatagramChannel, interface: str, error: type[Exception]) -> None:
    for use in (
        lambda: receiver.join(GROUP, interface),
        lambda: receiver.set_option("IP_MULTICAST_IF", interface),
    ):
        with pytest.raises(error) as caught:
            use()
        assert repr(interface) in str(caught.value)
        if error is IllegalArgumentError:
            assert all(f"{name} ({index})" in str(caught.value) for index, name in socket.if_nameindex())
    assert receiver._memberships == []
    assert receiver.get_option("IP_MULTICAST_IF") == 0


# options


@needs_multicast
def test_the_interface_to_send_by(receiver: DatagramChannel, sender: DatagramChannel) -> None:
    index, name = loopback()
    assert sender.get_option("IP_MULTICAST_IF") == index
    for spelling in (name, index, "127.0.0.1"):
        with DatagramChannel.open().bind(LOOPBACK) as channel:
            assert channel.get_option("IP_MULTICAST_IF") == 0
            assert channel.set_option("IP_MULTICAST_IF", spelling).get_option("IP_MULTICAST_IF") == index
            with receiver.join(GROUP, index):
                channel.send(b"by the loopback", (GROUP, port_of(receiver)))
                assert heard(receiver, sender) == [b"by the loopback"]


@needs_multicast
@pytest.mark.skipif(not hasattr(socket, "AF_NETLINK"), reason="addresses of interfaces come from netlink")
@pytest.mark.parametrize("family", [INET, INET6])
def test_datagrams_to_a_group_come_from_the_address_of_their_interface(
    receiver: DatagramChannel, family: ProtocolFamily
) -> None:
    """As JDK 17 answers, for a sender that is bound to no address; a source filter then lets them pass."""
    with DatagramChannel.open(family).set_option("IP_MULTICAST_IF", loopback()[1]) as sender:
        with receiver.join(GROUP, loopback()[1]):
            sender.send(b"x", (GROUP, port_of(receiver)))
            arrived(receiver)
            assert receiver.receive(bytearray(1)) == ("127.0.0.1", port_of(sender))
        with receiver.join(GROUP, loopback()[1], "127.0.0.1"):
            sender.send(b"x", (GROUP, port_of(receiver)))
            arrived(receiver)
            assert receiver.receive(bytearray(1)) == ("127.0.0.1", port_of(sender))


def test_an_address_of_ipv4_spelled_as_one_of_ipv6_is_the_same_group(receiver: DatagramChannel) -> None:
    index, _ = loopback()
    key = receiver.join(f"::ffff:{GROUP}", "::ffff:127.0.0.1", "::ffff:10.0.0.1")
    assert (key.group, key.source_address) == (GROUP, "10.0.0.1")
    assert receiver.join(GROUP, index, "10.0.0.1") is key


class NoSuchInterface(SystemProvider):
    """The interface went between being found and being used."""

    def find_interface(self, interface: object) -> tuple[int, str]:
        return 999_999, "gone0"


def test_an_interface_that_is_gone() -> None:
    with open_shared(provider=NoSuchInterface(SelectorProvider.available()[0])) as channel:
        with pytest.raises(OSError, match=rf"{GROUP} on gone0 beside 0 memberships"):
            channel.join(GROUP, "gone0")
        with pytest.raises(OSError, match="assign"):
            channel.set_option("IP_MULTICAST_IF", "gone0")
        assert channel.get_option("IP_MULTICAST_IF") == 0


# IPv6


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as sock:
            sock.bind(("::1", 0))
    except OSError:
        return False
    return True


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="no IPv6 here")


@needs_ipv6
def test_groups_of_ipv6_are_joined_and_left() -> None:
    index, name = loopback()
    with DatagramChannel.open(INET6) as channel:
        for spelling in (name, index, "::1"):
            assert channel.set_option("IP_MULTICAST_IF", spelling).get_option("IP_MULTICAST_IF") == index
            assert channel.socket.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF) == index
        for source in (None, "2001:db8::7"):
            with channel.join(GROUP6, name, source) as key:
                assert (key.group, key.source_address) == (GROUP6, source)
                assert channel.join(f"FF01:0::{OWN:X}", "::1", source) is key
                assert GROUP6_AS_THE_KERNEL_WRITES_IT in IGMP6.read_text()
            assert GROUP6_AS_THE_KERNEL_WRITES_IT not in IGMP6.read_text()
        with pytest.raises(IllegalArgumentError, match="not of the family of the group"):
            channel.join(GROUP6, name, "127.0.0.1")


@needs_multicast6
def test_members_of_a_group_of_ipv6_hear_it() -> None:
    with (
        DatagramChannel.open(INET6).bind(None).configure_blocking(False) as receiver,
        DatagramChannel.open(INET6).bind(("::1", 0)).set_option("IP_MULTICAST_IF", "::1") as sender,
    ):
        receiver.join(GROUP6, loopback()[1])
        sender.send(b"x", (GROUP6, port_of(receiver)))
        arrived(receiver)
        assert receiver.receive(bytearray(8)) == ("::1", port_of(sender), 0, 0)


@needs_ipv6
@needs_multicast
def test_a_channel_of_ipv6_joins_groups_of_ipv4(sender: DatagramChannel) -> None:
    with DatagramChannel.open(INET6).bind(None).configure_blocking(False) as receiver:
        for text in (b"1", b"2"):
            with receiver.join(GROUP, loopback()[1]):
                sender.send(text, (GROUP, port_of(receiver)))
                arrived(receiver)
                buffer = bytearray(1)
                assert receiver.receive(buffer) == ("127.0.0.1", port_of(sender))
                assert bytes(buffer) == text


@needs_ipv6
@needs_multicast
@pytest.mark.skipif(sys.platform != "linux", reason="other kernels keep the options of IPv4 to its own sockets")
def test_a_channel_of_ipv6_sends_to_groups_of_ipv4_by_its_interface(receiver: DatagramChannel) -> None:
    with DatagramChannel.open(INET6).set_option("IP_MULTICAST_IF", loopback()[1]) as sender:
        receiver.join(GROUP, loopback()[1])
        for group in (GROUP, f"::ffff:{GROUP}"):
            sender.send(b"x", (group, port_of(receiver)))
            arrived(receiver)
            assert receiver.receive(bytearray(1)) == ("127.0.0.1", port_of(sender))
