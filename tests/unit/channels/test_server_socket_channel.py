from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable

import pytest

from nio.channels import ServerSocketChannel, SocketChannel
from nio.errors import NotYetBoundError, UnresolvedAddressError
from nio.spi import ProtocolFamily, SystemProvider
from tests.helpers import LOOPBACK, address_of


class ListeningProvider(SystemProvider):
    """Notes what is asked of listen(2), and fails when told to."""

    def __init__(self) -> None:
        super().__init__(self.available()[0])
        self.backlogs: list[int] = []
        self.fail = False
        self.longest = 4096

    def open_socket(self, family: ProtocolFamily) -> socket.socket:
        return ListeningSocket(socket.AF_INET, note=self._listen)

    def _listen(self, backlog: int) -> None:
        self.backlogs.append(backlog)
        if self.fail:
            raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))

    def max_backlog(self) -> int:
        return self.longest


class ListeningSocket(socket.socket):
    def __init__(self, family: int, note: Callable[[int], None]) -> None:
        super().__init__(family)
        self.setblocking(False)
        self._note = note

    def listen(self, backlog: int = 0, /) -> None:
        self._note(backlog)
        super().listen(backlog)


def test_A09_the_backlog() -> None:
    provider = ListeningProvider()
    for asked, longest, given in ((0, 4096, 1024), (-1, 4096, 1024), (0, 128, 128), (1, 4096, 1), (5000, 128, 5000)):
        provider.longest = longest
        with ServerSocketChannel.open(provider=provider).bind(LOOPBACK, asked):
            assert provider.backlogs[-1] == given


@pytest.mark.parametrize("wrong", [True, 1.0, "5", None])
def test_a_backlog_that_is_no_int(wrong: object) -> None:
    with ServerSocketChannel.open() as server:
        with pytest.raises(TypeError, match="backlog must be an int"):
            server.bind(LOOPBACK, wrong)  # type: ignore[arg-type]  # what is refused
        assert server.local_address is None


def test_a_channel_that_could_not_listen_is_not_bound() -> None:
    provider = ListeningProvider()
    provider.fail = True
    with ServerSocketChannel.open(provider=provider) as server:
        with pytest.raises(OSError, match="in use"):
            server.bind(LOOPBACK)
        with pytest.raises(NotYetBoundError):
            server.accept()
        assert server.local_address is None


def test_a_name_is_not_resolved() -> None:
    with ServerSocketChannel.open() as server:
        with pytest.raises(UnresolvedAddressError):
            server.bind(("localhost", 0))
        assert server.bind(None).local_address is not None


def test_A12_reuse_of_the_address() -> None:
    with ServerSocketChannel.open().bind(LOOPBACK) as server:
        address = address_of(server)
        with SocketChannel.open(address):
            accepted = server.accept()
            assert accepted is not None
            accepted.close()  # the server's side closes first and keeps the address busy for a while
    with ServerSocketChannel.open().bind(address) as again:
        assert again.local_address == address


def test_repr_shows_the_state() -> None:
    with ServerSocketChannel.open() as server:
        assert repr(server) == "ServerSocketChannel(unbound)"
        server.bind(LOOPBACK)
        assert repr(server) == f"ServerSocketChannel({server.local_address})"
    assert repr(server) == "ServerSocketChannel(closed)"


@pytest.mark.parametrize("blocking", [True, False])
def test_the_mode_of_what_is_accepted(blocking: bool) -> None:
    with ServerSocketChannel.open().bind(LOOPBACK) as server, SocketChannel.open(address_of(server)):
        accepted = server.accept(blocking=blocking)
        assert accepted is not None
        with accepted:
            assert accepted.is_blocking is blocking
