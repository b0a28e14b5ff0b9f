"""S19: the selector is woken once a message.

Symptom: wake-ups cost more than the work.
Fix: one wakeup() is enough until the selector has turned: wake when the queue was empty.
"""

from collections import deque

import nio

with nio.Selector.open() as selector:
    messages = deque()
    for _ in range(128):
        for number in range(32):
            messages.append(number)
            selector.wakeup()  # the mistake
        selector.select(1.0)
        messages.clear()
