"""B07: each read is decoded by itself.

Symptom: a letter of two bytes that two reads share comes out as two question marks.
Fix: keep one decoder a connection: new_decoder().decode(inbox, text, False), then compact().
"""

import nio
from nio.charset import StandardCharsets

server = nio.ServerSocketChannel.open().bind(("127.0.0.1", 0))
peer, client = nio.SocketChannel.open(server.local_address), server.accept()
with server, peer, client:
    inbox = nio.ByteBuffer.allocate(16)
    for piece in (b"Zo\xc3", b"\xab\n"):
        peer.write(piece)
        client.read(inbox.clear())
        StandardCharsets.UTF_8.decode(inbox.flip())  # the mistake
