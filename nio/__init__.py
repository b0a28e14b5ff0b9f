"""java.nio for Python: buffers, channels, Selector and SelectionKey.

Here is every class of ``java.nio`` and ``java.nio.channels`` that there is, so that a Java-style program needs no
other import; the functions, whose names say too little without their package, are in ``nio.channels``. Importing
``nio`` loads nothing above the channels; Doug Lea's Reactor on top of them is ``nio.reactor``, its framings
``nio.framing``, its worker pool ``nio.executors``.
"""

from __future__ import annotations

import sys

if sys.platform == "win32":
    raise ImportError("nio needs a POSIX system, Linux or macOS; on Windows it runs inside WSL")

from typing import TYPE_CHECKING

from nio.buffers import Buffer as Buffer
from nio.buffers import ByteBuffer as ByteBuffer
from nio.buffers import ByteOrder as ByteOrder
from nio.buffers import CharBuffer as CharBuffer
from nio.buffers import DoubleBuffer as DoubleBuffer
from nio.buffers import FloatBuffer as FloatBuffer
from nio.buffers import IntBuffer as IntBuffer
from nio.buffers import LongBuffer as LongBuffer
from nio.buffers import MappedByteBuffer as MappedByteBuffer
from nio.buffers import ShortBuffer as ShortBuffer
from nio.channels import EOF as EOF
from nio.channels import Channel as Channel
from nio.channels import DatagramChannel as DatagramChannel
from nio.channels import DescriptorChannel as DescriptorChannel
from nio.channels import FileChannel as FileChannel
from nio.channels import FileLock as FileLock
from nio.channels import MembershipKey as MembershipKey
from nio.channels import MulticastChannel as MulticastChannel
from nio.channels import NetworkChannel as NetworkChannel
from nio.channels import Ops as Ops
from nio.channels import Pipe as Pipe
from nio.channels import ReadableByteChannel as ReadableByteChannel
from nio.channels import SelectableChannel as SelectableChannel
from nio.channels import SelectionKey as SelectionKey
from nio.channels import Selector as Selector
from nio.channels import ServerSocketChannel as ServerSocketChannel
from nio.channels import SocketChannel as SocketChannel
from nio.channels import StandardOpenOption as StandardOpenOption
from nio.channels import StandardSocketOptions as StandardSocketOptions
from nio.channels import WritableByteChannel as WritableByteChannel
from nio.spi import Address as Address
from nio.spi import ProtocolFamily as ProtocolFamily
from nio.spi import SelectorProvider as SelectorProvider

__all__ = [
    "EOF",
    "Address",
    "Buffer",
    "ByteBuffer",
    "ByteOrder",
    "Channel",
    "CharBuffer",
    "DatagramChannel",
    "DescriptorChannel",
    "DoubleBuffer",
    "FileChannel",
    "FileLock",
    "FloatBuffer",
    "IntBuffer",
    "LongBuffer",
    "MappedByteBuffer",
    "MembershipKey",
    "MulticastChannel",
    "NetworkChannel",
    "Ops",
    "Pipe",
    "ProtocolFamily",
    "ReadableByteChannel",
    "SelectableChannel",
    "SelectionKey",
    "Selector",
    "SelectorProvider",
    "ServerSocketChannel",
    "ShortBuffer",
    "SocketChannel",
    "StandardOpenOption",
    "StandardSocketOptions",
    "WritableByteChannel",
    "__version__",
]

__version__ = "0.1.0"

if not TYPE_CHECKING:  # pragma: no branch  # for type checkers, which know by themselves what is not here
    # Those packages are not loaded yet, so their names stand here as text.
    _ABOVE = {
        "nio.charset": "Charset CharsetDecoder CharsetEncoder CoderResult CodingErrorAction StandardCharsets",
        "nio.executors": "Saturation WorkerPool",
        "nio.framing": "Decoder Framing Lines",
        "nio.reactor": "Acceptor CloseReason Connection Handler Progress Reactor State StreamHandler Timer Transport",
    }

    def __getattr__(name):
        """Say where a name is that is not here; of an AttributeError ``from nio import ...`` would drop the words."""
        from nio import channels, errors, spi

        places = {package: names.split() for package, names in _ABOVE.items()}
        places |= {package.__name__: package.__all__ for package in (channels, spi)}
        places["nio.errors"] = [error for error in vars(errors) if error.endswith("Error")]
        for package, names in places.items():
            if name in names:
                raise ImportError(f"{name} is in {package}: from {package} import {name}")
        raise AttributeError(f"module 'nio' has no attribute {name!r}")

    from nio._strict import switch_on_if_asked as _switch_on_if_asked  # last: it may load what needs all of this

    _switch_on_if_asked()
