"""P01: a selector that was opened before a fork is used in the child.

Symptom: ForkedSelectorError; with other libraries the parent hears of the child's channels.
Fix: open selectors, reactors and their channels after the fork.
"""

import os

import nio

with nio.Selector.open() as selector:
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            selector.select(0.01)  # the mistake
        finally:
            os.write(writer, b"!")
            os._exit(0)
    os.waitpid(pid, 0)
    os.close(reader)
    os.close(writer)
