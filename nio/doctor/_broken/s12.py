"""S12: OP_CONNECT is left on after the connection has come about.

Symptom: select returns at once with no key at all; one processor is busy.
Fix: replace OP_CONNECT by OP_READ when finish_connect() returns True.
"""

import nio
from nio import SelectionKey

server = nio.ServerSocketChannel.open().bind(("127.0.0.1", 0))
with nio.Selector.open() as selector, server, nio.SocketChannel.open() as client:
    client.configure_blocking(False).connect(server.local_address)
    client.register(selector, SelectionKey.OP_CONNECT | SelectionKey.OP_READ)  # the mistake
    for _ in range(1024):
        for key in selector.ready_keys(1.0):
            if key.is_connectable:
                key.channel.finish_connect()
