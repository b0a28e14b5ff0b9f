"""I06: a loop writes until all is out.

Symptom: one slow reader stops the whole server.
Fix: write once; if something is left, arm OP_WRITE and return.
"""

import nio

server = nio.ServerSocketChannel.open().bind(("127.0.0.1", 0))
peer, client = nio.SocketChannel.open(server.local_address), server.accept()
with server, peer, client:
    client.configure_blocking(False)
    outbox, tries = nio.ByteBuffer.allocate(8 * 1024 * 1024), 0
    while outbox.has_remaining and tries < 1024:
        tries = 0 if client.write(outbox) else tries + 1  # the mistake
    while outbox.has_remaining:
        peer.read(nio.ByteBuffer.allocate(1024 * 1024))
        client.write(outbox)
