"""P04: a deadline by the wall clock.

Symptom: when the clock is set, timers jump or sleep for hours.
Fix: time.monotonic() never jumps.
"""

import time

import nio

with nio.Selector.open() as selector:
    deadline = time.time() + 0.01
    while time.time() < deadline:
        selector.select(max(0.0, deadline - time.time()))  # the mistake
