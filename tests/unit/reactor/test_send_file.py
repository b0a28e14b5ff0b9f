"""send_file: in order with other output, in parts, by the kernel or read; files that shrink, fail or are not there."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from nio.channels import FileChannel, StandardOpenOption
from nio.errors import ClosedChannelError, IllegalArgumentError, NonReadableChannelError
from nio.reactor import CloseReason, State
from nio.reactor.streams._file_piece import FilePiece
from nio.reactor.streams._transport import PlainTransport
from tests.unit.reactor.support import NEVER, Greeter, Keeper, Peer, World, in_a_thread

MIB = 1 << 20


class Stamped(PlainTransport):
    """Not the plain one, though it does the same: so files are read."""


class ReadKeeper(Keeper):
    transport = Stamped


BOTH = pytest.mark.parametrize("handler", [Keeper, ReadKeeper], ids=["by the kernel", "read"])


@pytest.fixture
def content() -> bytes:
    return os.urandom(3 * MIB + 17)


@pytest.fixture
def path(tmp_path: Path, content: bytes) -> Path:
    (tmp_path / "file").write_bytes(content)
    return tmp_path / "file"


@BOTH
def test_a_file_goes_out_in_order_with_other_output(handler: type[Keeper], path: Path, content: bytes) -> None:
    with World(handler) as world:
        peer = world.connect()
        connection = world.handler
        connection.write(b"before")
        assert connection.send_file(path) is True
        connection.write(b"between")
        assert connection.send_file(str(path), 5, 10) is True
        connection.write(b"after")
        expected = b"before" + content + b"between" + content[5:15] + b"after"
        assert connection.unsent == len(expected)
        assert peer.read(len(expected)) == expected
        assert world.reactor.statistics().bytes_out == len(expected)
        assert (connection.state, connection.unsent) == (State.READING, 0)


@BOTH
def test_a_slow_reader_gets_everything(handler: type[Keeper], path: Path, content: bytes) -> None:
    with World(handler) as world:
        peer = world.connect(receive_buffer=16384)
        world.handler.send_file(path)
        world.handler.finish()
        world.turns(20)
        assert world.handler.unsent > 0
        assert peer.read_to_end() == content


def test_what_was_read_and_not_taken_is_kept(path: Path, content: bytes) -> None:
    with World(ReadKeeper) as world:
        peer = world.connect()
        world.kernel.sends.extend([10, NEVER, 20])
        world.handler.send_file(path, 0, 100_000)
        assert peer.read(100_000) == content[:100_000]


def test_a_turn_sends_its_share_of_a_large_file(path: Path) -> None:
    shares: list[int] = []

    class Greedy(FileChannel):
        def transfer_to(self, position: int, count: int, target: Any) -> int:
            shares.append(count)
            return super().transfer_to(position, count, target)

    with World(Keeper) as world, Greedy.open(path, provider=world.kernel) as channel:
        peer = world.connect()
        world.handler.send_file(channel)
        peer.read(3 * MIB + 17)
        assert max(shares) == MIB
        assert channel.is_open  # it is the user's


def test_a_file_that_waits_counts_for_the_marks_and_not_for_max_output(path: Path) -> None:
    with World(Keeper) as world:
        peer = world.connect()
        handler = world.handler
        handler.send_file(path)
        for _ in range(10):
            assert handler.write(b"x" * 100_000)
        assert handler.write(b"x" * 100_000) is False
        world.turns()
        assert handler.reasons == [CloseReason.OVERLOAD]
        peer.close()
    assert handler._outbox.size == 0


def test_nothing_of_a_file_is_nothing(tmp_path: Path) -> None:
    (tmp_path / "empty").write_bytes(b"")
    with World(Keeper) as world:
        peer = world.connect()
        assert world.handler.send_file(tmp_path / "empty") is True
        world.handler.write(b"x")
        assert peer.read(1) == b"x"


def test_from_another_thread(path: Path, content: bytes) -> None:
    with World(Keeper) as world:
        peer = world.connect()
        answers: list[bool] = []
        in_a_thread(lambda: answers.append(world.handler.send_file(path)))
        assert answers == [True]
        assert peer.read(len(content)) == content


def test_in_process_it_goes_before_the_reply(path: Path, content: bytes) -> None:
    class Sender(Greeter):
        def process(self, record: bytes) -> bytes | None:
            self.send_file(path, 0, 1000)
            return record

    with World(Sender) as world:
        peer = world.connect()
        peer.send(b"one\n")
        assert peer.read(1004) == content[:1000] + b"one\n"
        peer.send(b"two\nthree\n")
        assert peer.read(2010) == content[:1000] + b"two\n" + content[:1000] + b"three\n"


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="reads /proc")
def test_files_are_closed_when_sent_and_when_the_connection_ends(path: Path) -> None:
    with World(Keeper) as world:
        peer = world.connect()
        before = open_files()
        for _ in range(5):
            world.handler.send_file(path, 0, 100)
        assert open_files() == before + 5
        peer.read(500)
        assert open_files() == before
        assert len(world.handler._rare.at_end) == 1
        for _ in range(5):
            world.handler.send_file(path)
        world.handler.close()
        world.turns()
        assert world.handler.send_file(path) is False
        assert open_files() <= before


def refused_by(peer: Peer, world: World) -> None:
    with pytest.raises(ConnectionResetError):  # what it got must not pass for the whole
        peer.read_to_end()
    assert world.handler.reasons == [CloseReason.FILE_ERROR]


@BOTH
def test_a_file_that_gets_shorter_ends_the_connection_by_name(
    handler: type[Keeper], path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with World(handler) as world:
        peer = world.connect(receive_buffer=16384)
        world.handler.send_file(path)
        os.truncate(path, 1000)
        refused_by(peer, world)
        assert "is shorter than it was" in caplog.text


@BOTH
def test_a_disk_that_fails_ends_the_connection_by_name(
    handler: type[Keeper], path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Bad(FileChannel):
        def transfer_to(self, position: int, count: int, target: Any) -> int:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

        def read_at(self, target: Any, position: int) -> int:
            if len(target):
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            return super().read_at(target, position)

    with World(handler) as world, Bad.open(path, provider=world.kernel) as channel:
        peer = world.connect()
        world.handler.send_file(channel)
        refused_by(peer, world)
        assert "Input/output error" in caplog.text


def test_a_channel_that_its_owner_closes_too_early(path: Path) -> None:
    with World(Keeper) as world:
        peer = world.connect()
        with FileChannel.open(path, provider=world.kernel) as channel:
            world.handler.send_file(channel)
        refused_by(peer, world)


@BOTH
def test_the_peer_is_gone(handler: type[Keeper], path: Path) -> None:
    with World(handler) as world:
        peer = world.connect(receive_buffer=16384)
        world.handler.send_file(path)
        world.turns()
        peer.reset()
        world.until(lambda: world.handler.reasons == [CloseReason.PEER_RST])


def test_the_channel_is_closed_by_somebody_else(path: Path) -> None:
    with World(Keeper) as world:
        world.connect()
        world.handler.send_file(path)
        world.handler.channel.close()
        world.until(lambda: world.handler.reasons)
        assert world.handler.reasons in ([CloseReason.PEER_RST], [CloseReason.LOCAL])


def test_a_channel_closed_in_the_very_moment_is_no_fault_of_the_file(path: Path) -> None:
    with World(Keeper) as world, FileChannel.open(path, provider=world.kernel) as file:
        world.connect()
        piece = FilePiece(file, 0, 100, world.handler.channel, False)
        world.handler.close()
        with pytest.raises(ClosedChannelError):
            piece.send(lambda data, flags: 0)


def test_another_handler_takes_the_channel(path: Path, content: bytes) -> None:
    with World(Keeper) as world:
        peer = world.connect()
        first = world.handler
        first.write(b"before")
        first.send_file(path, 0, 1000)
        first.write(b"never sent, as it would be out of place")
        world.reactor.register(first.channel, 1, second := Keeper())
        assert first.send_file(path) is False
        second.write(b"the other one's")
        assert peer.read(6 + 1000 + 15) == b"before" + content[:1000] + b"the other one's"


def test_what_cannot_be_sent_raises_and_leaves_nothing_open(tmp_path: Path, path: Path) -> None:
    with World(Keeper) as world:
        world.connect()
        handler = world.handler
        with pytest.raises(FileNotFoundError):
            handler.send_file(tmp_path / "nowhere")
        with pytest.raises(IllegalArgumentError, match="position must be 0 to"):
            handler.send_file(path, 1 << 40)
        with pytest.raises(IllegalArgumentError, match="count must be 0 to 1017"):
            handler.send_file(path, 3 * MIB - 1000, 1018)
        with pytest.raises(TypeError, match="a file is sent from a FileChannel or a path, not from 5"):
            handler.send_file(5)
        with (
            FileChannel.open(path, StandardOpenOption.WRITE, provider=world.kernel) as channel,
            pytest.raises(NonReadableChannelError),
        ):
            handler.send_file(channel)
        assert handler.unsent == 0


BROKEN_PIPE = """
import signal, sys
from nio import FileChannel, ServerSocketChannel, SocketChannel
from nio.reactor.streams._file_piece import FilePiece

signal.signal(signal.SIGPIPE, signal.SIG_DFL)
server = ServerSocketChannel.open().bind(("127.0.0.1", 0))
channel = SocketChannel.open(server.local_address)
server.accept().set_option("SO_LINGER", 0).close()
channel.configure_blocking(False)
piece = FilePiece(FileChannel.open(sys.argv[1]), 0, 1000, channel, False)
for _ in range(3):  # a reset is told once; from then on the pipe is broken
    try:
        piece.send(channel.socket.send)
    except ConnectionError as error:
        print(type(error).__name__)
"""


def test_a_peer_that_is_gone_ends_no_process_by_sigpipe(path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", BROKEN_PIPE, str(path)],
        capture_output=True,
        timeout=30,
        check=False,
        text=True,
        cwd=Path(__file__).parents[3],
    )
    assert done.returncode == 0, done
    assert done.stdout.endswith("BrokenPipeError\n")
