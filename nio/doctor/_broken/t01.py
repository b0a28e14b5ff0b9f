"""T01: a handler waits.

Symptom: every client waits with it.
Fix: hand the call to a worker (reactor.defer, a pool), or use a timer.
"""

import time

import nio
from nio import SelectionKey

server = nio.ServerSocketChannel.open().bind(("127.0.0.1", 0))
peer, client = nio.SocketChannel.open(server.local_address), server.accept()
with nio.Selector.open() as selector, server, peer, client:
    client.configure_blocking(False).register(selector, SelectionKey.OP_READ)
    peer.write(b"ann\n")
    for _ in range(2):
        for key in selector.ready_keys(0.01):
            key.channel.read(nio.ByteBuffer.allocate(64))
            time.sleep(0.4)  # the mistake
