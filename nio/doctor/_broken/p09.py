"""P09: the exception of one handler ends the loop.

Symptom: one client's request ends the service of all.
Fix: catch exceptions around the handling of one key, log them, and close that channel.
"""

import nio
from nio import SelectionKey

server = nio.ServerSocketChannel.open().bind(("127.0.0.1", 0))
peer, client = nio.SocketChannel.open(server.local_address), server.accept()
with nio.Selector.open() as selector, server, peer, client:
    server.configure_blocking(False).register(selector, SelectionKey.OP_ACCEPT)
    client.configure_blocking(False).register(selector, SelectionKey.OP_READ)
    peer.write(b"one\n")
    for key in selector.ready_keys(1.0):
        inbox = nio.ByteBuffer.allocate(64)
        key.channel.read(inbox)
        int(bytes(inbox.flip()))  # the mistake
