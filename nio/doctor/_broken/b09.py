"""B09: a buffer is changed while it waits to be sent.

Symptom: replies are corrupt, under load only.
Fix: leave a buffer alone until it has no remaining bytes; put the next reply into another one.
"""

import nio

server = nio.ServerSocketChannel.open().bind(("127.0.0.1", 0))
peer, client = nio.SocketChannel.open(server.local_address), server.accept()
with server, peer, client:
    client.configure_blocking(False)
    outbox = nio.ByteBuffer.allocate(8 * 1024 * 1024)
    while client.write(outbox):
        pass
    outbox.put_at(outbox.position, b"another reply")
    inbox = nio.ByteBuffer.allocate(1024 * 1024)
    while outbox.has_remaining:
        client.write(outbox)  # the mistake
        peer.read(inbox.clear())
