"""P03: a listener without SO_REUSEADDR.

Symptom: EADDRINUSE for a minute after the server has ended.
Fix: leave SO_REUSEADDR on, as it is in a new ServerSocketChannel.
"""

import nio
from nio import StandardSocketOptions

with nio.ServerSocketChannel.open().bind(("127.0.0.1", 0)) as server:
    address = server.local_address
    peer, client = nio.SocketChannel.open(address), server.accept()
    client.close()  # this end closes first, so the kernel keeps the address for a minute
    peer.read(bytearray(1))
    peer.close()
with nio.ServerSocketChannel.open().set_option(StandardSocketOptions.SO_REUSEADDR, False) as again:
    try:
        again.bind(address)  # the mistake
    except OSError:
        pass
