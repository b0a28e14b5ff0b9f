"""B08: two connections share one input buffer.

Symptom: names are mixed up as soon as a record comes in two pieces.
Fix: give each connection a buffer of its own, as the key's attachment.
"""

import nio

server = nio.ServerSocketChannel.open().bind(("127.0.0.1", 0))
ann, ann_here = nio.SocketChannel.open(server.local_address), server.accept()
bob, bob_here = nio.SocketChannel.open(server.local_address), server.accept()
with server, ann, ann_here, bob, bob_here:
    inbox = nio.ByteBuffer.allocate(64)
    ann.write(b"an")
    bob.write(b"bob\n")
    for client in (ann_here, bob_here):
        client.read(inbox)  # the mistake
