"""The keys with their values, what expires when, and who listens to what; bounded in bytes."""

from __future__ import annotations

from nio.reactor import Group, StreamHandler, Timer

MEMORY, EACH = 256 << 20, 128  # bytes of keys and values, with so many more for each


class Store:
    """One for all clients, who are on one thread."""

    def __init__(self) -> None:
        self.values: dict[bytes, bytes] = {}
        self.timers: dict[bytes, Timer] = {}  # of the keys that expire
        self.channels: dict[bytes, Group[StreamHandler]] = {}
        self.memory = 0

    def put(self, key: bytes, value: bytes) -> None:
        old = self.values.get(key)
        memory = self.memory + len(value) + (len(key) + EACH if old is None else -len(old))
        if memory > MEMORY:
            raise ValueError("OOM command not allowed when used memory > 'maxmemory'.")
        self.values[key], self.memory = value, memory

    def drop(self, key: bytes) -> bool:
        self.keep(key)
        value = self.values.pop(key, None)
        if value is not None:
            self.memory -= len(key) + EACH + len(value)
        return value is not None

    def keep(self, key: bytes) -> None:
        """It does not expire."""
        if timer := self.timers.pop(key, None):
            timer.cancel()

    def tidy(self, name: bytes) -> None:
        """A channel to which nobody listens is none."""
        if not self.channels.get(name, True):
            del self.channels[name]
