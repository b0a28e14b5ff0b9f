"""S16: select() is called inside a handler.

Symptom: IllegalStateError; in other libraries recursion, and handlers that starve.
Fix: return from the handler; the loop selects.
"""

import nio
from nio import SelectionKey

server = nio.ServerSocketChannel.open().bind(("127.0.0.1", 0))
peer, client = nio.SocketChannel.open(server.local_address), server.accept()
with nio.Selector.open() as selector, server, peer, client:
    client.configure_blocking(False).register(selector, SelectionKey.OP_READ)
    peer.write(b"ann\n")

    def handle(key):
        key.channel.read(nio.ByteBuffer.allocate(64))
        selector.select(0.1)  # the mistake

    selector.select(1.0, handle)
