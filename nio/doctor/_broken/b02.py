"""B02: flip() is called twice.

Symptom: nothing is sent; get() raises BufferUnderflowError.
Fix: flip once, between filling and draining; rewind() reads again.
"""

import nio

server = nio.ServerSocketChannel.open().bind(("127.0.0.1", 0))
peer, client = nio.SocketChannel.open(server.local_address), server.accept()
with server, peer, client:
    outbox = nio.ByteBuffer.allocate(16)
    outbox.put(b"bob").flip()
    outbox.flip()  # the mistake
    client.write(outbox)
