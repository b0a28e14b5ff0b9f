"""I01: the end of the stream is ignored.

Symptom: the key is readable in every turn, each read returns -1, one processor is busy.
Fix: read() == EOF means that the peer has ended: send what is owed, then close.
"""

import nio
from nio import SelectionKey

server = nio.ServerSocketChannel.open().bind(("127.0.0.1", 0))
peer, client = nio.SocketChannel.open(server.local_address), server.accept()
with nio.Selector.open() as selector, server, client:
    client.configure_blocking(False).register(selector, SelectionKey.OP_READ)
    peer.close()
    inbox = nio.ByteBuffer.allocate(64)
    for _ in range(1024):
        for key in selector.ready_keys(1.0):
            key.channel.read(inbox)  # the mistake
