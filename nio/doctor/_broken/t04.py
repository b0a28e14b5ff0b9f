"""T04: OP_WRITE is armed when the job is submitted, not when it is done.

Symptom: select returns at once, thousands of times, while the job runs.
Fix: arm OP_WRITE when the reply is there, with wakeup().
"""

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import nio
from nio import SelectionKey

server = nio.ServerSocketChannel.open().bind(("127.0.0.1", 0))
peer, client = nio.SocketChannel.open(server.local_address), server.accept()
with ThreadPoolExecutor(1) as pool, nio.Selector.open() as selector, server, peer, client:
    client.configure_blocking(False).register(selector, SelectionKey.OP_READ)
    peer.write(b"ann\n")
    job, slow = None, Event()
    for _ in range(256):
        for key in selector.ready_keys(1.0):
            if key.is_readable:
                key.channel.read(nio.ByteBuffer.allocate(64))
                job = pool.submit(slow.wait, 10)
                key.interest_ops = SelectionKey.OP_WRITE  # the mistake
    slow.set()
    job.result()
