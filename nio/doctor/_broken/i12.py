"""I12: a peer's reset ends the loop.

Symptom: ConnectionResetError or BrokenPipeError, and the whole server is gone.
Fix: catch OSError around the handling of one key, and close that channel.
"""

import nio
from nio import SelectionKey, StandardSocketOptions

server = nio.ServerSocketChannel.open().bind(("127.0.0.1", 0))
peer, client = nio.SocketChannel.open(server.local_address), server.accept()
with nio.Selector.open() as selector, server, peer, client:
    client.configure_blocking(False).register(selector, SelectionKey.OP_READ)
    peer.set_option(StandardSocketOptions.SO_LINGER, 0).close()
    for _ in range(1024):
        for key in selector.ready_keys(1.0):
            key.channel.read(nio.ByteBuffer.allocate(64))  # the mistake
