"""java.nio.channels.Channels: streams over channels, and a channel over a stream.

**Closing a stream closes its channel** and the other way round. A raw stream that is merely dropped leaves its channel
open, although other streams of ``io`` close theirs: it has no state of its own, and the channel has an owner. A reader
or writer of text holds bytes that it read ahead or has not flushed; dropping one closes the channel, as everywhere in
Python.

**A stream blocks, or says that it cannot.** A raw stream can answer "nothing now" (None), but no stream above it
understands that. So a stream refuses a channel in non-blocking mode when it is used, as in Java.
"""

from __future__ import annotations

import codecs
import io
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, BinaryIO, Self, TypeAlias

from nio.buffers import ByteBuffer
from nio.channels._byte_channels import EOF
from nio.channels._channel import Channel, ReadableByteChannel, WritableByteChannel
from nio.channels._interruptible_channel import chosen
from nio.channels._selectable_channel import SelectableChannel
from nio.channels._transfer import Sources, Targets, Transfer, check_part
from nio.errors import (
    ClosedChannelError,
    IllegalBlockingModeError,
    NonReadableChannelError,
    NonWritableChannelError,
)
from nio.spi import SelectorProvider

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

Transport: TypeAlias = "Callable[[memoryview], int | None] | None"  # None where the stream does not go that way


def input_stream(channel: ReadableByteChannel) -> io.RawIOBase:
    """An unbuffered stream that reads from ``channel``.

    Reading raises IllegalBlockingModeError while the channel is in non-blocking mode, and what the channel raises;
    ValueError once the stream is closed.
    """
    return _InputStream(_checked(channel, "read"))


def output_stream(channel: WritableByteChannel) -> io.RawIOBase:
    """An unbuffered stream that writes to ``channel``, everything it is given; errors as for ``input_stream``."""
    return _OutputStream(_checked(channel, "write"))


def reader(channel: ReadableByteChannel, encoding: str = "utf-8", errors: str = "strict") -> io.TextIOWrapper:
    """Text read from ``channel``, with its line ends as they are; LookupError for unknown names."""
    return _text(io.BufferedReader(input_stream(channel)), encoding, errors)


def writer(channel: WritableByteChannel, encoding: str = "utf-8", errors: str = "strict") -> io.TextIOWrapper:
    """Text written to ``channel``, on ``flush()`` and ``close()``; LookupError for unknown names."""
    return _text(io.BufferedWriter(output_stream(channel)), encoding, errors)


def new_channel(
    stream: BinaryIO | io.RawIOBase | io.BufferedIOBase, *, provider: SelectorProvider | None = None
) -> StreamChannel:
    """A channel over a stream of bytes, for reading and writing as far as the stream can; the locks are the provider's.

    Raises TypeError for what is no stream of bytes or no provider.
    """
    return StreamChannel(stream, chosen(provider))


class StreamChannel:
    """What ``new_channel`` makes: it reads what one call of the stream gives, and writes everything.

    Concurrency: one reader and one writer at once. ``close()`` does not wake a thread that waits inside the stream.
    """

    __slots__ = ("_open", "_put", "_read_lock", "_readinto", "_stream", "_write_lock")

    def __init__(self, stream: BinaryIO | io.RawIOBase | io.BufferedIOBase, provider: SelectorProvider) -> None:
        if isinstance(stream, io.TextIOBase):
            raise TypeError(f"{stream!r} is a stream of text; a channel takes its bytes: stream.buffer")
        methods: Any = stream  # typeshed knows no readinto of a BinaryIO
        self._readinto: Transport = None
        if _can(stream, "readable"):
            self._readinto = getattr(stream, "readinto1", None) or methods.readinto
        self._put: Transport = stream.write if _can(stream, "writable") else None
        self._stream = stream
        self._open = True
        self._read_lock = provider.rlock()
        self._write_lock = provider.rlock()

    @property
    def is_open(self) -> bool:
        """True until ``close()``."""
        return self._open

    def read(self, targets: Targets, offset: int = 0, length: int | None = None) -> int:
        """Read into the first buffer with room, by one call of the stream at most, so that it waits at most once.

        Returns the number of bytes, 0 without room, ``EOF`` (-1) at the end. Raises ClosedChannelError,
        NonReadableChannelError, IllegalArgumentError for a read-only buffer.
        """
        check_part(targets, offset, length)
        with self._read_lock:
            self._ensure_open()
            if self._readinto is None:
                raise NonReadableChannelError(f"{self!r}")
            transfer = Transfer(targets, offset, length, writable=True)
            if not transfer.remaining:
                return 0
            count = self._readinto(transfer.views()[0])
            if count is None:
                return 0
            if count == 0:
                return EOF
            transfer.advance(count)
            return count

    def write(self, sources: Sources, offset: int = 0, length: int | None = None) -> int:
        """Write all there is, or what a non-blocking stream takes of it; returns the number of bytes.

        Flushes nothing. Raises ClosedChannelError, NonWritableChannelError.
        """
        check_part(sources, offset, length)
        with self._write_lock:
            self._ensure_open()
            if self._put is None:
                raise NonWritableChannelError(f"{self!r}")
            transfer = Transfer(sources, offset, length, writable=False)
            total = 0
            while transfer.remaining:
                count = self._put(transfer.views()[0])
                if not count:
                    break
                total += count
                transfer.advance(count)
            return total

    def close(self) -> None:
        """Close the channel and the stream; a second call does nothing."""
        if self._open:
            self._open = False
            self._stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def _ensure_open(self) -> None:
        if not self._open:
            raise ClosedChannelError(f"{self!r}")

    def __repr__(self) -> str:
        return f"StreamChannel({self._stream!r})" if self._open else "StreamChannel(closed)"


class _ChannelStream(io.RawIOBase):
    """A stream of bytes over a channel."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def close(self) -> None:
        if not self.closed:
            super().close()
            self._channel.close()

    def __del__(self) -> None:
        """Leave the channel open; the inherited method would close it."""

    def _ensure_usable(self) -> None:
        if self.closed:
            raise ValueError("I/O operation on a closed stream")
        if isinstance(self._channel, SelectableChannel) and not self._channel.is_blocking:
            raise IllegalBlockingModeError(f"{self._channel!r} is in non-blocking mode; streams need the other one")


class _InputStream(_ChannelStream):
    _channel: ReadableByteChannel

    def readable(self) -> bool:
        return True

    def readinto(self, target: WriteableBuffer) -> int | None:
        view = memoryview(target).cast("B")
        if not view:
            return 0
        self._ensure_usable()
        count = self._channel.read(ByteBuffer.wrap(view))
        if count == EOF:
            return 0
        if count == 0:  # nothing, but not the end: somebody has just set non-blocking mode
            return None
        return count


class _OutputStream(_ChannelStream):
    _channel: WritableByteChannel

    def writable(self) -> bool:
        return True

    def write(self, source: ReadableBuffer) -> int:
        buffer = ByteBuffer.wrap(memoryview(source).cast("B"))
        while buffer.has_remaining:
            self._ensure_usable()
            if self._channel.write(buffer) <= 0:
                raise OSError(f"{self._channel!r} took none of {buffer.remaining} bytes")
        return buffer.position


def _checked(channel: Any, way: str) -> Any:
    if not callable(getattr(channel, way, None)):
        raise TypeError(f"{channel!r} has no {way}()")
    return channel


def _text(stream: io.BufferedReader | io.BufferedWriter, encoding: str, errors: str) -> io.TextIOWrapper:
    try:
        codecs.lookup(encoding)
        codecs.lookup_error(errors)  # io looks for the handler only when it first needs it
        return io.TextIOWrapper(stream, encoding, errors, newline="")
    except BaseException:
        stream.detach()  # else dropping it would close the channel
        raise


def _can(stream: object, way: str) -> bool:
    """Whether a stream of bytes says that it is ``readable`` or ``writable``."""
    able = getattr(stream, way, None)
    if able is None:
        raise TypeError(f"{stream!r} is no stream of bytes")
    return bool(able())
