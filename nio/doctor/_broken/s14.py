"""S14: a descriptor is closed behind the selector's back.

Symptom: the key is lost, or it stands for the next connection that gets the number.
Fix: close the channel, never its descriptor.
"""

import socket

import nio
from nio import SelectionKey

near, far = socket.socketpair()
with nio.Selector.open() as selector, far:
    number = near.fileno()
    client = nio.SocketChannel.adopt(near).configure_blocking(False)
    key = client.register(selector, SelectionKey.OP_READ)
    socket.close(number)
    key.interest_ops = SelectionKey.OP_WRITE
    for _ in range(2):
        selector.select(0.01)  # the mistake
    client.close()
