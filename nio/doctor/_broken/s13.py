"""S13: finish_connect() is never called.

Symptom: the key is connectable in every turn; a write raises NotYetConnectedError.
Fix: call finish_connect() when the key is connectable.
"""

import nio
from nio import SelectionKey

server = nio.ServerSocketChannel.open().bind(("127.0.0.1", 0))
with nio.Selector.open() as selector, server, nio.SocketChannel.open() as client:
    client.configure_blocking(False).connect(server.local_address)
    client.register(selector, SelectionKey.OP_CONNECT)  # the mistake
    for _ in range(1024):
        for key in selector.ready_keys(1.0):
            if key.is_readable:
                key.channel.read(nio.ByteBuffer.allocate(64))
