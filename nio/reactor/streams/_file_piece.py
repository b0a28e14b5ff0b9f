"""FilePiece: a part of a file in a connection's output, sent without being copied where the kernel can.

**The kernel sends it** (sendfile) when the connection's bytes go to the socket as they are; any other transport is
given what was read, 64 KiB at a time. At most 1 MiB is sent in one go, so that a fast reader of a large file leaves the
others their turn.

**A file may shrink or fail** while it is being sent. The peer was promised more than there is, so the connection ends,
with a reset: what it got must not pass for the whole.
"""

from __future__ import annotations

import os

from nio._numbers import check_range
from nio.channels import FileChannel, SocketChannel
from nio.errors import ClosedChannelError
from nio.reactor.streams._outbox import Send
from nio.spi import NO_SIGNAL, SelectorProvider

_SHARE = 1024 * 1024
_READ_SIZE = 64 * 1024


FileSource = FileChannel | str | os.PathLike[str]


class SourceError(OSError):
    """The file is the one that failed, not the connection."""


class FilePiece:
    """``left`` bytes of an open file; with a ``target`` the kernel sends them there.

    ``release`` closes the file, if that was opened for this piece.
    """

    __slots__ = ("_file", "_owned", "_position", "_target", "_unsent", "left")

    def __init__(self, file: FileChannel, position: int, count: int, target: SocketChannel | None, owned: bool) -> None:
        self._file = file
        self._position = position
        self._target = target
        self._owned = owned
        self._unsent = memoryview(b"")  # what was read and not taken
        self.left = count

    def send(self, send: Send) -> int:
        """Send some of it; how many bytes were taken.

        0 or BlockingIOError for none now, SourceError when the file is to blame, other OSErrors are the connection's.
        """
        sent = self._send_read(send) if self._target is None else self._send_here(self._target, send)
        self._position += sent
        self.left -= sent
        return sent

    def release(self, _: object = None) -> None:
        """Nothing more will be sent."""
        if self._owned:
            self._file.close()

    def _send_here(self, target: SocketChannel, send: Send) -> int:
        send(b"", NO_SIGNAL)  # sendfile takes no flags: where SIGPIPE is not ignored, a broken pipe is found here
        try:
            sent = self._file.transfer_to(self._position, min(self.left, _SHARE), target)
            if not sent and self._file.size <= self._position:
                raise self._cut()
        except (BlockingIOError, ConnectionError, SourceError, TimeoutError):
            raise
        except OSError as error:
            if isinstance(error, ClosedChannelError) and not target.is_open:
                raise
            raise SourceError(error.errno, f"{self._file!r} cannot be read: {error}") from None
        return sent

    def _send_read(self, send: Send) -> int:
        if not self._unsent:
            view = memoryview(bytearray(min(self.left, _READ_SIZE)))
            try:
                count = self._file.read_at(view, self._position)
            except OSError as error:
                raise SourceError(error.errno, f"{self._file!r} cannot be read: {error}") from None
            if count <= 0:
                raise self._cut()
            self._unsent = view[:count]
        sent = send(self._unsent, NO_SIGNAL)
        self._unsent = self._unsent[sent:]
        return sent

    def _cut(self) -> SourceError:
        return SourceError(f"{self._file!r} is shorter than it was: {self.left} bytes are missing")


def file_piece(
    file: FileSource,
    position: int,
    count: int | None,
    target: SocketChannel | None,
    provider: SelectorProvider,
) -> FilePiece:
    """That part of a file, which is opened if it is a path."""
    if isinstance(file, FileChannel):
        channel, owned = file, False
    elif isinstance(file, (str, os.PathLike)):
        channel, owned = FileChannel.open(file, provider=provider), True
    else:
        raise TypeError(f"a file is sent from a FileChannel or a path, not from {file!r:.60}")
    try:
        channel.read_at(bytearray(), 0)  # which tells whether it can be read
        size = channel.size
        check_range("position", position, size)
        wanted = size - position if count is None else check_range("count", count, size - position)
    except BaseException:
        if owned:
            channel.close()
        raise
    return FilePiece(channel, position, wanted, target, owned)
