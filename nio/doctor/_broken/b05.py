"""B05: the input buffer is full, and nobody drains it.

Symptom: each read returns 0, select returns at once, one processor is busy.
Fix: take records out of the buffer before it is full, or end a connection whose record does not fit.
"""

import nio
from nio import SelectionKey

server = nio.ServerSocketChannel.open().bind(("127.0.0.1", 0))
peer, client = nio.SocketChannel.open(server.local_address), server.accept()
with nio.Selector.open() as selector, server, peer, client:
    client.configure_blocking(False).register(selector, SelectionKey.OP_READ)
    peer.write(b"a name that is longer than sixteen bytes\n")
    inbox = nio.ByteBuffer.allocate(16)
    for _ in range(1024):
        for key in selector.ready_keys(1.0):
            key.channel.read(inbox)  # the mistake
