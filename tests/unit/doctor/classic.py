"""A plain selector server that is right, and twelve ways to get it wrong, each a change of a line or two.

The clients are driven by the same thread, a step a turn, so that a run is the same every time. ``# here`` marks the
line that the doctor is to name.
"""

from __future__ import annotations

from typing import NamedTuple

SOUND = """\
import threading
from concurrent.futures import ThreadPoolExecutor

import nio
from nio import SelectionKey

TURNS, DONE = 1024, threading.Event()


class Session:
    def __init__(self):
        self.inbox, self.outbox = nio.ByteBuffer.allocate(64), nio.ByteBuffer.allocate(4096).flip()


def accept(key):
    if client := key.channel.accept():
        client.configure_blocking(False)
        client.register(key.selector, SelectionKey.OP_READ, Session())  # armed


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


class Change(NamedTuple):
    """What is replaced by what, each once."""

    code: str
    pairs: tuple[tuple[str, str], ...]


CLASSIC = {
    "no flip before reading": Change(
        "B01",
        (
            ("    session.inbox.flip()\n", ""),
            ("session.inbox.get())", "session.inbox.get())"),
            (
                'while session.inbox.has_remaining and b"\\n" in bytes(session.inbox.duplicate()):',
                "while session.inbox.has_remaining:",
            ),
            ("!= 10:", "!= 10:  # here"),
        ),
    ),
    "no flip before writing": Change(
        "B01",
        (
            ("    session.outbox.flip()\n", ""),
            ("    client.write(session.outbox)\n", "    client.write(session.outbox)  # here\n"),
        ),
    ),
    "the key is not removed": Change(
        "S02",
        (
            ("in selector.ready_keys(0):", "in chosen(selector):"),
            (
                "def say(",
                "def chosen(selector):\n    selector.select_now()\n    return list(selector.selected_keys)  # here\n\n\ndef say(",
            ),
            ("    if client := key.channel.accept():\n", "    if client := key.channel.accept():\n"),
            (
                '    peer.write(b"b\\n")\n',
                '    for _ in range(200):\n        peer.write(b"b\\n")\n        turns(selector, 1)\n',
            ),
        ),
    ),
    "removed while iterating": Change(
        "S17",
        (
            (
                "    for key in selector.ready_keys(0):\n",
                "    selector.select_now()\n    for key in selector.selected_keys:  # here\n        selector.selected_keys.remove(key)\n",
            ),
        ),
    ),
    "OP_WRITE always on": Change(
        "S01",
        (
            (
                "SelectionKey.OP_READ | (SelectionKey.OP_WRITE if waits else 0)",
                "SelectionKey.OP_READ | SelectionKey.OP_WRITE  # here",
            ),
            ("    peer.shutdown_output()\n", ""),
        ),
    ),
    "-1 is ignored": Change(
        "I01",
        (
            (
                "    if key.is_readable and client.read(session.inbox) == nio.EOF:\n        client.close()\n        return\n",
                "    if key.is_readable:\n        client.read(session.inbox)  # here\n",
            ),
        ),
    ),
    "a partial write is dropped": Change(
        "I05",
        (
            ("allocate(4096)", "allocate(1 << 23)"),
            ('b"Hello " + line + b"\\n"', "bytes(1 << 22)"),
            (
                "    client.write(session.outbox)\n",
                "    client.write(session.outbox)  # here\n    session.outbox.position = session.outbox.limit\n",
            ),
            ("    peer.shutdown_output()\n", ""),
        ),
    ),
    "the input buffer is full": Change(
        "B05",
        (
            ('    peer.write(b"b\\n")\n', '    peer.write(b"b" * 100)\n'),
            (
                "    if key.is_readable and client.read(session.inbox) == nio.EOF:\n",
                "    if key.is_readable and client.read(session.inbox) == nio.EOF:  # here\n",
            ),
        ),
    ),
    "the output buffer is full": Change(
        "B11",
        (("allocate(4096)", "allocate(16)"), ('b"Hello " + line + b"\\n")', 'b"Hello " * 3 + line + b"\\n")  # here')),
    ),
    "a worker sets interest without wakeup": Change(
        "S06",
        (
            (
                "    peer.shutdown_output()\n",
                "    key = next(key for key in selector.keys if key.attachment)\n    key.interest_ops = 0\n    worker = threading.Timer(0.1, rest, (key, key.attachment))\n    worker.start()\n    selector.select(0.4)\n    turns(selector, 1)\n    worker.join()\n",
            ),
            (
                "SelectionKey.OP_READ | (SelectionKey.OP_WRITE if waits else 0)",
                "SelectionKey.OP_READ | (SelectionKey.OP_WRITE if waits else 0)  # here",
            ),
            ("TURNS, DONE = 1024", "TURNS, DONE = 1"),
        ),
    ),
    "an error is swallowed in a worker": Change(
        "T06",
        (
            ("def main():", "def work(line):\n    return 'Hello ' + line\n\n\ndef main():"),
            ('    session.outbox.put(b"Hello " + line + b"\\n")\n', "    pool.submit(work, line)  # here\n"),
            ("\n\nmain()\n", "\n\nwith ThreadPoolExecutor(1) as pool:\n    main()\n"),
        ),
    ),
    "registered in blocking mode": Change(
        "S07", (("        client.configure_blocking(False)\n", ""), ("Session())  # armed", "Session())  # here"))
    ),
}


def changed(change: Change) -> str:
    """The server with that mistake."""
    text = SOUND
    for old, new in change.pairs:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text
