"""I07: a handler reads until nothing is left.

Symptom: while one client sends much, the others wait.
Fix: read a bounded share, 64 KiB say, and return; the key is readable again in the next turn.
"""

import nio
from nio import SelectionKey

pipe, other = nio.Pipe.open(), nio.Pipe.open()
with nio.Selector.open() as selector, pipe as (source, sink), other:
    source.configure_blocking(False).register(selector, SelectionKey.OP_READ)
    other.source.configure_blocking(False).register(selector, SelectionKey.OP_READ)
    sink.configure_blocking(False).write(bytes(65536))
    other.sink.write(b"bob\n")
    inbox, total = nio.ByteBuffer.allocate(65536), 0
    for key in selector.ready_keys(1.0):
        while (count := key.channel.read(inbox.clear())) > 0:  # the mistake
            total += count
            if key.channel is source and total < 4 * 1024 * 1024:
                sink.write(bytes(65536))  # the client sends as fast as it is read
