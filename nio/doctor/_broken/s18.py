"""S18: what wakes the selector is not read.

Symptom: select returns at once for ever after the first message.
Fix: read the pipe empty, or use selector.wakeup(), which needs no pipe.
"""

import nio
from nio import SelectionKey

with nio.Selector.open() as selector, nio.Pipe.open() as (source, sink):
    source.configure_blocking(False).register(selector, SelectionKey.OP_READ)  # the mistake
    sink.write(b"!")
    for _ in range(1024):
        for key in selector.ready_keys(1.0):
            if key.is_readable:
                pass  # the work that was announced
