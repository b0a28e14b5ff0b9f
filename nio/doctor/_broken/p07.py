"""P07: sessions are kept after their connections have ended.

Symptom: memory grows with every client that ever came.
Fix: drop the session when its channel is closed; the key forgets it by itself.
"""

import nio
from nio import SelectionKey


class Session:
    """What is known of one client."""


sessions = []
with nio.Selector.open() as selector:
    for _ in range(600):
        with nio.Pipe.open() as (source, sink):
            session = Session()
            sessions.append(session)  # all that ever were
            source.configure_blocking(False).register(selector, SelectionKey.OP_READ, session)  # the mistake
            selector.select_now()
