"""Bytes from a file to a channel, and from a channel to a file.

Towards a socket or pipe the kernel does it, without a copy through this process; where it cannot, and for every other
pair, a buffer goes to and fro. Either way a transfer that fails after its first bytes answers with their number: the
position of nothing tells how far it came, and the failure shows again in the next call.

A transfer that waits can be ended by the close of either channel. A sleep watches one wake-up, the file's; whether the
target was closed is looked after from time to time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from nio.buffers import ByteBuffer
from nio.spi import WRITABLE

if TYPE_CHECKING:
    from nio.channels._file_channel import FileChannel
    from nio.channels._selectable_channel import SelectableChannel

Step: TypeAlias = Callable[[ByteBuffer, int], int]  # one buffer, after so many bytes

CHUNK = 8192  # bytes at a time, as in the JDK: a datagram can hold them
CHUNK_OF_FILES = 1 << 20
_TURN = 0.05  # seconds between two looks at the target


def send(file: FileChannel, position: int, count: int, target: SelectableChannel) -> int | None:
    """By the kernel: all ``count`` bytes in blocking mode, else what goes at once; None where the kernel cannot."""
    if target.provider.kernel is not file.provider.kernel:
        return None
    sent = 0
    with target._write_lock:
        try:
            while sent < count:
                step = _send_some(file, position + sent, count - sent, target)
                if step is None:
                    return sent or None
                sent += step
                if not step or not target._blocking:
                    break
        except OSError:
            if not sent:
                raise
    return sent


def _send_some(file: FileChannel, position: int, count: int, target: SelectableChannel) -> int | None:
    """At least one byte in blocking mode, unless the file was cut meanwhile."""
    while True:
        file._ensure_not_closed_meanwhile()
        target._ensure_not_closed_meanwhile()
        try:
            return file._provider.send_file(target._end.fileno(), file._file.fileno(), position, count)
        except BlockingIOError:
            if not target._blocking:
                return 0
            file._sleep(target._end.fileno(), WRITABLE, _TURN)


def copy(file: FileChannel, count: int, chunk: int, read: Step, write: Step) -> int:
    """Through a buffer of up to ``chunk`` bytes, until ``count``, the end, or a write that does not take all."""
    buffer = ByteBuffer.allocate(min(count, chunk))
    done = 0
    try:
        while done < count:
            file._ensure_not_closed_meanwhile()
            buffer.clear()
            buffer.limit = min(count - done, chunk)
            got = read(buffer, done)
            if got <= 0:
                break
            put = write(buffer.flip(), done)
            done += put
            if put < got:
                break
    except OSError:
        if not done:
            raise
    return done
