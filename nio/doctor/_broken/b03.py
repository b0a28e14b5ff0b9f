"""B03: clear() where compact() is needed.

Symptom: the beginning of the next record is missing.
Fix: compact() keeps what is unread; clear() forgets it.
"""

import nio

server = nio.ServerSocketChannel.open().bind(("127.0.0.1", 0))
peer, client = nio.SocketChannel.open(server.local_address), server.accept()
with server, peer, client:
    peer.write(b"bob\nal")
    inbox = nio.ByteBuffer.allocate(16)
    while inbox.position < 6:
        client.read(inbox)
    inbox.flip()
    while inbox.get() != ord("\n"):
        pass
    inbox.clear()  # the mistake
    peer.write(b"ice\n")
    client.read(inbox)
