"""Spins: turns that the kernel ends at once and that move nothing.

Readiness is level-triggered: what nobody takes away is reported again at once, and burns a processor without a word.
After 512 such turns in a row the keys that were ready are logged, and left out for a second, so that the others have
the processor. Only a handler that reports all its bytes can be told from one that works in silence.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Protocol

from nio.channels import SelectionKey, Selector
from nio.errors import CancelledKeyError
from nio.reactor.loop._progress import Tally
from nio.reactor.loop._report import Report

_CONNECT = int(SelectionKey.OP_CONNECT)
_MANY = 512  # turns in a row
_LEFT_OUT = 1.0  # seconds


class Suspect(Protocol):
    """What is asked of a handler."""

    @property
    def reports_bytes(self) -> bool: ...


class SpinWatch:
    """Counts the idle turns of one reactor."""

    __slots__ = ("_call_later", "_handler_of", "_report", "_seen", "_selector", "_tally", "connections", "idle")

    def __init__(
        self,
        selector: Selector,
        handler_of: Callable[[SelectionKey], Suspect | None],
        tally: Tally,
        report: Report,
        call_later: Callable[[float, Callable[[], None]], object],
    ) -> None:
        self._selector = selector
        self._handler_of = handler_of
        self._tally = tally
        self._report = report
        self._call_later = call_later
        self.idle = 0  # turns in a row
        self.connections = 0  # that there were when a turn which has read nothing was last looked at
        self._seen = (0, 0, 0, 0)  # when it was last asked

    def idle_turn(self) -> None:
        """A turn was woken by the kernel, and has read and accepted nothing: has anything else moved since the last?

        To refuse a connection is something.
        """
        tally, seen = self._tally, self._seen
        self._seen = (tally.bytes_out, tally.connections, tally.open, tally.refused)
        if seen != self._seen:
            self.idle = 0
            return
        self.idle += 1
        if self.idle == _MANY:
            ready: list[SelectionKey] = []
            self._selector.select_now(ready.append)
            blamed = self._left_on() if self._selector.stale_events else []
            blamed += [key for key in ready if (handler := self._handler_of(key)) and handler.reports_bytes]
            if blamed:
                self._tally.spins += 1
                self._report("spin", logging.WARNING, "%d turns without progress; ready: %.500r", _MANY, blamed)
                for key in blamed:
                    self._leave_out(key)
                self.idle = 0

    def _left_on(self) -> list[SelectionKey]:
        """The keys that wait for a connection which is there: the kernel reports them, and nobody hears of it."""
        return [
            key
            for key in self._selector.keys
            if key.is_valid and key.interest_ops & _CONNECT and getattr(key.channel, "is_connected", False)
        ]

    def _leave_out(self, key: SelectionKey) -> None:
        ops = key.interest_ops
        key.interest_ops = 0

        def take_back() -> None:
            try:
                if not key.interest_ops:
                    key.interest_ops = ops
            except CancelledKeyError:
                pass  # it has ended meanwhile

        self._call_later(_LEFT_OUT, take_back)
