"""Bytes from a file to a channel and from a channel to a file, where the kernel does not send them itself.

A buffer carries the bytes. A transfer that fails after its first bytes returns their number: no position would tell the
caller how far it came. The next call raises the error.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from nio.buffers import ByteBuffer
from nio.channels._channel import Channel
from nio.channels._open_file import OpenFile
from nio.errors import ClosedChannelError

Step: TypeAlias = Callable[[ByteBuffer, int], int]  # reads or writes one buffer; the int is how many bytes went before

CHUNK = 8192  # bytes at a time, as in the JDK: a datagram can hold them
CHUNK_OF_FILES = 1 << 20


def copy(file: OpenFile, peer: Channel, count: int, read: Step, write: Step) -> int:
    """Move bytes until ``count`` have been moved, the source has ended, or a write has not taken all it was given."""
    chunk = CHUNK_OF_FILES if isinstance(peer, OpenFile) else CHUNK
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


def ensure_peer_open(peer: Channel, way: str) -> None:
    """Refuse a peer without a method ``way`` (TypeError), and a closed one (ClosedChannelError)."""
    if not callable(getattr(peer, way, None)):
        raise TypeError(f"{peer!r} has no {way}()")
    if not peer.is_open:
        raise ClosedChannelError(f"{peer!r}")
