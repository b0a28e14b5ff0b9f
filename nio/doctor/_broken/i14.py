"""I14: the buffer is smaller than a datagram.

Symptom: the rest of the datagram is lost without a word.
Fix: give receive() room for the largest datagram, 65 507 bytes at most; is_truncated tells.
"""

import nio

with nio.DatagramChannel.open().bind(("127.0.0.1", 0)) as here, nio.DatagramChannel.open() as there:
    there.send(b"0123456789", here.local_address)
    inbox = nio.ByteBuffer.allocate(4)
    here.receive(inbox)  # the mistake
