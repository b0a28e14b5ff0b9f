"""Reading and writing streams of bytes: what socket channels and pipe ends have in common."""

from __future__ import annotations

from nio.channels._selectable_channel import SelectableChannel
from nio.channels._transfer import WHOLE, Sources, Targets, Transfer, check_part
from nio.errors import AsynchronousCloseError
from nio.spi import READABLE, WRITABLE

EOF = -1


class ReadingChannel(SelectableChannel):
    """A selectable channel that bytes can be read from."""

    __slots__ = ()

    def read(self, targets: Targets, offset: int = 0, length: int | None = None) -> int:
        """Read into one buffer, or scatter over a list of them (``length`` buffers from ``offset`` on), in order.

        Returns the number of bytes; 0 when nothing waits in non-blocking mode or there is no room; ``EOF`` (-1) at
        the end of the stream, now and on every later read, without closing the channel. In blocking mode sleeps until
        there is something.

        Raises ClosedChannelError, AsynchronousCloseError when closed by another thread meanwhile, NotYetConnectedError,
        IllegalArgumentError for a read-only buffer (nothing is consumed), ConnectionResetError now and on every later
        read.
        """
        if offset is not WHOLE or length is not None:
            check_part(targets, offset, length)
        with self._read_lock:
            if self._input_ended():
                return EOF
            transfer = Transfer(targets, offset, length, writable=True)
            if not transfer.remaining:
                return 0
            count = self._attempt(READABLE, self._receive, transfer.views())
            if count:
                transfer.advance(count)
            return EOF if count == 0 else count or 0

    def _input_ended(self) -> bool:
        """Raises unless the channel can be read now; True when its own input was shut down."""
        self._ensure_open()
        return False

    def _receive(self, views: list[memoryview]) -> int:
        if len(views) == 1:
            return self._end.recv_into(views[0])
        count: int = self._end.recvmsg_into(views)[0]
        return count


class WritingChannel(SelectableChannel):
    """A selectable channel that bytes can be written to."""

    __slots__ = ()

    def write(self, sources: Sources, offset: int = 0, length: int | None = None) -> int:
        """Write one buffer's remaining bytes, or gather a list of them (``length`` buffers from ``offset`` on).

        Returns the number of bytes taken: in non-blocking mode possibly fewer than there are, down to 0, and never any
        of a buffer while an earlier one has some left; in blocking mode all of them.

        Raises ClosedChannelError, AsynchronousCloseError when closed or its output shut down, NotYetConnectedError,
        BrokenPipeError or ConnectionResetError when the peer is gone.
        """
        if offset is not WHOLE or length is not None:
            check_part(sources, offset, length)
        with self._write_lock:
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
        """Raises unless the channel can be written now; True when its own output was shut down."""
        self._ensure_open()
        return False

    def _transmit(self, views: list[memoryview]) -> int:
        if len(views) == 1:
            return self._end.send(views[0])
        return self._end.sendmsg(views)
