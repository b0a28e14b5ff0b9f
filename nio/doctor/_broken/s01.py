"""S01: OP_WRITE is left on.

Symptom: select returns at once, always: a socket with room is writable. One processor is busy, nothing is sent.
Fix: arm OP_WRITE when a write leaves something, and drop it when all is out.
"""

import nio
from nio import SelectionKey

server = nio.ServerSocketChannel.open().bind(("127.0.0.1", 0))
peer, client = nio.SocketChannel.open(server.local_address), server.accept()
with nio.Selector.open() as selector, server, peer, client:
    client.configure_blocking(False)
    client.register(selector, SelectionKey.OP_READ | SelectionKey.OP_WRITE)  # the mistake
    for _ in range(1024):
        for key in selector.ready_keys(1.0):
            if key.is_readable:
                key.channel.read(nio.ByteBuffer.allocate(64))
