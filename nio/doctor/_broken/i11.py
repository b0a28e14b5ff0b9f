"""I11: the process has no descriptor left for a new connection.

Symptom: accept() raises EMFILE; the connection still waits, so select returns at once for ever.
Fix: stop accepting at a limit below the descriptors' (Reactor.open(max_connections=...) does), or raise the limit.
"""

import os
import resource

import nio
from nio import SelectionKey

server = nio.ServerSocketChannel.open().bind(("127.0.0.1", 0))
peer, limits = nio.SocketChannel.open(server.local_address), resource.getrlimit(resource.RLIMIT_NOFILE)
with nio.Selector.open() as selector, server, peer:
    server.configure_blocking(False).register(selector, SelectionKey.OP_ACCEPT)
    spare = os.dup(0)
    os.close(spare)
    resource.setrlimit(resource.RLIMIT_NOFILE, (spare, limits[1]))
    try:
        for _ in range(4):
            for key in selector.ready_keys(1.0):
                try:
                    key.channel.accept()  # the mistake
                except OSError:
                    pass  # next time it may work
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
