"""B10: a byte is compared with -1, as in Java.

Symptom: the comparison is never true: get() gives 0 to 255.
Fix: compare with 255; only a channel's read() returns -1.
"""

import nio

inbox = nio.ByteBuffer.allocate(4)
inbox.put(b"\xff").flip()
if inbox.get() == -1:  # the mistake
    print("the end of the record")
