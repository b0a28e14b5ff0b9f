"""A plain selector server that is right, and twelve ways to get it wrong, each a change of a line or two.

A change is written as a patch: lines that go, lines that come, an empty line after each.

The clients are driven by the same thread, a step a turn, so that a run is the same every time. ``# here`` marks the
line that the doctor is to name.
"""

from __future__ import annotations

SOUND = """\
import threading
from concurrent.futures import ThreadPoolExecutor

import nio
from nio import SelectionKey

TURNS = 1024


class Session:
    def __init__(self):
        self.inbox, self.outbox = nio.ByteBuffer.allocate(64), nio.ByteBuffer.allocate(4096).flip()


def accept(key):
    if client := key.channel.accept():
        client.configure_blocking(False)
        client.register(key.selector, SelectionKey.OP_READ, Session())


def advance(key):
    client, session = key.channel, key.attachment
    if key.is_readable and client.read(session.inbox) == nio.EOF:
        client.close()
        return
    session.inbox.flip()
    session.outbox.compact()
    while session.inbox.has_remaining and b"\\n" in bytes(session.inbox.duplicate()):
        line = bytearray()
        while (byte := session.inbox.get()) != 10:
            line.append(byte)
        answer(key, session, bytes(line))
    session.inbox.compact()
    session.outbox.flip()
    client.write(session.outbox)
    rest(key, session)


def answer(key, session, line):
    session.outbox.put(b"Hello " + line + b"\\n")


def rest(key, session):
    waits = session.outbox.has_remaining
    key.interest_ops = SelectionKey.OP_READ | (SelectionKey.OP_WRITE if waits else 0)


def turn(selector):
    for key in selector.ready_keys(0):
        if key.is_acceptable:
            accept(key)
        else:
            advance(key)


def say(peer, selector):
    peer.write(b"ann\\nbo")
    turns(selector, 3)
    peer.write(b"b\\n")
    turns(selector, 3)
    peer.shutdown_output()
    turns(selector, TURNS)


def turns(selector, count):
    for _ in range(count):
        turn(selector)


def main():
    with nio.Selector.open() as selector, nio.ServerSocketChannel.open().bind(("127.0.0.1", 0)) as server:
        server.configure_blocking(False).register(selector, SelectionKey.OP_ACCEPT)
        with nio.SocketChannel.open(server.local_address) as peer:
            try:
                say(peer, selector)
            finally:
                for key in selector.keys:
                    key.channel.close()


main()
"""


CLASSIC = {
    "no flip before reading": (
        "B01",
        r"""
-    session.inbox.flip()

-    while session.inbox.has_remaining and b"\n" in bytes(session.inbox.duplicate()):
+    while session.inbox.has_remaining:

-        while (byte := session.inbox.get()) != 10:
+        while (byte := session.inbox.get()) != 10:  # here
""",
    ),
    "no flip before writing": (
        "B01",
        r"""
-    session.outbox.flip()
-    client.write(session.outbox)
+    client.write(session.outbox)  # here
""",
    ),
    "the key is not removed": (
        "S02",
        r"""
-    for key in selector.ready_keys(0):
+    selector.select_now()
+    for key in list(selector.selected_keys):  # here

-    peer.write(b"b\n")
+    for _ in range(200):
+        peer.write(b"b\n")
+        turns(selector, 1)
""",
    ),
    "removed while iterating": (
        "S17",
        r"""
-    for key in selector.ready_keys(0):
+    selector.select_now()
+    for key in selector.selected_keys:  # here
+        selector.selected_keys.remove(key)
""",
    ),
    "OP_WRITE always on": (
        "S01",
        r"""
-    key.interest_ops = SelectionKey.OP_READ | (SelectionKey.OP_WRITE if waits else 0)
+    key.interest_ops = SelectionKey.OP_READ | SelectionKey.OP_WRITE  # here

-    peer.shutdown_output()
""",
    ),
    "-1 is ignored": (
        "I01",
        r"""
-    if key.is_readable and client.read(session.inbox) == nio.EOF:
-        client.close()
-        return
+    if key.is_readable:
+        client.read(session.inbox)  # here
""",
    ),
    "a partial write is dropped": (
        "I05",
        r"""
-        self.inbox, self.outbox = nio.ByteBuffer.allocate(64), nio.ByteBuffer.allocate(4096).flip()
+        self.inbox, self.outbox = nio.ByteBuffer.allocate(64), nio.ByteBuffer.allocate(1 << 23).flip()

-    session.outbox.put(b"Hello " + line + b"\n")
+    session.outbox.put(bytes(1 << 22))

-    client.write(session.outbox)
+    client.write(session.outbox)  # here
+    session.outbox.position = session.outbox.limit

-    peer.shutdown_output()
""",
    ),
    "the input buffer is full": (
        "B05",
        r"""
-    peer.write(b"b\n")
+    peer.write(b"b" * 100)

-    if key.is_readable and client.read(session.inbox) == nio.EOF:
+    if key.is_readable and client.read(session.inbox) == nio.EOF:  # here
""",
    ),
    "the output buffer is full": (
        "B11",
        r"""
-        self.inbox, self.outbox = nio.ByteBuffer.allocate(64), nio.ByteBuffer.allocate(4096).flip()
+        self.inbox, self.outbox = nio.ByteBuffer.allocate(64), nio.ByteBuffer.allocate(16).flip()

-    session.outbox.put(b"Hello " + line + b"\n")
+    session.outbox.put(b"Hello, my dear " + line + b"\n")  # here
""",
    ),
    "a worker sets interest without wakeup": (
        "S06",
        r"""
-    key.interest_ops = SelectionKey.OP_READ | (SelectionKey.OP_WRITE if waits else 0)
+    key.interest_ops = SelectionKey.OP_READ | (SelectionKey.OP_WRITE if waits else 0)  # here

-    peer.shutdown_output()
-    turns(selector, TURNS)
+    key = next(key for key in selector.keys if key.attachment)
+    key.interest_ops = 0
+    worker = threading.Timer(0.1, rest, (key, key.attachment))
+    worker.start()
+    selector.select(0.5)
+    turns(selector, 1)
+    worker.join()
""",
    ),
    "an error is swallowed in a worker": (
        "T06",
        r"""
-    session.outbox.put(b"Hello " + line + b"\n")
+    pool.submit("Hello {}".join, line)  # here

-    with nio.Selector.open() as selector, nio.ServerSocketChannel.open().bind(("127.0.0.1", 0)) as server:
+    with pool, nio.Selector.open() as selector, nio.ServerSocketChannel.open().bind(("127.0.0.1", 0)) as server:

-TURNS = 1024
+TURNS = 1024
+pool = ThreadPoolExecutor(1)
""",
    ),
    "registered in blocking mode": (
        "S07",
        r"""
-        client.configure_blocking(False)
-        client.register(key.selector, SelectionKey.OP_READ, Session())
+        client.register(key.selector, SelectionKey.OP_READ, Session())  # here
""",
    ),
}


def changed(patch: str) -> str:
    """The server with that change."""
    text = SOUND
    for hunk in patch.strip("\n").split("\n\n"):
        old, new = ("".join(f"{line[1:]}\n" for line in hunk.split("\n") if line[0] == sign) for sign in "-+")
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text
