"""S11: cancel() is taken for close().

Symptom: the peer waits for ever; the descriptor stays open.
Fix: close the channel: that cancels its keys, too.
"""

import nio
from nio import SelectionKey

server = nio.ServerSocketChannel.open().bind(("127.0.0.1", 0))
peer, client = nio.SocketChannel.open(server.local_address), server.accept()
with nio.Selector.open() as selector, server, peer, client:
    key = client.configure_blocking(False).register(selector, SelectionKey.OP_READ)
    peer.write(b"quit\n")
    for _ in range(1024):
        for key in selector.ready_keys(0):
            key.channel.read(nio.ByteBuffer.allocate(64))
            key.cancel()  # the mistake
            peer.write(b"anybody there?\n")
