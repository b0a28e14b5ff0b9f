"""ReactorGroup: Lea's last design: a main reactor accepts, sub reactors have the connections.

**The group is the main reactor.** It is used as a Reactor is: what is registered with it lives on the thread that calls
``run()``, and so do its ticks, timers and listeners. Only the connections that an Acceptor accepts go elsewhere: each
is dealt to a sub reactor, and from then on only that one's thread touches it. A handler sees the sub reactor as its
``reactor``; what it asks of the server (``stop``, ``statistics``) is the group's.

**Limits are the group's.** A connection takes its place when it is dealt, so no number of sub reactors exceeds
``max_connections``; ``per_peer`` of an Acceptor counts those of all, too. A number of workers, or an executor, is
shared by all.

**A sub reactor that dies** costs its own connections, and the log names it. Those that were dealt to it and had no
handler yet go to another one. When none is left, ``run()`` raises.

**The end.** ``stop(drain)`` drains the listeners first, so that what they still accept is dealt, then every sub
reactor. The main reactor turns until the last of them has ended, so that signals and timers work meanwhile. A thread
that does not come back out of a handler is named in the log and left behind: it is a daemon.
"""

from __future__ import annotations

import enum
import logging
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Self

from nio._numbers import check_count
from nio._strict import strict_class
from nio.channels import SocketChannel
from nio.errors import IllegalArgumentError, IllegalStateError, WorkersLostError
from nio.reactor.groups._shared import GroupAdmission, OwnPlaces, total
from nio.reactor.groups._sub_reactor import Admit, SubReactor
from nio.reactor.loop._admission import Admission
from nio.reactor.loop._checks import check_callable
from nio.reactor.loop._connection_info import ConnectionInfo, ConnectionTable
from nio.reactor.loop._drain_record import DrainRecord
from nio.reactor.loop._hand_off import Workers
from nio.reactor.loop._progress import Progress, ReactorStatistics
from nio.reactor.loop._reactor import Reactor
from nio.reactor.loop._registry import LEAVING
from nio.reactor.loop._state import ReactorState
from nio.reactor.loop._timers import Timer
from nio.spi import SelectorProvider

_MOMENT = 1_000_000_000  # nanoseconds for all to say what connections they have
_PATIENCE = 5.0  # seconds for a sub reactor's thread to end


class Balance(enum.Enum):
    """Which sub reactor gets the next connection."""

    ROUND_ROBIN = "the next one"
    LEAST_CONNECTIONS = "the one that has the fewest"


class ReactorGroup(Reactor):
    """Several reactors as one: this one accepts, ``reactors`` others, each in a thread, have the connections.

    ``reactors`` is their number, as many as there are processors unless told otherwise. ``balance`` says who gets the
    next connection. The other arguments are those of :class:`~nio.reactor.Reactor`, and hold for all together; only a
    function that makes executors is called once for each reactor.

    Concurrency: as a Reactor. The threads of the sub reactors begin with the first ``run()``.
    """

    def __init__(
        self,
        *,
        reactors: int | None = None,
        workers: int | Workers = 0,
        max_connections: int | None = None,
        balance: Balance = Balance.ROUND_ROBIN,
        provider: SelectorProvider | None = None,
    ) -> None:
        if not isinstance(balance, Balance):
            raise IllegalArgumentError(f"balance is Balance.ROUND_ROBIN or LEAST_CONNECTIONS, not {balance!r:.60}")
        if reactors is not None:
            check_count("reactors", reactors, 1)
        self._balance = balance
        self._subs: list[SubReactor] = []
        self._next = 0
        self._latest: Timer | None = None  # when a drain that does not end is given up
        super().__init__(workers=workers, max_connections=max_connections, provider=provider)
        self.admission: GroupAdmission = self._shared
        shared: int | Workers = 0
        if self.hand_off is not None:
            is_factory = callable(workers) and not isinstance(workers, Executor)
            shared = workers if is_factory else self.hand_off.executor or 0
        try:
            for number in range(1, 1 + (self.provider.cpu_count() if reactors is None else reactors)):
                self._subs.append(SubReactor(self, f"reactor-{number}", shared))
        except BaseException:
            self.close()
            raise

    @classmethod
    def open(
        cls,
        *,
        reactors: int | None = None,
        workers: int | Workers = 0,
        max_connections: int | None = None,
        balance: Balance = Balance.ROUND_ROBIN,
        provider: SelectorProvider | None = None,
        strict: bool = False,
    ) -> Self:
        """A group that has not run yet; ``strict`` is that of ``Reactor.open``, the rest the arguments of the class."""
        kind: type[Self] = strict_class(cls) if strict else cls
        return kind(
            reactors=reactors, workers=workers, max_connections=max_connections, balance=balance, provider=provider
        )

    # for users

    def turn(self, timeout: float | None = None) -> Progress:
        """One pass of the main reactor; the sub reactors run by themselves."""
        self._start()
        return super().turn(timeout)

    def run(self) -> None:
        """Turn until ``stop()`` and until every sub reactor has ended.

        As ``Reactor.run()``; a KeyboardInterrupt or SystemExit out of a handler leaves it, wherever the handler runs.
        The other sub reactors serve on meanwhile, until ``run()`` is called again, or ``close()``. IllegalStateError
        when every sub reactor has died.
        """
        self._start()
        try:
            super().run()
        except LEAVING:
            raise
        except BaseException:
            self._end_subs()
            raise
        self._end_subs()

    def on_error(self, fn: Callable[[BaseException, str], object] | None) -> None:
        """As ``Reactor.on_error``, for all reactors: ``fn`` is called in the thread of the one where it happened."""
        super().on_error(fn)
        for sub in self._subs:
            sub.hear_errors(fn)

    def when_all_turn(self, fn: Callable[..., object], /, *args: object) -> None:
        """Call ``fn(*args)`` on the main reactor's thread as soon as every sub reactor has come to its ticks.

        Not while one of them is stuck in a handler: so a watchdog knows that the whole group lives.
        """
        check_callable("when_all_turn", fn)
        self.owner.check("when_all_turn")
        running = [sub for sub in self._subs if sub.is_running]
        missing = len(running)

        def turned() -> None:
            nonlocal missing
            missing -= 1
            if not missing:
                fn(*args)

        for sub in running:
            sub.post(self.post, turned)

    def close(self) -> None:
        """Close every connection and all selectors; again is nothing."""
        if self._state is ReactorState.CLOSED:
            return
        self._check_close()
        if not self._selector.is_forked:  # else their threads are the parent's
            self._end_subs()
        for sub in self._subs:
            if not sub.is_running:
                self.guarded(sub.bury)
        super().close()

    def statistics(self) -> ReactorStatistics:
        """The counters of all reactors, added up."""
        return total((super().statistics(), *self.each_statistics()))

    def connections(self) -> tuple[ConnectionInfo, ...]:
        """As a reactor's, by sub reactors; without those of one that is busy for more than a second."""
        waits = [sub.begin_telling() for sub in self._subs if not sub.is_dead]
        until = self.provider.clock() + _MOMENT
        return ConnectionTable((*super().connections(), *(info for wait in waits for info in wait(until))))

    @property
    def drain_report(self) -> tuple[DrainRecord, ...]:
        """The connections that the last drain has ended, by sub reactors; complete when none of them runs any more."""
        return (*super().drain_report, *(record for sub in self._subs for record in sub.drain_report))

    def each_statistics(self) -> tuple[ReactorStatistics, ...]:
        """The counters of each sub reactor; from any thread."""
        return tuple(sub.own_statistics() for sub in self._subs)

    def __repr__(self) -> str:
        state = self._state.name.lower()
        loads = ", ".join("dead" if sub.is_dead else str(sub.load) for sub in self._subs)
        return f"ReactorGroup({state}, provider={self.provider.name}, connections=[{loads}])"

    # for acceptors and sub reactors

    def deal(self, admit: Admit, channel: SocketChannel) -> None:
        """Let a sub reactor call ``admit(sub, channel)`` on its thread."""
        self._spins.idle = 0  # this turn does something, although none of its own counters tells
        sub = self._chosen()
        if sub is None:
            self.admission.peers.leave(channel)
            channel.close()
            return
        sub.dealt += 1
        sub.post(sub.arrive, admit, channel)

    def sub_ended(self, sub: SubReactor, run: int, error: BaseException | None) -> None:
        """As a tick: the thread of a sub reactor is at its end."""
        if run != sub.run_number:
            return
        sub.join(_PATIENCE)
        if isinstance(error, LEAVING):
            raise error
        if isinstance(error, WorkersLostError):
            self.fail(error)
        elif not sub.is_dead and self._state is ReactorState.OPEN:
            self._died(sub, error)
        self._drained()

    # parts

    def _chosen(self) -> SubReactor | None:
        """Round robin begins behind the one that had its turn last; a tie of the fewest goes by the same order."""
        able = []
        for sub in (*self._subs[self._next :], *self._subs[: self._next]):
            if sub.is_running:
                able.append(sub)
            elif sub.thread is not None and not sub.is_dead and self._state is ReactorState.OPEN:
                self.sub_ended(sub, sub.run_number, None)  # it ended without a word
        if not able or self._state is ReactorState.CLOSED:
            return None
        chosen = able[0] if self._balance is Balance.ROUND_ROBIN else min(able, key=_load)
        self._next = (self._subs.index(chosen) + 1) % len(self._subs)
        return chosen

    def _died(self, sub: SubReactor, error: BaseException | None) -> None:
        sub.bury()
        left = sum(not other.is_dead for other in self._subs)
        message = "%s has died, and with it its connections, %d; %d of %d serve on"
        self.report("died", logging.CRITICAL, message, sub.name, sub.cost, left, len(self._subs), error=error)
        if not left:
            failure = IllegalStateError(f"every sub reactor has died, the last of them was {sub.name}")
            failure.__cause__ = error
            self.fail(failure)

    def _start(self) -> None:
        """Start whoever does not run and has not died."""
        if self._state is ReactorState.OPEN:
            for sub in self._subs:
                if not sub.is_running and not sub.is_dead:
                    sub.start()

    def _end_subs(self) -> None:
        """Have every thread end; name those that do not."""
        for sub in self._subs:
            if sub.is_running:
                sub.end()
        end = self.provider.clock() + int(_PATIENCE * 1e9)
        for sub in self._subs:
            sub.join(max(0.0, (end - self.provider.clock()) / 1e9))
            sub.run_number += 1  # this end is no news
        stuck = ", ".join(sub.name for sub in self._subs if sub.is_running)
        if stuck:
            self.report("stuck", logging.WARNING, "still busy after %s s, left behind: %s", _PATIENCE, stuck)

    def _begin_drain(self, seconds: float, runs: int) -> None:
        is_first = self._state is ReactorState.OPEN
        super()._begin_drain(seconds, runs)
        if is_first and self._state is ReactorState.DRAINING:
            self._latest = self.call_later(seconds + _PATIENCE, self.stop)
            for sub in self._subs:
                if sub.is_running:
                    sub.end(seconds)

    def _drained(self) -> None:
        if not any(sub.is_running for sub in self._subs):
            super()._drained()

    def _reopen(self) -> None:
        super()._reopen()
        if self._latest is not None:
            self._latest.cancel()
            self._latest = None

    def _places(self, wanted: int | None) -> Admission:
        self._shared = GroupAdmission(wanted, self.provider, self._taken)
        self._own = OwnPlaces(self._shared)
        return self._own

    def _taken(self) -> int:
        return self._own.taken + sum(map(_load, self._subs))


def _load(sub: SubReactor) -> int:
    return sub.load
