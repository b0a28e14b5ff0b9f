"""S15: a worker closes a channel that a selector watches, and wakes nobody.

Symptom: the descriptor stays open until something else happens.
Fix: call selector.wakeup() after close(), or have the selecting thread close.
"""

import threading

import nio
from nio import SelectionKey

server = nio.ServerSocketChannel.open().bind(("127.0.0.1", 0))
peer, client = nio.SocketChannel.open(server.local_address), server.accept()


def hang_up():
    client.close()  # the mistake


with nio.Selector.open() as selector, server, peer:
    client.configure_blocking(False).register(selector, SelectionKey.OP_READ)
    thread = threading.Timer(0.1, hang_up)
    thread.start()
    selector.select(0.5)
    selector.select(0.01)
    thread.join()
