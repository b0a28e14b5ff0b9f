"""S07: a channel in blocking mode is registered.

Symptom: IllegalBlockingModeError.
Fix: configure_blocking(False) before register().
"""

import nio
from nio import SelectionKey

server = nio.ServerSocketChannel.open().bind(("127.0.0.1", 0))
peer, client = nio.SocketChannel.open(server.local_address), server.accept()
with nio.Selector.open() as selector, server, peer, client:
    client.register(selector, SelectionKey.OP_READ)  # the mistake
