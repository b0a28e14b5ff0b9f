"""Overview: what a reactor tells of itself."""

from __future__ import annotations

import logging

from nio.reactor.loop._admission import Admission
from nio.reactor.loop._agenda import Agenda
from nio.reactor.loop._connection_info import ConnectionInfo, ConnectionTable
from nio.reactor.loop._drain import Drain
from nio.reactor.loop._drain_record import DrainRecord
from nio.reactor.loop._event_handler import EventHandler
from nio.reactor.loop._progress import ReactorStatistics
from nio.reactor.loop._registry import LEAVING
from nio.reactor.loop._report import Report
from nio.reactor.loop._state import ReactorState


class Overview(Agenda):
    """The part of a reactor that is asked where it stands."""

    admission: Admission
    _drain: Drain
    report: Report

    def statistics(self) -> ReactorStatistics:
        """The counters since the reactor was opened."""
        return self.tally.statistics(len(self._timers) + len(self._due))

    def connections(self) -> tuple[ConnectionInfo, ...]:
        """What there is of connections, accepted and connected ones, in the order they came; printed, a table."""
        self.owner.check("connections")
        return ConnectionTable([self._described(handler) for handler in self._registry.connections()])

    def _described(self, handler: EventHandler) -> ConnectionInfo:
        try:
            return handler.describe()
        except LEAVING:
            raise
        except BaseException as error:  # which costs nobody the view of the others
            name = type(handler).__name__
            self.report("describe", logging.ERROR, "%s.describe raised", name, error=error)
            return ConnectionInfo(name, None, "unknown", 0, 0, 0.0, 0.0)

    @property
    def drain_report(self) -> tuple[DrainRecord, ...]:
        """The connections that the last drain has ended, in the order of their ends; the last 10 000 of them.

        Complete from the moment ``"drained"`` of ``on_stop`` on, and until the next drain begins.
        """
        return self._drain.report()

    @property
    def state(self) -> ReactorState:
        """Where it is between its opening and its close."""
        return self._state

    @property
    def max_connections(self) -> int:
        """How many connections there may be; above it accepting pauses."""
        return self.admission.limit

    def __repr__(self) -> str:
        state = self._state.name.lower()
        counts = f"connections={self.tally.open}, turns={self.tally.turns}"
        return f"Reactor({state}, provider={self.provider.name}, {counts})"
