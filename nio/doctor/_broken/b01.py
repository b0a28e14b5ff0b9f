"""B01: the buffer is written without flip().

Symptom: the peer gets the zeros behind the text instead of the text.
Fix: flip() between filling a buffer and draining it.
"""

import nio

server = nio.ServerSocketChannel.open().bind(("127.0.0.1", 0))
peer, client = nio.SocketChannel.open(server.local_address), server.accept()
with server, peer, client:
    outbox = nio.ByteBuffer.allocate(16)
    outbox.put(b"hello")
    client.write(outbox)  # the mistake
