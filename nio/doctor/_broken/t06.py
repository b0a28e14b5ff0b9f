"""T06: the exception of a job is never looked at.

Symptom: the client gets no answer, and no line says why.
Fix: call future.result(), or look at future.exception() in add_done_callback().
"""

from concurrent.futures import ThreadPoolExecutor

import nio
from nio import SelectionKey


def greet(name):
    return "Hello " + name  # bytes and str do not add


server = nio.ServerSocketChannel.open().bind(("127.0.0.1", 0))
peer, client = nio.SocketChannel.open(server.local_address), server.accept()
with ThreadPoolExecutor(1) as pool, nio.Selector.open() as selector, server, peer, client:
    client.configure_blocking(False).register(selector, SelectionKey.OP_READ)
    peer.write(b"ann\n")
    for key in selector.ready_keys(1.0):
        inbox = nio.ByteBuffer.allocate(64)
        key.channel.read(inbox)
        pool.submit(greet, bytes(inbox.flip()))  # the mistake
