"""S06: a worker changes an interest set and wakes nobody.

Symptom: the reply goes out when something else happens.
Fix: call key.selector.wakeup() after the change, or have the selecting thread make it.
"""

import threading

import nio
from nio import SelectionKey

server = nio.ServerSocketChannel.open().bind(("127.0.0.1", 0))
peer, client = nio.SocketChannel.open(server.local_address), server.accept()
with nio.Selector.open() as selector, server, peer, client:
    key = client.configure_blocking(False).register(selector, 0)

    def done():
        key.interest_ops = SelectionKey.OP_READ  # the mistake

    thread = threading.Timer(0.1, done)
    thread.start()
    selector.select(0.5)
    selector.select(0.01)
    thread.join()
