"""What a channel is to whoever only reads or writes bytes: the interfaces of java.nio, by shape.

Whatever has these names will do, so that a file can be transferred to, and a stream be laid over, a channel that is not
of this package; ``isinstance`` asks for the names too.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from nio.buffers import ByteBuffer


@runtime_checkable
class Channel(Protocol):
    """Open until it is closed."""

    @property
    def is_open(self) -> bool: ...

    def close(self) -> None: ...


@runtime_checkable
class ReadableByteChannel(Channel, Protocol):
    """A channel that bytes can be read from: -1 (``EOF``) is the end."""

    def read(self, target: ByteBuffer, /) -> int: ...


@runtime_checkable
class WritableByteChannel(Channel, Protocol):
    """A channel that bytes can be written to."""

    def write(self, source: ByteBuffer, /) -> int: ...
