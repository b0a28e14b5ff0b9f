"""B11: a reply is put into an output buffer that has no room for it.

Symptom: BufferOverflowError, for a client that reads slowly or asks for much.
Fix: while the output waits, read no more from that client: drop OP_READ until the buffer is drained.
"""

import nio

outbox = nio.ByteBuffer.allocate(16)
for name in (b"ann", b"bob"):
    outbox.put(b"Hello " + name + b"\n")  # the mistake
