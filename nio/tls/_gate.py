"""Gate: how many steps of handshakes one reactor takes in a turn.

A step of a handshake computes for up to a few milliseconds, a thousand times what a request of an established
connection costs. So the steps of a storm of new connections are spread over turns; each of these serves everybody else,
too. Whoever is not let in waits here, in order, and hears of it in a tick.
"""

from __future__ import annotations

from collections import deque
from typing import Protocol

from nio.reactor import Reactor


class Waiting(Protocol):
    """What waits for its step: a connection."""

    def carry_on(self) -> None: ...


class Gate:
    """For the reactor's thread."""

    __slots__ = ("_is_posted", "_left", "_most", "_reactor", "_turn", "_waiting")

    def __init__(self, reactor: Reactor, most: int) -> None:
        self._reactor = reactor
        self._most = self._left = most
        self._turn = -1
        self._waiting: deque[Waiting] = deque()
        self._is_posted = False

    def enter(self, connection: Waiting) -> bool:
        """True: take the step now. False: ``carry_on`` is called when its turn has come."""
        self._look_at_turn()
        if self._left and not self._waiting:
            self._left -= 1
            return True
        self._waiting.append(connection)
        self._post()
        return False

    def _look_at_turn(self) -> None:
        turn = self._reactor.tally.turns
        if turn != self._turn:
            self._turn, self._left = turn, self._most

    def _post(self) -> None:
        if not self._is_posted:
            self._is_posted = True
            self._reactor.post(self._let_in)

    def _let_in(self) -> None:
        self._is_posted = False
        self._look_at_turn()
        try:
            while self._waiting and self._left:
                self._left -= 1
                self._reactor.guarded(self._waiting.popleft().carry_on)
        finally:
            if self._waiting:
                self._post()
