"""A client that listens to channels: each channel is a Group, which its members leave by themselves when they end."""

from __future__ import annotations

from nio.reactor import CloseReason, Group, StreamHandler
from samples.resp_store.store import Store
from samples.resp_store.values import array, bulk, integer, told

CHANNELS = 128  # of a client
Words = list[bytes]


class Subscriber(StreamHandler):
    idle_timeout = None  # who listens says nothing

    def __init__(self, store: Store) -> None:
        self.store = store
        self.channels: dict[bytes, None] = {}
        self.several = False  # replies to one request

    def on_close(self, reason: CloseReason) -> None:
        for name in self.channels:
            self.store.tidy(name)

    def subscribe(self, words: Words) -> bytes:
        self.several = True
        return b"".join(map(self.listen, words[1:]))

    def listen(self, name: bytes) -> bytes:
        if len(self.channels) == CHANNELS and name not in self.channels:
            return told(f"ERR a client has {CHANNELS} channels at most")
        self.channels[name] = None
        self.store.channels.setdefault(name, Group()).join(self)
        return array(bulk(b"subscribe"), bulk(name), integer(len(self.channels)))

    def unsubscribe(self, words: Words) -> bytes:
        self.several = True
        names = words[1:] or list(self.channels)
        return b"".join(map(self.leave, names)) or self.leave(None)

    def leave(self, name: bytes | None) -> bytes:
        if name in self.channels:
            del self.channels[name]
            self.store.channels[name].leave(self)
            self.store.tidy(name)
        return array(bulk(b"unsubscribe"), bulk(name), integer(len(self.channels)))

    def publish(self, words: Words) -> bytes:
        listeners = self.store.channels.get(words[1], Group())
        listeners.broadcast(array(bulk(b"message"), bulk(words[1]), bulk(words[2])))
        return integer(len(listeners))
