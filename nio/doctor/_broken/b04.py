"""B04: compact() on a buffer that was not flipped.

Symptom: old bytes appear again, new ones are lost.
Fix: flip() before draining; compact() expects a flipped buffer.
"""

import nio

server = nio.ServerSocketChannel.open().bind(("127.0.0.1", 0))
peer, client = nio.SocketChannel.open(server.local_address), server.accept()
with server, peer, client:
    peer.write(b"ann\n")
    inbox = nio.ByteBuffer.allocate(16)
    client.read(inbox)
    inbox.compact()  # the mistake
