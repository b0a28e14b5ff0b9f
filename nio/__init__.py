"""java.nio for Python: buffers, channels, Selector and SelectionKey.

Importing ``nio`` loads nothing above the channels; Doug Lea's Reactor on top of them is ``nio.reactor``, its framings
``nio.framing``, its worker pool ``nio.executors``.
"""

from __future__ import annotations

from nio.buffers import ByteBuffer as ByteBuffer
from nio.buffers import ByteOrder as ByteOrder
from nio.channels import EOF as EOF
from nio.channels import DatagramChannel as DatagramChannel
from nio.channels import Pipe as Pipe
from nio.channels import SelectionKey as SelectionKey
from nio.channels import Selector as Selector
from nio.channels import ServerSocketChannel as ServerSocketChannel
from nio.channels import SocketChannel as SocketChannel
from nio.channels import StandardSocketOptions as StandardSocketOptions
from nio.spi import ProtocolFamily as ProtocolFamily
from nio.spi import SelectorProvider as SelectorProvider

__all__ = [
    "EOF",
    "ByteBuffer",
    "ByteOrder",
    "DatagramChannel",
    "Pipe",
    "ProtocolFamily",
    "SelectionKey",
    "Selector",
    "SelectorProvider",
    "ServerSocketChannel",
    "SocketChannel",
    "StandardSocketOptions",
]
