"""S02: a handled key is not taken out of the selected keys.

Symptom: select returns 0 and at once; the key still says what it said before.
Fix: take the key out: for key in selector.ready_keys(), or selected_keys.remove(key).
"""

import nio
from nio import SelectionKey

server = nio.ServerSocketChannel.open().bind(("127.0.0.1", 0))
peer, client = nio.SocketChannel.open(server.local_address), server.accept()
with nio.Selector.open() as selector, server, peer, client:
    client.configure_blocking(False).register(selector, SelectionKey.OP_READ)
    for _ in range(1024):
        peer.write(b"ann\n")
        selector.select(1.0)
        for key in selector.selected_keys:  # the mistake
            key.channel.read(nio.ByteBuffer.allocate(64))
