"""I02: the end of the peer's stream is taken for the end of the connection.

Symptom: a client that half-closes and reads on gets no answer, or half of it.
Fix: send what is owed, then close.
"""

import nio
from nio import SelectionKey

server = nio.ServerSocketChannel.open().bind(("127.0.0.1", 0))
peer, client = nio.SocketChannel.open(server.local_address), server.accept()
with nio.Selector.open() as selector, server, peer, client:
    client.configure_blocking(False)
    key = client.register(selector, SelectionKey.OP_READ)
    peer.shutdown_output()
    outbox = nio.ByteBuffer.allocate(8 * 1024 * 1024)
    client.write(outbox)
    key.interest_ops_or(SelectionKey.OP_WRITE)
    for key in selector.ready_keys(1.0):
        if key.is_readable and key.channel.read(nio.ByteBuffer.allocate(64)) == nio.EOF:
            key.channel.close()  # the mistake
