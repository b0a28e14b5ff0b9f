"""What a channel is to whoever only reads or writes bytes.

Interfaces by shape: whatever has these names will do, so that a file can be transferred to, and a stream be laid over,
a channel that is not of this package.
"""

from __future__ import annotations

from typing import Protocol

from nio.buffers import ByteBuffer


class Channel(Protocol):
    """Open until it is closed."""

    @property
    def is_open(self) -> bool: ...

    def close(self) -> None: ...


class Readable(Channel, Protocol):
    """A channel that bytes can be read from."""

    def read(self, target: ByteBuffer, /) -> int: ...


class Writable(Channel, Protocol):
    """A channel that bytes can be written to."""

    def write(self, source: ByteBuffer, /) -> int: ...
