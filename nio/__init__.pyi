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

__version__: str
