"""P06: a channel is dropped, not closed.

Symptom: descriptors grow until accept() fails.
Fix: use the channel in a with statement, or close it in every branch.
"""

import nio

server = nio.ServerSocketChannel.open().bind(("127.0.0.1", 0))
with server:
    peer = nio.SocketChannel.open(server.local_address)  # the mistake
    client = server.accept()
    client.close()
    del peer
