"""Attachments whose connections have ended: do any of them go?"""

from __future__ import annotations

import gc
from collections import deque
from weakref import ref

from nio.doctor._facts import READ, WRITE, ChannelFacts
from nio.doctor._place import NOWHERE, Place
from nio.doctor._ward import Ward

_MANY = 512


class Departed:
    """The attachments of the last channels that were closed; P07 when every one of them is still there."""

    def __init__(self, ward: Ward) -> None:
        self._ward = ward
        self._last: deque[tuple[ref[object], Place]] = deque(maxlen=_MANY)
        self._since = 0

    def add(self, attachment: object, facts: ChannelFacts) -> None:
        """A registered channel is being closed."""
        try:
            one = ref(attachment)
        except TypeError:
            return  # None, or what cannot be watched
        self._last.append((one, facts.armed.get(READ, facts.armed.get(WRITE, NOWHERE))))
        self._since += 1
        if self._since >= _MANY and all(one() is not None for one, _ in tuple(self._last)):
            self._since = 0
            gc.collect()
            distinct = {id(one()) for one, _ in tuple(self._last)} - {id(None)}
            if len(distinct) == _MANY:
                text = f"The attachments of the last {_MANY} channels that were closed are all still there."
                self._ward.tell("P07", text, self._last[-1][1])
