"""B06: array() is taken for the content.

Symptom: the tail of an older, longer record comes with it.
Fix: bytes(buffer) is what remains; array() is the whole memory.
"""

import nio

inbox = nio.ByteBuffer.allocate(8)
inbox.put(b"margaret").flip()
first = bytes(inbox)
inbox.clear().put(b"bob").flip()
second = bytes(inbox.array())  # the mistake
