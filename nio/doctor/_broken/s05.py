"""S05: another thread registers a channel and wakes nobody.

Symptom: the new client is served when something else happens.
Fix: call selector.wakeup() after register(), or hand the channel to the selecting thread.
"""

import threading

import nio
from nio import SelectionKey

server = nio.ServerSocketChannel.open().bind(("127.0.0.1", 0))
peer, client = nio.SocketChannel.open(server.local_address), server.accept()


def admit():
    client.configure_blocking(False).register(selector, SelectionKey.OP_READ)  # the mistake


with nio.Selector.open() as selector, server, peer, client:
    server.configure_blocking(False).register(selector, SelectionKey.OP_ACCEPT)
    thread = threading.Timer(0.1, admit)
    thread.start()
    selector.select(0.5)
    selector.select(0.01)
    thread.join()
