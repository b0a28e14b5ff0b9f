"""S08: a channel is asked for an operation that it does not have.

Symptom: IllegalArgumentError.
Fix: a listener has OP_ACCEPT alone; a connection has OP_READ, OP_WRITE and OP_CONNECT.
"""

import nio
from nio import SelectionKey

with nio.Selector.open() as selector, nio.ServerSocketChannel.open().bind(("127.0.0.1", 0)) as server:
    server.configure_blocking(False).register(selector, SelectionKey.OP_READ)  # the mistake
