"""Reading and writing streams of bytes: what socket channels and pipe ends have in common.

**The kernel sends a file** to a socket or a pipe without a copy through this process. Closing either channel ends such
a transfer while it waits. A sleep can watch one wake-up only, the file's; so it ends from time to time, to look whether
the target was closed.
"""

from __future__ import annotations

from typing import Protocol

from nio.channels._selectable_channel import SelectableChannel
from nio.channels._transfer import Sources, Targets, Transfer, check_part
from nio.errors import AsynchronousCloseError
from nio.spi import NO_SIGNAL, READABLE, WRITABLE

EOF = -1


class ReadingChannel(SelectableChannel):
    """A selectable channel that bytes can be read from."""

    __slots__ = ()

    def read(self, targets: Targets, offset: int = 0, length: int | None = None) -> int:
        """Read into one buffer, or scatter over a list of them (``length`` buffers from ``offset`` on), in order.

        Returns the number of bytes; 0 in non-blocking mode when no byte waits, and always when there is no room;
        ``EOF`` (-1) at the end of the stream, now and on every later read, and the channel stays open. In blocking mode
        it sleeps until there is something to read.

        Raises ClosedChannelError, AsynchronousCloseError when another thread closes the channel meanwhile,
        NotYetConnectedError, IllegalArgumentError for a read-only buffer (before it reads), ConnectionResetError now
        and on every later read.
        """
        if offset or offset.__class__ is not int or length is not None:
            check_part(targets, offset, length)
        with self._reading or self._read_lock:
            if self._input_ended():
                return EOF
            transfer = Transfer(targets, offset, length, writable=True)
            if not transfer.remaining:
                return 0
            count = self._attempt(READABLE, self._receive, transfer.views())
            if count is None:
                return 0
            if count == 0:
                return EOF
            transfer.advance(count)
            return count

    def _input_ended(self) -> bool:
        """Raise unless the channel can be read now; True after ``shutdown_input()``."""
        self._ensure_open()
        return False

    def _receive(self, views: list[memoryview]) -> int:
        if len(views) == 1:
            return self._end.recv_into(views[0])
        count: int = self._end.recvmsg_into(views)[0]
        return count


class SentFile(Protocol):
    """A file that the kernel sends from."""

    def _send_some(self, target: int, position: int, count: int) -> int | None:
        """Send to the descriptor ``target``: how many bytes, None where the kernel cannot, BlockingIOError if none."""

    def _await_room(self, target: int) -> None:
        """Sleep until the descriptor ``target`` takes bytes, or until it is time to look whether it was closed."""


class WritingChannel(SelectableChannel):
    """A selectable channel that bytes can be written to."""

    __slots__ = ()

    def write(self, sources: Sources, offset: int = 0, length: int | None = None) -> int:
        """Write one buffer's remaining bytes, or gather a list of them (``length`` buffers from ``offset`` on).

        Returns the number of bytes written: all of them in blocking mode, perhaps fewer or 0 in non-blocking mode. A
        buffer gives its bytes only after those before it have given all of theirs.

        Raises ClosedChannelError, AsynchronousCloseError when another thread closes the channel meanwhile or its output
        is shut down, NotYetConnectedError, BrokenPipeError or ConnectionResetError when the peer is gone.
        """
        if offset or offset.__class__ is not int or length is not None:
            check_part(sources, offset, length)
        with self._writing or self._write_lock:
            output_shut = self._output_ended()
            transfer = Transfer(sources, offset, length, writable=False)
            if output_shut and not transfer.remaining:
                raise AsynchronousCloseError(f"the output of {self!r} is shut down")
            total = 0
            while transfer.remaining:
                count = self._attempt(WRITABLE, self._transmit, transfer.views())
                if count is None:
                    break
                total += count
                transfer.advance(count)
                if not self._blocking:
                    break
                if transfer.remaining:
                    self._ensure_not_closed_meanwhile()
            return total

    def _output_ended(self) -> bool:
        """Raise unless the channel can be written now; True after ``shutdown_output()``."""
        self._ensure_open()
        return False

    def _transmit(self, views: list[memoryview]) -> int:
        if len(views) == 1:
            return self._end.send(views[0], NO_SIGNAL)
        return self._end.sendmsg(views, (), NO_SIGNAL)

    def _send_file(self, file: SentFile, position: int, count: int) -> int | None:
        """From a file, by the kernel: all ``count`` bytes in blocking mode, else what goes at once.

        None where the kernel cannot.
        """
        sent = 0
        with self._writing or self._write_lock:
            try:
                while sent < count:
                    step = self._send_some(file, position + sent, count - sent)
                    if step is None:
                        return sent or None
                    sent += step
                    if not step or not self._blocking:
                        break
            except OSError:
                if not sent:
                    raise
        return sent

    def _send_some(self, file: SentFile, position: int, count: int) -> int | None:
        """At least one byte in blocking mode, unless somebody cut the file meanwhile."""
        while True:
            self._ensure_not_closed_meanwhile()
            try:
                return file._send_some(self._end.fileno(), position, count)
            except BlockingIOError:
                if not self._blocking:
                    return 0
                file._await_room(self._end.fileno())
