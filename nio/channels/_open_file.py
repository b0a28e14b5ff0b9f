"""An open file with a position: the half of a FileChannel that reads and writes bytes.

**There is one position, the kernel's.** ``read``, ``write`` and ``truncate`` use it, so they run one at a time.
Whatever is given a position (``read_at``, ``write_at``, the transfers, maps, locks) need not wait for them.

**The last user closes the descriptor.** ``close()`` does not wait for the threads that are inside an operation; the
last of them closes the descriptor as it leaves.

**The path may name a pipe or a terminal.** Then an operation may have to wait: it sleeps on the descriptor and on a
wake-up that ``close()`` sets.

Every operation checks in the JDK's order: a negative number of ``read_at`` or ``write_at``, and an offset and length
that do not fit the buffers; then a closed channel; then the direction the file was opened for; then other numbers;
then the buffers.
"""

from __future__ import annotations

from typing import Final, Self

from nio._numbers import check_range
from nio.channels._byte_channels import EOF
from nio.channels._interruptible_channel import InterruptibleChannel
from nio.channels._transfer import Source, Sources, Target, Targets, Transfer, check_part
from nio.errors import ClosedChannelError, NonReadableChannelError, NonWritableChannelError
from nio.spi import READABLE, WRITABLE, File, SelectorProvider

MAX_LONG: Final = 2**63 - 1  # the last position that a file can have

_TURN = 0.05  # seconds between two looks at the target of a transfer


class OpenFile(InterruptibleChannel):
    """A file, read and written at the kernel's position or at a given one."""

    __slots__ = ("_appends", "_file", "_path", "_position_lock", "_readable", "_users", "_writable")

    def __init__(self, provider: SelectorProvider, file: File, path: object, options: frozenset[str]) -> None:
        super().__init__(provider, file.fileno())
        self._file = file
        self._path = path
        self._appends = "APPEND" in options
        self._writable = self._appends or "WRITE" in options
        self._readable = not self._writable or "READ" in options
        self._users = 1  # the threads inside, and the open channel itself
        self._position_lock = provider.rlock()

    def read(self, targets: Targets, offset: int = 0, length: int | None = None) -> int:
        """Read at the position into one buffer, or scatter over a list (``length`` buffers from ``offset`` on).

        Returns the number of bytes, by which the position moves; 0 without room; ``EOF`` (-1) at the end and beyond.

        Raises ClosedChannelError, NonReadableChannelError, IllegalArgumentError for a read-only buffer.
        """
        check_part(targets, offset, length)
        with self._position_lock, Inside(self):
            return self._read(targets, offset, length, None)

    def read_at(self, target: Target, position: int) -> int:
        """As ``read``, at ``position``; the channel's own stays. IllegalArgumentError when it is negative."""
        position = check_range("position", position, MAX_LONG)
        with Inside(self):
            return self._read(target, 0, None, position)

    def write(self, sources: Sources, offset: int = 0, length: int | None = None) -> int:
        """Write one buffer at the position, or gather a list of them (``length`` buffers from ``offset`` on).

        Writes all bytes and returns their number, by which the position moves. Beyond the end of the file it leaves a
        gap of zeros; a channel that appends goes to the end first. Raises ClosedChannelError, NonWritableChannelError,
        OSError with ``ENOSPC`` ..., after which the buffers' positions tell how much was written.
        """
        check_part(sources, offset, length)
        with self._position_lock, Inside(self):
            return self._write(sources, offset, length, None)

    def write_at(self, source: Source, position: int) -> int:
        """As ``write``, at ``position``; the channel's own stays. A channel that appends does so here too."""
        position = check_range("position", position, MAX_LONG)
        with Inside(self):
            return self._write(source, 0, None, position)

    @property
    def position(self) -> int:
        """Where the next ``read`` or ``write`` begins, or the size if the channel appends; may be set beyond the end.

        Raises ClosedChannelError; IllegalArgumentError for a negative one, OSError for one that no file can have.
        """
        with self._position_lock, Inside(self):
            return self._file.size() if self._appends else self._file.tell()

    @position.setter
    def position(self, value: int) -> None:
        with self._position_lock, Inside(self):
            self._file.seek(check_range("position", value, MAX_LONG))

    @property
    def size(self) -> int:
        """The size of the file as it is now; ClosedChannelError."""
        with Inside(self):
            return self._file.size()

    def truncate(self, size: int) -> Self:
        """Cut the file to ``size`` bytes, if it has more, and pull the position down to it.

        Raises ClosedChannelError, IllegalArgumentError for a negative size, NonWritableChannelError.
        """
        with self._position_lock, Inside(self):
            size = check_range("size", size, MAX_LONG)
            self._ensure_writable()
            position = self._file.tell()
            if size < self._file.size():
                self._file.truncate(size)
            if position > size:
                self._file.seek(size)
        return self

    def force(self, metadata: bool = True) -> None:
        """Return when everything written is on the device; with ``metadata`` the file's times and the like are too."""
        if not isinstance(metadata, bool):
            raise TypeError(f"metadata must be True or False, not {metadata!r}")
        with Inside(self):
            self._file.force(metadata)

    def _enter(self) -> None:
        with self._state_lock:
            self._users += 1  # first: a signal handler may close the channel between any two steps
            if not self._open:
                self._leave()
                raise ClosedChannelError(f"{self!r}")

    def _leave(self) -> None:
        with self._state_lock:
            self._users -= 1
            if not self._users:
                self._wakeup = None
                self._file.close()

    def _let_go(self) -> None:
        self._leave()

    def _ensure_readable(self) -> None:
        if not self._readable:
            raise NonReadableChannelError(f"{self!r}")

    def _ensure_writable(self) -> None:
        if not self._writable:
            raise NonWritableChannelError(f"{self!r}")

    def _read(self, targets: Targets, offset: int, length: int | None, position: int | None) -> int:
        self._ensure_readable()
        transfer = Transfer(targets, offset, length, writable=True)
        if not transfer.remaining:
            return 0
        count = self._insist(READABLE, self._file.read, transfer.views(), position)
        transfer.advance(count)
        return count or EOF

    def _write(self, sources: Sources, offset: int, length: int | None, position: int | None) -> int:
        self._ensure_writable()
        transfer = Transfer(sources, offset, length, writable=False)
        total = 0
        while transfer.remaining:
            at = None if position is None else position + total
            self._ensure_not_closed_meanwhile()
            count = self._insist(WRITABLE, self._file.write, transfer.views(), at)
            total += count
            transfer.advance(count)
        return total

    def _send_some(self, target: int, position: int, count: int) -> int | None:
        """Let the kernel send to the descriptor ``target``: how many bytes, None where it cannot do that.

        BlockingIOError when the target takes none now.
        """
        self._ensure_not_closed_meanwhile()
        return self._provider.send_file(target, self._file.fileno(), position, count)

    def _await_room(self, target: int) -> None:
        """Sleep until the descriptor ``target`` takes bytes, or until it is time to look whether it was closed."""
        self._sleep(target, WRITABLE, _TURN)


class Inside:
    """Keeps the descriptor open while a thread is inside; ClosedChannelError for one that comes too late."""

    __slots__ = ("_file",)

    def __init__(self, file: OpenFile) -> None:
        self._file = file

    def __enter__(self) -> None:
        self._file._enter()

    def __exit__(self, *exc_info: object) -> None:
        self._file._leave()
