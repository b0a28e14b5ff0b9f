"""S09: a channel is registered again, and loses its attachment.

Symptom: key.attachment is None when the reply is to go out.
Fix: change key.interest_ops; register() replaces the attachment, too.
"""

import nio
from nio import SelectionKey

server = nio.ServerSocketChannel.open().bind(("127.0.0.1", 0))
peer, client = nio.SocketChannel.open(server.local_address), server.accept()
with nio.Selector.open() as selector, server, peer, client:
    inbox = nio.ByteBuffer.allocate(64)
    client.configure_blocking(False).register(selector, SelectionKey.OP_READ, inbox)
    client.register(selector, SelectionKey.OP_WRITE)  # the mistake
