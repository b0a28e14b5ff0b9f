"""T05: a worker uses a channel that belongs to the selecting thread.

Symptom: races: bytes are read by the one or by the other.
Fix: workers get bytes and give back bytes; the selecting thread reads and writes.
"""

import threading

import nio
from nio import SelectionKey

server = nio.ServerSocketChannel.open().bind(("127.0.0.1", 0))
peer, client = nio.SocketChannel.open(server.local_address), server.accept()


def work():
    client.read(nio.ByteBuffer.allocate(64))  # the mistake


with nio.Selector.open() as selector, server, peer, client:
    client.configure_blocking(False).register(selector, SelectionKey.OP_READ)
    for name in (b"ann\n", b"bob\n"):
        peer.write(name)
        for key in selector.ready_keys(1.0):
            key.channel.read(nio.ByteBuffer.allocate(2))
            worker = threading.Thread(target=work)
            worker.start()
            worker.join()
