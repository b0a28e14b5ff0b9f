"""The interfaces of java.nio are protocols: which channel is what, and who else is."""

from __future__ import annotations

import io
import socket
from pathlib import Path

import pytest

from nio.channels import (
    Channel,
    DatagramChannel,
    FileChannel,
    Pipe,
    ReadableByteChannel,
    ServerSocketChannel,
    SocketChannel,
    WritableByteChannel,
    new_channel,
)

KINDS = {ReadableByteChannel: "r", WritableByteChannel: "w"}


class Stranger:
    """Nobody's channel."""

    is_open = True

    def close(self) -> None: ...

    def read(self, target: object, /) -> int:
        return -1


def kinds(channel: object) -> str:
    return "".join(letter for kind, letter in KINDS.items() if isinstance(channel, kind))


def test_which_channel_is_what(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"")
    with (
        SocketChannel.open() as stream,
        DatagramChannel.open() as datagrams,
        ServerSocketChannel.open() as server,
        Pipe.open() as pipe,
        FileChannel.open(tmp_path / "f") as file,
        new_channel(io.BytesIO()) as over_a_stream,
    ):
        channels: dict[object, str] = {stream: "rw", datagrams: "rw", server: "", file: "rw", over_a_stream: "rw"}
        channels |= {pipe.source: "r", pipe.sink: "w", Stranger(): "r"}
        assert [kinds(channel) for channel in channels] == list(channels.values())
        assert all(isinstance(channel, Channel) for channel in channels)


@pytest.mark.parametrize("other", [b"", None, io.BytesIO(), Pipe, 3])
def test_what_is_no_channel(other: object) -> None:
    assert not isinstance(other, Channel)
    assert kinds(other) == ""


def test_a_socket_is_no_channel() -> None:
    with socket.socket() as sock:
        assert not isinstance(sock, Channel)
