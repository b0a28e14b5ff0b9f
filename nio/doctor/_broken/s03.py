"""S03: select(0) is to wait for ever, as in Java.

Symptom: it returns at once, and one processor is busy.
Fix: select() waits for ever; 0 means not to wait.
"""

import nio
from nio import SelectionKey

with nio.Selector.open() as selector, nio.ServerSocketChannel.open().bind(("127.0.0.1", 0)) as server:
    server.configure_blocking(False).register(selector, SelectionKey.OP_ACCEPT)
    for _ in range(1024):
        selector.select(0)  # the mistake
