"""Clients that the page plays: they connect to the server that is observed, on the page's own reactor.

``connect``, ``send`` (a line), ``split`` (a line in two parts, a third of a second apart), ``fin``, ``rst``,
``slow-reader`` (asks a lot and reads nothing) and ``20`` (twenty clients that ask at once). The last client that was
connected is the one that sends and ends.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from nio.reactor import CloseReason, Connection, Reactor, Timer

MOST = 200  # clients at a time
_ASKED_AT_ONCE = 128 * 1024  # bytes of what a slow reader asks, twenty times a second while the server takes it
_LINE = 128  # bytes
_PAUSE = 0.3  # seconds between the parts of a line


class Puppet(Connection):
    """A client that reads what comes and forgets it."""

    __slots__ = ("_all", "_deaf", "_first", "_timer")

    idle_timeout = None
    half_open = True
    max_output = 4 * 1024 * 1024

    def __init__(self, everybody: deque[Puppet], first: tuple[bytes, ...] = (), *, deaf: bool = False) -> None:
        self._all = everybody
        self._first = first
        self._deaf = deaf
        self._timer: Timer | None = None

    def on_open(self) -> None:
        self._all.append(self)
        if self._deaf:
            self.suspend()
            channel: Any = self.channel
            channel.set_option("SO_RCVBUF", 4096)
            self._timer = self.reactor.call_every(0.05, self._ask_on)
        self.say(*self._first)

    def handle_data(self, data: bytes) -> None:
        """It is the server that is looked at."""

    def on_close(self, reason: CloseReason) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self in self._all:
            self._all.remove(self)

    def say(self, *parts: bytes) -> None:
        """Send the parts, with a pause between them."""
        for number, part in enumerate(parts):
            self.reactor.call_later(number * _PAUSE, self.write, part)

    def _ask_on(self) -> None:
        if self.unsent < _ASKED_AT_ONCE:
            line = self._first[0].strip()[:_LINE].ljust(_LINE, b".") + b"\n"
            self.write(line * (_ASKED_AT_ONCE // _LINE))

    def reset(self) -> None:
        """End without a goodbye."""
        channel: Any = self.channel
        channel.set_option("SO_LINGER", 0)
        self.close()


class Injector:
    """All clients of one page."""

    def __init__(self, reactor: Reactor) -> None:
        self._reactor = reactor
        self.clients: deque[Puppet] = deque()

    def do(self, what: str, address: object, text: bytes) -> str:
        """Do one of the things above; empty, or why it cannot be done."""
        if what not in ("connect", "send", "split", "fin", "rst", "slow-reader", "20"):
            return f"there is no {what!r:.40} to inject"
        if what in ("fin", "rst"):
            return self._end(what)
        half = len(text) // 2
        parts = (text[:half], text[half:]) if what == "split" else (text,)
        if what in ("send", "split") and self.clients:
            self.clients[-1].say(*parts)
            return ""
        if len(self.clients) >= MOST:
            return f"{MOST} clients are enough"
        deaf = what == "slow-reader"
        first = () if what == "connect" else parts
        for _ in range(20 if what == "20" else 1):
            puppet = Puppet(self.clients, first, deaf=deaf)
            self._reactor.connect(address, puppet)  # type: ignore[arg-type]
        return ""

    def _end(self, what: str) -> str:
        if not self.clients:
            return "no client is connected"
        last = self.clients[-1]
        if what == "rst":
            last.reset()
        else:
            last.end_output()
        return ""

    def close(self) -> None:
        """End all of them."""
        for client in tuple(self.clients):
            client.close()
