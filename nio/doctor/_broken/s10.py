"""S10: a cancelled key is used.

Symptom: CancelledKeyError, far from the line that cancelled.
Fix: look at key.is_valid after whatever may close the connection.
"""

import nio
from nio import SelectionKey

server = nio.ServerSocketChannel.open().bind(("127.0.0.1", 0))
peer, client = nio.SocketChannel.open(server.local_address), server.accept()
with nio.Selector.open() as selector, server, peer, client:
    key = client.configure_blocking(False).register(selector, SelectionKey.OP_READ)
    client.close()
    key.interest_ops = SelectionKey.OP_WRITE  # the mistake
