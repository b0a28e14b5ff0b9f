"""S04: milliseconds are passed as seconds, as in Java.

Symptom: a timeout of 17 minutes.
Fix: seconds, as a float: select(1.0).
"""

import nio
from nio import SelectionKey

with nio.Selector.open() as selector, nio.ServerSocketChannel.open().bind(("127.0.0.1", 0)) as server:
    server.configure_blocking(False).register(selector, SelectionKey.OP_ACCEPT)
    selector.wakeup()
    selector.select(1000)  # the mistake
