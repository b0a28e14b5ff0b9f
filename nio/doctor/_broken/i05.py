"""I05: what write() returns is ignored.

Symptom: a long reply is cut off.
Fix: keep the buffer while it has remaining bytes, arm OP_WRITE and go on when the key is writable.
"""

import nio
from nio import SelectionKey

server = nio.ServerSocketChannel.open().bind(("127.0.0.1", 0))
peer, client = nio.SocketChannel.open(server.local_address), server.accept()
with nio.Selector.open() as selector, server, peer, client:
    client.configure_blocking(False).register(selector, SelectionKey.OP_READ)
    peer.write(b"the long list\n")
    for _ in range(128):
        for key in selector.ready_keys(0):
            key.channel.read(nio.ByteBuffer.allocate(64))
            key.channel.write(nio.ByteBuffer.allocate(8 * 1024 * 1024))  # the mistake
