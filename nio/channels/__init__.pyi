from nio.channels._bridges import input_stream as input_stream
from nio.channels._bridges import new_channel as new_channel
from nio.channels._bridges import output_stream as output_stream
from nio.channels._bridges import reader as reader
from nio.channels._bridges import writer as writer
from nio.channels._byte_channels import EOF as EOF
from nio.channels._channel import Channel as Channel
from nio.channels._channel import ReadableByteChannel as ReadableByteChannel
from nio.channels._channel import WritableByteChannel as WritableByteChannel
from nio.channels._datagram_channel import DatagramChannel as DatagramChannel
from nio.channels._descriptor_channel import DescriptorChannel as DescriptorChannel
from nio.channels._file_channel import FileChannel as FileChannel
from nio.channels._file_channel import FileLock as FileLock
from nio.channels._file_channel import StandardOpenOption as StandardOpenOption
from nio.channels._inherited import inherited_channel as inherited_channel
from nio.channels._membership import MembershipKey as MembershipKey
from nio.channels._membership import MulticastChannel as MulticastChannel
from nio.channels._options import NetworkChannel as NetworkChannel
from nio.channels._options import StandardSocketOptions as StandardSocketOptions
from nio.channels._pipe import Pipe as Pipe
from nio.channels._selectable_channel import SelectableChannel as SelectableChannel
from nio.channels._selection_key import Ops as Ops
from nio.channels._selection_key import SelectionKey as SelectionKey
from nio.channels._selector import Selector as Selector
from nio.channels._server_socket_channel import ServerSocketChannel as ServerSocketChannel
from nio.channels._socket_channel import SocketChannel as SocketChannel

__all__ = [
    "EOF",
    "Channel",
    "DatagramChannel",
    "DescriptorChannel",
    "FileChannel",
    "FileLock",
    "MembershipKey",
    "MulticastChannel",
    "NetworkChannel",
    "Ops",
    "Pipe",
    "ReadableByteChannel",
    "SelectableChannel",
    "SelectionKey",
    "Selector",
    "ServerSocketChannel",
    "SocketChannel",
    "StandardOpenOption",
    "StandardSocketOptions",
    "WritableByteChannel",
    "inherited_channel",
    "input_stream",
    "new_channel",
    "output_stream",
    "reader",
    "writer",
]
