"""I10: accept() is taken to return a connection always.

Symptom: AttributeError, when another process or thread was faster, or the client has gone.
Fix: accept() returns None in non-blocking mode when nobody waits: do nothing then.
"""

import nio
from nio import SelectionKey

with nio.Selector.open() as selector, nio.ServerSocketChannel.open().bind(("127.0.0.1", 0)) as server:
    server.configure_blocking(False).register(selector, SelectionKey.OP_ACCEPT)
    with nio.SocketChannel.open(server.local_address):
        selector.select(1.0)
        for key in list(selector.selected_keys):
            selector.selected_keys.remove(key)
            faster = server.accept()
            with faster:
                client = key.channel.accept()
                client.configure_blocking(False)  # the mistake
