"""The channel interfaces of java.nio for code that only reads or writes bytes, as protocols.

Any object with these names is such a channel. So a file can be transferred to a channel of another package, and a
stream can read from one. ``isinstance`` looks at the names, too.
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
