"""T02: a handler computes for long.

Symptom: every client waits meanwhile.
Fix: let workers compute, in processes if it is Python code: Reactor.open(workers=ProcessPoolExecutor()).
"""

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
            sum(number * number for number in range(4_000_000))  # the mistake
