"""S17: keys are removed from the selected keys while these are gone through.

Symptom: RuntimeError after the first key.
Fix: go through list(selector.selected_keys), or use selector.ready_keys().
"""

import nio
from nio import SelectionKey

server = nio.ServerSocketChannel.open().bind(("127.0.0.1", 0))
ann, ann_here = nio.SocketChannel.open(server.local_address), server.accept()
bob, bob_here = nio.SocketChannel.open(server.local_address), server.accept()
with nio.Selector.open() as selector, server, ann, ann_here, bob, bob_here:
    for client in (ann_here, bob_here):
        client.configure_blocking(False).register(selector, SelectionKey.OP_WRITE)
    selector.select(1.0)
    for key in selector.selected_keys:  # the mistake
        selector.selected_keys.remove(key)
