"""java.nio.channels: channels, the Selector and its keys.

Layer: above ``nio.buffers`` and ``nio.spi``, below every reactor. The descriptors are always non-blocking. How blocking
works stands in ``_interruptible_channel.py``, who closes a descriptor in ``_selectable_channel.py``, the order of a
selection in ``_selector.py``.
"""

from __future__ import annotations

from nio._later import door

__all__, __getattr__, __dir__ = door(
    __name__,
    {
        "_bridges": "input_stream new_channel output_stream reader writer",
        "_byte_channels": "EOF",
        "_channel": "Channel ReadableByteChannel WritableByteChannel",
        "_datagram_channel": "DatagramChannel",
        "_descriptor_channel": "DescriptorChannel",
        "_file_channel": "FileChannel FileLock StandardOpenOption",
        "_inherited": "inherited_channel",
        "_membership": "MembershipKey MulticastChannel",
        "_options": "NetworkChannel StandardSocketOptions",
        "_pipe": "Pipe",
        "_selectable_channel": "SelectableChannel",
        "_selection_key": "Ops SelectionKey",
        "_selector": "Selector",
        "_server_socket_channel": "ServerSocketChannel",
        "_socket_channel": "SocketChannel",
    },
)
