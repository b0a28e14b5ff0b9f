"""The file of a Unix-domain server: that of one that has ended is told from that of a living one."""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path

import pytest

from nio.channels import ServerSocketChannel, SocketChannel
from nio.errors import UnsupportedAddressTypeError
from nio.spi import ProtocolFamily, SelectorProvider

UNIX = ProtocolFamily.UNIX


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "s"


def leave_behind(path: Path) -> None:
    ServerSocketChannel.open(UNIX).bind(path).close()
    assert path.is_socket()


def refused(path: Path, words: str, *, replace_stale: bool) -> None:
    with ServerSocketChannel.open(UNIX) as late, pytest.raises(OSError, match=f"in use: '{path}' .{words}") as caught:
        late.bind(path, replace_stale=replace_stale)
    assert caught.value.errno == errno.EADDRINUSE


def test_stale_file_is_replaced_when_that_is_asked_for(path: Path) -> None:
    leave_behind(path)
    refused(path, r"the file of a server that has ended; bind\(path, replace_stale=True\)", replace_stale=False)
    with ServerSocketChannel.open(UNIX).bind(path, replace_stale=True) as server:
        assert server.local_address == str(path)
        SocketChannel.open(path).close()


@pytest.mark.parametrize("replace_stale", [False, True])
def test_living_server_keeps_its_file_and_is_not_bothered(path: Path, replace_stale: bool) -> None:
    with ServerSocketChannel.open(UNIX).bind(path).configure_blocking(False) as server:
        refused(path, "a server has it", replace_stale=replace_stale)
        assert server.accept() is None  # the question was no connection
        SocketChannel.open(path).close()


def test_server_that_does_not_listen_yet_keeps_its_file(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as early:
        early.bind(str(path))
        refused(path, "a server has it", replace_stale=True)


def test_server_of_datagrams_keeps_its_file(path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        other.bind(str(path))
        refused(path, "a server has it", replace_stale=True)


def test_file_that_is_no_socket_is_never_removed(path: Path) -> None:
    path.write_text("precious")
    refused(path, "there is a file of that name", replace_stale=True)
    assert path.read_text() == "precious"


def test_link_to_a_stale_file_is_never_removed(path: Path, tmp_path: Path) -> None:
    leave_behind(path)
    link = tmp_path / "link"
    link.symlink_to(path)
    refused(link, "there is a file of that name", replace_stale=True)
    assert link.is_symlink()


def test_file_that_was_replaced_meanwhile_is_not_removed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    leave_behind(path)
    provider = SelectorProvider.default()

    def slow(asked: str) -> bool:
        os.rename(path, path.with_name("old"))
        leave_behind(path)
        return False

    monkeypatch.setattr(provider, "is_served", slow, raising=False)
    assert not provider.remove_stale(str(path))
    assert path.is_socket()


def test_what_has_no_file(tmp_path: Path) -> None:
    provider = SelectorProvider.default()
    assert provider.is_served("\0abstract") is None
    assert provider.is_served(str(tmp_path / "no")) is None
    assert not provider.remove_stale("\0abstract")


def test_it_means_nothing_for_ports() -> None:
    with ServerSocketChannel.open().bind(("127.0.0.1", 0), replace_stale=True) as server:
        with ServerSocketChannel.open() as late, pytest.raises(OSError, match="in use") as caught:
            late.bind(("127.0.0.1", server.port or 0), replace_stale=True)
        assert caught.value.errno == errno.EADDRINUSE


def test_other_errors_are_told_as_they_are(tmp_path: Path) -> None:
    with ServerSocketChannel.open(UNIX) as server, pytest.raises(FileNotFoundError):
        server.bind(tmp_path / "no" / "s", replace_stale=True)


def test_path_for_a_channel_of_ports_says_what_takes_it(path: Path) -> None:
    with ServerSocketChannel.open() as server, pytest.raises(UnsupportedAddressTypeError, match="takes a path"):
        server.bind(path)
