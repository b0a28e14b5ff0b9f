"""Undertakings: what goes on in a reactor without a key, and must hear of the reactor's end all the same.

A connect that waits for a name or for its next attempt has no channel yet. The registry of handlers does not know it.
"""

from __future__ import annotations

from typing import Protocol

from nio.reactor.loop._close_reason import CloseReason
from nio.reactor.loop._registry import Guarded, each
from nio.reactor.loop._resolver import Resolver


class Undertaking(Protocol):
    """What is under way; ``end`` leaves the list."""

    def end(self, reason: CloseReason) -> None: ...


class Undertakings:
    """The undertakings of one reactor; for its thread."""

    __slots__ = ("_all", "_guarded", "_reason", "resolver")

    def __init__(self, guarded: Guarded, resolver: Resolver) -> None:
        self.resolver: Resolver = resolver
        self._all: dict[Undertaking, None] = {}
        self._guarded = guarded
        self._reason: CloseReason | None = None

    @property
    def reason(self) -> CloseReason | None:
        """Why nothing can be begun any more: the reactor is stopping or closed. None while it goes on."""
        return self._reason

    def add(self, undertaking: Undertaking) -> None:
        """It is told of the end from now on."""
        self._all[undertaking] = None

    def discard(self, undertaking: Undertaking) -> None:
        """It has ended."""
        self._all.pop(undertaking, None)

    def end_all(self, reason: CloseReason) -> None:
        """End each of them, and all that would be added."""
        self._reason = reason
        each(tuple(self._all), lambda undertaking: self._guarded(undertaking.end, reason))

    def reopen(self) -> None:
        """The loop has stopped and may run again."""
        self._reason = None

    def close(self) -> None:
        """The end of the reactor."""
        self.resolver.close()
        self.end_all(CloseReason.LOCAL)
